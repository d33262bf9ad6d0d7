// What the threads of a scenario did to a queue, and whether a bounded FIFO could have done it.
//
// Two orders can be asked for. `happens_before`: an operation precedes another if its end happens before the
// other's begin, which is all that the threads themselves can know. `real_time`: everything that has ended
// precedes everything that begins later; for that each operation stands between two full fences, without
// which no machine keeps that order.
//
// In real time and between two threads, all outcomes need one common order. Else `full`, `empty` and
// is_closed() are facts one by one: that is what C++ grants, as it does not make stores visible to all
// threads at the same time. Today's machines do.
#pragma once

#include "explorer.hpp"

#include <cstdint>

namespace explorer {

enum class precedence { happens_before, real_time };

/// `…_in_time`: what a timed call says when its time has run out, whether the queue is closed or not.
enum class outcome : std::uint8_t { success, full, empty, busy, closed, full_in_time, empty_in_time, given_up };

class history {
 public:
  enum class kind : std::uint8_t { push, pop, close, is_closed, in_vain, producer_leaves, consumer_leaves };

  /// How many values the queue can hold.
  explicit history(precedence order, int capacity) : order_(order), capacity_(capacity) {}

  /// How many handles each side has; the last one to leave closes.
  void sides(int producers, int consumers) {
    producers_ = producers;
    consumers_ = consumers;
  }

  /// A push that overlaps a close may succeed after it, until a pop has said that the queue is closed and
  /// drained. Else a push that succeeds comes before every close.
  void closes_softly() { closes_softly_ = true; }

  int begin(kind what, int value = 0);
  void end(int event, outcome how, int value = 0);
  /// A second success inside the same call, as batches have.
  void also(int event, int value);
  /// One more operation of the same kind, begun when that one was.
  int repeat(int event, int value);
  /// Forgets an operation that has no say: one that threw, or was given up.
  void forget(int event);

  /// How many values went in, or came out.
  int successes(kind what) const;

  /// Fails the scenario unless some order of the operations explains all outcomes. Values are unique.
  void judge() const;

 private:
  static constexpr int most = 32;

  struct event {
    kind what;
    outcome how;
    bool counts;
    int value;
    int thread;
    int begun;
    int ended;
    engine::moment before;
    engine::moment after;
  };

  class model;
  class search;

  void stand_still() const;
  int threads() const;
  bool precedes(const event& a, const event& b) const;
  std::string text() const;

  precedence order_;
  int capacity_;
  bool closes_softly_ = false;
  int producers_ = 0;
  int consumers_ = 0;
  int count_ = 0;
  int time_ = 0;
  event events_[most];
};

}  // namespace explorer
