// What a call of a ring has answered, whether that is a status or a result.
#pragma once

#include <memory>
#include <utility>

#include <kew/config.hpp>
#include <kew/status.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

inline status status_of(status outcome) noexcept { return outcome; }
template <class T>
status status_of(const result<T>& outcome) noexcept {
  return outcome.status();
}

/// Puts what a later look has found in the place of what the first one did not find. A call that returns one variable
/// on every path builds it where its caller wants it; so an element that is there at once is not moved from call to
/// call.
inline void replace(status& outcome, status later) noexcept { outcome = later; }
template <class T>
void replace(result<T>& outcome, result<T> later) {
  struct restored_on_exit {
    result<T>& place;
    bool replaced = false;
    ~restored_on_exit() {
      if (!replaced) std::construct_at(&place, status::empty);
    }
  };
  // Built anew, because T need not be assignable.
  std::destroy_at(&outcome);
  restored_on_exit restored{outcome};
  std::construct_at(&outcome, std::move(later));
  restored.replaced = true;
}

}}}  // namespace kew::KEW_NAMESPACE::detail
