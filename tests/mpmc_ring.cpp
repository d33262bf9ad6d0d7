// mpmc_ring beyond the contract: its type, every fixed capacity, counters that overflow, threads.
#include <kew/mpmc_ring.hpp>

#include "ring_suite.hpp"

namespace kew_test {
namespace {

static_assert(type_is_as_promised<kew::mpmc_ring<int>, kew::mpmc_ring<int, 4>, kew::mpmc_ring<std::string>>());
static_assert(kew::many_producers<kew::mpmc_ring<int>> && kew::many_consumers<kew::mpmc_ring<int>>);

constexpr std::size_t producers = 2;
constexpr std::size_t consumers = 2;

template <class T, class Index>
using narrow = kew::detail::slot_ring<T, kew::cardinality::many, kew::cardinality::many, kew::dynamic_capacity,
                                      std::allocator<T>, Index>;

template <std::size_t Capacity>
using fixed = whole<kew::mpmc_ring<int, Capacity>, Capacity>;
using fixed_capacities = std::tuple<fixed<1>, fixed<2>, fixed<5>, fixed<7>, fixed<8>, fixed<1000>>;

// A slot's state keeps two bits for flags and two for laps beside the slot's number.
using overflowing = std::tuple<near_overflow<narrow<int, std::uint8_t>, 1, 16>, near_overflow<narrow<int, std::uint8_t>, 2, 16>,
                               near_overflow<narrow<throwing, std::uint8_t>, 1, 16>,
                               near_overflow<narrow<int, std::uint16_t>, 2, 4096>,
                               near_overflow<narrow<std::string, std::uint16_t>, 1, 4096>,
                               near_overflow<narrow<int, std::uint32_t>, 1, SIZE_MAX>,
                               near_overflow<narrow<int, std::uint64_t>, 2, SIZE_MAX>>;

}  // namespace

TEMPLATE_LIST_TEST_CASE("mpmc_ring holds exactly each fixed capacity", "[mpmc_ring]", fixed_capacities) {
  ring_contract<TestType>();
}

TEMPLATE_LIST_TEST_CASE("mpmc_ring keeps its contract while its counters overflow", "[mpmc_ring]", overflowing) {
  ring_contract<TestType>();
}

TEST_CASE("mpmc_ring refuses a capacity that its index type cannot count", "[mpmc_ring]") {
  using ring = narrow<int, std::uint8_t>;
  CHECK(ring(16).capacity() == 16);
  CHECK_THROWS_AS(ring(17), std::length_error);
}

TEST_CASE("mpmc_ring delivers every element once and each producer's in order", "[mpmc_ring][stress]") {
  for (const std::size_t capacity : sizes{1, 2, 3, 8, 64, 1000}) {
    kew::mpmc_ring<std::uint64_t> ring(capacity);
    stress(ring, producers, consumers, scaled(capacity < 3 ? 5'000 : 20'000), run_seed());
  }
  kew::mpmc_ring<std::uint64_t, 5> ring;
  stress(ring, producers, consumers, scaled(20'000), run_seed());
}

TEST_CASE("mpmc_ring delivers every element once while its counters overflow", "[mpmc_ring][stress]") {
  // 32 bits, so that no thread is suspended for as long as it takes to count once round.
  for (int round = 0; round < 10; ++round)
    for (const std::size_t capacity : sizes{1, 3, 8}) {
      narrow<std::uint64_t, std::uint32_t> ring(kew::detail::before_overflow{100}, capacity, std::allocator<std::uint64_t>());
      stress(ring, producers, consumers, scaled(1'000), run_seed() + static_cast<std::uint64_t>(round));
    }
}

TEST_CASE("mpmc_ring hands elements over whole", "[mpmc_ring][stress]") {
  for (const std::size_t capacity : sizes{1, 2, 7}) {
    kew::mpmc_ring<std::string> ring(capacity);
    stress_strings(ring, producers, consumers, scaled(5'000));
  }
}

}  // namespace kew_test
