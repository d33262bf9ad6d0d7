// The part of the seam that tells the time; rings do without.
#pragma once

#include <kew/detail/machine/platform.hpp>

#ifndef KEW_SYNC_HEADER

#include <chrono>
#if defined(__linux__)
#include <ctime>
#endif

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

using clock = std::chrono::steady_clock;
using time_point = clock::time_point;

/// The deadline of a wait without one.
inline constexpr time_point never = time_point::max();

inline time_point now() noexcept { return clock::now(); }

/// The time of the kernel's last tick on the same clock, for a quarter of the cost; the exact time where there is none.
inline time_point coarse_now() noexcept {
#if defined(__linux__)
  timespec tick{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &tick);
  return time_point(std::chrono::seconds(tick.tv_sec) + std::chrono::nanoseconds(tick.tv_nsec));
#else
  return now();
#endif
}
/// How far one tick is from the next; 0 where coarse_now() is exact. A tick may be late where the machine is busy.
inline std::chrono::nanoseconds coarse_resolution() noexcept {
#if defined(__linux__)
  timespec tick{};
  clock_getres(CLOCK_MONOTONIC_COARSE, &tick);
  return std::chrono::seconds(tick.tv_sec) + std::chrono::nanoseconds(tick.tv_nsec);
#else
  return std::chrono::nanoseconds::zero();
#endif
}

}}}  // namespace kew::KEW_NAMESPACE::detail

#endif
