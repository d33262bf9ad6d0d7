// A slot of a slot_ring, as the operation at one position sees it.
#pragma once

#include <cstddef>

#include <kew/config.hpp>
#include <kew/detail/machine/sync.hpp>
#include <kew/detail/ring/slot_group.hpp>
#include <kew/detail/ring/slot_positions.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// Found once for all that a call does with its slot.
template <class T, class Positions>
class slot_view {
  using index_type = typename Positions::index_type;

 public:
  slot_view(slot_group<T>* groups, const Positions& positions, index_type position) noexcept
      : index_(positions.index(position)),
        place_(Positions::place(position)),
        group_(groups + Positions::group(index_)),
        free_(positions.free_at(position)),
        states_(positions.states()) {}
  /// Once more, from what was known of it before.
  slot_view(slot_group<T>* group, slot_state free, const Positions& positions, index_type position) noexcept
      : index_(positions.index(position)),
        place_(Positions::place(position)),
        group_(group),
        free_(free),
        states_(positions.states()) {}

  slot_group<T>* group() const noexcept { return group_; }
  T* element() const noexcept { return group_->element(place_); }
  atomic<slot_state>& state() const noexcept { return group_->state(place_); }
  /// Of the slot before, where that is in the same group, and so in the same lap.
  atomic<slot_state>& state_before() const noexcept { return group_->state(place_ - 1); }
  bool is_first_in_group() const noexcept { return place_ == 0; }
  /// Of all slots.
  index_type index() const noexcept { return index_; }

  /// What the state is while the slot waits for the push at this position.
  slot_state free() const noexcept { return free_; }
  /// … while it waits for the pop at this position.
  slot_state filled() const noexcept { return static_cast<slot_state>(free_ | Positions::filled); }
  /// … after that pop.
  slot_state freed() const noexcept { return state_of(free_ + Positions::one_lap); }
  /// … before that push, while it waits for the pop one lap before.
  slot_state full() const noexcept { return state_of(filled() - Positions::one_lap); }

 private:
  slot_state state_of(int sum) const noexcept {
    if constexpr (Positions::all_states)
      return static_cast<slot_state>(sum);
    else
      return static_cast<slot_state>(sum & states_);
  }

  index_type index_;
  std::size_t place_;
  slot_group<T>* group_;
  slot_state free_;
  slot_state states_;
};

}}}  // namespace kew::KEW_NAMESPACE::detail
