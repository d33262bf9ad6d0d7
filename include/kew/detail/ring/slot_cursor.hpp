// Walks from slot to slot of a slot_ring.
#pragma once

#include <kew/config.hpp>
#include <kew/detail/ring/slot_group.hpp>
#include <kew/detail/ring/slot_view.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// Without asking the ring at each step: the compiler cannot know that the elements that are written on the way are no
/// part of it.
template <class T, class Positions, slot_operation Which>
class slot_cursor {
  using index_type = typename Positions::index_type;

 public:
  slot_cursor(slot_group<T>* groups, const Positions& positions, index_type position) noexcept
      : groups_(groups), positions_(positions), position_(position) {}

  slot_cursor& operator++() noexcept {
    position_ = positions_.next(position_);
    return *this;
  }
  slot_view<T, Positions, Which> operator*() const noexcept { return {groups_, positions_, position_}; }

 private:
  slot_group<T>* groups_;
  Positions positions_;
  index_type position_;
};

}}}  // namespace kew::KEW_NAMESPACE::detail
