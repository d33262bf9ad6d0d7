// Counts every call of operator new in this program: rings allocate when they are constructed and never again,
// rings of fixed capacity not even then, and an allocation that fails leaves nothing behind.
#include <array>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <tuple>
#include <vector>

#include <kew/async.hpp>
#include <kew/kew.hpp>
#include <kew/pop_event.hpp>
#include <kew/select.hpp>

#include "support/catch.hpp"
#include "support/coroutines.hpp"
#include "support/elements.hpp"

namespace {

// Of this thread only: the tests below use one thread, and other threads are none of their business.
thread_local std::size_t allocations = 0;
thread_local std::ptrdiff_t outstanding = 0;
thread_local std::size_t fail_at = 0;

void* allocate(std::size_t bytes, std::size_t alignment) {
  if (++allocations == fail_at) throw std::bad_alloc();
  // aligned_alloc wants a multiple of the alignment.
  void* room = std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (room == nullptr) throw std::bad_alloc();
  ++outstanding;
  return room;
}

void deallocate(void* room) noexcept {
  if (room == nullptr) return;
  --outstanding;
  std::free(room);
}

void* allocate_or_null(std::size_t bytes, std::size_t alignment) noexcept {
  try {
    return allocate(bytes, alignment);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

}  // namespace

// Every form, or some memory would come from one family and go back to another.
void* operator new(std::size_t bytes) { return allocate(bytes, alignof(std::max_align_t)); }
void* operator new[](std::size_t bytes) { return allocate(bytes, alignof(std::max_align_t)); }
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return allocate(bytes, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t bytes, std::align_val_t alignment) {
  return allocate(bytes, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return allocate_or_null(bytes, alignof(std::max_align_t));
}
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept {
  return allocate_or_null(bytes, alignof(std::max_align_t));
}
void* operator new(std::size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return allocate_or_null(bytes, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return allocate_or_null(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* room) noexcept { deallocate(room); }
void operator delete[](void* room) noexcept { deallocate(room); }
void operator delete(void* room, std::size_t) noexcept { deallocate(room); }
void operator delete[](void* room, std::size_t) noexcept { deallocate(room); }
void operator delete(void* room, std::align_val_t) noexcept { deallocate(room); }
void operator delete[](void* room, std::align_val_t) noexcept { deallocate(room); }
void operator delete(void* room, std::size_t, std::align_val_t) noexcept { deallocate(room); }
void operator delete[](void* room, std::size_t, std::align_val_t) noexcept { deallocate(room); }
void operator delete(void* room, const std::nothrow_t&) noexcept { deallocate(room); }
void operator delete[](void* room, const std::nothrow_t&) noexcept { deallocate(room); }
void operator delete(void* room, std::align_val_t, const std::nothrow_t&) noexcept { deallocate(room); }
void operator delete[](void* room, std::align_val_t, const std::nothrow_t&) noexcept { deallocate(room); }

namespace kew_test {
namespace {

using kew::status;

template <class F>
std::size_t allocations_in(F&& body) {
  const std::size_t before = allocations;
  body();
  return allocations - before;
}

/// Everything that a ring can do, a few times round; true if every step went as it should.
template <class Queue>
bool exercise(Queue& queue) {
  using T = typename Queue::value_type;
  bool well = true;
  int out[8] = {};
  for (int round = 0; round < 20; ++round) {
    well &= static_cast<bool>(queue.try_push(T(1)));
    well &= static_cast<bool>(queue.try_emplace(2));
    const int numbers[] = {3, 4};
    if constexpr (std::is_constructible_v<T, const int&>) well &= queue.try_push_n(numbers, 2) >= 1;
    while (queue.try_push(T(5))) {
    }
    well &= queue.try_push(T(6)) == status::full;
    well &= queue.try_pop().has_value();
    T into(0);
    well &= static_cast<bool>(queue.try_pop(into));
    if constexpr (std::is_same_v<T, int>) well &= queue.try_pop_n(out, 1) == 1;
    while (queue.try_consume([](T&) {})) {
    }
    well &= !queue.try_pop();
    well &= queue.size_approx() == 0;
  }
  return well;
}

template <class T>
using fixed_rings = std::tuple<kew::spsc_ring<T, 5>, kew::mpsc_ring<T, 5>, kew::spmc_ring<T, 5>, kew::mpmc_ring<T, 5>>;
template <class T>
using dynamic_rings = std::tuple<kew::spsc_ring<T>, kew::mpsc_ring<T>, kew::spmc_ring<T>, kew::mpmc_ring<T>>;

template <class Ring>
void expect_no_heap() {
  bool well = false;
  const std::size_t count = allocations_in([&] {
    Ring ring;
    well = exercise(ring);
    static_cast<void>(ring.try_emplace(1));
  });
  CHECK(well);
  CHECK(count == 0);
}

template <class Ring>
void expect_heap_in_constructor_only() {
  const std::ptrdiff_t before = outstanding;
  {
    std::size_t in_constructor = 0;
    std::size_t later = 0;
    bool well = false;
    const std::size_t all = allocations_in([&] {
      Ring ring(5);
      later = allocations_in([&] { well = exercise(ring); });
    });
    in_constructor = all - later;
    CHECK(well);
    CHECK(in_constructor >= 1);
    CHECK(later == 0);
  }
  CHECK(outstanding == before);
}

template <class Make>
void fail_every_allocation(Make&& make_and_drop) {
  int failures = 0;
  for (std::size_t n = 1;; ++n) {
    const std::ptrdiff_t before = outstanding;
    bool failed = false;
    fail_at = allocations + n;
    try {
      make_and_drop();
    } catch (const std::bad_alloc&) {
      failed = true;
      ++failures;
    }
    fail_at = 0;
    CHECK(outstanding == before);
    if (!failed) break;
  }
  CHECK(failures >= 1);
}

}  // namespace

TEST_CASE("the counter of allocations counts", "[allocations]") {
  CHECK(allocations_in([] { std::vector<int>(100); }) == 1);
  CHECK(allocations_in([] { std::make_unique<over_aligned>(1); }) == 1);
}

TEMPLATE_LIST_TEST_CASE("a ring of fixed capacity uses no heap at all", "[allocations]", fixed_rings<int>) {
  expect_no_heap<TestType>();
}
TEMPLATE_LIST_TEST_CASE("a ring of fixed capacity uses no heap for large alignments either", "[allocations]",
                        fixed_rings<over_aligned>) {
  expect_no_heap<TestType>();
}
TEMPLATE_LIST_TEST_CASE("a ring never allocates after construction", "[allocations]", dynamic_rings<int>) {
  expect_heap_in_constructor_only<TestType>();
}
TEMPLATE_LIST_TEST_CASE("a ring of over-aligned elements never allocates after construction", "[allocations]",
                        dynamic_rings<over_aligned>) {
  expect_heap_in_constructor_only<TestType>();
}

TEST_CASE("a blocking_queue over a ring of fixed capacity uses no heap, waiting or not", "[allocations]") {
  using namespace std::chrono_literals;
  bool well = true;
  const std::size_t count = allocations_in([&] {
    kew::blocking_queue<int, kew::mpmc_ring<int, 5>> queue;
    well &= exercise(queue);
    well &= static_cast<bool>(queue.push(1));
    well &= queue.pop().has_value();
    well &= queue.try_pop_for(1ms).status() == status::empty;
    queue.close();
    well &= queue.pop().status() == status::closed;
  });
  CHECK(well);
  CHECK(count == 0);
}

TEST_CASE("a wait of a coroutine uses no heap, however it ends", "[allocations]") {
  kew::blocking_queue<int> queue(1);
  std::stop_source source;
  std::coroutine_handle<> ready;
  const auto schedule = [&ready](std::coroutine_handle<> it) { ready = it; };
  std::size_t waits = 0;
  const auto consume = [&]() -> task {
    while (co_await kew::async_pop(queue, source.get_token(), schedule)) ++waits;
  };
  const auto produce = [&]() -> task {
    for (int i = 0; i < 3; ++i) static_cast<void>(co_await kew::async_push(queue, i, source.get_token()));
  };
  // The frames of the two are the program's.
  const task consumer = consume();
  const std::size_t count = allocations_in([&] {
    for (int i = 0; i < 10; ++i) {
      static_cast<void>(queue.push(1));
      ready.resume();
    }
    static_cast<void>(queue.try_push(1));
    static_cast<void>(queue.try_pop());  // told in vain
    ready.resume();
  });
  CHECK(waits == 10);
  CHECK(count == 0);
  task producer;
  CHECK(allocations_in([&] { producer = produce(); }) == 1);
  CHECK(allocations_in([&] {
          source.request_stop();
          if (ready) ready.resume();
          producer.destroy();
        }) == 0);
}

TEST_CASE("a select uses no heap, waiting or not", "[allocations]") {
  using namespace std::chrono_literals;
  kew::blocking_queue<int> ready(4);
  kew::blocking_queue<int, kew::mpmc_ring<int>, kew::park_wait> parked(4);
  std::array<kew::blocking_queue<int, kew::spsc_ring<int, 4>>, 40> many;
  std::stop_source source;
  const auto nothing = [](auto&&...) {};
  bool well = true;
  const std::size_t count = allocations_in([&] {
    const auto all = [&](auto select) {
      return select(kew::on_pop(ready, nothing), kew::on_pop(parked, nothing), kew::on_pop(std::span(many), nothing));
    };
    well &= static_cast<bool>(ready.push(1));
    well &= all([](auto&&... cases) { return kew::select(cases...); }).has_value();
    well &= all([](auto&&... cases) { return kew::try_select_for(1ms, cases...); }).status() == status::empty;
    well &= kew::try_select_for(1ms, kew::on_pop(parked, nothing)).status() == status::empty;
    well &= kew::select(kew::on_pop(parked, nothing), kew::on_push(ready, 1, nothing)).has_value();
  });
  CHECK(well);
  CHECK(count == 0);
  // A std::stop_callback uses none either, while it is registered.
  const std::stop_token token = source.get_token();
  CHECK(allocations_in([&] {
          well &= kew::try_select_for(1ms, token, kew::on_pop(parked, nothing)).status() == status::empty;
        }) == 0);
  CHECK(well);
}

TEST_CASE("a pop_event uses no heap", "[allocations]") {
  kew::blocking_queue<int, kew::mpmc_ring<int, 4>> source;
  bool well = true;
  CHECK(allocations_in([&] {
          kew::pop_event event(source);
          for (int i = 0; i < 10; ++i) {
            well &= static_cast<bool>(source.push(1));
            event.clear();
            well &= source.try_pop().has_value();
          }
        }) == 0);
  CHECK(well);
}

TEST_CASE("an allocation that fails leaves no half-built queue or channel behind", "[allocations]") {
  fail_every_allocation([] { kew::spsc_ring<int> ring(7); });
  fail_every_allocation([] { kew::mpmc_ring<over_aligned> ring(7); });
  fail_every_allocation([] { kew::blocking_queue<int> queue(7); });
  fail_every_allocation([] { auto ends = kew::make_channel<int>(7); });
  fail_every_allocation([] { auto ends = kew::make_spsc_channel<int>(7); });
  fail_every_allocation([] { auto ends = kew::make_mpsc_channel<int>(7); });
  fail_every_allocation([] { auto ends = kew::make_spmc_channel<int>(7); });
}

TEST_CASE("an allocation that fails in a work_queue loses nothing and gives no verdict", "[allocations]") {
  fail_every_allocation([] {
    kew::work_queue<int> queue;
    // So many that the queue has to grow, and each publish that throws has published nothing.
    constexpr int messages = 200;
    for (int i = 0; i < messages; ++i) {
      try {
        if (!queue.publish(i)) throw std::logic_error("it is open");
      } catch (const std::bad_alloc&) {
        fail_at = 0;
        if (queue.counts().published != static_cast<std::uint64_t>(i)) throw std::logic_error("it was not published");
        throw;
      }
    }
    for (int i = 0; i < messages; ++i) {
      auto got = queue.receive();
      try {
        got->reject("a reason longer than any small-string buffer");
      } catch (const std::bad_alloc&) {
        fail_at = 0;
        if (queue.counts().outstanding != 1 || !got->ack()) throw std::logic_error("the verdict was not given");
        throw;
      }
    }
    kew::message_queue<int>& dead = queue.dead_letters();
    for (int i = 0; i < messages; ++i) {
      try {
        if (*dead.receive().value() != i) throw std::logic_error("they are in order");
      } catch (const std::bad_alloc&) {
        fail_at = 0;
        if (dead.counts().ready != messages || *dead.receive().value() != i)
          throw std::logic_error("it stays in front");
        throw;
      }
    }
  });
}

TEST_CASE("a work_queue that has grown allocates for nothing but the reasons of dead letters", "[allocations]") {
  using namespace std::chrono_literals;
  kew::work_queue<int> queue({.capacity = 16, .max_attempts = 1000});
  bool well = true;
  const auto round = [&] {
    for (int i = 0; i < 16; ++i) well &= static_cast<bool>(queue.publish(i));
    for (int i = 0; i < 16; ++i) well &= queue.receive()->requeue();
    for (int i = 0; i < 16; ++i) well &= queue.receive()->requeue(1ns);
    for (int i = 0; i < 16; ++i) static_cast<void>(queue.receive());  // each a failure
    for (int i = 0; i < 16; ++i) {
      auto got = queue.receive();
      well &= got->extend(1h) && got->ack();
    }
  };
  round();
  CHECK(allocations_in(round) == 0);
  CHECK(well);
}

TEST_CASE("an allocation that fails in a broker leaves its names as they were", "[allocations]") {
  const std::string queue = "a queue whose name is longer than any small-string buffer";
  const std::string exchange = "an exchange whose name is longer than any small-string buffer";
  // One step after the other until one throws: then that one has not happened, and happens when it is tried again.
  fail_every_allocation([&] {
    kew::broker broker;
    const auto step = [](auto take) {
      try {
        take();
      } catch (const std::bad_alloc&) {
        fail_at = 0;
        take();
        throw;
      }
    };
    const auto expect = [](bool right) {
      if (!right) throw std::logic_error("not as it was");
    };
    step([&] { broker.declare<int>(queue); });
    step([&] { broker.declare_exchange(exchange, kew::exchange::topic); });
    step([&] { broker.bind(exchange, "a.pattern.that.is.longer.than.any.small-string.buffer.#", queue); });
    step([&] { broker.bind(exchange, "#", queue); });
    step([&] { expect(static_cast<bool>(broker.publish(queue, 1))); });
    step([&] { expect(broker.publish_to(exchange, "any.key", 2).value() == 1); });
    step([&] { expect(broker.metrics()[queue].pushed == 2); });
    step([&] { expect(!to_prometheus(broker.metrics()).empty()); });
    step([&] { broker.on_error([queue](const kew::handler_error&) {}); });
  });
}

}  // namespace kew_test
