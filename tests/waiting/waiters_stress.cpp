// A few messages go round between two queues, from one waiter to the next: threads that wait in every way, selects, and
// coroutines that are destroyed in the middle of it. A wake-up or a message that got lost would bring all to a
// standstill, because there are fewer messages than waiters; one that is there twice is found at the end.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include <kew/async.hpp>
#include <kew/kew.hpp>
#include <kew/select.hpp>

#include "support/catch.hpp"
#include "support/coroutines.hpp"
#include "support/environment.hpp"

namespace {

using namespace std::chrono_literals;

using kew::async_pop;
using kew::async_push;
using kew::status;
using kew_test::random_source;
using kew_test::task;

using message = std::unique_ptr<int>;

/// The two queues, and how far the game is.
template <class Ring>
class round_trip {
 public:
  using queue = kew::blocking_queue<message, Ring, kew::park_wait>;

  round_trip(std::size_t capacity, int messages, std::size_t operations)
      : queues_{queue(capacity), queue(capacity)},
        messages_(messages),
        left_(static_cast<std::ptrdiff_t>(operations)) {}

  void begin() {
    for (int i = 0; i < messages_; ++i) keep(std::make_unique<int>(i));
  }
  queue& from(std::size_t which) { return queues_[which % 2]; }
  queue& to(std::size_t which) { return queues_[(which + 1) % 2]; }

  queue& silence() { return silence_; }

  /// Counts what a wait has ended with; a message that goes on is an operation. The last one ends the game.
  bool count(status ended) {
    if (!ended) return ended != status::closed;
    if (left_.fetch_sub(1, std::memory_order_relaxed) > 1) return true;
    for (queue& each : queues_) each.close();
    silence_.close();
    return false;
  }
  /// What a waiter had in its hand when the game ended, or at its beginning.
  void keep(message it) {
    if (!it) return;
    if (queues_[0].try_push(std::move(it))) return;
    const std::lock_guard lock(mutex_);
    kept_.push_back(std::move(it));
  }

  /// After the game: whether every message is there, once.
  bool is_complete() {
    for (queue& each : queues_)
      while (auto popped = each.try_pop()) kept_.push_back(*std::move(popped));
    std::multiset<int> all;
    for (const message& each : kept_) all.insert(each ? *each : -1);
    std::multiset<int> wanted;
    for (int i = 0; i < messages_; ++i) wanted.insert(i);
    return all == wanted;
  }

 private:
  queue queues_[2];
  queue silence_{1};
  int messages_;
  std::atomic<std::ptrdiff_t> left_;
  std::mutex mutex_;
  std::vector<message> kept_;
};

// ---- Threads --------------------------------------------------------------------------------------------------

/// From one of the two queues to the other, so that it takes one of these for each way to have all messages go on.
template <class Game>
void wait_in_every_way(Game& game, std::size_t which, std::uint64_t seed) {
  random_source random(seed);
  message hand;
  for (;;) {
    while (!hand) {
      auto& source = game.from(which);
      kew::result<message> popped = status::empty;
      switch (random.below(4)) {
        case 0: popped = source.pop(); break;
        case 1: popped = source.try_pop(); break;
        case 2: popped = source.try_pop_for(std::chrono::microseconds(random.below(100))); break;
        case 3: {
          std::stop_source stop;
          if (random.one_in(8)) stop.request_stop();
          popped = source.pop(stop.get_token());
          break;
        }
      }
      if (popped) hand = *std::move(popped);
      if (!game.count(popped.status())) return game.keep(std::move(hand));
    }
    while (hand) {
      auto& sink = game.to(which);
      const status pushed = random.one_in(2) ? sink.push(std::move(hand)) : sink.try_push_for(std::move(hand), 20us);
      if (!game.count(pushed)) return game.keep(std::move(hand));
    }
  }
}

/// The same by select, beside a queue that has never anything, and often giving up.
template <class Game>
void select_and_give_up(Game& game, std::size_t which, std::uint64_t seed) {
  random_source random(seed);
  message hand;
  const auto take = [&hand](message&& it) { hand = std::move(it); };
  const auto wait = [&random](auto... cases) -> status {
    switch (random.below(4)) {
      case 0: return kew::select(cases...).status();
      case 1: return kew::try_select(cases...).status();
      case 2: return kew::try_select_for(std::chrono::microseconds(random.below(100)), cases...).status();
      default: {
        std::stop_source stop;
        if (random.one_in(8)) stop.request_stop();
        return kew::select(stop.get_token(), cases...).status();
      }
    }
  };
  for (;; which += random.one_in(64)) {
    while (!hand)
      if (!game.count(wait(kew::on_pop(game.from(which), take), kew::on_pop(game.silence(), take))))
        return game.keep(std::move(hand));
    while (hand)
      if (!game.count(wait(kew::on_pop(game.silence(), take), kew::on_push(game.to(which), std::move(hand), [] {}))))
        return game.keep(std::move(hand));
  }
}

/// From either queue to the other, by selects over both, some of which run out of time.
template <class Game>
void select_between_both(Game& game, std::uint64_t seed) {
  random_source random(seed);
  message hand;
  std::size_t which = 0;
  const auto take_from = [&](std::size_t source) {
    return kew::on_pop(game.from(source), [&hand, &which, source](message&& it) {
      hand = std::move(it);
      which = source;
    });
  };
  for (;;) {
    while (!hand) {
      kew::result<std::size_t> chosen = status::empty;
      if (random.one_in(2))
        chosen = kew::select(take_from(0), take_from(1));
      else
        chosen = kew::try_select_for(std::chrono::microseconds(random.below(100)), take_from(1), take_from(0));
      if (!game.count(chosen.status())) return game.keep(std::move(hand));
    }
    while (hand) {
      // Into either queue, so that a message may also go back.
      const auto chosen = kew::try_select_for(20us, kew::on_push(game.to(which), std::move(hand), [] {}),
                                              kew::on_push(game.from(which), std::move(hand), [] {}));
      if (!game.count(chosen.status())) return game.keep(std::move(hand));
    }
  }
}

// ---- Coroutines -----------------------------------------------------------------------------------------------

/// A thread that resumes coroutines, or destroys them in the place of it, or any of them at any time.
template <class Game>
class restless_executor {
 public:
  restless_executor(Game& game, std::size_t coroutines, std::uint64_t seed)
      : game_(game), random_(seed), seats_(coroutines) {}

  void run() {
    for (std::size_t i = 0; i < seats_.size(); ++i) start(i);
    while (!all_ended()) {
      for (const auto& [i, ready] : wait()) {
        seat& mine = seats_[i];
        if (!mine.is_scheduled) continue;  // destroyed meanwhile
        mine.is_scheduled = false;
        if (random_.one_in(8)) {
          mine.running.release();
          ready.destroy();
          start(i);
        } else {
          ready.resume();
        }
        if (random_.one_in(4)) {
          const std::size_t unlucky = random_.below(seats_.size());
          if (seats_[unlucky].ended) continue;
          if (random_.one_in(3)) {
            seats_[unlucky].stop.request_stop();
          } else {
            seats_[unlucky].running.destroy();
            forget(unlucky);
            start(unlucky);
          }
        }
      }
    }
    for (seat& each : seats_) game_.keep(std::move(each.hand));
  }

 private:
  struct seat {
    task running;
    std::stop_source stop;
    message hand;
    std::size_t which = 0;
    bool is_scheduled = false;
    bool ended = false;
  };

  void start(std::size_t i) {
    seat& mine = seats_[i];
    mine.stop = std::stop_source();
    mine.which = random_.below(2);
    mine.running = play(i);
  }

  /// Carries messages from one of the two queues to the other, until it is destroyed.
  task play(std::size_t i) {
    seat& mine = seats_[i];
    const auto here = [this, i](std::coroutine_handle<> ready) { put(i, ready); };
    for (;;) {
      while (!mine.hand) {
        auto popped = co_await async_pop(game_.from(mine.which), mine.stop.get_token(), here);
        if (popped) mine.hand = *std::move(popped);
        if (!game_.count(popped.status())) break;
        if (popped.status() == status::stopped) mine.stop = std::stop_source();
      }
      if (!mine.hand) break;
      const status pushed =
          co_await async_push(game_.to(mine.which), std::move(mine.hand), mine.stop.get_token(), here);
      if (!game_.count(pushed)) break;
      if (pushed == status::stopped) mine.stop = std::stop_source();
    }
    mine.ended = true;
  }

  bool all_ended() const {
    for (const seat& each : seats_)
      if (!each.ended) return false;
    return true;
  }

  using ready_seat = std::pair<std::size_t, std::coroutine_handle<>>;

  void put(std::size_t i, std::coroutine_handle<> ready) {
    // Under the lock, because the executor may be gone as soon as the coroutine has ended.
    const std::lock_guard lock(mutex_);
    ready_.emplace_back(i, ready);
    something_.notify_one();
  }
  std::vector<ready_seat> wait() {
    std::unique_lock lock(mutex_);
    something_.wait(lock, [this] { return !ready_.empty(); });
    for (const auto& [i, ready] : ready_) seats_[i].is_scheduled = true;
    return std::exchange(ready_, {});
  }
  void forget(std::size_t i) {
    seats_[i].is_scheduled = false;
    const std::lock_guard lock(mutex_);
    std::erase_if(ready_, [i](const ready_seat& each) { return each.first == i; });
  }

  Game& game_;
  random_source random_;
  std::vector<seat> seats_;
  std::mutex mutex_;
  std::condition_variable something_;
  std::vector<ready_seat> ready_;
};

template <class Ring>
void play(std::size_t capacity, int messages, std::size_t operations, std::uint64_t seed) {
  using game_type = round_trip<Ring>;
  game_type game(capacity, messages, operations);
  game.begin();
  restless_executor<game_type> executors[] = {{game, 3, seed + 1}, {game, 2, seed + 2}};
  std::vector<std::thread> threads;
  for (auto& each : executors) threads.emplace_back([&each] { each.run(); });
  for (std::size_t i = 0; i < 2; ++i)
    threads.emplace_back([&game, seed, i] { wait_in_every_way(game, i, seed + 3 + i); });
  threads.emplace_back([&game, seed] { select_and_give_up(game, 0, seed + 5); });
  for (std::size_t i = 0; i < 2; ++i)
    threads.emplace_back([&game, seed, i] { select_between_both(game, seed + 5 + i); });
  for (std::thread& each : threads) each.join();
  CHECK(game.is_complete());
}

TEST_CASE("whatever waiters do to each other, each message goes on, once") {
  const std::uint64_t seed = kew_test::run_seed();
  const kew_test::watchdog guard("a round trip of a few messages between all kinds of waiters");
  random_source random(seed);
  const std::size_t rounds = 20;
  for (std::size_t i = 0; i < rounds; ++i) {
    const auto capacity = 1 + random.below(3);
    const auto messages = 1 + static_cast<int>(random.below(4));
    INFO("round " << i << ", capacity " << capacity << ", messages " << messages);
    play<kew::mpmc_ring<message>>(capacity, messages, kew_test::scaled(10'000), random());
  }
}

}  // namespace
