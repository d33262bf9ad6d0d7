// The time for deadlines that are a long way off: cheap, and late.
#pragma once

#include <chrono>

#include <kew/config.hpp>
#include <kew/detail/machine/clock.hpp>
#include <kew/detail/machine/min_max.hpp>
#include <kew/detail/machine/tuning.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// Its time is not before the true one, unless a tick of the kernel is later than it allows for, and later by at most 1/128
/// of a timeout and a quarter of a second. So what is not due by it is not due; about anything else the true clock is
/// asked.
class late_clock {
 public:
  explicit late_clock(std::chrono::nanoseconds timeout) noexcept
      : ahead_(detail::min<std::chrono::nanoseconds>(timeout / 128, std::chrono::nanoseconds(tuning::latest))) {
    if (ahead_ < tuning::ticks_late * coarse_resolution()) ahead_ = std::chrono::nanoseconds::zero();
  }

  time_point now() const noexcept {
    if (ahead_ == std::chrono::nanoseconds::zero()) return detail::now();
    return coarse_now() + ahead_;
  }

 private:
  /// How much more than the last tick it says: enough for ticks that are late. 0: the timeout is too short for that.
  std::chrono::nanoseconds ahead_;
};

}}}  // namespace kew::KEW_NAMESPACE::detail
