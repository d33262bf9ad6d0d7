// No try_ call of a ring pauses, yields or naps, whatever came before it.
#define KEW_NAMESPACE counting
#define KEW_SYNC_HEADER "support/counting_machine.hpp"
#include <kew/mpmc_ring.hpp>
#include <kew/mpsc_ring.hpp>
#include <kew/spmc_ring.hpp>
#include <kew/spsc_ring.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include "support/catch.hpp"
#include "support/counting_machine.hpp"

namespace kew_test {
namespace {

/// Runs `call` on each ring.
template <class Call>
void on_each_ring(Call call) {
  SECTION("mpmc_ring") { call.template operator()<kew::mpmc_ring<std::uint64_t>>(); }
  SECTION("mpsc_ring") { call.template operator()<kew::mpsc_ring<std::uint64_t>>(); }
  SECTION("spsc_ring") { call.template operator()<kew::spsc_ring<std::uint64_t>>(); }
  SECTION("spmc_ring") { call.template operator()<kew::spmc_ring<std::uint64_t>>(); }
}

constexpr int rounds = 100;
constexpr std::size_t burst = 16;

template <class T>
T element(std::size_t i) {
  if constexpr (std::is_same_v<T, std::string>)
    return std::to_string(i);
  else
    return static_cast<T>(i);
}

/// Both sides in turn, so many elements at a time: so each finds that many, or that few, again and again.
template <class T>
void in_turns_of(std::size_t few, std::size_t capacity, bool in_place) {
  kew::spsc_ring<T> ring(capacity);
  std::size_t done = 0;
  for (int round = 0; round < 300; ++round) {
    for (std::size_t i = 0; i < few; ++i) done += static_cast<bool>(ring.try_push(element<T>(i)));
    std::vector<T> batch(few, element<T>(7));
    done += ring.try_push_n(batch.begin(), few);
    if constexpr (std::is_trivially_default_constructible_v<T>)
      if (in_place) {
        auto claim = ring.try_claim(few);
        for (T& slot : claim.first()) slot = element<T>(1);
        for (T& slot : claim.second()) slot = element<T>(2);
        claim.commit(claim.size());
      }
    if (in_place) {
      auto peek = ring.try_peek(1);
      peek.release(peek.size());
    }
    T out = element<T>(0);
    for (std::size_t i = 0; i <= few; ++i) done += static_cast<bool>(ring.try_pop(out));
    done += static_cast<bool>(ring.try_consume([](T&) {}));
    batch.clear();
    done += ring.try_pop_n(std::back_inserter(batch), few);
    while (ring.try_pop()) ++done;
  }
  CHECK(done > 0);
}

}  // namespace

TEST_CASE("a burst that is there is taken without a pause", "[no_pause]") {
  on_each_ring([]<class Ring> {
    Ring ring(1024);
    waits = 0;
    for (int round = 0; round < rounds; ++round) {
      for (std::size_t i = 0; i < burst; ++i) REQUIRE(ring.try_push(i));
      std::size_t taken = 0;
      while (ring.try_pop()) ++taken;
      CHECK(taken == burst);
    }
    CHECK(waits == 0);
  });
}

TEST_CASE("room that is there is used without a pause", "[no_pause]") {
  on_each_ring([]<class Ring> {
    Ring ring(1024);
    while (ring.try_push(0)) {
    }
    waits = 0;
    for (int round = 0; round < rounds; ++round) {
      for (std::size_t i = 0; i < burst; ++i) REQUIRE(ring.try_pop());
      std::size_t used = 0;
      while (ring.try_push(used)) ++used;
      CHECK(used == burst);
    }
    CHECK(waits == 0);
  });
}

TEST_CASE("no call pauses in batches or in a stream either", "[no_pause]") {
  on_each_ring([]<class Ring> {
    Ring ring(64);
    waits = 0;
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
    CHECK(waits == 0);
  });
}

TEMPLATE_TEST_CASE("no try_ call of spsc_ring pauses on purpose", "[no_pause]", std::uint64_t, char, std::string) {
  for (const std::size_t capacity : {1U, 2U, 3U, 16U, 1000U})
    for (const std::size_t few : {1U, 2U, 3U, 12U, 300U})
      for (const bool in_place : {false, true}) {
        INFO("capacity " << capacity << ", in turns of " << few << (in_place ? ", in place" : ""));
        waits = 0;
        in_turns_of<TestType>(few, capacity, in_place);
        CHECK(waits == 0);
      }
}

}  // namespace kew_test
