// Both contract suites over a blocking_queue on mpmc_ring.
#include <kew/blocking_queue.hpp>
#include <kew/mpmc_ring.hpp>

#include "contract.hpp"

namespace kew_test {

TEMPLATE_LIST_TEST_CASE("blocking_queue over mpmc_ring keeps both contracts", "[contract]", all_elements) {
  using subject = whole<kew::blocking_queue<TestType, kew::mpmc_ring<TestType>>>;
  ring_contract<subject>();
  blocking_contract<subject>();
}

}  // namespace kew_test
