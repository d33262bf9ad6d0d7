// The seam between kew and the machine: atomics, their orders, hints, the asymmetric fence, the token of a thread; and
// by inclusion the pause instruction, yields, naps and prefetches (platform.hpp). The futex and the clock are behind
// the same seam (futex.hpp, clock.hpp). No header above detail/machine names any of these, so a program that defines
// KEW_SYNC_HEADER puts its own versions in their place (the tests' explorer of memory orders does).
//
// A replacement header declares everything that the headers of detail/machine declare in kew::detail. The program
// sets KEW_NAMESPACE, the inline namespace that keeps its kew apart from any other kew in the same program.
#pragma once

#include <kew/detail/machine/platform.hpp>

#ifdef KEW_SYNC_HEADER

#include KEW_SYNC_HEADER

#else

#include <atomic>
#include <cstdint>

#ifdef KEW_FUTEX_LINUX
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>
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

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// A number that threads share for the sake of speed alone: whatever they read, what they do is right.
template <class T>
class hint {
 public:
  T get() const noexcept { return value_.load(relaxed); }
  void set(T value) noexcept { value_.store(value, relaxed); }

 private:
  atomic<T> value_{};
};

/// Different for any two threads that live at the same time, never 0. Shared libraries may each have a copy of this;
/// then a thread has several tokens, and still none in common with another thread.
inline std::uintptr_t thread_token() noexcept {
  // A value, not only the address, which a compiler may keep while a coroutine moves from one thread to another.
  thread_local std::uintptr_t mine = 0;
  if (mine == 0) [[unlikely]]
    mine = reinterpret_cast<std::uintptr_t>(&mine);
  return mine;
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

#ifdef KEW_FUTEX_LINUX
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
/// it. (That happens at most once a thread, when a sandbox forbids membarrier after it was in use; from then
/// on the light side fences for itself.)
inline bool fence_heavy() noexcept {
  full_fence();
#ifdef KEW_FUTEX_LINUX
  if (membarrier_at_work.load(relaxed) && !membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED)) {
    membarrier_at_work.store(false, relaxed);
    nap(50);  // What others have fenced lightly until now nothing fences any more; no store takes that long to be seen.
    return false;
  }
#endif
  return true;
}

}}}  // namespace kew::KEW_NAMESPACE::detail

#endif
