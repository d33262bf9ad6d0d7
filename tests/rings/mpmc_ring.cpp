// mpmc_ring beyond the contract.
#include <kew/mpmc_ring.hpp>

#include "rings/slot_ring_suite.hpp"

namespace kew_test {

using suite = slot_ring_suite<kew::mpmc_ring, 2, 2>;

TEMPLATE_LIST_TEST_CASE("mpmc_ring holds exactly each fixed capacity", "[mpmc_ring]", suite::fixed_capacities) {
  ring_contract<TestType>();
}
TEMPLATE_LIST_TEST_CASE("mpmc_ring keeps its contract while its counters overflow", "[mpmc_ring]", suite::overflowing) {
  ring_contract<TestType>();
}
TEST_CASE("mpmc_ring refuses a capacity that its index type cannot count", "[mpmc_ring]") {
  suite::refuses_what_it_cannot_count();
}
TEST_CASE("mpmc_ring counts what comes out", "[mpmc_ring]") { suite::counts_what_comes_out(); }
TEST_CASE("mpmc_ring delivers every element once and each producer's in order", "[mpmc_ring][stress]") {
  suite::delivers_once_and_in_order();
}
TEST_CASE("mpmc_ring delivers every element once while its counters overflow", "[mpmc_ring][stress]") {
  suite::delivers_while_counters_overflow();
}
TEST_CASE("mpmc_ring hands elements over whole", "[mpmc_ring][stress]") { suite::hands_elements_over_whole(); }

}  // namespace kew_test
