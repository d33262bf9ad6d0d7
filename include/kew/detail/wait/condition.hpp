// Where threads wait for what a mutex guards: a condition variable that knows exactly how many wait, so that a change
// costs nothing where none does, and that wakes as many threads as there is something for.
//
//   waiter     with the mutex held, it looks in vain and enters; it unlocks, sleeps, locks, leaves, and looks again. It
//              looks after each sleep, however that ended: so no wake-up is lost by a thread that goes away.
//   notifier   with the mutex held, it changes what is guarded and grants so many wake-ups; it unlocks and wakes.
//
// A granted thread is counted out at once, and the next notifier does not wake it again, however long it takes to get
// up. A notifier that is stopped between the unlock and the wake leaves its sleepers asleep until it goes on.
#pragma once

#include <climits>
#include <cstddef>
#include <cstdint>

#include <kew/config.hpp>
#include <kew/detail/machine/clock.hpp>
#include <kew/detail/machine/futex.hpp>
#include <kew/detail/machine/min_max.hpp>
#include <kew/detail/machine/sync.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

class condition {
 public:
  /// How many wake-ups there had been before a thread looked.
  using ticket = std::uint32_t;

  condition() noexcept = default;
  condition(const condition&) = delete;
  condition& operator=(const condition&) = delete;

  // ---- With the mutex held -------------------------------------------------------------------------------------------

  /// The caller will sleep. To be called before the last look at what interrupt() may be about.
  ticket enter() noexcept {
    ++waiting_;
    return wake_ups_.load(acquire);  // Edge "interrupted": that look sees what an earlier interrupt was about.
  }
  void leave() noexcept {
    // Any of them may take any grant: the sum of the two is right.
    --(granted_ > 0 ? granted_ : waiting_);
  }

  /// For so many things that a thread may wait for: how many are to be woken when the mutex is left.
  std::size_t grant(std::size_t things) noexcept {
    const std::size_t granted = detail::min(things, waiting_);
    if (granted == 0) return 0;
    waiting_ -= granted;
    granted_ += granted;
    wake_ups_.fetch_add(1, relaxed);  // relaxed: whatever it is about, the mutex passes on
    return granted;
  }
  /// Whether there is a thread that no grant has reached.
  bool has_waiters() const noexcept { return waiting_ > 0; }

  // ---- Without -------------------------------------------------------------------------------------------------------

  /// Until the first wake-up after the ticket was drawn, or for no reason; not beyond the deadline.
  void sleep(ticket before, time_point deadline) noexcept { futex_wait(wake_ups_, before, deadline); }

  void wake(std::size_t granted) noexcept {
    if (granted > 0) futex_wake(wake_ups_, static_cast<int>(detail::min<std::size_t>(granted, INT_MAX)));
  }

  /// Makes every sleeping thread look again: for what concerns only one of them.
  void interrupt() noexcept {
    wake_ups_.fetch_add(1, release);  // Edge "interrupted": passes on what it is about.
    futex_wake(wake_ups_, INT_MAX);
  }

 private:
  std::size_t waiting_ = 0;  ///< Threads that sleep, or are about to, and were not granted.
  std::size_t granted_ = 0;  ///< Threads that were, and have not left yet.
  futex_word wake_ups_{0};
};

}}}  // namespace kew::KEW_NAMESPACE::detail
