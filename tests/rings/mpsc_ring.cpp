// mpsc_ring beyond the contract.
#include <kew/mpsc_ring.hpp>

#include "rings/slot_ring_suite.hpp"

namespace kew_test {

using suite = slot_ring_suite<kew::mpsc_ring, 3, 1>;

TEMPLATE_LIST_TEST_CASE("mpsc_ring holds exactly each fixed capacity", "[mpsc_ring]", suite::fixed_capacities) {
  ring_contract<TestType>();
}
TEMPLATE_LIST_TEST_CASE("mpsc_ring keeps its contract while its counters overflow", "[mpsc_ring]", suite::overflowing) {
  ring_contract<TestType>();
}
TEST_CASE("mpsc_ring refuses a capacity that its index type cannot count", "[mpsc_ring]") {
  suite::refuses_what_it_cannot_count();
}
TEST_CASE("mpsc_ring counts what comes out", "[mpsc_ring]") { suite::counts_what_comes_out(); }
TEST_CASE("mpsc_ring delivers every element once and each producer's in order", "[mpsc_ring][stress]") {
  suite::delivers_once_and_in_order();
}
TEST_CASE("mpsc_ring delivers every element once while its counters overflow", "[mpsc_ring][stress]") {
  suite::delivers_while_counters_overflow();
}
TEST_CASE("mpsc_ring hands elements over whole", "[mpsc_ring][stress]") { suite::hands_elements_over_whole(); }

}  // namespace kew_test
