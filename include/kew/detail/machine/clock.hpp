// The part of the seam that tells the time; rings do without.
#pragma once

#include <kew/detail/machine/platform.hpp>

#ifndef KEW_SYNC_HEADER

#include <chrono>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

using clock = std::chrono::steady_clock;
using time_point = clock::time_point;

/// The deadline of a wait without one.
inline constexpr time_point never = time_point::max();

inline time_point now() noexcept { return clock::now(); }

}}}  // namespace kew::KEW_NAMESPACE::detail

#endif
