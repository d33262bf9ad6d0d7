// What every ring is tested with beyond the contract: its type, each fixed capacity, counters that
// overflow, and threads.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <kew/concepts.hpp>
#include <kew/detail/ring/slots.hpp>

#include "contract/ring.hpp"

namespace kew_test {

template <class Ring>
constexpr bool cannot_be_copied_or_moved = !std::is_copy_constructible_v<Ring> && !std::is_move_constructible_v<Ring> &&
                                           !std::is_copy_assignable_v<Ring> && !std::is_move_assignable_v<Ring>;

/// What the type of a ring says, over a ring of int and one of std::string.
template <class Ring, class FixedRing, class StringRing>
constexpr bool type_is_as_promised() {
  static_assert(cannot_be_copied_or_moved<Ring> && cannot_be_copied_or_moved<FixedRing> &&
                cannot_be_copied_or_moved<StringRing>);
  static_assert(kew::ring<Ring> && kew::ring<FixedRing> && kew::ring<StringRing>);
  static_assert(std::is_same_v<typename Ring::value_type, int>);
  static_assert(std::is_default_constructible_v<FixedRing> && !std::is_constructible_v<FixedRing, std::size_t>);
  static_assert(!std::is_default_constructible_v<Ring> && std::is_constructible_v<Ring, std::size_t>);
  static_assert(!std::is_convertible_v<std::size_t, Ring>, "a number is not a ring");
  static_assert(std::is_nothrow_destructible_v<Ring> && std::is_nothrow_destructible_v<StringRing>);
  static_assert(noexcept(std::declval<const Ring&>().capacity()) &&
                noexcept(std::declval<const Ring&>().size_approx()));
  static_assert(noexcept(std::declval<Ring&>().try_push(1)) && noexcept(std::declval<Ring&>().try_pop()));
  static_assert(noexcept(std::declval<StringRing&>().try_push(std::declval<std::string>())));
  static_assert(!noexcept(std::declval<StringRing&>().try_push(std::declval<const std::string&>())));
  static_assert(std::is_same_v<decltype(std::declval<Ring&>().try_push(1)), status>);
  static_assert(std::is_same_v<decltype(std::declval<Ring&>().try_emplace(1)), status>);
  static_assert(std::is_same_v<decltype(std::declval<Ring&>().try_pop()), kew::result<int>>);
  static_assert(std::is_same_v<decltype(std::declval<Ring&>().try_pop(std::declval<int&>())), status>);
  static_assert(std::is_same_v<decltype(std::declval<Ring&>().try_push_n(std::declval<int*>(), 1)), std::size_t>);
  static_assert(std::is_same_v<decltype(std::declval<Ring&>().try_pop_n(std::declval<int*>(), 1)), std::size_t>);
  static_assert(std::is_same_v<decltype(std::declval<const Ring&>().capacity()), std::size_t>);
  static_assert(std::is_same_v<decltype(std::declval<const Ring&>().size_approx()), std::size_t>);
  return true;
}

/// A ring whose counters are about to overflow.
template <class Ring, std::uint64_t Laps, std::size_t Most>
class near_overflow {
 public:
  using value_type = typename Ring::value_type;
  static constexpr std::size_t fixed_capacity = kew::dynamic_capacity;

  explicit near_overflow(std::size_t capacity) : ring_(capacity) {}

  static std::vector<std::size_t> capacities() {
    std::vector<std::size_t> fitting{1, 2, 3, 5, 7, 8, 1000};
    std::erase_if(fitting, [](std::size_t capacity) { return capacity > Most; });
    fitting.push_back(Most > 20'000 ? 11 : Most);
    return fitting;
  }

  Ring& in() { return ring_; }
  Ring& out() { return ring_; }

 private:
  struct overflowing : Ring {
    explicit overflowing(std::size_t capacity)
        : Ring(kew::detail::before_overflow{Laps}, capacity, std::allocator<value_type>()) {}
  };

  overflowing ring_;
};

// ---- Threads ------------------------------------------------------------------------------------

/// Lets threads start together.
class starting_line {
 public:
  explicit starting_line(int runners) : missing_(runners) {}
  void wait() {
    --missing_;
    while (missing_ > 0) std::this_thread::yield();
  }

 private:
  std::atomic<int> missing_;
};

struct message {
  std::uint32_t producer;
  std::uint32_t number;
};
inline std::uint64_t pack(std::size_t producer, std::size_t number) {
  return static_cast<std::uint64_t>(producer) << 32 | number;
}

/// Threads push and pop by every means, singly and in batches: each element comes out exactly once, each
/// producer's in its order, and the size that an onlooker sees is never out of bounds.
template <class Ring>
void stress(Ring& ring, std::size_t producers, std::size_t consumers, std::size_t each, std::uint64_t seed) {
  INFO("capacity " << ring.capacity() << ", " << producers << " producers, " << consumers
                   << " consumers, KEW_SEED=" << seed);
  const watchdog guard("stress");
  starting_line start(static_cast<int>(producers + consumers + 1));
  std::vector<std::atomic<unsigned char>> seen(producers * each);
  std::atomic<std::size_t> popped{0};
  std::atomic<int> disorder{0};
  std::atomic<int> duplicates{0};
  std::atomic<int> outside{0};
  std::atomic<int> untruth{0};
  std::vector<std::thread> threads;
  for (std::size_t producer = 0; producer < producers; ++producer)
    threads.emplace_back([&, producer] {
      random_source random(seed + producer);
      start.wait();
      for (std::size_t i = 0; i < each;) {
        std::size_t done = 0;
        switch (random.below(4)) {
          case 0: {
            const status pushed = ring.try_push(pack(producer, i));
            done = pushed ? 1 : 0;
            if (!pushed && pushed != status::full && pushed != status::busy) ++untruth;
            break;
          }
          case 1: done = ring.try_emplace(pack(producer, i)) ? 1 : 0; break;
          default: {
            std::array<std::uint64_t, 7> batch;
            const std::size_t n = std::min(1 + random.below(7), each - i);
            for (std::size_t k = 0; k < n; ++k) batch[k] = pack(producer, i + k);
            done = ring.try_push_n(batch.begin(), n);
          }
        }
        i += done;
        if (done == 0) std::this_thread::yield();
      }
    });
  for (std::size_t consumer = 0; consumer < consumers; ++consumer)
    threads.emplace_back([&, consumer] {
      random_source random(seed + 1000 + consumer);
      std::vector<std::uint64_t> next(producers, 0);
      std::vector<std::uint64_t> taken;
      start.wait();
      while (popped < producers * each) {
        taken.clear();
        switch (random.below(4)) {
          case 0: {
            const auto element = ring.try_pop();
            if (element)
              taken.push_back(*element);
            else if (element.status() != status::empty && element.status() != status::busy)
              ++untruth;
            break;
          }
          case 1: static_cast<void>(ring.try_consume([&](std::uint64_t& element) { taken.push_back(element); })); break;
          case 2: {
            std::uint64_t element = 0;
            if (ring.try_pop(element)) taken.push_back(element);
            break;
          }
          default: ring.try_pop_n(std::back_inserter(taken), 1 + random.below(7));
        }
        for (const std::uint64_t element : taken) {
          const std::size_t producer = element >> 32;
          const std::size_t number = element & 0xffffffff;
          if (producer >= producers || number >= each) {
            ++duplicates;
            continue;
          }
          if (number < next[producer]) ++disorder;
          next[producer] = number + 1;
          if (seen[producer * each + number].fetch_add(1, std::memory_order_relaxed) != 0) ++duplicates;
        }
        if (taken.empty())
          std::this_thread::yield();
        else
          popped += taken.size();
      }
    });
  threads.emplace_back([&] {
    start.wait();
    while (popped < producers * each) {
      if (ring.size_approx() > ring.capacity()) ++outside;
      std::this_thread::yield();
    }
  });
  for (std::thread& thread : threads) thread.join();
  CHECK(popped == producers * each);
  CHECK(disorder == 0);
  CHECK(duplicates == 0);
  CHECK(outside == 0);
  CHECK(untruth == 0);
  CHECK(ring.size_approx() == 0);
  const auto rest = ring.try_pop();
  CHECK(rest.status() == status::empty);
}

/// The same with elements that own memory: what a reader sees before its writer has finished, or after it
/// is gone, shows as a broken string or to a sanitizer.
template <class Ring>
void stress_strings(Ring& ring, std::size_t producers, std::size_t consumers, std::size_t each) {
  const watchdog guard("stress with strings");
  std::atomic<std::size_t> popped{0};
  std::atomic<std::size_t> sum{0};
  std::atomic<int> torn{0};
  std::vector<std::thread> threads;
  for (std::size_t producer = 0; producer < producers; ++producer)
    threads.emplace_back([&] {
      for (std::size_t i = 0; i < each;) {
        const std::string text = make<std::string>(static_cast<int>(i));
        if (i % 2 == 0 ? ring.try_push(text) : ring.try_push(std::string(text)))
          ++i;
        else
          std::this_thread::yield();
      }
    });
  for (std::size_t consumer = 0; consumer < consumers; ++consumer)
    threads.emplace_back([&] {
      while (popped < producers * each) {
        if (const auto element = ring.try_pop()) {
          const int value = read(*element);
          if (value < 0) ++torn;
          sum += static_cast<std::size_t>(value);
          ++popped;
        } else {
          std::this_thread::yield();
        }
      }
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(torn == 0);
  CHECK(sum == producers * (each * (each - 1) / 2));
}

}  // namespace kew_test
