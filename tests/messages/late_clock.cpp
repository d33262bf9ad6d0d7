// The clock that is cheap and late: never before the true one, and never later than it says.
#include <kew/detail/message/late_clock.hpp>

#include <algorithm>
#include <chrono>

#include "contract/subjects.hpp"

namespace kew_test {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

TEST_CASE("a late clock is never before the true one, and later by at most 1/128 of the timeout and 250 ms",
          "[late_clock]") {
  for (const std::chrono::nanoseconds timeout :
       {std::chrono::nanoseconds(1), std::chrono::nanoseconds(5ms), std::chrono::nanoseconds(30s),
        std::chrono::nanoseconds(1h), std::chrono::nanoseconds::max()}) {
    INFO("a timeout of " << timeout.count() << " ns");
    const kew::detail::late_clock clock(timeout);
    bool before = false;
    bool beyond = false;
    for (int look = 0; look < 10'000; ++look) {
      const kew::detail::time_point earliest = kew::detail::now();
      const kew::detail::time_point late = clock.now();
      const kew::detail::time_point latest =
          kew::detail::now() + std::min<std::chrono::nanoseconds>(timeout / 128, 250ms);
      before |= late < earliest;
      beyond |= late > latest;
    }
    CHECK_FALSE(before);
    CHECK_FALSE(beyond);
  }
}

TEST_CASE("a late clock is exact where the timeout is short", "[late_clock]") {
  const kew::detail::late_clock clock(1ms);
  kew::detail::time_point last = clock.now();
  // The kernel's tick would stand still for most of these looks.
  int moves = 0;
  for (int look = 0; look < 100'000; ++look) {
    const kew::detail::time_point now = clock.now();
    moves += now > last;
    last = now;
  }
  CHECK(moves > 1000);
}

}  // namespace kew_test
