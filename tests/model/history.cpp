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
  if (order_ == precedence::real_time) {
    // Which operations of the others precede this one.
    std::uint64_t ended[engine::max_threads] = {};
    for (int i = 0; i < index; ++i) ended[events_[i].thread] += events_[i].ended <= time_;
    for (const std::uint64_t each : ended) learn(each);
  }
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

int history::successes(kind what) const {
  return static_cast<int>(std::count_if(events_, events_ + count_, [what](const event& each) {
    return each.what == what && each.counts && each.how == outcome::success;
  }));
}

bool history::precedes(const event& a, const event& b) const {
  if (a.thread == b.thread) return &a < &b;
  if (order_ == precedence::real_time) return a.ended < b.begun;
  return b.before.clock[a.thread] >= a.after.clock[a.thread];
}

/// What a queue is, as far as its users can tell.
class history::model {
 public:
  explicit model(const history& of) : capacity_(of.capacity_), producers_(of.producers_), consumers_(of.consumers_) {}

  /// False if `next` cannot have ended as it did. `overlaps_close`: it began before every close had ended.
  bool step(const event& next, bool overlaps_close, bool soft) {
    if (next.how == outcome::given_up) return true;
    switch (next.what) {
      case kind::in_vain: return true;
      case kind::close: return close_if(true);
      case kind::producer_leaves: return close_if(--producers_ == 0);
      case kind::consumer_leaves:
        // The last one destroys what is inside.
        if (--consumers_ == 0) popped_ = pushed_;
        return close_if(consumers_ == 0);
      case kind::is_closed: return closed_ == (next.value != 0);
      case kind::push:
        if (next.how == outcome::full) return size() == capacity_ && !closed_;
        if (next.how == outcome::full_in_time) return size() == capacity_;
        if (next.how == outcome::closed) return closed_;
        if (size() == capacity_ || (closed_ && !(soft && overlaps_close && !ended_))) return false;
        queue_[pushed_++] = static_cast<std::int16_t>(next.value);
        return true;
      case kind::pop:
        if (next.how == outcome::empty) return size() == 0 && !closed_;
        if (next.how == outcome::empty_in_time) return size() == 0;
        if (next.how == outcome::closed) {
          ended_ = true;
          return size() == 0 && closed_;
        }
        if (size() == 0 || queue_[popped_] != next.value) return false;
        ++popped_;
        return true;
    }
    return false;
  }

  /// Which operations are done, which values are inside, and in which order, is all that matters.
  std::uint64_t hash(std::uint32_t done) const {
    std::uint64_t hash = (done * std::uint64_t{2} + ended_) * 0x9e3779b97f4a7c15u;
    for (int i = popped_; i < pushed_; ++i) hash = (hash ^ static_cast<unsigned>(queue_[i])) * 0x100000001b3u;
    return hash | 1;
  }

 private:
  int size() const { return pushed_ - popped_; }
  bool close_if(bool last) {
    closed_ |= last;
    return true;
  }

  int capacity_;
  int producers_;
  int consumers_;
  int pushed_ = 0;
  int popped_ = 0;
  bool closed_ = false;
  bool ended_ = false;
  std::int16_t queue_[most];
};

/// Tries all orders that respect the precedence, and remembers which states lead nowhere.
class history::search {
 public:
  explicit search(const history& of) : of_(of) {
    for (int i = 0; i < of.count_; ++i) {
      const event& each = of.events_[i];
      if (!each.counts) continue;
      all_ |= bit(i);
      for (int j = 0; j < of.count_; ++j)
        if (i != j && of.events_[j].counts && of.precedes(of.events_[j], each)) before_[i] |= bit(j);
    }
    for (int i = 0; i < of.count_; ++i) {
      if ((all_ & bit(i)) == 0) continue;
      if (is_closing(of.events_[i])) closings_ |= bit(i);
      if (is_look(of.events_[i])) looks_ |= bit(i);
      if (of.events_[i].how != outcome::busy) continue;
      // Somebody else must have been in the middle of something.
      bool accompanied = false;
      for (int j = 0; j < of.count_; ++j) {
        const bool apart = (before_[i] & bit(j)) != 0 || (before_[j] & bit(i)) != 0;
        accompanied |= i != j && !apart && of.events_[j].thread != of.events_[i].thread;
      }
      lonely_busy_ |= !accompanied;
      busy_ |= bit(i);
    }
  }

  bool explained() {
    if (lonely_busy_) return false;
    if (of_.order_ == precedence::real_time && of_.threads() <= 2) return from(busy_, model(of_));
    // A thread may miss what another has just done (as in store buffering), and two threads may see the doings
    // of two others in different orders. So each look at the queue has an instant of its own; only what
    // happened to the values has one order for all.
    if (!from(busy_ | looks_, model(of_))) return false;
    for (int i = 0; i < of_.count_; ++i) {
      if ((looks_ & bit(i)) == 0) continue;
      std::fill(std::begin(dead_ends_), std::end(dead_ends_), std::uint64_t{0});
      if (!from((busy_ | looks_) & ~bit(i), model(of_))) return false;
    }
    return true;
  }

 private:
  static std::uint32_t bit(int i) { return std::uint32_t{1} << i; }

  static bool is_look(const event& each) {
    return each.how == outcome::full || each.how == outcome::empty || each.how == outcome::full_in_time ||
           each.how == outcome::empty_in_time || each.what == kind::is_closed;
  }
  static bool is_closing(const event& each) { return each.what == kind::close || each.what == kind::consumer_leaves; }

  bool from(std::uint32_t done, const model& now) {
    if (done == all_) return true;
    const std::uint64_t here = now.hash(done);
    if (dead_ends_[here >> 56] == here) return false;
    for (int i = 0; i < of_.count_; ++i) {
      if ((all_ & ~done & bit(i)) == 0 || (before_[i] & ~done & all_) != 0) continue;
      model next = now;
      if (next.step(of_.events_[i], (before_[i] & closings_) == 0, of_.closes_softly_) && from(done | bit(i), next))
        return true;
    }
    dead_ends_[here >> 56] = here;
    return false;
  }

  const history& of_;
  std::uint32_t all_ = 0;
  std::uint32_t busy_ = 0;
  std::uint32_t looks_ = 0;
  std::uint32_t closings_ = 0;
  std::uint32_t before_[most] = {};
  bool lonely_busy_ = false;
  std::uint64_t dead_ends_[256] = {};
};

void history::judge() const {
  if (!search(*this).explained()) fail("no order of these operations explains them:" + text());
}

int history::threads() const {
  int highest = 0;
  for (int i = 0; i < count_; ++i) highest = std::max(highest, events_[i].thread);
  return highest;
}

std::string history::text() const {
  static constexpr const char* kinds[] = {
      "push", "pop", "close", "is_closed", "push in vain", "producer leaves", "consumer leaves"};
  static constexpr const char* outcomes[] = {"success", "full",          "empty",          "busy",
                                             "closed",  "full, in time", "empty, in time", "given up"};
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
