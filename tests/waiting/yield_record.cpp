// What is remembered of wake-ups in vain and of the yields that followed.
#include <kew/detail/wait/yield_record.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "support/catch.hpp"

namespace kew_test {
namespace {

using std::chrono::nanoseconds;
namespace tuning = kew::detail::tuning;

/// How many wake-ups in vain it takes until a thread yields.
std::uint32_t until_it_yields(kew::detail::yield_record& record) {
  std::uint32_t count = 1;
  while (!record.woken_in_vain()) ++count;
  return count;
}

const nanoseconds longest{tuning::long_yield};
nanoseconds worth(std::size_t elements) { return elements * nanoseconds(tuning::element_is_worth); }

}  // namespace

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
