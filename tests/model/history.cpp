#include "history.hpp"

#include <algorithm>
#include <string>

namespace explorer {

void history::stand_still() const {
  // No line: a fence of the scenario is not one of kew's places.
  if (order_ == precedence::real_time) engine::fence(std::memory_order_seq_cst, site{});
}

int history::begin(kind what, int value) {
  if (count_ == most) fail("more operations than a history can hold");
  const int index = count_++;
  event& made = events_[index];
  made = {what, outcome::given_up, false, value, this_thread(), 0, most * most, {}, {}};
  stand_still();
  made.begun = ++time_;
  made.before = engine::this_moment();
  return index;
}

void history::end(int index, outcome how, int value) {
  event& ended = events_[index];
  stand_still();
  ended.how = how;
  ended.counts = true;
  if (ended.what == kind::pop || ended.what == kind::is_closed) ended.value = value;
  ended.ended = ++time_;
  ended.after = engine::this_moment();
}

void history::also(int index, int value) {
  if (count_ == most) fail("more operations than a history can hold");
  event copy = events_[index];
  copy.value = value;
  events_[count_++] = copy;
}

int history::repeat(int index, int value) {
  if (count_ == most) fail("more operations than a history can hold");
  events_[count_] = events_[index];
  events_[count_].value = value;
  return count_++;
}

void history::forget(int index) { events_[index].counts = false; }

bool history::precedes(const event& a, const event& b) const {
  if (a.thread == b.thread) return &a < &b;
  if (order_ == precedence::real_time) return a.ended < b.begun;
  return b.before.clock[a.thread] >= a.after.clock[a.thread];
}

/// Tries all orders that respect the precedence, and remembers which states lead nowhere.
class history::search {
 public:
  explicit search(const history& of) : of_(of) {
    for (int i = 0; i < of.count_; ++i) {
      const event& each = of.events_[i];
      if (!each.counts) continue;
      all_ |= bit(i);
      for (int j = 0; j < of.count_; ++j) {
        if (i == j || !of.events_[j].counts) continue;
        if (of.precedes(of.events_[j], each)) before_[i] |= bit(j);
      }
    }
    for (int i = 0; i < of.count_; ++i) {
      if ((all_ & bit(i)) == 0 || of.events_[i].how != outcome::busy) continue;
      // Somebody else must have been in the middle of something.
      bool accompanied = false;
      for (int j = 0; j < of.count_; ++j) {
        const bool apart = (before_[i] & bit(j)) != 0 || (before_[j] & bit(i)) != 0;
        accompanied |= i != j && !apart && of.events_[j].thread != of.events_[i].thread;
      }
      if (!accompanied) lonely_busy_ = true;
      done_ |= bit(i);
    }
  }

  bool explained() {
    if (lonely_busy_) return false;
    if (of_.order_ == precedence::real_time) return from(done_);
    // Without fences between the operations, two threads may each miss what the other has just done, as in
    // store buffering. So each look at the queue has its own instant, and what happened to the values one
    // order for all.
    std::uint32_t looks = 0;
    for (int i = 0; i < of_.count_; ++i)
      if ((all_ & ~done_ & bit(i)) != 0 && is_look(of_.events_[i])) looks |= bit(i);
    if (!from(done_ | looks)) return false;
    for (int i = 0; i < of_.count_; ++i) {
      if ((looks & bit(i)) == 0) continue;
      start_again();
      if (!from((done_ | looks) & ~bit(i))) return false;
    }
    return true;
  }

 private:
  static std::uint32_t bit(int i) { return std::uint32_t{1} << i; }

  bool from(std::uint32_t done) {
    if (done == all_) return true;
    if (is_dead_end(done)) return false;
    for (int i = 0; i < of_.count_; ++i) {
      if ((all_ & bit(i)) == 0 || (done & bit(i)) != 0) continue;
      if ((before_[i] & ~done & all_) != 0) continue;
      if (!step(of_.events_[i])) continue;
      if (from(done | bit(i))) return true;
      back(of_.events_[i]);
    }
    remember_dead_end(done);
    return false;
  }

  static bool is_look(const event& each) {
    return each.how == outcome::full || each.how == outcome::empty || each.what == kind::is_closed;
  }

  void start_again() {
    closed_ = false;
    closes_ = pushed_ = popped_ = 0;
    std::fill(std::begin(dead_ends_), std::end(dead_ends_), std::uint64_t{0});
  }

  int size() const { return pushed_ - popped_; }

  bool step(const event& next) {
    switch (next.what) {
      case kind::close: was_closed_[closes_++] = closed_; closed_ = true; return true;
      case kind::is_closed: return closed_ == (next.value != 0);
      case kind::push:
        if (next.how == outcome::full) return size() == of_.capacity_ && !closed_;
        if (next.how == outcome::closed) return closed_;
        if (closed_ || size() == of_.capacity_) return false;
        queue_[pushed_++] = next.value;
        return true;
      case kind::pop:
        if (next.how == outcome::empty) return size() == 0 && !closed_;
        if (next.how == outcome::closed) return size() == 0 && closed_;
        if (size() == 0 || queue_[popped_] != next.value) return false;
        ++popped_;
        return true;
    }
    return false;
  }
  void back(const event& last) {
    if (last.what == kind::close) closed_ = was_closed_[--closes_];
    if (last.how != outcome::success) return;
    if (last.what == kind::push) --pushed_;
    if (last.what == kind::pop) --popped_;
  }

  // Which operations are done and which values are inside, in order, is all of a state.
  std::uint64_t state(std::uint32_t done) const {
    std::uint64_t hash = done * 0x9e3779b97f4a7c15u;
    for (int i = popped_; i < pushed_; ++i) hash = (hash ^ static_cast<unsigned>(queue_[i])) * 0x100000001b3u;
    return hash | 1;
  }
  bool is_dead_end(std::uint32_t done) const { return dead_ends_[state(done) >> 56] == state(done); }
  void remember_dead_end(std::uint32_t done) { dead_ends_[state(done) >> 56] = state(done); }

  const history& of_;
  std::uint32_t all_ = 0;
  std::uint32_t done_ = 0;
  std::uint32_t before_[most] = {};
  bool lonely_busy_ = false;
  bool closed_ = false;
  bool was_closed_[most] = {};
  int closes_ = 0;
  int queue_[most] = {};
  int pushed_ = 0;
  int popped_ = 0;
  std::uint64_t dead_ends_[256] = {};
};

void history::judge() const {
  if (!search(*this).explained()) fail("no order of these operations explains them:" + text());
}

std::string history::text() const {
  static constexpr const char* kinds[] = {"push", "pop", "close", "is_closed"};
  static constexpr const char* outcomes[] = {"success", "full", "empty", "busy", "closed", "given up"};
  std::string all;
  for (int i = 0; i < count_; ++i) {
    const event& each = events_[i];
    if (!each.counts) continue;
    all += " [T" + std::to_string(each.thread) + " " + kinds[static_cast<int>(each.what)];
    if (each.value != 0) all += " " + std::to_string(each.value);
    all += std::string(" ") + outcomes[static_cast<int>(each.how)] + "]";
  }
  return all;
}

}  // namespace explorer
