// What a thread does that was woken in vain: it yields where that pays, and sleeps where not.
#include <kew/detail/wait/yield_record.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>

#include <sched.h>

#include <kew/blocking_queue.hpp>
#include <kew/metered_ring.hpp>
#include <kew/mpmc_ring.hpp>
#include <kew/mpsc_ring.hpp>
#include <kew/spmc_ring.hpp>
#include <kew/spsc_ring.hpp>

#include "support/catch.hpp"
#include "support/environment.hpp"

namespace {
int yields = 0;
std::chrono::nanoseconds a_yield_takes{0};
}  // namespace

// In the place of the C library's.
extern "C" int sched_yield() noexcept {
  using std::chrono::steady_clock;
  ++yields;
  const auto start = steady_clock::now();
  while (steady_clock::now() - start < a_yield_takes) {
  }
  return 0;
}

namespace kew_test {
namespace {

using std::chrono::nanoseconds;
namespace tuning = kew::detail::tuning;

/// Is empty until it has been looked into so often, and each look wakes the thread that is about to sleep: in vain.
struct ring_of_rumours {
  using value_type = int;
  explicit ring_of_rumours(std::size_t) {}

  static kew::status try_push(int&&) noexcept { return kew::status::full; }
  kew::result<int> try_pop() noexcept {
    if (--looks_left == 0) return 1;
    place->notify();
    return kew::status::empty;
  }
  static std::size_t capacity() noexcept { return 1; }
  static std::size_t size_approx() noexcept { return 0; }
  static std::size_t popped_approx() noexcept { return popped += elements_between_looks; }

  static inline int looks_left = 0;
  static inline kew::detail::wait_point* place = nullptr;
  static inline std::size_t popped = 0;
  static inline std::size_t elements_between_looks = 0;
};
static_assert(kew::ring<ring_of_rumours> && kew::counts_pops<ring_of_rumours>);

// Through whatever a queue puts around a ring.
template <class Ring>
constexpr bool counts_pops_in_a_queue = kew::counts_pops<kew::detail::sealable<kew::uncounted<Ring>>>;
static_assert(counts_pops_in_a_queue<kew::mpmc_ring<int>> && counts_pops_in_a_queue<kew::mpsc_ring<int>>);
static_assert(counts_pops_in_a_queue<kew::spmc_ring<int>> &&
              counts_pops_in_a_queue<kew::metered_ring<kew::mpmc_ring<int>>>);
static_assert(counts_pops_in_a_queue<kew::metered_ring<kew::spmc_ring<int>>>);
static_assert(!counts_pops_in_a_queue<kew::spsc_ring<int>>);

/// How often a thread yields until it finds something, woken in vain so often.
class waits_in_vain {
 public:
  waits_in_vain(std::size_t elements_between_looks, nanoseconds a_yield) {
    ring_of_rumours::place = &kew::detail::core_access::of(queue_)->items();
    ring_of_rumours::elements_between_looks = elements_between_looks;
    a_yield_takes = a_yield;
  }
  ~waits_in_vain() { a_yield_takes = nanoseconds(0); }
  waits_in_vain(const waits_in_vain&) = delete;
  waits_in_vain& operator=(const waits_in_vain&) = delete;

  /// Two looks each time: before it sleeps and when it was woken. One more after each yield, and two in the beginning.
  int yields_of(int times_in_vain, int at_most) {
    yields = 0;
    ring_of_rumours::looks_left = 2 + 2 * times_in_vain + at_most + 1;
    CHECK(queue_.pop());
    return yields;
  }

 private:
  kew::blocking_queue<int, ring_of_rumours, kew::park_wait> queue_{1};
};

/// How many wake-ups in vain it takes until a thread yields.
std::uint32_t until_it_yields(kew::detail::yield_record& record) {
  std::uint32_t count = 1;
  while (!record.woken_in_vain()) ++count;
  return count;
}

const nanoseconds longest{tuning::long_yield};
nanoseconds worth(std::size_t elements) { return elements * nanoseconds(tuning::element_is_worth); }

}  // namespace

TEST_CASE("a thread that is woken in vain yields a few times before it sleeps again, where a stream goes on",
          "[yields]") {
  const watchdog guard("a pop that is woken in vain");
  waits_in_vain thread(1'000'000, nanoseconds(0));
  constexpr int before = static_cast<int>(tuning::wake_ups_in_vain);
  constexpr int each = static_cast<int>(tuning::yields_before_sleep);
  CHECK(thread.yields_of(before - 1, 0) == 0);
  CHECK(thread.yields_of(1, each) == each);
  CHECK(thread.yields_of(10, 10 * each) == 10 * each);
}

TEST_CASE("a thread that is woken in vain sleeps after the first yield that took long and brought nothing",
          "[yields]") {
  const watchdog guard("a pop that is woken in vain");
  waits_in_vain thread(0, nanoseconds(2 * tuning::long_yield));
  constexpr int before = static_cast<int>(tuning::wake_ups_in_vain);
  CHECK(thread.yields_of(before, 1) == 1);
  CHECK(thread.yields_of(2 * before - 1, 0) == 0);
  CHECK(thread.yields_of(1, 1) == 1);
}

TEST_CASE("a thread yields only after many wake-ups in vain, and then after each", "[yields]") {
  kew::detail::yield_record record;
  CHECK(until_it_yields(record) == tuning::wake_ups_in_vain);
  for (int i = 0; i < 1000; ++i) CHECK(record.woken_in_vain());
}

TEST_CASE("a yield is bad where it took long and few elements came out meanwhile", "[yields]") {
  for (const std::size_t elements : {0U, 1U, 1000U}) {
    kew::detail::yield_record record;
    until_it_yields(record);
    CHECK(record.judge(nanoseconds(0), elements));
    CHECK(record.judge(worth(elements), elements));
    CHECK(record.judge(worth(elements) + longest, elements));
    CHECK(record.woken_in_vain());
    CHECK_FALSE(record.judge(worth(elements) + longest + nanoseconds(1), elements));
    CHECK_FALSE(record.woken_in_vain());
  }
}

TEST_CASE("after each bad yield it takes twice as many wake-ups until the next, up to a bound", "[yields]") {
  kew::detail::yield_record record;
  std::uint32_t count = tuning::wake_ups_in_vain;
  for (int bad = 0; bad < 2 * tuning::most_failures; ++bad) {
    CHECK(until_it_yields(record) == count);
    CHECK_FALSE(record.judge(std::chrono::seconds(1), 0));
    if (bad < tuning::most_failures) count *= 2;
  }
  CHECK(until_it_yields(record) == tuning::wake_ups_in_vain << tuning::most_failures);
}

TEST_CASE("what was neither good nor bad changes nothing, a good yield makes up for all bad ones", "[yields]") {
  kew::detail::yield_record record;
  for (int i = 0; i < 3; ++i) {
    until_it_yields(record);
    record.judge(std::chrono::seconds(1), 0);
  }
  until_it_yields(record);
  SECTION("neither") {
    CHECK(record.judge(worth(5) + longest, 5));
    CHECK_FALSE(record.judge(std::chrono::seconds(1), 0));
    CHECK(until_it_yields(record) == tuning::wake_ups_in_vain << 4U);
  }
  SECTION("good") {
    CHECK(record.judge(worth(5), 5));
    CHECK_FALSE(record.judge(std::chrono::seconds(1), 0));
    CHECK(until_it_yields(record) == tuning::wake_ups_in_vain << 1U);
  }
}

}  // namespace kew_test
