// The seam between kew and the machine: atomics, fences, the futex, the pause instruction and the
// clock. No other header names any of these, so a program that defines KEW_SYNC_HEADER puts its own
// versions in their place (the tests' explorer of memory orders does).
//
// A replacement header defines the macro KEW_NAMESPACE, the inline namespace that keeps its kew apart
// from any other kew in the same program, and everything that this file declares in kew::detail.
#pragma once

#ifdef KEW_SYNC_HEADER

#include KEW_SYNC_HEADER

#else

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <iterator>

#include <sched.h>

#if defined(__linux__) && !defined(KEW_NO_FUTEX)
#define KEW_FUTEX 1
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>
#else
#define KEW_FUTEX 0
#include <condition_variable>
#include <mutex>
#endif

// In a debug build the rings watch that no second thread enters a side that allows one.
#ifndef KEW_CHECKED
#if defined(NDEBUG) || defined(__OPTIMIZE__)
#define KEW_CHECKED 0
#else
#define KEW_CHECKED 1
#endif
#endif

// Translation units that were compiled with different choices must not share a type or an inline function:
// each choice is a part of every name.
#define KEW_JOIN_AS_THEY_ARE(a, b) a##b
#define KEW_JOIN(a, b) KEW_JOIN_AS_THEY_ARE(a, b)
#if KEW_FUTEX
#define KEW_PARKING v0
#else
#define KEW_PARKING v0_portable
#endif
#if KEW_CHECKED
#define KEW_PARKING_AND_CHECKS KEW_JOIN(KEW_PARKING, _checked)
#else
#define KEW_PARKING_AND_CHECKS KEW_PARKING
#endif
#if defined(KEW_CACHE_LINE)
#define KEW_NAMESPACE KEW_JOIN(KEW_JOIN(KEW_PARKING_AND_CHECKS, _line), KEW_CACHE_LINE)
#else
#define KEW_NAMESPACE KEW_PARKING_AND_CHECKS
#endif

#if defined(__SANITIZE_THREAD__)
#define KEW_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define KEW_TSAN 1
#endif
#endif
#ifndef KEW_TSAN
#define KEW_TSAN 0
#endif

namespace kew::inline KEW_NAMESPACE::detail {

template <class T>
using atomic = std::atomic<T>;

inline constexpr auto relaxed = std::memory_order_relaxed;
inline constexpr auto acquire = std::memory_order_acquire;
inline constexpr auto release = std::memory_order_release;
inline constexpr auto acq_rel = std::memory_order_acq_rel;
inline constexpr auto seq_cst = std::memory_order_seq_cst;

using clock = std::chrono::steady_clock;
using time_point = clock::time_point;

/// The deadline of a wait without one.
inline constexpr time_point never = time_point::max();

inline time_point now() noexcept { return clock::now(); }

/// Tells the core that this is a polling loop.
inline void cpu_relax() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
  asm volatile("yield");
#endif
}

/// A number that threads share for the sake of speed alone: whatever they read, what they do is right.
template <class T>
class hint {
 public:
  T get() const noexcept { return value_.load(relaxed); }
  void set(T value) noexcept { value_.store(value, relaxed); }

 private:
  atomic<T> value_{};
};

/// Lets another thread have the core, if one wants it.
inline void yield() noexcept { sched_yield(); }

/// Gives the core away for about 50 µs, also to threads of lower priority.
inline void nap() noexcept {
  const timespec pause{.tv_sec = 0, .tv_nsec = 50'000};
  nanosleep(&pause, nullptr);
}

// ---- An asymmetric fence ------------------------------------------------------------------------
//
// fence_light in one thread and fence_heavy in another order each one's earlier stores before the
// other's later loads, as two seq_cst fences do: of the two threads at least one sees what the other
// stored. Two light fences order nothing between them. Where the kernel has membarrier(2), the light
// side costs no instruction but a compiler barrier, and the heavy one makes every running thread of
// the process execute a full fence (H. Boehm and P. McKenney, "Asymmetric fences", P1202).

/// True once every fence_heavy of the process calls membarrier.
inline std::atomic<bool> membarrier_at_work{false};

inline void full_fence() noexcept {
#if KEW_TSAN
  // ThreadSanitizer does not model stand-alone fences; a read-modify-write fences as well on the
  // machine, and is understood.
  static std::atomic<int> dummy{0};
  dummy.fetch_add(0, seq_cst);
#else
  std::atomic_thread_fence(seq_cst);
#endif
}

#if KEW_FUTEX
inline bool membarrier(int command) noexcept { return syscall(SYS_membarrier, command, 0, 0) == 0; }

/// Switches the process to the cheap light fence, if the kernel can. Any thread, any number of times.
inline void prepare_fences() noexcept {
  static const bool registered = [] {
    const bool can = membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
    membarrier_at_work.store(can, relaxed);
    return can;
  }();
  static_cast<void>(registered);
}
#else
inline void prepare_fences() noexcept {}
#endif

inline void fence_light() noexcept {
  if (membarrier_at_work.load(relaxed)) [[likely]]
    std::atomic_signal_fence(seq_cst);
  else
    full_fence();
}

/// False if the other threads could not be fenced: the caller has to look again instead of relying on
/// it. (That happens at most once, when a sandbox forbids membarrier after it was in use; from then on
/// the light side fences for itself.)
inline bool fence_heavy() noexcept {
  full_fence();
#if KEW_FUTEX
  if (membarrier_at_work.load(relaxed) && !membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED)) {
    membarrier_at_work.store(false, relaxed);
    return false;
  }
#endif
  return true;
}

// ---- Sleeping on a word -------------------------------------------------------------------------

#if KEW_FUTEX

/// Sleeps while `word` is `expected`, until a wake or the deadline. May return for no reason.
/// False if the deadline has passed.
inline bool futex_wait(atomic<std::uint32_t>& word, std::uint32_t expected, time_point deadline) noexcept {
  static_assert(sizeof(word) == sizeof(std::uint32_t), "the futex is a plain 32-bit word");
  timespec at{};
  if (deadline != never) {
    // The futex refuses a time before the epoch of the clock.
    const auto since = std::max(deadline.time_since_epoch(), clock::duration::zero());
    const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
    at.tv_sec = static_cast<decltype(at.tv_sec)>(seconds.count());
    at.tv_nsec = static_cast<decltype(at.tv_nsec)>(std::chrono::nanoseconds(since - seconds).count());
  }
  const long error = syscall(SYS_futex, &word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, expected,
                             deadline == never ? nullptr : &at, nullptr, FUTEX_BITSET_MATCH_ANY);
  return error == 0 || errno != ETIMEDOUT;
}

/// Wakes up to `count` threads that sleep on `word`.
inline void futex_wake(atomic<std::uint32_t>& word, int count) noexcept {
  syscall(SYS_futex, &word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, count, nullptr, nullptr, 0);
}

#else

/// Where threads sleep that sleep on a word: words share rooms, so a wake calls everybody in the room.
struct waiting_room {
  std::mutex mutex;
  std::condition_variable changed;
};

inline waiting_room& room_of(const atomic<std::uint32_t>& word) noexcept {
  static waiting_room rooms[61];
  return rooms[reinterpret_cast<std::uintptr_t>(&word) / sizeof(word) % std::size(rooms)];
}

inline bool futex_wait(atomic<std::uint32_t>& word, std::uint32_t expected, time_point deadline) noexcept {
  waiting_room& room = room_of(word);
  std::unique_lock lock(room.mutex);
  if (word.load(relaxed) != expected) return true;
  if (deadline == never) {
    room.changed.wait(lock);
    return true;
  }
  return room.changed.wait_until(lock, deadline) == std::cv_status::no_timeout;
}

inline void futex_wake(atomic<std::uint32_t>& word, int) noexcept {
  waiting_room& room = room_of(word);
  // Whoever has compared the word and does not sleep yet holds the mutex until it does.
  { const std::lock_guard lock(room.mutex); }
  room.changed.notify_all();
}

#endif

}  // namespace kew::inline KEW_NAMESPACE::detail

#endif
