// The contract suites over rings that keep figures: metering must not change what a ring does.
#include <kew/blocking_queue.hpp>
#include <kew/metered_ring.hpp>
#include <kew/mpmc_ring.hpp>
#include <kew/spsc_ring.hpp>

#include "contract.hpp"

namespace kew_test {

TEMPLATE_LIST_TEST_CASE("metered_ring over mpmc_ring keeps the contract of a ring", "[contract]", all_elements) {
  ring_contract<whole<kew::metered_ring<TestType, kew::mpmc_ring>>>();
}

TEMPLATE_LIST_TEST_CASE("metered_ring over spsc_ring of a fixed capacity keeps the contract of a ring", "[contract]", all_elements) {
  ring_contract<whole<kew::metered_ring<TestType, kew::spsc_ring, 3>, 3>>();
}

TEST_CASE("blocking_queue over metered_ring keeps both contracts", "[contract]") {
  using subject = whole<kew::blocking_queue<std::string, kew::metered_ring<std::string, kew::mpmc_ring>>>;
  ring_contract<subject>();
  blocking_contract<subject>();
}

}  // namespace kew_test
