// The contract of everything that waits and closes.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <limits>
#include <ratio>
#include <stop_token>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "contract/subjects.hpp"

namespace kew_test {

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
  CHECK(out.try_pop(target) == answer);
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

namespace blocking_parts {

/// All ways in and out, one after another.
template <class S>
void agreement() {
  using T = typename S::value_type;
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
        REQUIRE(in.try_push(make<T>(-5)) == status::full);
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
}

/// close.
template <class S>
void closing() {
  using T = typename S::value_type;
  using in_type = std::remove_reference_t<decltype(std::declval<S&>().in())>;
  using out_type = std::remove_reference_t<decltype(std::declval<S&>().out())>;

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

  SECTION("close ends a waiting pop and a waiting push") {
    const watchdog guard("a wait that close ends");
    for (int round = 0; round < 20; ++round) {
      S subject(some_capacity<S>());
      status answer = status::success;
      std::jthread waiter = begun([&] { answer = subject.out().pop().status(); });
      if (round % 2 == 0) std::this_thread::yield();
      subject.in().close();
      waiter.join();
      CHECK(answer == status::closed);

      S full(some_capacity<S>());
      fill(full, 0, full.in().capacity());
      T kept = make<T>(7);
      waiter = begun([&] { answer = full.in().push(std::move(kept)); });
      if (round % 2 == 0) std::this_thread::yield();
      full.out().close();
      waiter.join();
      CHECK(answer == status::closed);
      CHECK(read(kept) == 7);
      expect(full, 0, full.in().capacity());
    }
  }
}

/// Calls with a std::stop_token.
template <class S>
void stopping() {
  using T = typename S::value_type;

  SECTION("a call whose stop was requested gives up instead of waiting, and leaves its argument untouched") {
    S subject(some_capacity<S>());
    CHECK(subject.out().pop(stopped()).status() == status::stopped);
    fill(subject, 0, subject.in().capacity());
    T kept = make<T>(7);
    CHECK(subject.in().push(std::move(kept), stopped()) == status::stopped);
    CHECK(read(kept) == 7);
    expect_and_reuse(subject, 0, subject.in().capacity());
  }

  SECTION("a stop ends a waiting pop and a waiting push") {
    const watchdog guard("a stop that ends a waiting call");
    for (int round = 0; round < 20; ++round) {
      S subject(some_capacity<S>());
      status popped = status::success;
      std::jthread waiter = begun([&](const std::stop_token& stop) { popped = subject.out().pop(stop).status(); });
      if (round % 2 == 0) std::this_thread::yield();
      waiter.request_stop();
      waiter.join();
      CHECK(popped == status::stopped);

      fill(subject, 0, subject.in().capacity());
      status pushed = status::success;
      T kept = make<T>(7);
      waiter = begun([&](const std::stop_token& stop) { pushed = subject.in().push(std::move(kept), stop); });
      if (round % 2 == 0) std::this_thread::yield();
      waiter.request_stop();
      waiter.join();
      CHECK(pushed == status::stopped);
      CHECK(read(kept) == 7);
      expect_and_reuse(subject, 0, subject.in().capacity());
    }
  }
}

/// Calls with a time limit.
template <class S>
void deadlines() {
  using T = typename S::value_type;
  using namespace std::chrono_literals;

  SECTION("a timed call whose time is over tries once, and says full or empty") {
    S subject(some_capacity<S>());
    for_each_passed_deadline<T>([&](const auto& when) {
      CHECK(timed_pop(subject.out(), when).status() == status::empty);
      CHECK(timed_push(subject.in(), make<T>(1), when) == status::success);
      auto element = timed_pop(subject.out(), when);
      REQUIRE(element.has_value());
      CHECK(read(*element) == 1);
    });
    fill(subject, 0, subject.in().capacity());
    for_each_passed_deadline<T>([&](const auto& when) {
      T kept = make<T>(7);
      CHECK(timed_push(subject.in(), std::move(kept), when) == status::full);
      CHECK(read(kept) == 7);
    });
    expect_and_reuse(subject, 0, subject.in().capacity());
  }

  SECTION("a timed call that runs out says full or empty, and not before its deadline") {
    S subject(some_capacity<S>());
    constexpr auto patience = 3ms;
    auto start = std::chrono::steady_clock::now();
    CHECK(subject.out().try_pop_for(patience).status() == status::empty);
    CHECK(std::chrono::steady_clock::now() - start >= patience);
    start = std::chrono::steady_clock::now();
    CHECK(subject.out().try_pop_until(start + patience).status() == status::empty);
    CHECK(std::chrono::steady_clock::now() - start >= patience);
    fill(subject, 0, subject.in().capacity());
    T kept = make<T>(7);
    start = std::chrono::steady_clock::now();
    CHECK(subject.in().try_push_for(std::move(kept), patience) == status::full);
    CHECK(std::chrono::steady_clock::now() - start >= patience);
    CHECK(subject.in().try_push_until(std::move(kept), std::chrono::system_clock::now() + patience) == status::full);
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
}

/// Waits that the other side ends.
template <class S>
void waiting() {
  using T = typename S::value_type;
  using out_type = std::remove_reference_t<decltype(std::declval<S&>().out())>;

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
        REQUIRE(subject.in().push(make<T>(i)) == status::success);
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

  SECTION("a pop that throws on the way out still lets a waiting push in") {
    const watchdog guard("a push that waits for room which a throwing pop makes");
    for (int way = 0; way < 4; ++way)
      for (int round = 0; round < 10; ++round) {
        S subject(some_capacity<S>());
        fill(subject, 0, subject.in().capacity());
        std::jthread pusher = begun([&] { static_cast<void>(subject.in().push(make<T>(50))); });
        // A waiting thread may be asleep or about to be; both must learn of the room.
        for (int turns = round % 2 * 200; turns > 0; --turns) std::this_thread::yield();
        std::vector<T> taken;
        bool thrown = false;
        try {
          switch (way) {
            case 0: subject.out().try_pop_n(fragile_output<T>(taken, 0), 1); break;
            case 1: subject.out().pop_n(fragile_output<T>(taken, 0), 1); break;
            case 2:
              if constexpr (consuming<out_type, T>)
                static_cast<void>(subject.out().try_consume([](T&) { throw fault("the consumer broke"); }));
              break;
            default: throwing::arm(1); static_cast<void>(subject.out().try_pop().has_value());
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
}

}  // namespace blocking_parts

/// What every queue and channel keeps.
template <class S>
void blocking_contract() {
  blocking_parts::agreement<S>();
  blocking_parts::closing<S>();
  blocking_parts::stopping<S>();
  blocking_parts::deadlines<S>();
  blocking_parts::waiting<S>();
}

}  // namespace kew_test
