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

/// No slot straddles a line that it could lie in. A larger one begins with a line, unless half as many lines again would be
/// filled that way: then slots lie close together. 64-byte elements 72 bytes apart instead of 128: 1.5 times the stream at
/// capacity 1024 (147 M/s instead of 94), 1.2 to 1.4 times at 65536; median latency at 10 million messages a second 240 ns
/// instead of 560 to 1,170; there and back 1.03 to 1.14 times as long. 128-byte ones, 136 apart instead of 192: 0.8 to 1.0
/// times the stream at 1024, 1.4 to 1.6 times at 65536, 1.0 times there and back.
constexpr std::size_t slot_alignment(std::size_t bytes, std::size_t least) noexcept {
  if (bytes <= cache_line) return max(least, std::bit_ceil(bytes));
  const std::size_t lines = (bytes + cache_line - 1) / cache_line;
  return 2 * lines * cache_line < 3 * bytes ? max(least, cache_line) : least;
}

template <class T, class Index>
struct alignas(slot_alignment(sizeof(T) + sizeof(Index), max(alignof(T), alignof(atomic<Index>)))) numbered_slot {
  explicit numbered_slot(Index before) noexcept : number(before) {}
  ~numbered_slot() {}

  union {
    T value;
    Index batch_end;  // of the batch that the number says begins here: the position after it
  };
  atomic<Index> number;
};

/// How many numbered slots a ring has beside its capacity. With them the slots that a producer fills in a full ring are not
/// in the lines of those that the consumer is about to empty, nor in those that come across with them.
template <class Slot>
constexpr std::size_t spare_slots(std::size_t capacity) noexcept {
  return min(capacity / tuning::elements_per_spare_slot, tuning::spare_bytes / sizeof(Slot));
}

/// A ring's numbered slots, one after the other and round again; those of a ring that publishes by count take no room.
template <publication Way, class T, std::size_t Capacity, class Allocator, class Index, std::size_t Most>
class numbered_slots {
 public:
  template <class Number, class... A>
  explicit numbered_slots(const Number&, const A&...) noexcept {}

  static numbered_slot<T, Index>* data() noexcept { return nullptr; }
};

template <class T, std::size_t Capacity, class Allocator, class Index, std::size_t Most>
class numbered_slots<publication::by_slot, T, Capacity, Allocator, Index, Most> {
 public:
  using slot = numbered_slot<T, Index>;

  /// `number(i)` is what the i-th says first.
  template <class Number>
  explicit numbered_slots(const Number& number) {
    number_all(number);
  }
  template <class Number>
  explicit numbered_slots(const Number& number, std::size_t capacity, const Allocator& allocator)
      : slots_(capacity, allocator, spare_slots<slot>(capacity)) {
    number_all(number);
  }
  numbered_slots(const numbered_slots&) = delete;
  numbered_slots& operator=(const numbered_slots&) = delete;
  ~numbered_slots() {
    if constexpr (!std::is_trivially_destructible_v<atomic<Index>>) std::destroy(data(), end());
  }

  slot* data() noexcept { return slots_.data(); }
  slot* end() const noexcept { return end_; }

  slot* before(slot* one) noexcept { return (one != data() ? one : end()) - 1; }
  slot* after(slot* one) noexcept { return one + 1 != end() ? one + 1 : data(); }
  slot* after(slot* one, std::size_t n) noexcept {
    const auto to_end = static_cast<std::size_t>(end() - one);
    return n < to_end ? one + n : data() + (n - to_end);
  }

 private:
  template <class Number>
  void number_all(const Number& number) {
    for (std::size_t i = 0; i < slots_.size(); ++i) std::construct_at(data() + i, number(i));
  }

  static constexpr std::size_t all = Capacity == dynamic_capacity ? Capacity : Capacity + spare_slots<slot>(Capacity);

  slots<slot, all, Allocator, 2 * Most> slots_;
  slot* end_ = data() + slots_.size();
};

}}}  // namespace kew::KEW_NAMESPACE::detail
