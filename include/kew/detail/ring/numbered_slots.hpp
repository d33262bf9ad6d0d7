// Slots that carry a number beside their element, so that the line that brings the element also says that it is there.
//
// Source     the slot's own state that FastForward publishes by (J. Giacomoni et al., PPoPP 2008), a number instead of
//            a null value, as in D. Vyukov's bounded queue.
#pragma once

#include <bit>
#include <cstddef>
#include <memory>
#include <type_traits>

#include <kew/config.hpp>
#include <kew/detail/machine/cache_line.hpp>
#include <kew/detail/machine/min_max.hpp>
#include <kew/detail/machine/sync.hpp>
#include <kew/detail/machine/tuning.hpp>
#include <kew/detail/ring/slots.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// How the consumer of a ring with one producer learns of an element.
enum class publication {
  by_slot,  ///< from the number beside it: no line crosses from core to core but the element's own
  by_count  ///< from the count of all that were pushed: a line more crosses, and the slots hold elements and nothing else
};

/// By slot where that is cheap: an element that is not much smaller than its number, nor so large that a line more does
/// not matter; and that can be moved into the array where try_peek shows it, without a throw that no caller could be told
/// of.
template <class T>
inline constexpr publication publication_of =
    std::is_nothrow_move_constructible_v<T> && sizeof(T) >= tuning::smallest_by_slot &&
            sizeof(T) <= tuning::largest_by_slot
        ? publication::by_slot
        : publication::by_count;

/// Whether several slots of such elements lie in a line. No slot straddles one that it could lie in.
template <class T>
inline constexpr bool shares_a_line = sizeof(T) <= tuning::largest_sharing_a_line;

template <class T, class Index>
struct alignas(max(alignof(T),
                   shares_a_line<T> ? std::bit_ceil(sizeof(T) + sizeof(Index)) : cache_line)) numbered_slot {
  explicit numbered_slot(Index before) noexcept : number(before) {}
  ~numbered_slot() {}

  union {
    T value;
  };
  atomic<Index> number;
};

/// A ring's numbered slots; those of a ring that publishes by count take no room.
template <publication Way, class T, std::size_t Capacity, class Allocator, class Index, std::size_t Most>
class numbered_slots {
 public:
  template <class Number, class... A>
  explicit numbered_slots(std::size_t, const Number&, const A&...) noexcept {}

  static numbered_slot<T, Index>* data() noexcept { return nullptr; }
};

template <class T, std::size_t Capacity, class Allocator, class Index, std::size_t Most>
class numbered_slots<publication::by_slot, T, Capacity, Allocator, Index, Most> {
 public:
  using slot = numbered_slot<T, Index>;

  /// `number(i)` is what the i-th says first; `room` is what the ring's constructor takes.
  template <class Number, class... A>
  explicit numbered_slots(std::size_t capacity, const Number& number, const A&... room)
      : slots_(room...), capacity_(capacity) {
    for (std::size_t i = 0; i < capacity; ++i) std::construct_at(data() + i, number(i));
  }
  numbered_slots(const numbered_slots&) = delete;
  numbered_slots& operator=(const numbered_slots&) = delete;
  ~numbered_slots() {
    if constexpr (!std::is_trivially_destructible_v<atomic<Index>>) std::destroy_n(data(), capacity_);
  }

  slot* data() noexcept { return slots_.data(); }

 private:
  slots<slot, Capacity, Allocator, Most> slots_;
  std::size_t capacity_;
};

}}}  // namespace kew::KEW_NAMESPACE::detail
