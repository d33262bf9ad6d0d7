// What the contracts are written in terms of. ring.hpp has what everything with try_ operations keeps, blocking.hpp
// what everything that waits and closes keeps; a section's name is the promise it tests. table.cmake says what keeps
// which.
//
// A subject owns a queue and shows its two ends: in() takes pushes, out() gives pops. They are the same
// object for a ring and a blocking_queue, and two handles for a channel.
#pragma once

#include <atomic>
#include <cstddef>
#include <exception>
#include <iterator>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <kew/concepts.hpp>
#include <kew/status.hpp>

#include "support/catch.hpp"
#include "support/elements.hpp"
#include "support/environment.hpp"

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
template <auto Make>
class halves {
  using handles = decltype(Make(std::size_t{1}));

 public:
  using value_type = typename handles::first_type::value_type;
  static constexpr std::size_t fixed_capacity = kew::dynamic_capacity;

  explicit halves(std::size_t capacity) : handles_(Make(capacity)) {}

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
  CHECK(subject.out().try_pop().status() == status::empty);
  for (int round = 0; round < 3; ++round) {
    fill(subject, 100, subject.in().capacity());
    CHECK(subject.in().try_push(make<typename S::value_type>(1)) == status::full);
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
  {
    end.try_consume([](T&) {})
  };
};

/// Yields until another thread has said so.
inline void await(const std::atomic<bool>& said) {
  while (!said) std::this_thread::yield();
}

/// A thread that is about to make its call when this returns. The call may take the thread's token.
template <class Call>
std::jthread begun(Call call) {
  std::atomic<bool> calls{false};
  std::jthread thread([&calls, call](const std::stop_token& stop) mutable {
    calls = true;
    if constexpr (std::is_invocable_v<Call&, std::stop_token>)
      call(stop);
    else
      call();
  });
  await(calls);
  return thread;
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

}  // namespace kew_test
