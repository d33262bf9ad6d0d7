// No try_ call of spsc_ring pauses, yields or naps, whatever came before it.
#define KEW_NAMESPACE counting
#define KEW_SYNC_HEADER "support/counting_machine.hpp"
#include <kew/spsc_ring.hpp>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/counting_machine.hpp"

namespace {

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

TEMPLATE_TEST_CASE("no try_ call of spsc_ring pauses on purpose", "[spsc_ring]", std::uint64_t, char, std::string) {
  for (const std::size_t capacity : {1, 2, 3, 16, 1000})
    for (const std::size_t few : {1, 2, 3, 12, 300})
      for (const bool in_place : {false, true}) {
        INFO("capacity " << capacity << ", in turns of " << few << (in_place ? ", in place" : ""));
        kew_test::waits = 0;
        in_turns_of<TestType>(few, capacity, in_place);
        CHECK(kew_test::waits == 0);
      }
}
