// channel beyond the contract: which handles can be copied, and what happens as they come and go.
#include <kew/channel.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "contract/blocking.hpp"

namespace kew_test {
namespace {

using namespace std::chrono_literals;

template <class Handle>
constexpr bool copyable = std::is_copy_constructible_v<Handle> && std::is_copy_assignable_v<Handle>;
template <class Handle>
constexpr bool move_only = !std::is_copy_constructible_v<Handle> && !std::is_copy_assignable_v<Handle> &&
                           std::is_nothrow_move_constructible_v<Handle> && std::is_nothrow_move_assignable_v<Handle>;

template <class Channel>
using in_of = typename Channel::first_type;
template <class Channel>
using out_of = typename Channel::second_type;
using spsc = decltype(kew::make_spsc_channel<int>(1));
using mpsc = decltype(kew::make_mpsc_channel<int>(1));
using spmc = decltype(kew::make_spmc_channel<int>(1));
using mpmc = decltype(kew::make_channel<int>(1));

// A handle is copyable exactly where the ring allows several of it.
static_assert(move_only<in_of<spsc>> && move_only<out_of<spsc>>);
static_assert(copyable<in_of<mpsc>> && move_only<out_of<mpsc>>);
static_assert(move_only<in_of<spmc>> && copyable<out_of<spmc>>);
static_assert(copyable<in_of<mpmc>> && copyable<out_of<mpmc>>);
static_assert(std::is_nothrow_move_constructible_v<in_of<mpmc>> && std::is_nothrow_move_assignable_v<out_of<mpmc>>);
static_assert(std::is_same_v<in_of<mpmc>, kew::producer<int>> && std::is_same_v<out_of<mpmc>, kew::consumer<int>>);
static_assert(std::is_same_v<in_of<spsc>, kew::producer<int, kew::spsc_ring<int>>>);
static_assert(std::is_same_v<out_of<mpsc>, kew::consumer<int, kew::mpsc_ring<int>, kew::adaptive_wait>>);

// A producer only pushes, a consumer only pops.
template <class Handle>
concept pops = requires(Handle& handle) { handle.pop(); } || requires(Handle& handle) { handle.try_pop(); };
template <class Handle>
concept pushes = requires(Handle& handle) { handle.push(1); } || requires(Handle& handle) { handle.try_push(1); };
static_assert(pushes<in_of<mpmc>> && !pops<in_of<mpmc>> && pops<out_of<mpmc>> && !pushes<out_of<mpmc>>);

template <int Which, class T>
auto make_channel_of(std::size_t capacity) {
  if constexpr (Which == 0)
    return kew::make_spsc_channel<T>(capacity);
  else if constexpr (Which == 1)
    return kew::make_mpsc_channel<T>(capacity);
  else if constexpr (Which == 2)
    return kew::make_spmc_channel<T>(capacity);
  else
    return kew::make_channel<T>(capacity);
}
using every_channel = std::tuple<std::integral_constant<int, 0>, std::integral_constant<int, 1>,
                                 std::integral_constant<int, 2>, std::integral_constant<int, 3>>;

void drop(auto& handle) { const auto gone = std::move(handle); }

/// All that a moved-from handle can be asked answers closed, and touches nothing.
template <class In>
void expect_detached_in(In& in) {
  CHECK(in.is_closed());
  every_push_answers<In, no_default>(in, status::closed);
  in.close();
  CHECK(in.size_approx() == 0);
}
template <class Out>
void expect_detached_out(Out& out) {
  CHECK(out.is_closed());
  every_pop_answers<Out, no_default>(out, status::closed);
  out.close();
  CHECK(out.size_approx() == 0);
  int messages = 0;
  for (no_default& message : out) {
    static_cast<void>(message);
    ++messages;
  }
  CHECK(messages == 0);
}

}  // namespace

TEMPLATE_LIST_TEST_CASE("a moved-from handle answers closed", "[channel]", every_channel) {
  nothing_leaks([] {
    auto [tx, rx] = make_channel_of<TestType::value, no_default>(2);
    auto moved_tx = std::move(tx);
    auto moved_rx = std::move(rx);
    expect_detached_in(tx);
    expect_detached_out(rx);
    CHECK_FALSE(moved_tx.is_closed());
    CHECK(moved_tx.push(no_default(1)) == status::success);
    CHECK(moved_rx.pop()->read() == 1);
    // And it can be given something to hold again.
    tx = std::move(moved_tx);
    rx = std::move(moved_rx);
    expect_detached_in(moved_tx);
    expect_detached_out(moved_rx);
    CHECK(tx.push(no_default(2)) == status::success);
    CHECK(rx.pop()->read() == 2);
  });
}

TEMPLATE_LIST_TEST_CASE("the last producer gone closes the channel, and consumers drain it", "[channel]",
                        every_channel) {
  nothing_leaks([] {
    auto [tx, rx] = make_channel_of<TestType::value, no_default>(3);
    {
      auto last = std::move(tx);
      CHECK(last.push(no_default(1)) == status::success);
      CHECK(last.push(no_default(2)) == status::success);
      CHECK_FALSE(rx.is_closed());
    }
    CHECK(rx.is_closed());
    CHECK(rx.pop()->read() == 1);
    CHECK(rx.try_pop()->read() == 2);
    every_pop_answers<decltype(rx), no_default>(rx, status::closed);
  });
}

TEMPLATE_LIST_TEST_CASE("the last consumer gone closes the channel, and what is inside is destroyed at once",
                        "[channel]", every_channel) {
  nothing_leaks([] {
    auto [tx, rx] = make_channel_of<TestType::value, no_default>(3);
    const long before = tracked::alive;
    CHECK(tx.push(no_default(1)) == status::success);
    CHECK(tx.push(no_default(2)) == status::success);
    CHECK(tracked::alive == before + 2);
    drop(rx);
    CHECK(tracked::alive == before);
    CHECK(tx.is_closed());
    every_push_answers<decltype(tx), no_default>(tx, status::closed);
    CHECK(tx.size_approx() == 0);
  });
}

TEMPLATE_LIST_TEST_CASE("assigning to a handle lets go of what it held", "[channel]", every_channel) {
  nothing_leaks([] {
    auto [tx, rx] = make_channel_of<TestType::value, no_default>(3);
    auto [other_tx, other_rx] = make_channel_of<TestType::value, no_default>(3);
    CHECK(tx.push(no_default(1)) == status::success);
    tx = std::move(other_tx);
    CHECK(rx.is_closed());
    CHECK(rx.pop()->read() == 1);
    CHECK(rx.pop().status() == status::closed);
    CHECK(tx.push(no_default(2)) == status::success);
    CHECK(other_rx.pop()->read() == 2);
    CHECK(tx.push(no_default(3)) == status::success);
    other_rx = std::move(rx);
    CHECK(tx.is_closed());
  });
}

TEMPLATE_LIST_TEST_CASE("a handle assigned to itself stays what it is", "[channel]", every_channel) {
  auto [tx, rx] = make_channel_of<TestType::value, int>(2);
  auto& same_tx = tx;
  auto& same_rx = rx;
  tx = std::move(same_tx);
  rx = std::move(same_rx);
  CHECK_FALSE(tx.is_closed());
  CHECK((tx.push(1) == status::success));
  CHECK(*rx.pop() == 1);
}

TEMPLATE_LIST_TEST_CASE("an observer sees a channel and does not keep it open", "[channel]", every_channel) {
  auto [tx, rx] = make_channel_of<TestType::value, int>(2);
  auto watch = tx.observe();
  auto other = rx.observe();
  auto third = watch;
  CHECK(watch.capacity() == 2);
  CHECK_FALSE(watch.is_closed());
  CHECK((tx.push(1) == status::success));
  CHECK(watch.size_approx() == 1);
  CHECK(other.size_approx() == 1);
  drop(rx);
  CHECK(watch.is_closed());
  CHECK((tx.push(2) == status::closed));
  drop(tx);
  CHECK(third.is_closed());
  CHECK(third.size_approx() == 0);
  CHECK(third.capacity() == 2);
  CHECK(tx.observe().is_closed());
}

TEMPLATE_LIST_TEST_CASE("an observer closes a channel", "[channel]", every_channel) {
  auto [tx, rx] = make_channel_of<TestType::value, int>(2);
  CHECK((tx.push(1) == status::success));
  tx.observe().close();
  CHECK((tx.push(2) == status::closed));
  CHECK(*rx.pop() == 1);
  CHECK((rx.pop().status() == status::closed));
}

TEMPLATE_LIST_TEST_CASE("a loop over a consumer ends when the channel is closed and drained", "[channel]",
                        every_channel) {
  const watchdog guard("a loop over a consumer");
  nothing_leaks([] {
    auto [tx, rx] = make_channel_of<TestType::value, no_default>(3);
    std::thread other([in = std::move(tx)]() mutable {
      for (int i = 0; i < 100; ++i)
        if (!in.push(no_default(i))) return;
    });
    int next = 0;
    for (no_default& message : rx) {
      CHECK(message.read() == next);
      ++next;
    }
    other.join();
    CHECK(next == 100);
    for (no_default& message : rx) FAIL_CHECK("a message after the end: " << message.read());
  });
}

TEST_CASE("a message of a loop may be changed and moved from", "[channel]") {
  auto [tx, rx] = kew::make_channel<std::string>(3);
  static_cast<void>(tx.push("abc"));
  static_cast<void>(tx.push("def"));
  tx.close();
  std::vector<std::string> kept;
  for (std::string& message : rx) {
    message += "!";
    kept.push_back(std::move(message));
  }
  CHECK(kept == std::vector<std::string>{"abc!", "def!"});
}

TEST_CASE("a loop that is left early leaves the other messages inside", "[channel]") {
  auto [tx, rx] = kew::make_spsc_channel<int>(5);
  for (int i = 0; i < 5; ++i) static_cast<void>(tx.push(i));
  for (const int message : rx)
    if (message == 1) break;
  CHECK(*rx.pop() == 2);
}

TEST_CASE("a copied handle keeps its side alive", "[channel]") {
  nothing_leaks([] {
    auto [tx, rx] = kew::make_channel<no_default>(3);
    const long before = tracked::alive;
    auto tx_copy = std::make_optional(tx);
    auto rx_copy = std::make_optional(rx);
    drop(tx);
    drop(rx);
    CHECK_FALSE(tx_copy->is_closed());
    CHECK(tx_copy->push(no_default(1)) == status::success);
    CHECK(rx_copy->pop()->read() == 1);
    // Assigning a copy to itself changes nothing.
    const auto& same = *tx_copy;
    *tx_copy = same;
    CHECK_FALSE(tx_copy->is_closed());
    rx = *rx_copy;
    rx_copy.reset();
    CHECK_FALSE(tx_copy->is_closed());
    CHECK(tx_copy->push(no_default(2)) == status::success);
    CHECK(tracked::alive == before + 1);
    tx_copy.reset();
    CHECK(rx.is_closed());
    CHECK(rx.pop()->read() == 2);
  });
}

TEST_CASE("a copy of a moved-from handle is as closed as that is", "[channel]") {
  auto [tx, rx] = kew::make_channel<no_default>(3);
  auto held_tx = std::move(tx);
  auto held_rx = std::move(rx);
  auto copied_tx = tx;
  auto copied_rx = rx;
  expect_detached_in(copied_tx);
  expect_detached_out(copied_rx);
  CHECK_FALSE(held_tx.is_closed());
  held_tx = copied_tx;
  CHECK(held_rx.is_closed());
}

TEST_CASE("a push that waits for room ends with closed when the last consumer goes", "[channel]") {
  const watchdog guard("a push whose consumers go");
  nothing_leaks([] {
    for (int round = 0; round < 50; ++round) {
      auto [tx, rx] = kew::make_mpsc_channel<no_default>(1);
      CHECK(tx.push(no_default(0)) == status::success);
      std::atomic<int> wrong{0};
      std::vector<std::jthread> threads;
      for (int i = 0; i < 2; ++i)
        threads.push_back(begun([&wrong, in = tx]() mutable {
          no_default kept(7);
          // It may find the room that the last consumer makes when it clears up, and succeed only to be
          // cleared up too; it may not wait.
          const status answer = in.push(std::move(kept));
          wrong += answer == status::success || (answer == status::closed && kept.read() == 7) ? 0 : 1;
          wrong += in.push(no_default(8)) == status::closed ? 0 : 1;
        }));
      for (int turns = round; turns > 0; --turns) std::this_thread::yield();
      drop(rx);
      threads.clear();
      CHECK(wrong == 0);
      CHECK(tx.is_closed());
    }
  });
}

TEST_CASE("a pop that waits ends with closed when the last producer goes", "[channel]") {
  const watchdog guard("a pop whose producers go");
  for (int round = 0; round < 50; ++round) {
    auto [tx, rx] = kew::make_spmc_channel<int>(1);
    std::atomic<int> closed{0};
    std::vector<std::jthread> threads;
    for (int i = 0; i < 2; ++i)
      threads.push_back(
          begun([&closed, out = rx]() mutable { closed += out.pop().status() == status::closed ? 1 : 0; }));
    for (int turns = round; turns > 0; --turns) std::this_thread::yield();
    drop(tx);
    threads.clear();
    CHECK(closed == 2);
  }
}

TEST_CASE("close by any handle ends the stream for all of them", "[channel]") {
  for (int who = 0; who < 4; ++who) {
    auto [tx, rx] = kew::make_channel<int>(3);
    auto tx_copy = tx;
    auto rx_copy = rx;
    static_cast<void>(tx.push(1));
    if (who == 0) tx.close();
    if (who == 1) tx_copy.close();
    if (who == 2) rx.close();
    if (who == 3) rx_copy.close();
    CHECK((tx.is_closed() && tx_copy.is_closed() && rx.is_closed() && rx_copy.is_closed()));
    CHECK(tx.push(2) == status::closed);
    CHECK(tx_copy.push(2) == status::closed);
    CHECK(*rx_copy.pop() == 1);
    CHECK(rx.pop().status() == status::closed);
  }
}

TEST_CASE("handles may die in every order", "[channel]") {
  // Four handles in all 24 orders, with something inside.
  std::array<int, 4> order{0, 1, 2, 3};
  do {
    nothing_leaks([&] {
      auto [tx, rx] = kew::make_channel<no_default>(3);
      const long before = tracked::alive;
      std::array<std::optional<kew::producer<no_default>>, 2> ins{tx, tx};
      std::array<std::optional<kew::consumer<no_default>>, 2> outs{rx, rx};
      drop(tx);
      drop(rx);
      CHECK(ins[0]->push(no_default(1)) == status::success);
      int producers = 2;
      int consumers = 2;
      for (const int which : order) {
        if (which < 2) {
          ins[static_cast<std::size_t>(which)].reset();
          --producers;
        } else {
          outs[static_cast<std::size_t>(which - 2)].reset();
          --consumers;
        }
        CHECK(tracked::alive == before + (consumers > 0 ? 1 : 0));
        for (auto& in : ins)
          if (in) CHECK(in->is_closed() == (consumers == 0));
        for (auto& out : outs)
          if (out) CHECK(out->is_closed() == (producers == 0));
      }
    });
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("a channel over a ring of fixed capacity", "[channel]") {
  auto [tx, rx] = kew::make_channel_over<kew::spsc_ring<int, 3>>();
  CHECK(tx.capacity() == 3);
  CHECK(rx.capacity() == 3);
  for (int i = 0; i < 3; ++i) CHECK(tx.try_push(i) == status::success);
  CHECK(tx.try_push(3) == status::full);
  CHECK(*rx.pop() == 0);
}

TEST_CASE("handles that come and go among threads deliver every message once", "[channel][stress]") {
  const watchdog guard("handles that come and go");
  auto [tx, rx] = kew::make_channel<int>(4);
  constexpr int producers = 4;
  const int each = static_cast<int>(scaled(500));
  std::vector<std::atomic<int>> seen(static_cast<std::size_t>(producers * each));
  std::vector<std::thread> threads;
  for (int producer = 0; producer < producers; ++producer)
    threads.emplace_back([producer, each, in = tx]() mutable {
      for (int i = 0; i < each; ++i) {
        auto brief = in;
        static_cast<void>(brief.push(producer * each + i));
      }
    });
  for (int consumer = 0; consumer < 3; ++consumer)
    threads.emplace_back([&seen, out = rx]() mutable {
      for (;;) {
        auto brief = out;
        const auto message = brief.pop();
        if (!message) break;
        ++seen[static_cast<std::size_t>(*message)];
      }
    });
  drop(tx);
  for (std::thread& thread : threads) thread.join();
  int wrong = 0;
  for (const auto& count : seen) wrong += count == 1 ? 0 : 1;
  CHECK(wrong == 0);
}

}  // namespace kew_test
