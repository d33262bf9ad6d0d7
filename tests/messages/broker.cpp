// Named queues, exchanges, and handlers that are called with what comes.
#include <kew/broker.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <latch>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/environment.hpp"

namespace {

using namespace std::chrono_literals;
using kew::broker;
using kew::broker_error;
using kew::delivery;
using kew_test::has_text;
using kew_test::watchdog;

/// Looks again and again; a watchdog ends what never comes.
template <class Condition>
void eventually(Condition holds) {
  while (!holds()) std::this_thread::yield();
}

/// What a call throws, or nothing.
template <class F>
std::string complaint(F f) {
  try {
    f();
  } catch (const broker_error& error) {
    return error.what();
  }
  return "";
}

/// A place where one thread says something to others.
class signal {
 public:
  void raise() {
    raised_ = true;
    raised_.notify_all();
  }
  void wait() const { raised_.wait(false); }
  bool raised() const { return raised_; }

 private:
  std::atomic<bool> raised_{false};
};

/// Messages in the order in which handlers had them.
template <class T>
class record {
 public:
  void add(const T& what) {
    const std::lock_guard lock(mutex_);
    all_.push_back(what);
  }
  std::vector<T> all() const {
    const std::lock_guard lock(mutex_);
    return all_;
  }
  std::size_t size() const { return all().size(); }

 private:
  mutable std::mutex mutex_;
  std::vector<T> all_;
};

struct job {
  int number;
};

}  // namespace

// ---- Declaring --------------------------------------------------------------------------------------------------

TEST_CASE("a queue that is declared again with the same type and options is the same queue") {
  broker broker;
  auto& first = broker.declare<int>("numbers", {.capacity = 3});
  auto& second = broker.declare<int>("numbers", {.capacity = 3});
  CHECK(&first == &second);
  CHECK(&first != &broker.declare<int>("other", {.capacity = 3}));
}

TEST_CASE("a queue that is declared again with another type or other options is refused, and stays as it was") {
  broker broker;
  broker.declare<int>("numbers", {.capacity = 3});
  CHECK_THAT(complaint([&] { broker.declare<long>("numbers", {.capacity = 3}); }),
             has_text("\"numbers\"") && has_text("queue of int") && has_text("long"));
  CHECK_THAT(complaint([&] { broker.declare<int>("numbers", {.capacity = 4}); }),
             has_text("\"numbers\"") && has_text("capacity of 3") && has_text("capacity of 4"));
  CHECK_THAT(complaint([&] { broker.declare<int>("numbers", {.capacity = 3, .max_attempts = 9}); }), has_text("9"));
  CHECK_THAT(complaint([&] { broker.declare<int>("numbers", {.capacity = 3, .visibility_timeout = 7ns}); }),
             has_text("7 ns"));
  CHECK(broker.publish("numbers", 1));
  CHECK(broker.metrics().size() == 1);
}

TEST_CASE("a name that is empty or longer than 255 bytes is refused") {
  broker broker;
  const std::string longest(255, 'n');
  CHECK(complaint([&] { broker.declare<int>(longest); }).empty());
  CHECK_THAT(complaint([&] { broker.declare<int>(longest + 'n'); }), has_text("256") && has_text("\"nnn"));
  CHECK_THAT(complaint([&] { broker.declare<int>(""); }), has_text("name"));
  CHECK_THAT(complaint([&] { broker.declare_exchange("", kew::exchange::direct); }), has_text("exchange"));
  CHECK_THAT(complaint([&] { broker.declare_exchange(longest + 'n', kew::exchange::direct); }), has_text("256"));
  CHECK(broker.metrics().size() == 1);
}

TEST_CASE("options without a meaning are refused by the name of the queue") {
  broker broker;
  const auto complain = [&](const kew::queue_options& options) {
    try {
      broker.declare<int>("numbers", options);
    } catch (const std::invalid_argument& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  CHECK_THAT(complain({.capacity = 0}), has_text("\"numbers\"") && has_text("capacity"));
  CHECK_THAT(complain({.max_attempts = 0}), has_text("\"numbers\"") && has_text("attempts"));
  CHECK_THAT(complain({.visibility_timeout = 0s}), has_text("\"numbers\"") && has_text("timeout"));
  CHECK(broker.metrics().empty());
}

TEST_CASE("two local types of the same name are two types") {
  broker broker;
  const auto declare_one = [&] {
    struct message {
      int number;
    };
    broker.declare<message>("numbers");
  };
  const auto declare_another = [&] {
    struct message {
      int number;
    };
    broker.declare<message>("numbers");
  };
  declare_one();
  CHECK(complaint(declare_one).empty());
  CHECK_THAT(complaint(declare_another), has_text("\"numbers\""));
}

// ---- Publishing -------------------------------------------------------------------------------------------------

TEST_CASE("a message goes to the queue of that name") {
  broker broker;
  auto& numbers = broker.declare<int>("numbers");
  auto& texts = broker.declare<std::string>("texts");
  CHECK(broker.publish("numbers", 5));
  CHECK(broker.publish("texts", std::string("five")));
  auto number = numbers.try_receive();
  REQUIRE(number);
  CHECK(**number == 5);
  CHECK(number->ack());
  auto text = texts.try_receive();
  REQUIRE(text);
  CHECK(**text == "five");
  CHECK(text->ack());
}

TEST_CASE("a literal is a std::string where the queue holds those, and any other type is named") {
  broker broker;
  auto& texts = broker.declare<std::string>("texts");
  broker.declare<long>("numbers");
  broker.declare<std::vector<int>>("vectors");
  CHECK(broker.publish("texts", "a literal"));
  CHECK(broker.publish("texts", std::string_view("a view")));
  CHECK(broker.publish<std::string>("texts", "named"));
  CHECK(broker.publish<long>("numbers", 5));
  CHECK(broker.publish<std::vector<int>>("vectors", {1, 2, 3}));
  for (const char* expected : {"a literal", "a view", "named"}) {
    auto received = texts.try_receive();
    REQUIRE(received);
    CHECK(**received == expected);
    CHECK(received->ack());
  }
}

TEST_CASE("a queue of another type refuses a message, and names itself and both types") {
  broker broker;
  broker.declare<long>("numbers");
  CHECK_THAT(complaint([&] { static_cast<void>(broker.publish("numbers", 5)); }),
             has_text("\"numbers\"") && has_text("of long") && has_text("of int"));
  CHECK_THAT(complaint([&] { static_cast<void>(broker.publish("numbers", "text")); }), has_text("of long"));
  CHECK_THAT(complaint([&] { static_cast<void>(broker.publish<std::string>("numbers", "text")); }),
             has_text("std::string"));
  CHECK(broker.metrics().at("numbers").pushed == 0);
}

TEST_CASE("a queue that is not there is named") {
  broker broker;
  CHECK_THAT(complaint([&] { static_cast<void>(broker.publish("nowhere", 5)); }), has_text("\"nowhere\""));
  CHECK_THAT(complaint([&] { auto s = broker.consume<int>("nowhere", [](const int&) {}); }), has_text("\"nowhere\""));
}

TEST_CASE("a message that can only be moved is moved") {
  broker broker;
  auto& queue = broker.declare<std::unique_ptr<int>>("owned");
  CHECK(broker.publish("owned", std::make_unique<int>(7)));
  auto received = queue.try_receive();
  REQUIRE(received);
  CHECK(***received == 7);
  CHECK(received->ack());
}

TEST_CASE("a publish waits for room, and a stop of the broker ends the wait") {
  const watchdog dog("a publish that waits for room");
  broker broker;
  auto& queue = broker.declare<int>("numbers", {.capacity = 1});
  CHECK(broker.publish("numbers", 1));
  std::atomic<bool> done = false;
  std::jthread publisher([&] {
    if (broker.publish("numbers", 2)) done = true;
  });
  {
    auto first = queue.receive();
    REQUIRE(first);
    CHECK(queue.counts().published == 1);  // it is still there, and takes the room
    CHECK(first->ack());
  }
  publisher.join();
  CHECK(done);

  std::atomic<bool> stopped = false;
  std::jthread waiting([&] { stopped = broker.publish("numbers", 3) == kew::status::stopped; });
  broker.stop();
  waiting.join();
  CHECK(stopped);
  broker.run();  // returns for the stop of before; and with that the broker goes on
  auto second = queue.receive();
  REQUIRE(second);
  CHECK(second->ack());
  CHECK(broker.publish("numbers", 4));
}

TEST_CASE("a closed queue takes no more messages") {
  broker broker;
  broker.declare<int>("numbers").close();
  CHECK(broker.publish("numbers", 1) == kew::status::closed);
}

// ---- Exchanges --------------------------------------------------------------------------------------------------

TEST_CASE("a direct exchange sends to the queues that are bound by the routing key itself") {
  broker broker;
  auto& errors = broker.declare<std::string>("errors");
  auto& all = broker.declare<std::string>("all");
  broker.declare_exchange("log", kew::exchange::direct);
  broker.bind("log", "error", "errors");
  broker.bind("log", "error", "all");
  broker.bind("log", "info", "all");
  CHECK(*broker.publish_to("log", "error", "disk full") == 2);
  CHECK(*broker.publish_to("log", "info", "started") == 1);
  CHECK(*broker.publish_to("log", "debug", "nobody listens") == 0);
  CHECK(*broker.publish_to("log", "*", "no wildcard here") == 0);
  CHECK(errors.counts().ready == 1);
  CHECK(all.counts().ready == 2);
}

TEST_CASE("a fanout exchange sends to all of its queues, whatever the key") {
  broker broker;
  auto& a = broker.declare<int>("a");
  auto& b = broker.declare<int>("b");
  broker.declare_exchange("all", kew::exchange::fanout);
  broker.bind("all", "", "a");
  broker.bind("all", "a pattern..that no topic could have*", "b");
  CHECK(*broker.publish_to("all", "any.key", 1) == 2);
  CHECK(a.counts().ready == 1);
  CHECK(b.counts().ready == 1);
}

TEST_CASE("a topic exchange sends to the queues whose pattern matches") {
  broker broker;
  auto& orange = broker.declare<int>("orange");
  auto& lazy = broker.declare<int>("lazy");
  broker.declare_exchange("animals", kew::exchange::topic);
  broker.bind("animals", "*.orange.*", "orange");
  broker.bind("animals", "*.*.rabbit", "lazy");
  broker.bind("animals", "lazy.#", "lazy");
  CHECK(*broker.publish_to("animals", "quick.orange.rabbit", 1) == 2);
  CHECK(*broker.publish_to("animals", "lazy.orange.elephant", 2) == 2);
  CHECK(*broker.publish_to("animals", "quick.orange.fox", 3) == 1);
  CHECK(*broker.publish_to("animals", "lazy.brown.fox", 4) == 1);
  CHECK(*broker.publish_to("animals", "quick.brown.fox", 5) == 0);
  CHECK(orange.counts().ready == 3);
  CHECK(lazy.counts().ready == 3);
}

TEST_CASE("a queue gets a message once, however many of its bindings fit") {
  broker broker;
  auto& queue = broker.declare<int>("numbers");
  broker.declare_exchange("topics", kew::exchange::topic);
  for (const char* pattern : {"#", "a.*", "*.b", "a.b", "a.b"}) broker.bind("topics", pattern, "numbers");
  CHECK(*broker.publish_to("topics", "a.b", 1) == 1);
  CHECK(queue.counts().published == 1);
}

TEST_CASE("a binding to what is not there, or by a pattern that makes no sense, is refused by name") {
  broker broker;
  broker.declare<int>("numbers");
  broker.declare_exchange("topics", kew::exchange::topic);
  broker.declare_exchange("keys", kew::exchange::direct);
  CHECK_THAT(complaint([&] { broker.bind("topics", "#", "nowhere"); }), has_text("\"nowhere\"") && has_text("topics"));
  CHECK_THAT(complaint([&] { broker.bind("nowhere", "#", "numbers"); }),
             has_text("\"nowhere\"") && has_text("numbers"));
  for (const char* pattern : {"a..b", ".a", "a.", "a*", "##"})
    CHECK_THAT(complaint([&] { broker.bind("topics", pattern, "numbers"); }),
               has_text("\"numbers\"") && has_text("\"topics\"") && has_text(pattern));
  const std::string too_long(256, 'k');
  CHECK_THAT(complaint([&] { broker.bind("keys", too_long, "numbers"); }), has_text("255"));
  CHECK_THAT(complaint([&] { static_cast<void>(broker.publish_to("keys", too_long, 1)); }), has_text("255"));
  CHECK_THAT(complaint([&] { static_cast<void>(broker.publish_to("nowhere", "key", 1)); }), has_text("\"nowhere\""));
  CHECK(*broker.publish_to("topics", "a.b", 1) == 0);
}

TEST_CASE("an exchange that is declared again as another kind is refused, and stays as it was") {
  broker broker;
  broker.declare_exchange("events", kew::exchange::topic);
  CHECK(complaint([&] { broker.declare_exchange("events", kew::exchange::topic); }).empty());
  CHECK_THAT(complaint([&] { broker.declare_exchange("events", kew::exchange::fanout); }),
             has_text("\"events\"") && has_text("topic") && has_text("fanout"));
}

TEST_CASE("where one of the queues has another type, none gets the message") {
  broker broker;
  auto& a = broker.declare<int>("a");
  broker.declare<long>("b");
  broker.declare_exchange("all", kew::exchange::fanout);
  broker.bind("all", "", "a");
  broker.bind("all", "", "b");
  CHECK_THAT(complaint([&] { static_cast<void>(broker.publish_to("all", "", 1)); }),
             has_text("\"b\"") && has_text("of long") && has_text("\"all\""));
  CHECK(a.counts().published == 0);
}

TEST_CASE("a message that can only be moved goes through an exchange to one queue, and to no two") {
  broker broker;
  broker.declare<std::unique_ptr<int>>("a");
  broker.declare<std::unique_ptr<int>>("b");
  broker.declare_exchange("all", kew::exchange::fanout);
  broker.bind("all", "", "a");
  CHECK(*broker.publish_to("all", "", std::make_unique<int>(1)) == 1);
  broker.bind("all", "", "b");
  CHECK_THAT(complaint([&] { static_cast<void>(broker.publish_to("all", "", std::make_unique<int>(2))); }),
             has_text("\"all\"") && has_text("copied"));
  CHECK(broker.metrics().at("a").pushed == 1);
}

TEST_CASE("an exchange whose queues are all closed answers closed, else with the number of the others") {
  broker broker;
  auto& a = broker.declare<int>("a");
  auto& b = broker.declare<int>("b");
  broker.declare_exchange("all", kew::exchange::fanout);
  broker.bind("all", "", "a");
  broker.bind("all", "", "b");
  a.close();
  CHECK(*broker.publish_to("all", "", 1) == 1);
  b.close();
  CHECK(broker.publish_to("all", "", 1).status() == kew::status::closed);
}

// ---- Handlers ---------------------------------------------------------------------------------------------------

TEST_CASE("a handler that returns has acknowledged") {
  const watchdog dog("a handler that returns");
  broker broker;
  auto& queue = broker.declare<int>("numbers");
  record<int> seen;
  auto subscription = broker.consume<int>("numbers", [&](const int& number) { seen.add(number); });
  for (int i = 0; i < 100; ++i) CHECK(broker.publish("numbers", i));
  eventually([&] { return queue.counts().acked == 100; });
  std::vector<int> expected(100);
  for (std::size_t i = 0; i < expected.size(); ++i) expected[i] = static_cast<int>(i);
  CHECK(seen.all() == expected);
}

TEST_CASE("a handler that throws is a failure, and on_error hears of it before the message goes back") {
  const watchdog dog("a handler that throws");
  broker broker;
  auto& queue = broker.declare<int>("numbers", {.max_attempts = 3});
  record<std::string> heard;
  std::atomic<bool> always_outstanding = true;
  std::atomic<std::thread::id> handler_thread;
  std::atomic<bool> same_thread = true;
  broker.on_error([&](const kew::handler_error& error) {
    if (queue.counts().outstanding != 1) always_outstanding = false;
    if (handler_thread.load() != std::this_thread::get_id()) same_thread = false;
    try {
      std::rethrow_exception(error.exception);
    } catch (const std::exception& thrown) {
      heard.add(error.queue + ' ' + std::to_string(error.attempt) + ' ' + thrown.what());
    }
  });
  auto subscription = broker.consume<int>("numbers", [&](const int& number) {
    handler_thread = std::this_thread::get_id();
    throw std::runtime_error("no " + std::to_string(number));
  });
  CHECK(broker.publish("numbers", 5));
  auto dead = queue.dead_letters().receive();
  REQUIRE(dead);
  CHECK(**dead == 5);
  CHECK_THAT(std::string(dead->reason()), has_text("3"));
  CHECK(dead->ack());
  CHECK(heard.all() == std::vector<std::string>{"numbers 1 no 5", "numbers 2 no 5", "numbers 3 no 5"});
  CHECK(always_outstanding);
  CHECK(same_thread);
}

TEST_CASE("what is thrown need not be a std::exception, and on_error may throw itself") {
  const watchdog dog("a handler that throws a number");
  broker broker;
  auto& queue = broker.declare<int>("numbers", {.max_attempts = 2});
  std::atomic<int> sum = 0;
  broker.on_error([&](const kew::handler_error& error) {
    try {
      std::rethrow_exception(error.exception);
    } catch (int thrown) {
      sum += thrown;
    }
    throw sum.load();
  });
  auto subscription = broker.consume<int>("numbers", [](const int& number) {
    if (number > 0) throw number;
  });
  CHECK(broker.publish("numbers", 3));
  CHECK(broker.publish("numbers", 0));
  eventually([&] { return queue.counts().acked == 1 && queue.counts().dead == 1; });
  CHECK(sum == 6);
  broker.on_error(nullptr);
  CHECK(broker.publish("numbers", 4));
  eventually([&] { return queue.counts().dead == 2; });
  CHECK(sum == 6);
}

TEST_CASE("a handler of the delivery decides itself, and may keep it") {
  const watchdog dog("a handler of the delivery");
  broker broker;
  auto& queue = broker.declare<int>("numbers");
  std::mutex mutex;
  std::optional<delivery<int>> kept;
  std::atomic<bool> has_kept = false;
  auto subscription = broker.consume<int>("numbers", [&](delivery<int>& number) {
    if (*number == 1) {
      number.reject("odd");
    } else if (*number == 2 && number.attempt() == 1) {
      number.requeue();
    } else if (*number == 3) {
      const std::lock_guard lock(mutex);
      kept.emplace(std::move(number));
      has_kept = true;
    } else {
      number.ack();
    }
  });
  for (const int number : {1, 2, 3, 4}) CHECK(broker.publish("numbers", number));
  eventually([&] { return queue.counts().acked == 2 && queue.counts().dead == 1 && has_kept; });
  CHECK(queue.counts().outstanding == 1);
  // The verdict may come from another thread, and once.
  std::jthread([&] {
    const std::lock_guard lock(mutex);
    kept->ack();
  }).join();
  CHECK_FALSE(kept->ack());
  CHECK_FALSE(kept->reject("too late"));
  CHECK(queue.counts().acked == 3);
}

TEST_CASE("a handler that leaves a delivery without a verdict has failed") {
  const watchdog dog("a delivery without a verdict");
  broker broker;
  auto& queue = broker.declare<int>("numbers", {.max_attempts = 2});
  std::atomic<int> calls = 0;
  auto subscription = broker.consume<int>("numbers", [&](delivery<int>&) { ++calls; });
  CHECK(broker.publish("numbers", 1));
  eventually([&] { return queue.counts().dead == 1; });
  CHECK(calls == 2);
}

TEST_CASE("a generic handler is one of the message") {
  const watchdog dog("a generic handler");
  broker broker;
  auto& queue = broker.declare<std::string>("texts");
  std::atomic<std::size_t> length = 0;
  auto subscription = broker.consume<std::string>("texts", [&](const auto& text) { length += text.size(); });
  CHECK(broker.publish("texts", "abc"));
  eventually([&] { return queue.counts().acked == 1; });
  CHECK(length == 3);
}

TEST_CASE("a slow handler with a prefetch of 1 holds up no message but its own") {
  const watchdog dog("a slow handler");
  broker broker;
  auto& queue = broker.declare<int>("numbers");
  signal go_on;
  const auto handler = [&](const int& number) {
    if (number == 0) go_on.wait();
  };
  auto subscription = broker.consume<int>("numbers", handler, {.threads = 2, .prefetch = 1});
  for (int i = 0; i < 100; ++i) CHECK(broker.publish("numbers", i));
  eventually([&] { return queue.counts().acked == 99; });
  CHECK(queue.counts().outstanding == 1);
  go_on.raise();
  eventually([&] { return queue.counts().acked == 100; });
}

TEST_CASE("several subscriptions share the load") {
  const watchdog dog("several subscriptions");
  broker broker;
  auto& queue = broker.declare<int>("numbers");
  std::latch both(2);
  // Each waits in its first message for the other one to have one, too.
  const auto handler = [&, first = true](const int&) mutable {
    if (std::exchange(first, false)) both.arrive_and_wait();
  };
  auto one = broker.consume<int>("numbers", handler);
  auto another = broker.consume<int>("numbers", handler);
  for (int i = 0; i < 10; ++i) CHECK(broker.publish("numbers", i));
  eventually([&] { return queue.counts().acked == 10; });
}

TEST_CASE("a thread holds as many messages as its prefetch, and gives back what it has not begun") {
  const watchdog dog("prefetched messages");
  broker broker;
  auto& queue = broker.declare<int>("numbers", {.max_attempts = 1});
  for (int i = 0; i < 10; ++i) CHECK(broker.publish("numbers", i));
  signal begun;
  signal go_on;
  std::atomic<int> calls = 0;
  auto slow = broker.consume<int>("numbers",
                                  [&](const int&) {
                                    ++calls;
                                    begun.raise();
                                    go_on.wait();
                                  },
                                  {.prefetch = 4});
  begun.wait();
  CHECK(queue.counts().outstanding == 4);
  CHECK(queue.counts().ready == 6);
  slow.stop();
  go_on.raise();
  slow.join();
  CHECK(calls == 1);
  CHECK(queue.counts().acked == 1);
  CHECK(queue.counts().ready == 9);
  CHECK(queue.counts().dead == 0);

  // As if they had never been taken: in their old order, and each for the first time.
  record<int> seen;
  std::atomic<bool> first_attempts = true;
  auto quick = broker.consume<int>("numbers", [&](delivery<int>& number) {
    if (number.attempt() != 1) first_attempts = false;
    seen.add(*number);
    number.ack();
  });
  eventually([&] { return queue.counts().acked == 10; });
  CHECK(seen.all() == std::vector<int>{1, 2, 3, 4, 5, 6, 7, 8, 9});
  CHECK(first_attempts);
  CHECK(queue.counts().redelivered == 0);
}

TEST_CASE("messages that can only be moved are given back whole") {
  const watchdog dog("prefetched messages that can only be moved");
  broker broker;
  auto& queue = broker.declare<std::unique_ptr<int>>("owned");
  for (int i = 0; i < 5; ++i) CHECK(broker.publish("owned", std::make_unique<int>(i)));
  {
    signal begun;
    signal go_on;
    const auto handler = [&](const std::unique_ptr<int>&) {
      begun.raise();
      go_on.wait();
    };
    auto slow = broker.consume<std::unique_ptr<int>>("owned", handler, {.prefetch = 9});
    begun.wait();
    slow.stop();
    go_on.raise();
  }
  record<int> seen;
  auto quick = broker.consume<std::unique_ptr<int>>(
      "owned", [&](const std::unique_ptr<int>& number) { seen.add(number ? *number : -1); });
  eventually([&] { return queue.counts().acked == 5; });
  CHECK(seen.all() == std::vector<int>{1, 2, 3, 4});
}

TEST_CASE("a message that hangs or throws takes none of those that were prefetched with it to the dead letters") {
  const watchdog dog("a poison message");
  // A machine may be so busy that the timeout of a message passes before its handler has begun: then once more, with more
  // time.
  std::vector<int> handled;
  std::uint64_t dead = 0;
  for (auto timeout = 5ms; timeout <= 2s; timeout *= 2) {
    broker broker;
    auto& queue = broker.declare<int>("numbers", {.max_attempts = 1, .visibility_timeout = timeout});
    for (int i = 0; i < 6; ++i) CHECK(broker.publish("numbers", i));
    record<int> seen;
    auto subscription = broker.consume<int>("numbers",
                                            [&](delivery<int>& number) {
                                              // It hangs until its timeout has taken it away; by then that of the others would be over, too.
                                              if (*number == 0) eventually([&] { return queue.counts().dead > 0; });
                                              if (*number == 1) throw std::runtime_error("poison");
                                              if (*number > 1 && number.ack()) seen.add(*number);
                                            },
                                            {.prefetch = 6});
    eventually([&] { return queue.counts().dead + queue.counts().acked == 6; });
    subscription.stop();
    subscription.join();
    dead = queue.counts().dead;
    handled = seen.all();
    if (dead == 2) break;
  }
  CHECK(dead == 2);
  CHECK(handled == std::vector<int>{2, 3, 4, 5});
}

TEST_CASE("a heartbeat puts the timeout off for as long as the handler runs") {
  const watchdog dog("a heartbeat");
  // A machine may be so busy that a beat comes too late: then once more, with more time.
  bool kept = false;
  for (auto timeout = 20ms; !kept && timeout <= 2s; timeout *= 2) {
    broker broker;
    auto& queue = broker.declare<int>("numbers", {.visibility_timeout = timeout});
    const auto handler = [&](delivery<int>& number) {
      const auto begun = std::chrono::steady_clock::now();
      eventually([&] { return std::chrono::steady_clock::now() - begun > 3 * timeout; });
      if (number.attempt() == 1) kept = number.ack();
    };
    auto subscription = broker.consume<int>("numbers", handler, {.heartbeat = true});
    CHECK(broker.publish("numbers", 1));
    eventually([&] { return queue.counts().acked == 1 || queue.counts().redelivered > 0; });
  }
  CHECK(kept);
}

TEST_CASE("a late heartbeat undoes no verdict") {
  const watchdog dog("a late heartbeat");
  broker broker;
  auto& queue = broker.declare<int>("numbers", {.max_attempts = 1'000'000, .visibility_timeout = 3ms});
  signal begun;
  signal go_on;
  const auto handler = [&](delivery<int>& number) {
    if (!number.requeue(1h)) return;  // on a busy machine it may be too late for that, and the message comes once more
    begun.raise();
    go_on.wait();  // and the heart beats on
  };
  {
    auto subscription = broker.consume<int>("numbers", handler, {.heartbeat = true});
    CHECK(broker.publish("numbers", 1));
    begun.wait();
    // Another message whose timeout passes several times, as long as that takes.
    auto& yardstick = broker.declare<int>("yardstick", {.max_attempts = 9, .visibility_timeout = 3ms});
    CHECK(broker.publish("yardstick", 1));
    for (int i = 0; i < 8; ++i) {
      auto held = yardstick.receive();
      REQUIRE(held);
      eventually([&] { return yardstick.counts().outstanding == 0; });
    }
    CHECK(queue.counts().delayed == 1);
    CHECK(queue.counts().outstanding == 0);
    go_on.raise();
  }
  CHECK(queue.counts().delayed == 1);
}

TEST_CASE("what cannot be consumed so is refused by name") {
  broker broker;
  broker.declare<int>("numbers");
  CHECK_THAT(complaint([&] { auto s = broker.consume<long>("numbers", [](const long&) {}); }),
             has_text("\"numbers\"") && has_text("of int") && has_text("of long"));
  CHECK_THAT(complaint([&] { auto s = broker.consume<int>("numbers", [](const int&) {}, {.threads = 0}); }),
             has_text("\"numbers\"") && has_text("threads"));
  CHECK_THAT(complaint([&] { auto s = broker.consume<int>("numbers", [](const int&) {}, {.prefetch = 0}); }),
             has_text("\"numbers\"") && has_text("prefetch"));
  CHECK_THAT(complaint([&] { auto s = broker.consume<int>("numbers", std::function<void(const int&)>()); }),
             has_text("\"numbers\"") && has_text("empty"));
  void (*none)(const int&) = nullptr;
  CHECK_THAT(complaint([&] { auto s = broker.consume<int>("numbers", none); }), has_text("empty"));
}

// ---- Stopping ---------------------------------------------------------------------------------------------------

TEST_CASE("run waits for a stop that a handler asks for, and for that handler") {
  const watchdog dog("run");
  broker broker;
  auto& queue = broker.declare<int>("numbers");
  for (int i = 0; i < 10; ++i) CHECK(broker.publish("numbers", i));
  std::atomic<bool> returned = false;
  auto subscription = broker.consume<int>("numbers", [&](const int& number) {
    if (number < 4) return;
    broker.stop();
    std::this_thread::yield();
    returned = true;
  });
  broker.run();
  CHECK(returned);
  CHECK(queue.counts().acked == 5);
  CHECK(queue.counts().ready == 5);

  // And once more, with another subscription.
  auto next = broker.consume<int>("numbers", [&](const int& number) {
    if (number == 9) broker.stop();
  });
  broker.run();
  CHECK(queue.counts().acked == 10);
}

TEST_CASE("run ends by its token, and a stop that comes before run is not missed") {
  const watchdog dog("run with a token");
  broker broker;
  broker.stop();
  broker.run();
  std::stop_source source;
  std::jthread stopper([&] { source.request_stop(); });
  broker.run(source.get_token());
  broker.run(source.get_token());
  // Each stop ends those that wait; one that begins later may find it used up.
  std::atomic<int> returned = 0;
  std::jthread another([&] { broker.run(), ++returned; });
  std::jthread yet_another([&] { broker.run(), ++returned; });
  eventually([&] { return broker.stop(), returned == 2; });
}

TEST_CASE("run inside a handler is refused by the name of its queue") {
  const watchdog dog("run in a handler");
  broker broker;
  broker.declare<int>("numbers", {.max_attempts = 1});
  record<std::string> heard;
  broker.on_error([&](const kew::handler_error& error) {
    try {
      std::rethrow_exception(error.exception);
    } catch (const broker_error& thrown) {
      heard.add(thrown.what());
    }
    broker.stop();
  });
  auto subscription = broker.consume<int>("numbers", [&](const int&) { broker.run(); });
  CHECK(broker.publish("numbers", 1));
  broker.run();
  REQUIRE(heard.size() == 1);
  CHECK_THAT(heard.all()[0], has_text("\"numbers\"") && has_text("run"));
}

TEST_CASE("a handler that waits for room in another queue is let go by a stop") {
  const watchdog dog("a handler that publishes");
  broker broker;
  broker.declare<int>("in");
  auto& out = broker.declare<int>("out", {.capacity = 1});
  std::atomic<int> answers = 0;
  auto subscription = broker.consume<int>("in", [&](const int& number) {
    if (broker.publish("out", number) == kew::status::stopped) ++answers;
  });
  CHECK(broker.publish("in", 1));
  CHECK(broker.publish("in", 2));
  eventually([&] { return out.counts().ready == 1; });
  broker.stop();
  broker.run();
  CHECK(out.counts().published == 1);
  CHECK(answers <= 1);  // it may have been stopped before its second message
}

TEST_CASE("a queue that is closed is drained, and then its subscriptions end") {
  const watchdog dog("a drained queue");
  broker broker;
  auto& queue = broker.declare<int>("numbers");
  for (int i = 0; i < 100; ++i) CHECK(broker.publish("numbers", i));
  queue.close();
  auto subscription = broker.consume<int>("numbers", [](const int&) {}, {.threads = 3, .prefetch = 5});
  subscription.join();
  CHECK(queue.counts().acked == 100);
}

TEST_CASE("a broker that is destroyed waits for its handlers") {
  const watchdog dog("a broker that is destroyed");
  std::atomic<bool> finished = false;
  signal begun;
  signal go_on;
  std::optional<kew::subscription> outlives;
  std::jthread helper;
  {
    broker broker;
    broker.declare<int>("numbers");
    outlives.emplace(broker.consume<int>("numbers", [&](const int&) {
      begun.raise();
      go_on.wait();
      finished = true;
    }));
    CHECK(broker.publish("numbers", 1));
    begun.wait();
    helper = std::jthread([&] { go_on.raise(); });
  }
  CHECK(finished);
  outlives->stop();
  outlives->join();
}

TEST_CASE("a broker that is destroyed inside a handler waits for the others, and that handler's verdict counts") {
  const watchdog dog("a broker that is destroyed inside a handler");
  auto owned = std::make_unique<broker>();
  owned->declare<int>("numbers");
  owned->declare<int>("others");
  signal other_begun;
  signal other_go_on;
  std::atomic<bool> other_finished = false;
  std::atomic<bool> waited = false;
  std::atomic<bool> counts = false;
  signal done;
  auto other = owned->consume<int>("others", [&](const int&) {
    other_begun.raise();
    other_go_on.wait();
    other_finished = true;
  });
  auto subscription = owned->consume<int>("numbers", [&](delivery<int>& number) {
    other_begun.wait();
    std::jthread release([&] { other_go_on.raise(); });
    owned.reset();
    waited = other_finished.load();
    counts = number.ack();
    done.raise();
  });
  CHECK(owned->publish("others", 1));
  CHECK(owned->publish("numbers", 1));
  done.wait();
  CHECK(waited);
  CHECK(counts);
}

TEST_CASE("a subscription that is destroyed inside its own handler ends after it") {
  const watchdog dog("a subscription that ends itself");
  broker broker;
  auto& queue = broker.declare<int>("numbers");
  std::mutex mutex;
  std::optional<kew::subscription> own;
  std::atomic<int> calls = 0;
  {
    const std::lock_guard lock(mutex);
    own.emplace(broker.consume<int>("numbers", [&](const int&) {
      ++calls;
      const std::lock_guard inner(mutex);
      own.reset();
    }));
  }
  for (int i = 0; i < 3; ++i) CHECK(broker.publish("numbers", i));
  eventually([&] { return queue.counts().acked == 1; });
  auto next = broker.consume<int>("numbers", [](const int&) {});
  eventually([&] { return queue.counts().acked == 3; });
  CHECK(calls == 1);
}

TEST_CASE("a join of its own subscription inside a handler is refused by the name of its queue") {
  const watchdog dog("a join in a handler");
  broker broker;
  auto& queue = broker.declare<int>("numbers", {.max_attempts = 1});
  record<std::string> heard;
  broker.on_error([&](const kew::handler_error& error) {
    try {
      std::rethrow_exception(error.exception);
    } catch (const broker_error& thrown) {
      heard.add(thrown.what());
    }
  });
  signal there;
  kew::subscription subscription;
  subscription = broker.consume<int>("numbers", [&](const int&) {
    there.wait();
    subscription.join();
  });
  there.raise();
  CHECK(broker.publish("numbers", 1));
  eventually([&] { return queue.counts().dead == 1; });
  REQUIRE(heard.size() == 1);
  CHECK_THAT(heard.all()[0], has_text("\"numbers\"") && has_text("join"));
}

TEST_CASE("a subscription that is moved from has no threads") {
  const watchdog dog("a subscription that is moved");
  broker broker;
  auto& queue = broker.declare<int>("numbers");
  auto first = broker.consume<int>("numbers", [](const int&) {});
  kew::subscription second = std::move(first);
  first.stop();
  first.join();
  CHECK(broker.publish("numbers", 1));
  eventually([&] { return queue.counts().acked == 1; });
  second = kew::subscription();
  CHECK(broker.publish("numbers", 2));
  CHECK(queue.counts().ready == 1);
}

TEST_CASE("a delivery that outlives its broker answers false") {
  const watchdog dog("a delivery that outlives its broker");
  std::optional<delivery<int>> kept;
  signal has_kept;
  {
    broker broker;
    broker.declare<int>("numbers");
    auto subscription = broker.consume<int>("numbers", [&](delivery<int>& number) {
      kept.emplace(std::move(number));
      has_kept.raise();
    });
    CHECK(broker.publish("numbers", 1));
    has_kept.wait();
  }
  CHECK(**kept == 1);
  CHECK_FALSE(kept->extend(1s));
  CHECK_FALSE(kept->ack());
}

TEST_CASE("a handler is destroyed when its threads have ended") {
  const watchdog dog("a handler that is destroyed");
  broker broker;
  broker.declare<int>("numbers");
  const auto shared = std::make_shared<int>(0);
  {
    auto subscription = broker.consume<int>("numbers", [shared](const int&) {}, {.threads = 3});
    CHECK(shared.use_count() > 1);
  }
  CHECK(shared.use_count() == 1);
}

// ---- Figures ----------------------------------------------------------------------------------------------------

TEST_CASE("the figures of every queue are there by name") {
  const watchdog dog("figures");
  broker broker;
  auto& numbers = broker.declare<int>("numbers", {.capacity = 7, .max_attempts = 1});
  broker.declare<std::string>("a text");
  for (int i = 0; i < 5; ++i) CHECK(broker.publish("numbers", i));
  auto first = numbers.receive();
  REQUIRE(first);
  CHECK(first->ack());
  auto second = numbers.receive();
  REQUIRE(second);
  CHECK(second->requeue());
  auto third = numbers.receive();
  REQUIRE(third);
  CHECK(third->reject());
  auto fourth = numbers.receive();
  REQUIRE(fourth);
  CHECK(fourth->requeue(1h));
  auto fifth = numbers.receive();
  REQUIRE(fifth);
  auto again = numbers.receive();
  REQUIRE(again);
  CHECK(again->attempt() == 2);

  const kew::broker_metrics all = broker.metrics();
  REQUIRE(all.size() == 2);
  CHECK(all.begin()[0].first == "a text");
  CHECK(all.begin()[1].first == "numbers");
  const kew::metrics& m = all["numbers"];
  CHECK(m.acknowledges);
  CHECK(m.pushed == 5);
  CHECK(m.popped == 2);
  CHECK(m.acked == 1);
  CHECK(m.dead == 1);
  CHECK(m.redelivered == 1);
  CHECK(m.outstanding == 2);
  CHECK(m.delayed == 1);
  CHECK(m.length == 3);
  CHECK(m.highest_length == 5);
  CHECK(m.capacity == 7);
  CHECK(m.time_in_queue.count == 2);
  CHECK_THAT(to_string(m), has_text("2 outstanding, 1 delayed, 1 redelivered, 1 acknowledged, 1 dead\n"));
  CHECK(m.time_in_queue.max >= m.time_in_queue.p99);
  CHECK(m.time_in_queue.p99 >= m.time_in_queue.p50);
  CHECK(m.time_in_queue.sum.count() > 0);
  CHECK(m.throughput > 0);
  CHECK(m.recent_throughput > 0);
  CHECK(all.find("numbers") == &m);
  CHECK(all.find("nowhere") == nullptr);
  CHECK(all.contains("numbers"));
  CHECK_FALSE(all.contains("nowhere"));
  CHECK_THAT(complaint([&] { static_cast<void>(all.at("nowhere")); }), has_text("\"nowhere\""));
  CHECK(fifth->ack());
  CHECK(again->ack());
}

TEST_CASE("the mean length is the throughput times the mean time, once all has left") {
  const watchdog dog("the mean length");
  broker broker;
  broker.declare<int>("numbers");
  auto subscription = broker.consume<int>("numbers", [](const int&) {}, {.threads = 2, .prefetch = 3});
  for (int i = 0; i < 1000; ++i) CHECK(broker.publish("numbers", i));
  eventually([&] { return broker.metrics()["numbers"].acked == 1000; });
  const kew::metrics m = broker.metrics()["numbers"];
  const double little = m.throughput * m.time_in_queue.mean.count() * 1e-9;
  CHECK(m.mean_length > little * 0.999);
  CHECK(m.mean_length < little * 1.001);
}

TEST_CASE("messages that are still inside count towards the mean length") {
  broker broker;
  broker.declare<int>("numbers");
  for (int i = 0; i < 100; ++i) CHECK(broker.publish("numbers", i));
  // All came at about the same time; of the time since then, each has been inside for all.
  const kew::metrics early = broker.metrics()["numbers"];
  eventually([&] { return broker.metrics()["numbers"].elapsed > 20 * early.elapsed; });
  const kew::metrics m = broker.metrics()["numbers"];
  CHECK(m.mean_length > 90);
  CHECK(m.mean_length < 100.5);
}

TEST_CASE("the queues of a broker go into one exposition") {
  broker broker;
  broker.declare<int>("numbers");
  broker.declare<std::string>("a \"text\"");
  CHECK(broker.publish("numbers", 1));
  const std::string text = to_prometheus(broker.metrics());
  CAPTURE(text);
  CHECK_THAT(text, has_text("kew_pushed_total{queue=\"numbers\"} 1\n"));
  CHECK_THAT(text, has_text("kew_outstanding{queue=\"numbers\"} 0\n"));
  CHECK_THAT(text, has_text("kew_dead_total{queue=\"a \\\"text\\\"\"} 0\n"));
  for (const char* family : {"kew_pushed_total", "kew_outstanding", "kew_delayed", "kew_redelivered_total",
                             "kew_acked_total", "kew_dead_total", "kew_time_in_queue_seconds"}) {
    const std::string help = "# HELP " + std::string(family) + ' ';
    CHECK(text.find(help) != std::string::npos);
    CHECK(text.find(help) == text.rfind(help));
  }
}

// ---- All of it at once ------------------------------------------------------------------------------------------

TEST_CASE("whatever handlers do, each message is acknowledged once or dead once") {
  const watchdog dog("handlers that do anything");
  kew_test::random_source random(kew_test::run_seed());
  constexpr int queues = 3;
  const std::size_t messages = kew_test::scaled(3'000);
  broker broker;
  std::vector<kew::message_queue<std::size_t>*> all;
  broker.declare_exchange("all", kew::exchange::topic);
  for (int i = 0; i < queues; ++i) {
    const std::string name = "queue " + std::to_string(i);
    all.push_back(&broker.declare<std::size_t>(name, {.capacity = 50, .max_attempts = 3, .visibility_timeout = 50ms}));
    broker.bind("all", "to." + std::to_string(i), name);
    broker.bind("all", "to.all", name);
  }
  std::vector<std::atomic<unsigned>> acked(messages * queues);
  std::atomic<std::size_t> reported = 0;
  std::atomic<std::size_t> thrown = 0;
  broker.on_error([&](const kew::handler_error&) { ++reported; });
  std::vector<kew::subscription> subscriptions;
  for (std::size_t i = 0; i < queues; ++i)
    for (const unsigned prefetch : {1u, 4u}) {
      const std::uint64_t seed = random();
      subscriptions.push_back(
          broker.consume<std::size_t>("queue " + std::to_string(i),
                                      [&, i, seed](delivery<std::size_t>& message) {
                                        kew_test::random_source mine(seed ^ *message * 1'000'003 ^ message.attempt());
                                        switch (mine.below(8)) {
                                          case 0: ++thrown; throw std::runtime_error("a fault on demand");
                                          case 1: message.requeue(); return;
                                          case 2: message.requeue(std::chrono::microseconds(mine.below(500))); return;
                                          case 3: message.reject("a rejection on demand"); return;
                                          case 4: return;
                                          case 5: message.extend(1s); break;
                                          default: break;
                                        }
                                        if (message.ack()) ++acked[*message * queues + i];
                                      },
                                      {.threads = 2, .prefetch = prefetch, .heartbeat = prefetch == 4}));
    }
  for (std::size_t m = 0; m < messages; ++m) {
    const auto got = random.one_in(2) ? broker.publish_to("all", "to.all", m)
                                      : broker.publish_to("all", "to." + std::to_string(random.below(queues)), m);
    REQUIRE(got);
  }
  for (auto* queue : all) queue->close();
  for (auto& subscription : subscriptions) subscription.join();

  CAPTURE(kew_test::run_seed());
  std::size_t twice = 0;
  std::size_t once = 0;
  for (const auto& count : acked) {
    twice += count > 1;
    once += count == 1;
  }
  CHECK(twice == 0);
  CHECK(reported == thrown);
  std::size_t acked_by_counts = 0;
  for (std::size_t i = 0; i < queues; ++i) {
    const kew::queue_counts counts = all[i]->counts();
    CHECK(counts.published == counts.acked + counts.dead);
    acked_by_counts += counts.acked;
    while (auto dead = all[i]->dead_letters().try_receive()) {
      CHECK(acked[**dead * queues + i] == 0);
      static_cast<void>(dead->ack());  // too late after the timeout, and then it comes once more
    }
  }
  CHECK(once == acked_by_counts);
}
