// What it costs that a coroutine waits in a thread's place: where a message is there already, and where both sides sleep
// in turn, there and back between two threads.
#include <kew/async.hpp>
#include <kew/blocking_queue.hpp>

#include <coroutine>
#include <exception>
#include <thread>
#include <tuple>

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

/// A thread that sleeps until its only coroutine can go on: the least that a scheduler can be.
class one_coroutine_thread {
 public:
  auto schedule() {
    return [this](std::coroutine_handle<> ready) {
      ready_.store(ready.address(), std::memory_order_release);
      ready_.notify_one();
    };
  }
  void run(const bool& done) {
    while (!done) {
      ready_.wait(nullptr);
      std::coroutine_handle<>::from_address(ready_.exchange(nullptr, std::memory_order_acquire)).resume();
    }
  }

 private:
  std::atomic<void*> ready_{nullptr};
};

struct coroutines {
  static constexpr auto name = "coroutines";

  static std::uint64_t ping(parked& there, parked& back, clock::time_point end) {
    one_coroutine_thread here;
    std::uint64_t trips = 0;
    bool done = false;
    play(there, back, end, here.schedule(), trips, done);
    here.run(done);
    return trips;
  }
  static void pong(parked& there, parked& back) {
    one_coroutine_thread here;
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

const bool added = [] {
  entries().push_back({"async/ready", "try_pop", [](benchmark::State& state) { measure_ready(state, by_try_pop); }});
  entries().push_back({"async/ready", "co_await", [](benchmark::State& state) { measure_ready(state, by_coroutine); }});
  const auto trip = [&]<class Kind>(std::type_identity<Kind>) {
    entries().push_back({"async/there_and_back_asleep", Kind::name,
                         [](benchmark::State& state) { measure_round_trip(state, Kind::ping, Kind::pong); }});
  };
  trip(std::type_identity<threads>{});
  trip(std::type_identity<coroutines>{});
  return true;
}();

}}  // namespace bench
