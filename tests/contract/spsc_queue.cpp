// Both contract suites over a blocking_queue on spsc_ring.
#include <kew/blocking_queue.hpp>
#include <kew/spsc_ring.hpp>

#include "contract.hpp"

namespace kew_test {

TEMPLATE_LIST_TEST_CASE("blocking_queue over spsc_ring keeps both contracts", "[contract]", all_elements) {
  using subject = whole<kew::blocking_queue<TestType, kew::spsc_ring<TestType>>>;
  ring_contract<subject>();
  blocking_contract<subject>();
}

}  // namespace kew_test
