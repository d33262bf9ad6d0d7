// Elements that throw at every step of every operation, and allocations that fail at every turn: nothing
// leaks, no slot sticks, and what a failed call was not about stays as it was.
#include <cstddef>
#include <memory>
#include <new>
#include <string>
#include <tuple>
#include <vector>

#include <kew/mpmc_ring.hpp>
#include <kew/mpsc_ring.hpp>
#include <kew/spmc_ring.hpp>
#include <kew/spsc_ring.hpp>

#include "contract/subjects.hpp"

namespace kew_test {
namespace {

/// Can be copied and moved, and its copies may throw but its moves may not: rings may treat it differently.
class throwing_copy {
 public:
  explicit throwing_copy(int value) : inner_(value) {}
  throwing_copy(const throwing_copy&) = default;
  throwing_copy(throwing_copy&& other) noexcept : inner_(quietly(other)) {}
  throwing_copy& operator=(const throwing_copy&) = default;
  throwing_copy& operator=(throwing_copy&& other) noexcept {
    const unarmed now;
    inner_ = std::move(other.inner_);
    return *this;
  }
  int read() const noexcept { return inner_.read(); }

  static void arm(int k) noexcept { throwing::arm(k); }

 private:
  struct unarmed {
    int before = throwing::disarm();
    ~unarmed() { throwing::arm(before); }
  };
  static throwing quietly(throwing_copy& other) {
    const unarmed now;
    return std::move(other.inner_);
  }

  throwing inner_;
};

template <template <class, std::size_t, class> class Ring, class T>
using of = whole<Ring<T, kew::dynamic_capacity, std::allocator<T>>>;
template <template <class, std::size_t, class> class Ring, class T>
using fixed_of = whole<Ring<T, 3, std::allocator<T>>, 3>;

using subjects =
    std::tuple<of<kew::spsc_ring, throwing>, of<kew::mpsc_ring, throwing>, of<kew::spmc_ring, throwing>,
               of<kew::mpmc_ring, throwing>, of<kew::spsc_ring, throwing_copy>, of<kew::mpsc_ring, throwing_copy>,
               of<kew::spmc_ring, throwing_copy>, of<kew::mpmc_ring, throwing_copy>, fixed_of<kew::spsc_ring, throwing>,
               fixed_of<kew::mpsc_ring, throwing>, fixed_of<kew::spmc_ring, throwing>,
               fixed_of<kew::mpmc_ring, throwing>>;

/// Runs `act` on a fresh subject with `inside` elements 0, 1, … in it, throwing at its first step, its
/// second, and so on until it gets through; `judge` sees the subject after each throw.
/// Says how many steps threw.
template <class S, class Act, class Judge>
int at_every_step(std::size_t inside, Act&& act, Judge&& judge) {
  bool thrown = true;
  int steps = 0;
  int k = 0;
  while (thrown) {
    ++k;
    INFO("inside " << inside << ", step " << k);
    REQUIRE(k < 200);
    nothing_leaks([&] {
      for (std::size_t offset = 0; offset < 3; ++offset) {
        S subject(3);
        turn(subject, offset);
        fill(subject, 0, inside);
        thrown = false;
        throwing::arm(k);
        try {
          act(subject);
        } catch (const fault&) {
          thrown = true;
          ++steps;
        }
        throwing::arm(0);
        if (thrown) judge(subject);
      }
    });
  }
  return steps;
}

/// The rest of [0, inside) from `first` on is there, and the queue works.
template <class S>
void expect_rest(S& subject, std::size_t inside, std::size_t most_lost) {
  const std::size_t left = subject.in().size_approx();
  REQUIRE(left <= inside);
  REQUIRE(left + most_lost >= inside);
  expect_and_reuse(subject, static_cast<int>(inside - left), left);
}

}  // namespace

TEMPLATE_LIST_TEST_CASE("a constructor that throws leaves the ring exactly as it was, and no slot stuck", "[faults]",
                        subjects) {
  using T = typename TestType::value_type;
  for (std::size_t inside = 0; inside <= 3; ++inside) {
    const auto as_it_was = [inside](TestType& subject) { expect_rest(subject, inside, 0); };
    const auto its_beginning = [inside](TestType& subject) {
      const std::size_t now = subject.in().size_approx();
      REQUIRE(now >= inside);
      expect(subject, 0, inside);
      expect_and_reuse(subject, 3, now - inside);
    };
    const T original = make<T>(50);
    SECTION("emplace, " + std::to_string(inside) + " inside") {
      const int steps = at_every_step<TestType>(
          inside, [](TestType& subject) { static_cast<void>(subject.in().try_emplace(50)); }, as_it_was);
      CHECK((steps > 0) == (inside < 3));
    }
    SECTION("push of an lvalue, " + std::to_string(inside) + " inside") {
      const int steps = at_every_step<TestType>(
          inside, [&](TestType& subject) { static_cast<void>(subject.in().try_push(original)); }, as_it_was);
      CHECK((steps > 0) == (inside < 3));
      CHECK(original.read() == 50);
    }
    SECTION("push of an rvalue, " + std::to_string(inside) + " inside") {
      T moved = make<T>(50);
      const int steps = at_every_step<TestType>(
          inside,
          [&](TestType& subject) {
            if (moved.read() == moved_from) throwing::arm(0), moved = make<T>(50);
            static_cast<void>(subject.in().try_push(std::move(moved)));
          },
          [&](TestType& subject) {
            CHECK(moved.read() == 50);
            as_it_was(subject);
          });
      CHECK((steps > 0) == (inside < 3 && !std::is_nothrow_move_constructible_v<T>));
    }
    SECTION("a batch, " + std::to_string(inside) + " inside: what is in is its beginning") {
      const int steps = at_every_step<TestType>(
          inside,
          [](TestType& subject) {
            typename single_pass<T>::state input{3};
            subject.in().try_push_n(single_pass<T>(input), 3);
          },
          its_beginning);
      CHECK((steps > 0) == (inside < 3));
    }
    SECTION("a batch of numbers, " + std::to_string(inside) + " inside: what is in is its beginning") {
      const int steps = at_every_step<TestType>(
          inside,
          [](TestType& subject) {
            constexpr int numbers[] = {3, 4, 5};
            subject.in().try_push_n(numbers, 3);
          },
          its_beginning);
      CHECK((steps > 0) == (inside < 3));
    }
  }
}

TEMPLATE_LIST_TEST_CASE("a batch of which one throws leaves none of it inside", "[faults]", subjects) {
  using T = typename TestType::value_type;
  for (std::size_t inside = 0; inside <= 3; ++inside) {
    const int steps = at_every_step<TestType>(
        inside,
        [](TestType& subject) {
          typename single_pass<T>::state input{50};
          subject.in().try_push_n(single_pass<T>(input), 3);
        },
        [inside](TestType& subject) { expect_rest(subject, inside, 0); });
    CHECK((steps > 0) == (inside < 3));
  }
}

TEMPLATE_LIST_TEST_CASE("a move on the way out that throws loses at most that one element", "[faults]", subjects) {
  using T = typename TestType::value_type;
  for (std::size_t inside = 0; inside <= 3; ++inside) {
    const auto less_one = [inside](TestType& subject) { expect_rest(subject, inside, 1); };
    SECTION("pop, " + std::to_string(inside) + " inside") {
      const int steps = at_every_step<TestType>(
          inside, [](TestType& subject) { static_cast<void>(subject.out().try_pop().has_value()); }, less_one);
      CHECK((steps > 0) == (inside > 0 && !std::is_nothrow_move_constructible_v<T>));
    }
    SECTION("pop into a variable, " + std::to_string(inside) + " inside") {
      T target = make<T>(60);
      const int steps = at_every_step<TestType>(
          inside, [&](TestType& subject) { static_cast<void>(subject.out().try_pop(target)); }, less_one);
      CHECK((steps > 0) == (inside > 0 && !std::is_nothrow_move_assignable_v<T>));
    }
    SECTION("a batch, " + std::to_string(inside) + " inside") {
      std::vector<T> taken;
      const int steps = at_every_step<TestType>(
          inside,
          [&](TestType& subject) {
            taken.reserve(3);
            subject.out().try_pop_n(std::back_inserter(taken), 3);
            taken.clear();
          },
          [&](TestType& subject) {
            for (std::size_t i = 0; i < taken.size(); ++i) CHECK(taken[i].read() == static_cast<int>(i));
            expect_rest(subject, inside, taken.size() + 1);
            taken.clear();
          });
      CHECK((steps > 0) == (inside > 0 && !std::is_nothrow_move_constructible_v<T>));
    }
  }
}

namespace {

/// Fails at the n-th allocation, and knows what it has given out.
struct allocation_plan {
  int fail_at = 0;
  int calls = 0;
  std::ptrdiff_t bytes_out = 0;
  int copies = 0;
};

template <class T>
class planned_allocator {
 public:
  using value_type = T;

  explicit planned_allocator(allocation_plan& plan) noexcept : plan_(&plan) {}
  template <class U>
  planned_allocator(const planned_allocator<U>& other) noexcept : plan_(other.plan_) {}

  T* allocate(std::size_t n) {
    if (++plan_->calls == plan_->fail_at) throw std::bad_alloc();
    T* room = std::allocator<T>().allocate(n);
    plan_->bytes_out += static_cast<std::ptrdiff_t>(n * sizeof(T));
    return room;
  }
  void deallocate(T* room, std::size_t n) noexcept {
    plan_->bytes_out -= static_cast<std::ptrdiff_t>(n * sizeof(T));
    std::allocator<T>().deallocate(room, n);
  }
  template <class U>
  bool operator==(const planned_allocator<U>& other) const noexcept {
    return plan_ == other.plan_;
  }

 private:
  template <class U>
  friend class planned_allocator;

  allocation_plan* plan_;
};

template <template <class, std::size_t, class> class Ring, class T>
void fail_every_allocation() {
  for (const std::size_t capacity : sizes{1, 3, 1000}) {
    bool failed = true;
    int failures = 0;
    int n = 0;
    while (failed) {
      ++n;
      allocation_plan plan{.fail_at = n};
      nothing_leaks([&] {
        failed = false;
        try {
          Ring<T, kew::dynamic_capacity, planned_allocator<T>> ring(capacity, planned_allocator<T>(plan));
          const int calls = plan.calls;
          CHECK(calls >= 1);
          CHECK(plan.bytes_out >= static_cast<std::ptrdiff_t>(capacity * sizeof(T)));
          for (std::size_t i = 0; i < 3 * capacity; ++i) {
            const status pushed = ring.try_push(make<T>(static_cast<int>(i)));
            REQUIRE(pushed == status::success);
            REQUIRE(ring.try_pop().has_value());
          }
          CHECK(plan.calls == calls);
        } catch (const std::bad_alloc& caught) {
          failed = true;
          ++failures;
          CHECK(std::string(caught.what()).find(std::to_string(capacity)) != std::string::npos);
        }
      });
      CHECK(plan.bytes_out == 0);
    }
    CHECK(failures >= 1);
  }
}

}  // namespace

TEST_CASE("an allocation that fails throws bad_alloc by name, leaks nothing, and none happens after construction",
          "[faults]") {
  fail_every_allocation<kew::spsc_ring, int>();
  fail_every_allocation<kew::mpsc_ring, int>();
  fail_every_allocation<kew::spmc_ring, int>();
  fail_every_allocation<kew::mpmc_ring, int>();
  fail_every_allocation<kew::spsc_ring, over_aligned>();
  fail_every_allocation<kew::mpsc_ring, over_aligned>();
  fail_every_allocation<kew::spmc_ring, over_aligned>();
  fail_every_allocation<kew::mpmc_ring, over_aligned>();
}

}  // namespace kew_test
