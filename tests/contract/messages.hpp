// The contract of every message_queue: in memory, on disk, or somebody else's broker. A section's name is the promise it
// tests. What an implementation cannot do is left out by the traits that it declares, and in no other way.
//
// A subject is a type with a value_type, and a function that makes a new, empty queue:
//
//   std::unique_ptr<kew::message_queue<value_type>> make(const kew::queue_options&);
//
// No section measures time: where a timeout or a delay has to end, a receive waits for that.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <ratio>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <kew/message_queue.hpp>

#include "contract/subjects.hpp"

namespace kew_test {

/// What every reading of a queue's figures keeps, at any instant.
inline bool balanced(const kew::queue_counts& counts) {
  return counts.published == counts.ready + counts.delayed + counts.outstanding + counts.acked + counts.dead;
}

/// Each look at a queue's figures in the tests goes through here.
template <class T>
kew::queue_counts counts_of(kew::message_queue<T>& queue) {
  const kew::queue_counts counts = queue.counts();
  CHECK(balanced(counts));
  return counts;
}

/// The message that a receive must get, and its attempt.
template <class T>
kew::delivery<T> received(kew::message_queue<T>& from, int message, unsigned attempt) {
  auto got = from.try_receive_for(patience_with_hangs());
  REQUIRE(got.status() == status::success);
  CHECK(read(**got) == message);
  if (from.traits().counts_attempts) CHECK(got->attempt() == attempt);
  return *std::move(got);
}

/// `act` in a thread of its own, which a failed wait would hang.
template <class Act>
class waiting_thread {
 public:
  explicit waiting_thread(std::string what, Act act) : guard_(std::move(what)), thread_(std::move(act)) {}
  void join() { thread_.join(); }

 private:
  watchdog guard_;
  std::thread thread_;
};

using std::chrono_literals::operator""ns;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""h;

/// A timeout that ends soon, for those that wait for its end.
inline constexpr std::chrono::nanoseconds soon = 2ms;

template <class Subject>
void message_contract() {
  using T = typename Subject::value_type;
  using queue_type = kew::message_queue<T>;
  Subject subject;
  const auto fresh = [&](kew::queue_options options = {}) { return subject.make(options); };
  const auto publish = [](queue_type& queue, int message) { REQUIRE(queue.publish(make<T>(message))); };
  const kew::queue_traits can = fresh()->traits();

  // ---- Publish, receive, acknowledge -----------------------------------------------------------------------------

  SECTION("what was published is delivered, and gone when it is acknowledged") {
    const auto queue = fresh();
    publish(*queue, 1);
    publish(*queue, 2);
    CHECK(counts_of(*queue).ready == 2);
    for (int message = 1; message <= 2; ++message) {
      auto got = queue->receive();
      REQUIRE(got);
      if (can.ordered) CHECK(read(**got) == message);
      CHECK(got->attempt() == 1);
      CHECK(got->reason().empty());
      CHECK(counts_of(*queue).outstanding == 1);
      CHECK(got->ack());
    }
    const kew::queue_counts counts = counts_of(*queue);
    CHECK(counts.published == 2);
    CHECK(counts.acked == 2);
    CHECK(counts.ready + counts.delayed + counts.outstanding + counts.dead + counts.redelivered == 0);
    CHECK(queue->try_receive().status() == status::empty);
  }
  SECTION("messages come in the order of their publishing, through many laps of the capacity") {
    if (!can.ordered) return;
    const auto queue = fresh({.capacity = 3});
    int in = 0;
    for (int out = 0; out < 50; ++out) {
      for (T message = make<T>(in); queue->try_publish(std::move(message)); message = make<T>(in)) ++in;
      CHECK(in == out + 3);
      CHECK(received(*queue, out, 1).ack());
    }
  }
  SECTION("publish_n takes all from the front, in order") {
    const auto queue = fresh({.capacity = 8});
    std::vector<T> batch = several<T>(0, 8);
    CHECK(queue->publish_n(batch) == 8);
    CHECK(queue->publish_n(std::span<T>()) == 0);
    CHECK(counts_of(*queue).ready == 8);
    if (can.ordered)
      for (int message = 0; message < 8; ++message) CHECK(received(*queue, message, 1).ack());
  }
  SECTION("publish_n waits for room in the middle of a batch, and says how many were safe when it was closed") {
    const auto queue = fresh({.capacity = 2});
    std::vector<T> batch = several<T>(0, 5);
    std::size_t safe = 0;
    waiting_thread publisher("publish_n", [&] { safe = queue->publish_n(batch); });
    CHECK(queue->receive()->ack());
    while (counts_of(*queue).published < 3) std::this_thread::yield();
    queue->close();
    publisher.join();
    CHECK(safe == counts_of(*queue).published);
    REQUIRE(safe >= 3);
    for (std::size_t i = safe; i < 5; ++i) CHECK(read(batch[i]) == static_cast<int>(i));
  }

  // ---- Room ------------------------------------------------------------------------------------------------------

  SECTION("the capacity counts what is ready, delayed and outstanding; a message without room is left untouched") {
    const auto queue = fresh({.capacity = 3});
    const auto refused = [&] {
      T message = make<T>(9);
      CHECK(queue->try_publish(std::move(message)) == status::full);
      CHECK(queue->try_publish_for(std::move(message), 1ns) == status::full);
      CHECK(read(message) == 9);
    };
    publish(*queue, 0);
    publish(*queue, 1);
    publish(*queue, 2);
    refused();
    auto delayed = received(*queue, 0, 1);
    auto outstanding = received(*queue, 1, 1);
    refused();
    CHECK(delayed.requeue(1h));
    refused();
    CHECK(counts_of(*queue).delayed == (can.delayed_requeue ? 1U : 0U));
    CHECK(outstanding.requeue());  // which has room, whatever comes
    refused();
    CHECK(received(*queue, 2, 1).ack());
    CHECK(queue->try_publish(make<T>(3)));
    refused();
  }
  SECTION("an acknowledgement wakes a publish that waits for room") {
    const auto queue = fresh({.capacity = 1});
    publish(*queue, 0);
    waiting_thread publisher("publish", [&] { static_cast<void>(queue->publish(make<T>(1))); });
    CHECK(received(*queue, 0, 1).ack());
    CHECK(received(*queue, 1, 1).ack());
    publisher.join();
  }
  SECTION("a rejection makes room, for dead letters do not count") {
    const auto queue = fresh({.capacity = 1});
    publish(*queue, 0);
    waiting_thread publisher("publish", [&] { static_cast<void>(queue->publish(make<T>(1))); });
    CHECK(received(*queue, 0, 1).reject());
    CHECK(received(*queue, 1, 1).reject());
    publisher.join();
    CHECK(counts_of(*queue).dead == 2);
  }
  SECTION("close wakes a publish that waits for room") {
    const auto queue = fresh({.capacity = 1});
    publish(*queue, 0);
    kew::status answer = status::success;
    waiting_thread publisher("publish", [&] { answer = queue->publish(make<T>(1)); });
    queue->close();
    publisher.join();
    CHECK(answer == status::closed);
  }
  SECTION("a publish that waits for room does what is due") {
    const auto queue = fresh({.capacity = 1, .max_attempts = 1, .visibility_timeout = soon});
    publish(*queue, 0);
    auto held = received(*queue, 0, 1);
    if (!std::is_copy_constructible_v<T>) return;
    publish(*queue, 1);  // room when the timeout has made a dead letter of the first
    CHECK_FALSE(held.ack());
  }
  SECTION("a stop ends a publish that waits") {
    const auto queue = fresh({.capacity = 1});
    publish(*queue, 0);
    std::stop_source source;
    kew::status answer = status::success;
    waiting_thread publisher("publish", [&] { answer = queue->publish(make<T>(1), source.get_token()); });
    source.request_stop();
    publisher.join();
    CHECK(answer == status::stopped);
  }

  // ---- What comes back -------------------------------------------------------------------------------------------

  SECTION("requeue goes behind what is ready, and is no failure however often") {
    const auto queue = fresh({.max_attempts = 2});
    publish(*queue, 0);
    publish(*queue, 1);
    for (unsigned attempt = 1; attempt <= 5; ++attempt) {
      CHECK(received(*queue, 0, attempt).requeue());
      CHECK(received(*queue, 1, attempt).requeue());
    }
    CHECK(counts_of(*queue).dead == 0);
    CHECK(counts_of(*queue).redelivered == 8);
  }
  SECTION("a delivery without a verdict comes back, and is dead after max_attempts of them") {
    const auto queue = fresh({.max_attempts = 3});
    publish(*queue, 0);
    static_cast<void>(received(*queue, 0, 1));
    try {
      const auto held = received(*queue, 0, 2);
      throw fault("a handler throws");
    } catch (const fault&) {
    }
    CHECK(received(*queue, 0, 3).requeue());
    static_cast<void>(received(*queue, 0, 4));  // the third failure, at the fourth attempt
    CHECK(queue->try_receive().status() == status::empty);
    CHECK(counts_of(*queue).dead == 1);
    if (!can.dead_letters) return;
    auto dead = received(queue->dead_letters(), 0, 1);
    CHECK(dead.reason() == "failed 3 times");
    CHECK(dead.ack());
  }
  SECTION("a timeout gives the message to another one, and is a failure") {
    const auto queue = fresh({.max_attempts = 2, .visibility_timeout = soon});
    publish(*queue, 0);
    {
      auto late = received(*queue, 0, 1);
      if constexpr (std::is_copy_constructible_v<T>) {
        auto next = queue->receive();
        REQUIRE(next);
        CHECK(next->attempt() == 2);
        CHECK_FALSE(late.ack());
      } else {
        while (late.extend(soon)) {  // true until the holder has been too late once
          auto none = queue->try_receive_for(2 * soon);
          CHECK(none.status() == status::empty);
        }
        CHECK_FALSE(late.ack());
        auto next = queue->receive();
        REQUIRE(next);
        CHECK(next->attempt() == 2);
      }
    }
    if (!can.dead_letters) return;
    auto dead = received(queue->dead_letters(), 0, 1);
    CHECK(dead.reason() == "failed 2 times");
    CHECK(counts_of(*queue).dead == 1);
  }
  SECTION("no verdict of a late holder is accepted") {
    if constexpr (std::is_copy_constructible_v<T>) {
      const auto queue = fresh({.max_attempts = 1000, .visibility_timeout = soon});
      publish(*queue, 0);
      const auto refused_while_another_holds_it = [&](auto verdict) {
        auto late = *queue->receive();
        auto next = *queue->receive();  // which waits for the timeout
        CHECK_FALSE(verdict(late));
        while (!next.requeue()) next = *queue->receive();
      };
      refused_while_another_holds_it([](auto& late) { return late.ack(); });
      refused_while_another_holds_it([](auto& late) { return late.requeue(); });
      refused_while_another_holds_it([](auto& late) { return late.requeue(1h); });
      refused_while_another_holds_it([](auto& late) { return late.reject("too late"); });
      refused_while_another_holds_it([](auto& late) { return late.extend(1h); });
      const kew::queue_counts counts = counts_of(*queue);
      CHECK(counts.acked + counts.dead + counts.delayed == 0);
    }
  }
  SECTION("the second verdict is refused, and changes nothing") {
    const auto queue = fresh();
    const auto all_refused = [](auto& spent) {
      CHECK_FALSE(spent.ack());
      CHECK_FALSE(spent.requeue());
      CHECK_FALSE(spent.requeue(1h));
      CHECK_FALSE(spent.reject("again"));
      CHECK_FALSE(spent.extend(1h));
    };
    publish(*queue, 0);
    auto held = received(*queue, 0, 1);
    CHECK(held.requeue());
    all_refused(held);
    held = received(*queue, 0, 2);
    CHECK(held.reject("no"));
    all_refused(held);
    publish(*queue, 1);
    held = received(*queue, 1, 1);
    CHECK(held.ack());
    all_refused(held);
    const kew::queue_counts counts = counts_of(*queue);
    CHECK(counts.acked == 1);
    CHECK(counts.dead == 1);
  }
  SECTION("a verdict may be given by another thread") {
    const auto queue = fresh();
    publish(*queue, 0);
    auto held = received(*queue, 0, 1);
    bool counts = false;
    std::thread([&, mine = std::move(held)]() mutable { counts = mine.ack(); }).join();
    CHECK(counts);
  }
  SECTION("a delivery that was moved has one duty") {
    const auto queue = fresh();
    publish(*queue, 0);
    publish(*queue, 1);
    auto first = received(*queue, 0, 1);
    auto moved = std::move(first);
    CHECK_FALSE(first.ack());
    CHECK(read(*moved) == 0);
    auto second = received(*queue, 1, 1);
    second = std::move(moved);  // what it held before goes back
    CHECK(read(*second) == 0);
    CHECK(counts_of(*queue).outstanding == 1);
    CHECK(second.ack());
    CHECK(received(*queue, 1, 2).ack());
  }
  SECTION("what a holder does to its message does not come back where the message can be copied") {
    if constexpr (std::is_copy_constructible_v<T>) {
      const auto queue = fresh();
      publish(*queue, 7);
      auto held = received(*queue, 7, 1);
      *held = make<T>(8);
      CHECK(held.requeue());
      CHECK(received(*queue, 7, 2).ack());
    }
  }

  // ---- Time ------------------------------------------------------------------------------------------------------

  SECTION("a delayed message is not ready before its time, and a receive waits for it") {
    if (!can.delayed_requeue) return;
    const auto queue = fresh();
    publish(*queue, 0);
    auto held = received(*queue, 0, 1);
    const auto start = std::chrono::steady_clock::now();
    CHECK(held.requeue(soon));
    auto back = received(*queue, 0, 2);
    CHECK(std::chrono::steady_clock::now() >= start + soon);
    CHECK(back.requeue(1h));
    CHECK(counts_of(*queue).delayed == 1);
    CHECK(queue->try_receive().status() == status::empty);
  }
  SECTION("every delay ends") {
    if (!can.delayed_requeue) return;
    const auto queue = fresh();
    for (int i = 0; i < 3; ++i) publish(*queue, i);
    auto a = received(*queue, 0, 1);
    auto b = received(*queue, 1, 1);
    auto c = received(*queue, 2, 1);
    CHECK(a.requeue(20 * soon));
    CHECK(b.requeue(soon));
    CHECK(c.requeue(-1s));  // a time that is over is none
    int sum = 0;
    for (int i = 0; i < 3; ++i) {
      auto got = queue->receive();
      sum += read(**got);
      CHECK(got->ack());
    }
    CHECK(sum == 3);
  }
  SECTION("extend moves the timeout, later and earlier") {
    if (!can.extends) return;
    if constexpr (std::is_copy_constructible_v<T>) {
      const auto queue = fresh({.max_attempts = 1000, .visibility_timeout = 20 * soon});
      publish(*queue, 0);
      auto kept = *queue->receive();
      while (!kept.extend(1h)) kept = *queue->receive();  // a slow machine may have been too late
      publish(*queue, 1);
      auto lost = *queue->receive();
      CHECK(read(*lost) == 1);
      auto next = *queue->receive();  // waits for the timeout of the second, which began later
      CHECK(read(*next) == 1);
      CHECK_FALSE(lost.ack());
      CHECK(kept.extend(std::chrono::nanoseconds::max()));
      CHECK(kept.extend(std::chrono::duration<double>::max()));
      CHECK(kept.extend(std::chrono::hours::max()));
      CHECK(kept.extend(soon));
      static_cast<void>(next.ack());
      for (auto got = queue->receive(); read(**got) != 0; got = queue->receive()) static_cast<void>(got->ack());
      CHECK_FALSE(kept.ack());
    }
  }
  SECTION("a timeout of zero gives the message back at once") {
    if (!can.extends) return;
    if constexpr (std::is_copy_constructible_v<T>) {
      const auto queue = fresh();
      publish(*queue, 0);
      auto held = received(*queue, 0, 1);
      CHECK(held.extend(0s));
      CHECK(received(*queue, 0, 2).ack());
      CHECK_FALSE(held.ack());
    }
  }
  SECTION("a late extension does not undo a requeue with a delay") {
    if (!can.delayed_requeue) return;
    const auto queue = fresh();
    publish(*queue, 0);
    auto held = received(*queue, 0, 1);
    CHECK(held.requeue(1h));
    CHECK_FALSE(held.extend(1ns));
    CHECK(counts_of(*queue).delayed == 1);
    CHECK(queue->try_receive().status() == status::empty);
  }
  SECTION("the timeout begins at the hand-over, not before") {
    const auto queue = fresh({.max_attempts = 1, .visibility_timeout = soon});
    publish(*queue, 0);
    publish(*queue, 1);
    if (!can.dead_letters || !std::is_copy_constructible_v<T>) return;
    auto held = *queue->receive();
    CHECK(queue->dead_letters().receive());  // waits for its timeout, and the other one was ready all the time
    auto ready = queue->receive();
    REQUIRE(ready);
    CHECK(read(**ready) == 1);
    CHECK(ready->attempt() == 1);
  }

  // ---- Waiting ---------------------------------------------------------------------------------------------------

  SECTION("a receive that must not wait says what it found") {
    const auto queue = fresh();
    CHECK(queue->try_receive().status() == status::empty);
    CHECK(queue->try_receive_for(0s).status() == status::empty);
    CHECK(queue->try_receive_for(-1h).status() == status::empty);
    CHECK(queue->try_receive_for(1ms).status() == status::empty);
    std::stop_source source;
    source.request_stop();
    CHECK(queue->receive(source.get_token()).status() == status::stopped);
    publish(*queue, 0);
    auto got = queue->receive(source.get_token());  // what is there at once is had even so
    REQUIRE(got);
    CHECK(got->ack());
    publish(*queue, 1);
    CHECK(queue->try_receive_for(std::chrono::hours::max())->ack());
  }
  SECTION("a publish, a return, a stop and a close each wake a receive") {
    const auto queue = fresh();
    std::stop_source source;
    std::vector<status> answers;
    waiting_thread consumer("receive", [&] {
      answers.push_back(queue->receive()->requeue(soon) ? status::success : status::busy);
      answers.push_back(queue->receive()->ack() ? status::success : status::busy);
      answers.push_back(queue->receive(source.get_token()).status());
      answers.push_back(queue->receive().status());
    });
    publish(*queue, 0);
    while (counts_of(*queue).acked == 0) std::this_thread::yield();
    source.request_stop();
    queue->close();
    consumer.join();
    REQUIRE(answers.size() == 4);
    CHECK(answers[0] == status::success);
    CHECK(answers[1] == status::success);
    CHECK((answers[2] == status::stopped || answers[2] == status::closed));
    CHECK(answers[3] == status::closed);
  }
  SECTION("each of several consumers that wait gets a message") {
    const auto queue = fresh();
    std::vector<std::thread> consumers;
    const watchdog guard("several receives");
    for (int i = 0; i < 4; ++i) consumers.emplace_back([&] { static_cast<void>(queue->receive()->ack()); });
    std::vector<T> batch = several<T>(0, 4);
    CHECK(queue->publish_n(batch) == 4);
    for (std::thread& each : consumers) each.join();
    CHECK(counts_of(*queue).acked == 4);
  }

  // ---- The end ---------------------------------------------------------------------------------------------------

  SECTION("close ends publishing, and what is inside is still delivered") {
    const auto queue = fresh();
    publish(*queue, 0);
    queue->close();
    queue->close();
    CHECK(queue->publish(make<T>(1)) == status::closed);
    T kept = make<T>(1);
    CHECK(queue->try_publish(std::move(kept)) == status::closed);
    CHECK(queue->try_publish_for(std::move(kept), 1h) == status::closed);
    CHECK(read(kept) == 1);
    auto held = received(*queue, 0, 1);
    CHECK(queue->try_receive().status() == status::empty);  // it may come back
    CHECK(held.requeue());
    held = received(*queue, 0, 2);
    CHECK(held.ack());
    CHECK(queue->receive().status() == status::closed);
    CHECK(queue->try_receive().status() == status::closed);
  }
  SECTION("a consumer that waits beside the holder of the last message is told closed when that one is done") {
    const auto queue = fresh();
    publish(*queue, 0);
    auto held = received(*queue, 0, 1);
    queue->close();
    status answer = status::success;
    waiting_thread consumer("receive", [&] { answer = queue->receive().status(); });
    CHECK(held.ack());
    consumer.join();
    CHECK(answer == status::closed);
  }
  SECTION("a delivery that outlives its queue answers false and keeps its message") {
    auto queue = fresh();
    publish(*queue, 5);
    publish(*queue, 6);
    publish(*queue, 7);
    auto asked = received(*queue, 5, 1);
    auto rejected = received(*queue, 6, 1);
    auto dropped = received(*queue, 7, 1);
    queue.reset();
    CHECK(read(*asked) == 5);
    CHECK_FALSE(asked.extend(1s));
    CHECK_FALSE(asked.ack());
    CHECK_FALSE(rejected.reject("nobody listens"));
  }

  // ---- Dead letters ----------------------------------------------------------------------------------------------

  if (can.dead_letters) {
    SECTION("a rejected message is a dead letter with its reason") {
      const auto queue = fresh();
      publish(*queue, 0);
      publish(*queue, 1);
      CHECK(received(*queue, 0, 1).reject("no such customer"));
      CHECK(received(*queue, 1, 1).reject());
      auto& dead = queue->dead_letters();
      CHECK(counts_of(dead).ready == 2);
      auto letter = received(dead, 0, 1);
      CHECK(letter.reason() == "no such customer");
      CHECK(received(dead, 1, 1).reason().empty());
      CHECK(letter.ack());
      CHECK(counts_of(dead).acked == 1);
      CHECK(counts_of(dead).published == 2);
      CHECK(counts_of(*queue).dead == 2);
    }
    SECTION("dead letters have none of their own: a rejected one goes behind the others, with the new reason") {
      const auto queue = fresh({.max_attempts = 1});
      auto& dead = queue->dead_letters();
      CHECK(&dead == &queue->dead_letters());
      CHECK(&dead.dead_letters() == &dead);
      publish(*queue, 0);
      publish(*queue, 1);
      static_cast<void>(received(*queue, 0, 1));
      static_cast<void>(received(*queue, 1, 1));
      for (unsigned attempt = 1; attempt <= 3; ++attempt) {
        CHECK(received(dead, 0, attempt).reject("still not"));
        static_cast<void>(received(dead, 1, attempt));
      }
      CHECK(received(dead, 0, 4).reason() == "still not");
      CHECK(received(dead, 1, 4).reason() == "failed 1 time");
      CHECK(counts_of(dead).dead == 0);
      CHECK(counts_of(dead).published == 2);
    }
    SECTION("dead letters never hold the queue up, nor are any lost") {
      const auto queue = fresh({.capacity = 1});
      for (int i = 0; i < 200; ++i) {
        publish(*queue, i);
        CHECK(received(*queue, i, 1).reject("all of them"));
      }
      for (int i = 0; i < 200; ++i) CHECK(received(queue->dead_letters(), i, 1).ack());
    }
    SECTION("a receive from the dead letters waits for one, and ends with the queue") {
      const auto queue = fresh();
      std::vector<status> answers;
      waiting_thread reader("receive from the dead letters", [&] {
        answers.push_back(queue->dead_letters().receive()->ack() ? status::success : status::busy);
        answers.push_back(queue->dead_letters().receive().status());
      });
      publish(*queue, 0);
      CHECK(received(*queue, 0, 1).reject());
      publish(*queue, 1);
      auto last = received(*queue, 1, 1);
      queue->close();
      CHECK(last.ack());
      reader.join();
      REQUIRE(answers.size() == 2);
      CHECK(answers[0] == status::success);
      CHECK(answers[1] == status::closed);
    }
    SECTION("a message may be published to the dead letters, which opens no closed queue") {
      const auto queue = fresh({.capacity = 4});
      publish(*queue, 0);
      CHECK(received(*queue, 0, 1).ack());
      queue->close();
      CHECK(queue->dead_letters().publish(make<T>(1)));
      CHECK(queue->publish(make<T>(2)) == status::closed);
      auto letter = received(queue->dead_letters(), 1, 1);
      CHECK(letter.reason().empty());
      CHECK(letter.ack());
      CHECK(queue->dead_letters().receive().status() == status::closed);
    }
    SECTION("dead letters that are closed end when they are empty") {
      const auto queue = fresh();
      publish(*queue, 0);
      CHECK(received(*queue, 0, 1).reject());
      auto& dead = queue->dead_letters();
      dead.close();
      CHECK(dead.publish(make<T>(1)) == status::closed);
      CHECK(received(dead, 0, 1).ack());
      CHECK(dead.receive().status() == status::closed);
    }
    SECTION("one poison message takes no other one to the dead letters") {
      const auto queue = fresh({.max_attempts = 3});
      for (int i = 0; i < 5; ++i) publish(*queue, i);
      int done = 0;
      while (counts_of(*queue).dead == 0) {
        auto got = queue->receive();
        if (read(**got) != 2) done += got->ack();
      }
      CHECK(done == 4);
      CHECK(counts_of(*queue).dead == 1);
      CHECK(received(queue->dead_letters(), 2, 1).ack());
    }
  }

  // ---- Bad input -------------------------------------------------------------------------------------------------

  SECTION("options that make no sense are refused by name") {
    CHECK_THROWS_WITH(fresh({.capacity = 0}), has_text("capacity 0"));
    CHECK_THROWS_WITH(fresh({.max_attempts = 0}), has_text("max_attempts 0"));
    CHECK_THROWS_WITH(fresh({.visibility_timeout = 0ns}), has_text("visibility_timeout 0 ns"));
    CHECK_THROWS_WITH(fresh({.visibility_timeout = -5ns}), has_text("visibility_timeout -5 ns"));
    CHECK_THROWS_AS(fresh({.capacity = 0}), std::invalid_argument);
    const auto largest = fresh({.capacity = SIZE_MAX,
                                .max_attempts = std::numeric_limits<unsigned>::max(),
                                .visibility_timeout = std::chrono::nanoseconds::max()});
    publish(*largest, 0);
    static_cast<void>(received(*largest, 0, 1));
    CHECK(received(*largest, 0, 2).ack());
  }
}

}  // namespace kew_test
