// The checker of histories is itself checked: against histories known to be right or wrong, and against
// brute force on random small ones.
#include "support/linearizability.hpp"

#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/environment.hpp"

namespace kew_test {
namespace {

using history = std::vector<operation>;

operation push(std::uint32_t value, stamp invoked, stamp answered) {
  return {operation::kind::push, value, invoked, answered};
}
operation pop(std::uint32_t value, stamp invoked, stamp answered) {
  return {operation::kind::pop, value, invoked, answered};
}
operation push_full(stamp invoked, stamp answered) { return {operation::kind::push_full, 0, invoked, answered}; }
operation pop_empty(stamp invoked, stamp answered) { return {operation::kind::pop_empty, 0, invoked, answered}; }

std::string describe(const history& steps) {
  std::string text;
  for (const operation& step : steps) {
    constexpr const char* names[] = {"push ", "push full ", "pop ", "pop empty "};
    text += names[static_cast<std::size_t>(step.what)] + std::to_string(step.value) + " [" +
            std::to_string(step.invoked) + "," + std::to_string(step.answered) + "]\n";
  }
  return text;
}

bool accepted(const history& steps, std::size_t capacity = fifo_checker::unbounded) {
  const bool passed = fifo_checker{}(steps, capacity) == nullptr;
  INFO(describe(steps) << "capacity " << capacity);
  CHECK(passed == brute_force{}(steps, capacity));
  return passed;
}

// Runs a sequential queue, and stretches each operation around the instant at which it took effect.
history honest(random_source& random, std::size_t length, std::size_t capacity) {
  history steps;
  std::deque<std::uint32_t> inside;
  std::uint32_t next = 0;
  const std::size_t reach = 1 + random.below(25);
  for (std::size_t i = 0; i < length; ++i) {
    const stamp when = static_cast<stamp>(i) * 10;
    operation step{operation::kind::push, 0, when - static_cast<stamp>(random.below(reach)),
                   when + static_cast<stamp>(random.below(reach))};
    if (random.one_in(2)) {
      if (inside.size() == capacity) {
        step.what = operation::kind::push_full;
      } else {
        step.value = next++;
        inside.push_back(step.value);
      }
    } else if (inside.empty()) {
      step.what = operation::kind::pop_empty;
    } else {
      step.what = operation::kind::pop;
      step.value = inside.front();
      inside.pop_front();
    }
    steps.push_back(step);
  }
  return steps;
}

// One lie, of a kind that a broken queue tells.
void falsify(random_source& random, history& steps) {
  operation& one = steps[random.below(steps.size())];
  operation& other = steps[random.below(steps.size())];
  switch (random.below(5)) {
    case 0:
      if (one.what == other.what) std::swap(one.value, other.value);
      break;
    case 1:
      if (one.what == operation::kind::pop) one.what = operation::kind::pop_empty;
      break;
    case 2:
      if (one.what == operation::kind::push_full) one.what = operation::kind::pop_empty;
      break;
    case 3: std::swap(one.invoked, other.invoked), std::swap(one.answered, other.answered); break;
    default: {
      const stamp shift = static_cast<stamp>(random.below(61)) - 30;
      one.invoked += shift;
      one.answered += shift;
    }
  }
}

}  // namespace

TEST_CASE("the checker accepts what a queue may do", "[linearizability]") {
  CHECK(accepted({}));
  CHECK(accepted({push(0, 0, 1), pop(0, 2, 3), pop_empty(4, 5)}));
  CHECK(accepted({push(0, 0, 9), push(1, 1, 8), pop(1, 10, 11), pop(0, 12, 13)}));
  CHECK(accepted({push(0, 0, 9), pop(0, 1, 2)}));
  CHECK(accepted({push(0, 0, 5), pop_empty(1, 9)}));
  CHECK(accepted({push(0, 0, 1), pop(0, 2, 9), pop_empty(3, 4)}));
  CHECK(accepted({push(0, 0, 1), push_full(2, 3)}, 1));
  CHECK(accepted({push(0, 0, 1), pop(0, 2, 9), push(1, 3, 4), push_full(5, 6)}, 1));
}

TEST_CASE("the checker refuses a value popped that was never pushed", "[linearizability]") {
  CHECK_FALSE(accepted({push(0, 0, 1), pop(1, 2, 3)}));
}
TEST_CASE("the checker refuses a value popped before its push began", "[linearizability]") {
  CHECK_FALSE(accepted({pop(0, 0, 1), push(0, 2, 3)}));
}
TEST_CASE("the checker refuses a value popped twice", "[linearizability]") {
  CHECK_FALSE(accepted({push(0, 0, 1), pop(0, 2, 3), pop(0, 4, 5)}));
}
TEST_CASE("the checker refuses values popped against the order of their pushes", "[linearizability]") {
  CHECK_FALSE(accepted({push(0, 0, 1), push(1, 2, 3), pop(1, 4, 5), pop(0, 6, 7)}));
  CHECK_FALSE(accepted({push(0, 0, 1), push(1, 2, 3), pop(1, 4, 5)}));
}
TEST_CASE("the checker refuses empty while something was surely inside", "[linearizability]") {
  CHECK_FALSE(accepted({push(0, 0, 1), pop_empty(2, 3), pop(0, 4, 5)}));
  // No single element is inside all the while, but a chain of two is.
  CHECK_FALSE(accepted({push(0, 0, 1), push(1, 2, 3), pop(0, 4, 5), pop_empty(2, 5), pop(1, 6, 7)}));
}
TEST_CASE("the checker refuses more inside than the capacity", "[linearizability]") {
  CHECK_FALSE(accepted({push(0, 0, 1), push(1, 2, 3)}, 1));
  CHECK_FALSE(accepted({push(0, 0, 1), push(1, 2, 3), push(2, 4, 5), pop(0, 6, 7)}, 2));
}
TEST_CASE("the checker refuses full while fewer than capacity can have been inside", "[linearizability]") {
  CHECK_FALSE(accepted({push_full(0, 1)}, 1));
  CHECK_FALSE(accepted({push(0, 0, 1), pop(0, 2, 3), push_full(4, 5)}, 1));
  CHECK_FALSE(accepted({push(0, 0, 1), push_full(2, 3), push(1, 4, 5)}, 2));
}

TEST_CASE("the checker and brute force agree on random histories", "[linearizability]") {
  random_source random(run_seed());
  fifo_checker check;
  brute_force exact;
  std::size_t histories = 0;
  std::size_t wrong = 0;
  std::size_t bounded = 0;
  std::size_t bounded_wrong = 0;
  std::size_t missed = 0;
  const std::size_t wanted = scaled(1'000'000);
  while (histories < wanted) {
    const bool is_bounded = random.one_in(2);
    const std::size_t capacity = is_bounded ? 1 + random.below(4) : fifo_checker::unbounded;
    history steps = honest(random, 2 + random.below(8), capacity);
    const bool is_honest = random.one_in(10);
    if (!is_honest)
      for (std::size_t lies = 2 + random.below(8); lies > 0; --lies) falsify(random, steps);
    const bool truth = exact(steps, capacity);
    const bool passed = check(steps, capacity) == nullptr;
    ++histories;
    wrong += truth ? 0 : 1;
    bounded += is_bounded ? 1 : 0;
    bounded_wrong += is_bounded && !truth ? 1 : 0;
    // What the checker refuses must be wrong; what is wrong it must refuse where its conditions are exact.
    if (truth == passed && !(is_honest && !truth)) continue;
    if (is_bounded && passed && !is_honest) {
      ++missed;
      continue;
    }
    INFO("history " << histories << ", capacity " << capacity << "\n" << describe(steps));
    REQUIRE(passed == truth);
    REQUIRE(truth);
  }
  std::printf(
      "linearizability: checker against brute force: %zu histories, %zu wrong; of %zu bounded ones %zu wrong, "
      "%zu of those not refused\n",
      histories, wrong, bounded, bounded_wrong, missed);
  CHECK(3 * wrong >= histories);
  // The bounded conditions are necessary and not sufficient; this holds how far from sufficient they are.
  CHECK(100 * missed <= 2 * bounded_wrong + 1000);
}

}  // namespace kew_test
