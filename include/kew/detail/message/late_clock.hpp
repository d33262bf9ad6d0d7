// The time for deadlines that are a long way off: cheap, and late.
#pragma once

#include <chrono>

#include <kew/config.hpp>
#include <kew/detail/machine/clock.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// Its time is never before the true one, and later by at most 1/128 of a timeout. So what is not due by it is not due;
/// about anything else the true clock is asked.
class late_clock {
 public:
  explicit late_clock(std::chrono::nanoseconds timeout) noexcept
      : ahead_(timeout / 128 >= 2 * coarse_resolution() ? timeout / 128 : std::chrono::nanoseconds::zero()) {}

  time_point now() const noexcept {
    if (ahead_ == std::chrono::nanoseconds::zero()) return detail::now();
    return coarse_now() + ahead_;
  }

 private:
  /// How much more than the last tick it says: enough for a tick that is late. 0: the timeout is too short for that.
  const std::chrono::nanoseconds ahead_;
};

}}}  // namespace kew::KEW_NAMESPACE::detail
