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

  /// May fail for no reason.
  bool try_lock() noexcept {
    std::uint32_t word = open;
    // Edge "mutex": takes over what the last holder did.
    return word_.compare_exchange_weak(word, held, acquire, relaxed);
  }

  void unlock() noexcept {
    // Edge "mutex": hands over what this holder did.
    if (word_.exchange(open, release) == awaited) [[unlikely]]
      futex_wake(word_, 1);
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
  // Nobody has it; a thread has it; a thread has it, and others may sleep.
  static constexpr std::uint32_t open = 0;
  static constexpr std::uint32_t held = 1;
  static constexpr std::uint32_t awaited = 2;

  [[gnu::noinline]] void wait() noexcept {
    for (unsigned look = 0; look < tuning::mutex_looks; ++look) {
      if (word_.load(relaxed) == open) {
        if (try_lock()) return;
      } else {
        for (unsigned i = 0; i < tuning::mutex_pauses; ++i) cpu_relax();
      }
    }
    // A thread that has slept does not know whether it was the only one: it leaves the mark for the others.
    while (word_.exchange(awaited, acquire) != open)  // Edge "mutex"
      futex_wait(word_, awaited, never);
  }

  futex_word word_{0};
};

}}}  // namespace kew::KEW_NAMESPACE::detail
