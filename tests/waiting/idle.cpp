// What a wait at several places costs while nothing comes: no processor time, no look, and few system calls.
#include <array>
#include <atomic>
#include <coroutine>
#include <cstdarg>
#include <cstddef>
#include <cstdlib>
#include <ctime>
#include <optional>
#include <thread>
#include <utility>

#include <dlfcn.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <kew/async.hpp>
#include <kew/blocking_queue.hpp>
#include <kew/mpmc_ring.hpp>
#include <kew/pop_event.hpp>
#include <kew/select.hpp>

#include "support/catch.hpp"
#include "support/coroutines.hpp"
#include "support/environment.hpp"

namespace {
std::atomic<long> membarriers{0};
std::atomic<long> sleeps{0};
}  // namespace

// In the place of the C library's.
extern "C" long syscall(long call, ...) noexcept {
  static const auto real = reinterpret_cast<long (*)(long, ...)>(::dlsym(RTLD_NEXT, "syscall"));
  std::va_list list;
  va_start(list, call);
  std::array<long, 6> with{};
  // No more than were passed. The first five are in registers, whether they were or not.
  for (std::size_t i = 0; i < 5; ++i) with[i] = va_arg(list, long);
  const bool waits = call == kew::detail::futex_call && (with[1] & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET;
  if (waits) with[5] = va_arg(list, long);
  va_end(list);
  if (call == SYS_membarrier && with[0] == MEMBARRIER_CMD_PRIVATE_EXPEDITED) ++membarriers;
  if (waits) ++sleeps;
  return real(call, with[0], with[1], with[2], with[3], with[4], with[5]);
}

namespace kew_test {
namespace {

using kew::on_pop;
using kew::park_wait;
using queue = kew::blocking_queue<int, kew::mpmc_ring<int>, park_wait>;

const auto ignore = [](int) {};

/// Counts how often a consumer looks into it.
class watched_ring : public kew::mpmc_ring<int> {
 public:
  using kew::mpmc_ring<int>::mpmc_ring;
  static inline std::atomic<long> looks{0};

  kew::result<int> try_pop() noexcept {
    ++looks;
    return kew::mpmc_ring<int>::try_pop();
  }
  using kew::mpmc_ring<int>::try_pop;
};
using watched_queue = kew::blocking_queue<int, watched_ring, park_wait>;

/// Of which a push never ends.
struct busy_ring {
  using value_type = int;
  explicit busy_ring(std::size_t) {}
  static kew::status try_push(int&&) noexcept { return kew::status::busy; }
  static kew::result<int> try_pop() noexcept { return kew::status::busy; }
  static std::size_t capacity() noexcept { return 1; }
  static std::size_t size_approx() noexcept { return 0; }
};

/// Where the thread that resumes coroutines sleeps.
using ready_queue = kew::blocking_queue<std::coroutine_handle<>, kew::mpmc_ring<std::coroutine_handle<>>, park_wait>;
struct push_into {
  ready_queue& to;
  void operator()(std::coroutine_handle<> ready) const { static_cast<void>(to.push(ready)); }
};

/// Seconds of a processor that this thread has used.
double processor_time() {
  std::timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

/// What the others do meanwhile: messages go through a queue, for so many seconds of processor time.
double work(double seconds) {
  queue other(1);
  const double before = processor_time();
  double used = 0;
  while ((used = processor_time() - before) < seconds)
    for (int i = 0; i < 1000; ++i)
      if (!other.try_push(i) || !other.try_pop()) std::abort();
  return used;
}

/// A thread waits while this one works. A wait that polled would use as much of a processor as the work does, as there
/// are two of them, or half of one.
template <class Wait, class End>
void expect_idle(Wait wait, End end) {
  const watchdog guard("a wait while another thread works");
  std::atomic<bool> waits{false};
  double waited = 0;
  std::thread waiter([&] {
    const double before = processor_time();
    waits = true;
    wait();
    waited = processor_time() - before;
  });
  while (!waits) std::this_thread::yield();
  const double worked = work(0.05);
  end();
  waiter.join();
  INFO("processor time of the wait " << waited << " s, of the work meanwhile " << worked << " s");
  CHECK(waited < worked / 4);
}

}  // namespace

TEST_CASE("a select that waits uses no processor time", "[idle]") {
  queue first(1);
  queue second(1);
  kew::result<std::size_t> chosen = kew::status::empty;
  expect_idle([&] { chosen = kew::select(on_pop(first, ignore), on_pop(second, ignore)); },
              [&] { static_cast<void>(second.push(1)); });
  CHECK(chosen.value() == 1);
}

TEST_CASE("a coroutine that waits uses no processor time, and the thread that will resume it is free to sleep",
          "[idle]") {
  queue messages(1);
  ready_queue ready(1);
  int got = 0;
  expect_idle(
      [&] {
        const task waits = [](queue& from, push_into on, int& to) -> task {
          to = (co_await kew::async_pop(from, on)).value_or(-1);
        }(messages, push_into{ready}, got);
        ready.pop().value().resume();
      },
      [&] { static_cast<void>(messages.push(7)); });
  CHECK(got == 7);
}

TEST_CASE("a pop_event that waits uses no processor time", "[idle]") {
  queue messages(1);
  kew::pop_event event(messages);
  expect_idle(
      [&] {
        pollfd watched{event.native_handle(), POLLIN, 0};
        while (::poll(&watched, 1, -1) != 1) {
        }
      },
      [&] { static_cast<void>(messages.push(1)); });
  CHECK(messages.try_pop().has_value());
}

TEST_CASE("a coroutine that waits does not look before it is told", "[idle]") {
  watched_queue messages(1);
  int got = 0;
  watched_ring::looks = 0;
  const task waits = [](watched_queue& from, int& to) -> task { to = (co_await kew::async_pop(from)).value_or(-1); }(
                                                          messages, got);
  // One before it enters the list, and one after that.
  CHECK(watched_ring::looks == 2);
  work(0.001);
  CHECK(watched_ring::looks == 2);
  REQUIRE(messages.push(7));
  CHECK(got == 7);
  CHECK(watched_ring::looks == 3);
}

TEST_CASE("a pop_event does not look at its queue while it waits", "[idle]") {
  watched_queue messages(2);
  const kew::pop_event event(messages);
  watched_ring::looks = 0;
  work(0.001);
  REQUIRE(messages.push(1));
  REQUIRE(messages.push(2));
  CHECK(watched_ring::looks == 0);
}

TEST_CASE("a select enters the lists of all its queues with one membarrier", "[idle]") {
  const watchdog guard("a select over eight queues");
  std::array<std::optional<queue>, 8> queues;
  for (auto& each : queues) each.emplace(std::size_t{1});
  membarriers = 0;
  sleeps = 0;
  std::thread waiter([&] {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      static_cast<void>(kew::select(on_pop(*queues[I], ignore)...));
    }(std::make_index_sequence<8>());
  });
  while (sleeps == 0) std::this_thread::yield();
  CHECK(membarriers <= 1);  // none, where the kernel has none
  REQUIRE(queues[5]->push(1));
  waiter.join();
}

TEST_CASE("a select beside a busy queue naps where a notification ends the nap", "[idle]") {
  const watchdog guard("a select beside a busy queue");
  kew::blocking_queue<int, busy_ring, park_wait> busy(1);
  queue other(1);
  sleeps = 0;
  kew::result<std::size_t> chosen = kew::status::empty;
  std::thread waiter([&] { chosen = kew::select(on_pop(busy, ignore), on_pop(other, ignore)); });
  // It looks again and again, although nothing is notified.
  while (sleeps < 3) std::this_thread::yield();
  REQUIRE(other.push(1));
  waiter.join();
  CHECK(chosen.value() == 1);
}

}  // namespace kew_test
