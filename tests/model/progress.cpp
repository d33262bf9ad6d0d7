// What becomes of the other threads when one stops for ever, at any step it could stop at. That, and how many
// steps a call can take, is what the "Progress" lines of the headers promise. Each line below holds one
// promise: that calls return, or that a call can be made to wait for ever. The second kind is checked as well,
// so that no header promises less than it could.
#include "rings.hpp"
#include "scenario.hpp"
#include "tokens.hpp"

#include <kew/blocking_queue.hpp>
#include <kew/channel.hpp>
#include <kew/metered_ring.hpp>

#include <cstdio>
#include <initializer_list>
#include <string>

namespace {

using namespace scenarios;
using explorer::options;
using explorer::result;
using explorer::search;
using kew::status;

enum class promise { returns, can_wait_for_ever };

struct statement {
  const char* words;
  promise holds;
  void (*body)();
  int stops = 1;  // the thread that stops
};

/// Runs a call, and demands that it took at most so many atomic operations.
template <class Call>
auto within(int steps, Call call) {
  const int before = explorer::steps_of_this_thread();
  auto outcome = call();
  expect(explorer::steps_of_this_thread() - before <= steps, "the call takes no more steps than promised");
  return outcome;
}

void push(auto& ring, int value = 1) { static_cast<void>(ring.try_push(probe(value))); }
void pop(auto& ring) { static_cast<void>(ring.try_pop()); }

/// Goes on until the call says what needs no other thread.
void until_not_busy(auto call) {
  while (call() == status::busy) kew::detail::cpu_relax();
}

void finish(auto& ring) {
  if (explorer::crashed()) return;
  while (ring.try_pop()) {
  }
}

// ---- spsc_ring: wait-free ----------------------------------------------------------------------------------

void spsc_calls() {
  spsc ring(2);
  together(
      [&] {
        for (int i = 0; i < 5; ++i) {
          const status done = within(4, [&] { return i % 2 == 0 ? ring.try_push(probe(i)) : ring.try_emplace(i); });
          expect(done || done == status::full, "a push is never told to come again");
        }
      },
      [&] {
        for (int i = 0; i < 5; ++i) {
          const status done = within(4, [&] { return ring.try_pop().status(); });
          expect(done || done == status::empty, "a pop is never told to come again");
        }
      });
  finish(ring);
}

// ---- The slot rings: no call waits ---------------------------------------------------------------------------

// A call looks at its slot and at both counters, and does so again only if another thread's call has succeeded.
constexpr int steps_of_a_call = 7;

template <class Ring>
void push_once(Ring& ring, int others, int value) {
  static_cast<void>(within(steps_of_a_call * (1 + others), [&] { return ring.try_push(probe(value)); }));
}
template <class Ring>
void pop_once(Ring& ring, int others) {
  static_cast<void>(within(steps_of_a_call * (1 + others), [&] { return ring.try_pop().status(); }));
}

template <class Ring>
void producers_and_a_consumer() {
  Ring ring(2);
  const auto produce = [&] {
    for (int i = 1; i <= 2; ++i) push_once(ring, 5, i);
  };
  together(produce, produce, [&] {
    for (int i = 0; i < 3; ++i) pop_once(ring, 4);
  });
  finish(ring);
}
template <class Ring>
void a_producer_and_consumers() {
  Ring ring(2);
  push(ring);
  const auto consume = [&] {
    for (int i = 0; i < 2; ++i) pop_once(ring, 5);
  };
  together(consume, consume, [&] {
    for (int i = 1; i <= 3; ++i) push_once(ring, 4, i);
  });
  finish(ring);
}

/// From any state that a stopped call can leave, a call that runs alone takes so many steps at most: fourteen, and five for
/// each weak exchange that fails for nothing (three here), and two for each slot that it marks (two here), with some to
/// spare.
constexpr int steps_alone = 36;

template <class Ring>
void alone(Ring& ring, std::initializer_list<status (*)(Ring&)> calls) {
  for (const auto call : calls)
    static_cast<void>(explorer::crashed() ? within(steps_alone, [&] { return call(ring); }) : call(ring));
}
template <class Ring>
status push_one(Ring& ring) {
  return ring.try_push(probe(1));
}
template <class Ring>
status emplace_two(Ring& ring) {
  return ring.try_emplace(2);
}
template <class Ring>
status pop_one(Ring& ring) {
  return ring.try_pop().status();
}
template <class Ring>
void pushes_alone() {
  Ring ring(2);
  together(
      [&] {
        for (int i = 0; i < 2; ++i) static_cast<void>(ring.try_emplace(2));
        push(ring);
      },
      [&] { alone<Ring>(ring, {push_one, pop_one, emplace_two, pop_one, pop_one, push_one}); });
  finish(ring);
}
template <class Ring>
void pops_alone() {
  Ring ring(2);
  for (int i = 0; i < 2; ++i) push(ring);
  together(
      [&] {
        for (int i = 0; i < 3; ++i) pop(ring);
      },
      [&] { alone<Ring>(ring, {pop_one, push_one, emplace_two, pop_one, pop_one, push_one}); });
  finish(ring);
}

template <class Ring>
void pop_beside_a_stopped_push() {
  Ring ring(2);
  together([&] { push(ring); }, [&] { until_not_busy([&] { return ring.try_pop().status(); }); });
  finish(ring);
}
template <class Ring>
void push_beside_a_stopped_pop() {
  Ring ring(1);
  push(ring);
  together([&] { pop(ring); }, [&] { until_not_busy([&] { return ring.try_push(probe(2)); }); });
  finish(ring);
}
template <class Ring>
void pop_beside_an_overtaken_push() {
  Ring ring(3);
  together([&] { push(ring); },
           [&] {
             push(ring, 2);
             until_not_busy([&] { return ring.try_pop().status(); });
           });
  finish(ring);
}
template <class Ring>
void push_beside_an_overtaken_pop() {
  Ring ring(2);
  for (int i = 1; i <= 2; ++i) push(ring, i);
  together([&] { pop(ring); },
           [&] {
             pop(ring);
             until_not_busy([&] { return ring.try_push(probe(3)); });
           });
  finish(ring);
}
template <class Ring>
void push_beside_a_stopped_push() {
  Ring ring(3);
  together([&] { push(ring); },
           [&] { expect(static_cast<bool>(ring.try_push(probe(2))), "there is room beside a stopped push"); });
  finish(ring);
}
template <class Ring>
void push_a_lap_after_a_stopped_push() {
  Ring ring(1);
  together([&] { push(ring); },
           [&] {
             until_not_busy([&] {
               const status pushed = ring.try_push(probe(2));
               return pushed == status::busy ? pushed : ring.try_pop().status();
             });
           });
  finish(ring);
}
template <class Ring>
void push_beside_a_stopped_construction() {
  Ring ring(3);
  together([&] { static_cast<void>(ring.try_emplace(1)); },
           [&] { until_not_busy([&] { return ring.try_push(probe(2)); }); });
  finish(ring);
}

// ---- metered_ring ----------------------------------------------------------------------------------------------

void calls_beside_a_reader() {
  kew::metered_ring<probe, kew::mpmc_ring> ring(1);
  together(
      [&] {
        push(ring);
        pop(ring);
      },
      [&] { static_cast<void>(ring.metrics()); });
  finish(ring);
}

// ---- blocking_queue --------------------------------------------------------------------------------------------

template <class Ring>
using queue = kew::blocking_queue<probe, Ring, kew::park_wait>;

template <class Ring>
void try_calls_beside_a_stopped_waiter() {
  queue<Ring> held(1);
  together([&] { static_cast<void>(held.pop()); },
           [&] {
             push(held);
             push(held, 2);
             held.close();
           });
  finish(held);
}
template <class Ring>
void try_calls_beside_a_stopped_pusher() {
  queue<Ring> held(1);
  together(
      [&] {
        static_cast<void>(held.push(probe(1)));
        static_cast<void>(held.push(probe(2)));
      },
      [&] {
        pop(held);
        held.close();
        pop(held);
        pop(held);
      });
  finish(held);
}
template <class Ring>
void pop_beside_a_stopped_push_and_close() {
  queue<Ring> held(2);
  together([&] { static_cast<void>(held.push(probe(1))); },
           [&] {
             held.close();
             while (held.pop()) {
             }
           });
  finish(held);
}
void pop_beside_a_stopped_pop() {
  queue<mpmc> held(2);
  together([&] { static_cast<void>(held.pop()); }, [&] { static_cast<void>(held.pop()); },
           [&] {
             static_cast<void>(held.push(probe(1)));
             static_cast<void>(held.push(probe(2)));
           });
  finish(held);
}

// ---- The wait point: a notifier that stops leaves nobody behind for good -----------------------------------------

template <class Ring>
void push_beside_a_stopped_pop_and_close() {
  queue<Ring> held(2);
  push(held);
  push(held, 2);
  // The pop that stops has freed a slot; whatever became of its wake-up, the next pop or the close brings it.
  together([&] { pop(held); }, [&] { static_cast<void>(held.push(probe(3))); }, [&] { held.close(); });
  finish(held);
}

// ---- channel -----------------------------------------------------------------------------------------------------

template <class Ring>
void the_consumer_leaves() {
  auto [tx, rx] = kew::make_channel_over<Ring, kew::park_wait>(std::size_t{1});
  together(
      [writer = std::move(tx)]() mutable {
        push(writer);
        auto gone = std::move(writer);
      },
      [reader = std::move(rx)]() mutable { auto gone = std::move(reader); });
}
template <class Ring>
void the_producer_leaves() {
  auto [tx, rx] = kew::make_channel_over<Ring, kew::park_wait>(std::size_t{1});
  together(
      [reader = std::move(rx)]() mutable {
        pop(reader);
        auto gone = std::move(reader);
      },
      [writer = std::move(tx)]() mutable {
        push(writer);
        auto gone = std::move(writer);
      });
}

using enum promise;
constexpr statement statements[] = {
    {"spsc_ring: a push takes four steps at most, whatever the consumer does", returns, spsc_calls, 2},
    {"spsc_ring: a pop takes four steps at most, whatever the producer does", returns, spsc_calls},

    {"mpsc_ring: no call waits for a stopped producer", returns, producers_and_a_consumer<mpsc>},
    {"mpsc_ring: no call waits for a stopped consumer", returns, producers_and_a_consumer<mpsc>, 3},
    {"mpmc_ring: no call waits for a stopped producer", returns, producers_and_a_consumer<mpmc>},
    {"mpmc_ring: no call waits for a stopped consumer", returns, a_producer_and_consumers<mpmc>},
    {"spmc_ring: no call waits for a stopped consumer", returns, a_producer_and_consumers<spmc>},
    {"spmc_ring: no call waits for a stopped producer", returns, a_producer_and_consumers<spmc>, 3},

    {"mpsc_ring: a call that runs alone is bounded, wherever a producer has stopped", returns, pushes_alone<mpsc>},
    {"mpmc_ring: a call that runs alone is bounded, wherever a producer has stopped", returns, pushes_alone<mpmc>},
    {"mpmc_ring: a call that runs alone is bounded, wherever a consumer has stopped", returns, pops_alone<mpmc>},
    {"spmc_ring: a call that runs alone is bounded, wherever a consumer has stopped", returns, pops_alone<spmc>},

    {"mpsc_ring: a stopped push keeps nobody busy", returns, pop_beside_a_stopped_push<mpsc>},
    {"mpmc_ring: a stopped push keeps nobody busy", returns, pop_beside_a_stopped_push<mpmc>},
    {"spmc_ring: a stopped push keeps nobody busy", returns, pop_beside_a_stopped_push<spmc>},
    {"mpsc_ring: a stopped push keeps pops busy when a later one has finished", can_wait_for_ever,
     pop_beside_an_overtaken_push<mpsc>},
    {"mpmc_ring: a stopped push keeps pops busy when a later one has finished", can_wait_for_ever,
     pop_beside_an_overtaken_push<mpmc>},
    {"mpmc_ring: a stopped pop keeps nobody busy", returns, push_beside_a_stopped_pop<mpmc>},
    {"spmc_ring: a stopped pop keeps nobody busy", returns, push_beside_a_stopped_pop<spmc>},
    {"mpsc_ring: a stopped pop keeps nobody busy", returns, push_beside_a_stopped_pop<mpsc>},
    {"mpmc_ring: a stopped pop keeps pushes busy when a later one has finished", can_wait_for_ever,
     push_beside_an_overtaken_pop<mpmc>},
    {"spmc_ring: a stopped pop keeps pushes busy when a later one has finished", can_wait_for_ever,
     push_beside_an_overtaken_pop<spmc>},
    {"mpsc_ring: a stopped push leaves room to others", returns, push_beside_a_stopped_push<mpsc>},
    {"mpmc_ring: a stopped push leaves room to others", returns, push_beside_a_stopped_push<mpmc>},
    {"mpsc_ring: a stopped push keeps pushes busy a lap later", can_wait_for_ever,
     push_a_lap_after_a_stopped_push<mpsc>},
    {"mpmc_ring: a stopped push keeps pushes busy a lap later", can_wait_for_ever,
     push_a_lap_after_a_stopped_push<mpmc>},
    {"mpsc_ring: a stopped construction that may throw keeps pushes busy", can_wait_for_ever,
     push_beside_a_stopped_construction<mpsc>},
    {"mpmc_ring: a stopped construction that may throw keeps pushes busy", can_wait_for_ever,
     push_beside_a_stopped_construction<mpmc>},

    {"metered_ring: metrics() waits for nobody", returns, calls_beside_a_reader},
    {"metered_ring: nobody waits for metrics()", returns, calls_beside_a_reader, 2},

    {"blocking_queue over spsc: try_ calls and close return beside a stopped pop", returns,
     try_calls_beside_a_stopped_waiter<spsc>},
    {"blocking_queue over mpmc: try_ calls and close return beside a stopped pop", returns,
     try_calls_beside_a_stopped_waiter<mpmc>},
    {"blocking_queue over spsc: try_ calls and close return beside a stopped push", returns,
     try_calls_beside_a_stopped_pusher<spsc>},
    {"blocking_queue over mpmc: try_ calls and close return beside a stopped push", returns,
     try_calls_beside_a_stopped_pusher<mpmc>},
    {"blocking_queue over spsc: closing does not free a pop from a stopped push", can_wait_for_ever,
     pop_beside_a_stopped_push_and_close<spsc>},
    {"blocking_queue over mpmc: closing does not free a pop from a stopped push", can_wait_for_ever,
     pop_beside_a_stopped_push_and_close<mpmc>},
    {"blocking_queue over mpmc: a stopped pop costs the others one wake-up at most", returns, pop_beside_a_stopped_pop},

    {"wait point: the next notification wakes a sleeper that a stopped notifier left behind", returns,
     threads_at<tokens, put, take, put>},
    {"wait point: without another notification it sleeps on", can_wait_for_ever, threads_at<tokens, put, take>},
    {"wait point: … and two of them", returns, threads_at<tokens, put_two_at_once, take, take, times<2, put>>},
    {"wait point: a notifier that stops while it tells an entry keeps it waiting", can_wait_for_ever,
     threads_at<tokens, put, take_by_entry, put>},
    {"blocking_queue over spsc: close wakes a push that a stopped pop left behind", returns,
     push_beside_a_stopped_pop_and_close<spsc>},
    {"blocking_queue over mpsc: close wakes a push that a stopped pop left behind", returns,
     push_beside_a_stopped_pop_and_close<mpsc>},

    {"spsc_channel: the last consumer waits for a push under way", can_wait_for_ever, the_consumer_leaves<spsc>},
    {"channel: the last consumer waits for a push under way", can_wait_for_ever, the_consumer_leaves<mpmc>},
    {"spsc_channel: the last producer waits for nobody", returns, the_producer_leaves<spsc>},
    {"channel: the last producer waits for nobody", returns, the_producer_leaves<mpmc>},
};

constexpr struct {
  search by;
  explorer::fences kernel;
  std::uint64_t executions;
} attempts[] = {{search::depth_first, explorer::fences::asymmetric, 200'000},
                {search::random, explorer::fences::asymmetric, 20'000},
                {search::priorities, explorer::fences::asymmetric, 20'000},
                // The one that stops may be about to find out that the kernel refuses to fence.
                {search::random, explorer::fences::refused, 20'000}};

}  // namespace

int main() {
  int broken = 0;
  std::uint64_t executions = 0;
  for (const statement& each : statements) {
    bool waits = false;
    std::string wrong;
    std::string trace;
    for (const auto& [by, kernel, most] : attempts) {
      options how = bounds(reach{.preemptions = 3}, by, kernel);
      how.crash = each.stops;
      how.executions = most;
      const result found = explore(each.body, how);
      executions += found.executions;
      if (!found.failed) continue;
      waits |= found.blocked;
      if (!found.blocked || each.holds == returns) {
        wrong = found.failure;
        trace = replay(each.body, how, found.path);
      }
    }
    if (wrong.empty() && waits != (each.holds == can_wait_for_ever)) wrong = "nobody ever waits";
    if (wrong.empty()) continue;
    ++broken;
    std::printf("FAILED %s\n  %s\n%s", each.words, wrong.c_str(), trace.c_str());
  }
  std::printf("model progress: %zu statements, %d wrong, %llu executions\n", std::size(statements), broken,
              static_cast<unsigned long long>(executions));
  return broken == 0 ? 0 : 1;
}
