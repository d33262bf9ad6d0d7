// What a call of a ring has answered, whether that is a status or a result.
#pragma once

#include <kew/config.hpp>
#include <kew/status.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

inline status status_of(status outcome) noexcept { return outcome; }
template <class T>
status status_of(const result<T>& outcome) noexcept {
  return outcome.status();
}

}}}  // namespace kew::KEW_NAMESPACE::detail
