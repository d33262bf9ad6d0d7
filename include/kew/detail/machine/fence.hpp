// An asymmetric fence, for two threads that each store and then look for the other's store (the store-buffering
// pattern, Dekker's), where one of them comes by often and the other one seldom.
//
// fence_light in one thread and fence_heavy in another, both with the same asymmetric_fence, order each one's earlier
// stores before its later loads, as two seq_cst fences do: of the two threads at least one sees what the other stored.
// Two light fences order nothing between them.
//
// Where the kernel has membarrier(2), the light side costs no instruction but a compiler barrier, and the heavy one
// makes every running thread of the process execute a full fence. Where it has not, both sides are full fences. Which
// of the two it is stands in the asymmetric_fence, that is, in the queue: so it is the same for all users of the
// queue.
//
//   Shared libraries   A queue may be made in one of them and used in any, whatever the visibility of its symbols:
//                      no library keeps a state of its own that two threads would have to agree on.
//   Compilers          Optimisation, sanitizers, NDEBUG and KEW_CHECKED may differ between the images that share a
//                      queue. Its type, the C++ ABI and the standard library are the same.
//   Versions, macros   KEW_NO_FUTEX and KEW_CACHE_LINE are part of the type's name. So is the version as far as layouts
//                      differ: what does not fit together does not link. Nothing can check a pointer that a library
//                      passes on as void*.
//   fork               A child may go on with its copy of a queue: the registration with the kernel and the choice come
//                      with it. Threads that waited in the parent do not, and parent and child share no queue.
//   Sandboxes          A kernel that begins to refuse membarrier to some threads or all of them, when queues have been
//                      made already, costs the first thread that is refused a nap, once a queue. No wake-up is lost.
//
// Source     H. Boehm and P. McKenney, "Asymmetric fences", P1202.
#pragma once

#include <cstdint>

#include <kew/detail/machine/sync.hpp>

#ifndef KEW_SYNC_HEADER

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

inline void full_fence() noexcept {
#if KEW_TSAN
  // ThreadSanitizer does not model stand-alone fences; a read-modify-write fences as well on the machine, and is
  // understood.
  static std::atomic<int> dummy{0};
  dummy.fetch_add(0, seq_cst);
#else
  std::atomic_thread_fence(seq_cst);
#endif
}

[[gnu::always_inline]] inline void compiler_fence() noexcept { std::atomic_signal_fence(seq_cst); }

/// Whether the process may call membarrier() from now on.
inline bool register_membarrier() noexcept {
#ifdef KEW_FUTEX_LINUX
  static const bool registered = syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
  return registered;
#else
  return false;
#endif
}

/// Makes every running thread of the process execute a full fence. False: it has not.
inline bool membarrier() noexcept {
#ifdef KEW_FUTEX_LINUX
  return syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0;
#else
  return false;
#endif
}

/// Returns when all threads see what any thread has stored before: no store buffer takes that long.
inline void outlast_store_buffers() noexcept { nap(50); }

}}}  // namespace kew::KEW_NAMESPACE::detail

#endif

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

class asymmetric_fence {
 public:
  asymmetric_fence() noexcept : made_(register_membarrier() ? by_membarrier : by_both) {}
  asymmetric_fence(const asymmetric_fence&) = delete;
  asymmetric_fence& operator=(const asymmetric_fence&) = delete;

  [[gnu::always_inline]] void light() const noexcept {
    if (made_.load(relaxed) == by_membarrier) [[likely]]
      compiler_fence();
    else
      full_fence();
  }

  /// Out of line, so that calls which do not wait save no registers for it.
  [[gnu::noinline]] void heavy() noexcept {
    heavy_of_all([this](auto f) { f(*this); });
  }

  /// The heavy sides of several at once, with one call of the kernel for all: `each(f)` calls `f` with each of them.
  template <class Each>
  static void heavy_of_all(Each each) noexcept {
    bool all_by_both = true;
    bool any_refused = false;
    each([&](const asymmetric_fence& one) {
      // Before the fence: by_both is true of what this thread loads after it.
      const std::uint8_t made = one.made_.load(relaxed);
      all_by_both = all_by_both && made == by_both;
      any_refused = any_refused || made == refused;
    });
    full_fence();
    if (all_by_both || (!any_refused && membarrier())) return;
    // A light fence that did not see this yet is none any more. But what stands before it is seen when the wait is
    // over, and what stands after it sees what this thread has stored.
    each([](asymmetric_fence& one) { one.made_.store(refused, relaxed); });
    outlast_store_buffers();
    each([](asymmetric_fence& one) { one.made_.store(by_both, relaxed); });
  }

 private:
  /// What fences: the heavy side alone, by the kernel; the light side by itself, but some may not know yet; each by
  /// itself.
  enum : std::uint8_t { by_membarrier, refused, by_both };

  atomic<std::uint8_t> made_;
};

#ifndef KEW_SYNC_HEADER
[[gnu::always_inline]] inline void fence_light(const asymmetric_fence& with) noexcept { with.light(); }
inline void fence_heavy(asymmetric_fence& with) noexcept { with.heavy(); }
template <class Fence, class Each>
void fence_heavy_of_all(Each each) noexcept {
  Fence::heavy_of_all(each);
}
#endif

}}}  // namespace kew::KEW_NAMESPACE::detail
