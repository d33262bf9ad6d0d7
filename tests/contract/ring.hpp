// The contract of everything that has try_ operations.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "contract/subjects.hpp"

namespace kew_test {

/// Whatever is done to it, one thread cannot tell the queue from a deque with a bound.
template <class S>
void behaves_like_a_bounded_deque(std::size_t capacity, std::size_t steps, random_source& random) {
  using T = typename S::value_type;
  S subject(capacity);
  auto& in = subject.in();
  auto& out = subject.out();
  std::deque<int> model;
  int next = 0;
  const auto pushed = [&](status answer) {
    REQUIRE(answer == (model.size() < capacity ? status::success : status::full));
    if (answer) model.push_back(next);
    ++next;
  };
  const auto popped = [&](int value) {
    REQUIRE(!model.empty());
    REQUIRE(value == model.front());
    model.pop_front();
  };
  for (std::size_t step = 0; step < steps; ++step) {
    switch (random.below(10)) {
      case 0: pushed(in.try_push(make<T>(next))); break;
      case 1:
        if constexpr (std::is_copy_constructible_v<T>) {
          const T original = make<T>(next);
          const int value = next;
          pushed(in.try_push(original));
          REQUIRE(read(original) == value);
        }
        break;
      case 2: pushed(in.try_emplace(ingredient<T>(next))); break;
      case 3: {
        const std::size_t n = random.below(capacity + 3);
        typename single_pass<T>::state input{next};
        const std::size_t done = in.try_push_n(single_pass<T>(input), n);
        REQUIRE(done == std::min(n, capacity - model.size()));
        REQUIRE(input.reads == static_cast<int>(done));
        for (std::size_t i = 0; i < done; ++i) model.push_back(next++);
        break;
      }
      case 4: {
        auto answer = out.try_pop();
        REQUIRE(answer.status() == (model.empty() ? status::empty : status::success));
        if (answer) popped(read(*answer));
        break;
      }
      case 5: {
        T target = make<T>(-7);
        const status answer = out.try_pop(target);
        REQUIRE(answer == (model.empty() ? status::empty : status::success));
        if (answer)
          popped(read(target));
        else
          REQUIRE(read(target) == -7);
        break;
      }
      case 6:
        if constexpr (consuming<std::remove_reference_t<decltype(out)>, T>) {
          int value = broken;
          const status answer = out.try_consume([&](T& element) { value = read(element); });
          REQUIRE(answer == (model.empty() ? status::empty : status::success));
          if (answer) popped(value);
        }
        break;
      case 7: {
        // Into elements that are there, which cannot throw where T's assignment does not, and into a vector that grows.
        const std::size_t n = random.below(capacity + 3);
        std::vector<T> taken;
        const bool grows = random.one_in(2);
        if (!grows)
          while (taken.size() < n) taken.push_back(make<T>(-7));
        const std::size_t done = grows ? out.try_pop_n(std::back_inserter(taken), n) : out.try_pop_n(taken.begin(), n);
        REQUIRE(done == std::min(n, model.size()));
        REQUIRE(taken.size() == (grows ? done : n));
        for (std::size_t i = 0; i < taken.size(); ++i)
          if (i < done)
            popped(read(taken[i]));
          else
            REQUIRE(read(taken[i]) == -7);
        break;
      }
      case 8:
        if constexpr (kew::detail::pops_in_two_steps<std::remove_reference_t<decltype(out)>>) {
          typename std::remove_reference_t<decltype(out)>::pop_claim claim{};
          const status answer = out.claim_pop(claim);
          REQUIRE(answer == (model.empty() ? status::empty : status::success));
          if (!answer) break;
          popped(read(out.claimed(claim)));
          out.end_pop(claim);
        }
        break;
      default:
        // Lean one way for a while, so that full and empty both come up.
        for (std::size_t i = random.below(capacity + 1); i > 0; --i)
          if (step % 2 == 0)
            pushed(in.try_push(make<T>(next)));
          else if (auto answer = out.try_pop())
            popped(read(*answer));
    }
    REQUIRE(in.size_approx() == model.size());
    REQUIRE(out.size_approx() == model.size());
  }
}

namespace ring_parts {

/// Capacity, and what one thread sees.
template <class S>
void bounds() {
  using T = typename S::value_type;

  SECTION("the capacity is exactly what was asked for, and exactly that many fit") {
    for (const std::size_t capacity : capacities<S>()) {
      INFO("capacity " << capacity);
      S subject(capacity);
      CHECK(subject.in().capacity() == capacity);
      CHECK(subject.out().capacity() == capacity);
      for (int round = 0; round < 4; ++round) {
        fill(subject, 0, capacity);
        CHECK(subject.in().size_approx() == capacity);
        CHECK(subject.in().try_push(make<T>(-5)) == status::full);
        expect(subject, 0, capacity);
        CHECK(subject.out().try_pop().status() == status::empty);
        turn(subject, 1);
      }
    }
  }

  SECTION("a capacity of 0 or beyond what can be addressed is refused by name") {
    if constexpr (is_dynamic<S>) {
      nothing_leaks([] {
        CHECK_THROWS_AS(S(0), std::invalid_argument);
        CHECK_THROWS_AS(S(SIZE_MAX), std::length_error);
        CHECK_THROWS_AS(S(SIZE_MAX / 2), std::length_error);
        CHECK_THROWS_AS(S(SIZE_MAX / sizeof(T) + 1), std::length_error);
        CHECK(message_of([] { S subject(0); }).find("capacity 0") != std::string::npos);
        for (const std::size_t capacity : {SIZE_MAX, SIZE_MAX / 2, SIZE_MAX / sizeof(T) + 1})
          CHECK(message_of([&] { S subject(capacity); }).find(std::to_string(capacity)) != std::string::npos);
      });
    }
  }

  SECTION("in one thread a queue is a deque with a bound") {
    random_source random(run_seed());
    nothing_leaks([&] {
      for (const std::size_t capacity : capacities<S>()) {
        INFO("capacity " << capacity << ", KEW_SEED=" << run_seed());
        behaves_like_a_bounded_deque<S>(capacity, capacity > 100 ? 60 : 300, random);
      }
    });
  }
}

/// One element at a time.
template <class S>
void single_elements() {
  using T = typename S::value_type;

  SECTION("a push that fails leaves its argument untouched") {
    S subject(some_capacity<S>());
    fill(subject, 0, subject.in().capacity());
    T kept = make<T>(7);
    CHECK(subject.in().try_push(std::move(kept)) == status::full);
    CHECK(read(kept) == 7);
    CHECK(subject.in().try_emplace(std::move(kept)) == status::full);
    CHECK(read(kept) == 7);
    if constexpr (std::is_copy_constructible_v<T>) {
      CHECK(subject.in().try_push(std::as_const(kept)) == status::full);
    }
    std::vector<T> batch = several<T>(20, 3);
    CHECK(subject.in().try_push_n(std::move_iterator(batch.begin()), 3) == 0);
    CHECK(read(batch[0]) == 20);
    expect(subject, 0, 1);
    CHECK(subject.in().try_push_n(std::move_iterator(batch.begin()), 3) == 1);
    if constexpr (move_shows<T>) CHECK(read(batch[0]) == moved_from);
    CHECK(read(batch[1]) == 21);
    CHECK(read(batch[2]) == 22);
    expect(subject, 1, subject.in().capacity() - 1);
    expect_and_reuse(subject, 20, 1);
  }

  SECTION("a push of an rvalue moves, a push of an lvalue copies") {
    S subject(some_capacity<S>());
    T moved = make<T>(1);
    CHECK(subject.in().try_push(std::move(moved)) == status::success);
    if constexpr (move_shows<T>) CHECK(read(moved) == moved_from);
    expect(subject, 1, 1);
    if constexpr (std::is_copy_constructible_v<T>) {
      T copied = make<T>(2);
      CHECK(subject.in().try_push(copied) == status::success);
      CHECK(read(copied) == 2);
      expect(subject, 2, 1);
    }
  }

  SECTION("an emplaced element is made in its slot, with no move on the way in") {
    S subject(some_capacity<S>());
    const long moves = tracked::moves;
    CHECK(subject.in().try_emplace(ingredient<T>(3)) == status::success);
    CHECK(tracked::moves == moves);
    expect(subject, 3, 1);
  }

  SECTION("a pop from an empty queue says empty and leaves its argument untouched") {
    S subject(some_capacity<S>());
    turn(subject, 2);
    T target = make<T>(9);
    CHECK(subject.out().try_pop(target) == status::empty);
    CHECK(read(target) == 9);
    CHECK_FALSE(subject.out().try_pop().has_value());
    std::vector<T> taken;
    CHECK(subject.out().try_pop_n(std::back_inserter(taken), 5) == 0);
    CHECK(taken.empty());
  }
}

/// try_consume, where there is one.
template <class S>
void consuming_in_place() {
  using T = typename S::value_type;

  SECTION("an element that is consumed in place is released afterwards") {
    if constexpr (consuming<std::remove_reference_t<decltype(std::declval<S&>().out())>, T>) {
      nothing_leaks([] {
        S subject(some_capacity<S>());
        int calls = 0;
        const status nothing = subject.out().try_consume([&](T&) { ++calls; });
        CHECK(nothing == status::empty);
        CHECK(calls == 0);
        for (int round = 0; round < 5; ++round) {
          fill(subject, 4, 1);
          const long alive = tracked::alive;
          const long moves = tracked::moves;
          int seen = broken;
          const status consumed = subject.out().try_consume([&](T& element) {
            seen = read(element);
            CHECK(tracked::alive == alive);
            CHECK(reinterpret_cast<std::uintptr_t>(&element) % alignof(T) == 0);
          });
          CHECK(consumed == status::success);
          CHECK(seen == 4);
          CHECK(tracked::moves == moves);
          CHECK(tracked::alive <= alive);
        }
        expect_and_reuse(subject, 0, 0);
      });
    }
  }

  SECTION("an element that is consumed in place is released also when the function throws") {
    if constexpr (consuming<std::remove_reference_t<decltype(std::declval<S&>().out())>, T>) {
      nothing_leaks([] {
        S subject(some_capacity<S>());
        turn(subject, 1);
        for (int round = 0; round < 5; ++round) {
          fill(subject, 5, subject.in().capacity());
          CHECK_THROWS_AS(static_cast<void>(subject.out().try_consume([](T&) { throw fault("the consumer broke"); })),
                          fault);
          CHECK(subject.out().size_approx() == subject.in().capacity() - 1);
          expect(subject, 6, subject.in().capacity() - 1);
        }
        expect_and_reuse(subject, 0, 0);
      });
    }
  }
}

/// claim_pop and end_pop, where they are.
template <class S>
void popping_in_two_steps() {
  using T = typename S::value_type;
  using ring = std::remove_reference_t<decltype(std::declval<S&>().out())>;

  SECTION("a pop in two steps leaves the element in its slot until its end, which destroys it and frees the slot") {
    if constexpr (kew::detail::pops_in_two_steps<ring>) {
      nothing_leaks([] {
        S subject(some_capacity<S>());
        for (int round = 0; round < 5; ++round) {
          fill(subject, 4, subject.in().capacity());
          const long alive = tracked::alive;
          const long moves = tracked::moves;
          typename ring::pop_claim claim{};
          CHECK(subject.out().claim_pop(claim) == status::success);
          CHECK(read(subject.out().claimed(claim)) == 4);
          CHECK(tracked::alive == alive);
          CHECK_FALSE(subject.in().try_push(make<T>(9)));
          subject.out().end_pop(claim);
          CHECK(tracked::moves <= moves + 1);  // of the one that was refused
          CHECK(tracked::alive <= alive);
          CHECK(subject.out().size_approx() == subject.in().capacity() - 1);
          expect(subject, 5, subject.in().capacity() - 1);
        }
        typename ring::pop_claim claim{};
        CHECK(subject.out().claim_pop(claim) == status::empty);
        expect_and_reuse(subject, 0, 0);
      });
    }
  }
}

/// Calls `body(subject, k)` with places in a batch that fills the queue, at the first and the last offset.
template <class S, class F>
void at_several_places(F&& body) {
  nothing_leaks([&] {
    for (const std::size_t capacity : capacities<S>())
      for (const std::size_t offset : {std::size_t{0}, capacity - 1})
        for (const std::size_t k : {std::size_t{0}, std::size_t{1}, capacity / 2, capacity - 1}) {
          if (k >= capacity) continue;
          INFO("capacity " << capacity << ", offset " << offset << ", throws at " << k);
          S subject(capacity);
          turn(subject, offset);
          body(subject, k);
        }
  });
}

/// Several elements in one call.
template <class S>
void batches() {
  using T = typename S::value_type;

  SECTION("a batch goes in in order as far as there is room, and comes out in order as far as there is something") {
    for (const std::size_t capacity : capacities<S>())
      for (const std::size_t offset : {std::size_t{0}, std::size_t{1}, capacity / 2, capacity - 1}) {
        INFO("capacity " << capacity << ", offset " << offset);
        S subject(capacity);
        turn(subject, offset);
        std::vector<T> batch = several<T>(0, capacity + 2);
        CHECK(subject.in().try_push_n(std::move_iterator(batch.begin()), 0) == 0);
        CHECK(read(batch[0]) == 0);
        CHECK(subject.in().try_push_n(std::move_iterator(batch.begin()), capacity + 2) == capacity);
        CHECK(read(batch[capacity]) == static_cast<int>(capacity));
        CHECK(subject.in().size_approx() == capacity);
        std::vector<T> taken;
        CHECK(subject.out().try_pop_n(std::back_inserter(taken), 0) == 0);
        CHECK(subject.out().try_pop_n(std::back_inserter(taken), 1) == 1);
        CHECK(subject.out().try_pop_n(std::back_inserter(taken), capacity + 5) == capacity - 1);
        REQUIRE(taken.size() == capacity);
        for (std::size_t i = 0; i < capacity; ++i) REQUIRE(read(taken[i]) == static_cast<int>(i));
        expect_and_reuse(subject, 0, 0);
      }
  }

  SECTION("a single-pass iterator is not moved past what went in") {
    S subject(some_capacity<S>());
    typename single_pass<T>::state input{0};
    const std::size_t n = subject.in().capacity();
    CHECK(subject.in().try_push_n(single_pass<T>(input), n + 4) == n);
    CHECK(input.reads == static_cast<int>(n));
    CHECK(input.next <= static_cast<int>(n));
    CHECK(subject.in().try_push_n(single_pass<T>(input), 4) == 0);
    CHECK(input.reads == static_cast<int>(n));
    expect_and_reuse(subject, 0, n);
  }

  SECTION("a batch whose iterator throws leaves at most what came before inside, and a queue that works") {
    at_several_places<S>([](S& subject, std::size_t k) {
      typename single_pass<T>::state input{0};
      input.throw_at = static_cast<int>(k);
      CHECK_THROWS_AS(subject.in().try_push_n(single_pass<T>(input), subject.in().capacity()), fault);
      const std::size_t inside = subject.in().size_approx();
      CHECK(inside <= k);
      expect_and_reuse(subject, 0, inside);
    });
  }

  SECTION("a batch whose output throws loses at most the element that was on its way") {
    at_several_places<S>([](S& subject, std::size_t k) {
      const std::size_t capacity = subject.in().capacity();
      fill(subject, 0, capacity);
      std::vector<T> taken;
      CHECK_THROWS_AS(subject.out().try_pop_n(fragile_output<T>(taken, k), capacity), fault);
      REQUIRE(taken.size() == k);
      for (std::size_t i = 0; i < k; ++i) CHECK(read(taken[i]) == static_cast<int>(i));
      const std::size_t left = subject.in().size_approx();
      CHECK(left <= capacity - k);
      CHECK(left >= capacity - k - 1);
      expect_and_reuse(subject, static_cast<int>(capacity - left), left);
    });
  }
}

/// Each element is destroyed once, and in time.
template <class S>
void lifetimes() {
  using T = typename S::value_type;

  SECTION("what is still inside is destroyed with the queue, once") {
    for (const std::size_t capacity : capacities<S>())
      for (const std::size_t offset : {std::size_t{0}, std::size_t{1}, capacity - 1})
        for (const std::size_t n : {std::size_t{0}, std::size_t{1}, capacity / 2, capacity}) {
          INFO("capacity " << capacity << ", offset " << offset << ", inside " << n);
          nothing_leaks([&] {
            S subject(capacity);
            turn(subject, offset);
            fill(subject, 0, n);
          });
        }
  }

  SECTION("an element that was popped is gone from the queue at once") {
    if constexpr (!std::is_same_v<T, large> && !std::is_arithmetic_v<T>) {
      S subject(some_capacity<S>());
      const long alive = tracked::alive;
      for (int round = 0; round < 5; ++round) {
        fill(subject, 0, 1);
        {
          const auto popped = subject.out().try_pop();
          REQUIRE(popped.has_value());
        }
        CHECK(tracked::alive == alive);
      }
    }
  }
}

}  // namespace ring_parts

/// What every ring, queue and channel keeps.
template <class S>
void ring_contract() {
  ring_parts::bounds<S>();
  ring_parts::single_elements<S>();
  ring_parts::consuming_in_place<S>();
  ring_parts::popping_in_two_steps<S>();
  ring_parts::batches<S>();
  ring_parts::lifetimes<S>();
}

}  // namespace kew_test
