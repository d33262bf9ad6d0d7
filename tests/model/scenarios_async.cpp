// Coroutines that wait: told, destroyed and made to go on by other threads, in every order.
#include "scenario.hpp"

#include <kew/async.hpp>
#include <kew/blocking_queue.hpp>

#include "rings.hpp"

#include <coroutine>
#include <utility>

namespace scenarios {
namespace {

using kew::async_pop;
using kew::async_push;
using kew::park_wait;
using kew::status;

template <class Ring>
using queue_over = kew::blocking_queue<probe, Ring, park_wait>;

// ---- What coroutines are, and where they go on -------------------------------------------------------------------

/// A coroutine that belongs to somebody, runs at once, and stays when it has ended.
class task {
 public:
  struct promise_type {
    task get_return_object() { return task(std::coroutine_handle<promise_type>::from_promise(*this)); }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { throw; }
  };

  task() = default;
  task(task&& other) noexcept : mine_(std::exchange(other.mine_, nullptr)) {}
  task& operator=(task&& other) noexcept {
    std::swap(mine_, other.mine_);
    return *this;
  }
  ~task() { destroy(); }

  void destroy() {
    if (mine_) std::exchange(mine_, nullptr).destroy();
  }
  /// Whoever resumes it may destroy it in its place.
  void release() { mine_ = nullptr; }

 private:
  explicit task(std::coroutine_handle<> mine) : mine_(mine) {}

  std::coroutine_handle<> mine_;
};

/// One that belongs to nobody, and goes when it has ended.
struct detached {
  struct promise_type {
    detached get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { throw; }
  };
};

/// Of one thread, which resumes what others put there.
class executor {
 public:
  void put(std::coroutine_handle<> ready) {
    for (auto& each : ready_) {
      void* expected = nullptr;
      if (each.compare_exchange_strong(expected, ready.address(), release, relaxed)) return;
    }
    explorer::fail("more ready coroutines than there are coroutines");
  }
  std::coroutine_handle<> take() {
    for (auto& each : ready_)
      if (void* const address = each.exchange(nullptr, acquire)) return std::coroutine_handle<>::from_address(address);
    return nullptr;
  }
  template <class Done>
  void run_until(Done done) {
    while (!done())
      if (const auto ready = take())
        ready.resume();
      else
        kew::detail::cpu_relax();
  }

 private:
  static constexpr auto relaxed = kew::detail::relaxed;
  static constexpr auto acquire = kew::detail::acquire;
  static constexpr auto release = kew::detail::release;

  kew::detail::atomic<void*> ready_[2] = {nullptr, nullptr};
};

/// Has something in it that is read after the coroutine may have gone on.
class on {
 public:
  explicit on(executor& where) : where_(&where) {}
  void operator()(std::coroutine_handle<> ready) const {
    where_->put(ready);
    expect(lives_ == 1, "a schedule that is called lives until its call is over");
  }

 private:
  executor* where_;
  probe lives_{1};
};

/// Resumes what it is told to schedule inside of the call.
class at_once {
 public:
  void operator()(std::coroutine_handle<> ready) const {
    ready.resume();
    expect(lives_ == 1, "a schedule that is called lives until its call is over");
  }

 private:
  probe lives_{1};
};

/// As std::stop_source and its callbacks, which tell threads apart as the machine does, and these are fibers of one.
class stop_of_model {
 public:
  void request() {
    runner* called = nullptr;
    {
      const kew::detail::spin_lock::guard locked(lock_);
      requested_.store(true, kew::detail::release);
      called = std::exchange(registered_, nullptr);
      running_ = called;
      by_ = explorer::this_thread();
    }
    if (called == nullptr) return;
    called->run(called);
    const kew::detail::spin_lock::guard locked(lock_);
    running_ = nullptr;
  }
  bool requested() const { return requested_.load(kew::detail::acquire); }

  /// What an awaiter holds.
  struct token {
    stop_of_model* of;
    bool requested() const { return of->requested(); }
    template <class F>
    class callback;
  };

 private:
  struct runner {
    void (*run)(runner*);
  };

  kew::detail::spin_lock lock_;
  kew::detail::atomic<bool> requested_{false};
  runner* registered_ = nullptr;
  runner* running_ = nullptr;
  int by_ = 0;
};

template <class F>
class stop_of_model::token::callback : runner {
 public:
  callback(const token& stop, F f) : runner{run_it}, of_(*stop.of), f_(f) {
    {
      const kew::detail::spin_lock::guard locked(of_.lock_);
      if (!of_.requested()) {
        of_.registered_ = this;
        return;
      }
    }
    f_();
  }
  callback(const callback&) = delete;
  ~callback() {
    for (;;) {
      {
        const kew::detail::spin_lock::guard locked(of_.lock_);
        if (of_.registered_ == this) of_.registered_ = nullptr;
        if (of_.running_ != this || of_.by_ == explorer::this_thread()) return;
      }
      kew::detail::cpu_relax();
    }
  }

 private:
  static void run_it(runner* self) { static_cast<callback*>(self)->f_(); }

  stop_of_model& of_;
  F f_;
};

template <class Source>
auto async_pop_until(Source& source, stop_of_model& stop) {
  return kew::detail::make_async_pop(source, stop_of_model::token{&stop}, kew::detail::goes_on_there{});
}
template <class Source, class Schedule>
auto async_pop_until(Source& source, stop_of_model& stop, Schedule schedule) {
  return kew::detail::make_async_pop(source, stop_of_model::token{&stop}, std::move(schedule));
}

// ---- What coroutines do ------------------------------------------------------------------------------------------

/// What has become of a wait; a race between two that write it, or read it, is a failure.
class report {
 public:
  bool done() const { return code_.value() != waiting; }
  bool got() const { return code_.value() > 0; }
  int value() const { return code_.value(); }
  bool is(status answer) const { return code_ == -1 - static_cast<int>(answer.code()); }

  void operator()(const kew::result<probe>& answer) {
    code_ = probe(answer ? answer->value() : -1 - static_cast<int>(answer.status().code()));
  }
  void operator()(status answer) { code_ = probe(-1 - static_cast<int>(answer.code())); }
  void threw() { code_ = probe(-100); }
  bool has_thrown() const { return code_ == -100; }

 private:
  static constexpr int waiting = 0;
  probe code_{waiting};
};

template <class... Where>
task pops_one(auto& queue, report& answer, Where... where) {
  answer(co_await async_pop(queue, where...));
}
template <class... Where>
detached pops_one_alone(auto& queue, report& answer, Where... where) {
  answer(co_await async_pop(queue, where...));
}
task pops_two(auto& queue, report& first, report& second) {
  first(co_await async_pop(queue));
  second(co_await async_pop(queue));
}
template <class... Where>
task pops_until(auto& queue, stop_of_model& stop, report& answer, Where... where) {
  answer(co_await async_pop_until(queue, stop, where...));
}
task pushes_three(auto& queue, report& last) {
  for (int i = 1; i <= 3; ++i) {
    const status pushed = co_await async_push(queue, probe(i));
    expect(static_cast<bool>(pushed), "nobody has closed the queue");
    if (i == 3) last(pushed);
  }
}
template <class... Where>
task pushes_one(auto& queue, int value, report& answer, Where... where) {
  probe element(value);
  const status pushed = co_await async_push(queue, std::move(element), where...);
  expect(element.is_moved_from() == static_cast<bool>(pushed), "a push that fails leaves its argument untouched");
  answer(pushed);
}

// ---- In the thread that makes it ready -----------------------------------------------------------------------------

template <class Ring>
void a_push_makes_it_go_on() {
  queue_over<Ring> queue(1);
  report first;
  report second;
  task consumer;
  together([&] { consumer = pops_two(queue, first, second); },
           [&] {
             static_cast<void>(queue.push(probe(1)));
             static_cast<void>(queue.push(probe(2)));
           });
  expect(first.value() == 1 && second.value() == 2, "a coroutine that waits gets what is pushed");
}
template <class Ring>
void a_pop_makes_it_go_on() {
  queue_over<Ring> queue(1);
  report last;
  task producer;
  together([&] { producer = pushes_three(queue, last); },
           [&] {
             for (int i = 1; i <= 3; ++i) expect(*queue.pop() == i, "in order");
           });
  expect(last.is(status::success), "a coroutine that waits for room gets it");
}
template <class Ring>
void a_close_makes_it_go_on() {
  queue_over<Ring> queue(1);
  report first;
  report second;
  task consumer;
  together([&] { consumer = pops_two(queue, first, second); },
           [&] {
             static_cast<void>(queue.push(probe(1)));
             queue.close();
           });
  expect(first.value() == 1, "a close overtakes no message");
  expect(second.is(status::closed), "a close ends the wait");
}
template <class Ring>
void a_close_ends_a_push() {
  queue_over<Ring> queue(1);
  static_cast<void>(queue.push(probe(9)));
  report answer;
  task producer;
  together([&] { producer = pushes_one(queue, 1, answer); }, [&] { queue.close(); });
  expect(answer.is(status::closed), "a close ends the wait");
  expect(*queue.try_pop() == 9 && queue.try_pop().status() == status::closed, "nothing came after the close");
}
template <class Ring>
void a_stop_makes_it_go_on() {
  queue_over<Ring> queue(1);
  stop_of_model stop;
  report answer;
  task consumer;
  together([&] { consumer = pops_until(queue, stop, answer); }, [&] { stop.request(); });
  expect(answer.is(status::stopped), "a stop ends the wait");
}
/// The frame goes with the queue in it, inside of the call that asks it to stop.
detached waits_for_nothing(stop_of_model& stop, report& answer) {
  queue_over<mpmc> queue(1);
  answer(co_await async_pop_until(queue, stop));
}
void a_stop_ends_the_queue() {
  stop_of_model stop;
  report answer;
  together([&] { waits_for_nothing(stop, answer); }, [&] { stop.request(); });
  expect(answer.is(status::stopped), "a stop ends the wait");
}
template <class Ring>
void a_stop_against_a_push() {
  queue_over<Ring> queue(1);
  stop_of_model stop;
  report answer;
  task consumer;
  together([&] { consumer = pops_until(queue, stop, answer); }, [&] { stop.request(); },
           [&] { static_cast<void>(queue.push(probe(1))); });
  expect(answer.done(), "a stop and a push end the wait");
  const auto left = queue.try_pop();
  expect(answer.got() != left.has_value(), "the message is out, or it is inside");
}
void two_coroutines() {
  queue_over<mpmc> queue(2);
  report a;
  report b;
  task first;
  task second;
  together([&] { first = pops_one(queue, a); }, [&] { second = pops_one(queue, b); },
           [&] {
             static_cast<void>(queue.push(probe(1)));
             static_cast<void>(queue.push(probe(2)));
           });
  expect(a.got() && b.got() && a.value() != b.value(), "each gets one of two");
}
void a_coroutine_and_a_thread() {
  queue_over<mpmc> queue(2);
  report a;
  task first;
  together([&] { first = pops_one(queue, a); }, [&] { expect(queue.pop().has_value(), "a thread gets one"); },
           [&] {
             static_cast<void>(queue.push(probe(1)));
             static_cast<void>(queue.push(probe(2)));
           });
  expect(a.got(), "a coroutine gets one");
}
void a_coroutine_and_a_hasty_thread() {
  queue_over<mpmc> queue(1);
  report a;
  task first;
  int taken = 0;
  together([&] { first = pops_one(queue, a); },
           [&] {
             while (const auto popped = queue.try_pop()) taken += popped->value();
           },
           [&] {
             static_cast<void>(queue.push(probe(1)));
             static_cast<void>(queue.push(probe(2)));
           });
  if (taken < 3) expect(a.got(), "nobody waits beside a message");
  while (const auto left = queue.try_pop()) taken += left->value();
  expect(taken + (a.got() ? a.value() : 0) == 3, "each message is out once");
}

// ---- By a scheduler ----------------------------------------------------------------------------------------------

template <class Ring>
void it_goes_on_in_another_thread() {
  queue_over<Ring> queue(1);
  executor mine;
  report answer;
  together(
      [&] {
        const task consumer = pops_one(queue, answer, on(mine));
        mine.run_until([&] { return answer.done(); });
      },
      [&] { static_cast<void>(queue.push(probe(1))); });
  expect(answer.value() == 1, "a coroutine that waits gets what is pushed");
}
/// Another thread takes what it was told of; then it waits on, and its own code has noticed nothing.
void it_is_told_in_vain() {
  queue_over<mpmc> queue(2);
  executor mine;
  report answer;
  int taken = 0;
  together(
      [&] {
        const task consumer = pops_one(queue, answer, on(mine));
        mine.run_until([&] { return answer.done(); });
      },
      [&] {
        static_cast<void>(queue.push(probe(1)));
        if (const auto popped = queue.try_pop()) taken = popped->value();
        static_cast<void>(queue.push(probe(2)));
      });
  while (const auto left = queue.try_pop()) taken += left->value();
  expect(answer.got() && taken + answer.value() == 3, "each message is out once");
}
/// It ends inside of the notifier's call, in the middle of its own call to wait.
template <class Ring>
void it_goes_on_at_once() {
  queue_over<Ring> queue(1);
  report answer;
  together([&] { pops_one_alone(queue, answer, at_once()); }, [&] { static_cast<void>(queue.push(probe(1))); });
  expect(answer.value() == 1, "a coroutine that waits gets what is pushed");
}
void a_stop_at_once_ends_the_queue() {
  stop_of_model stop;
  report answer;
  together(
      [&] {
        [](stop_of_model& until, report& to) -> detached {
          queue_over<mpmc> queue(1);
          to(co_await async_pop_until(queue, until, at_once()));
        }(stop, answer);
      },
      [&] { stop.request(); });
  expect(answer.is(status::stopped), "a stop ends the wait");
}
/// What cannot be scheduled hears of it, and the message is for another one.
void a_scheduler_throws() {
  queue_over<mpmc> queue(1);
  report refused;
  const auto consumer = [](auto& from, report& answer) -> task {
    try {
      answer(co_await async_pop(from, [](std::coroutine_handle<>) { throw explorer::refusal(); }));
    } catch (const explorer::refusal&) {
      answer.threw();
    }
  };
  task unlucky;
  bool taken = false;
  together([&] { unlucky = consumer(queue, refused); }, [&] { static_cast<void>(queue.push(probe(1))); },
           [&] { taken = queue.try_pop_for(for_a_while).has_value(); });
  expect(refused.done() || taken, "nobody waits beside a message");
  expect(refused.got() + taken + queue.try_pop().has_value() == 1, "each message is out once");
  queue.close();  // where it still waits
}

// ---- Destroyed in every state ------------------------------------------------------------------------------------

/// Destroys it where it would be resumed: perhaps in the place of resuming it. `taken`: it was resumed.
void destroy(task& waits, executor& mine) {
  switch (explorer::choose(3)) {
    case 0: break;
    case 1:
      if (const auto ready = mine.take()) {
        waits.release();
        ready.destroy();
      }
      break;
    case 2:
      if (const auto ready = mine.take()) ready.resume();
      break;
  }
  waits.destroy();
}

template <class Ring>
void destroyed_against_a_push() {
  queue_over<Ring> queue(2);
  executor mine;
  report answer;
  together(
      [&] {
        task waits = pops_one(queue, answer, on(mine));
        destroy(waits, mine);
        // It may have been the one; then there is another one for the thread.
        if (answer.got()) static_cast<void>(queue.push(probe(2)));
      },
      [&] { static_cast<void>(queue.push(probe(1))); },
      [&] { expect(queue.pop().has_value(), "the message is for the next one that waits"); });
}
void destroyed_before_another_coroutine() {
  queue_over<mpmc> queue(2);
  executor mine;
  report answer;
  report next;
  task other;
  together(
      [&] {
        task waits = pops_one(queue, answer, on(mine));
        destroy(waits, mine);
        if (answer.got()) static_cast<void>(queue.push(probe(2)));
      },
      [&] { static_cast<void>(queue.push(probe(1))); }, [&] { other = pops_one(queue, next); });
  expect(next.got(), "the message is for the next one that waits");
}
/// The pusher is not destroyed, and room that it was told of is for another one.
template <class Ring>
void destroyed_against_a_pop() {
  queue_over<Ring> queue(1);
  static_cast<void>(queue.push(probe(9)));
  executor mine;
  report answer;
  together(
      [&] {
        task waits = pushes_one(queue, 1, answer, on(mine));
        destroy(waits, mine);
        if (answer.is(status::success)) static_cast<void>(queue.pop());
      },
      [&] { static_cast<void>(queue.pop()); },
      [&] { expect(static_cast<bool>(queue.push(probe(2))), "the room is for the next one that waits"); });
}
void destroyed_against_a_close() {
  queue_over<mpmc> queue(1);
  executor mine;
  report answer;
  together(
      [&] {
        task waits = pops_one(queue, answer, on(mine));
        destroy(waits, mine);
        expect(!answer.done() || answer.is(status::closed), "nothing has been pushed");
      },
      [&] { queue.close(); }, [&] { expect(queue.pop().status() == status::closed, "everyone is told"); });
}
void destroyed_against_a_stop() {
  queue_over<mpmc> queue(1);
  executor mine;
  stop_of_model stop;
  report answer;
  together(
      [&] {
        task waits = pops_until(queue, stop, answer, on(mine));
        destroy(waits, mine);
      },
      [&] { stop.request(); });
  expect(!answer.done() || answer.is(status::stopped), "nothing has been pushed");
}
void destroyed_against_a_stop_and_a_push() {
  queue_over<mpmc> queue(2);
  executor mine;
  stop_of_model stop;
  report answer;
  together(
      [&] {
        task waits = pops_until(queue, stop, answer, on(mine));
        destroy(waits, mine);
        if (answer.got()) static_cast<void>(queue.push(probe(2)));
      },
      [&] { stop.request(); }, [&] { static_cast<void>(queue.push(probe(1))); },
      [&] { expect(queue.pop().has_value(), "the message is for the next one that waits"); });
}
/// It was told of a message that stands behind another one, which is not there yet; then it is stopped, and that is for
/// another one.
void stopped_beside_a_push_under_way() {
  queue_over<mpmc> queue(2);
  executor mine;
  stop_of_model stop;
  report answer;
  const task consumer = pops_until(queue, stop, answer, on(mine));
  together(
      [&] {
        static_cast<void>(queue.push(probe(1)));
        stop.request();
        mine.run_until([&] { return answer.done(); });
        if (answer.got()) static_cast<void>(queue.push(probe(3)));
      },
      [&] { static_cast<void>(queue.push(probe(2))); },
      [&] { expect(queue.pop().has_value(), "nobody sleeps beside a message"); },
      [&] { expect(queue.pop().has_value(), "nobody sleeps beside a message"); });
}
/// Asked by hand, and destroyed when it has claimed a message: that is gone, and its slot is free. True: it had one.
template <class Queue>
bool claim_and_destroy(Queue& queue) {
  auto asked = async_pop(queue);
  const bool claimed = asked.await_ready();
  if (claimed && explorer::choose(2) == 1) return asked.await_resume().has_value();
  return claimed;
}
template <class Ring>
void claimed_against_a_push() {
  queue_over<Ring> queue(1);
  static_cast<void>(queue.push(probe(9)));
  report answer;
  task producer;
  together([&] { expect(claim_and_destroy(queue), "there is a message"); },
           [&] { producer = pushes_one(queue, 1, answer); });
  expect(answer.is(status::success), "the slot of what was claimed is for the next push");
  expect(*queue.try_pop() == 1, "what was claimed is gone, and nothing else");
}
template <class Ring>
void claimed_against_a_thread_that_waits() {
  queue_over<Ring> queue(1);
  static_cast<void>(queue.push(probe(9)));
  together([&] { expect(claim_and_destroy(queue), "there is a message"); },
           [&] { expect(static_cast<bool>(queue.push(probe(1))), "a pop lets a push in"); });
  expect(*queue.try_pop() == 1, "what was claimed is gone, and nothing else");
}
void claimed_against_a_close() {
  queue_over<mpmc> queue(2);
  static_cast<void>(queue.push(probe(9)));
  bool claimed = false;
  bool popped = false;
  together([&] { claimed = claim_and_destroy(queue); }, [&] { queue.close(); },
           [&] { popped = queue.pop().has_value(); });
  // `closed` is an answer, too, and await_ready is true for it.
  expect(claimed || popped, "the message is out");
  expect(queue.try_pop().status() == status::closed, "and nothing is left");
}
void claimed_against_another_pop() {
  queue_over<mpmc> queue(2);
  static_cast<void>(queue.push(probe(1)));
  static_cast<void>(queue.push(probe(2)));
  int popped = 0;
  together([&] { expect(claim_and_destroy(queue), "there are messages for both"); },
           [&] { popped = queue.pop()->value(); }, [&] { static_cast<void>(queue.push(probe(4))); });
  expect(popped == 1 || popped == 2, "each message is out once");
  expect(*queue.try_pop() == 4 && queue.try_pop().status() == status::empty, "and nothing else is left");
}

/// By its own resumption: what schedule calls destroys it.
void destroyed_by_its_own_schedule() {
  queue_over<mpmc> queue(2);
  report answer;
  bool taken = false;
  const auto destroys = [](std::coroutine_handle<> ready) { ready.destroy(); };
  together([&] { pops_one_alone(queue, answer, destroys); }, [&] { static_cast<void>(queue.push(probe(1))); },
           [&] { taken = queue.try_pop_for(for_a_while).has_value(); });
  expect(answer.got() + taken + queue.try_pop().has_value() == 1, "each message is out once");
  queue.close();  // where it still waits
}

}  // namespace

std::vector<scenario> of_async() {
  constexpr reach two{2, 1, 0};
  std::vector<scenario> all = {
      {"async over spsc: a push makes it go on", a_push_makes_it_go_on<spsc>, 2, two},
      {"async over mpmc: a push makes it go on", a_push_makes_it_go_on<mpmc>, 2, two},
      {"async over spsc: a pop makes it go on", a_pop_makes_it_go_on<spsc>, 2, two},
      {"async over mpmc: a pop makes it go on", a_pop_makes_it_go_on<mpmc>, 2, two},
      {"async over spsc: a close makes it go on", a_close_makes_it_go_on<spsc>, 2, two},
      {"async over mpmc: a close makes it go on", a_close_makes_it_go_on<mpmc>, 2, two},
      {"async over a ring without seal: a close makes it go on", a_close_makes_it_go_on<unsealed<mpmc>>, 2, two},
      {"async over mpsc: a close ends a push", a_close_ends_a_push<mpsc>, 2, two},
      {"async over mpmc: a stop makes it go on", a_stop_makes_it_go_on<mpmc>, 2, two},
      {"async over mpmc: a stop ends the queue", a_stop_ends_the_queue, 2, two},
      {"async over mpmc: a stop against a push", a_stop_against_a_push<mpmc>, 3, two},
      {"async over spsc: a stop against a push", a_stop_against_a_push<spsc>, 3, two},
      {"async over mpmc: two coroutines", two_coroutines, 3, two},
      {"async over mpmc: a coroutine and a thread", a_coroutine_and_a_thread, 3, two},
      {"async over mpmc: a coroutine and a hasty thread", a_coroutine_and_a_hasty_thread, 3, two},
      {"async over spsc: it goes on in another thread", it_goes_on_in_another_thread<spsc>, 2, two},
      {"async over mpmc: it goes on in another thread", it_goes_on_in_another_thread<mpmc>, 2, two},
      {"async over mpmc: it is told in vain", it_is_told_in_vain, 2, two},
      {"async over mpmc: it goes on at once", it_goes_on_at_once<mpmc>, 2, two},
      {"async over mpmc: a stop at once ends the queue", a_stop_at_once_ends_the_queue, 2, two},
      {"async over mpmc: a scheduler throws", a_scheduler_throws, 3, two},
      {"async over mpmc: destroyed against a push", destroyed_against_a_push<mpmc>, 3, two},
      {"async over mpmc: destroyed before another coroutine", destroyed_before_another_coroutine, 3, two},
      {"async over mpmc: destroyed against a pop", destroyed_against_a_pop<mpmc>, 3, two},
      {"async over mpmc: destroyed against a close", destroyed_against_a_close, 3, two},
      {"async over mpmc: destroyed against a stop", destroyed_against_a_stop, 2, two},
      {"async over mpmc: destroyed against a stop and a push", destroyed_against_a_stop_and_a_push, 4, two},
      {"async over mpmc: stopped beside a push under way", stopped_beside_a_push_under_way, 4, two},
      {"async over mpmc: destroyed by its own schedule", destroyed_by_its_own_schedule, 3, two},
      {"async over spsc: claimed against a push", claimed_against_a_push<spsc>, 2, two},
      {"async over mpmc: claimed against a push", claimed_against_a_push<mpmc>, 2, two},
      {"async over a ring without seal: claimed against a push", claimed_against_a_push<unsealed<mpmc>>, 2, two},
      {"async over spmc: claimed against a thread that waits", claimed_against_a_thread_that_waits<spmc>, 2, two},
      {"async over mpsc: claimed against a thread that waits", claimed_against_a_thread_that_waits<mpsc>, 2, two},
      {"async over mpmc: claimed against a close", claimed_against_a_close, 3, two},
      {"async over mpmc: claimed against another pop", claimed_against_another_pop, 3, two},
  };
  return all;
}

}  // namespace scenarios
