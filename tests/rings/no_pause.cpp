// No try_ call of mpsc_ring, spmc_ring and mpmc_ring pauses on purpose, yields or naps. What could do so is replaced,
// for the headers of the rings, by something that counts.
#include <kew/concepts.hpp>
#include <kew/detail/machine/clock.hpp>
#include <kew/detail/machine/sync.hpp>
#include <kew/status.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

#include "support/catch.hpp"
#include "support/environment.hpp"

namespace kew_test {
inline std::atomic<int> pauses{0};
}
namespace kew { inline namespace KEW_NAMESPACE { namespace detail {
inline void counted_pause() noexcept { ++kew_test::pauses; }
inline void counted_pause(unsigned) noexcept { ++kew_test::pauses; }
}}}  // namespace kew::KEW_NAMESPACE::detail

#define cpu_relax counted_pause
#define yield counted_pause
#define nap counted_pause
#include <kew/mpmc_ring.hpp>
#include <kew/mpsc_ring.hpp>
#include <kew/spmc_ring.hpp>
#undef cpu_relax
#undef yield
#undef nap

namespace kew_test {
namespace {

/// Runs `call` on each ring.
template <class Call>
void on_each_ring(Call call) {
  SECTION("mpmc_ring") { call.template operator()<kew::mpmc_ring<std::uint64_t>>(); }
  SECTION("mpsc_ring") { call.template operator()<kew::mpsc_ring<std::uint64_t>>(); }
  SECTION("spmc_ring") { call.template operator()<kew::spmc_ring<std::uint64_t>>(); }
}

constexpr int rounds = 100;
constexpr std::size_t burst = 16;

}  // namespace

TEST_CASE("a burst that is there is taken without a pause", "[no_pause]") {
  on_each_ring([]<class Ring> {
    Ring ring(1024);
    pauses = 0;
    for (int round = 0; round < rounds; ++round) {
      for (std::size_t i = 0; i < burst; ++i) REQUIRE(ring.try_push(i));
      std::size_t taken = 0;
      while (ring.try_pop()) ++taken;
      CHECK(taken == burst);
    }
    CHECK(pauses == 0);
  });
}

TEST_CASE("room that is there is used without a pause", "[no_pause]") {
  on_each_ring([]<class Ring> {
    Ring ring(1024);
    while (ring.try_push(0)) {
    }
    pauses = 0;
    for (int round = 0; round < rounds; ++round) {
      for (std::size_t i = 0; i < burst; ++i) REQUIRE(ring.try_pop());
      std::size_t used = 0;
      while (ring.try_push(used)) ++used;
      CHECK(used == burst);
    }
    CHECK(pauses == 0);
  });
}

TEST_CASE("no call pauses in batches or in a stream either", "[no_pause]") {
  on_each_ring([]<class Ring> {
    Ring ring(64);
    pauses = 0;
    std::array<std::uint64_t, burst> items{};
    for (int round = 0; round < rounds; ++round) {
      while (ring.try_push_n(items.begin(), burst) > 0) {
      }
      while (ring.try_pop_n(items.begin(), burst) > 0) {
      }
    }
    constexpr std::uint64_t messages = 20'000;
    std::thread consumer([&ring] {
      for (std::uint64_t taken = 0; taken < messages;)
        if (ring.try_pop())
          ++taken;
        else
          std::this_thread::yield();
    });
    for (std::uint64_t pushed = 0; pushed < messages;)
      if (ring.try_push(pushed))
        ++pushed;
      else
        std::this_thread::yield();
    consumer.join();
    CHECK(pauses == 0);
  });
}

}  // namespace kew_test
