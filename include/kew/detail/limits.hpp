// When a wait gives up: never, at a time, or when a std::stop_token says so.
#pragma once

#include <chrono>
#include <stop_token>
#include <type_traits>

#include <kew/detail/parking.hpp>
#include <kew/detail/sync.hpp>
#include <kew/status.hpp>

namespace kew::inline KEW_NAMESPACE::detail {

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

/// The steady clock's time so long from now; the largest durations end never.
template <class Rep, class Period>
time_point after(const std::chrono::duration<Rep, Period>& duration) noexcept {
  // Compared in floating point, where neither the largest duration nor a conversion overflows.
  using seconds = std::chrono::duration<long double>;
  const time_point start = now();
  if (!(seconds(duration) > seconds::zero())) return start;
  if (seconds(duration) >= seconds(never - start)) return never;
  return start + std::chrono::ceil<clock::duration>(duration);
}

template <class Clock, class Duration>
struct time_limit {
  std::chrono::time_point<Clock, Duration> end;

  class watch {
   public:
    watch(const time_limit& limit, parking_place&) noexcept : end_(limit.end) {}

    bool over() const noexcept { return Clock::now() >= end_; }
    /// Asked anew before each sleep: another clock than the steady one may have been set meanwhile.
    time_point deadline() const noexcept {
      if constexpr (std::is_same_v<std::chrono::time_point<Clock, Duration>, time_point>) return end_;
      using seconds = std::chrono::duration<long double>;
      return after(seconds(end_.time_since_epoch()) - seconds(Clock::now().time_since_epoch()));
    }
    static constexpr status verdict(status unmet) noexcept { return unmet; }

   private:
    std::chrono::time_point<Clock, Duration> end_;
  };
};

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
      // Everybody, because sleepers have no names: the others look and sleep on.
      void operator()() const noexcept { place.notify_all(); }
    };

    const std::stop_token& token_;
    std::stop_callback<waker> wake_;
  };
};

}  // namespace kew::inline KEW_NAMESPACE::detail
