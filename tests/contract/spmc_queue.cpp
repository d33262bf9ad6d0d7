// Both contract suites over a blocking_queue on spmc_ring.
#include <kew/blocking_queue.hpp>
#include <kew/spmc_ring.hpp>

#include "contract.hpp"

namespace kew_test {

TEMPLATE_LIST_TEST_CASE("blocking_queue over spmc_ring keeps both contracts", "[contract]", all_elements) {
  using subject = whole<kew::blocking_queue<TestType, kew::spmc_ring<TestType>>>;
  ring_contract<subject>();
  blocking_contract<subject>();
}

}  // namespace kew_test
