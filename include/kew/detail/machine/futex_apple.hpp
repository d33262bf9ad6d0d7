// Sleeping on a word, on macOS 14.4 and later: os_sync_wait_on_address. Where a program is to run on an older one too,
// kew sleeps the portable way, because the system call below this one (__ulock_wait) is not for programs to use.
//
// Written after the documentation and compiled against a stub of it; it has not run on macOS.
#pragma once

#include <kew/detail/machine/clock.hpp>
#include <kew/detail/machine/platform.hpp>

#ifdef KEW_FUTEX_APPLE

#include <cerrno>
#include <chrono>
#include <cstdint>

#include <os/os_sync_wait_on_address.h>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

using futex_word = atomic<std::uint32_t>;

/// Sleeps while `word` is `expected`, until a wake or the deadline. May return for no reason.
/// False if the deadline has passed.
inline bool futex_wait(futex_word& word, std::uint32_t expected, time_point deadline) noexcept {
  static_assert(sizeof(word) == sizeof(std::uint32_t), "the system compares a plain 32-bit word");
  if (deadline == never) {
    os_sync_wait_on_address(&word, expected, sizeof(word), OS_SYNC_WAIT_ON_ADDRESS_NONE);
    return true;
  }
  const auto left = std::chrono::ceil<std::chrono::nanoseconds>(deadline - now()).count();
  if (left <= 0) return false;
  // A span and not a time, because the clock that it is measured on need not be the one of the deadline.
  const int answer =
      os_sync_wait_on_address_with_timeout(&word, expected, sizeof(word), OS_SYNC_WAIT_ON_ADDRESS_NONE,
                                           OS_CLOCK_MACH_ABSOLUTE_TIME, static_cast<std::uint64_t>(left));
  return answer >= 0 || errno != ETIMEDOUT;
}

/// Wakes up to `count` threads that sleep on `word`.
inline void futex_wake(futex_word& word, int count) noexcept {
  // To wake too many costs them a look; to call the system for each of many costs the caller more.
  if (count == 1)
    os_sync_wake_by_address_any(&word, sizeof(word), OS_SYNC_WAKE_BY_ADDRESS_NONE);
  else
    os_sync_wake_by_address_all(&word, sizeof(word), OS_SYNC_WAKE_BY_ADDRESS_NONE);
}

}}}  // namespace kew::KEW_NAMESPACE::detail

#endif
