// How a thread waits in a blocking_queue or a channel: the last template parameter of both.
//
//   spin_wait       polls without pause. Shortest delay; uses a whole core; only where each thread has its own.
//   yield_wait      polls, and offers the core to others in between. Uses what no other thread wants.
//   park_wait       sleeps at once. No processor time while it waits; each wake-up costs the kernel's.
//   adaptive_wait   polls for about ten microseconds, then sleeps. The default.
//
// A policy is made anew for each wait and asked after each fruitless poll. A queue over mpmc_ring, mpsc_ring or
// spmc_ring adds a few yields to a policy that sleeps: a thread of several on one side that is woken again and again
// for what another of them takes yields before it sleeps once more, as long as the stream goes on meanwhile
// (detail/wait/yield_record.hpp). That is so where threads outnumber the cores. The choice does not change what
// a queue guarantees. With spin_wait and yield_wait no thread ever has to be woken, so a queue with one of
// them does not even look for sleepers.
//
// A push without a time limit, and a batch, that find the queue full poll up to 256 times, with adaptive_wait and
// spin_wait, until there is room for a sixteenth of the capacity, as long as elements come out: a producer that comes back
// for each single slot slows its consumer down.
// A pop that loses an element of an mpmc_ring or spmc_ring to another consumer pauses 32 times before it looks for the next.
#pragma once

#include <concepts>

#include <kew/config.hpp>
#include <kew/detail/machine/sync.hpp>
#include <kew/detail/machine/tuning.hpp>

namespace kew { inline namespace KEW_NAMESPACE {

/// `poll_again()` pauses as it likes and says true for another poll, false to sleep until a wake-up; `parks`
/// says whether it can ever be false.
template <class W>
concept wait_policy = std::default_initializable<W> && requires(W wait) {
  { W::parks } -> std::convertible_to<bool>;
  { wait.poll_again() } noexcept -> std::same_as<bool>;
};

/// Polls without pause: the shortest delay, for threads that have a core each.
struct spin_wait {
  static constexpr bool parks = false;  ///< Never sleeps, so no thread has to wake it.
  /// Always another poll, after the processor's pause instruction.
  bool poll_again() noexcept {
    detail::cpu_relax();
    return true;
  }
};

/// Polls, and offers the core to others in between: for threads that outnumber the cores and may not sleep.
struct yield_wait {
  static constexpr bool parks = false;  ///< Never sleeps, so no thread has to wake it.
  /// Always another poll, after other threads have had the core, if they wanted it.
  bool poll_again() noexcept {
    detail::yield();
    return true;
  }
};

/// Sleeps at once: no processor time while it waits, some microseconds and a system call for each wake-up.
struct park_wait {
  static constexpr bool parks = true;  ///< Sleeps until it is woken.
  /// Never another poll.
  bool poll_again() noexcept { return false; }
};

/// Polls for about ten microseconds, then sleeps: where that is what a sleep and a wake-up take, at most about twice
/// the cost of the better of the two. The default.
class adaptive_wait {
 public:
  static constexpr bool parks = true;  ///< Sleeps until it is woken.
  /// Another poll, as long as sleeping and waking up would have taken longer than what has been polled so far.
  bool poll_again() noexcept {
    if (polls_ == detail::tuning::adaptive_polls) return false;
    ++polls_;
    detail::cpu_relax();
    return true;
  }

 private:
  unsigned polls_ = 0;
};

}}  // namespace kew::KEW_NAMESPACE
