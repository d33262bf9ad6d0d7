// select: which case runs, what the others keep, how it ends, and that it is fair.
#include <kew/select.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <kew/blocking_queue.hpp>
#include <kew/channel.hpp>
#include <kew/metered_ring.hpp>

#include "support/catch.hpp"
#include "support/elements.hpp"
#include "support/environment.hpp"

namespace kew_test {
namespace {

using namespace std::chrono_literals;
using kew::on_pop;
using kew::on_push;
using kew::status;

const auto ignore = [](auto&&...) {};

/// A handler that must not run.
const auto never = [](auto&&...) { FAIL_CHECK("a case ran that should not have"); };

/// Any select of two cases, to say what all of them do.
template <class F>
void every_select(F&& check) {
  const auto soon = [] { return std::chrono::steady_clock::now() + 1h; };
  const std::stop_source unstopped;
  const std::stop_token token = unstopped.get_token();
  check([](auto&&... cases) { return kew::select(cases...); });
  check([](auto&&... cases) { return kew::select_in_order(cases...); });
  check([](auto&&... cases) { return kew::try_select(cases...); });
  check([](auto&&... cases) { return kew::try_select_in_order(cases...); });
  check([](auto&&... cases) { return kew::try_select_for(1h, cases...); });
  check([](auto&&... cases) { return kew::try_select_in_order_for(1h, cases...); });
  check([&](auto&&... cases) { return kew::try_select_until(soon(), cases...); });
  check([&](auto&&... cases) { return kew::try_select_in_order_until(soon(), cases...); });
  check([&](auto&&... cases) { return kew::select(token, cases...); });
  check([&](auto&&... cases) { return kew::select_in_order(token, cases...); });
  check([&](auto&&... cases) { return kew::try_select_for(1h, token, cases...); });
  check([&](auto&&... cases) { return kew::try_select_until(soon(), token, cases...); });
}

/// A ring whose every call meets another thread in the middle of its own.
struct busy_ring {
  using value_type = int;
  explicit busy_ring(std::size_t) {}
  status try_push(int&&) { return status::busy; }
  kew::result<int> try_pop() { return status::busy; }
  std::size_t capacity() const { return 1; }
  std::size_t size_approx() const { return 0; }
};

/// Gives other threads the time to begin to wait. What is tested holds whether they do or not.
void let_wait() {
  for (int turns = 0; turns < 200; ++turns) std::this_thread::yield();
}

/// So many calls that chance does not come near the bounds, however little of the work is to be done.
std::size_t enough(std::size_t calls) { return std::max<std::size_t>(scaled(calls), 20'000); }

/// How often each of `N` cases that are always ready is chosen, in `calls` calls.
template <std::size_t... I, class Select>
std::array<std::size_t, sizeof...(I)> shares(std::size_t calls, std::index_sequence<I...>, Select select) {
  std::array<std::size_t, sizeof...(I)> counts{};
  using queue = kew::blocking_queue<int, kew::mpmc_ring<int>, kew::park_wait>;
  std::array<std::unique_ptr<queue>, sizeof...(I)> queues{(static_cast<void>(I), std::make_unique<queue>(4))...};
  for (auto& each : queues)
    while (each->try_push(0)) {
    }
  for (std::size_t i = 0; i < calls; ++i) {
    const auto chosen = select(on_pop(*queues[I], [&](int) { static_cast<void>(queues[I]->try_push(0)); })...);
    ++counts[*chosen];
  }
  return counts;
}
template <std::size_t N>
void expect_fair(std::size_t calls) {
  const auto counts =
      shares(calls, std::make_index_sequence<N>(), [](auto&&... cases) { return kew::select(cases...); });
  const double share = static_cast<double>(calls) / N;
  for (const std::size_t count : counts) {
    INFO(N << " queues, " << count << " of " << calls);
    CHECK(static_cast<double>(count) >= 0.9 * share);
    CHECK(static_cast<double>(count) <= 1.1 * share);
  }
}

}  // namespace

// ---- One case runs ---------------------------------------------------------------------------------------------------

TEST_CASE("exactly one case runs, and the answer is its number", "[select]") {
  every_select([](auto select) {
    kew::blocking_queue<int> numbers(2);
    kew::blocking_queue<std::string> words(2);
    int number = 0;
    std::string word;
    const auto take_number = [&](int&& value) { number = value; };
    const auto take_word = [&](std::string&& value) { word = std::move(value); };
    REQUIRE(words.push("one"));
    auto answer = select(on_pop(numbers, take_number), on_pop(words, take_word));
    REQUIRE(answer.has_value());
    CHECK(*answer == 1);
    CHECK(word == "one");
    CHECK(number == 0);

    REQUIRE(numbers.push(2));
    answer = select(on_pop(numbers, take_number), on_pop(words, never));
    REQUIRE(answer.has_value());
    CHECK(*answer == 0);
    CHECK(number == 2);
  });
}

TEST_CASE("of two ready cases one runs, and what the other was about stays", "[select]") {
  every_select([](auto select) {
    kew::blocking_queue<int> first(2);
    kew::blocking_queue<int> second(2);
    REQUIRE(first.push(1));
    REQUIRE(second.push(2));
    int sum = 0;
    const auto add = [&](int value) { sum += value; };
    const auto answer = select(on_pop(first, add), on_pop(second, add));
    REQUIRE(answer.has_value());
    CHECK(sum == static_cast<int>(*answer) + 1);
    CHECK(first.size_approx() + second.size_approx() == 1);
    CHECK(select(on_pop(first, add), on_pop(second, add)).has_value());
    CHECK(sum == 3);
    CHECK(kew::try_select(on_pop(first, never), on_pop(second, never)).status() == status::empty);
  });
}

TEST_CASE("a handler is called when the queue has been left", "[select]") {
  kew::blocking_queue<int> queue(1);
  REQUIRE(queue.push(1));
  status inside = status::full;
  const auto answer = kew::select(on_pop(queue, [&](int value) { inside = queue.try_push(value + 1); }));
  CHECK(answer.has_value());
  CHECK(inside == status::success);
  CHECK(kew::select(on_push(queue, 3, never), on_pop(queue, [&](int value) { CHECK(value == 2); })).has_value());
  // A handler may wait, too.
  kew::blocking_queue<int> replies(1);
  const watchdog guard("a select inside a handler");
  std::jthread other([&] {
    static_cast<void>(queue.push(1));
    static_cast<void>(replies.push(2));
  });
  int reply = 0;
  CHECK(kew::select(on_pop(queue, [&](int) {
          static_cast<void>(kew::select(on_pop(replies, [&](int value) { reply = value; })));
        })).has_value());
  CHECK(reply == 2);
}

TEST_CASE("while a handler runs, no wake-up goes to its select", "[select]") {
  const watchdog guard("a handler that waits for another thread");
  using queue = kew::blocking_queue<int, kew::mpmc_ring<int>, kew::park_wait>;
  for (int i = 0; i < 50; ++i) {
    queue first(1);
    queue second(1);
    queue replies(1);
    queue begun(1);
    std::thread selects([&] {
      static_cast<void>(kew::select(on_pop(first,
                                           [&](int) {
                                             static_cast<void>(begun.push(1));
                                             static_cast<void>(replies.pop());
                                           }),
                                    on_pop(second, never)));
    });
    let_wait();  // so that it has entered the lists of both
    CHECK(first.push(1));
    static_cast<void>(begun.pop());
    std::thread pops([&] {
      static_cast<void>(second.pop());
      static_cast<void>(replies.push(1));
    });
    if (i % 2 == 0) let_wait();
    CHECK(second.push(1));
    pops.join();
    selects.join();
  }
}

TEST_CASE("a message moves twice on its way, out of the queue and into the handler's hands", "[select]") {
  kew::blocking_queue<tracked> queue(1);
  REQUIRE(queue.push(tracked(1)));
  long before = tracked::moves;
  static_cast<void>(queue.pop().has_value());
  const long of_a_pop = tracked::moves - before;
  REQUIRE(queue.push(tracked(1)));
  before = tracked::moves;
  CHECK(kew::select(on_pop(queue, [](tracked&& message) { CHECK(message.read() == 1); })).has_value());
  CHECK(tracked::moves - before == of_a_pop);
  CHECK(tracked::alive == 0);
  CHECK(tracked::misuses == 0);
}

TEST_CASE("cases of different types, rings and waits mix", "[select]") {
  const watchdog guard("cases that mix");
  auto channel = kew::make_spsc_channel<std::unique_ptr<int>, kew::park_wait>(1);
  auto& tx = channel.first;
  auto& parked = channel.second;
  kew::blocking_queue<std::string, kew::mpsc_ring<std::string>, kew::spin_wait> spinning(1);
  kew::blocking_queue<int, kew::spmc_ring<int, 1>, kew::yield_wait> yielding;
  kew::blocking_queue<int> adaptive(1);
  REQUIRE(adaptive.push(0));
  int sum = 0;
  const auto one_of_all = [&] {
    return kew::select(on_pop(parked, [&](std::unique_ptr<int>&& value) { sum += *value; }),
                       on_pop(spinning, [&](std::string&& value) { sum += std::stoi(value); }),
                       on_pop(yielding, [&](int value) { sum += value; }), on_push(adaptive, 1, [] {}));
  };
  std::jthread other([&] {
    static_cast<void>(tx.push(std::make_unique<int>(1)));
    let_wait();
    static_cast<void>(spinning.push("10"));
    let_wait();
    static_cast<void>(yielding.push(100));
  });
  for (int i = 0; i < 3; ++i) {
    const auto answer = one_of_all();
    REQUIRE(answer.has_value());
  }
  CHECK(sum == 111);
}

// ---- Waiting ---------------------------------------------------------------------------------------------------------

TEST_CASE("a select that waits is woken by any of its queues", "[select]") {
  const watchdog guard("a select that waits");
  using queue = kew::blocking_queue<int, kew::mpmc_ring<int>, kew::park_wait>;
  std::array<std::unique_ptr<queue>, 3> queues{std::make_unique<queue>(1), std::make_unique<queue>(1),
                                               std::make_unique<queue>(1)};
  std::vector<std::size_t> chosen;
  std::vector<int> taken;
  std::thread waiter([&] {
    const auto take = [&](int value) { taken.push_back(value); };
    for (int i = 0; i < 30; ++i)
      chosen.push_back(*kew::select(on_pop(*queues[0], take), on_pop(*queues[1], take), on_pop(*queues[2], take)));
  });
  std::vector<std::size_t> expected;
  for (std::size_t i = 0; i < 30; ++i) {
    if (i % 2 == 0) let_wait();
    REQUIRE(queues[i % 3]->push(static_cast<int>(i)));
    while (queues[i % 3]->size_approx() > 0) std::this_thread::yield();
    expected.push_back(i % 3);
  }
  waiter.join();
  CHECK(chosen == expected);
}

/// Counts how often it is asked, and is empty.
struct watched_ring {
  using value_type = int;
  explicit watched_ring(std::size_t) {}
  status try_push(int&&) { return status::full; }
  kew::result<int> try_pop() {
    ++looks;
    return status::empty;
  }
  std::size_t capacity() const { return 1; }
  std::size_t size_approx() const { return 0; }

  static inline std::atomic<int> looks{0};
};

TEST_CASE("a select that waits does not look again before it is woken", "[select]") {
  const watchdog guard("a select that sleeps");
  watched_ring::looks = 0;
  kew::blocking_queue<int, watched_ring, kew::park_wait> first(1);
  kew::blocking_queue<int, watched_ring, kew::park_wait> second(1);
  std::thread waiter([&] { static_cast<void>(kew::select(on_pop(first, never), on_pop(second, never))); });
  for (int turns = 0; turns < 20'000; ++turns) std::this_thread::yield();
  // Three of each queue: at first, when it begins to wait, and when it has entered their lists; a sleep that ends for
  // no reason makes it two more.
  CHECK(watched_ring::looks <= 20);
  first.close();
  second.close();
  waiter.join();
  CHECK(watched_ring::looks >= 6);
}

TEST_CASE("a select that waits for room is woken by a pop", "[select]") {
  const watchdog guard("a select that waits for room");
  kew::blocking_queue<int, kew::mpmc_ring<int>, kew::park_wait> full(1);
  kew::blocking_queue<int, kew::mpmc_ring<int>, kew::park_wait> empty(1);
  for (int i = 0; i < 20; ++i) {
    REQUIRE(full.push(1));
    kew::result<std::size_t> answer = status::empty;
    std::thread waiter([&] { answer = kew::select(on_pop(empty, ignore), on_push(full, 2, [] {})); });
    if (i % 2 == 0) let_wait();
    CHECK(*full.pop() == 1);
    waiter.join();
    REQUIRE(answer.has_value());
    CHECK(*answer == 1);
    CHECK(*full.pop() == 2);
  }
}

TEST_CASE("what a select leaves goes to another thread that waits", "[select]") {
  const watchdog guard("a select that leaves a message to a pop");
  using queue = kew::blocking_queue<int, kew::mpmc_ring<int>, kew::park_wait>;
  const std::size_t rounds = scaled(20'000);
  queue first(2);
  queue second(2);
  std::atomic<std::size_t> by_select{0};
  std::size_t by_pop = 0;
  // Each round: one message for each queue; the select takes one of them, and gives one of the second queue back.
  std::thread selects([&] {
    for (std::size_t i = 0; i < rounds; ++i) {
      int from_second = 0;
      const auto answer = kew::select(on_pop(first, ignore), on_pop(second, [&](int value) { from_second = value; }));
      if (answer && *answer == 1) {
        static_cast<void>(second.push(from_second));
        static_cast<void>(first.pop());
      }
      ++by_select;
    }
  });
  std::thread pops([&] {
    for (std::size_t i = 0; i < rounds; ++i) by_pop += second.pop() ? 1 : 0;
  });
  random_source random(run_seed());
  for (std::size_t i = 0; i < rounds; ++i) {
    if (random.one_in(2)) {
      REQUIRE(first.push(1));
      REQUIRE(second.push(2));
    } else {
      REQUIRE(second.push(2));
      REQUIRE(first.push(1));
    }
    if (random.one_in(16)) let_wait();
  }
  selects.join();
  pops.join();
  CHECK(by_select == rounds);
  CHECK(by_pop == rounds);
  CHECK(first.size_approx() + second.size_approx() == 0);
}

TEST_CASE("a select whose time runs out beside a message loses neither the message nor a wake-up", "[select]") {
  const watchdog guard("a select in time beside a pop");
  using queue = kew::blocking_queue<int, kew::mpmc_ring<int>, kew::park_wait>;
  queue timed(1);
  queue other(1);
  const std::size_t rounds = scaled(5'000);
  std::atomic<bool> done{false};
  std::atomic<std::size_t> taken{0};
  std::thread selects([&] {
    random_source random(run_seed() + 1);
    while (!done)
      static_cast<void>(kew::try_select_for(std::chrono::microseconds(random.below(100)),
                                            on_pop(timed, [&](int) { ++taken; }), on_pop(other, ignore)));
  });
  std::thread pops([&] {
    while (timed.pop()) ++taken;
  });
  random_source random(run_seed());
  for (std::size_t i = 0; i < rounds; ++i) {
    REQUIRE(timed.push(1));
    for (std::size_t turns = random.below(20); turns > 0; --turns) std::this_thread::yield();
  }
  while (taken < rounds) std::this_thread::yield();
  done = true;
  timed.close();
  selects.join();
  pops.join();
  CHECK(taken == rounds);
}

TEST_CASE("two selects over the same queues in the other order get all messages, and all ends with close", "[select]") {
  const watchdog guard("two selects over the same queues");
  kew::blocking_queue<int> first(3);
  kew::blocking_queue<int> second(3);
  const int each = static_cast<int>(scaled(20'000));
  std::atomic<long> sum{0};
  std::atomic<int> wrong{0};
  const auto add = [&](int value) { sum += value; };
  const auto run = [&](auto& one, auto& other) {
    for (;;) {
      const auto answer = kew::select(on_pop(one, add), on_pop(other, add));
      if (answer) continue;
      wrong += answer.status() == status::closed ? 0 : 1;
      break;
    }
  };
  std::thread threads[] = {std::thread([&] { run(first, second); }), std::thread([&] { run(second, first); }),
                           std::thread([&] {
                             for (int i = 0; i < each; ++i) static_cast<void>(first.push(1));
                             first.close();
                           })};
  for (int i = 0; i < each; ++i) REQUIRE(second.push(1'000'000));
  second.close();
  for (std::thread& thread : threads) thread.join();
  CHECK(sum == each + 1'000'000L * each);
  CHECK(wrong == 0);
}

// ---- Closing ---------------------------------------------------------------------------------------------------------

TEST_CASE("a select answers closed when every case is closed, and then only", "[select]") {
  every_select([](auto select) {
    kew::blocking_queue<int> first(1);
    kew::blocking_queue<int> second(1);
    first.close();
    REQUIRE(second.push(1));
    second.close();
    auto answer = select(on_pop(first, never), on_pop(second, ignore));
    REQUIRE(answer.has_value());
    CHECK(*answer == 1);
    answer = select(on_pop(first, never), on_pop(second, never));
    CHECK(answer.status() == status::closed);
    std::string text = "kept";
    kew::blocking_queue<std::string> closed(1);
    closed.close();
    CHECK(select(on_pop(first, never), on_push(closed, std::move(text), never)).status() == status::closed);
    CHECK(text == "kept");
  });
}

TEST_CASE("a close does not overtake a message that is inside", "[select]") {
  const watchdog guard("a message before the close");
  for (int i = 0; i < 200; ++i) {
    kew::blocking_queue<int> queue(1);
    kew::blocking_queue<int> other(1);
    other.close();
    int got = 0;
    std::thread waiter([&] {
      for (;;) {
        const auto answer = kew::select(on_pop(queue, [&](int value) { got += value; }), on_pop(other, never));
        if (!answer) break;
      }
    });
    if (i % 2 == 0) let_wait();
    CHECK(queue.push(1));
    queue.close();
    waiter.join();
    CHECK(got == 1);
  }
}

TEST_CASE("a case that is closed does not end the wait for the others", "[select]") {
  const watchdog guard("a select with a closed case");
  for (int i = 0; i < 50; ++i) {
    kew::blocking_queue<int, kew::mpmc_ring<int>, kew::park_wait> first(1);
    kew::blocking_queue<int, kew::mpmc_ring<int>, kew::park_wait> second(1);
    kew::result<std::size_t> answer = status::empty;
    kew::result<std::size_t> later = status::empty;
    std::thread waiter([&] {
      answer = kew::select(on_pop(first, never), on_pop(second, ignore));
      later = kew::select(on_pop(first, never), on_pop(second, never));
    });
    if (i % 2 == 0) let_wait();
    first.close();
    if (i % 3 == 0) let_wait();
    CHECK(second.push(1));
    if (i % 2 == 0) let_wait();
    second.close();
    waiter.join();
    REQUIRE(answer.has_value());
    CHECK(*answer == 1);
    CHECK(later.status() == status::closed);
  }
}

TEST_CASE("a handle that was moved from and an empty span are closed cases", "[select]") {
  auto channel = kew::make_channel<int>(1);
  auto& tx = channel.first;
  auto& rx = channel.second;
  auto kept_tx = std::move(tx);
  auto kept_rx = std::move(rx);
  std::vector<kew::consumer<int>> none;
  every_select([&](auto select) {
    CHECK(select(on_pop(rx, never), on_push(tx, 1, never)).status() == status::closed);
    CHECK(select(on_pop(std::span(none), never)).status() == status::closed);
  });
  CHECK(kept_tx.push(1));
  CHECK(*kew::select(on_pop(rx, never), on_pop(std::span(none), never), on_pop(kept_rx, ignore)) == 2);
}

// ---- Limits ----------------------------------------------------------------------------------------------------------

TEST_CASE("try_select never waits: empty when nothing was ready", "[select]") {
  kew::blocking_queue<int> empty(1);
  kew::blocking_queue<int> full(1);
  REQUIRE(full.push(1));
  CHECK(kew::try_select(on_pop(empty, never), on_push(full, 2, never)).status() == status::empty);
  CHECK(kew::try_select_in_order(on_push(full, 2, never)).status() == status::empty);
  CHECK(*full.pop() == 1);
}

TEST_CASE("a select in time looks once where the time is over, and does not end before it where nothing comes",
          "[select]") {
  kew::blocking_queue<int> queue(1);
  const auto expect_empty = [&](auto limit) {
    const auto end = std::chrono::steady_clock::now() + limit;
    CHECK(kew::try_select_for(limit, on_pop(queue, never)).status() == status::empty);
    CHECK(std::chrono::steady_clock::now() >= end);
    CHECK(kew::try_select_until(end, on_pop(queue, never)).status() == status::empty);
  };
  expect_empty(0s);
  expect_empty(-1h);
  expect_empty(1ms);
  expect_empty(std::chrono::nanoseconds(1));
  CHECK(kew::try_select_for(std::chrono::hours::min(), on_pop(queue, never)).status() == status::empty);
  REQUIRE(queue.push(1));
  CHECK(kew::try_select_for(0s, on_pop(queue, ignore)).has_value());
  REQUIRE(queue.push(1));
  CHECK(kew::try_select_for(std::chrono::hours::max(), on_pop(queue, ignore)).has_value());
  const watchdog guard("the largest duration");
  std::jthread other([&] { static_cast<void>(queue.push(1)); });
  CHECK(kew::try_select_for(std::chrono::hours::max(), on_pop(queue, ignore)).has_value());
}

TEST_CASE("a stop ends the wait, and does not take what is ready", "[select]") {
  const watchdog guard("a stop ends a select");
  kew::blocking_queue<int, kew::mpmc_ring<int>, kew::park_wait> first(1);
  kew::blocking_queue<int, kew::mpmc_ring<int>, kew::park_wait> second(1);
  for (int i = 0; i < 20; ++i) {
    std::stop_source source;
    std::thread stopper([&] {
      if (i % 2 == 0) let_wait();
      source.request_stop();
    });
    const auto token = source.get_token();
    CHECK(kew::select(token, on_pop(first, never), on_pop(second, never)).status() == status::stopped);
    stopper.join();
    CHECK(kew::select_in_order(token, on_pop(first, never)).status() == status::stopped);
    CHECK(kew::try_select_for(1h, token, on_pop(first, never)).status() == status::stopped);
    CHECK(kew::try_select_until(std::chrono::steady_clock::now() + 1h, token, on_pop(first, never)).status() ==
          status::stopped);
    REQUIRE(second.push(1));
    CHECK(*kew::select(token, on_pop(first, never), on_pop(second, ignore)) == 1);
  }
  const std::stop_source unstopped;
  CHECK(kew::try_select_for(1ms, unstopped.get_token(), on_pop(first, never)).status() == status::empty);
}

TEST_CASE("busy says that none was ready and that another thread was in the middle of its call", "[select]") {
  kew::blocking_queue<int, busy_ring> busy(1);
  kew::blocking_queue<int> empty(1);
  CHECK(kew::try_select(on_pop(empty, never), on_pop(busy, never)).status() == status::busy);
  CHECK(kew::try_select(on_push(busy, 1, never)).status() == status::busy);
  CHECK(kew::try_select_for(1ms, on_pop(busy, never), on_pop(empty, never)).status() == status::busy);
  REQUIRE(empty.push(1));
  CHECK(*kew::select(on_pop(busy, never), on_pop(empty, ignore)) == 1);
  // A thread that waits beside a busy queue sees what comes to another one.
  const watchdog guard("a select beside a busy queue");
  std::jthread other([&] {
    let_wait();
    static_cast<void>(empty.push(1));
  });
  CHECK(*kew::select(on_pop(busy, never), on_pop(empty, ignore)) == 1);
}

// ---- Values ----------------------------------------------------------------------------------------------------------

TEST_CASE("a value is copied if it is an lvalue, moved if it is an rvalue, and untouched where its case does not run",
          "[select]") {
  kew::blocking_queue<std::string> sink(1);
  kew::blocking_queue<int> source(1);
  std::string text = make<std::string>(1);
  const std::string& fixed = text;
  every_select([&](auto select) {
    REQUIRE(select(on_push(sink, text, [] {})).has_value());
    CHECK(read(text) == 1);
    CHECK(read(*sink.pop()) == 1);
    REQUIRE(select(on_push(sink, fixed, [] {})).has_value());
    CHECK(read(text) == 1);
    REQUIRE(source.push(1));
    // The sink is full: the other case runs.
    CHECK(*select(on_push(sink, std::move(text), never), on_pop(source, ignore)) == 1);
    CHECK(read(text) == 1);
    CHECK(read(*sink.pop()) == 1);
  });
  REQUIRE(kew::select(on_push(sink, std::move(text), [] {})).has_value());
  CHECK(read(text) == moved_from);
  CHECK(read(*sink.pop()) == 1);
  // What a message can be made of is enough.
  REQUIRE(kew::select(on_push(sink, "made in place", [] {})).has_value());
  CHECK(*sink.pop() == "made in place");
}

TEST_CASE("a message that can only be moved goes through, and stays where its case does not run", "[select]") {
  auto [tx, rx] = kew::make_channel<std::unique_ptr<int>>(1);
  auto message = std::make_unique<int>(1);
  REQUIRE(kew::select(on_push(tx, std::move(message), [] {})).has_value());
  CHECK(message == nullptr);
  message = std::make_unique<int>(2);
  CHECK(kew::try_select(on_push(tx, std::move(message), never)).status() == status::empty);
  REQUIRE(message != nullptr);
  rx.close();
  CHECK(kew::try_select(on_push(tx, std::move(message), never)).status() == status::closed);
  REQUIRE(message != nullptr);
  int got = 0;
  REQUIRE(kew::select(on_pop(rx, [&](std::unique_ptr<int> value) { got = *value; })).has_value());
  CHECK(got == 1);
}

TEST_CASE("a message that no select could push counts as refused once, and one that gave way to another case does not",
          "[select]") {
  kew::blocking_queue<int, kew::metered_ring<kew::mpmc_ring<int>>> full(1);
  kew::blocking_queue<int> ready(3);
  REQUIRE(full.push(1));
  const auto refused = [&] { return full.metrics().refused; };
  REQUIRE(ready.push(1));
  REQUIRE(kew::select_in_order(on_push(full, 2, never), on_pop(ready, ignore)).has_value());
  CHECK(refused() == 0);
  CHECK(kew::try_select(on_push(full, 2, never), on_pop(ready, never)).status() == status::empty);
  CHECK(refused() == 1);
  CHECK(kew::try_select_for(1ms, on_push(full, 2, never), on_pop(ready, never)).status() == status::empty);
  CHECK(refused() == 2);
  full.close();
  ready.close();
  CHECK(kew::select(on_push(full, 2, never), on_pop(ready, never)).status() == status::closed);
  CHECK(refused() == 3);
}

// ---- One queue in several cases --------------------------------------------------------------------------------------

TEST_CASE("the same queue may stand in a select twice", "[select]") {
  const watchdog guard("one queue twice");
  kew::blocking_queue<int, kew::mpmc_ring<int>, kew::park_wait> queue(2);
  std::array<int, 2> taken{};
  std::thread waiter([&] {
    for (int i = 0; i < 1000; ++i)
      static_cast<void>(kew::select(on_pop(queue, [&](int value) { taken[0] += value; }),
                                    on_pop(queue, [&](int value) { taken[1] += value; })));
  });
  int popped = 0;
  std::thread pops([&] {
    for (int i = 0; i < 1000; ++i) popped += queue.pop().value_or(0);
  });
  for (int i = 0; i < 2000; ++i) REQUIRE(queue.push(1));
  waiter.join();
  pops.join();
  CHECK(taken[0] + taken[1] == 1000);
  CHECK(taken[0] > 0);
  CHECK(taken[1] > 0);
  CHECK(popped == 1000);
}

TEST_CASE("a push and a pop of one queue in one select are two cases, of which one runs", "[select]") {
  kew::blocking_queue<int> queue(1);
  int taken = 0;
  const auto either = [&] {
    return *kew::select(on_pop(queue, [&](int value) { taken = value; }), on_push(queue, 7, [] {}));
  };
  CHECK(either() == 1);
  CHECK(queue.size_approx() == 1);
  CHECK(taken == 0);
  CHECK(either() == 0);
  CHECK(queue.size_approx() == 0);
  CHECK(taken == 7);
  queue.close();
  CHECK(kew::select(on_pop(queue, never), on_push(queue, 7, never)).status() == status::closed);
}

TEST_CASE("threads that push or pop as it comes, by select over one queue, all come to an end", "[select]") {
  const watchdog guard("selects that push or pop");
  kew::blocking_queue<int, kew::mpmc_ring<int>, kew::park_wait> queue(1);
  const std::size_t each = 2 * scaled(5'000);
  std::atomic<long> balance{0};
  const auto run = [&] {
    for (std::size_t i = 0; i < each; ++i)
      static_cast<void>(kew::select(on_pop(queue, [&](int) { --balance; }), on_push(queue, 1, [&] { ++balance; })));
  };
  std::thread threads[] = {std::thread(run), std::thread(run), std::thread(run)};
  for (std::thread& thread : threads) thread.join();
  CHECK(balance == static_cast<long>(queue.size_approx()));
}

// ---- Spans -----------------------------------------------------------------------------------------------------------

TEST_CASE("a span of sources is one case, whose handler learns which source it was", "[select]") {
  std::vector<kew::producer<int>> sinks;
  std::vector<kew::consumer<int>> sources;
  for (int i = 0; i < 5; ++i) {
    auto [tx, rx] = kew::make_channel<int>(1);
    sinks.push_back(std::move(tx));
    sources.push_back(std::move(rx));
  }
  kew::blocking_queue<int> before(1);
  kew::blocking_queue<int> after(1);
  std::size_t from = 99;
  const auto any = [&] {
    return kew::select(on_pop(before, ignore),
                       on_pop(std::span(sources), [&](int&&, std::size_t which) { from = which; }),
                       on_pop(after, ignore));
  };
  for (std::size_t i = 0; i < 5; ++i) {
    REQUIRE(sinks[i].push(1));
    CHECK(*any() == 1);
    CHECK(from == i);
  }
  REQUIRE(after.push(1));
  CHECK(*any() == 2);
  REQUIRE(before.push(1));
  CHECK(*any() == 0);
  std::array<kew::blocking_queue<int, kew::mpmc_ring<int, 1>>, 2> fixed;
  REQUIRE(fixed[1].push(1));
  CHECK(*kew::select(on_pop(std::span(fixed), [&](int, std::size_t which) { from = which; })) == 0);
  CHECK(from == 1);
}

TEST_CASE("64 sources can be waited for, and one more is a length_error that says how many there were", "[select]") {
  const watchdog guard("64 sources");
  std::vector<kew::producer<int>> sinks;
  std::vector<kew::consumer<int>> sources;
  for (int i = 0; i < 65; ++i) {
    auto [tx, rx] = kew::make_channel<int>(1);
    sinks.push_back(std::move(tx));
    sources.push_back(std::move(rx));
  }
  const std::span all(sources);
  std::size_t from = 99;
  for (std::size_t i = 0; i < 64; i += 9) {
    std::thread other([&] {
      let_wait();
      static_cast<void>(sinks[i].push(1));
    });
    CHECK(*kew::select(on_pop(all.first(64), [&](int, std::size_t which) { from = which; })) == 0);
    CHECK(from == i);
    other.join();
  }
  every_select([&](auto select) {
    REQUIRE_THROWS_AS(select(on_pop(all, never)), std::length_error);
    REQUIRE_THROWS_WITH(select(on_pop(all.first(64), never), on_pop(sources[0], never)), has_text("65"));
  });
}

// ---- Fairness --------------------------------------------------------------------------------------------------------

TEST_CASE("queues that are always full are chosen equally often", "[select]") {
  expect_fair<2>(enough(1'000'000));
  expect_fair<3>(enough(1'000'000));
  expect_fair<4>(enough(1'000'000));
  expect_fair<8>(enough(1'000'000));
}

TEST_CASE("those that are ready are chosen equally often, whichever are not", "[select]") {
  // Had each look begun behind the one before, a queue behind one that is never ready would be chosen twice as often.
  using queue = kew::blocking_queue<int>;
  const std::size_t calls = enough(200'000);
  for (unsigned ready = 1; ready < 32; ++ready) {
    std::array<std::unique_ptr<queue>, 5> queues;
    for (std::size_t i = 0; i < 5; ++i) {
      queues[i] = std::make_unique<queue>(1);
      if ((ready >> i & 1U) != 0) REQUIRE(queues[i]->push(0));
    }
    std::array<std::size_t, 5> counts{};
    const auto again = [&](std::size_t i) {
      return [&, i](int) {
        ++counts[i];
        static_cast<void>(queues[i]->push(0));
      };
    };
    for (std::size_t i = 0; i < calls; ++i)
      static_cast<void>(kew::select(on_pop(*queues[0], again(0)), on_pop(*queues[1], again(1)),
                                    on_pop(*queues[2], again(2)), on_pop(*queues[3], again(3)),
                                    on_pop(*queues[4], again(4))));
    const double share = static_cast<double>(calls) / std::popcount(ready);
    for (std::size_t i = 0; i < 5; ++i) {
      INFO("ready: " << ready << ", queue " << i << ": " << counts[i] << " of " << calls);
      if ((ready >> i & 1U) == 0) {
        CHECK(counts[i] == 0);
      } else {
        CHECK(static_cast<double>(counts[i]) >= 0.9 * share);
        CHECK(static_cast<double>(counts[i]) <= 1.1 * share);
      }
    }
  }
}

TEST_CASE("selects that take turns are fair each", "[select]") {
  // A thread's selects share one sequence: two of them in turn see each second number of it, three each third, …
  using queue = kew::blocking_queue<int>;
  const std::size_t calls = enough(100'000);
  for (const std::size_t turns : {2U, 3U, 5U, 8U, 13U, 21U, 34U}) {
    queue first(1);
    queue second(1);
    REQUIRE(first.push(0));
    REQUIRE(second.push(0));
    std::array<std::size_t, 2> counts{};
    for (std::size_t i = 0; i < calls; ++i)
      for (std::size_t turn = 0; turn < turns; ++turn) {
        const auto chosen = kew::select(on_pop(first, [&](int) { static_cast<void>(first.push(0)); }),
                                        on_pop(second, [&](int) { static_cast<void>(second.push(0)); }));
        if (turn == 0) ++counts[*chosen];
      }
    for (const std::size_t count : counts) {
      INFO(turns << " in turn: " << count << " of " << calls);
      CHECK(static_cast<double>(count) >= 0.9 * static_cast<double>(calls) / 2);
      CHECK(static_cast<double>(count) <= 1.1 * static_cast<double>(calls) / 2);
    }
  }
}

TEST_CASE("the sources of a span each count as one", "[select]") {
  std::array<kew::blocking_queue<int, kew::mpmc_ring<int, 1>>, 3> several;
  kew::blocking_queue<int> one(1);
  REQUIRE(one.push(0));
  for (auto& each : several) REQUIRE(each.push(0));
  std::array<std::size_t, 4> counts{};
  const std::size_t calls = enough(200'000);
  for (std::size_t i = 0; i < calls; ++i)
    static_cast<void>(kew::select(on_pop(std::span(several),
                                         [&](int, std::size_t which) {
                                           ++counts[which];
                                           static_cast<void>(several[which].push(0));
                                         }),
                                  on_pop(one, [&](int) {
                                    ++counts[3];
                                    static_cast<void>(one.push(0));
                                  })));
  for (const std::size_t count : counts) {
    CHECK(static_cast<double>(count) >= 0.9 * static_cast<double>(calls) / 4);
    CHECK(static_cast<double>(count) <= 1.1 * static_cast<double>(calls) / 4);
  }
}

TEST_CASE("select_in_order takes the first that is ready, as written", "[select]") {
  const auto counts =
      shares(1000, std::make_index_sequence<4>(), [](auto&&... cases) { return kew::select_in_order(cases...); });
  CHECK(counts == std::array<std::size_t, 4>{1000, 0, 0, 0});
  kew::blocking_queue<int> closed(1);
  closed.close();
  std::array<kew::blocking_queue<int, kew::mpmc_ring<int, 2>>, 3> queues;
  REQUIRE(queues[1].push(1));
  REQUIRE(queues[2].push(2));
  const watchdog guard("select_in_order waits");
  const auto first = [&] {
    int got = 0;
    static_cast<void>(kew::select_in_order(on_pop(closed, never),
                                           on_pop(std::span(queues), [&](int value, std::size_t) { got = value; })));
    return got;
  };
  CHECK(first() == 1);
  CHECK(first() == 2);
  std::jthread other([&] {
    let_wait();
    static_cast<void>(queues[0].push(3));
  });
  CHECK(first() == 3);
}

// ---- Exceptions ------------------------------------------------------------------------------------------------------

TEST_CASE("what a handler throws leaves the select, its message is gone, and nothing else is lost", "[select]") {
  const watchdog guard("a handler that throws");
  kew::blocking_queue<tracked, kew::mpmc_ring<tracked>, kew::park_wait> first(2);
  kew::blocking_queue<tracked, kew::mpmc_ring<tracked>, kew::park_wait> second(2);
  const auto breaks = [](auto&&...) { throw fault("the handler broke"); };
  every_select([&](auto select) {
    REQUIRE(first.push(tracked(1)));
    CHECK_THROWS_AS(select(on_pop(first, breaks), on_pop(second, never)), fault);
    CHECK(first.size_approx() == 0);
    CHECK_THROWS_AS(select(on_push(first, tracked(2), breaks)), fault);
    CHECK(first.pop()->read() == 2);
  });
  // Also after a wait, where it stands in the lists of both queues; then another thread gets what comes.
  for (int i = 0; i < 20; ++i) {
    std::thread pusher([&] {
      let_wait();
      static_cast<void>(first.push(tracked(1)));
      static_cast<void>(second.push(tracked(2)));
    });
    CHECK_THROWS_AS(kew::select(on_pop(first, breaks), on_pop(second, breaks)), fault);
    int got = 0;
    CHECK(kew::select(on_pop(first, [&](tracked&& value) { got = value.read(); }),
                      on_pop(second, [&](tracked&& value) { got = value.read(); }))
              .has_value());
    CHECK((got == 1 || got == 2));
    pusher.join();
  }
  CHECK(tracked::alive == 0);
  CHECK(tracked::misuses == 0);
}

TEST_CASE("an element that throws when it is moved out is lost, and no other one", "[select]") {
  kew::blocking_queue<throwing> queue(2);
  REQUIRE(queue.emplace(1));
  REQUIRE(queue.emplace(2));
  throwing::arm(1);
  CHECK_THROWS_AS(kew::select(on_pop(queue, never)), fault);
  throwing::disarm();
  CHECK(kew::select(on_pop(queue, [](throwing&& element) { CHECK(element.read() == 2); })).has_value());
  // A value that throws when it is copied in has not gone in.
  const throwing value(3);
  throwing::arm(1);
  CHECK_THROWS_AS(kew::select(on_push(queue, value, never)), fault);
  throwing::disarm();
  CHECK(queue.size_approx() == 0);
}

TEST_CASE("handlers are called as std::invoke does, by reference if they are lvalues", "[select]") {
  struct collector {
    int sum = 0;
    void operator()(int value) { sum += value; }
    int twice = 0;
  };
  kew::blocking_queue<int> queue(2);
  collector all;
  REQUIRE(queue.push(1));
  REQUIRE(queue.push(2));
  CHECK(kew::select(on_pop(queue, all)).has_value());
  CHECK(kew::select(on_pop(queue, std::ref(all))).has_value());
  CHECK(all.sum == 3);
  struct owner {
    int got = 0;
  };
  kew::blocking_queue<owner> owners(1);
  REQUIRE(owners.push(owner{5}));
  // A pointer to a member is a handler, too, if an idle one.
  CHECK(kew::select(on_pop(owners, &owner::got)).has_value());
}

}  // namespace kew_test
