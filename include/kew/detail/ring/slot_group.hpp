// Slots that share a cache line: the elements first, then a state of one byte for each.
//
// Lines that move from core to core are what limits a stream, so a line carries as many elements as it can: seven of 8
// bytes, where a word of state beside each left room for four.
#pragma once

#include <bit>
#include <cstddef>
#include <memory>

#include <kew/config.hpp>
#include <kew/detail/machine/cache_line.hpp>
#include <kew/detail/machine/min_max.hpp>
#include <kew/detail/machine/sync.hpp>
#include <kew/detail/machine/tuning.hpp>
#include <kew/detail/ring/slot_positions.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// How many slots make a group: what fits into a line, or one.
template <class T>
inline constexpr std::size_t group_size =
    max<std::size_t>(1, min(tuning::most_slots_in_a_line, cache_line / (sizeof(T) + sizeof(atomic<slot_state>))));

template <class T>
class alignas(max(alignof(T), min(cache_line, std::bit_ceil(group_size<T> * (sizeof(T) + sizeof(atomic<slot_state>))))))
    slot_group {
 public:
  explicit slot_group(slot_state first) noexcept {
    for (atomic<slot_state>& each : states_) each.store(first, relaxed);
  }
  ~slot_group() {}

  T* element(std::size_t place) noexcept { return std::addressof(elements_[place]); }
  atomic<slot_state>& state(std::size_t place) noexcept { return states_[place]; }

 private:
  union {
    T elements_[group_size<T>];
  };
  atomic<slot_state> states_[group_size<T>];
};

}}}  // namespace kew::KEW_NAMESPACE::detail
