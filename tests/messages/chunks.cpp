// Objects in chunks: each is where it was, all of them are destroyed, and what is not made costs no memory.
#include <kew/detail/message/chunks.hpp>

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "support/catch.hpp"

namespace kew_test { namespace {

using kew::detail::chunks;

int alive = 0;

struct counted {
  counted() noexcept { ++alive; }
  counted(const counted&) = delete;
  counted& operator=(const counted&) = delete;
  ~counted() { --alive; }
  std::size_t number = 0;
};

TEST_CASE("what is made stays where it is, and is looked at in the order in which it was made", "[chunks]") {
  {
    chunks<counted> all;
    std::vector<counted*> made;
    // Chunks that are begun before the one before them is full, and large ones.
    for (const std::size_t more : {std::size_t{3}, std::size_t{1}, std::size_t{200'000}, std::size_t{5}}) {
      all.grow(more);
      while (all.room() > 1) {
        made.push_back(&all.make());
        made.back()->number = made.size();
      }
    }
    CHECK(alive == static_cast<int>(made.size()));
    chunks<counted> moved = std::move(all);
    std::size_t looked_at = 0;
    bool right = true;
    moved.for_each([&](counted& each) { right &= &each == made[looked_at++] && each.number == looked_at; });
    CHECK(right);
    CHECK(looked_at == made.size());
    CHECK(moved.room() == 1);
  }
  CHECK(alive == 0);
}

TEST_CASE("each chunk is larger than the one before it, and as large as it has to be", "[chunks]") {
  chunks<counted> all;
  CHECK(all.next_size(7) == 7);
  all.grow(7);
  CHECK(all.next_size(1) == 28);
  CHECK(all.next_size(100) == 100);
}

TEST_CASE("memory is aligned as its type is, and where it is large as the system's large pages are", "[chunks]") {
  struct alignas(256) wide {
    char bytes[256] = {};
  };
  for (const std::size_t n : {std::size_t{1}, std::size_t{20'000}}) {
    chunks<wide> all;
    all.grow(n);
    const auto place = reinterpret_cast<std::uintptr_t>(&all.make());
    CHECK(place % alignof(wide) == 0);
    if (kew::detail::is_large(n * sizeof(wide))) CHECK(place % kew::detail::large_page == 0);
  }
}

}}  // namespace kew_test
