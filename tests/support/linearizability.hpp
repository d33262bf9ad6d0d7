// Decides whether a recorded history is that of a first-in, first-out queue.
//
// A history is what threads saw: for each operation when it was called, when it had returned, and what
// it said. It is linearizable if each operation can be given one instant between the two at which it
// took effect, so that the effects in their order are what a sequential queue would have done.
//
// For unique values and an unbounded queue a history is wrong exactly if it shows one of four patterns
// (T. Henzinger, A. Sezgin, V. Vafeiadis, "Aspect-Oriented Linearizability Proofs", CONCUR 2013):
//   - a value popped that was not pushed, or before its push began;
//   - a value popped twice;
//   - x pushed wholly before y, and y popped wholly before x, or x never;
//   - a pop that said empty although at every instant of it some element was surely inside.
// Two more conditions are necessary for a bounded queue: never are more than `capacity` elements surely
// inside, and a push that said full contains an instant at which `capacity` elements may have been.
// They are checked on intervals narrowed by what FIFO order implies, which finds most wrong histories
// but not all; what it calls wrong is wrong. The brute-force search below is exact and exponential.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <span>
#include <vector>

namespace kew_test {

using stamp = std::int64_t;

struct operation {
  enum class kind : std::uint8_t { push, push_full, pop, pop_empty };

  kind what;
  std::uint32_t value;  // of push and pop; values are small numbers, each pushed at most once
  stamp invoked;
  stamp answered;
};

/// Null if no condition is violated, else what is wrong.
using verdict = const char*;

class fifo_checker {
 public:
  static constexpr std::size_t unbounded = std::numeric_limits<std::size_t>::max();

  verdict operator()(std::span<const operation> history, std::size_t capacity) {
    if (const verdict wrong = collect(history)) return wrong;
    if (const verdict wrong = check_order()) return wrong;
    if (capacity != unbounded) {
      // Each round carries a bound one step further along a chain of elements; more than a few find little.
      for (int round = 0; round < 3; ++round)
        if (const verdict wrong = narrow()) return wrong;
    }
    if (const verdict wrong = check_empty()) return wrong;
    if (capacity == unbounded) return fulls_.empty() ? nullptr : "an unbounded queue said full";
    if (const verdict wrong = check_bound(capacity)) return wrong;
    return check_full(capacity);
  }

 private:
  static constexpr stamp never = std::numeric_limits<stamp>::max();
  static constexpr stamp before_all = std::numeric_limits<stamp>::min();

  // Pushed at some instant of [push_begin, push_end], popped at one of [pop_begin, pop_end].
  struct element {
    stamp push_begin = never;
    stamp push_end = never;
    stamp pop_begin = never;
    stamp pop_end = never;
    bool pushed = false;
    bool popped = false;
  };

  struct interval {
    stamp begin;
    stamp end;
  };

  verdict collect(std::span<const operation> history) {
    std::uint32_t largest = 0;
    for (const operation& done : history) largest = std::max(largest, done.value);
    elements_.assign(history.empty() ? 0 : largest + std::size_t{1}, element{});
    empties_.clear();
    fulls_.clear();
    for (const operation& done : history) {
      element& it = elements_[done.value];
      switch (done.what) {
        case operation::kind::push:
          if (it.pushed) return "a value pushed twice: the history is no test";
          it.pushed = true;
          it.push_begin = done.invoked;
          it.push_end = done.answered;
          break;
        case operation::kind::pop:
          if (it.popped) return "a value popped twice";
          it.popped = true;
          it.pop_begin = done.invoked;
          it.pop_end = done.answered;
          break;
        case operation::kind::push_full: fulls_.push_back({done.invoked, done.answered}); break;
        case operation::kind::pop_empty: empties_.push_back({done.invoked, done.answered}); break;
      }
    }
    for (const element& it : elements_) {
      if (it.popped && !it.pushed) return "a value popped that was never pushed";
      if (it.popped && it.pop_end < it.push_begin) return "a value popped before its push began";
    }
    std::erase_if(elements_, [](const element& it) { return !it.pushed; });
    return nullptr;
  }

  verdict check_order() {
    sort_by(by_push_end_, &element::push_end);
    sort_by(by_push_begin_, &element::push_begin);
    stamp latest_pop = before_all;
    std::size_t i = 0;
    for (const std::size_t y : by_push_begin_) {
      for (; i < by_push_end_.size() && at(by_push_end_[i]).push_end < at(y).push_begin; ++i)
        latest_pop = std::max(latest_pop, at(by_push_end_[i]).pop_begin);
      if (at(y).popped && at(y).pop_end < latest_pop) return "two values popped against the order of their pushes";
    }
    return nullptr;
  }

  verdict check_empty() {
    if (empties_.empty()) return nullptr;
    // The union of the open intervals in which some element is surely inside.
    occupied_.clear();
    sort_by(by_push_end_, &element::push_end);
    for (const std::size_t x : by_push_end_) {
      const element& it = at(x);
      if (it.push_end >= it.pop_begin) continue;
      if (!occupied_.empty() && it.push_end < occupied_.back().end)
        occupied_.back().end = std::max(occupied_.back().end, it.pop_begin);
      else
        occupied_.push_back({it.push_end, it.pop_begin});
    }
    for (const interval& empty : empties_) {
      const auto after = std::ranges::lower_bound(occupied_, empty.begin, {}, &interval::begin);
      if (after != occupied_.begin() && empty.end < std::prev(after)->end)
        return "a pop said empty while something was surely inside";
    }
    return nullptr;
  }

  verdict check_bound(std::size_t capacity) {
    events_.clear();
    // One leaves before another enters at the same stamp: both orders are possible, the test is for certainty.
    for (const element& it : elements_) {
      if (it.push_end >= it.pop_begin) continue;
      events_.push_back({it.push_end, +1});
      events_.push_back({it.pop_begin, -1});
    }
    std::ranges::sort(events_,
                      [](const event& a, const event& b) { return a.at != b.at ? a.at < b.at : a.step < b.step; });
    std::ptrdiff_t inside = 0;
    for (const event& it : events_) {
      inside += it.step;
      if (inside > static_cast<std::ptrdiff_t>(capacity)) return "more than capacity surely inside";
    }
    return nullptr;
  }

  verdict check_full(std::size_t capacity) {
    if (fulls_.empty()) return nullptr;
    entries_.clear();
    exits_.clear();
    for (const element& it : elements_) {
      entries_.push_back(it.push_begin);
      exits_.push_back(it.pop_end);
    }
    std::ranges::sort(entries_);
    std::ranges::sort(exits_);
    // How many may be inside at each entry: between two entries the number only falls.
    const std::size_t n = entries_.size();
    most_.assign(2 * n, 0);
    for (std::size_t i = 0; i < n; ++i) most_[n + i] = possibly_inside(entries_[i]);
    for (std::size_t i = n; i-- > 1;) most_[i] = std::max(most_[2 * i], most_[2 * i + 1]);
    for (const interval& full : fulls_) {
      std::size_t most = possibly_inside(full.begin);
      auto low = static_cast<std::size_t>(std::ranges::lower_bound(entries_, full.begin) - entries_.begin()) + n;
      auto high = static_cast<std::size_t>(std::ranges::upper_bound(entries_, full.end) - entries_.begin()) + n;
      for (; low < high; low /= 2, high /= 2) {
        if (low % 2 != 0) most = std::max(most, most_[low++]);
        if (high % 2 != 0) most = std::max(most, most_[--high]);
      }
      if (most < capacity) return "a push said full while fewer than capacity can have been inside";
    }
    return nullptr;
  }

  std::size_t possibly_inside(stamp when) const {
    const auto entered = std::ranges::upper_bound(entries_, when) - entries_.begin();
    const auto left = std::ranges::lower_bound(exits_, when) - exits_.begin();
    return static_cast<std::size_t>(entered - left);
  }

  // Order between two pushes bounds the two pops, and the other way round; a pop bounds its own push.
  verdict narrow() {
    for (element& it : elements_) {
      it.push_end = std::min(it.push_end, it.pop_end);
      it.pop_begin = std::max(it.pop_begin, it.push_begin);
    }
    raise(&element::push_end, &element::push_begin, &element::pop_begin);
    raise(&element::pop_end, &element::pop_begin, &element::push_begin);
    lower(&element::push_begin, &element::push_end, &element::pop_end);
    lower(&element::pop_begin, &element::pop_end, &element::push_end);
    for (const element& it : elements_)
      if (it.push_end < it.push_begin || it.pop_end < it.pop_begin) return "no order of the elements fits";
    return nullptr;
  }

  // Whatever ends (by `end`) before y begins (by `begin`) precedes y, so y's `bound` is at least its `bound`.
  void raise(stamp element::* end, stamp element::* begin, stamp element::* bound) {
    sort_by(first_, end);
    sort_by(second_, begin);
    stamp highest = before_all;
    std::size_t i = 0;
    for (const std::size_t y : second_) {
      for (; i < first_.size() && at(first_[i]).*end < at(y).*begin; ++i)
        highest = std::max(highest, at(first_[i]).*bound);
      at(y).*bound = std::max(at(y).*bound, highest);
    }
  }

  // Whatever begins after x ends follows x, so x's `bound` is at most its `bound`.
  void lower(stamp element::* begin, stamp element::* end, stamp element::* bound) {
    sort_by(first_, begin);
    sort_by(second_, end);
    stamp lowest = never;
    std::size_t i = first_.size();
    for (std::size_t j = second_.size(); j-- > 0;) {
      const std::size_t x = second_[j];
      for (; i > 0 && at(first_[i - 1]).*begin > at(x).*end; --i) lowest = std::min(lowest, at(first_[i - 1]).*bound);
      at(x).*bound = std::min(at(x).*bound, lowest);
    }
  }

  element& at(std::size_t i) { return elements_[i]; }

  void sort_by(std::vector<std::size_t>& order, stamp element::* key) {
    order.resize(elements_.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::ranges::sort(order, {}, [&](std::size_t i) { return elements_[i].*key; });
  }

  struct event {
    stamp at;
    int step;
  };

  std::vector<element> elements_;
  std::vector<interval> empties_, fulls_, occupied_;
  std::vector<std::size_t> by_push_end_, by_push_begin_, first_, second_;
  std::vector<event> events_;
  std::vector<stamp> entries_, exits_;
  std::vector<std::size_t> most_;
};

/// Tries every order that the stamps allow on a sequential queue.
class brute_force {
 public:
  bool operator()(std::span<const operation> history, std::size_t capacity) {
    history_ = history;
    capacity_ = capacity;
    done_.assign(history.size(), false);
    inside_.clear();
    return search(history.size());
  }

 private:
  bool search(std::size_t left) {
    if (left == 0) return true;
    stamp first_answer = std::numeric_limits<stamp>::max();
    for (std::size_t i = 0; i < history_.size(); ++i)
      if (!done_[i]) first_answer = std::min(first_answer, history_[i].answered);
    for (std::size_t i = 0; i < history_.size(); ++i) {
      const operation& next = history_[i];
      if (done_[i] || next.invoked > first_answer) continue;
      bool found = false;
      done_[i] = true;
      switch (next.what) {
        case operation::kind::push:
          if (inside_.size() < capacity_) {
            inside_.push_back(next.value);
            found = search(left - 1);
            inside_.pop_back();
          }
          break;
        case operation::kind::pop:
          if (!inside_.empty() && inside_.front() == next.value) {
            inside_.pop_front();
            found = search(left - 1);
            inside_.push_front(next.value);
          }
          break;
        case operation::kind::push_full: found = inside_.size() >= capacity_ && search(left - 1); break;
        case operation::kind::pop_empty: found = inside_.empty() && search(left - 1); break;
      }
      done_[i] = false;
      if (found) return true;
    }
    return false;
  }

  std::span<const operation> history_;
  std::size_t capacity_ = 0;
  std::vector<bool> done_;
  std::deque<std::uint32_t> inside_;
};

}  // namespace kew_test
