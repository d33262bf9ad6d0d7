// Both contract suites over the channel on mpmc_ring.
#include <kew/channel.hpp>

#include "contract.hpp"

namespace kew_test {
namespace {

template <class T>
struct make_it {
  auto operator()(std::size_t capacity) const { return kew::make_channel<T>(capacity); }
};

}  // namespace

TEMPLATE_LIST_TEST_CASE("a channel over mpmc_ring keeps both contracts", "[contract]", all_elements) {
  using subject = halves<make_it<TestType>>;
  ring_contract<subject>();
  blocking_contract<subject>();
}

}  // namespace kew_test
