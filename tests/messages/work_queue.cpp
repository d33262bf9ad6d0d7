// work_queue beyond the contract: its type, faults, the order of what comes back, and many messages at random.
#include <kew/work_queue.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "contract/messages.hpp"

namespace kew_test {
namespace {

static_assert(!std::is_copy_constructible_v<kew::work_queue<int>> &&
              !std::is_move_constructible_v<kew::work_queue<int>>);
static_assert(std::is_base_of_v<kew::message_queue<int>, kew::work_queue<int>>);
static_assert(!std::is_convertible_v<kew::queue_options, kew::work_queue<int>>, "options are not a queue");
static_assert(!std::is_copy_constructible_v<kew::delivery<int>>, "there is one duty");
static_assert(std::is_nothrow_move_constructible_v<kew::delivery<std::unique_ptr<int>>>);
static_assert(
    std::is_same_v<decltype(std::declval<kew::work_queue<int>&>().receive()), kew::result<kew::delivery<int>>>);

template <class T, class Wait>
struct in_memory {
  using value_type = T;
  std::unique_ptr<kew::message_queue<T>> make(const kew::queue_options& options) {
    return std::make_unique<kew::work_queue<T, Wait>>(options);
  }
};

using messages = std::tuple<std::string, std::unique_ptr<int>, over_aligned, throwing>;

}  // namespace

TEMPLATE_LIST_TEST_CASE("work_queue keeps the contract of a message_queue", "[contract]", messages) {
  const long alive = tracked::alive;
  const long misuses = tracked::misuses;
  message_contract<in_memory<TestType, kew::adaptive_wait>>();
  CHECK(tracked::alive == alive);
  CHECK(tracked::misuses == misuses);
}

TEST_CASE("work_queue that sleeps at once keeps the contract of a message_queue", "[contract]") {
  message_contract<in_memory<std::string, kew::park_wait>>();
}

TEST_CASE("work_queue says what it can do", "[work_queue]") {
  kew::work_queue<int> queue;
  const kew::queue_traits all{.persistent = false,
                              .ordered = true,
                              .delayed_requeue = true,
                              .counts_attempts = true,
                              .extends = true,
                              .dead_letters = true};
  CHECK(queue.traits() == all);
  CHECK(queue.dead_letters().traits() == all);
}

// ---- Faults --------------------------------------------------------------------------------------------------------

TEST_CASE("a message whose copy throws at the hand-over stays at the front, and its attempt is not used up",
          "[work_queue]") {
  const long alive = tracked::alive;
  {
    kew::work_queue<throwing> queue({.max_attempts = 1});
    REQUIRE(queue.publish(throwing(0)));
    REQUIRE(queue.publish(throwing(1)));
    throwing::arm(1);
    CHECK_THROWS_AS(static_cast<void>(queue.receive()), fault);
    throwing::disarm();
    CHECK(counts_of(queue).ready == 2);
    CHECK(counts_of(queue).outstanding == 0);
    CHECK(received(queue, 0, 1).ack());
    CHECK(received(queue, 1, 1).ack());
  }
  CHECK(tracked::alive == alive);
}

TEST_CASE("a message that throws anywhere is neither lost nor there twice", "[work_queue]") {
  const long alive = tracked::alive;
  for (int step = 1; step < 30; ++step) {
    INFO("step " << step);
    kew::work_queue<throwing> queue({.capacity = 2, .max_attempts = 1000});
    bool published = false;
    bool acked = false;
    throwing::arm(step);
    try {
      throwing message(5);
      published = static_cast<bool>(queue.try_publish(std::move(message)));
      auto got = queue.receive();
      REQUIRE(got);
      CHECK(got->requeue());
      got = queue.receive();
      auto moved = *std::move(got);
      acked = moved.ack();
    } catch (const fault&) {
    }
    throwing::disarm();
    const kew::queue_counts counts = counts_of(queue);
    CHECK(counts.published == (published ? 1U : 0U));
    CHECK(counts.acked == (acked ? 1U : 0U));
    CHECK(counts.ready == (published && !acked ? 1U : 0U));
    if (counts.ready == 1) CHECK(read(**queue.receive()) == 5);
  }
  CHECK(tracked::alive == alive);
}

TEST_CASE("a message is destroyed without the queue being held", "[work_queue]") {
  struct knocking {
    kew::work_queue<std::shared_ptr<knocking>>* at;
    std::uint64_t* seen;
    ~knocking() { *seen = at->counts().acked; }
  };
  const watchdog guard("a destructor that asks the queue");
  kew::work_queue<std::shared_ptr<knocking>> queue;
  std::uint64_t seen = 0;
  REQUIRE(queue.publish(std::make_shared<knocking>(knocking{&queue, &seen})));
  seen = 0;  // the temporary asked, too
  CHECK(queue.receive()->ack());
  CHECK(seen == 1);
}

// ---- Order ---------------------------------------------------------------------------------------------------------

TEST_CASE("what comes back comes behind what is ready, in the order in which it came back", "[work_queue]") {
  kew::work_queue<int> queue;
  for (int i = 0; i < 5; ++i) REQUIRE(queue.publish(i));
  auto a = received(queue, 0, 1);
  auto b = received(queue, 1, 1);
  auto c = received(queue, 2, 1);
  CHECK(c.requeue());
  {
    const auto failed = std::move(a);
  }
  REQUIRE(queue.publish(5));
  CHECK(b.requeue());
  const std::array<int, 6> order = {3, 4, 2, 0, 5, 1};
  for (const int message : order) CHECK(read(**queue.receive()) == message);
}

// ---- Many threads --------------------------------------------------------------------------------------------------

TEST_CASE("more threads acknowledge than can do without the mutex, and the capacity holds at every look",
          "[work_queue]") {
  const watchdog guard("four producers and twelve consumers of a small queue");
  const std::size_t messages_in_all = scaled(60'000);
  constexpr std::size_t producers = 4;
  constexpr std::size_t consumers = 12;
  constexpr std::size_t capacity = 24;
  kew::work_queue<std::string> queue({.capacity = capacity});
  std::vector<std::atomic<unsigned>> acked(messages_in_all);
  std::atomic<bool> ended{false};
  std::atomic<std::size_t> violations{0};

  const auto produce = [&](std::size_t side) {
    // Some one by one, and some in batches.
    std::vector<std::string> batch;
    for (std::size_t i = side; i < messages_in_all; i += producers) {
      batch.push_back("message " + std::to_string(i));
      if (batch.size() < i % 5) continue;
      if (batch.size() == 1)
        violations += !queue.publish(std::move(batch.front()));
      else
        violations += queue.publish_n(batch) != batch.size();
      batch.clear();
    }
    violations += queue.publish_n(batch) != batch.size();
  };
  const auto consume = [&] {
    for (auto got = queue.receive(); got; got = queue.receive()) {
      ++acked[std::stoul((*got)->substr(8))];
      violations += !got->ack();
    }
  };
  const auto look = [&] {
    std::uint64_t last = 0;
    while (!ended) {
      const kew::queue_counts counts = queue.counts();
      violations += !balanced(counts) || counts.ready + counts.outstanding > capacity || counts.acked < last;
      last = counts.acked;
      std::this_thread::yield();
    }
  };
  std::vector<std::thread> sources;
  std::vector<std::thread> sinks;
  for (std::size_t i = 0; i < producers; ++i) sources.emplace_back(produce, i);
  for (std::size_t i = 0; i < consumers; ++i) sinks.emplace_back(consume);
  std::thread looker(look);
  for (std::thread& each : sources) each.join();
  queue.close();
  for (std::thread& each : sinks) each.join();
  ended = true;
  looker.join();

  CHECK(violations == 0);
  CHECK(counts_of(queue).acked == messages_in_all);
  std::size_t wrong = 0;
  for (const auto& each : acked) wrong += each != 1;
  CHECK(wrong == 0);
}

TEST_CASE("an acknowledgement counts at once, and its room is there at once", "[work_queue]") {
  for (const std::size_t capacity : {1U, 2U, 3U, 64U, 100U, 3000U}) {
    INFO("a capacity of " << capacity);
    kew::work_queue<int> queue({.capacity = capacity});
    const int most = static_cast<int>(capacity);
    for (int i = 0; i < most; ++i) REQUIRE(queue.try_publish(int{i}));
    for (int i = 0; i < 5 * most; ++i) {
      REQUIRE(queue.try_publish(int{i}) == kew::status::full);
      REQUIRE(received(queue, i < most ? i : i - most, 1).ack());
      if (i % 2 == 0 && capacity <= 100) CHECK(counts_of(queue).acked == static_cast<std::uint64_t>(i) + 1);
      REQUIRE(queue.try_publish(int{i}));
    }
  }
}

// ---- At random -----------------------------------------------------------------------------------------------------

namespace {

/// What became of each message, as its holders saw it.
struct fate {
  std::atomic<unsigned> attempts{0};
  std::atomic<unsigned> highest_attempt{0};
  std::atomic<unsigned> last_attempt{0};  // which was acknowledged or rejected
  std::atomic<unsigned> wishes{0};        // accepted requeues, which are no failures
  std::atomic<unsigned> failures{0};      // no verdict, or one that was refused
  std::atomic<unsigned> acked{0};
  std::atomic<unsigned> rejected{0};
  std::atomic<unsigned> dead{0};
};

constexpr unsigned most_attempts = 4;

}  // namespace

TEST_CASE("every message is acknowledged exactly once or dead exactly once, whatever its handlers do", "[work_queue]") {
  const watchdog guard("four producers and four consumers at random");
  const std::size_t messages_in_all = scaled(100'000);
  constexpr std::size_t sides = 4;
  kew::work_queue<std::size_t> queue(
      {.capacity = 256, .max_attempts = most_attempts, .visibility_timeout = std::chrono::milliseconds(3)});
  std::vector<fate> fates(messages_in_all);
  std::atomic<std::size_t> violations{0};
  std::atomic<std::size_t> published{0};
  std::atomic<bool> ended{false};

  const auto produce = [&](std::size_t side) {
    for (std::size_t i = side; i < messages_in_all; i += sides) published += static_cast<bool>(queue.publish(i));
  };
  const auto consume = [&](std::size_t side) {
    random_source random(run_seed() + 100 + side);
    std::vector<kew::delivery<std::size_t>> kept;  // held until the timeout has passed
    for (;;) {
      auto got = queue.try_receive_for(std::chrono::milliseconds(1));
      if (got.status() == status::closed) break;
      if (kept.size() > 8 || !got) kept.clear();
      if (!got) continue;
      fate& of = fates[**got];
      ++of.attempts;
      unsigned seen = of.highest_attempt.load();
      while (seen < got->attempt() && !of.highest_attempt.compare_exchange_weak(seen, got->attempt())) {
      }
      const unsigned attempt = got->attempt();
      const auto tell = [&of](bool accepted, std::atomic<unsigned>& as) { ++(accepted ? as : of.failures); };
      const auto tell_last = [&](bool accepted, std::atomic<unsigned>& as) {
        tell(accepted, as);
        if (accepted) of.last_attempt = attempt;
      };
      // Every third message makes trouble; its neighbours are healthy.
      switch (**got % 3 == 0 ? random.below(16) : 15) {
        case 0:
        case 1:
          try {
            const kew::delivery<std::size_t> held = *std::move(got);
            throw fault("a handler throws");
          } catch (const fault&) {
            ++of.failures;
          }
          break;
        case 2:
        case 3: tell(got->requeue(), of.wishes); break;
        case 4:
        case 5: tell(got->requeue(std::chrono::microseconds(random.below(2000))), of.wishes); break;
        case 6: tell_last(got->reject("at random"), of.rejected); break;
        case 7: {
          const bool in_time = got->extend(std::chrono::microseconds(random.below(10'000)));
          const bool acked = got->ack();
          violations += acked && !in_time;
          violations += got->ack() || got->requeue() || got->extend(std::chrono::seconds(1));
          tell_last(acked, of.acked);
          break;
        }
        case 8:
          if (random.one_in(8)) {  // the dear one: the queue has to wait for its timeout
            kept.push_back(*std::move(got));
            ++of.failures;
            break;
          }
          [[fallthrough]];
        default: tell_last(got->ack(), of.acked);
      }
    }
  };
  const auto bury = [&] {
    for (auto got = queue.dead_letters().receive(); got; got = queue.dead_letters().receive()) {
      const std::size_t message = **got;
      violations += got->reason() != "at random" && got->reason() != "failed 4 times";
      fates[message].dead += got->ack();
    }
  };
  std::size_t looks = 0;
  const auto look = [&] {
    while (!ended) {
      violations += !balanced(queue.counts());
      violations += !balanced(queue.dead_letters().counts());
      ++looks;
      std::this_thread::yield();
    }
  };

  std::vector<std::thread> producers;
  std::vector<std::thread> others;
  for (std::size_t i = 0; i < sides; ++i) {
    producers.emplace_back(produce, i);
    others.emplace_back(consume, i);
  }
  others.emplace_back(bury);
  std::thread looker(look);
  for (std::thread& each : producers) each.join();
  queue.close();
  for (std::thread& each : others) each.join();
  ended = true;
  looker.join();

  const kew::queue_counts counts = counts_of(queue);
  CHECK(published == messages_in_all);
  CHECK(counts.published == messages_in_all);
  CHECK(counts.ready + counts.delayed + counts.outstanding == 0);
  CHECK(counts_of(queue.dead_letters()).published == counts.dead);
  CHECK(counts_of(queue.dead_letters()).acked == counts.dead);
  CHECK(violations == 0);
  INFO(looks << " looks at the figures");
  CHECK(looks > 0);
  std::size_t acked = 0;
  std::size_t dead = 0;
  std::size_t wrong = 0;
  for (const fate& of : fates) {
    acked += of.acked;
    dead += of.dead;
    wrong += of.acked + of.dead != 1 || of.rejected > of.dead;
    wrong += of.attempts != of.highest_attempt;
    wrong += of.last_attempt != 0 && of.last_attempt != of.attempts;  // nothing was delivered after that
    wrong += of.attempts != of.wishes + of.failures + of.acked + of.rejected;
    // Dead by its own failures, and by as many as there may be; or by a rejection.
    wrong += of.dead > of.rejected ? of.failures != most_attempts : of.failures >= most_attempts;
  }
  CHECK(wrong == 0);
  CHECK(acked == counts.acked);
  CHECK(dead == counts.dead);
}

}  // namespace kew_test
