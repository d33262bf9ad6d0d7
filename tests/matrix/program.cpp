// What a cell of the matrix runs: all of kew once, without exceptions, run-time types, a test framework or anything
// else that one of the compilers, libraries and systems lacks. Says on one line what it was built with.
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <kew/kew.hpp>

namespace {

using namespace std::chrono_literals;

void require(bool condition, int line) {
  if (condition) return;
  std::fprintf(stderr, "program.cpp:%d: not so\n", line);
  std::abort();
}
#define KEW_REQUIRE(...) require((__VA_ARGS__), __LINE__)

#if defined(KEW_FUTEX_LINUX)
constexpr const char* sleeps_by = "futex";
#elif defined(KEW_FUTEX_WINDOWS)
constexpr const char* sleeps_by = "WaitOnAddress";
#elif defined(KEW_FUTEX_APPLE)
constexpr const char* sleeps_by = "os_sync_wait_on_address";
#else
constexpr const char* sleeps_by = "condition variable";
#endif

// Longer than any of these waits lasts, even where the machine is emulated and busy.
constexpr auto long_enough = 120s;

template <class Ring>
void use(Ring& ring) {
  for (int round = 0; round < 3; ++round) {
    int next = 0;
    while (ring.try_push(std::to_string(next))) ++next;
    KEW_REQUIRE(static_cast<std::size_t>(next) == ring.capacity());
    KEW_REQUIRE(ring.try_emplace(3U, 'x') == kew::status::full);
    KEW_REQUIRE(ring.size_approx() == ring.capacity());
    std::string out;
    KEW_REQUIRE(ring.try_pop(out) == kew::status::success && out == "0");
    for (int i = 1; i < next; ++i) {
      const kew::result<std::string> popped = ring.try_pop();
      KEW_REQUIRE(popped && *popped == std::to_string(i));
    }
    KEW_REQUIRE(ring.try_pop().status() == kew::status::empty);
    const std::vector<std::string> batch{"a", "b"};
    KEW_REQUIRE(ring.try_push_n(batch.begin(), batch.size()) == 2);
    KEW_REQUIRE(ring.try_consume([](const std::string& front) { KEW_REQUIRE(front == "a"); }) == kew::status::success);
    std::vector<std::string> taken;
    KEW_REQUIRE(ring.try_pop_n(std::back_inserter(taken), 5) == 1 && taken.front() == "b");
  }
}

/// Every number that `producers` threads push through `queue` comes out at one of `consumers`, and then it is closed.
template <class Queue>
void hand_over(Queue& queue, unsigned producers, unsigned consumers) {
  constexpr std::uint64_t each = 20'000;
  std::atomic<std::uint64_t> sum{0};
  std::vector<std::thread> pushing;
  std::vector<std::thread> popping;
  for (unsigned i = 0; i < producers; ++i)
    pushing.emplace_back([&queue] {
      for (std::uint64_t n = 1; n <= each; ++n) KEW_REQUIRE(queue.push(n) == kew::status::success);
    });
  for (unsigned i = 0; i < consumers; ++i)
    popping.emplace_back([&queue, &sum] {
      std::uint64_t own = 0;
      while (auto popped = queue.pop()) own += *popped;
      sum += own;
    });
  for (std::thread& thread : pushing) thread.join();
  queue.close();
  for (std::thread& thread : popping) thread.join();
  KEW_REQUIRE(sum == producers * (each * (each + 1) / 2));
}

template <class Ring, class Wait>
void block(unsigned producers, unsigned consumers) {
  kew::blocking_queue<std::uint64_t, Ring, Wait> queue(5);
  hand_over(queue, producers, consumers);
}

/// Timed waits last as long as they should, and sleepers are woken by what they wait for.
void sleep_and_wake() {
  kew::blocking_queue<std::unique_ptr<int>, kew::mpmc_ring<std::unique_ptr<int>>, kew::park_wait> queue(1);
  const auto start = std::chrono::steady_clock::now();
  KEW_REQUIRE(queue.try_pop_for(30ms).status() == kew::status::empty);
  KEW_REQUIRE(queue.try_pop_for(0ms).status() == kew::status::empty);
  KEW_REQUIRE(queue.try_pop_for(-1h).status() == kew::status::empty);
  KEW_REQUIRE(std::chrono::steady_clock::now() - start >= 30ms);

  for (const auto limit :
       {std::chrono::steady_clock::duration(long_enough), std::chrono::steady_clock::duration::max()}) {
    std::thread popper([&] {
      const auto popped = queue.try_pop_for(limit);
      KEW_REQUIRE(popped && **popped == 7);
    });
    std::this_thread::sleep_for(20ms);
    KEW_REQUIRE(queue.push(std::make_unique<int>(7)) == kew::status::success);
    popper.join();
  }

  auto kept = std::make_unique<int>(1);
  KEW_REQUIRE(queue.push(std::make_unique<int>(0)) == kew::status::success);
  KEW_REQUIRE(queue.try_push_for(std::move(kept), 5ms) == kew::status::full);
  KEW_REQUIRE(kept != nullptr);
  std::thread pusher([&] { KEW_REQUIRE(queue.push(std::make_unique<int>(2)) == kew::status::closed); });
  std::this_thread::sleep_for(20ms);
  queue.close();
  pusher.join();
  KEW_REQUIRE(queue.pop().has_value());
  KEW_REQUIRE(queue.pop().status() == kew::status::closed);
}

#if defined(__cpp_lib_jthread)
void stop() {
  kew::blocking_queue<int> queue(1);
  std::stop_source source;
  std::thread popper([&] { KEW_REQUIRE(queue.pop(source.get_token()).status() == kew::status::stopped); });
  std::this_thread::sleep_for(20ms);
  source.request_stop();
  popper.join();
}
#endif

template <class Channel>
void converse(Channel channel) {
  auto& [tx, rx] = channel;
  std::thread sender([queue = std::move(tx)]() mutable {
    for (int i = 0; i < 1000; ++i) KEW_REQUIRE(queue.push(std::to_string(i)) == kew::status::success);
  });
  int next = 0;
  for (const std::string& message : rx) KEW_REQUIRE(message == std::to_string(next++));
  sender.join();
  KEW_REQUIRE(next == 1000);
}

void rings() {
  kew::spsc_ring<std::string> spsc(5);
  kew::mpsc_ring<std::string> mpsc(5);
  kew::spmc_ring<std::string> spmc(5);
  kew::mpmc_ring<std::string> mpmc(5);
  kew::mpmc_ring<std::string, 3> fixed;
  kew::metered_ring<std::string, kew::mpmc_ring> metered(5);
  use(spsc);
  use(mpsc);
  use(spmc);
  use(mpmc);
  use(fixed);
  use(metered);
  KEW_REQUIRE(!to_string(metered.metrics()).empty());

  kew::spsc_ring<int> numbers(4);
  auto claimed = numbers.try_claim(3);
  for (int& number : claimed.first()) number = 9;
  claimed.commit(claimed.first().size());
  KEW_REQUIRE(numbers.size_approx() == 3);
}

}  // namespace

int main() {
  rings();
  block<kew::spsc_ring<std::uint64_t>, kew::adaptive_wait>(1, 1);
  block<kew::mpsc_ring<std::uint64_t>, kew::park_wait>(2, 1);
  block<kew::spmc_ring<std::uint64_t>, kew::park_wait>(1, 2);
  block<kew::mpmc_ring<std::uint64_t>, kew::park_wait>(2, 2);
  block<kew::mpmc_ring<std::uint64_t>, kew::yield_wait>(2, 2);
  sleep_and_wake();
#if defined(__cpp_lib_jthread)
  stop();
#endif
  converse(kew::make_channel<std::string>(3));
  converse(kew::make_spsc_channel<std::string>(3));
  converse(kew::make_mpsc_channel<std::string>(3));
  converse(kew::make_spmc_channel<std::string>(3));
  std::printf("%zu bits, %s, cache line %zu, %s\n", sizeof(void*) * 8, sleeps_by, kew::detail::cache_line,
#if defined(__cpp_lib_jthread)
              "stop_token"
#else
              "no stop_token"
#endif
  );
}
