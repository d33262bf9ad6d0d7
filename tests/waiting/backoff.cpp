// How a call waits beside a thread that is in the middle of its own: pauses, yields, naps that grow.
#define KEW_NAMESPACE counting
#define KEW_SYNC_HEADER "support/counting_machine.hpp"
#include <kew/detail/wait/backoff.hpp>

#include "support/catch.hpp"
#include "support/counting_machine.hpp"

namespace kew_test {

TEST_CASE("a wait on a stopped thread pauses, yields, and then naps for as long as it has waited, at most 10 ms",
          "[backoff]") {
  kew::detail::backoff held_up;
  const auto pause = [&](unsigned times) {
    for (unsigned i = 0; i < times; ++i) held_up.pause();
  };
  pause(kew::detail::tuning::backoff_pauses);
  CHECK(waits == kew::detail::tuning::backoff_pauses);
  CHECK(yields == 0);
  pause(kew::detail::tuning::backoff_yields);
  CHECK(yields == kew::detail::tuning::backoff_yields);
  CHECK(last_nap == 0);
  for (const unsigned microseconds : {50U, 100U, 200U, 400U, 800U, 1600U, 3200U, 6400U, 10'000U, 10'000U}) {
    pause(1);
    CHECK(last_nap == microseconds);
  }
}

}  // namespace kew_test
