// Coroutines that wait for a queue: where they go on, what they are told, and how they may be destroyed.
#include <atomic>
#include <coroutine>
#include <cstddef>
#include <deque>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include <kew/async.hpp>
#include <kew/kew.hpp>

#include "support/catch.hpp"
#include "support/coroutines.hpp"
#include "support/elements.hpp"
#include "support/environment.hpp"

namespace {

using kew::async_pop;
using kew::async_push;
using kew::blocking_queue;
using kew::result;
using kew::status;
using kew_test::lazy;
using kew_test::run_loop;
using kew_test::task;

using handle = std::coroutine_handle<>;

template <class Source, class... More>
task pop_into(Source& source, std::optional<status>& answer, int& value, More... more) {
  auto popped = co_await async_pop(source, more...);
  if (popped) value = static_cast<int>(*popped);
  answer = popped.status();
}
template <class Sink, class... More>
task push_from(Sink& sink, int value, std::optional<status>& answer, More... more) {
  answer = co_await async_push(sink, value, more...);
}

struct waiting_pop {
  std::optional<status> answer;
  int value = 0;
  task running;

  bool done() const { return answer.has_value(); }
  template <class Source, class... More>
  void start(Source& source, More... more) {
    running = pop_into(source, answer, value, more...);
  }
};

// ---- Every kind of queue --------------------------------------------------------------------------------------

struct both_ends {
  template <class Queue>
  struct of {
    Queue queue{2};
    auto& in() { return queue; }
    auto& out() { return queue; }
  };
};
template <auto Make>
struct ends_of {
  decltype(Make(std::size_t{2})) handles = Make(std::size_t{2});
  auto& in() { return handles.first; }
  auto& out() { return handles.second; }
};

using every_queue = std::tuple<both_ends::of<blocking_queue<int>>,
                               both_ends::of<blocking_queue<int, kew::spsc_ring<int>, kew::park_wait>>,
                               both_ends::of<blocking_queue<int, kew::metered_ring<int, kew::mpmc_ring>>>,
                               ends_of<&kew::make_channel<int>>, ends_of<&kew::make_spsc_channel<int>>,
                               ends_of<&kew::make_mpsc_channel<int>>, ends_of<&kew::make_spmc_channel<int>>>;

TEMPLATE_LIST_TEST_CASE("async: a coroutine waits for messages and for room, until the queue is closed", "",
                        every_queue) {
  TestType subject;
  constexpr int count = 1000;
  long sum = 0;
  const auto consume = [&]() -> task {
    while (const auto message = co_await async_pop(subject.out())) sum += *message;
  };
  const auto produce = [&]() -> task {
    for (int i = 1; i <= count; ++i) {
      const status pushed = co_await async_push(subject.in(), i);
      if (!pushed) throw std::runtime_error("nobody has closed the queue");
    }
    subject.in().close();
  };
  SECTION("the consumer first") {
    const task consumer = consume();
    const task producer = produce();
    CHECK((consumer.done() && producer.done()));
  }
  SECTION("the producer first") {
    const task producer = produce();
    const task consumer = consume();
    CHECK((consumer.done() && producer.done()));
  }
  CHECK(sum == long{count} * (count + 1) / 2);
}

TEST_CASE("async: a message that is there, and room that is there, suspend nobody") {
  blocking_queue<int> queue(1);
  int scheduled = 0;
  const auto never = [&](handle) { ++scheduled; };
  std::optional<status> pushed;
  const task producer = push_from(queue, 7, pushed, never);
  REQUIRE(pushed == status::success);
  waiting_pop consumer;
  consumer.start(queue, never);
  CHECK(consumer.value == 7);
  CHECK(scheduled == 0);
}

TEST_CASE("async: closed is answered only when closed and drained") {
  blocking_queue<int> queue(2);
  REQUIRE(queue.push(1));
  queue.close();
  waiting_pop first;
  first.start(queue);
  CHECK(first.value == 1);
  waiting_pop second;
  second.start(queue);
  CHECK(second.answer == status::closed);
  std::optional<status> pushed;
  const task producer = push_from(queue, 7, pushed);
  CHECK(pushed == status::closed);
}

TEST_CASE("async: a close does not overtake a message that was pushed before it") {
  auto [tx, rx] = kew::make_channel<int>(4);
  run_loop loop;
  waiting_pop first;
  waiting_pop second;
  first.start(rx, loop.schedule());
  second.start(rx, loop.schedule());
  REQUIRE(tx.push(1));
  {
    const auto gone = std::move(tx);
  }
  loop.run();
  CHECK(first.value + second.value == 1);
  CHECK(first.done());
  CHECK(second.done());
}

TEST_CASE("async: the last producer's end is the end of a coroutine's wait, the last consumer's too") {
  SECTION("a pop") {
    auto [tx, rx] = kew::make_spsc_channel<int>(1);
    waiting_pop consumer;
    consumer.start(rx);
    REQUIRE_FALSE(consumer.done());
    {
      const auto gone = std::move(tx);
    }
    CHECK(consumer.answer == status::closed);
  }
  SECTION("a push") {
    auto [tx, rx] = kew::make_spsc_channel<int>(1);
    REQUIRE(tx.push(1));
    std::optional<status> pushed;
    const task producer = push_from(tx, 2, pushed);
    REQUIRE_FALSE(pushed);
    {
      const auto gone = std::move(rx);
    }
    CHECK(pushed == status::closed);
  }
}

TEST_CASE("async: a handle that was moved from answers closed") {
  auto [tx, rx] = kew::make_channel<int>(1);
  const auto kept_in = std::move(tx);
  const auto kept_out = std::move(rx);
  waiting_pop consumer;
  consumer.start(rx, std::stop_token());
  CHECK(consumer.answer == status::closed);
  std::optional<status> pushed;
  const task producer = push_from(tx, 2, pushed);
  CHECK(pushed == status::closed);
}

// ---- Values -----------------------------------------------------------------------------------------------------

TEST_CASE("async: an lvalue is copied, an rvalue moved, and neither is touched where the answer is not success") {
  blocking_queue<std::string> queue(1);
  const std::string text(100, 'x');
  std::string copied = text;
  std::string moved = text;
  std::optional<status> answer;
  const auto push_copy = [&]() -> task { answer = co_await async_push(queue, copied); };
  const auto push_move = [&]() -> task { answer = co_await async_push(queue, std::move(moved)); };
  SECTION("at once") {
    {
      const task run = push_copy();
    }
    CHECK(copied == text);
    CHECK(*queue.try_pop() == text);
    {
      const task run = push_move();
    }
    CHECK(moved.empty());
    CHECK(*queue.try_pop() == text);
  }
  SECTION("after a wait") {
    REQUIRE(queue.push(""));
    {
      const task run = push_copy();
      REQUIRE(queue.pop());
    }
    CHECK(answer == status::success);
    CHECK(copied == text);
    {
      const task run = push_move();
      CHECK(moved == text);
      REQUIRE(queue.pop());
    }
    CHECK(answer == status::success);
    CHECK(moved.empty());
    CHECK(*queue.try_pop() == text);
  }
  SECTION("closed") {
    REQUIRE(queue.push(""));
    const task run = push_move();
    queue.close();
    CHECK(answer == status::closed);
    CHECK(moved == text);
    const task again = push_move();
    CHECK(moved == text);
  }
  SECTION("destroyed") {
    REQUIRE(queue.push(""));
    {
      const task run = push_move();
    }
    CHECK(moved == text);
  }
  SECTION("what converts to an element") {
    const auto push = [&]() -> task { answer = co_await async_push(queue, "text"); };
    const task run = push();
    CHECK(*queue.try_pop() == "text");
  }
}

TEST_CASE("async: elements that can only be moved, and those that have no default") {
  const auto through = [](auto element) {
    using T = decltype(element);
    blocking_queue<T> queue(1);
    std::optional<result<T>> popped;
    const auto pop = [&]() -> task { popped.emplace(co_await async_pop(queue)); };
    const task consumer = pop();
    const auto push = [&]() -> task { static_cast<void>(co_await async_push(queue, std::move(element))); };
    const task producer = push();
    REQUIRE(popped);
    return std::move(**popped);
  };
  CHECK(*through(std::make_unique<int>(5)) == 5);
  CHECK(through(std::string("text")) == "text");
  CHECK(through(kew_test::no_default(7)).read() == 7);
}

// ---- An element that is there ------------------------------------------------------------------------------------
//
// await_ready claims it in its slot, and await_resume moves it out.

using kew_test::tracked;

using every_ring_of_tracked =
    std::tuple<kew::spsc_ring<tracked>, kew::mpsc_ring<tracked>, kew::spmc_ring<tracked>, kew::mpmc_ring<tracked>,
               kew::spsc_ring<tracked, 2>, kew::mpmc_ring<tracked, 2>, kew::metered_ring<kew::spsc_ring<tracked>>,
               kew::metered_ring<kew::mpmc_ring<tracked>>>;

template <class Ring>
struct queue_of_two : blocking_queue<tracked, Ring> {
  queue_of_two()
    requires std::is_default_constructible_v<Ring>
  = default;
  queue_of_two()
    requires(!std::is_default_constructible_v<Ring>)
      : blocking_queue<tracked, Ring>(2) {}
};

TEMPLATE_LIST_TEST_CASE("async: an element that is there is moved once, from its slot to where the coroutine wants it",
                        "", every_ring_of_tracked) {
  const long alive = tracked::alive;
  {
    queue_of_two<TestType> queue;
    long moves = -1;
    int value = 0;
    const auto pop = [&]() -> task {
      const auto popped = co_await async_pop(queue);
      moves = tracked::moves;
      value = popped->read();
    };
    for (int i = 1; i <= 5; ++i) {
      REQUIRE(queue.try_emplace(i));
      const long before = tracked::moves;
      const task run = pop();
      CHECK(moves == before + 1);
      CHECK(value == i);
    }
  }
  CHECK(tracked::alive == alive);
  CHECK(tracked::misuses == 0);
}

TEMPLATE_LIST_TEST_CASE("async: an awaitable that is ready and destroyed pops as a pop whose result is thrown away", "",
                        every_ring_of_tracked) {
  const long alive = tracked::alive;
  {
    queue_of_two<TestType> queue;
    for (int i = 0; i < 9; i += 3) {
      REQUIRE((queue.try_emplace(i) && queue.try_emplace(i + 1)));
      {
        auto ready = async_pop(queue);
        REQUIRE(ready.await_ready());
        CHECK_FALSE(queue.try_emplace(9));  // its slot is taken
        CHECK(tracked::alive == alive + 2);
      }
      CHECK(tracked::alive == alive + 1);
      REQUIRE(queue.try_emplace(i + 2));
      CHECK(queue.try_pop()->read() == i + 1);
      CHECK(queue.try_pop()->read() == i + 2);
      if constexpr (kew::has_metrics<TestType>) CHECK(queue.metrics().popped == static_cast<unsigned>(i + 3));
    }
    // Never asked, asked in vain, or told that it is closed.
    const auto unasked = async_pop(queue);
    auto asked = async_pop(queue);
    CHECK_FALSE(asked.await_ready());
    queue.close();
    auto closed = async_pop(queue);
    CHECK(closed.await_ready());
  }
  CHECK(tracked::alive == alive);
  CHECK(tracked::misuses == 0);
}

TEMPLATE_LIST_TEST_CASE("async: a pop of an element that is there lets in a coroutine that waits for room", "",
                        every_ring_of_tracked) {
  queue_of_two<TestType> queue;
  REQUIRE((queue.emplace(1) && queue.emplace(2)));
  tracked third(3);
  std::optional<status> pushed;
  const auto push = [&]() -> task { pushed = co_await async_push(queue, std::move(third)); };
  const task producer = push();
  REQUIRE_FALSE(pushed);
  auto ready = std::make_optional(async_pop(queue));
  REQUIRE(ready->await_ready());
  CHECK_FALSE(pushed);
  SECTION("when it is taken") { CHECK(ready->await_resume()->read() == 1); }
  SECTION("when it is thrown away") { ready.reset(); }
  REQUIRE(pushed == status::success);
  CHECK(queue.try_pop()->read() == 2);
  CHECK(queue.try_pop()->read() == 3);
}

TEST_CASE("async: an awaitable that is asked again has what it had") {
  blocking_queue<int> queue(4);
  const int batch[] = {1, 2, 3};
  REQUIRE(queue.push_n(batch, 3) == 3);
  auto ready = async_pop(queue);
  REQUIRE(ready.await_ready());
  CHECK(ready.await_ready());
  CHECK_FALSE(ready.await_suspend(std::noop_coroutine()));
  // Other consumers go on meanwhile.
  CHECK(*queue.try_pop() == 2);
  CHECK(ready.await_resume().value_or(0) == 1);
  CHECK(ready.await_ready());
  CHECK(ready.await_resume().value_or(0) == 3);
  CHECK_FALSE(ready.await_ready());
  queue.close();
  CHECK(ready.await_ready());
  CHECK(ready.await_resume().status() == status::closed);
}

/// Pops in its own way.
struct doubling_ring : kew::mpmc_ring<int> {
  using kew::mpmc_ring<int>::mpmc_ring;
  result<int> try_pop() noexcept {
    const auto popped = kew::mpmc_ring<int>::try_pop();
    if (popped) return 2 * *popped;
    return popped.status();
  }
  using kew::mpmc_ring<int>::try_pop;
};
/// A user's, that can do no more than it must.
template <class T>
class plain_ring {
 public:
  using value_type = T;
  static constexpr auto producers = kew::cardinality::many;
  static constexpr auto consumers = kew::cardinality::many;

  explicit plain_ring(std::size_t capacity) : ring_(capacity) {}
  status try_push(T&& value) noexcept { return ring_.try_push(std::move(value)); }
  result<T> try_pop() noexcept { return ring_.try_pop(); }
  std::size_t capacity() const noexcept { return ring_.capacity(); }
  std::size_t size_approx() const noexcept { return ring_.size_approx(); }

 private:
  kew::mpmc_ring<T> ring_;
};

TEST_CASE("async: an element comes out of a user's ring as that pops it") {
  blocking_queue<int, doubling_ring> doubled(2);
  REQUIRE((doubled.push(1) && doubled.push(2)));
  waiting_pop consumer;
  consumer.start(doubled);
  CHECK(consumer.value == 2);
  const long alive = tracked::alive;
  {
    blocking_queue<tracked, plain_ring<tracked>> queue(2);
    REQUIRE((queue.push(tracked(1)) && queue.push(tracked(2))));
    {
      auto ready = async_pop(queue);
      CHECK(ready.await_ready());
    }
    CHECK(tracked::alive == alive + 1);
    int value = 0;
    const auto pop = [&]() -> task { value = (co_await async_pop(queue))->read(); };
    const task run = pop();
    CHECK(value == 2);
    auto empty = async_pop(queue);
    CHECK_FALSE(empty.await_ready());
  }
  CHECK(tracked::alive == alive);
  CHECK(tracked::misuses == 0);
}

// ---- Where it goes on -------------------------------------------------------------------------------------------

TEST_CASE("async: without schedule a coroutine goes on in the thread that made it ready, inside of its call") {
  blocking_queue<int> queue(1);
  std::stop_source stop;
  std::optional<status> answer;
  std::thread::id where;
  const auto pop = [&]() -> task {
    answer = (co_await async_pop(queue, stop.get_token())).status();
    where = std::this_thread::get_id();
  };
  const auto push = [&]() -> task {
    answer = co_await async_push(queue, 2);
    where = std::this_thread::get_id();
  };
  bool inside = false;
  const auto in_thread = [&](auto call) {
    std::thread::id other;
    std::thread([&] {
      call();
      inside = answer.has_value();
      other = std::this_thread::get_id();
    }).join();
    return other;
  };
  task run;
  SECTION("push") {
    run = pop();
    CHECK(in_thread([&] { static_cast<void>(queue.push(1)); }) == where);
  }
  SECTION("pop") {
    REQUIRE(queue.push(1));
    run = push();
    CHECK(in_thread([&] { static_cast<void>(queue.pop()); }) == where);
  }
  SECTION("close") {
    run = pop();
    CHECK(in_thread([&] { queue.close(); }) == where);
  }
  SECTION("request_stop") {
    run = pop();
    CHECK(in_thread([&] { stop.request_stop(); }) == where);
    CHECK(answer == status::stopped);
  }
  CHECK(inside);
}

/// A chain of queues, with a coroutine between each two that passes on one number, plus one.
struct chain {
  explicit chain(std::size_t length) {
    for (std::size_t i = 0; i <= length; ++i) queues.emplace_back();
  }
  template <class... Where>
  void link(Where... where) {
    tasks.reserve(queues.size());
    for (std::size_t i = 0; i + 1 < queues.size(); ++i) tasks.push_back(pass_on(i, where...));
  }
  template <class... Where>
  task pass_on(std::size_t i, Where... where) {
    const auto number = co_await async_pop(queues[i], where...);
    static_cast<void>(co_await async_push(queues[i + 1], *number + 1));
  }

  std::deque<blocking_queue<int, kew::spsc_ring<int, 1>>> queues;
  std::vector<task> tasks;
};

TEST_CASE("async: a chain of hand-overs does not make the stack deeper, however long it is") {
  // Ten times as many as would fit on a stack of 8 MiB.
  const std::size_t length = kew_test::scaled(100'000);
  chain links(length);
  SECTION("in the thread that starts it") {
    links.link();
    REQUIRE(links.queues.front().push(0));
  }
  SECTION("by a scheduler") {
    run_loop loop;
    links.link(loop.schedule());
    REQUIRE(links.queues.front().push(0));
    loop.run();
  }
  CHECK(links.queues.back().try_pop().value_or(0) == static_cast<int>(length));
}

TEST_CASE("async: a coroutine that becomes ready inside another one goes on when that has suspended or ended") {
  blocking_queue<int> first(1);
  blocking_queue<int> second(1);
  std::vector<std::string> order;
  const auto outer = [&]() -> task {
    static_cast<void>(co_await async_pop(first));
    order.emplace_back("outer goes on");
    static_cast<void>(second.push(1));
    order.emplace_back("outer has pushed");
    static_cast<void>(co_await async_pop(first));
  };
  const auto inner = [&]() -> task {
    static_cast<void>(co_await async_pop(second));
    order.emplace_back("inner goes on");
  };
  const task a = outer();
  const task b = inner();
  REQUIRE(first.push(1));
  order.emplace_back("the push returns");
  CHECK(order == std::vector<std::string>{"outer goes on", "outer has pushed", "inner goes on", "the push returns"});
}

TEST_CASE("async: with schedule a coroutine goes on where that says, and nowhere else") {
  blocking_queue<int> queue(1);
  run_loop loop;
  waiting_pop consumer;
  consumer.start(queue, loop.schedule());
  std::thread([&] { static_cast<void>(queue.push(3)); }).join();
  CHECK_FALSE(consumer.done());
  REQUIRE(loop.size() == 1);
  loop.run();
  CHECK(consumer.value == 3);
}

TEST_CASE("async: a schedule may resume the coroutine itself") {
  blocking_queue<int> queue(1);
  waiting_pop consumer;
  consumer.start(queue, [](handle ready) { ready.resume(); });
  REQUIRE(queue.push(3));
  CHECK(consumer.value == 3);
}

TEST_CASE("async: a coroutine whose message another thread has taken is suspended again, and notices nothing") {
  blocking_queue<int> queue(1);
  run_loop loop;
  waiting_pop consumer;
  consumer.start(queue, loop.schedule());
  for (int i = 0; i < 10; ++i) {
    REQUIRE(queue.push(i));
    REQUIRE(loop.size() == 1);
    CHECK(*queue.try_pop() == i);
    loop.run();
    CHECK_FALSE(consumer.done());
  }
  REQUIRE(queue.push(77));
  loop.run();
  CHECK(consumer.value == 77);
}

TEST_CASE("async: coroutines are told in the order in which they have begun to wait") {
  blocking_queue<int> queue(4);
  waiting_pop consumers[4];
  for (waiting_pop& each : consumers) each.start(queue);
  for (int i = 1; i <= 4; ++i) REQUIRE(queue.push(i));
  for (int i = 1; i <= 4; ++i) CHECK(consumers[i - 1].value == i);
}

TEST_CASE("async: a batch tells as many as it has messages for") {
  blocking_queue<int> queue(4);
  waiting_pop consumers[4];
  for (waiting_pop& each : consumers) each.start(queue);
  const int batch[] = {1, 2, 3};
  REQUIRE(queue.push_n(batch, 3) == 3);
  CHECK((consumers[0].done() && consumers[1].done() && consumers[2].done() && !consumers[3].done()));
}

// ---- Stops ------------------------------------------------------------------------------------------------------

TEST_CASE("async: a stop ends the wait that was given its token, and no other") {
  blocking_queue<int> queue(1);
  std::stop_source stop;
  waiting_pop told;
  waiting_pop other;
  told.start(queue, stop.get_token());
  other.start(queue);
  stop.request_stop();
  CHECK(told.answer == status::stopped);
  CHECK_FALSE(other.done());
  REQUIRE(queue.push(1));
  CHECK(other.value == 1);
}

TEST_CASE("async: a stop that was requested before changes nothing where there is a message, and else ends the wait") {
  blocking_queue<int> queue(1);
  std::stop_source stop;
  stop.request_stop();
  REQUIRE(queue.push(1));
  waiting_pop first;
  first.start(queue, stop.get_token());
  CHECK(first.value == 1);
  waiting_pop second;
  second.start(queue, stop.get_token());
  CHECK(second.answer == status::stopped);
  REQUIRE(queue.push(2));
  std::string text;
  std::optional<status> pushed;
  const task producer = push_from(queue, 3, pushed, stop.get_token());
  CHECK(pushed == status::stopped);
}

TEST_CASE("async: a stopped coroutine that was told of a message leaves it to the next one") {
  blocking_queue<int> queue(1);
  run_loop loop;
  std::stop_source stop;
  waiting_pop told;
  waiting_pop next;
  told.start(queue, stop.get_token(), loop.schedule());
  next.start(queue);
  SECTION("stopped first") {
    stop.request_stop();
    REQUIRE(queue.push(1));
    CHECK(next.value == 1);
    loop.run();
    CHECK(told.answer == status::stopped);
  }
  SECTION("told first") {
    REQUIRE(queue.push(1));
    stop.request_stop();
    loop.run();
    CHECK(told.value == 1);
  }
}

// ---- Destroying -------------------------------------------------------------------------------------------------

TEST_CASE("async: a coroutine that is destroyed while it waits loses no message") {
  blocking_queue<int> queue(2);
  run_loop loop;
  waiting_pop consumer;
  SECTION("before it was told") {
    consumer.start(queue, loop.schedule());
    consumer.running.destroy();
    REQUIRE(queue.push(1));
    REQUIRE(queue.push(2));
    CHECK(loop.size() == 0);
  }
  SECTION("between schedule and its resumption") {
    consumer.start(queue, loop.schedule());
    REQUIRE(queue.push(1));
    REQUIRE(queue.push(2));
    REQUIRE(loop.size() == 1);
    consumer.running.destroy();
    loop.forget();
  }
  SECTION("by the executor, in the place of resuming it") {
    consumer.start(queue, loop.schedule());
    REQUIRE(queue.push(1));
    REQUIRE(queue.push(2));
    consumer.running.release();
    loop.destroy_all();
  }
  SECTION("by its own schedule") {
    consumer.start(queue, [&](handle) { consumer.running.destroy(); });
    REQUIRE(queue.push(1));
    REQUIRE(queue.push(2));
  }
  SECTION("by its own schedule, through the handle") {
    consumer.start(queue, [&](handle ready) {
      consumer.running.release();
      ready.destroy();
    });
    REQUIRE(queue.push(1));
    REQUIRE(queue.push(2));
  }
  CHECK_FALSE(consumer.done());
  CHECK(*queue.try_pop() == 1);
  CHECK(*queue.try_pop() == 2);
}

TEST_CASE("async: what a destroyed coroutine was told of is for the next one that waits") {
  blocking_queue<int> queue(1);
  run_loop loop;
  waiting_pop destroyed;
  destroyed.start(queue, loop.schedule());
  SECTION("a coroutine") {
    waiting_pop next;
    next.start(queue);
    REQUIRE(queue.push(1));
    REQUIRE_FALSE(next.done());
    destroyed.running.destroy();
    CHECK(next.value == 1);
  }
  SECTION("a thread") {
    const kew_test::watchdog guard("a thread beside a coroutine that is destroyed");
    blocking_queue<int> done(1);
    REQUIRE(queue.push(1));
    std::thread next([&] { static_cast<void>(done.push(*queue.pop())); });
    destroyed.running.destroy();
    CHECK(*done.pop() == 1);
    next.join();
  }
  loop.forget();
}

TEST_CASE("async: room that a destroyed coroutine was told of is for the next one that waits") {
  blocking_queue<int> queue(1);
  REQUIRE(queue.push(9));
  run_loop loop;
  std::optional<status> first;
  std::optional<status> second;
  task destroyed = push_from(queue, 1, first, loop.schedule());
  const task next = push_from(queue, 2, second);
  CHECK(*queue.pop() == 9);
  REQUIRE_FALSE(second);
  destroyed.destroy();
  CHECK(second == status::success);
  CHECK(*queue.pop() == 2);
  loop.forget();
}

TEST_CASE("async: a coroutine that is ready may be destroyed by the one that goes on before it") {
  blocking_queue<int> first(1);
  blocking_queue<int> second(2);
  waiting_pop victim;
  victim.start(second);
  const auto destroyer = [&]() -> task {
    static_cast<void>(co_await async_pop(first));
    static_cast<void>(second.push(1));
    victim.running.destroy();
  };
  const task run = destroyer();
  REQUIRE(first.push(1));
  CHECK_FALSE(victim.done());
  CHECK(*second.try_pop() == 1);
}

namespace {

/// A coroutine that belongs to nobody, and is gone when it ends.
struct one_way {
  struct promise_type {
    one_way get_return_object() const noexcept { return {}; }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    void unhandled_exception() const noexcept { std::terminate(); }
  };
};
/// co_await it, and the coroutine is gone.
struct destroyed_here {
  static constexpr bool await_ready() noexcept { return false; }
  [[gnu::noinline]] void await_suspend(handle self) const noexcept { self.destroy(); }
  static constexpr void await_resume() noexcept {}
};

template <class... Schedule>
one_way goes_after_one(blocking_queue<int>& from, std::shared_ptr<int> sum, bool destroys_itself, Schedule... on) {
  const auto popped = co_await async_pop(from, on...);
  *sum += popped.value_or(-1);
  if (destroys_itself) co_await destroyed_here{};
}

}  // namespace

TEST_CASE("async: a coroutine may be gone when its own resumption returns") {
  blocking_queue<int> queue(1);
  const auto sum = std::make_shared<int>(0);
  const bool destroys_itself = GENERATE(false, true);
  goes_after_one(queue, sum, destroys_itself);
  CHECK(sum.use_count() == 2);
  REQUIRE(queue.push(1));
  CHECK(sum.use_count() == 1);
  // From inside the call of its schedule, and after that.
  goes_after_one(queue, sum, destroys_itself, [](handle ready) { ready.resume(); });
  REQUIRE(queue.push(2));
  CHECK(sum.use_count() == 1);
  handle kept;
  goes_after_one(queue, sum, destroys_itself, [&](handle ready) { kept = ready; });
  REQUIRE(queue.push(4));
  CHECK(sum.use_count() == 2);
  kept.resume();
  CHECK(sum.use_count() == 1);
  CHECK(*sum == 7);
  // None of them has left anything in the list.
  REQUIRE(queue.push(8));
  CHECK(*queue.try_pop() == 8);
}

TEST_CASE("async: destroying a coroutine waits until a call of its schedule in another thread is over") {
  const kew_test::watchdog guard("destroying a coroutine beside a call of its schedule");
  blocking_queue<int> queue(1);
  std::atomic<bool> entered{false};
  std::atomic<bool> destroying{false};
  std::atomic<bool> left{false};
  waiting_pop consumer;
  consumer.start(queue, [&](handle) {
    entered = true;
    while (!destroying) std::this_thread::yield();
    for (int i = 0; i < 100; ++i) std::this_thread::yield();
    left = true;
  });
  std::thread notifier([&] { static_cast<void>(queue.push(1)); });
  while (!entered) std::this_thread::yield();
  destroying = true;
  consumer.running.destroy();
  CHECK(left);
  notifier.join();
  CHECK(*queue.try_pop() == 1);
}

TEST_CASE("async: a coroutine goes on, and may end, while the call of its schedule is still under way") {
  const kew_test::watchdog guard("a coroutine that ends beside a call of its schedule");
  blocking_queue<int> queue(1);
  blocking_queue<handle> ready(1);
  std::atomic<bool> ended{false};
  waiting_pop consumer;
  const auto token = std::make_shared<int>(5);
  int seen = 0;
  consumer.start(queue, [&, token](handle it) {
    static_cast<void>(ready.push(it));
    while (!ended) std::this_thread::yield();
    seen = *token;  // of the copy that is being called
  });
  std::thread notifier([&] { static_cast<void>(queue.push(1)); });
  (*ready.pop()).resume();
  CHECK(consumer.value == 1);
  consumer.running.destroy();
  ended = true;
  notifier.join();
  CHECK(seen == 5);
}

// ---- Errors -----------------------------------------------------------------------------------------------------

TEST_CASE("async: what a schedule throws comes out of the co_await, and the message is for the next one") {
  blocking_queue<int> queue(1);
  std::string thrown;
  const auto unlucky = [&]() -> task {
    try {
      static_cast<void>(co_await async_pop(queue, [](handle) { throw std::runtime_error("the pool has ended"); }));
    } catch (const std::runtime_error& error) {
      thrown = error.what();
    }
  };
  const task first = unlucky();
  SECTION("alone") {
    CHECK(queue.push(1) == status::success);
    CHECK(*queue.try_pop() == 1);
  }
  SECTION("beside another coroutine") {
    waiting_pop next;
    next.start(queue);
    CHECK(queue.push(1) == status::success);
    CHECK(next.value == 1);
  }
  SECTION("by a stop") {
    std::stop_source stop;
    const auto stopped = [&]() -> task {
      try {
        static_cast<void>(co_await async_pop(queue, stop.get_token(),
                                             [](handle) { throw std::runtime_error("the pool has ended"); }));
      } catch (const std::runtime_error& error) {
        thrown = error.what();
      }
    };
    const task second = stopped();
    stop.request_stop();
  }
  CHECK(thrown == "the pool has ended");
}

TEST_CASE("async: what an element's constructor throws comes out of the co_await") {
  using kew_test::throwing;
  const long alive = kew_test::tracked::alive;
  {
    blocking_queue<throwing> queue(1);
    std::string thrown;
    const auto pop = [&]() -> task {
      try {
        static_cast<void>(co_await async_pop(queue));
      } catch (const kew_test::fault& error) {
        thrown = error.what();
      }
    };
    const throwing element(1);
    const auto push = [&]() -> task {
      try {
        static_cast<void>(co_await async_push(queue, element));
      } catch (const kew_test::fault& error) {
        thrown = error.what();
      }
    };
    task run;
    SECTION("when it is popped at once, and that one is lost") {
      REQUIRE(queue.emplace(1));
      throwing::arm(1);
      run = pop();
    }
    SECTION("when it is popped after a wait, and that one is lost") {
      run = pop();
      throwing::arm(2);
      CHECK(queue.emplace(1));
    }
    SECTION("when it is pushed at once, and then nothing is") {
      throwing::arm(1);
      run = push();
    }
    SECTION("when it is pushed after a wait, and then nothing is") {
      REQUIRE(queue.emplace(9));
      run = push();
      throwing::arm(1);
      CHECK(queue.try_consume([](throwing&) {}));
    }
    throwing::disarm();
    CHECK(thrown == "a fault on demand");
    CHECK(queue.try_pop().status() == status::empty);
    CHECK(queue.emplace(5));
  }
  CHECK(kew_test::tracked::alive == alive);
}

// ---- Any coroutine type -----------------------------------------------------------------------------------------

TEST_CASE("async: a coroutine type may pass the awaitable on by value, and start late") {
  blocking_queue<int> queue(1);
  int value = 0;
  const auto pop = [&]() -> lazy { value = (co_await async_pop(queue)).value_or(-1); };
  lazy later = pop();
  CHECK(value == 0);
  later.start();
  REQUIRE(queue.push(3));
  CHECK(value == 3);
}

TEST_CASE("async: the same awaitable may be awaited again") {
  blocking_queue<int> queue(1);
  int sum = 0;
  const auto pop = [&]() -> task {
    auto next = async_pop(queue);
    for (int i = 0; i < 3; ++i) sum += (co_await next).value_or(0);
  };
  REQUIRE(queue.push(1));
  const task run = pop();
  REQUIRE(queue.push(2));
  REQUIRE(queue.push(3));
  CHECK(sum == 6);
}

// ---- Beside other things ------------------------------------------------------------------------------------------

TEST_CASE("async: a push that the queue has refused counts once") {
  blocking_queue<int, kew::metered_ring<int, kew::mpmc_ring>> queue(1);
  REQUIRE(queue.push(1));
  std::optional<status> pushed;
  const task producer = push_from(queue, 2, pushed);
  CHECK(queue.metrics().refused == 0);
  queue.close();
  REQUIRE(pushed == status::closed);
  CHECK(queue.metrics().refused == 1);
}

TEST_CASE("async: coroutines and threads share a queue") {
  const kew_test::watchdog guard("coroutines and threads on one queue");
  const std::size_t count = kew_test::scaled(100'000);
  blocking_queue<std::size_t, kew::mpmc_ring<std::size_t>, kew::park_wait> queue(2);
  run_loop loop;
  std::atomic<std::size_t> sum{0};
  std::atomic<int> ended{0};
  const auto consume = [&]() -> task {
    while (const auto message = co_await async_pop(queue, loop.schedule())) sum += *message;
    ++ended;
  };
  const task a = consume();
  const task b = consume();
  std::thread threads[] = {std::thread([&] {
                             for (std::size_t i = 1; i <= count; ++i) static_cast<void>(queue.push(i));
                           }),
                           std::thread([&] {
                             while (const auto message = queue.pop()) sum += *message;
                           })};
  std::thread executor([&] { loop.run_until([&] { return ended == 2; }); });
  threads[0].join();
  queue.close();
  threads[1].join();
  executor.join();
  CHECK(sum == count * (count + 1) / 2);
}

}  // namespace
