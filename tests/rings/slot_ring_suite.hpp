// What mpsc_ring, spmc_ring and mpmc_ring have in common beyond the contract: their type, each fixed capacity,
// counters that overflow, and threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>

#include "rings/ring_suite.hpp"

namespace kew_test {

/// `Ring` with so many threads on each side.
template <template <class, std::size_t, class> class Ring, std::size_t Producers, std::size_t Consumers>
struct slot_ring_suite {
  template <class T, std::size_t Capacity = kew::dynamic_capacity>
  using ring = Ring<T, Capacity, std::allocator<T>>;

  static_assert(type_is_as_promised<ring<int>, ring<int, 4>, ring<std::string>>());
  static_assert(kew::many_producers<ring<int>> == (Producers > 1) && kew::many_consumers<ring<int>> == (Consumers > 1));

  static constexpr kew::cardinality side(std::size_t threads) {
    return threads > 1 ? kew::cardinality::many : kew::cardinality::one;
  }
  template <class T, class Index>
  using narrow =
      kew::detail::slot_ring<T, side(Producers), side(Consumers), kew::dynamic_capacity, std::allocator<T>, Index>;

  template <std::size_t Capacity>
  using fixed = whole<ring<int, Capacity>, Capacity>;
  using fixed_capacities = std::tuple<fixed<1>, fixed<2>, fixed<5>, fixed<7>, fixed<8>, fixed<1000>>;

  /// How many elements an index can count beside two bits for flags and two for laps.
  template <class T, class Index>
  struct most : narrow<T, Index> {
    static constexpr std::size_t elements = narrow<T, Index>::most;
  };
  template <class T, class Index, std::uint64_t Laps>
  using overflows_after = near_overflow<narrow<T, Index>, Laps, most<T, Index>::elements>;

  using overflowing = std::tuple<overflows_after<int, std::uint8_t, 1>, overflows_after<int, std::uint8_t, 2>,
                                 overflows_after<throwing, std::uint8_t, 1>, overflows_after<int, std::uint16_t, 2>,
                                 overflows_after<std::string, std::uint16_t, 1>, overflows_after<int, std::uint32_t, 1>,
                                 overflows_after<int, std::uint64_t, 2>>;

  static void refuses_what_it_cannot_count() {
    // One line of slots: an index that leaves four bits for it counts what the line holds, or 16 lines of one.
    CHECK((most<int, std::uint8_t>::elements == 12));
    CHECK((most<std::string, std::uint8_t>::elements == 16));
    using smallest = narrow<int, std::uint8_t>;
    CHECK(smallest(12).capacity() == 12);
    CHECK_THROWS_AS(smallest(13), std::length_error);
  }

  /// Round a ring of 64 bits it is exact; where a narrow index wraps round, it begins anew.
  static void counts_what_comes_out() {
    static_assert(kew::counts_pops<ring<int>>);
    for (const std::size_t capacity : sizes{1, 2, 5, 7, 8, 64, 1000}) {
      ring<int> queue(capacity);
      const std::size_t before = queue.popped_approx();
      for (std::size_t i = 0; i < 3 * capacity; ++i) {
        CHECK(queue.popped_approx() - before == i);
        CHECK(queue.try_push(0));
        CHECK(queue.popped_approx() - before == i);
        CHECK(queue.try_pop());
      }
      CHECK(queue.popped_approx() - before == 3 * capacity);
    }
  }

  static void delivers_once_and_in_order() {
    for (const std::size_t capacity : sizes{1, 2, 3, 8, 64, 1000}) {
      ring<std::uint64_t> queue(capacity);
      stress(queue, Producers, Consumers, scaled(capacity < 3 ? 5'000 : 20'000), run_seed());
    }
    ring<std::uint64_t, 5> queue;
    stress(queue, Producers, Consumers, scaled(20'000), run_seed());
  }

  static void delivers_while_counters_overflow() {
    // 32 bits, so that no thread is suspended for as long as it takes to count once round.
    for (int round = 0; round < 10; ++round)
      for (const std::size_t capacity : sizes{1, 3, 8}) {
        near_overflow<narrow<std::uint64_t, std::uint32_t>, 100, SIZE_MAX> queue(capacity);
        stress(queue.in(), Producers, Consumers, scaled(1'000), run_seed() + static_cast<std::uint64_t>(round));
      }
  }

  static void hands_elements_over_whole() {
    for (const std::size_t capacity : sizes{1, 2, 7}) {
      ring<std::string> queue(capacity);
      stress_strings(queue, Producers, Consumers, scaled(5'000));
    }
  }
};

}  // namespace kew_test
