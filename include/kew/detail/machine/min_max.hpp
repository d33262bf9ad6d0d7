// std::min and std::max, without <algorithm>: that header alone is a fifth of what the include of a ring costs.
#pragma once

#include <kew/config.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

template <class T>
constexpr T min(T a, T b) noexcept {
  return b < a ? b : a;
}
template <class T>
constexpr T min(T a, T b, T c) noexcept {
  return min(min(a, b), c);
}

template <class T>
constexpr T max(T a, T b) noexcept {
  return a < b ? b : a;
}
template <class T>
constexpr T max(T a, T b, T c) noexcept {
  return max(max(a, b), c);
}

}}}  // namespace kew::KEW_NAMESPACE::detail
