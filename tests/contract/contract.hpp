// What every queue must pass, written once: ring_contract over everything that has try_ operations,
// blocking_contract over everything that waits and closes. A section's name is the promise it tests.
//
// A subject owns a queue and shows its two ends: in() takes pushes, out() gives pops. They are the same
// object for a ring and a blocking_queue, and two handles for a channel.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <limits>
#include <new>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include <kew/concepts.hpp>
#include <kew/status.hpp>

#include "catch.hpp"
#include "elements.hpp"
#include "environment.hpp"

namespace Catch {
template <>
struct StringMaker<kew::status> {
  static std::string convert(kew::status value) { return value.name(); }
};
}  // namespace Catch

namespace kew_test {

using kew::status;

using all_elements = std::tuple<int, std::string, std::unique_ptr<int>, no_default, over_aligned, large, throwing>;

// ---- Subjects -----------------------------------------------------------------------------------

/// A queue that is both of its ends.
template <class Queue, std::size_t Capacity = kew::dynamic_capacity>
class whole {
 public:
  using value_type = typename Queue::value_type;
  static constexpr std::size_t fixed_capacity = Capacity;

  explicit whole(std::size_t capacity) : queue_(build(capacity)) {}

  Queue& in() noexcept { return queue_; }
  Queue& out() noexcept { return queue_; }

 private:
  static Queue build([[maybe_unused]] std::size_t capacity) {
    if constexpr (Capacity == kew::dynamic_capacity)
      return Queue(capacity);
    else
      return Queue();
  }

  Queue queue_;
};

/// A channel: `Make` is called with the capacity and gives a pair of handles.
template <class Make>
class halves {
  using handles = decltype(Make{}(std::size_t{1}));

 public:
  using value_type = typename handles::first_type::value_type;
  static constexpr std::size_t fixed_capacity = kew::dynamic_capacity;

  explicit halves(std::size_t capacity) : handles_(Make{}(capacity)) {}

  auto& in() noexcept { return handles_.first; }
  auto& out() noexcept { return handles_.second; }

 private:
  handles handles_;
};

template <class S>
inline constexpr bool is_dynamic = S::fixed_capacity == kew::dynamic_capacity;

/// The capacities that a subject is tested with.
template <class S>
std::vector<std::size_t> capacities() {
  if constexpr (requires { S::capacities(); })
    return S::capacities();
  else if constexpr (is_dynamic<S>)
    return {1, 2, 3, 5, 7, 8, 1000};
  else
    return {S::fixed_capacity};
}

/// The one capacity for what does not depend on it much.
template <class S>
std::size_t some_capacity() {
  return is_dynamic<S> ? 3 : S::fixed_capacity;
}

// ---- Helpers ------------------------------------------------------------------------------------

/// Nothing that `body` made is alive after it, and nothing was misused.
template <class F>
void nothing_leaks(F&& body) {
  const long alive = tracked::alive;
  const long misuses = tracked::misuses;
  body();
  CHECK(tracked::alive == alive);
  CHECK(tracked::misuses == misuses);
}

template <class S>
void fill(S& subject, int first, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) {
    const status pushed = subject.in().try_push(make<typename S::value_type>(first + static_cast<int>(i)));
    REQUIRE(pushed == status::success);
  }
}

/// Pops `n` elements and expects first, first + 1, …
template <class S>
void expect(S& subject, int first, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) {
    auto popped = subject.out().try_pop();
    REQUIRE(popped.status() == status::success);
    REQUIRE(read(*popped) == first + static_cast<int>(i));
  }
}

/// Expects first … first + n - 1 inside, and then a queue that can be filled and emptied as ever.
template <class S>
void expect_and_reuse(S& subject, int first, std::size_t n) {
  CHECK(subject.in().size_approx() == n);
  expect(subject, first, n);
  const status popped = subject.out().try_pop().status();
  CHECK(popped == status::empty);
  for (int round = 0; round < 3; ++round) {
    fill(subject, 100, subject.in().capacity());
    const status overfull = subject.in().try_push(make<typename S::value_type>(1));
    CHECK(overfull == status::full);
    expect(subject, 100, subject.in().capacity());
  }
  CHECK(subject.out().size_approx() == 0);
}

/// Moves on by `offset` elements, so that what follows wraps somewhere else.
template <class S>
void turn(S& subject, std::size_t offset) {
  for (std::size_t i = 0; i < offset; ++i) {
    fill(subject, 0, 1);
    expect(subject, 0, 1);
  }
}

template <class T>
std::vector<T> several(int first, std::size_t n) {
  std::vector<T> made;
  made.reserve(n);
  for (std::size_t i = 0; i < n; ++i) made.push_back(make<T>(first + static_cast<int>(i)));
  return made;
}

/// Makes elements as they are asked for, in a single pass: all copies share one position, nothing can be
/// read twice, and it says how far it was moved.
template <class T>
class single_pass {
 public:
  using value_type = T;
  using difference_type = std::ptrdiff_t;
  using iterator_concept = std::input_iterator_tag;

  struct state {
    int next;
    int reads = 0;
    int throw_at = -1;
  };

  explicit single_pass(state& shared) : state_(&shared) {}

  T operator*() const {
    if (state_->next == state_->throw_at) throw fault("the input broke");
    ++state_->reads;
    return make<T>(state_->next);
  }
  single_pass& operator++() {
    ++state_->next;
    return *this;
  }
  void operator++(int) { ++*this; }

 private:
  state* state_;
};

/// Takes so many elements, and then throws.
template <class T>
class fragile_output {
 public:
  using difference_type = std::ptrdiff_t;

  fragile_output(std::vector<T>& taken, std::size_t limit) : taken_(&taken), limit_(limit) {}

  fragile_output& operator*() { return *this; }
  fragile_output& operator++() { return *this; }
  fragile_output operator++(int) { return *this; }
  fragile_output& operator=(T&& value) {
    if (taken_->size() == limit_) throw fault("the output broke");
    taken_->push_back(std::move(value));
    return *this;
  }

 private:
  std::vector<T>* taken_;
  std::size_t limit_;
};

template <class End, class T>
concept consuming = requires(End& end) {
  { end.try_consume([](T&) {}) };
};

/// Yields until another thread has said so.
inline void await(const std::atomic<bool>& said) {
  while (!said) std::this_thread::yield();
}

template <class F>
std::string message_of(F&& body) {
  try {
    body();
  } catch (const std::exception& caught) {
    return caught.what();
  }
  return "(nothing thrown)";
}

// ---- Everything that has try_ operations --------------------------------------------------------

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
    switch (random.below(9)) {
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
        const std::size_t n = random.below(capacity + 3);
        std::vector<T> taken;
        const std::size_t done = out.try_pop_n(std::back_inserter(taken), n);
        REQUIRE(done == std::min(n, model.size()));
        REQUIRE(taken.size() == done);
        for (const T& element : taken) popped(read(element));
        break;
      }
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

template <class S>
void ring_contract() {
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
        const status overfull = subject.in().try_push(make<T>(-5));
        CHECK(overfull == status::full);
        expect(subject, 0, capacity);
        const status drained = subject.out().try_pop().status();
        CHECK(drained == status::empty);
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

  SECTION("a push that fails leaves its argument untouched") {
    S subject(some_capacity<S>());
    fill(subject, 0, subject.in().capacity());
    T kept = make<T>(7);
    const status pushed = subject.in().try_push(std::move(kept));
    CHECK(pushed == status::full);
    CHECK(read(kept) == 7);
    const status emplaced = subject.in().try_emplace(std::move(kept));
    CHECK(emplaced == status::full);
    CHECK(read(kept) == 7);
    if constexpr (std::is_copy_constructible_v<T>) {
      const status copied = subject.in().try_push(std::as_const(kept));
      CHECK(copied == status::full);
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
    const status pushed = subject.in().try_push(std::move(moved));
    CHECK(pushed == status::success);
    if constexpr (move_shows<T>) CHECK(read(moved) == moved_from);
    expect(subject, 1, 1);
    if constexpr (std::is_copy_constructible_v<T>) {
      T copied = make<T>(2);
      const status again = subject.in().try_push(copied);
      CHECK(again == status::success);
      CHECK(read(copied) == 2);
      expect(subject, 2, 1);
    }
  }

  SECTION("an emplaced element is made in its slot, with no move on the way in") {
    S subject(some_capacity<S>());
    const long moves = tracked::moves;
    const status emplaced = subject.in().try_emplace(ingredient<T>(3));
    CHECK(emplaced == status::success);
    CHECK(tracked::moves == moves);
    expect(subject, 3, 1);
  }

  SECTION("a pop from an empty queue says empty and leaves its argument untouched") {
    S subject(some_capacity<S>());
    turn(subject, 2);
    T target = make<T>(9);
    const status popped = subject.out().try_pop(target);
    CHECK(popped == status::empty);
    CHECK(read(target) == 9);
    CHECK_FALSE(subject.out().try_pop().has_value());
    std::vector<T> taken;
    CHECK(subject.out().try_pop_n(std::back_inserter(taken), 5) == 0);
    CHECK(taken.empty());
  }

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
          CHECK_THROWS_AS(static_cast<void>(subject.out().try_consume([](T&) { throw fault("the consumer broke"); })), fault);
          CHECK(subject.out().size_approx() == subject.in().capacity() - 1);
          expect(subject, 6, subject.in().capacity() - 1);
        }
        expect_and_reuse(subject, 0, 0);
      });
    }
  }

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
    nothing_leaks([] {
      for (const std::size_t capacity : capacities<S>())
        for (const std::size_t offset : {std::size_t{0}, capacity - 1})
          for (const std::size_t k : {std::size_t{0}, std::size_t{1}, capacity / 2, capacity - 1}) {
            if (k >= capacity) continue;
            INFO("capacity " << capacity << ", offset " << offset << ", throws at " << k);
            S subject(capacity);
            turn(subject, offset);
            typename single_pass<T>::state input{0};
            input.throw_at = static_cast<int>(k);
            CHECK_THROWS_AS(subject.in().try_push_n(single_pass<T>(input), capacity), fault);
            const std::size_t inside = subject.in().size_approx();
            CHECK(inside <= k);
            expect_and_reuse(subject, 0, inside);
          }
    });
  }

  SECTION("a batch whose output throws loses at most the element that was on its way") {
    nothing_leaks([] {
      for (const std::size_t capacity : capacities<S>())
        for (const std::size_t offset : {std::size_t{0}, capacity - 1})
          for (const std::size_t k : {std::size_t{0}, std::size_t{1}, capacity / 2, capacity - 1}) {
            if (k >= capacity) continue;
            INFO("capacity " << capacity << ", offset " << offset << ", throws at " << k);
            S subject(capacity);
            turn(subject, offset);
            fill(subject, 0, capacity);
            std::vector<T> taken;
            CHECK_THROWS_AS(subject.out().try_pop_n(fragile_output<T>(taken, k), capacity), fault);
            REQUIRE(taken.size() == k);
            for (std::size_t i = 0; i < k; ++i) CHECK(read(taken[i]) == static_cast<int>(i));
            const std::size_t left = subject.in().size_approx();
            CHECK(left <= capacity - k);
            CHECK(left >= capacity - k - 1);
            expect_and_reuse(subject, static_cast<int>(capacity - left), left);
          }
    });
  }

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

// ---- Everything that waits and closes -----------------------------------------------------------

/// A token that could be stopped and never is.
inline std::stop_token unstopped() {
  static const std::stop_source source;
  return source.get_token();
}

/// A token that was stopped long ago.
inline std::stop_token stopped() {
  static const std::stop_source source = [] {
    std::stop_source made;
    made.request_stop();
    return made;
  }();
  return source.get_token();
}

/// Calls everything that pushes, and expects `answer` from all and an argument that is as it was.
template <class End, class T>
void every_push_answers(End& in, status answer) {
  using namespace std::chrono_literals;
  T kept = make<T>(7);
  const auto expect_kept = [&](status given) {
    CHECK(given == answer);
    CHECK(read(kept) == 7);
  };
  expect_kept(in.push(std::move(kept)));
  expect_kept(in.emplace(std::move(kept)));
  expect_kept(in.push(std::move(kept), unstopped()));
  expect_kept(in.push(std::move(kept), std::stop_token()));
  expect_kept(in.try_push(std::move(kept)));
  expect_kept(in.try_emplace(std::move(kept)));
  expect_kept(in.try_push_for(std::move(kept), 0s));
  expect_kept(in.try_push_for(std::move(kept), 1h));
  expect_kept(in.try_push_until(std::move(kept), std::chrono::steady_clock::now() + 1h));
  expect_kept(in.try_push_until(std::move(kept), std::chrono::system_clock::now() + 1h));
  if constexpr (std::is_copy_constructible_v<T>) {
    const T& fixed = kept;
    expect_kept(in.push(fixed));
    expect_kept(in.push(fixed, unstopped()));
    expect_kept(in.try_push(fixed));
    expect_kept(in.try_push_for(fixed, 1h));
    expect_kept(in.try_push_until(fixed, std::chrono::steady_clock::now() + 1h));
  }
  std::vector<T> batch = several<T>(0, 3);
  CHECK(in.push_n(std::move_iterator(batch.begin()), 3) == 0);
  CHECK(in.try_push_n(std::move_iterator(batch.begin()), 3) == 0);
  for (int i = 0; i < 3; ++i) CHECK(read(batch[static_cast<std::size_t>(i)]) == i);
}

/// Calls everything that pops, and expects `answer` from all and nothing else.
template <class End, class T>
void every_pop_answers(End& out, status answer) {
  using namespace std::chrono_literals;
  const auto expect_nothing = [&](const auto& given) {
    CHECK(given.status() == answer);
    CHECK_FALSE(given.has_value());
  };
  expect_nothing(out.pop());
  expect_nothing(out.pop(unstopped()));
  expect_nothing(out.pop(std::stop_token()));
  expect_nothing(out.try_pop());
  expect_nothing(out.try_pop_for(0s));
  expect_nothing(out.try_pop_for(1h));
  expect_nothing(out.try_pop_until(std::chrono::steady_clock::now() + 1h));
  expect_nothing(out.try_pop_until(std::chrono::system_clock::now() + 1h));
  T target = make<T>(9);
  const status popped = out.try_pop(target);
  CHECK(popped == answer);
  CHECK(read(target) == 9);
  std::vector<T> taken;
  CHECK(out.pop_n(std::back_inserter(taken), 3) == 0);
  CHECK(out.try_pop_n(std::back_inserter(taken), 3) == 0);
  CHECK(taken.empty());
}

/// Deadlines that have passed, each as a call that takes one. What a queue does with them does not depend on its
/// element type, so the rarer ones are left to int.
template <class T, class F>
void for_each_passed_deadline(F&& call) {
  using namespace std::chrono;
  call(nanoseconds(0));
  call(nanoseconds(-1));
  call(steady_clock::now());
  if constexpr (std::is_same_v<T, int>) {
    call(hours(-24));
    call(nanoseconds::min());
    call(hours::min());
    call(duration<double>(-0.5));
    call(duration<double>(-std::numeric_limits<double>::infinity()));
    call(steady_clock::now() - hours(24));
    call(steady_clock::time_point());
    call(steady_clock::time_point::min());
    call(system_clock::now() - hours(24));
    call(system_clock::time_point());
    call(system_clock::time_point::min());
    call(time_point<system_clock, hours>::min());
  }
}

/// Deadlines that do not pass while anybody waits for this test.
template <class T, class F>
void for_each_distant_deadline(F&& call) {
  using namespace std::chrono;
  call(nanoseconds::max());
  call(steady_clock::time_point::max());
  if constexpr (std::is_same_v<T, int>) {
    call(milliseconds::max());
    call(hours::max());
    call(duration<double>(std::numeric_limits<double>::max()));
    call(duration<double>(std::numeric_limits<double>::infinity()));
    call(duration<unsigned long long, std::ratio<86400>>::max());
    call(hours(24));
    call(steady_clock::now() + hours(24));
    call(time_point<steady_clock, hours>::max());
    call(system_clock::now() + hours(24));
    call(system_clock::time_point::max());
    call(time_point<system_clock, hours>::max());
  }
}

template <class T>
inline constexpr bool is_duration = false;
template <class Rep, class Period>
inline constexpr bool is_duration<std::chrono::duration<Rep, Period>> = true;

template <class End, class T, class When>
status timed_push(End& in, T&& value, const When& when) {
  if constexpr (is_duration<When>)
    return in.try_push_for(std::forward<T>(value), when);
  else
    return in.try_push_until(std::forward<T>(value), when);
}

template <class End, class When>
auto timed_pop(End& out, const When& when) {
  if constexpr (is_duration<When>)
    return out.try_pop_for(when);
  else
    return out.try_pop_until(when);
}

template <class S>
void blocking_contract() {
  using T = typename S::value_type;
  using in_type = std::remove_reference_t<decltype(std::declval<S&>().in())>;
  using out_type = std::remove_reference_t<decltype(std::declval<S&>().out())>;
  using namespace std::chrono_literals;

  SECTION("every way in and every way out agree on what is inside") {
    nothing_leaks([] {
      S subject(is_dynamic<S> ? 9 : S::fixed_capacity);
      auto& in = subject.in();
      auto& out = subject.out();
      std::deque<int> inside;
      int next = 0;
      const auto pop = [&] {
        auto popped = out.pop();
        REQUIRE(popped.status() == status::success);
        REQUIRE(read(*popped) == inside.front());
        inside.pop_front();
      };
      const auto pushed = [&](status answer) {
        REQUIRE(answer == status::success);
        inside.push_back(next++);
        if (inside.size() == in.capacity()) pop();
      };
      for (int round = 0; round < 3; ++round) {
        pushed(in.push(make<T>(next)));
        pushed(in.emplace(ingredient<T>(next)));
        pushed(in.push(make<T>(next), unstopped()));
        pushed(in.try_push_for(make<T>(next), 1h));
        pushed(in.try_push_until(make<T>(next), std::chrono::steady_clock::now() + 1h));
        if constexpr (std::is_copy_constructible_v<T>) {
          const T again = make<T>(next);
          pushed(in.push(again));
          const T timed = make<T>(next);
          pushed(in.try_push_for(timed, 1h));
        }
        typename single_pass<T>::state input{next};
        const std::size_t room = in.capacity() - inside.size();
        REQUIRE(in.push_n(single_pass<T>(input), room) == room);
        for (std::size_t i = 0; i < room; ++i) inside.push_back(next++);
        const auto full = in.try_push(make<T>(-5));
        REQUIRE(full == status::full);
        for (int way = 0; !inside.empty(); way = (way + 1) % 4) {
          if (way == 3) {
            std::vector<T> taken;
            const std::size_t n = out.pop_n(std::back_inserter(taken), 2);
            REQUIRE(n == std::min<std::size_t>(2, inside.size()));
            for (const T& element : taken) {
              REQUIRE(read(element) == inside.front());
              inside.pop_front();
            }
            continue;
          }
          auto popped = way == 0   ? out.pop(unstopped())
                        : way == 1 ? out.try_pop_for(1h)
                                   : out.try_pop_until(std::chrono::system_clock::now() + 1h);
          REQUIRE(popped.status() == status::success);
          REQUIRE(read(*popped) == inside.front());
          inside.pop_front();
        }
      }
    });
  }

  SECTION("what was pushed before close is still popped, and then pops say closed") {
    nothing_leaks([] {
      S subject(some_capacity<S>());
      turn(subject, 1);
      fill(subject, 0, subject.in().capacity());
      CHECK_FALSE(subject.in().is_closed());
      CHECK_FALSE(subject.out().is_closed());
      subject.in().close();
      CHECK(subject.in().is_closed());
      CHECK(subject.out().is_closed());
      expect(subject, 0, subject.in().capacity());
      every_pop_answers<out_type, T>(subject.out(), status::closed);
    });
  }

  SECTION("a push after close says closed and leaves its argument untouched") {
    for (const bool from_behind : {false, true})
      for (const bool full : {false, true}) {
        S subject(some_capacity<S>());
        if (full) fill(subject, 0, subject.in().capacity());
        if (from_behind)
          subject.out().close();
        else
          subject.in().close();
        every_push_answers<in_type, T>(subject.in(), status::closed);
        expect(subject, 0, full ? subject.in().capacity() : 0);
        every_pop_answers<out_type, T>(subject.out(), status::closed);
      }
  }

  SECTION("close is idempotent") {
    S subject(some_capacity<S>());
    fill(subject, 0, 1);
    static_assert(noexcept(subject.in().close()) && noexcept(subject.in().is_closed()));
    for (int i = 0; i < 3; ++i) {
      subject.in().close();
      subject.out().close();
    }
    expect(subject, 0, 1);
    every_pop_answers<out_type, T>(subject.out(), status::closed);
  }

  SECTION("a call whose stop was requested gives up instead of waiting, and leaves its argument untouched") {
    S subject(some_capacity<S>());
    const status popped = subject.out().pop(stopped()).status();
    CHECK(popped == status::stopped);
    fill(subject, 0, subject.in().capacity());
    T kept = make<T>(7);
    const status pushed = subject.in().push(std::move(kept), stopped());
    CHECK(pushed == status::stopped);
    CHECK(read(kept) == 7);
    expect_and_reuse(subject, 0, subject.in().capacity());
  }

  SECTION("a stop ends a waiting pop and a waiting push") {
    const watchdog guard("a stop that ends a waiting call");
    for (int round = 0; round < 20; ++round) {
      S subject(some_capacity<S>());
      std::atomic<bool> calls{false};
      status popped = status::success;
      std::jthread waiter([&](const std::stop_token& stop) {
        calls = true;
        popped = subject.out().pop(stop).status();
      });
      await(calls);
      if (round % 2 == 0) std::this_thread::yield();
      waiter.request_stop();
      waiter.join();
      CHECK(popped == status::stopped);

      fill(subject, 0, subject.in().capacity());
      calls = false;
      status pushed = status::success;
      T kept = make<T>(7);
      waiter = std::jthread([&](const std::stop_token& stop) {
        calls = true;
        pushed = subject.in().push(std::move(kept), stop);
      });
      await(calls);
      if (round % 2 == 0) std::this_thread::yield();
      waiter.request_stop();
      waiter.join();
      CHECK(pushed == status::stopped);
      CHECK(read(kept) == 7);
      expect_and_reuse(subject, 0, subject.in().capacity());
    }
  }

  SECTION("a timed call whose time is over tries once, and says full or empty") {
    S subject(some_capacity<S>());
    for_each_passed_deadline<T>([&](const auto& when) {
      const status popped = timed_pop(subject.out(), when).status();
      CHECK(popped == status::empty);
      const status pushed = timed_push(subject.in(), make<T>(1), when);
      CHECK(pushed == status::success);
      auto element = timed_pop(subject.out(), when);
      REQUIRE(element.has_value());
      CHECK(read(*element) == 1);
    });
    fill(subject, 0, subject.in().capacity());
    for_each_passed_deadline<T>([&](const auto& when) {
      T kept = make<T>(7);
      const status pushed = timed_push(subject.in(), std::move(kept), when);
      CHECK(pushed == status::full);
      CHECK(read(kept) == 7);
    });
    expect_and_reuse(subject, 0, subject.in().capacity());
  }

  SECTION("a timed call that runs out says full or empty, and not before its deadline") {
    S subject(some_capacity<S>());
    constexpr auto patience = 3ms;
    auto start = std::chrono::steady_clock::now();
    const status popped = subject.out().try_pop_for(patience).status();
    CHECK(popped == status::empty);
    CHECK(std::chrono::steady_clock::now() - start >= patience);
    start = std::chrono::steady_clock::now();
    const status until = subject.out().try_pop_until(start + patience).status();
    CHECK(until == status::empty);
    CHECK(std::chrono::steady_clock::now() - start >= patience);
    fill(subject, 0, subject.in().capacity());
    T kept = make<T>(7);
    start = std::chrono::steady_clock::now();
    const status pushed = subject.in().try_push_for(std::move(kept), patience);
    CHECK(pushed == status::full);
    CHECK(std::chrono::steady_clock::now() - start >= patience);
    const status system = subject.in().try_push_until(std::move(kept), std::chrono::system_clock::now() + patience);
    CHECK(system == status::full);
    CHECK(read(kept) == 7);
    expect_and_reuse(subject, 0, subject.in().capacity());
  }

  SECTION("the most distant deadline does not overflow, and a push or a pop ends the wait") {
    const watchdog guard("a wait with a distant deadline");
    S subject(some_capacity<S>());
    for_each_distant_deadline<T>([&](const auto& when) {
      std::atomic<bool> calls{false};
      std::thread other([&] {
        await(calls);
        std::this_thread::yield();
        static_cast<void>(subject.in().push(make<T>(3)));
      });
      calls = true;
      auto element = timed_pop(subject.out(), when);
      other.join();
      REQUIRE(element.status() == status::success);
      CHECK(read(*element) == 3);

      fill(subject, 0, subject.in().capacity());
      calls = false;
      int first = broken;
      other = std::thread([&] {
        await(calls);
        std::this_thread::yield();
        if (auto popped = subject.out().pop()) first = read(*popped);
      });
      calls = true;
      const status pushed = timed_push(subject.in(), make<T>(static_cast<int>(subject.in().capacity())), when);
      other.join();
      CHECK(pushed == status::success);
      CHECK(first == 0);
      expect(subject, 1, subject.in().capacity());
    });
  }

  SECTION("a push ends a waiting pop, and a pop ends a waiting push") {
    const watchdog guard("a wait that the other side ends");
    nothing_leaks([] {
      S subject(some_capacity<S>());
      constexpr int rounds = 300;
      int wrong = 0;
      std::thread other([&] {
        for (int i = 0; i < rounds; ++i) {
          auto element = subject.out().pop();
          wrong += element && read(*element) == i ? 0 : 1;
        }
      });
      for (int i = 0; i < rounds; ++i) {
        const status pushed = subject.in().push(make<T>(i));
        REQUIRE(pushed == status::success);
      }
      other.join();
      CHECK(wrong == 0);
    });
  }

  SECTION("push_n waits until all are in, pop_n waits for at least one") {
    const watchdog guard("a batch that waits");
    S subject(some_capacity<S>());
    constexpr std::size_t n = 50;
    std::vector<T> taken;
    std::size_t least = SIZE_MAX;
    std::thread other([&] {
      while (const std::size_t got = subject.out().pop_n(std::back_inserter(taken), 4)) least = std::min(least, got);
    });
    typename single_pass<T>::state input{0};
    CHECK(subject.in().push_n(single_pass<T>(input), n) == n);
    CHECK(input.reads == static_cast<int>(n));
    subject.in().close();
    other.join();
    CHECK(least >= 1);
    REQUIRE(taken.size() == n);
    for (std::size_t i = 0; i < n; ++i) CHECK(read(taken[i]) == static_cast<int>(i));
  }

  SECTION("push_n that is cut short by close says how many went in and leaves the others untouched") {
    const watchdog guard("a batch that close cuts short");
    for (int round = 0; round < 20; ++round) {
      S subject(some_capacity<S>());
      const std::size_t capacity = subject.in().capacity();
      std::vector<T> batch = several<T>(0, capacity + 3);
      std::size_t went_in = SIZE_MAX;
      std::thread pusher([&] { went_in = subject.in().push_n(std::move_iterator(batch.begin()), capacity + 3); });
      if (round % 2 == 0) {
        while (subject.out().size_approx() < capacity) std::this_thread::yield();
      }
      subject.out().close();
      pusher.join();
      REQUIRE(went_in <= capacity);
      if (round % 2 == 0) CHECK(went_in == capacity);
      for (std::size_t i = went_in; i < batch.size(); ++i) CHECK(read(batch[i]) == static_cast<int>(i));
      expect(subject, 0, went_in);
      every_pop_answers<out_type, T>(subject.out(), status::closed);
    }
  }

  SECTION("a pop that throws on the way out still lets a waiting push in") {
    const watchdog guard("a push that waits for room which a throwing pop makes");
    for (int way = 0; way < 4; ++way)
      for (int round = 0; round < 10; ++round) {
        S subject(some_capacity<S>());
        fill(subject, 0, subject.in().capacity());
        std::atomic<bool> calls{false};
        std::thread pusher([&] {
          calls = true;
          static_cast<void>(subject.in().push(make<T>(50)));
        });
        await(calls);
        // A waiting thread may be asleep or about to be; both must learn of the room.
        for (int turns = round % 2 * 200; turns > 0; --turns) std::this_thread::yield();
        std::vector<T> taken;
        bool thrown = false;
        try {
          switch (way) {
            case 0: subject.out().try_pop_n(fragile_output<T>(taken, 0), 1); break;
            case 1: subject.out().pop_n(fragile_output<T>(taken, 0), 1); break;
            case 2:
              if constexpr (consuming<out_type, T>) static_cast<void>(subject.out().try_consume([](T&) { throw fault("the consumer broke"); }));
              break;
            default:
              throwing::arm(1);
              static_cast<void>(subject.out().try_pop().has_value());
          }
        } catch (const fault&) {
          thrown = true;
        }
        throwing::arm(0);
        // Where nothing was thrown nothing may have been popped either, and the push would wait for ever.
        if (!thrown && subject.out().size_approx() == subject.out().capacity()) subject.in().close();
        pusher.join();
        if (thrown) CHECK(subject.in().size_approx() == subject.in().capacity());
      }
  }

  SECTION("close ends a waiting pop and a waiting push") {
    const watchdog guard("a wait that close ends");
    for (int round = 0; round < 20; ++round) {
      S subject(some_capacity<S>());
      std::atomic<bool> calls{false};
      status answer = status::success;
      std::thread waiter([&] {
        calls = true;
        answer = subject.out().pop().status();
      });
      await(calls);
      if (round % 2 == 0) std::this_thread::yield();
      subject.in().close();
      waiter.join();
      CHECK(answer == status::closed);

      S full(some_capacity<S>());
      fill(full, 0, full.in().capacity());
      calls = false;
      T kept = make<T>(7);
      waiter = std::thread([&] {
        calls = true;
        answer = full.in().push(std::move(kept));
      });
      await(calls);
      if (round % 2 == 0) std::this_thread::yield();
      full.out().close();
      waiter.join();
      CHECK(answer == status::closed);
      CHECK(read(kept) == 7);
      expect(full, 0, full.in().capacity());
    }
  }
}

}  // namespace kew_test
