// When a wait gives up: never, at a time, when a std::stop_token says so, or at the first of the two.
#pragma once

#include <chrono>
#include <version>

// libc++ before 20 has no std::stop_token, unless its experimental parts are on; then kew has no calls that take one.
#if defined(__cpp_lib_jthread)
#include <stop_token>
#endif

#include <kew/config.hpp>
#include <kew/detail/machine/clock.hpp>
#include <kew/detail/machine/sync.hpp>
#include <kew/detail/wait/wait_point.hpp>
#include <kew/status.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// A limit makes its watch when a call has to wait, for the place where its thread may sleep. `over()` is asked between
/// looks, `verdict(found)` what the call answers then; `found` is what the last look found: full, empty or busy. `timed`: it
/// may be over without a word from another thread.
struct no_limit {
  static constexpr bool timed = false;
  class watch {
   public:
    watch(const no_limit&, wait_point&) noexcept {}
    static constexpr bool over() noexcept { return false; }
    static constexpr time_point deadline() noexcept { return never; }
    static constexpr status verdict(status found) noexcept { return found; }
  };
};

// Times are compared in floating point, where neither the largest ones nor a change of unit overflows.
using seconds = std::chrono::duration<long double>;

/// The steady clock's time so long from now; the largest durations end never.
inline time_point after(seconds duration) noexcept {
  const time_point start = now();
  if (!(duration > seconds::zero())) return start;
  if (duration >= seconds(never - start)) return never;
  return start + std::chrono::ceil<clock::duration>(duration);
}

template <class Clock, class Duration>
struct time_limit {
  static constexpr bool timed = true;
  std::chrono::time_point<Clock, Duration> end;

  class watch {
   public:
    watch(const time_limit& limit, wait_point&) noexcept : end_(limit.end.time_since_epoch()) {}

    bool over() const noexcept { return left() <= seconds::zero(); }
    /// Asked anew before each sleep, because another clock than the steady one may have been set meanwhile.
    time_point deadline() const noexcept { return after(left()); }
    static constexpr status verdict(status found) noexcept { return found; }

   private:
    seconds left() const noexcept { return end_ - seconds(Clock::now().time_since_epoch()); }

    seconds end_;
  };
};
template <class Clock, class Duration>
time_limit(std::chrono::time_point<Clock, Duration>) -> time_limit<Clock, Duration>;

#if defined(__cpp_lib_jthread)

/// `Time` is one of the limits above.
template <class Time>
struct stop_limit {
  static constexpr bool timed = Time::timed;
  const std::stop_token& token;
  Time time{};

  class watch {
   public:
    watch(const stop_limit& limit, wait_point& place)
        : token_(limit.token), time_(limit.time, place), wake_(limit.token, waker{place}) {}
    bool over() const noexcept { return token_.stop_requested() || time_.over(); }
    time_point deadline() const noexcept { return time_.deadline(); }
    status verdict(status found) const noexcept {
      return token_.stop_requested() ? status::stopped : time_.verdict(found);
    }

   private:
    struct waker {
      wait_point& place;
      // All of them, because sleepers are anonymous: the others look again and sleep on.
      void operator()() const noexcept { place.interrupt(); }
    };

    const std::stop_token& token_;
    typename Time::watch time_;
    std::stop_callback<waker> wake_;
  };
};
template <class Time>
stop_limit(const std::stop_token&, Time) -> stop_limit<Time>;

#endif

}}}  // namespace kew::KEW_NAMESPACE::detail
