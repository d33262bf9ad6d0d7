// detail/ring/positions.hpp, through every word of a narrow index: the arithmetic that sizes and wrapping rest on.
#include <kew/detail/ring/positions.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "support/catch.hpp"

namespace kew_test {
namespace {

template <int Flags>
void walk_round() {
  using positions = kew::detail::positions<std::uint8_t, Flags>;
  for (std::size_t capacity = 1; capacity <= positions::most; ++capacity) {
    const positions at(capacity);
    std::size_t wrong = 0;

    // All positions there are, in their order, until the laps wrap round.
    std::vector<std::uint8_t> words{at.before(kew::detail::before_overflow{1})};
    for (auto word = at.next(words.front()); word != words.front(); word = at.next(word)) words.push_back(word);
    const std::size_t laps = words.size() / capacity;
    CHECK(words.size() % capacity == 0);
    CHECK(laps >= 4);

    for (std::size_t i = 0; i < words.size(); ++i) {
      wrong += at.index(words[i]) == i % capacity ? 0 : 1;
      // A lap later the same slot has another word.
      wrong += static_cast<std::uint8_t>(words[i] + at.lap()) == words[(i + capacity) % words.size()] ? 0 : 1;
      for (std::size_t n = 0; n <= capacity; ++n) {
        const std::uint8_t later = words[(i + n) % words.size()];
        wrong += at.next(words[i], n) == later ? 0 : 1;
        wrong += at.distance(words[i], later) == n ? 0 : 1;
      }
      // Read at different moments, the two may be anything; what is between them is never out of bounds.
      for (const std::uint8_t other : words) wrong += at.distance(words[i], other) <= capacity ? 0 : 1;
      // The poppers were seen later than the pushers, and seem to have overtaken them by less than a lap.
      for (std::size_t n = 1; n < capacity; ++n)
        wrong += at.distance(words[(i + n) % words.size()], words[i]) == 0 ? 0 : 1;
    }
    INFO("capacity " << capacity);
    CHECK(wrong == 0);
  }
}

}  // namespace

TEST_CASE("positions are exact and never out of bounds, with any capacity, all the way round", "[positions]") {
  walk_round<0>();
  walk_round<2>();
}

}  // namespace kew_test
