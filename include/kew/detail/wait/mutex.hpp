// A mutex over kew's own futex, so that it sleeps as the queues do and the explorer of memory orders can run it.
//
// For what several threads do in tens of nanoseconds. A thread that finds it taken leaves the holder alone for a moment,
// in which that one does many calls with all lines at hand; after a few of those it sleeps. It does not yield: beside a
// thread that never sleeps, each yield would cost a whole turn of that one. To wait for something that the mutex guards
// there is condition.hpp.
//
// Ends       unlock() may still touch the mutex when another thread has taken and left it. So a thread that destroys it
//            knows by other means that each call is over: an object that counts its users counts them down after unlock.
// Fair       no: a running thread may come before one that is being woken.
//
// Source     U. Drepper, "Futexes are tricky", 2011: its third mutex.
#pragma once

#include <cstdint>

#include <kew/config.hpp>
#include <kew/detail/machine/clock.hpp>
#include <kew/detail/machine/fence.hpp>
#include <kew/detail/machine/futex.hpp>
#include <kew/detail/machine/sync.hpp>
#include <kew/detail/machine/tuning.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

class mutex {
 public:
  mutex() noexcept = default;
  mutex(const mutex&) = delete;
  mutex& operator=(const mutex&) = delete;

  void lock() noexcept {
    if (!try_lock()) [[unlikely]]
      wait();
  }

  bool try_lock() noexcept {
    // Edge "mutex": takes over what the last holder did.
    return word_.exchange(held, acquire) == open;
  }

  void unlock() noexcept {
    word_.store(open, release);  // Edge "mutex": hands over what this holder did.
    // Edge "look again": a thread whose mark is not seen here will see, at its next look, that the mutex is open.
    fence_light(fence_);
    if (awaited_.load(relaxed) != 0) [[unlikely]]
      wake();
  }

  /// Holds the mutex for as long as it lives, or until it is told not to.
  class guard {
   public:
    explicit guard(mutex& place) noexcept : place_(place) { place_.lock(); }
    guard(const guard&) = delete;
    guard& operator=(const guard&) = delete;
    ~guard() {
      if (holds_) place_.unlock();
    }

    void unlock() noexcept {
      holds_ = false;
      place_.unlock();
    }
    void lock() noexcept {
      place_.lock();
      holds_ = true;
    }

   private:
    mutex& place_;
    bool holds_ = true;
  };

 private:
  static constexpr std::uint32_t open = 0;
  static constexpr std::uint32_t held = 1;

  [[gnu::noinline]] void wait() noexcept {
    for (unsigned look = 0; look < tuning::mutex_looks; ++look) {
      if (word_.load(relaxed) == open) {
        if (try_lock()) return;
      } else {
        for (unsigned i = 0; i < tuning::mutex_pauses; ++i) cpu_relax();
      }
    }
    for (;;) {
      // A thread that has slept does not know whether it was the only one: it leaves the mark for the others.
      awaited_.store(1, relaxed);
      fence_heavy(fence_);  // Edge "look again"
      if (try_lock()) return;
      futex_wait(awaited_, 1, never);
    }
  }
  /// Takes the mark back first. So a thread that has marked, and does not sleep yet, will not; and the one that is woken
  /// marks again.
  [[gnu::noinline]] void wake() noexcept {
    awaited_.store(0, relaxed);
    futex_wake(awaited_, 1);
  }

  atomic<std::uint32_t> word_{open};
  futex_word awaited_{0};  ///< 1: threads sleep, or are about to.
  asymmetric_fence fence_{};
};

}}}  // namespace kew::KEW_NAMESPACE::detail
