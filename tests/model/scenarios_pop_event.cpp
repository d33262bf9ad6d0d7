#include "scenario.hpp"

#include <kew/blocking_queue.hpp>
#include <kew/pop_event.hpp>

#include "rings.hpp"

namespace scenarios {
namespace {

using kew::park_wait;
using kew::status;

template <class Ring>
using queue = watched<kew::blocking_queue<probe, Ring, park_wait>>;

/// What a loop of events does: sleeps until it is told, and then takes what there is. Says how much, and `closed` where
/// nothing will come any more.
status poll_and_drain(auto& inside, kew::pop_event& event) {
  event.native_handle()->poll();
  event.clear();
  for (;;) {
    const status done = inside.pop_value();
    if (done == status::busy)
      kew::detail::cpu_relax();
    else if (!done)
      return done;
  }
}

template <class Ring>
void push_against_clear() {
  queue<Ring> inside(precedence::happens_before, 2, std::size_t{2});
  kew::pop_event event(inside.queue());
  expect(!event.native_handle()->readable(), "an event of an empty queue is not readable");
  together(
      [&] {
        static_cast<void>(inside.wait_push());
        static_cast<void>(inside.wait_push());
        static_cast<void>(inside.wait_push());
      },
      [&] {
        while (inside.log().successes(history::kind::pop) < 3) static_cast<void>(poll_and_drain(inside, event));
      });
  inside.finish();
}
template <class Ring>
void close_against_clear() {
  queue<Ring> inside(precedence::happens_before, 1, std::size_t{1});
  kew::pop_event event(inside.queue());
  together(
      [&] {
        static_cast<void>(inside.wait_push());
        inside.close();
      },
      [&] {
        while (poll_and_drain(inside, event) != status::closed) {
        }
      });
  expect(event.native_handle()->readable(), "the event of a closed queue is readable");
  event.clear();
  expect(event.native_handle()->readable(), "the event of a closed queue stays readable");
  inside.finish();
}
template <class Ring>
void made_against_push() {
  queue<Ring> inside(precedence::happens_before, 1, std::size_t{1});
  together([&] { static_cast<void>(inside.wait_push()); },
           [&] {
             kew::pop_event event(inside.queue());
             while (inside.log().successes(history::kind::pop) < 1) static_cast<void>(poll_and_drain(inside, event));
           });
  inside.finish();
}
void made_against_close() {
  queue<mpmc> inside(precedence::happens_before, 1, std::size_t{1});
  together([&] { inside.close(); },
           [&] {
             kew::pop_event event(inside.queue());
             event.native_handle()->poll();
             expect(inside.pop_value() == status::closed, "what makes an event of an empty queue readable is its end");
           });
  inside.finish();
}
void destroyed_against_push() {
  queue<mpmc> inside(precedence::happens_before, 1, std::size_t{1});
  together([&] { static_cast<void>(inside.wait_push()); }, [&] { const kew::pop_event event(inside.queue()); });
  inside.finish();
}
/// The event takes no wake-up from a thread that sleeps, whether it is polled or not.
void beside_a_sleeper() {
  queue<mpmc> inside(precedence::happens_before, 1, std::size_t{1});
  kew::pop_event event(inside.queue());
  together([&] { static_cast<void>(inside.wait_push()); }, [&] { static_cast<void>(inside.wait_pop()); });
  expect(event.native_handle()->readable(), "an event is told of each message");
  inside.finish();
}
void destroyed_beside_a_sleeper() {
  queue<mpmc> inside(precedence::happens_before, 1, std::size_t{1});
  together([&] { static_cast<void>(inside.wait_push()); }, [&] { const kew::pop_event event(inside.queue()); },
           [&] { static_cast<void>(inside.wait_pop()); });
  inside.finish();
}
void two_events() {
  queue<mpmc> inside(precedence::happens_before, 2, std::size_t{2});
  kew::pop_event first(inside.queue());
  kew::pop_event second(inside.queue());
  together(
      [&] {
        static_cast<void>(inside.wait_push());
        static_cast<void>(inside.wait_push());
        inside.close();
      },
      [&] {
        while (poll_and_drain(inside, first) != status::closed) {
        }
      },
      [&] {
        while (poll_and_drain(inside, second) != status::closed) {
        }
      });
  inside.finish();
}
void two_push() {
  queue<mpmc> inside(precedence::happens_before, 2, std::size_t{2});
  kew::pop_event event(inside.queue());
  together([&] { static_cast<void>(inside.wait_push()); }, [&] { static_cast<void>(inside.wait_push()); },
           [&] {
             while (inside.log().successes(history::kind::pop) < 2) static_cast<void>(poll_and_drain(inside, event));
           });
  inside.finish();
}

}  // namespace

std::vector<scenario> of_pop_event() {
  std::vector<scenario> all = {
      {"pop_event over mpmc: push against clear", push_against_clear<mpmc>, 2},
      {"pop_event over spsc: push against clear", push_against_clear<spsc>, 2},
      {"pop_event over mpmc: close against clear", close_against_clear<mpmc>, 2},
      {"pop_event over spsc: close against clear", close_against_clear<spsc>, 2},
      {"pop_event over mpmc: made against push", made_against_push<mpmc>, 2},
      {"pop_event over spsc: made against push", made_against_push<spsc>, 2},
      {"pop_event: made against close", made_against_close, 2},
      {"pop_event: destroyed against push", destroyed_against_push, 2},
      {"pop_event: beside a sleeper", beside_a_sleeper, 2},
      {"pop_event: destroyed beside a sleeper", destroyed_beside_a_sleeper, 3},
      {"pop_event: two of one queue", two_events, 3},
      {"pop_event: two push", two_push, 3},
  };
  for (scenario& each : all) each.wide = {.preemptions = 2, .stale_reads = 1, .surprises = 0};
  return all;
}

}  // namespace scenarios
