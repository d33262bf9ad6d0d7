// The ways to wait. What they may not change, the guarantees of a queue, is tested by running the blocking
// contract with each of them.
#include <kew/wait.hpp>

#include <ctime>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <thread>
#include <tuple>

#include <kew/blocking_queue.hpp>
#include <kew/spsc_ring.hpp>

#include "contract/blocking.hpp"

namespace kew_test {
namespace {

static_assert(kew::wait_policy<kew::spin_wait> && kew::wait_policy<kew::yield_wait>);
static_assert(kew::wait_policy<kew::park_wait> && kew::wait_policy<kew::adaptive_wait>);
static_assert(!kew::wait_policy<int>);

/// Somebody's own: polls three times, and counts.
struct counting_wait {
  static constexpr bool parks = true;
  bool poll_again() noexcept {
    ++polls;
    return ++mine < 3;
  }
  int mine = 0;
  static inline std::atomic<int> polls{0};
};

template <class Ring, class Wait>
using queue = whole<kew::blocking_queue<typename Ring::value_type, Ring, Wait>>;

using policies =
    std::tuple<queue<kew::mpmc_ring<int>, kew::spin_wait>, queue<kew::mpmc_ring<int>, kew::yield_wait>,
               queue<kew::mpmc_ring<int>, kew::park_wait>, queue<kew::mpmc_ring<int>, counting_wait>,
               queue<kew::spsc_ring<std::string>, kew::spin_wait>, queue<kew::spsc_ring<std::string>, kew::yield_wait>,
               queue<kew::spsc_ring<std::string>, kew::park_wait>>;

}  // namespace

TEMPLATE_LIST_TEST_CASE("the choice of how to wait does not change what a queue guarantees", "[wait]", policies) {
  blocking_contract<TestType>();
}

TEST_CASE("spin_wait and yield_wait always poll again, park_wait never does", "[wait]") {
  for (int i = 0; i < 1000; ++i) {
    kew::spin_wait spins;
    kew::yield_wait yields;
    kew::park_wait parks;
    CHECK(spins.poll_again());
    CHECK(yields.poll_again());
    CHECK_FALSE(parks.poll_again());
  }
  static_assert(!kew::spin_wait::parks && !kew::yield_wait::parks);
  static_assert(kew::park_wait::parks && kew::adaptive_wait::parks);
}

TEST_CASE("adaptive_wait polls a bounded number of times, and then parks", "[wait]") {
  kew::adaptive_wait policy;
  int polls = 0;
  while (policy.poll_again() && polls < 1'000'000) ++polls;
  CHECK(polls > 0);
  CHECK(polls < 100'000);
  CHECK_FALSE(policy.poll_again());
}

TEST_CASE("a policy of one's own is asked", "[wait]") {
  const watchdog guard("a wait by one's own policy");
  counting_wait::polls = 0;
  kew::blocking_queue<int, kew::mpmc_ring<int>, counting_wait> own(1);
  const auto nothing = own.try_pop_for(std::chrono::milliseconds(2));
  CHECK(nothing.status() == status::empty);
  CHECK(counting_wait::polls > 0);
}

#if defined(__linux__)
// Shown and not asserted: what a processor is busy with is not for a test to say.
TEST_CASE("a parked thread costs no processor time", "[wait]") {
  const watchdog guard("a parked thread");
  const auto parked = [](auto& own, const char* name) {
    double cpu = 0;
    std::thread sleeper([&] {
      timespec before{};
      timespec after{};
      clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
      static_cast<void>(own.try_pop_for(std::chrono::milliseconds(scaled(200))).has_value());
      clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
      cpu = static_cast<double>(after.tv_sec - before.tv_sec) * 1e3 +
            static_cast<double>(after.tv_nsec - before.tv_nsec) / 1e6;
    });
    sleeper.join();
    std::printf("%s: a consumer that waited %zu ms used %.3f ms of processor time\n", name, scaled(200), cpu);
  };
  kew::blocking_queue<int, kew::mpmc_ring<int>, kew::park_wait> parking(1);
  parked(parking, "park_wait");
  kew::blocking_queue<int, kew::mpmc_ring<int>, kew::adaptive_wait> adaptive(1);
  parked(adaptive, "adaptive_wait");
}
#endif

}  // namespace kew_test
