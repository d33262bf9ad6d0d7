// Producers, consumers and close against each other, round after round, counted element by element: each push
// either succeeded, and its element was popped exactly once, or said closed and left its argument untouched.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <iterator>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <kew/blocking_queue.hpp>
#include <kew/channel.hpp>
#include <kew/wait.hpp>

#include "support/catch.hpp"
#include "support/elements.hpp"
#include "support/environment.hpp"

namespace kew_test {
namespace {

using kew::status;
using namespace std::chrono_literals;

/// Where threads meet twice a round. Yields, because there are more threads than cores.
class meeting {
 public:
  explicit meeting(std::size_t threads) : threads_(threads) {}

  void wait() {
    const std::size_t round = round_;
    if (++arrived_ == threads_) {
      arrived_ = 0;
      ++round_;
    } else {
      while (round_ == round) std::this_thread::yield();
    }
  }

 private:
  const std::size_t threads_;
  std::atomic<std::size_t> arrived_{0};
  std::atomic<std::size_t> round_{0};
};

/// Keeps `bodies` running side by side, one call of each a round; `before` and `after` run alone.
template <class Before, class After>
void run_rounds(std::size_t rounds, const std::vector<std::function<void()>>& bodies, Before&& before, After&& after) {
  meeting place(bodies.size() + 1);
  std::vector<std::thread> threads;
  for (const auto& body : bodies)
    threads.emplace_back([&] {
      for (std::size_t round = 0; round < rounds; ++round) {
        place.wait();
        body();
        place.wait();
      }
    });
  for (std::size_t round = 0; round < rounds; ++round) {
    before();
    place.wait();
    place.wait();
    after();
  }
  for (std::thread& thread : threads) thread.join();
}

constexpr std::size_t most_each = 5;

/// What became of each element of a round. Each entry is written by one thread, and read after the round.
struct ledger {
  struct entry {
    status answer = status::busy;  // what the push said; busy: not tried
    bool untouched = true;         // where it failed
  };
  std::vector<std::array<entry, most_each>> pushes;
  std::vector<std::vector<int>> pops;  // by consumer

  ledger(std::size_t producers, std::size_t consumers) : pushes(producers), pops(consumers) {}

  void clear() {
    for (auto& row : pushes) row.fill({});
    for (auto& list : pops) list.clear();
  }

  /// Null if all is well.
  const char* audit(bool all_must_come_out) {
    counts_.assign(pushes.size() * most_each, 0);
    for (const auto& list : pops) {
      std::vector<int> last(pushes.size(), -1);
      for (const int id : list) {
        if (id < 0 || static_cast<std::size_t>(id) >= counts_.size()) return "popped what nobody pushed";
        if (++counts_[static_cast<std::size_t>(id)] > 1) return "popped twice";
        int& before = last[static_cast<std::size_t>(id) / most_each];
        if (id <= before) return "popped out of order";
        before = id;
      }
    }
    for (std::size_t producer = 0; producer < pushes.size(); ++producer)
      for (std::size_t i = 0; i < most_each; ++i) {
        const entry& it = pushes[producer][i];
        const int count = counts_[producer * most_each + i];
        if (it.answer == status::success) {
          if (all_must_come_out && count == 0) return "a push succeeded and its element never came out";
        } else {
          if (count != 0) return "a push failed and its element came out";
          if (!it.untouched) return "a push failed and its argument was moved from";
          if (it.answer != status::busy && it.answer != status::closed && it.answer != status::full)
            return "an answer that no push gives";
        }
      }
    return nullptr;
  }

 private:
  std::vector<int> counts_;
};

/// Pushes a few elements by every means, until the first that says closed.
template <class End>
void push_some(End& in, std::size_t producer, std::size_t n, random_source& random, ledger& book) {
  std::size_t i = 0;
  const auto id = [&](std::size_t k) { return static_cast<int>(producer * most_each + k); };
  const auto attempt = [&](auto&& push) {
    tracked element(id(i));
    const status answer = push(element);
    book.pushes[producer][i] = {answer, answer ? true : element.read() == id(i)};
    return answer;
  };
  while (i < n) {
    status answer = status::success;
    switch (random.below(7)) {
      case 0: answer = attempt([&](tracked& it) { return in.try_push(std::move(it)); }); break;
      case 1: answer = attempt([&](tracked& it) { return in.emplace(std::move(it)); }); break;
      case 2: answer = attempt([&](tracked& it) { return in.try_push_for(std::move(it), 1h); }); break;
      case 3:
        answer = attempt(
            [&](tracked& it) { return in.try_push_for(std::move(it), std::chrono::microseconds(random.below(20))); });
        break;
      case 4: {
        std::vector<tracked> batch;
        for (std::size_t k = i; k < n; ++k) batch.emplace_back(id(k));
        const bool waits = random.one_in(2);
        const std::size_t went_in = waits ? in.push_n(std::move_iterator(batch.begin()), batch.size())
                                          : in.try_push_n(std::move_iterator(batch.begin()), batch.size());
        for (std::size_t k = 0; k < batch.size(); ++k)
          book.pushes[producer][i + k] =
              k < went_in ? ledger::entry{status::success, true}
                          : ledger::entry{waits ? status::closed : status::full, batch[k].read() == id(i + k)};
        i += batch.size();
        continue;
      }
      default: answer = attempt([&](tracked& it) { return in.push(std::move(it)); });
    }
    if (answer == status::closed) return;
    ++i;
  }
}

/// Pops by every means until the queue says closed, or until `most` came.
template <class End>
void pop_until_closed(End& out, std::size_t most, random_source& random, std::vector<int>& popped) {
  const auto take = [&](auto&& answer) {
    if (answer) popped.push_back(answer->read());
    return answer.status() == status::closed;
  };
  while (popped.size() < most) {
    switch (random.below(7)) {
      case 0:
        if (take(out.try_pop())) return;
        std::this_thread::yield();
        break;
      case 1:
        if (take(out.try_pop_for(1h))) return;
        break;
      case 2:
        if (take(out.try_pop_for(std::chrono::microseconds(random.below(20))))) return;
        break;
      case 3: {
        std::vector<tracked> batch;
        const std::size_t n = out.pop_n(std::back_inserter(batch), std::min<std::size_t>(3, most - popped.size()));
        for (const tracked& element : batch) popped.push_back(element.read());
        if (n == 0) return;
        break;
      }
      case 4: {
        const status answer = out.try_consume([&](tracked& element) { popped.push_back(element.read()); });
        if (answer == status::closed) return;
        if (!answer) std::this_thread::yield();
        break;
      }
      default:
        if (take(out.pop())) return;
    }
  }
}

template <class Ring>
constexpr std::size_t producers_of = kew::many_producers<Ring> ? 2 : 1;
template <class Ring>
constexpr std::size_t consumers_of = kew::many_consumers<Ring> ? 2 : 1;

/// Spinning threads that share a core finish a round when the scheduler says so, so there are fewer rounds.
template <class Wait>
std::size_t affordable(std::size_t rounds) {
  return scaled(std::is_same_v<Wait, kew::spin_wait> ? rounds / 100 : rounds);
}

template <class Ring, class Wait>
void race_close(const char* name, std::size_t rounds) {
  const watchdog guard(name);
  using queue = kew::blocking_queue<tracked, Ring, Wait>;
  constexpr std::size_t producers = producers_of<Ring>;
  constexpr std::size_t consumers = consumers_of<Ring>;
  const long alive = tracked::alive;
  const long misuses = tracked::misuses;
  ledger book(producers, consumers);
  std::optional<queue> it;
  random_source choices(run_seed());
  std::array<std::size_t, producers> lengths{};
  std::size_t delay = 0;
  std::vector<std::function<void()>> bodies;
  for (std::size_t producer = 0; producer < producers; ++producer)
    bodies.push_back([&, producer, random = random_source(run_seed() + producer)]() mutable {
      push_some(*it, producer, lengths[producer], random, book);
    });
  for (std::size_t consumer = 0; consumer < consumers; ++consumer)
    bodies.push_back([&, consumer, random = random_source(run_seed() + 100 + consumer)]() mutable {
      pop_until_closed(*it, SIZE_MAX, random, book.pops[consumer]);
    });
  bodies.push_back([&] {
    for (std::size_t i = 0; i < delay; ++i) {
      if (i % 64 == 63) std::this_thread::yield();
      static_cast<void>(it->is_closed());
    }
    it->close();
  });
  std::size_t successes = 0;
  std::size_t refusals = 0;
  run_rounds(
      affordable<Wait>(rounds), bodies,
      [&] {
        constexpr std::size_t capacities[] = {1, 2, 3, 8};
        it.emplace(capacities[choices.below(4)]);
        book.clear();
        for (auto& length : lengths) length = 1 + choices.below(most_each);
        delay = choices.below(3) == 0 ? 0 : choices.below(400);
      },
      [&] {
        if (const char* wrong = book.audit(true)) {
          INFO(name << ", capacity " << it->capacity() << ", KEW_SEED=" << run_seed());
          FAIL_CHECK(wrong);
        }
        for (const auto& row : book.pushes)
          for (const auto& entry : row) {
            successes += entry.answer == status::success ? 1 : 0;
            refusals += entry.answer == status::closed ? 1 : 0;
          }
        if (it->size_approx() != 0) FAIL_CHECK("something stayed behind");
        it.reset();
      });
  CHECK(tracked::alive == alive);
  CHECK(tracked::misuses == misuses);
  // Both ends of the race are run, of which a few rounds may see one only.
  if (affordable<Wait>(rounds) >= 200) {
    CHECK(successes > 0);
    CHECK(refusals > 0);
  }
  std::printf("close race, %s: %zu rounds, %zu pushes succeeded, %zu said closed\n", name, affordable<Wait>(rounds),
              successes, refusals);
}

template <class Handle>
Handle share(Handle& handle) {
  if constexpr (std::is_copy_constructible_v<Handle>)
    return handle;
  else
    return std::move(handle);
}

/// Handles die at any time and in any order: consumers may leave before the stream ends.
template <class Ring, class Wait>
void race_handles(const char* name, std::size_t rounds) {
  const watchdog guard(name);
  using in_type = kew::producer<tracked, Ring, Wait>;
  using out_type = kew::consumer<tracked, Ring, Wait>;
  constexpr std::size_t producers = producers_of<Ring>;
  constexpr std::size_t consumers = consumers_of<Ring>;
  const long alive = tracked::alive;
  const long misuses = tracked::misuses;
  ledger book(producers, consumers);
  std::array<std::optional<in_type>, producers> ins;
  std::array<std::optional<out_type>, consumers> outs;
  std::array<std::size_t, producers> lengths{};
  std::array<std::size_t, consumers> appetites{};
  bool all_come_out = false;
  random_source choices(run_seed());
  std::vector<std::function<void()>> bodies;
  for (std::size_t producer = 0; producer < producers; ++producer)
    bodies.push_back([&, producer, random = random_source(run_seed() + producer)]() mutable {
      push_some(*ins[producer], producer, lengths[producer], random, book);
      ins[producer].reset();
    });
  for (std::size_t consumer = 0; consumer < consumers; ++consumer)
    bodies.push_back([&, consumer, random = random_source(run_seed() + 100 + consumer)]() mutable {
      pop_until_closed(*outs[consumer], appetites[consumer], random, book.pops[consumer]);
      outs[consumer].reset();
    });
  run_rounds(
      affordable<Wait>(rounds), bodies,
      [&] {
        constexpr std::size_t capacities[] = {1, 2, 3, 8};
        auto [tx, rx] = kew::make_channel_over<Ring, Wait>(capacities[choices.below(4)]);
        for (auto& in : ins) in.emplace(share(tx));
        for (auto& out : outs) out.emplace(share(rx));
        book.clear();
        for (auto& length : lengths) length = 1 + choices.below(most_each);
        all_come_out = choices.one_in(2);
        for (auto& appetite : appetites) appetite = all_come_out ? SIZE_MAX : choices.below(4);
      },
      [&] {
        if (const char* wrong = book.audit(all_come_out)) {
          INFO(name << ", KEW_SEED=" << run_seed());
          FAIL_CHECK(wrong);
        }
        // Every handle is gone, so nothing is inside any more.
        if (tracked::alive != alive) FAIL_CHECK("an element outlived its channel, or was destroyed twice");
      });
  CHECK(tracked::misuses == misuses);
}

using spsc = kew::spsc_ring<tracked>;
using mpsc = kew::mpsc_ring<tracked>;
using spmc = kew::spmc_ring<tracked>;
using mpmc = kew::mpmc_ring<tracked>;

constexpr std::size_t rounds = 25'000;

template <class Ring>
void race_with_every_wait(const char* name) {
  race_close<Ring, kew::park_wait>((std::string(name) + ", park_wait").c_str(), rounds);
  race_close<Ring, kew::adaptive_wait>((std::string(name) + ", adaptive_wait").c_str(), rounds * 2);
  race_close<Ring, kew::yield_wait>((std::string(name) + ", yield_wait").c_str(), rounds);
  race_close<Ring, kew::spin_wait>((std::string(name) + ", spin_wait").c_str(), rounds);
}

}  // namespace

TEST_CASE("close races pushes and pops over spsc_ring, and nothing is lost", "[close]") {
  race_with_every_wait<spsc>("spsc_ring");
}
TEST_CASE("close races pushes and pops over mpsc_ring, and nothing is lost", "[close]") {
  race_with_every_wait<mpsc>("mpsc_ring");
}
TEST_CASE("close races pushes and pops over spmc_ring, and nothing is lost", "[close]") {
  race_with_every_wait<spmc>("spmc_ring");
}
TEST_CASE("close races pushes and pops over mpmc_ring, and nothing is lost", "[close]") {
  race_with_every_wait<mpmc>("mpmc_ring");
}

TEST_CASE("handles die in every order, and each element is popped once or destroyed with the channel",
          "[close][channel]") {
  race_handles<spsc, kew::adaptive_wait>("spsc channel", rounds);
  race_handles<mpsc, kew::adaptive_wait>("mpsc channel", rounds);
  race_handles<spmc, kew::adaptive_wait>("spmc channel", rounds);
  race_handles<mpmc, kew::adaptive_wait>("mpmc channel", rounds);
  race_handles<mpmc, kew::park_wait>("mpmc channel, park_wait", rounds);
  race_handles<spsc, kew::park_wait>("spsc channel, park_wait", rounds);
}

}  // namespace kew_test
