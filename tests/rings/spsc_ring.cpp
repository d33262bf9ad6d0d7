// spsc_ring beyond the contract: its type, every fixed capacity, counters that overflow, threads, and slots
// that are written and read in place.
#include <kew/spsc_ring.hpp>

#include <algorithm>
#include <array>
#include <numeric>

#include "rings/ring_suite.hpp"

namespace kew_test {
namespace {

static_assert(type_is_as_promised<kew::spsc_ring<int>, kew::spsc_ring<int, 4>, kew::spsc_ring<std::string>>());
static_assert(!kew::many_producers<kew::spsc_ring<int>> && !kew::many_consumers<kew::spsc_ring<int>>);

using kew::detail::publication;

template <class T, class Index, publication Way = kew::detail::publication_of<T>>
using narrow = kew::detail::basic_spsc_ring<T, kew::dynamic_capacity, std::allocator<T>, Index, Way>;

template <std::size_t Capacity>
using fixed = whole<kew::spsc_ring<int, Capacity>, Capacity>;
using fixed_capacities = std::tuple<fixed<1>, fixed<2>, fixed<5>, fixed<7>, fixed<8>, fixed<1000>>;

// A position keeps two bits for laps beside the slot's number.
using overflowing = std::tuple<
    near_overflow<narrow<int, std::uint8_t>, 1, 64>, near_overflow<narrow<int, std::uint8_t>, 2, 64>,
    near_overflow<narrow<int, std::uint8_t, publication::by_count>, 1, 64>,
    near_overflow<narrow<throwing, std::uint8_t>, 1, 64>, near_overflow<narrow<int, std::uint16_t>, 2, 16384>,
    near_overflow<narrow<std::string, std::uint16_t>, 1, 16384>, near_overflow<narrow<int, std::uint32_t>, 1, SIZE_MAX>,
    near_overflow<narrow<int, std::uint64_t>, 2, SIZE_MAX>>;

std::size_t write(auto& claim, int first) {
  for (int& slot : claim.first()) slot = first++;
  for (int& slot : claim.second()) slot = first++;
  return claim.first().size() + claim.second().size();
}

std::vector<int> contents(const auto& peek) {
  std::vector<int> all(peek.first().begin(), peek.first().end());
  all.insert(all.end(), peek.second().begin(), peek.second().end());
  return all;
}

/// All bytes the same, so that one from another record shows.
template <std::size_t Bytes>
struct record {
  std::array<unsigned char, Bytes> bytes;

  explicit record(std::size_t number) noexcept { bytes.fill(content(number)); }
  bool is(std::size_t number) const {
    return std::ranges::all_of(bytes, [=](unsigned char each) { return each == content(number); });
  }
  static unsigned char content(std::size_t number) { return static_cast<unsigned char>(number % 251); }
};

// Sizes on both sides of each border between two layouts.
using records = std::tuple<record<3>, record<4>, record<8>, record<9>, record<24>, record<25>, record<56>, record<57>,
                           record<77>, record<78>, record<120>, record<121>, record<184>, record<185>>;

template <std::size_t Bytes>
constexpr std::size_t slot_of = sizeof(kew::detail::numbered_slot<record<Bytes>, std::uint64_t>);
static_assert(kew::detail::publication_of<record<3>> == publication::by_count);
static_assert(kew::detail::publication_of<record<4>> == publication::by_slot && slot_of<4> == 16);
static_assert(slot_of<8> == 16 && slot_of<9> == 32 && slot_of<24> == 32 && slot_of<25> == 64 && slot_of<56> == 64);
static_assert(kew::detail::cache_line != 64 || (slot_of<57> == 72 && slot_of<77> == 88 && slot_of<78> == 128 &&
                                                slot_of<120> == 128 && slot_of<121> == 192));
static_assert(kew::detail::publication_of<record<184>> == publication::by_slot);
static_assert(kew::detail::publication_of<record<185>> == publication::by_count);

std::vector<int> counting(int first, std::size_t n) {
  std::vector<int> numbers(n);
  std::iota(numbers.begin(), numbers.end(), first);
  return numbers;
}

}  // namespace

TEMPLATE_LIST_TEST_CASE("spsc_ring holds exactly each fixed capacity", "[spsc_ring]", fixed_capacities) {
  ring_contract<TestType>();
}

TEMPLATE_LIST_TEST_CASE("spsc_ring keeps its contract while its counters overflow", "[spsc_ring]", overflowing) {
  ring_contract<TestType>();
}

TEST_CASE("spsc_ring refuses a capacity that its index type cannot count", "[spsc_ring]") {
  using ring = narrow<int, std::uint8_t>;
  CHECK(ring(64).capacity() == 64);
  CHECK_THROWS_AS(ring(65), std::length_error);
}

TEST_CASE("a claim hands out as many free slots as there are, up to n, in at most two spans", "[spsc_ring]") {
  for (const std::size_t capacity : sizes{1, 2, 3, 5, 7, 8, 1000})
    for (std::size_t offset = 0; offset < capacity; offset += 1 + capacity / 5) {
      INFO("capacity " << capacity << ", offset " << offset);
      whole<kew::spsc_ring<int>> subject(capacity);
      turn(subject, offset);
      auto& ring = subject.in();
      {
        auto claim = ring.try_claim(0);
        CHECK(claim.first().empty());
        CHECK(claim.second().empty());
      }
      {
        auto claim = ring.try_claim(SIZE_MAX);
        CHECK(claim.first().size() + claim.second().size() == capacity);
        CHECK(claim.first().size() == capacity - offset);
        CHECK(write(claim, 10) == capacity);
        // Not published yet.
        CHECK(ring.size_approx() == 0);
        CHECK(ring.try_peek(SIZE_MAX).first().empty());
        claim.commit(capacity);
      }
      CHECK(ring.size_approx() == capacity);
      {
        auto claim = ring.try_claim(1);
        CHECK(claim.first().empty());
        CHECK(claim.second().empty());
      }
      {
        auto peek = ring.try_peek(SIZE_MAX);
        CHECK(peek.first().size() == capacity - offset);
        CHECK(contents(peek) == counting(10, capacity));
        peek.release(capacity);
      }
      expect_and_reuse(subject, 0, 0);
    }
}

TEST_CASE("a commit publishes the first k, in order, and the other slots stay free", "[spsc_ring]") {
  for (std::size_t offset = 0; offset < 5; ++offset)
    for (std::size_t k = 0; k <= 5; ++k) {
      INFO("offset " << offset << ", k " << k);
      whole<kew::spsc_ring<int>> subject(5);
      turn(subject, offset);
      {
        auto claim = subject.in().try_claim(5);
        write(claim, 0);
        claim.commit(k);
      }
      CHECK(subject.in().size_approx() == k);
      fill(subject, static_cast<int>(k), 5 - k);
      expect_and_reuse(subject, 0, 5);
    }
}

TEST_CASE("a claim dropped without commit publishes nothing", "[spsc_ring]") {
  for (const std::size_t capacity : sizes{5, 100})
    for (const std::size_t pushed_before : sizes{0, 2}) {
      whole<kew::spsc_ring<int>> subject(capacity);
      turn(subject, pushed_before);
      for (std::size_t round = 0; round < 12; ++round) {
        {
          auto claim = subject.in().try_claim(3);
          write(claim, -100);
        }
        CHECK(subject.in().size_approx() == 0);
        const status popped = subject.out().try_pop().status();
        CHECK(popped == status::empty);
        turn(subject, 1);
      }
      expect_and_reuse(subject, 0, 0);
    }
}

TEST_CASE("a release takes the first k away, and a peek dropped without release leaves them all", "[spsc_ring]") {
  for (std::size_t offset = 0; offset < 5; ++offset)
    for (std::size_t k = 0; k <= 4; ++k) {
      INFO("offset " << offset << ", k " << k);
      whole<kew::spsc_ring<int>> subject(5);
      turn(subject, offset);
      fill(subject, 0, 4);
      {
        auto peek = subject.out().try_peek(3);
        CHECK(contents(peek) == counting(0, 3));
      }
      CHECK(subject.out().size_approx() == 4);
      {
        auto peek = subject.out().try_peek(9);
        CHECK(contents(peek) == counting(0, 4));
        peek.release(k);
      }
      expect_and_reuse(subject, static_cast<int>(k), 4 - k);
    }
}

TEST_CASE("a peek shows elements that may be changed and moved from, and release destroys them once", "[spsc_ring]") {
  nothing_leaks([] {
    whole<kew::spsc_ring<no_default>> subject(3);
    for (std::size_t round = 0; round < 7; ++round) {
      fill(subject, 0, 3);
      auto peek = subject.out().try_peek(3);
      REQUIRE(peek.first().size() + peek.second().size() == 3);
      {
        const no_default taken = std::move(peek.first()[0]);
        CHECK(taken.read() == 0);
      }
      const long alive = tracked::alive;
      peek.release(2);
      CHECK(tracked::alive == alive - 2);
      expect(subject, 2, 1);
      // Next time what is released wraps round somewhere else.
      turn(subject, 1);
    }
  });
}

TEST_CASE("what a peek has shown and left comes out whole, and once", "[spsc_ring]") {
  nothing_leaks([] {
    whole<kew::spsc_ring<no_default>> subject(3);
    for (std::size_t round = 0; round < 7; ++round) {
      fill(subject, 0, 3);
      CHECK(subject.out().try_peek(2).size() == 2);
      expect(subject, 0, 3);
      turn(subject, 1);
    }
  });
}

TEST_CASE("blocks written in place by one thread arrive whole and in order at the other", "[spsc_ring][stress]") {
  const watchdog guard("zero copy");
  for (const std::size_t capacity : sizes{1, 3, 8, 61}) {
    kew::spsc_ring<std::uint64_t> ring(capacity);
    const std::size_t total = scaled(100'000);
    std::thread producer([&] {
      random_source random(run_seed());
      for (std::uint64_t next = 0; next < total;) {
        auto claim = ring.try_claim(std::min<std::size_t>(1 + random.below(9), total - next));
        const std::size_t n = claim.first().size() + claim.second().size();
        if (n == 0) {
          std::this_thread::yield();
          continue;
        }
        std::uint64_t value = next;
        for (auto& slot : claim.first()) slot = value++;
        for (auto& slot : claim.second()) slot = value++;
        const std::size_t k = random.below(n + 1);
        claim.commit(k);
        next += k;
      }
    });
    random_source random(run_seed() + 1);
    std::size_t wrong = 0;
    for (std::uint64_t next = 0; next < total;) {
      auto peek = ring.try_peek(1 + random.below(9));
      std::uint64_t value = next;
      for (const auto& slot : peek.first()) wrong += slot == value++ ? 0 : 1;
      for (const auto& slot : peek.second()) wrong += slot == value++ ? 0 : 1;
      const auto n = static_cast<std::size_t>(value - next);
      if (n == 0) {
        std::this_thread::yield();
        continue;
      }
      const std::size_t k = random.below(n + 1);
      peek.release(k);
      next += k;
    }
    producer.join();
    CHECK(wrong == 0);
    CHECK(ring.size_approx() == 0);
  }
}

TEST_CASE("spsc_ring delivers every element once and in order", "[spsc_ring][stress]") {
  for (const std::size_t capacity : sizes{1, 2, 3, 8, 64, 1000}) {
    kew::spsc_ring<std::uint64_t> ring(capacity);
    stress(ring, 1, 1, scaled(capacity < 3 ? 5'000 : 40'000), run_seed());
  }
  kew::spsc_ring<std::uint64_t, 5> ring;
  stress(ring, 1, 1, scaled(40'000), run_seed());
}

TEST_CASE("spsc_ring delivers every element once while its counters overflow", "[spsc_ring][stress]") {
  // Nothing compares a count with an old one of its own side, so that even 8 bits are enough here.
  for (const std::size_t capacity : sizes{1, 3, 8, 50, 64}) {
    near_overflow<narrow<std::uint64_t, std::uint8_t>, 1, 64> by_slot(capacity);
    stress(by_slot.in(), 1, 1, scaled(10'000), run_seed());
    near_overflow<narrow<std::uint64_t, std::uint8_t, publication::by_count>, 1, 64> by_count(capacity);
    stress(by_count.in(), 1, 1, scaled(10'000), run_seed());
  }
}

/// Single elements, batches of all sizes and slots in place, on both sides, each as it comes.
void in_all_ways(auto& ring, std::size_t total) {
  INFO("capacity " << ring.capacity() << ", KEW_SEED=" << run_seed());
  const std::size_t most = ring.capacity() + ring.capacity() / 2 + 1;
  std::thread producer([&] {
    random_source random(run_seed());
    std::vector<std::uint64_t> batch(most);
    for (std::uint64_t next = 0; next < total;) {
      const std::size_t n = std::min<std::size_t>(1 + random.below(most), total - next);
      std::size_t done = 0;
      // The first claim comes late, because it changes the way of all elements after it.
      switch (random.below(next > total / 2 ? 4 : 3)) {
        case 3: {
          auto claim = ring.try_claim(n);
          std::uint64_t value = next;
          for (auto& slot : claim.first()) slot = value++;
          for (auto& slot : claim.second()) slot = value++;
          done = random.below(claim.size() + 1);
          claim.commit(done);
          break;
        }
        case 1:
          std::iota(batch.begin(), batch.end(), next);
          done = ring.try_push_n(batch.begin(), n);
          break;
        default:
          while (done < n && ring.try_push(next + done)) ++done;
      }
      next += done;
      if (done == 0) std::this_thread::yield();
    }
  });
  random_source random(run_seed() + 1);
  std::vector<std::uint64_t> batch(most);
  std::size_t wrong = 0;
  for (std::uint64_t next = 0; next < total;) {
    const std::uint64_t before = next;
    const std::size_t n = 1 + random.below(most);
    const auto see = [&](std::uint64_t value) { wrong += value == next++ ? 0 : 1; };
    switch (random.below(4)) {
      case 0: {
        auto peek = ring.try_peek(n);
        std::ranges::for_each(peek.first(), see);
        std::ranges::for_each(peek.second(), see);
        const std::size_t taken = random.below(peek.size() + 1);
        next = before + taken;
        peek.release(taken);
        break;
      }
      case 1: std::for_each_n(batch.begin(), ring.try_pop_n(batch.begin(), n), see); break;
      default:
        while (next < before + n)
          if (const auto popped = ring.try_pop())
            see(*popped);
          else
            break;
    }
    if (next == before) std::this_thread::yield();
  }
  producer.join();
  CHECK(wrong == 0);
  CHECK(ring.size_approx() == 0);
}

TEST_CASE("single elements and batches and slots in place take turns in an spsc_ring", "[spsc_ring][stress]") {
  const watchdog guard("all ways");
  for (const std::size_t capacity : sizes{1, 3, 64, 100, 1000}) {
    kew::spsc_ring<std::uint64_t> ring(capacity);
    in_all_ways(ring, scaled(capacity < 64 ? 20'000 : 200'000));
  }
  // What a slot said some laps ago, when a batch passed it over, comes round again.
  for (const std::size_t capacity : sizes{1, 2, 3, 8, 63, 64}) {
    near_overflow<narrow<std::uint64_t, std::uint8_t>, 1, 64> subject(capacity);
    in_all_ways(subject.in(), scaled(20'000));
  }
  kew::spsc_ring<std::uint64_t, 100> fixed;
  in_all_ways(fixed, scaled(100'000));
}

TEST_CASE("a slot that batches have passed over has nothing to say when its position comes round again",
          "[spsc_ring]") {
  constexpr std::size_t capacity = 64;  // the smallest batch that lies in the array
  for (std::size_t batches = 0; batches < 40; ++batches)
    for (std::size_t singles = 0; singles < capacity; ++singles) {
      INFO(batches << " batches, then " << singles << " single elements");
      near_overflow<narrow<int, std::uint8_t>, 1, 64> subject(capacity);
      auto& ring = subject.in();
      turn(subject, 2);
      for (std::size_t i = 0; i < batches; ++i) {
        const std::vector<int> batch = counting(0, capacity);
        REQUIRE(ring.try_push_n(batch.begin(), capacity) == capacity);
        std::vector<int> popped(capacity);
        REQUIRE(ring.try_pop_n(popped.begin(), capacity) == capacity);
        REQUIRE(popped == batch);
      }
      turn(subject, singles + 1);
      const status popped = ring.try_pop().status();
      REQUIRE(popped == status::empty);
      fill(subject, 0, 1);
      expect(subject, 0, 1);
    }
}

TEST_CASE("spsc_ring hands elements over whole", "[spsc_ring][stress]") {
  for (const std::size_t capacity : sizes{1, 2, 7}) {
    kew::spsc_ring<std::string> ring(capacity);
    stress_strings(ring, 1, 1, scaled(10'000));
  }
}

TEMPLATE_LIST_TEST_CASE("spsc_ring hands records of every size over whole, also to a consumer that peeks",
                        "[spsc_ring][stress]", records) {
  const watchdog guard("records");
  for (const std::size_t capacity : sizes{1, 3, 16, 100}) {
    INFO("capacity " << capacity << ", KEW_SEED=" << run_seed());
    kew::spsc_ring<TestType> ring(capacity);
    const std::size_t total = scaled(capacity < 3 ? 1'000 : 10'000);
    std::thread producer([&] {
      random_source random(run_seed());
      for (std::size_t next = 0; next < total;) {
        std::size_t done = 0;
        if (random.below(2) == 0) {
          done = ring.try_emplace(next) ? 1 : 0;
        } else {
          const TestType batch[] = {TestType(next), TestType(next + 1), TestType(next + 2)};
          done = ring.try_push_n(batch, std::min<std::size_t>(3, total - next));
        }
        next += done;
        if (done == 0) std::this_thread::yield();
      }
    });
    random_source random(run_seed() + 1);
    std::size_t wrong = 0;
    for (std::size_t next = 0; next < total;) {
      const std::size_t before = next;
      const auto see = [&](const TestType& element) { wrong += element.is(next++) ? 0 : 1; };
      if (random.below(4) != 0) {
        static_cast<void>(ring.try_consume(see));
      } else {
        auto peek = ring.try_peek(1 + random.below(9));
        std::ranges::for_each(peek.first(), see);
        std::ranges::for_each(peek.second(), see);
        const std::size_t taken = random.below(peek.size() + 1);
        next = before + taken;
        peek.release(taken);
      }
      if (next == before) std::this_thread::yield();
    }
    producer.join();
    CHECK(wrong == 0);
    CHECK(ring.size_approx() == 0);
  }
}

}  // namespace kew_test
