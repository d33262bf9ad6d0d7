// Sleeping on a word, where there is no system call for it: a mutex and a condition variable.
#pragma once

#include <kew/detail/machine/clock.hpp>
#include <kew/detail/machine/platform.hpp>

#ifdef KEW_FUTEX_PORTABLE

#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// A word, and where threads sleep on it. They belong together: a place that words shared would be one for each shared
/// library, and a thread of one library could not wake a thread of another.
struct futex_word : atomic<std::uint32_t> {
  using atomic<std::uint32_t>::atomic;

  std::mutex mutex;
  std::condition_variable changed;
};

/// Sleeps while `word` is `expected`, until a wake or the deadline. May return for no reason.
/// False if the deadline has passed.
inline bool futex_wait(futex_word& word, std::uint32_t expected, time_point deadline) noexcept {
  std::unique_lock<std::mutex> lock(word.mutex);
  if (word.load(relaxed) != expected) return true;
  if (deadline == never) {
    word.changed.wait(lock);
    return true;
  }
  return word.changed.wait_until(lock, deadline) == std::cv_status::no_timeout;
}

/// Wakes all threads that sleep on `word`. To wake too many costs them a look; to wake one of many, condition variables
/// of glibc before 2.41 may forget (its bug 25847).
inline void futex_wake(futex_word& word, int) noexcept {
  // A thread that has compared the word and does not sleep yet holds the mutex until it does.
  {
    const std::lock_guard<std::mutex> lock(word.mutex);
  }
  word.changed.notify_all();
}

}}}  // namespace kew::KEW_NAMESPACE::detail

#endif
