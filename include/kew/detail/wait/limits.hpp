// When a wait gives up: never, at a time, or when a std::stop_token says so.
#pragma once

#include <chrono>
#include <version>

// libc++ before 20 has no std::stop_token, unless its experimental parts are on; then kew has no calls that take one.
#if defined(__cpp_lib_jthread)
#include <stop_token>
#endif

#include <kew/detail/machine/clock.hpp>
#include <kew/detail/machine/sync.hpp>
#include <kew/detail/wait/parking.hpp>
#include <kew/status.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// A limit is made when a call has to wait, for the place where its thread may sleep. `over()` is asked
/// between looks, `verdict()` what the call returns then: `unmet` is full or empty.
struct no_limit {
  class watch {
   public:
    watch(const no_limit&, parking_place&) noexcept {}
    static constexpr bool over() noexcept { return false; }
    static constexpr time_point deadline() noexcept { return never; }
    static constexpr status verdict(status unmet) noexcept { return unmet; }
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
  std::chrono::time_point<Clock, Duration> end;

  class watch {
   public:
    watch(const time_limit& limit, parking_place&) noexcept : end_(limit.end.time_since_epoch()) {}

    bool over() const noexcept { return left() <= seconds::zero(); }
    /// Asked anew before each sleep, because another clock than the steady one may have been set meanwhile.
    time_point deadline() const noexcept { return after(left()); }
    static constexpr status verdict(status unmet) noexcept { return unmet; }

   private:
    seconds left() const noexcept { return end_ - seconds(Clock::now().time_since_epoch()); }

    seconds end_;
  };
};

#if defined(__cpp_lib_jthread)
struct stop_limit {
  const std::stop_token& token;

  class watch {
   public:
    watch(const stop_limit& limit, parking_place& place) : token_(limit.token), wake_(limit.token, waker{place}) {}
    bool over() const noexcept { return token_.stop_requested(); }
    static constexpr time_point deadline() noexcept { return never; }
    static constexpr status verdict(status) noexcept { return status::stopped; }

   private:
    struct waker {
      parking_place& place;
      // Everybody, because sleepers have no names: the others look again and sleep on.
      void operator()() const noexcept { place.interrupt(); }
    };

    const std::stop_token& token_;
    std::stop_callback<waker> wake_;
  };
};
#endif

}}}  // namespace kew::KEW_NAMESPACE::detail
