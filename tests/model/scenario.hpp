// How scenarios are written: a queue that records what is done to it, the operations that threads do, and
// the list of all scenarios.
#pragma once

#include "explorer.hpp"
#include "history.hpp"
#include "probe.hpp"
#include "sync.hpp"

#include <kew/status.hpp>

#include <chrono>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace scenarios {

using explorer::expect;
using explorer::history;
using explorer::outcome;
using explorer::precedence;
using explorer::probe;
using explorer::together;

/// What depth first tries in one execution, and one more of each when it goes deep.
struct reach {
  int preemptions = 2;
  int stale_reads = 2;
  int surprises = 1;
};

struct scenario {
  std::string name;
  void (*body)();
  int threads;
  reach wide{};
  reach far{0, 0, 0};  ///< where it is worth a search of its own: more preemptions, less of the rest
};

/// One header's scenarios, in the order in which they are likeliest to fail.
std::vector<scenario> of_spsc_ring();
std::vector<scenario> of_slot_rings();
std::vector<scenario> of_machine();
std::vector<scenario> of_parking();
std::vector<scenario> of_blocking_queue();
std::vector<scenario> of_channel();
std::vector<scenario> of_metered_ring();
std::vector<scenario> of_async();
std::vector<scenario> of_select();
std::vector<scenario> of_pop_event();
std::vector<scenario> of_work_queue();

std::vector<scenario> all_scenarios();

/// How far each search goes. A path leads to the same place only under the same bounds.
explorer::options bounds(const reach& limits, explorer::search how, explorer::fences fence, bool deep = false);

inline outcome outcome_of(kew::status status) {
  switch (status.code()) {
    case kew::status::success.code(): return outcome::success;
    case kew::status::full.code(): return outcome::full;
    case kew::status::empty.code(): return outcome::empty;
    case kew::status::busy.code(): return outcome::busy;
    case kew::status::closed.code(): return outcome::closed;
    case kew::status::stopped.code(): return outcome::given_up;
  }
  explorer::fail("a status that does not exist");
}

inline constexpr auto for_a_while = std::chrono::seconds(1);

/// A queue, whatever its type, and the history of what was done to it.
template <class Queue>
class watched {
 public:
  template <class... A>
  explicit watched(precedence order, int capacity, A&&... arguments)
      : queue_(std::forward<A>(arguments)...), log_(order, capacity), capacity_(static_cast<std::size_t>(capacity)) {}

  Queue& queue() { return queue_; }

  // ---- One value in --------------------------------------------------------------------------------------

  template <class Operation>
  kew::status push(Operation operation, bool timed = false) {
    const int value = next_value();
    const int event = log_.begin(history::kind::push, value);
    const kew::status done = operation(queue_, value);
    log_.end(event, timed && done == kew::status::full ? outcome::full_in_time : outcome_of(done));
    return done;
  }
  template <class Operation>
  kew::status push_probe(Operation operation, bool timed = false) {
    return push(
        [&](Queue& queue, int value) {
          probe element(value);
          const kew::status done = operation(queue, element);
          expect(done || element == value, "a push that fails leaves its argument untouched");
          return done;
        },
        timed);
  }

  kew::status push_copy() {
    return push_probe([](Queue& queue, const probe& element) { return queue.try_push(element); });
  }
  kew::status push_move() {
    return push_probe([](Queue& queue, probe& element) { return queue.try_push(std::move(element)); });
  }
  kew::status emplace() {
    return push([](Queue& queue, int value) { return queue.try_emplace(value); });
  }
  void emplace_in_vain() {
    const int event = log_.begin(history::kind::in_vain);
    try {
      const kew::status done = queue_.try_emplace(explorer::nothing_good{});
      expect(!done, "a constructor that throws is no success");
    } catch (const explorer::refusal&) {
    }
    log_.end(event, outcome::given_up);
  }
  void push_batch(int n) {
    int values[8] = {};
    for (int i = 0; i < n; ++i) values[i] = next_value();
    const int event = log_.begin(history::kind::push, values[0]);
    const std::size_t done = queue_.try_push_n(move_to_probe{values}, static_cast<std::size_t>(n));
    end_batch(event, values, done);
  }

  kew::status wait_push() {
    return push_probe([](Queue& queue, probe& element) { return queue.push(std::move(element)); });
  }
  kew::status wait_push_copy() {
    return push_probe([](Queue& queue, const probe& element) { return queue.push(element); });
  }
  kew::status wait_emplace() {
    return push([](Queue& queue, int value) { return queue.emplace(value); });
  }
  void wait_emplace_in_vain() {
    const int event = log_.begin(history::kind::in_vain);
    try {
      const kew::status done = queue_.emplace(explorer::nothing_good{});
      expect(done == kew::status::closed, "a constructor that throws is no success");
    } catch (const explorer::refusal&) {
    }
    log_.end(event, outcome::given_up);
  }
  kew::status timed_push() {
    return push_probe([](Queue& queue, probe& element) { return queue.try_push_for(std::move(element), for_a_while); },
                      true);
  }
  /// Timed, with a time that is over.
  kew::status expired_push() {
    return push_probe(
        [](Queue& queue, probe& element) { return queue.try_push_for(std::move(element), std::chrono::seconds(0)); },
        true);
  }
  void wait_push_batch(int n) {
    int values[8] = {};
    for (int i = 0; i < n; ++i) values[i] = next_value();
    const int event = log_.begin(history::kind::push, values[0]);
    const std::size_t done = queue_.push_n(move_to_probe{values}, static_cast<std::size_t>(n));
    end_batch(event, values, done);
  }

  // ---- One value out ---------------------------------------------------------------------------------------

  /// `operation(queue, value)` says how it ended and, if it succeeded, with which value.
  template <class Operation>
  kew::status pop(Operation operation, bool timed = false) {
    const int event = log_.begin(history::kind::pop);
    int value = 0;
    const kew::status done = operation(queue_, value);
    log_.end(event, timed && done == kew::status::empty ? outcome::empty_in_time : outcome_of(done), value);
    return done;
  }
  template <class Operation>
  kew::status pop_result(Operation operation, bool timed = false) {
    return pop(
        [&](Queue& queue, int& value) {
          auto popped = operation(queue);
          if (popped) value = popped->value();
          return popped.status();
        },
        timed);
  }

  kew::status pop_value() {
    return pop_result([](Queue& queue) { return queue.try_pop(); });
  }
  kew::status pop_into() {
    return pop([](Queue& queue, int& value) {
      probe out(-1);
      const kew::status done = queue.try_pop(out);
      if (done) value = out.value();
      return done;
    });
  }
  kew::status consume() {
    return pop([](Queue& queue, int& value) {
      return queue.try_consume([&value](probe& element) { value = element.value(); });
    });
  }
  void pop_batch(int n) {
    int values[8] = {};
    const int event = log_.begin(history::kind::pop);
    const std::size_t done = queue_.try_pop_n(values_of{values}, static_cast<std::size_t>(n));
    end_batch(event, values, done);
  }

  kew::status wait_pop() {
    return pop_result([](Queue& queue) { return queue.pop(); });
  }
  kew::status timed_pop() {
    return pop_result([](Queue& queue) { return queue.try_pop_for(for_a_while); }, true);
  }
  kew::status expired_pop() {
    return pop_result([](Queue& queue) { return queue.try_pop_for(std::chrono::seconds(0)); }, true);
  }
  std::size_t wait_pop_batch(int n) {
    int values[8] = {};
    const int event = log_.begin(history::kind::pop);
    const std::size_t done = queue_.pop_n(values_of{values}, static_cast<std::size_t>(n));
    if (done == 0)
      log_.end(event, outcome::closed);
    else
      end_batch(event, values, done);
    return done;
  }

  // ---- The rest ----------------------------------------------------------------------------------------------

  void close() {
    const int event = log_.begin(history::kind::close);
    queue_.close();
    log_.end(event, outcome::success);
  }
  void producer_leaves() {
    const int event = log_.begin(history::kind::producer_leaves);
    queue_.producer_leaves();
    log_.end(event, outcome::success);
  }
  void consumer_leaves() {
    const int event = log_.begin(history::kind::consumer_leaves);
    queue_.consumer_leaves();
    log_.end(event, outcome::success);
  }
  void look_closed() {
    const int event = log_.begin(history::kind::is_closed);
    const bool closed = queue_.is_closed();
    log_.end(event, outcome::success, closed);
  }
  void look() { expect(queue_.size_approx() <= capacity_, "0 <= size_approx <= capacity"); }

  /// When all threads are back: takes out what is inside, and judges.
  void finish(bool drain = true) {
    if (drain)
      for (;;) {
        const std::size_t size = queue_.size_approx();
        const kew::status done = pop_value();
        expect(size == 0 || done, "size_approx is exact where nobody pushes or pops");
        expect(done != kew::status::busy, "nobody is in the middle of anything");
        if (!done) break;
      }
    log_.judge();
  }

  history& log() { return log_; }
  int next_value() { return 100 * explorer::this_thread() + ++values_[explorer::this_thread()]; }
  void end_batch(int event, const int* values, std::size_t done) {
    if (done == 0) {
      log_.forget(event);
      return;
    }
    log_.end(event, outcome::success, values[0]);
    for (std::size_t i = 1; i < done; ++i) log_.also(event, values[i]);
  }

 private:
  /// Reads integers as probes.
  struct move_to_probe {
    using value_type = probe;
    using difference_type = std::ptrdiff_t;
    using reference = probe;
    using iterator_category = std::input_iterator_tag;
    const int* at;
    probe operator*() const { return probe(*at); }
    move_to_probe& operator++() {
      ++at;
      return *this;
    }
    move_to_probe operator++(int) { return {at++}; }
    friend bool operator==(const move_to_probe&, const move_to_probe&) = default;
  };
  /// Takes the values out of probes.
  struct values_of {
    using difference_type = std::ptrdiff_t;
    int* at;
    values_of& operator*() noexcept { return *this; }
    values_of& operator=(probe&& element) noexcept {
      const probe taken(std::move(element));
      *at = taken.value();
      return *this;
    }
    values_of& operator++() noexcept {
      ++at;
      return *this;
    }
    values_of operator++(int) noexcept { return {at++}; }
  };

  Queue queue_;
  history log_;
  std::size_t capacity_;
  int values_[explorer::engine::max_threads] = {};
};

// ---- Operations as types, so that a thread is a list of them ---------------------------------------------------

#define KEW_MODEL_OPERATION(name, call)                             \
  struct name {                                                     \
    static constexpr const char* words = #name;                     \
    static void run(auto& queue) { static_cast<void>(queue.call); } \
  }
KEW_MODEL_OPERATION(push_copy, push_copy());
KEW_MODEL_OPERATION(push_move, push_move());
KEW_MODEL_OPERATION(emplace, emplace());
KEW_MODEL_OPERATION(emplace_in_vain, emplace_in_vain());
KEW_MODEL_OPERATION(push_two, push_batch(2));
KEW_MODEL_OPERATION(push_three, push_batch(3));
KEW_MODEL_OPERATION(wait_push, wait_push());
KEW_MODEL_OPERATION(wait_push_copy, wait_push_copy());
KEW_MODEL_OPERATION(wait_emplace, wait_emplace());
KEW_MODEL_OPERATION(wait_emplace_in_vain, wait_emplace_in_vain());
KEW_MODEL_OPERATION(wait_push_three, wait_push_batch(3));
KEW_MODEL_OPERATION(timed_push, timed_push());
KEW_MODEL_OPERATION(expired_push, expired_push());
KEW_MODEL_OPERATION(expired_pop, expired_pop());
KEW_MODEL_OPERATION(pop_value, pop_value());
KEW_MODEL_OPERATION(pop_into, pop_into());
KEW_MODEL_OPERATION(consume, consume());
KEW_MODEL_OPERATION(pop_two, pop_batch(2));
KEW_MODEL_OPERATION(pop_three, pop_batch(3));
KEW_MODEL_OPERATION(wait_pop, wait_pop());
KEW_MODEL_OPERATION(wait_pop_two, wait_pop_batch(2));
KEW_MODEL_OPERATION(timed_pop, timed_pop());
KEW_MODEL_OPERATION(close, close());
KEW_MODEL_OPERATION(look_closed, look_closed());
KEW_MODEL_OPERATION(look, look());
KEW_MODEL_OPERATION(producer_leaves, producer_leaves());
KEW_MODEL_OPERATION(consumer_leaves, consumer_leaves());

/// Pops until the queue says that it is closed and drained.
struct pop_all {
  static void run(auto& queue) {
    while (queue.wait_pop() != kew::status::closed) {
    }
  }
};

struct pop_all_by_twos {
  static void run(auto& queue) {
    while (queue.wait_pop_batch(2) != 0) {
    }
  }
};
struct push_until_closed {
  static void run(auto& queue) {
    while (queue.wait_push() != kew::status::closed) {
    }
  }
};

/// One operation after the other.
template <class... Operation>
struct does {
  static void run(auto& queue) { (Operation::run(queue), ...); }
};

/// One operation again and again.
template <int N, class Operation>
struct times {
  static void run(auto& queue) {
    for (int i = 0; i < N; ++i) Operation::run(queue);
  }
};

/// Every operation of one side, to be paired with every one of another.
template <class... Operation>
struct each_of {
  static void visit(auto&& visitor) { (visitor.template operator()<Operation>(), ...); }
};
using every_try_push = each_of<push_copy, push_move, emplace, push_two>;
using every_try_pop = each_of<pop_value, pop_into, consume, pop_two>;

/// Calls `visitor` with each two of the same list, in one order.
template <class... Operation>
void visit_pairs(each_of<Operation...>, auto&& visitor) {
  int first = 0;
  const auto with = [&]<class A>() {
    int second = 0;
    const auto pair = [&]<class B>() {
      if (first <= second++) visitor.template operator()<A, B>();
    };
    (pair.template operator()<Operation>(), ...);
    ++first;
  };
  (with.template operator()<Operation>(), ...);
}
inline std::string pair_of(const char* a, const char* b) { return std::string("every pair, ") + a + " and " + b; }

}  // namespace scenarios
