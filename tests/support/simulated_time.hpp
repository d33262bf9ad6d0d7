// A machine below kew (KEW_SYNC_HEADER) whose clock and calendar are the test's: for one thread. Where it would sleep, the
// time comes for which it sleeps.
#pragma once

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <thread>

#include <kew/config.hpp>

#include "support/real_atomics.hpp"

namespace kew_test {
/// Since the beginning. Goes on when the test says so.
inline std::chrono::nanoseconds simulated_time{std::chrono::hours(1)};
}  // namespace kew_test

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

inline std::uintptr_t thread_token() noexcept { return 1; }
using thread = std::thread;

struct clock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<clock>;
  static constexpr bool is_steady = true;
  static time_point now() noexcept { return time_point(kew_test::simulated_time); }
};
using time_point = clock::time_point;
inline constexpr time_point never = time_point::max();
inline time_point now() noexcept { return clock::now(); }
inline time_point coarse_now() noexcept { return now(); }
inline std::chrono::nanoseconds coarse_resolution() noexcept { return std::chrono::nanoseconds::zero(); }
inline std::int64_t calendar_now() noexcept { return kew_test::simulated_time.count(); }

inline void cpu_relax() noexcept {}
inline void yield() noexcept {}
inline void nap(unsigned microseconds) noexcept { kew_test::simulated_time += std::chrono::microseconds(microseconds); }
inline void prefetch_for_reading(std::uintptr_t) noexcept {}
inline void prefetch_for_writing(std::uintptr_t) noexcept {}

// One thread sees what it did in its order.
inline void full_fence() noexcept {}
inline void compiler_fence() noexcept {}
inline bool register_membarrier() noexcept { return false; }
inline bool membarrier() noexcept { return false; }
inline void outlast_store_buffers() noexcept {}
template <class Fence>
void fence_light(const Fence&) noexcept {}
template <class Fence>
void fence_heavy(Fence&) noexcept {}

using futex_word = atomic<std::uint32_t>;

inline int futex_wait_call(futex_word& word, std::uint32_t expected, const timespec* deadline) noexcept {
  if (word.load(relaxed) != expected) return EAGAIN;
  if (deadline == nullptr) {
    std::fputs("the only thread sleeps for ever\n", stderr);
    std::abort();
  }
  kew_test::simulated_time =
      std::chrono::seconds(deadline->tv_sec) + std::chrono::nanoseconds(static_cast<std::int64_t>(deadline->tv_nsec));
  return ETIMEDOUT;
}
inline void futex_wake(futex_word&, int) noexcept {}

}}}  // namespace kew::KEW_NAMESPACE::detail
