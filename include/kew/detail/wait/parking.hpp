// Where threads sleep until somebody has something for them, at no cost to whoever finds nobody asleep.
//
// The word of a parking_place counts two things:
//
//     permits · 2^32 + sleepers
//
// A thread that is going to sleep adds itself to the sleepers and looks once more for what it waits for. A
// notifier turns one sleeper into one permit and wakes one thread, which takes the permit away. So a further
// notifier finds that thread counted out already and does not wake it again, however long it takes to get up.
// Sleepers have no names: any of them may take any permit, and none goes to sleep while there is one. So there
// are always at least as many sleepers in the count as threads that the kernel has asleep.
//
// The rule that makes it safe: a thread that has taken a permit and goes away without what it was woken for
// passes it on. A `sleeper` sees to that.
//
// Source     an event count (D. Reed and R. Kanodia, "Synchronization with Eventcounts and Sequencers", 1979) with
//            a semaphore's permits; the look-again is T. Dekker's handshake.
#pragma once

#include <climits>
#include <cstddef>
#include <cstdint>

#include <kew/detail/machine/cache_line.hpp>
#include <kew/detail/machine/clock.hpp>
#include <kew/detail/machine/futex.hpp>
#include <kew/detail/machine/min_max.hpp>
#include <kew/detail/machine/sync.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

class alignas(cache_line) parking_place {
 public:
  /// The wake-ups that there had been before a thread entered.
  using ticket = std::uint32_t;

  parking_place() noexcept { prepare_fences(); }
  parking_place(const parking_place&) = delete;
  parking_place& operator=(const parking_place&) = delete;

  /// Counts the caller as a sleeper. It looks once more for what it waits for, and then it sleeps or leaves.
  ticket enter() noexcept {
    // Edge "interrupt": what an earlier one was about is seen by the look. And the count is not moved before this:
    // no wake-up of somebody who is counted may be missed.
    const ticket before = wake_ups_.load(acquire);
    word_.fetch_add(one_sleeper, relaxed);  // relaxed: the fence in settle() orders it
    return before;
  }

  /// To be called between entering and the look: what notifiers did before they looked for sleepers in vain is
  /// seen by the look. False where the kernel refuses: the caller may not sleep on what it sees.
  bool settle() noexcept {
    return fence_heavy();  // Edge "look again"
  }

  /// Sleeps until the first wake-up after the ticket was drawn, or for no reason; not beyond the deadline. True:
  /// the caller has taken a permit. In any case it is not counted any more.
  bool sleep(ticket before, time_point deadline) noexcept {
    // A permit that is there already was given before the ticket was drawn, so nothing would end a sleep for it.
    const bool woken = permits(word_.load(relaxed)) > 0 || futex_wait(wake_ups_, before, deadline);
    return leave(woken);
  }

  /// Takes the caller out of the count, or takes a permit away and says true.
  bool leave(bool woken = false) noexcept {
    std::uint64_t word = word_.load(relaxed);
    for (;;) {
      // Who was woken takes the permit that it was woken with. Anybody else leaves permits to those who were
      // woken, as long as there is a sleeper to be counted out.
      const bool permit = permits(word) > 0 && (woken || sleepers(word) == 0);
      // Edge "park": takes over what the notifier had done.
      if (word_.compare_exchange_weak(word, word - (permit ? one_permit : one_sleeper), acquire, relaxed))
        return permit;
    }
  }

  /// Wakes up to `n` sleepers, for as many things that they may be waiting for. No kernel call and no fence
  /// where nobody sleeps.
  void notify(std::size_t n = 1) noexcept {
    // Edge "look again": whoever is not seen asleep here will see, at its last look, what was done before.
    fence_light();
    const std::uint64_t word = word_.load(relaxed);
    if (sleepers(word) > 0) [[unlikely]]
      wake(word, n);
  }

  void notify_all() noexcept { notify(UINT32_MAX); }

  /// Makes every thread that sleeps look again, without a permit: for what concerns only one of them.
  void interrupt() noexcept {
    wake_ups_.fetch_add(1, release);  // Edge "interrupt": passes on what it is about.
    futex_wake(wake_ups_, INT_MAX);
  }

 private:
  static constexpr std::uint64_t one_sleeper = 1;
  static constexpr std::uint64_t one_permit = std::uint64_t{1} << 32;

  static constexpr std::uint32_t sleepers(std::uint64_t word) noexcept { return static_cast<std::uint32_t>(word); }
  static constexpr std::uint32_t permits(std::uint64_t word) noexcept { return static_cast<std::uint32_t>(word >> 32); }

  [[gnu::noinline]] void wake(std::uint64_t word, std::size_t n) noexcept {
    while (sleepers(word) > 0) {
      const auto woken = static_cast<std::uint32_t>(min<std::size_t>(n, sleepers(word), INT_MAX));
      // Edge "park": passes on what this thread has done.
      if (word_.compare_exchange_weak(word, word + woken * one_permit - woken * one_sleeper, release, relaxed)) {
        wake_ups_.fetch_add(1, relaxed);
        futex_wake(wake_ups_, static_cast<int>(woken));
        return;
      }
    }
  }

  atomic<std::uint64_t> word_{0};
  /// What the kernel compares before it puts a thread to sleep.
  atomic<std::uint32_t> wake_ups_{0};
};

/// One thread's wait at a parking_place, which it may enter and leave several times. However that ends,
/// by an exception too, nobody is counted as asleep who is not, and no permit is lost.
class sleeper {
 public:
  explicit sleeper(parking_place& place) noexcept : place_(place) {}
  sleeper(const sleeper&) = delete;
  sleeper& operator=(const sleeper&) = delete;
  ~sleeper() {
    leave();
    if (permit_) place_.notify();
  }

  bool entered() const noexcept { return entered_; }

  /// True: the caller looks once more, and then it may sleep. False: it cannot sleep now and has to go on looking.
  bool enter() noexcept {
    // What a permit of before was given for, somebody else has taken: the caller has looked in vain since.
    permit_ = false;
    ticket_ = place_.enter();
    entered_ = true;
    if (place_.settle()) return true;
    leave();
    return false;
  }

  void sleep(time_point deadline) noexcept {
    permit_ = place_.sleep(ticket_, deadline);
    entered_ = false;
  }

  void leave() noexcept {
    if (!entered_) return;
    permit_ = place_.leave();
    entered_ = false;
  }

  /// The caller has what it waited for.
  void satisfied() noexcept {
    leave();
    permit_ = false;
  }

 private:
  parking_place& place_;
  parking_place::ticket ticket_ = 0;
  bool entered_ = false;
  bool permit_ = false;
};

}}}  // namespace kew::KEW_NAMESPACE::detail
