// The contract suite over spsc_ring, with its capacity as an argument and as a constant.
#include <kew/spsc_ring.hpp>

#include "contract.hpp"

namespace kew_test {

TEMPLATE_LIST_TEST_CASE("spsc_ring keeps the contract of a ring", "[contract]", all_elements) {
  ring_contract<whole<kew::spsc_ring<TestType>>>();
}

TEMPLATE_LIST_TEST_CASE("spsc_ring of a fixed capacity keeps the contract of a ring", "[contract]", all_elements) {
  ring_contract<whole<kew::spsc_ring<TestType, 3>, 3>>();
}

}  // namespace kew_test
