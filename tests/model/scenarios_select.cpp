#include "scenario.hpp"

#include <kew/blocking_queue.hpp>
#include <kew/channel.hpp>
#include <kew/select.hpp>

#include "rings.hpp"
#include "tokens.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace scenarios {
namespace {

using kew::park_wait;
using kew::status;
using kew::detail::acquire;
using kew::detail::release;
using kew::detail::spin_lock;
using kew::detail::time_point;
using kew::detail::wait_point;

template <class Ring>
using queue = watched<kew::blocking_queue<probe, Ring, park_wait>>;

/// Two queues, of which a select is an operation on both: the one that it does not take from has seen nothing.
template <class Ring>
class two_queues {
 public:
  explicit two_queues(int capacity)
      : a(precedence::happens_before, capacity, static_cast<std::size_t>(capacity)),
        b(precedence::happens_before, capacity, static_cast<std::size_t>(capacity)) {}

  queue<Ring> a;
  queue<Ring> b;

  /// `how` calls the select over two cases that pop.
  template <class How>
  kew::result<std::size_t> select(queue<Ring>& first, queue<Ring>& second, How how) {
    const int at_first = first.log().begin(history::kind::pop);
    const int at_second = second.log().begin(history::kind::pop);
    int value = 0;
    int handled = 0;
    const auto take = [&](probe&& message) {
      const probe taken(std::move(message));
      value = taken.value();
      ++handled;
    };
    const auto answer = how(kew::on_pop(first.queue(), take), kew::on_pop(second.queue(), take));
    expect(handled == (answer ? 1 : 0), "exactly one case runs");
    if (answer) {
      (*answer == 0 ? first : second).log().end(*answer == 0 ? at_first : at_second, outcome::success, value);
      (*answer == 0 ? second : first).log().forget(*answer == 0 ? at_second : at_first);
    } else if (answer.status() == status::closed) {
      first.log().end(at_first, outcome::closed);
      second.log().end(at_second, outcome::closed);
    } else {
      first.log().forget(at_first);
      second.log().forget(at_second);
    }
    return answer;
  }

  auto wait(queue<Ring>& first, queue<Ring>& second) {
    return select(first, second, [](auto&&... cases) { return kew::select(cases...); });
  }
  auto wait() { return wait(a, b); }
  auto wait_in_order() {
    return select(a, b, [](auto&&... cases) { return kew::select_in_order(cases...); });
  }
  auto look() {
    return select(a, b, [](auto&&... cases) { return kew::try_select(cases...); });
  }
  auto wait_for_a_while() {
    return select(a, b, [](auto&&... cases) { return kew::try_select_for(for_a_while, cases...); });
  }
  void wait_until_closed() {
    while (wait().status() != status::closed) {
    }
  }
  /// Puts a message of b's back, so that another thread may rely on it.
  void return_one(const kew::result<std::size_t>& taken) {
    if (taken && *taken == 1) static_cast<void>(b.wait_push());
  }

  void finish() {
    a.finish();
    b.finish();
  }
};

template <class Ring>
void one_waits() {
  two_queues<Ring> both(1);
  together(
      [&] {
        static_cast<void>(both.a.push_move());
        static_cast<void>(both.b.push_move());
      },
      [&] {
        expect(both.wait().has_value() && both.wait().has_value(), "a select over open queues ends with a case");
      });
  both.finish();
}
template <class Ring>
void against_close() {
  two_queues<Ring> both(1);
  together(
      [&] {
        both.b.close();
        static_cast<void>(both.a.push_move());
        both.a.close();
      },
      [&] { both.wait_until_closed(); });
  both.finish();
}
template <class Ring>
void against_a_timeout() {
  two_queues<Ring> both(1);
  together([&] { static_cast<void>(both.b.wait_push()); },
           [&] {
             if (!both.wait_for_a_while()) {
               expect(both.wait().has_value(), "what a select in time did not take is there for the next one");
             }
           });
  both.finish();
}
template <class Ring>
void looks_once() {
  two_queues<Ring> both(1);
  together(
      [&] {
        static_cast<void>(both.a.push_move());
        static_cast<void>(both.b.push_move());
      },
      [&] {
        static_cast<void>(both.look());
        expect(both.wait_in_order().has_value(), "at most one of two was taken");
      });
  both.finish();
}
/// As stop_limit, over a token that the explorer sees.
class stop_switch {
 public:
  void request_stop() {
    const spin_lock::guard locked(lock_);
    stopped_.store(true, release);
    if (place_ != nullptr) place_->interrupt();
  }

  struct limit {
    stop_switch& by;

    class watch {
     public:
      watch(const limit& limit, wait_point& place) : by_(limit.by) {
        const spin_lock::guard locked(by_.lock_);
        by_.place_ = &place;
      }
      watch(const watch&) = delete;
      watch& operator=(const watch&) = delete;
      ~watch() {
        const spin_lock::guard locked(by_.lock_);
        by_.place_ = nullptr;
      }
      bool over() const { return by_.stopped_.load(acquire); }
      static time_point deadline() { return kew::detail::never; }
      static status verdict(status) { return status::stopped; }

     private:
      stop_switch& by_;
    };
  };

 private:
  spin_lock lock_;
  wait_point* place_ = nullptr;
  kew::detail::atomic<bool> stopped_{false};
};

void against_a_stop() {
  two_queues<mpmc> both(1);
  stop_switch stop;
  together(
      [&] {
        for (;;) {
          const auto answer = both.select(both.a, both.b, [&](auto&&... cases) {
            return kew::detail::select_within<kew::detail::by_chance>(stop_switch::limit{stop}, cases...);
          });
          if (answer.status() == status::stopped) break;
        }
      },
      [&] {
        static_cast<void>(both.b.push_move());
        stop.request_stop();
      });
  both.finish();
}

// ---- Beside others that wait: what a select was told of and does not take goes to them ---------------------------

void beside_a_pop() {
  two_queues<mpmc> both(2);
  together(
      [&] {
        static_cast<void>(both.a.push_move());
        static_cast<void>(both.b.push_move());
      },
      [&] { both.return_one(both.wait()); }, [&] { static_cast<void>(both.b.wait_pop()); });
  both.finish();
}
void beside_a_pop_of_two_producers() {
  two_queues<mpmc> both(2);
  together([&] { static_cast<void>(both.a.push_move()); }, [&] { static_cast<void>(both.b.push_move()); },
           [&] { both.return_one(both.wait()); }, [&] { static_cast<void>(both.b.wait_pop()); });
  both.finish();
}
void timed_beside_a_pop() {
  two_queues<mpmc> both(2);
  together([&] { static_cast<void>(both.b.push_move()); }, [&] { both.return_one(both.wait_for_a_while()); },
           [&] { static_cast<void>(both.b.wait_pop()); });
  both.finish();
}
void beside_a_select_in_the_other_order() {
  two_queues<mpmc> both(1);
  together(
      [&] {
        static_cast<void>(both.a.push_move());
        static_cast<void>(both.b.push_move());
      },
      [&] { expect(both.wait(both.a, both.b).has_value(), "each select gets one of two"); },
      [&] { expect(both.wait(both.b, both.a).has_value(), "each select gets one of two"); });
  both.finish();
}
void two_selects_against_close() {
  two_queues<mpmc> both(1);
  together(
      [&] {
        static_cast<void>(both.a.push_move());
        both.a.close();
        both.b.close();
      },
      [&] { both.wait_until_closed(); }, [&] { both.wait_until_closed(); });
  both.finish();
}
/// The select finds the first message before it is told of the second, and goes on to the other queue.
void over_three_messages() {
  two_queues<mpmc> both(2);
  together(
      [&] {
        static_cast<void>(both.b.push_move());
        static_cast<void>(both.a.push_move());
        static_cast<void>(both.b.push_move());
      },
      [&] {
        both.return_one(both.wait());
        both.return_one(both.wait());
      },
      [&] { static_cast<void>(both.b.wait_pop()); });
  both.finish();
}

// ---- Cases of one queue --------------------------------------------------------------------------------------------

/// An operation on one queue that is a pop or a push, as it comes.
template <class Ring, class How>
kew::result<std::size_t> push_or_pop(queue<Ring>& one, How how) {
  const int at_pop = one.log().begin(history::kind::pop);
  const int given = one.next_value();
  const int at_push = one.log().begin(history::kind::push, given);
  probe value(given);
  int taken = 0;
  const auto answer = how(kew::on_pop(one.queue(), [&](probe&& message) { taken = probe(std::move(message)).value(); }),
                          kew::on_push(one.queue(), std::move(value), [] {}));
  if (answer && *answer == 0) {
    expect(value == given, "a push that did not run leaves its value untouched");
    one.log().end(at_pop, outcome::success, taken);
    one.log().forget(at_push);
  } else if (answer) {
    one.log().end(at_push, outcome::success);
    one.log().forget(at_pop);
  } else {
    expect(answer.status() == status::closed, "a select without limit ends with a case, or closed");
    expect(value == given, "a push that did not run leaves its value untouched");
    one.log().end(at_pop, outcome::closed);
    one.log().end(at_push, outcome::closed);
  }
  return answer;
}
template <class Ring>
auto push_or_pop(queue<Ring>& one) {
  return push_or_pop(one, [](auto&&... cases) { return kew::select(cases...); });
}

void push_and_pop_of_one_queue() {
  queue<mpmc> one(precedence::happens_before, 1, std::size_t{1});
  together([&] { static_cast<void>(push_or_pop(one)); },
           [&] {
             static_cast<void>(push_or_pop(one));
             static_cast<void>(push_or_pop(one));
           });
  one.finish();
}
void push_and_pop_against_close() {
  queue<mpmc> one(precedence::happens_before, 1, std::size_t{1});
  together([&] { one.close(); },
           [&] {
             for (int i = 0; i < 3 && push_or_pop(one); ++i) {
             }
           });
  one.finish();
}
void one_queue_twice() {
  two_queues<mpmc> both(2);
  together(
      [&] {
        static_cast<void>(both.a.push_move());
        static_cast<void>(both.a.push_move());
      },
      [&] {
        const int event = both.a.log().begin(history::kind::pop);
        int value = 0;
        const auto take = [&](probe&& message) { value = probe(std::move(message)).value(); };
        static_cast<void>(kew::select(kew::on_pop(both.a.queue(), take), kew::on_pop(both.a.queue(), take)));
        both.a.log().end(event, outcome::success, value);
      },
      [&] { static_cast<void>(both.a.wait_pop()); });
  both.finish();
}

// ---- Waiting for room ----------------------------------------------------------------------------------------------

/// Pushes into whichever of two has room.
template <class Ring>
kew::result<std::size_t> push_either(two_queues<Ring>& both) {
  const int given = both.a.next_value();
  const int at_a = both.a.log().begin(history::kind::push, given);
  const int at_b = both.b.log().begin(history::kind::push, given);
  const probe value(given);
  const auto answer =
      kew::select(kew::on_push(both.a.queue(), value, [] {}), kew::on_push(both.b.queue(), value, [] {}));
  expect(value == given, "a value that is copied stays as it is");
  const auto end = [&](queue<Ring>& which, int event, std::size_t number) {
    if (!answer)
      which.log().end(event, outcome::closed);
    else if (*answer == number)
      which.log().end(event, outcome::success);
    else
      which.log().forget(event);
  };
  end(both.a, at_a, 0);
  end(both.b, at_b, 1);
  return answer;
}
template <class Ring>
void pushes_where_there_is_room() {
  two_queues<Ring> both(1);
  static_cast<void>(both.a.push_move());
  static_cast<void>(both.b.push_move());
  together(
      [&] {
        static_cast<void>(both.b.wait_pop());
        static_cast<void>(both.a.wait_pop());
      },
      [&] {
        static_cast<void>(push_either(both));
        static_cast<void>(push_either(both));
      });
  both.finish();
}
template <class Ring>
void pushes_against_close() {
  two_queues<Ring> both(1);
  static_cast<void>(both.a.push_move());
  static_cast<void>(both.b.push_move());
  together(
      [&] {
        both.a.close();
        static_cast<void>(both.b.pop_value());
        both.b.close();
      },
      [&] {
        while (push_either(both)) {
        }
      });
  both.finish();
}

// ---- A span --------------------------------------------------------------------------------------------------------

void over_a_span() {
  using source = kew::consumer<probe, spsc, park_wait>;
  using sink = kew::producer<probe, spsc, park_wait>;
  auto first = kew::make_channel_over<spsc, park_wait>(std::size_t{1});
  auto second = kew::make_channel_over<spsc, park_wait>(std::size_t{1});
  source sources[] = {std::move(first.second), std::move(second.second)};
  sink sinks[] = {std::move(first.first), std::move(second.first)};
  int sum = 0;
  together(
      [&] {
        static_cast<void>(sinks[1].push(probe(10)));
        static_cast<void>(sinks[0].push(probe(1)));
        sinks[1].close();
        sinks[0].close();
      },
      [&] {
        const auto add = [&](probe&& message, std::size_t which) {
          const probe taken(std::move(message));
          expect(taken.value() == (which == 0 ? 1 : 10), "the message comes with the number of its source");
          sum += taken.value();
        };
        for (;;) {
          const auto answer = kew::select(kew::on_pop(std::span(sources), add));
          if (!answer) break;
        }
      });
  expect(sum == 11, "everything that was pushed is received");
}

// ---- The wait alone, for tokens ---------------------------------------------------------------------------------------

/// Takes a token from either of two boxes, the first one first. Says from which.
std::size_t take_either(tokens& first, tokens& second) {
  tokens* const boxes[] = {&first, &second};
  constexpr std::uint8_t both[] = {0, 1};
  kew::detail::wait_set<2> waiting;
  for (;;) {
    waiting.begin_looks();
    for (std::size_t i = 0; i < 2; ++i) {
      const bool taken = boxes[i]->try_take();
      waiting.looked(i);
      if (!taken) continue;
      waiting.leave();
      return i;
    }
    if (waiting.prepared())
      waiting.sleep(kew::detail::never);
    else
      waiting.prepare(both, 2, [&](std::size_t i) -> wait_point& { return boxes[i]->place(); });
  }
}

/// Told twice for nothing, of one box after the other: it must not sleep before it stands in both lists again.
void told_for_nothing() {
  tokens first;
  tokens second;
  together(
      [&] {
        first.place().notify();
        second.place().notify();
        second.put();
      },
      [&] { take_either(first, second); });
}
/// What it was told of before it took from the other box goes to the thread that sleeps there.
void told_of_both() {
  tokens first;
  tokens second;
  together(
      [&] {
        second.put();
        first.put();
      },
      [&] {
        if (take_either(first, second) == 1) second.put();
      },
      [&] { second.take(); });
}

}  // namespace

std::vector<scenario> of_select() {
  std::vector<scenario> all = {
      {"select over mpmc: one waits", one_waits<mpmc>, 2},
      {"select over spsc: one waits", one_waits<spsc>, 2},
      {"select over mpmc: against close", against_close<mpmc>, 2},
      {"select over spsc: against close", against_close<spsc>, 2},
      {"select over mpmc: against a timeout", against_a_timeout<mpmc>, 2},
      {"select over spsc: against a timeout", against_a_timeout<spsc>, 2},
      {"select over mpmc: looks once", looks_once<mpmc>, 2},
      {"select over mpmc: against a stop", against_a_stop, 2},
      {"select over mpmc: beside a pop", beside_a_pop, 3},
      {"select over mpmc: beside a pop, two push", beside_a_pop_of_two_producers, 4},
      {"select over mpmc: in time, beside a pop", timed_beside_a_pop, 3},
      {"select over mpmc: beside one in the other order", beside_a_select_in_the_other_order, 3},
      {"select over mpmc: two against close", two_selects_against_close, 3},
      {"select over mpmc: over three messages", over_three_messages, 3},
      {"select: a push and a pop of one queue", push_and_pop_of_one_queue, 2},
      {"select: a push and a pop of one queue against close", push_and_pop_against_close, 2},
      {"select: one queue twice", one_queue_twice, 3},
      {"select over mpmc: pushes where there is room", pushes_where_there_is_room<mpmc>, 2},
      {"select over spsc: pushes where there is room", pushes_where_there_is_room<spsc>, 2},
      {"select over mpmc: pushes against close", pushes_against_close<mpmc>, 2},
      {"select: over a span", over_a_span, 2},
  };
  all.push_back({"select: told for nothing", told_for_nothing, 2});
  all.push_back({"select: told of both", told_of_both, 3});
  // Their executions are long: two surprises at once are for the random searches, and for going deep.
  for (scenario& each : all) each.wide = {.preemptions = 2, .stale_reads = 1, .surprises = 0};
  return all;
}

}  // namespace scenarios
