// blocking_queue beyond the contract: its type, rings of fixed capacity and of one's own, and many threads that
// wait at once.
#include <kew/blocking_queue.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <deque>
#include <iterator>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include <kew/mpmc_ring.hpp>
#include <kew/mpsc_ring.hpp>
#include <kew/spmc_ring.hpp>
#include <kew/spsc_ring.hpp>

#include "contract/blocking.hpp"
#include "contract/ring.hpp"
#include "rings/ring_suite.hpp"

namespace kew_test {
namespace {

using namespace std::chrono_literals;

static_assert(cannot_be_copied_or_moved<kew::blocking_queue<int>>);
static_assert(!std::is_default_constructible_v<kew::blocking_queue<int>>);
static_assert(std::is_default_constructible_v<kew::blocking_queue<int, kew::spsc_ring<int, 4>>>);
static_assert(!std::is_convertible_v<std::size_t, kew::blocking_queue<int>>, "a number is not a queue");
static_assert(
    std::is_same_v<kew::blocking_queue<int>, kew::blocking_queue<int, kew::mpmc_ring<int>, kew::adaptive_wait>>);

/// A ring of one's own: no batches, no closing, nothing in place.
template <class T>
class locked_ring {
 public:
  using value_type = T;
  static constexpr kew::cardinality producers = kew::cardinality::many;
  static constexpr kew::cardinality consumers = kew::cardinality::many;

  explicit locked_ring(std::size_t capacity) : capacity_(capacity) {}

  status try_push(T&& value) {
    const std::lock_guard lock(mutex_);
    if (elements_.size() == capacity_) return status::full;
    elements_.push_back(std::move(value));
    return status::success;
  }
  kew::result<T> try_pop() {
    const std::lock_guard lock(mutex_);
    if (elements_.empty()) return status::empty;
    kew::result<T> popped(std::move(elements_.front()));
    elements_.pop_front();
    return popped;
  }
  std::size_t capacity() const noexcept { return capacity_; }
  std::size_t size_approx() const noexcept {
    const std::lock_guard lock(mutex_);
    return elements_.size();
  }

 private:
  mutable std::mutex mutex_;
  std::deque<T> elements_;
  std::size_t capacity_;
};
static_assert(kew::ring<locked_ring<int>>);

template <class T, std::size_t Capacity, template <class, std::size_t, class> class Ring>
using over_fixed = whole<kew::blocking_queue<T, Ring<T, Capacity, std::allocator<T>>>, Capacity>;
using fixed = std::tuple<over_fixed<int, 1, kew::spsc_ring>, over_fixed<int, 3, kew::mpsc_ring>,
                         over_fixed<std::string, 2, kew::spmc_ring>, over_fixed<throwing, 3, kew::mpmc_ring>>;

/// Producers and consumers that wait for each other all the time, in every way, until all has gone through.
template <class Queue>
void everything_gets_through(Queue& queue, std::size_t producers, std::size_t consumers, std::size_t each) {
  const watchdog guard("everything gets through");
  std::vector<std::atomic<int>> seen(producers * each);
  std::atomic<std::size_t> alive{producers};
  std::atomic<int> disorder{0};
  std::vector<std::thread> threads;
  for (std::size_t producer = 0; producer < producers; ++producer)
    threads.emplace_back([&, producer] {
      random_source random(run_seed() + producer);
      for (std::size_t i = 0; i < each;) {
        const int id = static_cast<int>(producer * each + i);
        switch (random.below(4)) {
          case 0: i += queue.try_push_for(id, std::chrono::microseconds(random.below(30))) ? 1 : 0; break;
          case 1: {
            const int batch[] = {id, id + 1, id + 2};
            i += queue.push_n(batch, std::min<std::size_t>(3, each - i));
            break;
          }
          case 2: i += queue.try_push(id) ? 1 : 0; break;
          default: i += queue.push(id) ? 1 : 0;
        }
      }
      if (--alive == 0) queue.close();
    });
  for (std::size_t consumer = 0; consumer < consumers; ++consumer)
    threads.emplace_back([&, consumer] {
      random_source random(run_seed() + 100 + consumer);
      std::vector<int> last(producers, -1);
      const auto take = [&](int id) {
        const std::size_t producer = static_cast<std::size_t>(id) / each;
        if (id <= last[producer]) ++disorder;
        last[producer] = id;
        ++seen[static_cast<std::size_t>(id)];
      };
      const auto got = [&](const kew::result<int>& element) {
        if (element) take(*element);
        return element.status();
      };
      for (;;) {
        status answer = status::success;
        switch (random.below(4)) {
          case 0: answer = got(queue.try_pop_for(std::chrono::microseconds(random.below(30)))); break;
          case 1: {
            int batch[3];
            const std::size_t n = queue.pop_n(batch, 3);
            for (std::size_t i = 0; i < n; ++i) take(batch[i]);
            if (n == 0) answer = status::closed;
            break;
          }
          case 2: answer = got(queue.try_pop()); break;
          default: answer = got(queue.pop());
        }
        if (answer == status::closed) break;
      }
    });
  for (std::thread& thread : threads) thread.join();
  std::size_t wrong = 0;
  for (const auto& count : seen) wrong += count == 1 ? 0 : 1;
  CHECK(wrong == 0);
  CHECK(disorder == 0);
}

}  // namespace

TEMPLATE_LIST_TEST_CASE("blocking_queue over a ring of fixed capacity keeps both contracts", "[blocking_queue]",
                        fixed) {
  ring_contract<TestType>();
  blocking_contract<TestType>();
}

TEST_CASE("blocking_queue passes what follows the capacity on to its ring", "[blocking_queue]") {
  const std::allocator<int> allocator;
  kew::blocking_queue<int, kew::spsc_ring<int>> queue(3, allocator);
  CHECK(queue.capacity() == 3);
}

TEST_CASE("a ring of one's own, with no more than a ring needs, can be waited on and closed", "[blocking_queue]") {
  const watchdog guard("a ring of one's own");
  kew::blocking_queue<std::string, locked_ring<std::string>> queue(2);
  CHECK(queue.try_push("one") == status::success);
  CHECK(queue.push("two") == status::success);
  CHECK(queue.try_push("three") == status::full);
  CHECK(queue.try_push_for("three", 1ms) == status::full);
  CHECK(queue.size_approx() == 2);
  std::size_t pushed = 0;
  std::thread other([&] {
    for (int i = 0; i < 1000; ++i) static_cast<void>(queue.push(std::to_string(i)));
    const std::vector<std::string> batch{"a", "b", "c"};
    pushed = queue.push_n(batch.begin(), batch.size());
    queue.close();
  });
  CHECK(*queue.pop() == "one");
  CHECK(*queue.pop() == "two");
  for (int i = 0; i < 1000; ++i) REQUIRE(*queue.pop() == std::to_string(i));
  std::vector<std::string> rest;
  while (queue.pop_n(std::back_inserter(rest), 2) > 0) {
  }
  CHECK(rest == std::vector<std::string>{"a", "b", "c"});
  CHECK(queue.pop().status() == status::closed);
  CHECK(queue.try_pop().status() == status::closed);
  CHECK(queue.push("late") == status::closed);
  other.join();
  CHECK(pushed == 3);
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

TEST_CASE("a timed call that runs out answers what its last look found: busy where nothing was a fact",
          "[blocking_queue]") {
  kew::blocking_queue<int, busy_ring> queue(1);
  for (const auto limit : {-1ms, 0ms, 1ms}) {
    CHECK((queue.try_pop_for(limit).status() == status::busy));
    CHECK((queue.try_push_for(1, limit) == status::busy));
  }
  kew::blocking_queue<int> other(1);
  CHECK((other.try_pop_for(1ms).status() == status::empty));
  CHECK((other.push(1) == status::success));
  CHECK((other.try_push_for(2, 1ms) == status::full));
}

TEST_CASE("emplace builds in place, for a time and until a stop too", "[blocking_queue]") {
  kew::blocking_queue<std::string, kew::mpsc_ring<std::string>> queue(2);
  std::stop_source source;
  CHECK((queue.try_emplace_for(1ms, 3, 'a') == status::success));
  CHECK((queue.emplace(source.get_token(), 2, 'b') == status::success));
  CHECK((queue.try_emplace_for(1ms, 1, 'c') == status::full));
  CHECK((queue.try_emplace_until(std::chrono::steady_clock::now(), 1, 'c') == status::full));
  source.request_stop();
  CHECK((queue.emplace(source.get_token(), 1, 'c') == status::stopped));
  CHECK(*queue.pop() == "aaa");
  CHECK(*queue.pop() == "bb");
}

TEST_CASE("a call with a time and a token ends with the first of the two", "[blocking_queue]") {
  kew::blocking_queue<int> queue(1);
  std::stop_source source;
  const int one = 1;
  CHECK((queue.try_pop_for(1ms, source.get_token()).status() == status::empty));
  CHECK((queue.try_push_for(one, 1h, source.get_token()) == status::success));
  CHECK((queue.try_push_for(2, 1ms, source.get_token()) == status::full));
  CHECK((queue.try_push_until(2, std::chrono::steady_clock::now(), source.get_token()) == status::full));
  const watchdog guard("a stop ends a timed call");
  std::thread stopper([&] { source.request_stop(); });
  CHECK((queue.try_push_for(2, 1h, source.get_token()) == status::stopped));
  stopper.join();
  CHECK((queue.try_push_until(one, std::chrono::system_clock::now() + 1h, source.get_token()) == status::stopped));
  // What is there at once is not refused for a stop.
  CHECK(*queue.try_pop_for(1h, source.get_token()) == 1);
  CHECK((queue.try_pop_until(std::chrono::steady_clock::now() + 1h, source.get_token()).status() == status::stopped));
}

TEST_CASE("close wakes every waiter", "[blocking_queue]") {
  const watchdog guard("close wakes every waiter");
  for (int round = 0; round < 50; ++round) {
    kew::blocking_queue<int, kew::mpmc_ring<int>, kew::park_wait> empty(2);
    kew::blocking_queue<int, kew::mpmc_ring<int>, kew::park_wait> full(1);
    static_cast<void>(full.push(0));
    std::atomic<int> closed{0};
    const std::stop_source source;
    std::vector<std::jthread> threads;
    const auto waiter = [&](auto call) {
      threads.push_back(begun([&closed, call] { closed += call() == status::closed ? 1 : 0; }));
    };
    waiter([&] { return empty.pop().status(); });
    waiter([&] { return empty.pop(source.get_token()).status(); });
    waiter([&] { return empty.try_pop_for(24h).status(); });
    waiter([&] { return full.push(1); });
    waiter([&] { return full.push(1, source.get_token()); });
    waiter([&] { return full.try_push_for(1, 24h); });
    for (int turns = round; turns > 0; --turns) std::this_thread::yield();
    empty.close();
    full.close();
    threads.clear();
    CHECK(closed == 6);
  }
}

TEST_CASE("a batch wakes as many waiters as it brings something for", "[blocking_queue]") {
  const watchdog guard("a batch that wakes several");
  constexpr int waiters = 3;
  for (int round = 0; round < 50; ++round) {
    kew::blocking_queue<int, kew::mpmc_ring<int>, kew::park_wait> queue(waiters);
    std::atomic<int> sum{0};
    std::vector<std::jthread> threads;
    // Nothing but the batch ends the waits: no other push or pop, and no close.
    const auto all_wait = [&](auto call) {
      for (int i = 0; i < waiters; ++i) threads.push_back(begun(call));
      for (int turns = 4 * round; turns > 0; --turns) std::this_thread::yield();
    };
    all_wait([&] { sum += queue.pop().value_or(0); });
    int batch[waiters] = {1, 2, 3};
    std::size_t done = 0;
    while (done < waiters) done += queue.try_push_n(batch + done, waiters - done);
    threads.clear();
    CHECK(sum == 6);

    static_cast<void>(queue.push_n(batch, waiters));
    all_wait([&] { sum += queue.push(4) ? 4 : 0; });
    done = 0;
    while (done < waiters) done += queue.try_pop_n(batch + done, waiters - done);
    threads.clear();
    CHECK(sum == 18);
  }
}

using queues_for_batches = std::tuple<kew::blocking_queue<int>, kew::blocking_queue<int, kew::spsc_ring<int>>,
                                      kew::blocking_queue<int, kew::mpmc_ring<int>, kew::spin_wait>,
                                      kew::blocking_queue<int, kew::mpmc_ring<int>, kew::yield_wait>,
                                      kew::blocking_queue<int, kew::spsc_ring<int>, kew::park_wait>>;

TEMPLATE_LIST_TEST_CASE("a push and a batch that find the queue full go on with each element that comes out",
                        "[blocking_queue]", queues_for_batches) {
  const watchdog guard("a push that waits for room");
  constexpr int capacity = 64, rest = 5;
  for (const bool one_by_one : {false, true}) {
    TestType queue(capacity);
    for (int i = 0; i < capacity; ++i) REQUIRE(queue.try_push(i) == status::success);
    std::vector<int> batch;
    for (int i = 0; i < rest; ++i) batch.push_back(capacity + i);
    std::size_t pushed = 0;
    std::thread other([&] {
      if (one_by_one)
        for (const int each : batch) pushed += queue.push(each) ? 1 : 0;
      else
        pushed = queue.push_n(batch.begin(), batch.size());
    });
    // No more than one comes out before the next is in, however much room the producer would like.
    for (int i = 0; i < rest; ++i) {
      CHECK(queue.pop().value() == i);
      while (queue.size_approx() < capacity) std::this_thread::yield();
    }
    other.join();
    CHECK(pushed == rest);
    for (int i = rest; i < capacity + rest; ++i) CHECK(queue.try_pop().value() == i);
  }
}

TEMPLATE_LIST_TEST_CASE("batches into a full queue stay whole and in order", "[blocking_queue]", queues_for_batches) {
  const watchdog guard("batches into a full queue");
  constexpr int batches = 50, each = 100;
  TestType queue(64);
  std::atomic<std::size_t> pushed{0};
  std::thread other([&] {
    for (int i = 0; i < batches; ++i) {
      std::vector<int> batch;
      for (int k = 0; k < each; ++k) batch.push_back(i * each + k);
      pushed += queue.push_n(batch.begin(), batch.size());
    }
    queue.close();
  });
  int next = 0;
  for (; const kew::result<int> element = queue.pop(); ++next) REQUIRE(*element == next);
  other.join();
  CHECK(next == batches * each);
  CHECK(pushed == batches * each);
}

TEST_CASE("a stop ends the wait of its own call only", "[blocking_queue]") {
  const watchdog guard("a stop among other waiters");
  for (int round = 0; round < 50; ++round) {
    kew::blocking_queue<int, kew::mpmc_ring<int>, kew::park_wait> queue(2);
    std::stop_source first;
    std::stop_source second;
    status of_first = status::success;
    int got = 0;
    std::thread one([&] { of_first = queue.pop(first.get_token()).status(); });
    std::thread other([&] {
      if (const auto element = queue.pop(second.get_token())) got = *element;
    });
    for (int turns = round; turns > 0; --turns) std::this_thread::yield();
    first.request_stop();
    one.join();
    CHECK(of_first == status::stopped);
    static_cast<void>(queue.push(5));
    other.join();
    CHECK(got == 5);
  }
}

TEST_CASE("a stop or a timeout that races a push swallows neither the element nor its wake-up", "[blocking_queue]") {
  const watchdog guard("stops and timeouts that race pushes");
  kew::blocking_queue<int, kew::mpmc_ring<int>, kew::park_wait> queue(2);
  const int elements = static_cast<int>(scaled(5'000));
  std::atomic<bool> done{false};
  std::atomic<long> sum{0};
  std::thread waiting([&] {
    while (const auto element = queue.pop()) sum += *element;
  });
  std::thread timed([&] {
    random_source random(run_seed());
    while (!done) {
      const auto element = queue.try_pop_for(std::chrono::microseconds(random.below(100)));
      if (element) sum += *element;
    }
  });
  std::thread stopping([&] {
    while (!done) {
      std::jthread stopped([&](const std::stop_token& stop) {
        if (const auto element = queue.pop(stop)) sum += *element;
      });
    }
  });
  for (int i = 1; i <= elements; ++i) static_cast<void>(queue.push(i));
  done = true;
  queue.close();
  for (std::thread* const thread : {&waiting, &timed, &stopping}) thread->join();
  CHECK(sum == static_cast<long>(elements) * (elements + 1) / 2);
}

TEST_CASE("no call waits for ever that a push, a pop or a close could have ended", "[blocking_queue][stress]") {
  const std::size_t each = scaled(10'000);
  for (const std::size_t capacity : sizes{1, 2, 5}) {
    kew::blocking_queue<int, kew::mpmc_ring<int>, kew::park_wait> parking(capacity);
    everything_gets_through(parking, 3, 3, each / 4);
    kew::blocking_queue<int, kew::mpmc_ring<int>> adaptive(capacity);
    everything_gets_through(adaptive, 2, 2, each);
    kew::blocking_queue<int, kew::mpmc_ring<int>, kew::yield_wait> yielding(capacity);
    everything_gets_through(yielding, 2, 2, each);
    kew::blocking_queue<int, kew::spsc_ring<int>, kew::park_wait> single(capacity);
    everything_gets_through(single, 1, 1, each);
    kew::blocking_queue<int, kew::mpsc_ring<int>, kew::park_wait> many_in(capacity);
    everything_gets_through(many_in, 3, 1, each / 4);
    kew::blocking_queue<int, kew::spmc_ring<int>, kew::park_wait> many_out(capacity);
    everything_gets_through(many_out, 1, 3, each / 4);
  }
}

}  // namespace kew_test
