// The contract suite over mpmc_ring, with its capacity as an argument and as a constant.
#include <kew/mpmc_ring.hpp>

#include "contract.hpp"

namespace kew_test {

TEMPLATE_LIST_TEST_CASE("mpmc_ring keeps the contract of a ring", "[contract]", all_elements) {
  ring_contract<whole<kew::mpmc_ring<TestType>>>();
}

TEMPLATE_LIST_TEST_CASE("mpmc_ring of a fixed capacity keeps the contract of a ring", "[contract]", all_elements) {
  ring_contract<whole<kew::mpmc_ring<TestType, 3>, 3>>();
}

}  // namespace kew_test
