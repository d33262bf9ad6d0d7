// What it costs that a coroutine waits in a thread's place: where a message is there already, and where both sides sleep
// in turn, there and back between two threads. And the processor time of a wait in each way that there is.
#include <kew/async.hpp>
#include <kew/blocking_queue.hpp>
#include <kew/pop_event.hpp>
#include <kew/select.hpp>

#include <atomic>
#include <coroutine>
#include <ctime>
#include <exception>
#include <thread>
#include <tuple>
#include <type_traits>

#include <poll.h>

#include "harness.hpp"
#include "session.hpp"

namespace bench { namespace {

using word = std::uint64_t;

/// A coroutine that starts at once and goes when it has ended.
struct errand {
  struct promise_type {
    errand get_return_object() noexcept { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() noexcept { std::terminate(); }
  };
};

// ---- What is there already -----------------------------------------------------------------------------------------

/// Fills the queue and empties it again, and times the emptying only.
template <class Empty>
void measure_ready(benchmark::State& state, Empty empty) {
  kew::blocking_queue<word> queue(1024);
  const std::size_t rounds = 1 + static_cast<std::size_t>(session.round.count()) * 50;
  for ([[maybe_unused]] auto _ : state) {
    double seconds = 0;
    word sum = 0;
    for (std::size_t i = 0; i < rounds; ++i) {
      for (word n = 1; n <= 1024; ++n) static_cast<void>(queue.try_push(n));
      const auto begin = clock::now();
      sum += empty(queue);
      seconds += seconds_between(begin, clock::now());
    }
    if (sum != rounds * 1024 * 1025 / 2) return refuse(state, "a message was lost");
    state.SetIterationTime(seconds / static_cast<double>(rounds * 1024));
  }
}

word by_try_pop(kew::blocking_queue<word>& queue) {
  word sum = 0;
  for (int i = 0; i < 1024; ++i) sum += queue.try_pop().value_or(0);
  return sum;
}
word by_coroutine(kew::blocking_queue<word>& queue) {
  word sum = 0;
  [](kew::blocking_queue<word>& from, word& to) -> errand {
    word added = 0;
    for (int i = 0; i < 1024; ++i) added += (co_await kew::async_pop(from)).value_or(0);
    to = added;
  }(queue, sum);
  return sum;
}

// ---- There and back, both asleep in turn -----------------------------------------------------------------------------

using parked = kew::blocking_queue<word, kew::mpmc_ring<word>, kew::park_wait>;

/// There and back for the time of a round; the seconds of one.
template <class Ping, class Pong>
void measure_round_trip(benchmark::State& state, Ping ping, Pong pong) {
  for ([[maybe_unused]] auto _ : state) {
    parked there(16), back(16);
    std::thread other([&] {
      pin(1, 2);
      pong(there, back);
    });
    std::uint64_t trips = 0;
    double seconds = 0;
    std::thread self([&] {
      pin(0, 2);
      const auto begin = clock::now();
      trips = ping(there, back, begin + session.round);
      seconds = seconds_between(begin, clock::now());
      there.close();
    });
    self.join();
    other.join();
    if (trips == 0) return refuse(state, "a message did not come back");
    state.SetIterationTime(seconds / static_cast<double>(trips));
  }
}

struct threads {
  static constexpr auto name = "threads";

  static std::uint64_t ping(parked& there, parked& back, clock::time_point end) {
    std::uint64_t trips = 0;
    while (clock::now() < end) {
      static_cast<void>(there.push(++trips));
      if (back.pop().value_or(0) != trips) return 0;
    }
    return trips;
  }
  static void pong(parked& there, parked& back) {
    while (const auto ball = there.pop()) static_cast<void>(back.push(*ball));
  }
};

/// A thread that resumes coroutines, by a queue of handles: as the pools of the examples do, which poll for some
/// microseconds before they sleep, and one that sleeps at once, as the threads do that are compared with it.
template <class Wait>
class resuming_thread {
 public:
  auto schedule() {
    return [this](std::coroutine_handle<> ready) { static_cast<void>(ready_.push(ready)); };
  }
  void run(const bool& done) {
    while (!done) ready_.pop().value().resume();
  }

 private:
  kew::blocking_queue<std::coroutine_handle<>, kew::mpmc_ring<std::coroutine_handle<>>, Wait> ready_{16};
};

template <class Wait>
struct coroutines {
  static constexpr auto name = std::is_same_v<Wait, kew::park_wait> ? "coroutines+park_wait" : "coroutines";

  static std::uint64_t ping(parked& there, parked& back, clock::time_point end) {
    resuming_thread<Wait> here;
    std::uint64_t trips = 0;
    bool done = false;
    play(there, back, end, here.schedule(), trips, done);
    here.run(done);
    return trips;
  }
  static void pong(parked& there, parked& back) {
    resuming_thread<Wait> here;
    bool done = false;
    answer(there, back, here.schedule(), done);
    here.run(done);
  }

 private:
  static errand play(parked& there, parked& back, clock::time_point end, auto schedule, std::uint64_t& trips,
                     bool& done) {
    while (clock::now() < end) {
      static_cast<void>(co_await kew::async_push(there, ++trips, schedule));
      const auto ball = co_await kew::async_pop(back, schedule);
      if (!ball || *ball != trips) {
        trips = 0;
        break;
      }
    }
    done = true;
  }
  static errand answer(parked& there, parked& back, auto schedule, bool& done) {
    while (const auto ball = co_await kew::async_pop(there, schedule))
      static_cast<void>(co_await kew::async_push(back, *ball, schedule));
    done = true;
  }
};

// ---- What waits, and is not busy with it -----------------------------------------------------------------------------

/// The processor time, in this thread, of a wait that another one ends after a tenth of a second.
template <class Wait>
void measure_processor_time(benchmark::State& state, Wait wait) {
  using std::chrono::milliseconds;
  const auto used = [] {
    std::timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
  };
  for ([[maybe_unused]] auto _ : state) {
    kew::blocking_queue<word> first(1), second(1);
    std::thread other([&] {
      std::this_thread::sleep_for(milliseconds(100));
      static_cast<void>(second.push(1));
      first.close();
    });
    const double before = used();
    const word got = wait(first, second);
    state.SetIterationTime(used() - before);
    other.join();
    if (got != 1) return refuse(state, "a message was lost");
  }
}

word wait_by_pop(kew::blocking_queue<word>&, kew::blocking_queue<word>& from) { return from.pop().value_or(0); }
word wait_by_select(kew::blocking_queue<word>& first, kew::blocking_queue<word>& second) {
  word got = 0;
  const auto take = [&](word message) { got = message; };
  static_cast<void>(kew::select(kew::on_pop(first, take), kew::on_pop(second, take)));
  return got;
}
errand wait_in_a_coroutine(kew::blocking_queue<word>& from, auto schedule, word& got, bool& done) {
  const auto popped = co_await kew::async_pop(from, schedule);
  got = popped.value_or(0);
  done = true;
}
word wait_by_coroutine(kew::blocking_queue<word>&, kew::blocking_queue<word>& from) {
  resuming_thread<kew::adaptive_wait> here;
  word got = 0;
  bool done = false;
  wait_in_a_coroutine(from, here.schedule(), got, done);
  here.run(done);
  return got;
}
word wait_by_pop_event(kew::blocking_queue<word>&, kew::blocking_queue<word>& from) {
  kew::pop_event event(from);
  pollfd watched{event.native_handle(), POLLIN, 0};
  while (::poll(&watched, 1, -1) != 1) {
  }
  event.clear();
  return from.try_pop().value_or(0);
}

const bool added = [] {
  entries().push_back({"async/ready", "try_pop", [](benchmark::State& state) { measure_ready(state, by_try_pop); }});
  entries().push_back({"async/ready", "co_await", [](benchmark::State& state) { measure_ready(state, by_coroutine); }});
  const auto trip = [&]<class Kind>(std::type_identity<Kind>) {
    entries().push_back({"async/there_and_back_asleep", Kind::name,
                         [](benchmark::State& state) { measure_round_trip(state, Kind::ping, Kind::pong); }});
  };
  trip(std::type_identity<threads>{});
  trip(std::type_identity<coroutines<kew::adaptive_wait>>{});
  trip(std::type_identity<coroutines<kew::park_wait>>{});
  const auto idle = [](const char* name, auto wait) {
    entries().push_back({"async/processor_time_of_a_wait_of_100_ms", name,
                         [wait](benchmark::State& state) { measure_processor_time(state, wait); }, 4});
  };
  idle("pop", wait_by_pop);
  idle("select", wait_by_select);
  idle("co_await", wait_by_coroutine);
  idle("pop_event", wait_by_pop_event);
  return true;
}();

}}  // namespace bench
