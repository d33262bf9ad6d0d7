// Slots that share a cache line: the elements first, then a state of one byte for each.
//
// Lines that move from core to core are what limits a stream, so a line carries as many elements as it can: seven of 8
// bytes, where a word of state beside each left room for four.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>

#include <kew/config.hpp>
#include <kew/detail/machine/cache_line.hpp>
#include <kew/detail/machine/min_max.hpp>
#include <kew/detail/machine/sync.hpp>
#include <kew/detail/machine/tuning.hpp>
#include <kew/detail/ring/slot_positions.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// How many slots make a group: what fits into a line beside a byte that counts them, or one.
template <class T>
inline constexpr std::size_t group_size =
    max<std::size_t>(1, min(tuning::most_slots_in_a_line, (cache_line - 1) / (sizeof(T) + sizeof(atomic<slot_state>))));

/// Which place in a group is the last: only in the group at the end of the ring may it be an earlier one. In the group's
/// line, which a call has anyway, so that it need not ask for the end of the ring, too.
template <std::size_t Size>
class last_place {
 public:
  explicit last_place(std::size_t slots) noexcept : last_(static_cast<std::uint8_t>(slots - 1)) {}
  bool is(std::size_t place) const noexcept { return place == last_; }

 private:
  std::uint8_t last_;
};
template <>
class last_place<1> {
 public:
  explicit last_place(std::size_t) noexcept {}
  static constexpr bool is(std::size_t) noexcept { return true; }
};

template <class T>
class alignas(max(alignof(T), min(cache_line, std::bit_ceil(group_size<T> * (sizeof(T) + sizeof(atomic<slot_state>)) +
                                                            (group_size<T> > 1 ? 1 : 0))))) slot_group {
 public:
  /// Slots that are beyond the end of the ring are `absent` for ever.
  slot_group(slot_state first, std::size_t slots, slot_state absent) noexcept : last_(slots) {
    for (atomic<slot_state>& each : states_) {
      each.store(slots > 0 ? first : absent, relaxed);
      if (slots > 0) --slots;
    }
  }
  ~slot_group() {}

  T* element(std::size_t place) noexcept { return std::addressof(elements_[place]); }
  atomic<slot_state>& state(std::size_t place) noexcept { return states_[place]; }
  bool is_last(std::size_t place) const noexcept { return last_.is(place); }

 private:
  union {
    T elements_[group_size<T>];
  };
  atomic<slot_state> states_[group_size<T>];
  [[no_unique_address]] last_place<group_size<T>> last_;
};

}}}  // namespace kew::KEW_NAMESPACE::detail
