// detail/ring/positions.hpp and slot_positions.hpp, through every word of a narrow index: the arithmetic that sizes and
// wrapping rest on.
#include <kew/detail/ring/positions.hpp>
#include <kew/detail/ring/slot_positions.hpp>

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

template <class Index, std::size_t GroupSize>
void walk_round_groups(std::size_t capacity) {
  using kew::detail::before_overflow;
  using kew::detail::slot_operation;
  const kew::detail::slot_positions<Index, GroupSize> at(capacity);
  CHECK(at.capacity() == capacity);
  std::size_t wrong = 0;

  std::vector<Index> words{at.before(before_overflow{1}, slot_operation::push)};
  for (auto word = at.next(words.front()); word != words.front(); word = at.next(word)) words.push_back(word);
  CHECK(words.size() % capacity == 0);
  CHECK(words.size() / capacity >= 4);

  for (std::size_t i = 0; i < words.size(); ++i) {
    const Index word = words[i];
    const std::size_t slot = i % capacity;
    wrong += at.place(word) == slot % GroupSize && at.group_offset(word, 24) == slot / GroupSize * 24 &&
                     at.group_offset(word, 64) == slot / GroupSize * 64
                 ? 0
                 : 1;
    wrong += at.is_first_in_group(word) == (slot % GroupSize == 0) ? 0 : 1;
    wrong += at.without_must_look(word) == word && at.without_must_look(static_cast<Index>(word | at.must_look)) == word
                 ? 0
                 : 1;
    const Index later = words[(i + 1) % words.size()];
    const bool ends = slot % GroupSize == GroupSize - 1 || slot == capacity - 1;
    wrong += (ends ? at.next_group(word) : at.next_place(word)) == later && at.previous(later) == word ? 0 : 1;
    // In each lap another state; and the pop of the same element is the same word but for its state.
    wrong += at.state_of(words[(i + capacity) % words.size()]) != at.state_of(word) ? 0 : 1;
    const auto pop = static_cast<Index>(word | at.filled);
    wrong += at.next(pop) == static_cast<Index>(later | at.filled) && at.as_push(pop) == word ? 0 : 1;
    for (std::size_t n = 0; n <= capacity; ++n) {
      const Index end = words[(i + n) % words.size()];
      wrong += at.next(word, n) == end && at.distance(pop, static_cast<Index>(end | at.sealed)) == n ? 0 : 1;
      if (n > 0 && n < capacity) wrong += at.distance(static_cast<Index>(end | at.filled), word) == 0 ? 0 : 1;
    }
  }
  INFO("capacity " << capacity << ", groups of " << GroupSize);
  CHECK(wrong == 0);
}
template <class Index, std::size_t GroupSize>
void walk_round_groups() {
  for (std::size_t capacity = 1; capacity <= kew::detail::slot_positions<Index, GroupSize>::most; ++capacity)
    walk_round_groups<Index, GroupSize>(capacity);
}

}  // namespace

TEST_CASE("positions in groups are exact and never out of bounds, with any capacity, all the way round",
          "[positions]") {
  walk_round_groups<std::uint8_t, 1>();
  walk_round_groups<std::uint8_t, 2>();
  walk_round_groups<std::uint8_t, 7>();
  walk_round_groups<std::uint8_t, 12>();
  for (const std::size_t capacity : std::vector<std::size_t>{1, 6, 7, 8, 14, 100, 112})
    walk_round_groups<std::uint16_t, 7>(capacity);
}

TEST_CASE("positions are exact and never out of bounds, with any capacity, all the way round", "[positions]") {
  walk_round<0>();
  walk_round<2>();
}

}  // namespace kew_test
