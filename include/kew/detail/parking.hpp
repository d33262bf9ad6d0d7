// Where threads sleep until somebody has something for them, at no cost to whoever finds nobody asleep.
//
// The word of a parking_place counts two things:
//
//     permits · 65,536 + sleepers
//
// A thread that is going to sleep adds itself to the sleepers, looks once more for what it waits for, and
// sleeps until it can take a permit. A notifier turns one sleeper into one permit. So each notification
// wakes one thread, and a further one finds that thread counted out already and does not wake it again.
// Sleepers have no names: any of them may take any permit.
//
// The rule that makes it safe: a thread that has taken a permit and goes away without what it was woken for
// passes it on. A `sleeper` sees to that.
//
// Source     the counts are those of an event count (D. Reed and R. Kanodia, "Synchronization with Eventcounts
//            and Sequencers", 1979) with a semaphore's permits; the look-again is E. Dijkstra's and T. Dekker's.
#pragma once

#include <algorithm>
#include <climits>
#include <cstddef>
#include <cstdint>

#include <kew/detail/cache_line.hpp>
#include <kew/detail/sync.hpp>

namespace kew::inline KEW_NAMESPACE::detail {

class alignas(cache_line) parking_place {
 public:
  parking_place() noexcept { prepare_fences(); }
  parking_place(const parking_place&) = delete;
  parking_place& operator=(const parking_place&) = delete;

  /// Counts the caller as a sleeper: it looks once more, and then it sleeps or leaves. False: it cannot sleep
  /// now and has to go on polling.
  bool enter() noexcept {
    std::uint32_t word = word_.load(relaxed);
    do {
      if (sleepers(word) == most_sleepers) return false;
      // Edge "park": after this the notifiers see a sleeper, or …
    } while (!word_.compare_exchange_weak(word, word + one_sleeper, acq_rel, relaxed));
    // Edge "look again": … the coming look sees what they have done before they looked for sleepers.
    if (fence_heavy()) return true;
    if (leave()) notify();
    return false;
  }

  /// Takes the caller out of the count or, where a notifier has done that already, takes its permit and says
  /// true.
  bool leave() noexcept {
    std::uint32_t word = word_.load(relaxed);
    for (;;) {
      // A sleeper before a permit: while others are counted as asleep, a permit that is there is for them.
      const std::uint32_t mine = sleepers(word) > 0 ? one_sleeper : one_permit;
      if (word_.compare_exchange_weak(word, word - mine, acq_rel, relaxed)) return mine == one_permit;  // Edge "park"
    }
  }

  /// Sleeps until there is a permit, takes it and says true; or until the deadline: then false, without one.
  bool sleep(time_point deadline) noexcept {
    for (;;) {
      std::uint32_t word = word_.load(relaxed);
      while (permits(word) > 0)
        // Edge "park": takes over what the notifier had done.
        if (word_.compare_exchange_weak(word, word - one_permit, acq_rel, relaxed)) return true;
      if (!futex_wait(word_, word, deadline)) return leave();
    }
  }

  /// Wakes up to `n` sleepers, for as many things that they may be waiting for. No kernel call and no fence
  /// if nobody sleeps.
  void notify(std::size_t n = 1) noexcept {
    // Edge "look again": whoever is not seen asleep here will see, at its last look, what was done before.
    fence_light();
    std::uint32_t word = word_.load(relaxed);
    if (sleepers(word) == 0) [[likely]] return;
    wake(word, n);
  }

  void notify_all() noexcept { notify(most_sleepers); }

 private:
  static constexpr std::uint32_t one_sleeper = 1;
  static constexpr std::uint32_t one_permit = 1u << 16;
  static constexpr std::uint32_t most_sleepers = one_permit - 1;

  static constexpr std::uint32_t sleepers(std::uint32_t word) noexcept { return word & most_sleepers; }
  static constexpr std::uint32_t permits(std::uint32_t word) noexcept { return word >> 16; }

  void wake(std::uint32_t word, std::size_t n) noexcept {
    for (;;) {
      const auto woken = static_cast<std::uint32_t>(std::min<std::size_t>(n, std::min(sleepers(word), most_sleepers - permits(word))));
      if (woken == 0) return;
      // Edge "park": passes on what this thread has done.
      if (word_.compare_exchange_weak(word, word + woken * one_permit - woken * one_sleeper, acq_rel, relaxed)) {
        futex_wake(word_, woken == sleepers(word) ? INT_MAX : static_cast<int>(woken));
        return;
      }
    }
  }

  atomic<std::uint32_t> word_{0};
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

  bool enter() noexcept {
    // What a permit of before was given for, somebody else has taken: the caller has looked in vain since.
    permit_ = false;
    return entered_ = place_.enter();
  }

  void sleep(time_point deadline) noexcept {
    permit_ = place_.sleep(deadline);
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
  bool entered_ = false;
  bool permit_ = false;
};

}  // namespace kew::inline KEW_NAMESPACE::detail
