// Sleeping on a word, on Linux: futex(2). What its answers mean is decided above the seam.
#pragma once

#include <kew/detail/machine/clock.hpp>
#include <kew/detail/machine/sync.hpp>

#ifdef KEW_FUTEX_LINUX

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <limits>

#ifndef KEW_SYNC_HEADER
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

#ifndef KEW_SYNC_HEADER

using futex_word = atomic<std::uint32_t>;

// Where long has 32 bits the kernel knows two kinds of timespec, and the C library's may be either.
#if !defined(SYS_futex)
inline constexpr long futex_call = SYS_futex_time64;
#elif defined(SYS_futex_time64)
inline constexpr long futex_call = sizeof(timespec::tv_sec) > sizeof(long) ? SYS_futex_time64 : SYS_futex;
#else
inline constexpr long futex_call = SYS_futex;
#endif

/// FUTEX_WAIT_BITSET, until a time of CLOCK_MONOTONIC or for ever: 0, or the error.
inline int futex_wait_call(futex_word& word, std::uint32_t expected, const timespec* deadline) noexcept {
  static_assert(sizeof(word) == sizeof(std::uint32_t), "the futex is a plain 32-bit word");
  const long answer = syscall(futex_call, &word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, expected, deadline, nullptr,
                              FUTEX_BITSET_MATCH_ANY);
  return answer == 0 ? 0 : errno;
}

/// Wakes up to `count` threads that sleep on `word`.
inline void futex_wake(futex_word& word, int count) noexcept {
  syscall(futex_call, &word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, count, nullptr, nullptr, 0);
}

#endif

/// Sleeps while `word` is `expected`, until a wake or the deadline. May return for no reason.
/// False if the deadline has passed.
inline bool futex_wait(futex_word& word, std::uint32_t expected, time_point deadline) noexcept {
  if (deadline == never) {
    futex_wait_call(word, expected, nullptr);
    return true;
  }
  // The futex refuses a time before the epoch of the clock.
  constexpr auto epoch = clock::duration::zero();
  const auto since = deadline.time_since_epoch() > epoch ? deadline.time_since_epoch() : epoch;
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
  timespec at{};
  using count = decltype(at.tv_sec);
  constexpr std::chrono::seconds::rep most = std::numeric_limits<count>::max();
  at.tv_sec = static_cast<count>(seconds.count() < most ? seconds.count() : most);
  at.tv_nsec = static_cast<decltype(at.tv_nsec)>(std::chrono::nanoseconds(since - seconds).count());
  // Not for EAGAIN (the word has changed) nor for EINTR (a signal came): the deadline has not passed.
  return futex_wait_call(word, expected, &at) != ETIMEDOUT;
}

}}}  // namespace kew::KEW_NAMESPACE::detail

#endif
