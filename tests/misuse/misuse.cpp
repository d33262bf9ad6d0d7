// Breaks a rule on purpose: `misuse RULE`. A build with checks must name the call and the rule, and abort.
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <utility>

#include <kew/async.hpp>
#include <kew/blocking_queue.hpp>
#include <kew/mpsc_ring.hpp>
#include <kew/spmc_ring.hpp>
#include <kew/spsc_ring.hpp>

namespace {

/// Its constructor runs what it is given, in the middle of a push.
struct busy_message {
  template <class F>
  explicit busy_message(F&& meanwhile) {
    std::forward<F>(meanwhile)();
  }
};

template <class F>
void in_another_thread(F&& f) {
  std::thread(std::forward<F>(f)).join();
}

template <class Ring>
void push_twice_at_once() {
  Ring ring(4);
  const auto nothing = [] {};
  static_cast<void>(
      ring.try_emplace([&] { in_another_thread([&] { static_cast<void>(ring.try_emplace(nothing)); }); }));
}

template <class Ring>
void pop_twice_at_once() {
  Ring ring(4);
  const auto nothing = [] {};
  static_cast<void>(ring.try_emplace(nothing));
  static_cast<void>(ring.try_emplace(nothing));
  const auto ignore = [](busy_message&) {};
  static_cast<void>(ring.try_consume(
      [&](busy_message&) { in_another_thread([&] { static_cast<void>(ring.try_consume(ignore)); }); }));
}

// What try_claim and try_peek hand out, one way wrong each.
void commit_too_many() {
  kew::spsc_ring<int> ring(4);
  ring.try_claim(3).commit(4);
}
void commit_twice() {
  kew::spsc_ring<int> ring(4);
  auto claim = ring.try_claim(3);
  claim.commit(1);
  claim.commit(1);
}
void push_beside_a_claim() {
  kew::spsc_ring<int> ring(4);
  const auto claim = ring.try_claim(3);
  static_cast<void>(ring.try_push(1));
}
void push_batch_beside_a_claim() {
  kew::spsc_ring<int> ring(4);
  const auto claim = ring.try_claim(3);
  const int numbers[] = {1, 2};
  static_cast<void>(ring.try_push_n(numbers, 2));
}
void claim_beside_a_claim() {
  kew::spsc_ring<int> ring(4);
  const auto claim = ring.try_claim(3);
  static_cast<void>(ring.try_claim(1));
}
kew::spsc_ring<int>& two_inside(kew::spsc_ring<int>& ring) {
  const int numbers[] = {1, 2};
  static_cast<void>(ring.try_push_n(numbers, 2));
  return ring;
}
void release_too_many() {
  kew::spsc_ring<int> ring(4);
  two_inside(ring).try_peek(1).release(2);
}
void release_twice() {
  kew::spsc_ring<int> ring(4);
  auto peek = two_inside(ring).try_peek(2);
  peek.release(1);
  peek.release(1);
}
void pop_beside_a_peek() {
  kew::spsc_ring<int> ring(4);
  const auto peek = two_inside(ring).try_peek(1);
  static_cast<void>(ring.try_pop());
}
void pop_batch_beside_a_peek() {
  kew::spsc_ring<int> ring(4);
  const auto peek = two_inside(ring).try_peek(1);
  int numbers[2] = {};
  static_cast<void>(ring.try_pop_n(numbers, 2));
}
void consume_beside_a_peek() {
  kew::spsc_ring<int> ring(4);
  const auto peek = two_inside(ring).try_peek(1);
  static_cast<void>(ring.try_consume([](int&) {}));
}
void peek_beside_a_peek() {
  kew::spsc_ring<int> ring(4);
  const auto peek = two_inside(ring).try_peek(1);
  static_cast<void>(ring.try_peek(1));
}

template <class Ring>
void pop_beside_a_ready_await() {
  kew::blocking_queue<int, Ring> queue(4);
  static_cast<void>(queue.push(1));
  static_cast<void>(queue.push(2));
  auto next = kew::async_pop(queue);
  if (next.await_ready()) static_cast<void>(queue.try_pop());
}

int look_into_an_empty_result() {
  kew::spsc_ring<int> ring(1);
  return *ring.try_pop();
}

/// Calls `meanwhile` when a pop that has announced itself as a sleeper looks for the last time.
struct interrupting_ring {
  using value_type = int;
  static inline void (*meanwhile)() = nullptr;

  explicit interrupting_ring(std::size_t) {}
  kew::status try_push(int&&) { return kew::status::full; }
  kew::result<int> try_pop() {
    if (++looks == 3) meanwhile();
    return kew::status::empty;
  }
  std::size_t capacity() const { return 1; }
  std::size_t size_approx() const { return 0; }

  int looks = 0;
};
void destroy_under_a_waiter() {
  using queue = kew::blocking_queue<int, interrupting_ring, kew::park_wait>;
  static queue* destroyed = new queue(1);
  interrupting_ring::meanwhile = [] { delete destroyed; };
  static_cast<void>(destroyed->pop());
}

void wait_for_room_inside_consume() {
  kew::blocking_queue<int> queue(1);
  static_cast<void>(queue.push(1));
  static_cast<void>(queue.try_consume([&queue](int&) { static_cast<void>(queue.push(2)); }));
}

}  // namespace

int main(int, char** argv) {
  // The test runner takes an abort for a failure whatever was printed before.
  std::signal(SIGABRT, [](int) { std::_Exit(EXIT_FAILURE); });
  if (std::strcmp(argv[1], "spsc_push") == 0) push_twice_at_once<kew::spsc_ring<busy_message>>();
  if (std::strcmp(argv[1], "spsc_pop") == 0) pop_twice_at_once<kew::spsc_ring<busy_message>>();
  if (std::strcmp(argv[1], "spmc_push") == 0) push_twice_at_once<kew::spmc_ring<busy_message>>();
  if (std::strcmp(argv[1], "commit_too_many") == 0) commit_too_many();
  if (std::strcmp(argv[1], "commit_twice") == 0) commit_twice();
  if (std::strcmp(argv[1], "push_beside_a_claim") == 0) push_beside_a_claim();
  if (std::strcmp(argv[1], "push_batch_beside_a_claim") == 0) push_batch_beside_a_claim();
  if (std::strcmp(argv[1], "claim_beside_a_claim") == 0) claim_beside_a_claim();
  if (std::strcmp(argv[1], "release_too_many") == 0) release_too_many();
  if (std::strcmp(argv[1], "release_twice") == 0) release_twice();
  if (std::strcmp(argv[1], "pop_beside_a_peek") == 0) pop_beside_a_peek();
  if (std::strcmp(argv[1], "pop_batch_beside_a_peek") == 0) pop_batch_beside_a_peek();
  if (std::strcmp(argv[1], "consume_beside_a_peek") == 0) consume_beside_a_peek();
  if (std::strcmp(argv[1], "peek_beside_a_peek") == 0) peek_beside_a_peek();
  if (std::strcmp(argv[1], "pop_beside_a_ready_await") == 0) pop_beside_a_ready_await<kew::spsc_ring<int>>();
  if (std::strcmp(argv[1], "mpsc_pop_beside_a_ready_await") == 0) pop_beside_a_ready_await<kew::mpsc_ring<int>>();
  if (std::strcmp(argv[1], "empty_result") == 0) return look_into_an_empty_result();
  if (std::strcmp(argv[1], "destroyed_queue") == 0) destroy_under_a_waiter();
  if (std::strcmp(argv[1], "push_inside_consume") == 0) wait_for_room_inside_consume();
  if (std::strcmp(argv[1], "mpsc_pop") == 0) pop_twice_at_once<kew::mpsc_ring<busy_message>>();
}
