// A slot of a slot_ring, as the operation at one position sees it.
#pragma once

#include <cstddef>

#include <kew/config.hpp>
#include <kew/detail/machine/sync.hpp>
#include <kew/detail/ring/slot_group.hpp>
#include <kew/detail/ring/slot_positions.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// Found once for all that a call does with its slot.
template <class T, class Positions, slot_operation Which>
class slot_view {
  using index_type = typename Positions::index_type;

 public:
  slot_view(slot_group<T>* groups, const Positions& positions, index_type position) noexcept
      : group_(reinterpret_cast<slot_group<T>*>(reinterpret_cast<std::byte*>(groups) +
                                                positions.group_offset(position, sizeof(slot_group<T>)))),
        place_(Positions::place(position)),
        ready_(Positions::state_of(position)) {}
  /// Where the group is known.
  slot_view(slot_group<T>* group, index_type position) noexcept
      : group_(group), place_(Positions::place(position)), ready_(Positions::state_of(position)) {}

  /// The same slot, of the same position; see side_counter::claim.
  slot_view at(index_type position) const noexcept {
    slot_view here = *this;
    here.ready_ = Positions::state_of(position);
    return here;
  }

  slot_group<T>* group() const noexcept { return group_; }
  T* element() const noexcept { return group_->element(place_); }
  atomic<slot_state>& state() const noexcept { return group_->state(place_); }
  /// Of the slot before, where that is in the same group, and so in the same lap.
  atomic<slot_state>& state_before() const noexcept { return group_->state(place_ - 1); }
  /// Of another slot of the group.
  atomic<slot_state>& state_of(std::size_t place) const noexcept { return group_->state(place); }
  bool is_at(std::size_t place) const noexcept { return place_ == place; }
  bool is_first_in_group() const noexcept { return is_at(0); }
  bool is_last_in_group() const noexcept { return group_->is_last(place_); }

  /// What the state is while the slot waits for this operation, and while that is under way: free, or filled.
  slot_state ready() const noexcept { return ready_; }
  /// … while a later operation of this side has finished, and this one is under way.
  slot_state overtaken() const noexcept { return static_cast<slot_state>(ready_ | Positions::overtaken); }
  /// … when this operation has finished: filled, or free for the next lap.
  slot_state done() const noexcept {
    constexpr slot_state step =
        Which == slot_operation::push ? Positions::filled : Positions::one_lap - Positions::filled;
    return Positions::state_of(static_cast<index_type>(ready_ + step));
  }
  /// … while the operation of the other side is still to come that this one needs: since this side was here a lap ago.
  slot_state not_ready() const noexcept {
    return Positions::state_of(static_cast<index_type>(done() - Positions::one_lap));
  }

 private:
  slot_group<T>* group_;
  std::size_t place_;
  slot_state ready_;
};

}}}  // namespace kew::KEW_NAMESPACE::detail
