// std::min and std::max, without <algorithm>: that header alone is a fifth of what the include of a ring costs.
#pragma once

#include <kew/detail/sync.hpp>

namespace kew::inline KEW_NAMESPACE::detail {

template <class T>
constexpr T least(T a, T b) noexcept {
  return b < a ? b : a;
}
template <class T>
constexpr T least(T a, T b, T c) noexcept {
  return least(least(a, b), c);
}

template <class T>
constexpr T greatest(T a, T b) noexcept {
  return a < b ? b : a;
}
template <class T>
constexpr T greatest(T a, T b, T c) noexcept {
  return greatest(greatest(a, b), c);
}

}  // namespace kew::inline KEW_NAMESPACE::detail
