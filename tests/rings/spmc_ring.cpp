// spmc_ring beyond the contract.
#include <kew/spmc_ring.hpp>

#include "rings/slot_ring_suite.hpp"

namespace kew_test {

using suite = slot_ring_suite<kew::spmc_ring, 1, 3>;

TEMPLATE_LIST_TEST_CASE("spmc_ring holds exactly each fixed capacity", "[spmc_ring]", suite::fixed_capacities) {
  ring_contract<TestType>();
}
TEMPLATE_LIST_TEST_CASE("spmc_ring keeps its contract while its counters overflow", "[spmc_ring]", suite::overflowing) {
  ring_contract<TestType>();
}
TEST_CASE("spmc_ring refuses a capacity that its index type cannot count", "[spmc_ring]") {
  suite::refuses_what_it_cannot_count();
}
TEST_CASE("spmc_ring counts what comes out", "[spmc_ring]") { suite::counts_what_comes_out(); }
TEST_CASE("spmc_ring delivers every element once and each producer's in order", "[spmc_ring][stress]") {
  suite::delivers_once_and_in_order();
}
TEST_CASE("spmc_ring delivers every element once while its counters overflow", "[spmc_ring][stress]") {
  suite::delivers_while_counters_overflow();
}
TEST_CASE("spmc_ring hands elements over whole", "[spmc_ring][stress]") { suite::hands_elements_over_whole(); }

}  // namespace kew_test
