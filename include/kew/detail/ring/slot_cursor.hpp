// Walks from slot to slot of a slot_ring.
#pragma once

#include <cstddef>

#include <kew/config.hpp>
#include <kew/detail/machine/sync.hpp>
#include <kew/detail/ring/slot_group.hpp>
#include <kew/detail/ring/slot_positions.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// Without asking the ring at each step: the compiler cannot know that the elements that are written on the way are no
/// part of it.
template <class T, class Positions, class Index>
class slot_cursor {
 public:
  slot_cursor(slot_group<T>* groups, const Positions& positions, Index position) noexcept
      : groups_(groups), positions_(positions), position_(position) {}

  slot_cursor& operator++() noexcept {
    position_ = positions_.next(position_);
    return *this;
  }

  Index position() const noexcept { return position_; }
  bool is_first_in_group() const noexcept { return Positions::place(position_) == 0; }
  /// Of the slot before, where that is in the same group, and so in the same lap.
  atomic<slot_state>& state_before() const noexcept { return group().state(Positions::place(position_) - 1); }

  T* element() const noexcept { return group().element(Positions::place(position_)); }
  atomic<slot_state>& state() const noexcept { return group().state(Positions::place(position_)); }

  slot_state free() const noexcept { return positions_.free_at(position_); }
  slot_state filled() const noexcept { return positions_.filled_at(position_); }
  slot_state freed() const noexcept { return positions_.freed_at(position_); }

 private:
  slot_group<T>& group() const noexcept { return groups_[positions_.group(position_)]; }

  slot_group<T>* groups_;
  Positions positions_;
  Index position_;
};

}}}  // namespace kew::KEW_NAMESPACE::detail
