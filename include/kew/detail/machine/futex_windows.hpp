// Sleeping on a word, on Windows 8 and later: WaitOnAddress. A program that is not built by kew's CMake links the
// library Synchronization.
#pragma once

#include <kew/detail/machine/clock.hpp>
#include <kew/detail/machine/platform.hpp>

#ifdef KEW_FUTEX_WINDOWS

#include <algorithm>
#include <chrono>
#include <cstdint>

#if defined(_MSC_VER)
#pragma comment(lib, "Synchronization.lib")
#endif

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

using futex_word = atomic<std::uint32_t>;

/// Sleeps while `word` is `expected`, until a wake or the deadline. May return for no reason.
/// False if the deadline has passed.
inline bool futex_wait(futex_word& word, std::uint32_t expected, time_point deadline) noexcept {
  static_assert(sizeof(word) == sizeof(std::uint32_t), "the system compares a plain 32-bit word");
  DWORD limit = INFINITE;
  if (deadline != never) {
    using milliseconds = std::chrono::milliseconds;
    // Rounded up, so that no sleep ends before its time. Longer than there are numbers for is slept in parts.
    const auto left = std::chrono::ceil<milliseconds>(deadline - now()).count();
    if (left <= 0) return false;
    limit = static_cast<DWORD>(std::min<milliseconds::rep>(left, INFINITE - 1));
  }
  if (WaitOnAddress(&word, &expected, sizeof(expected), limit)) return true;
  return deadline == never || now() < deadline;
}

/// Wakes up to `count` threads that sleep on `word`.
inline void futex_wake(futex_word& word, int count) noexcept {
  // To wake too many costs them a look; to call the system for each of many costs the caller more.
  if (count == 1)
    WakeByAddressSingle(&word);
  else
    WakeByAddressAll(&word);
}

}}}  // namespace kew::KEW_NAMESPACE::detail

#endif
