// The smallest thing to wait for at a wait point: a count of tokens.
#pragma once

#include "explorer.hpp"
#include "probe.hpp"
#include "scenario.hpp"
#include "sync.hpp"

#include <kew/detail/wait/wait_point.hpp>

#include <cstdint>

namespace scenarios {

using namespace kew::detail;

/// An entry of a thread, which sleeps on a word of its own. Both sides leave plain data for the other.
class told_thread : public wait_entry {
 public:
  explicit told_thread(attention kind = attention::takes) noexcept : wait_entry(tell, kind) {}

  /// Only while it is not listed.
  void prepare(int round) {
    told_.store(0, relaxed);
    round_ = probe(round);
  }
  void sleep() {
    while (told_.load(relaxed) == 0) futex_wait(told_, 0, never);
  }
  /// Whether it was told in that round; after it was removed.
  bool told(int round) const { return answer_ == round; }

 private:
  static void tell(wait_entry& entry) noexcept {
    auto& self = static_cast<told_thread&>(entry);
    self.answer_ = probe(self.round_.value());
    self.told_.store(1, relaxed);
    futex_wake(self.told_, 1);
  }

  probe round_{0};
  probe answer_{0};
  kew::detail::atomic<std::uint32_t> told_{0};
};

/// A round of a wait: prepares for it, or sleeps where that is done.
inline void wait_on(sleeper& waiting, time_point deadline = never) {
  if (waiting.prepared())
    waiting.sleep(deadline);
  else
    waiting.prepare();
}

/// The smallest thing to wait for: a count of tokens, where each take() takes one.
class tokens {
 public:
  void put(unsigned n = 1) {
    count_.fetch_add(n, release);
    place_.notify(n);
  }
  /// False once the deadline is over and there is no token.
  bool take(time_point deadline = never) {
    sleeper waiting(place_);
    for (;;) {
      if (try_take()) {
        waiting.satisfied();
        return true;
      }
      if (deadline != never && now() >= deadline) return false;
      wait_on(waiting, deadline);
    }
  }
  /// Waits for a token for a while, and leaves it where it is, as a push does whose element throws when it is made.
  void find() {
    const time_point deadline = now() + for_a_while;
    sleeper waiting(place_);
    while (count_.load(acquire) == 0 && now() < deadline) wait_on(waiting, deadline);
  }
  /// Goes through the motions of waiting, then goes away without a token. What it was woken for, if it was,
  /// is somebody else's.
  void change_of_mind() {
    sleeper waiting(place_);
    if (waiting.prepare() && explorer::choose(2) == 0) waiting.sleep(now() + for_a_while);
  }
  /// As take(), by an entry; a round more for each time that it was told in vain.
  void take_by_entry() {
    told_thread self;
    for (int round = 1;; ++round) {
      self.prepare(round);
      place_.add(self);
      place_.settle();
      if (try_take()) {
        const bool told = !place_.remove(self);
        expect(self.told(round) == told, "an entry that is not in the list any more was told");
        if (told) place_.notify();
        return;
      }
      self.sleep();
      expect(!place_.remove(self) && self.told(round), "an entry that was told is not in the list any more");
      if (try_take()) return;
    }
  }
  /// Enters the list, and goes away without a token.
  void change_of_mind_by_entry() {
    told_thread self;
    self.prepare(1);
    place_.add(self);
    place_.settle();
    if (!place_.remove(self)) place_.notify();
  }
  /// The same, where somebody watches.
  void put_seen() {
    ever_.store(1, release);
    put();
  }
  /// Waits until there has been a token, and leaves it to others.
  void watch() {
    told_thread self(attention::watches);
    self.prepare(1);
    place_.add(self);
    place_.settle();
    if (ever_.load(acquire) == 0) self.sleep();
    place_.remove(self);
    expect(ever_.load(acquire) != 0, "an entry that watches was told of something");
  }
  bool try_take() {
    unsigned seen = count_.load(acquire);
    while (seen > 0)
      if (count_.compare_exchange_weak(seen, seen - 1, acq_rel, acquire)) return true;
    return false;
  }
  wait_point& place() { return place_; }

 private:
  kew::detail::atomic<unsigned> count_{0};
  kew::detail::atomic<unsigned> ever_{0};
  wait_point place_;
};

KEW_MODEL_OPERATION(put, put());
KEW_MODEL_OPERATION(put_two_at_once, put(2));
KEW_MODEL_OPERATION(put_seen, put_seen());
KEW_MODEL_OPERATION(take, take());
KEW_MODEL_OPERATION(take_by_entry, take_by_entry());
KEW_MODEL_OPERATION(watch, watch());
KEW_MODEL_OPERATION(change_of_mind, change_of_mind());
KEW_MODEL_OPERATION(change_of_mind_by_entry, change_of_mind_by_entry());
KEW_MODEL_OPERATION(find, find());

/// Threads that are lists of operations, at one place.
template <class Place, class... Thread>
void threads_at() {
  Place place;
  together([&] { Thread::run(place); }...);
}

}  // namespace scenarios
