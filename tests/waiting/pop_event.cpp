// pop_event: when its descriptor is readable, what it writes and reads, and that no message is overlooked.
#include <kew/pop_event.hpp>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <poll.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <kew/blocking_queue.hpp>
#include <kew/channel.hpp>

#include "support/catch.hpp"
#include "support/environment.hpp"

namespace {
/// The next call fails. A limit of the process's would leave no descriptor for a sanitizer either, which wants some.
std::atomic<bool> no_descriptor_left{false};

int made_unless_none_is_left(long call, auto... arguments) {
  if (!no_descriptor_left.exchange(false)) return static_cast<int>(::syscall(call, arguments...));
  errno = EMFILE;
  return -1;
}
}  // namespace

// In the place of the C library's.
extern "C" int eventfd(unsigned count, int flags) noexcept {
  return made_unless_none_is_left(SYS_eventfd2, count, flags);
}
extern "C" int pipe(int* ends) noexcept { return made_unless_none_is_left(SYS_pipe2, ends, 0); }

namespace kew_test {
namespace {

using kew::status;

template <class T>
using queue_of = kew::blocking_queue<T, kew::mpmc_ring<T>, kew::park_wait>;
using queue = queue_of<int>;

static_assert(!std::is_copy_constructible_v<kew::pop_event> && !std::is_move_constructible_v<kew::pop_event>);
static_assert(!std::is_convertible_v<queue&, kew::pop_event>, "a queue is not an event");
static_assert(std::is_same_v<kew::pop_event::native_handle_type, int>);

bool readable(int descriptor, int milliseconds = 0) {
  pollfd watched{descriptor, POLLIN, 0};
  return ::poll(&watched, 1, milliseconds) == 1 && (watched.revents & POLLIN) != 0;
}
bool readable(const kew::pop_event& event) { return readable(event.native_handle()); }

/// Sleeps until the event is readable.
void wait(const kew::pop_event& event) {
  while (!readable(event.native_handle(), -1)) {
  }
}

/// What a loop of events does each time: `closed` when nothing will come any more.
template <class Source, class F>
status clear_and_drain(kew::pop_event& event, Source& source, F f) {
  event.clear();
  for (;;) {
    auto message = source.try_pop();
    if (message)
      f(*std::move(message));
    else if (message.status() != status::busy)
      return message.status();
  }
}

/// How many writes have made it readable since the last clear; afterwards it is not.
std::uint64_t writes(const kew::pop_event& event) {
  std::uint64_t count = 0;
  return ::read(event.native_handle(), &count, sizeof(count)) == sizeof(count) ? count : 0;
}

const auto ignore = [](auto&&) {};

}  // namespace

// ---- Readable or not ---------------------------------------------------------------------------------------------------

TEST_CASE("an event is readable when something may be popped", "[pop_event]") {
  queue source(2);
  kew::pop_event event(source);
  CHECK_FALSE(readable(event));
  REQUIRE(source.push(1));
  CHECK(readable(event));
  CHECK(readable(event));
  event.clear();
  CHECK_FALSE(readable(event));
  CHECK(*source.try_pop() == 1);
  for (int i = 0; i < 10; ++i) {
    REQUIRE(source.push(i));
    CHECK(readable(event));
    CHECK(clear_and_drain(event, source, ignore) == status::empty);
    CHECK_FALSE(readable(event));
  }
}

TEST_CASE("an event is readable at once where something is inside already", "[pop_event]") {
  queue source(2);
  REQUIRE(source.push(1));
  const kew::pop_event event(source);
  CHECK(readable(event));
}

TEST_CASE("an event is readable when the queue is closed, and stays so", "[pop_event]") {
  queue source(2);
  kew::pop_event early(source);
  REQUIRE(source.push(1));
  source.close();
  kew::pop_event late(source);
  for (kew::pop_event* event : {&early, &late}) {
    CHECK(readable(*event));
    event->clear();
    CHECK(readable(*event));
  }
  CHECK(source.try_pop().has_value());
  CHECK(clear_and_drain(early, source, ignore) == status::closed);
  CHECK(readable(early));
}

TEST_CASE("an event of a handle that was moved from is readable for good", "[pop_event]") {
  auto [tx, rx] = kew::make_channel<int>(1);
  auto kept = std::move(rx);
  kew::pop_event event(rx);
  CHECK(readable(event));
  event.clear();
  CHECK(readable(event));
  kew::pop_event other(kept);
  CHECK_FALSE(readable(other));
}

TEST_CASE("the last producer gone makes the event readable", "[pop_event]") {
  auto ends = kew::make_spsc_channel<std::unique_ptr<int>>(1);
  auto rx = std::move(ends.second);
  kew::pop_event event(rx);
  CHECK_FALSE(readable(event));
  {
    const auto last = std::move(ends.first);
  }
  CHECK(readable(event));
  CHECK(clear_and_drain(event, rx, ignore) == status::closed);
}

TEST_CASE("an event goes on when the handle that it was made of is moved", "[pop_event]") {
  auto ends = kew::make_channel<int>(1);
  auto rx = std::move(ends.second);
  kew::pop_event event(rx);
  const auto moved = std::move(rx);
  REQUIRE(ends.first.push(1));
  CHECK(readable(event));
}

// ---- System calls ------------------------------------------------------------------------------------------------------

TEST_CASE("however many pushes come while the event is readable, one write was made", "[pop_event]") {
  queue source(100);
  kew::pop_event event(source);
  for (int i = 0; i < 100; ++i) REQUIRE(source.push(i));
  CHECK(writes(event) == 1);
  // It knows of its own write, whoever has read it.
  CHECK(clear_and_drain(event, source, ignore) == status::empty);
  std::array<int, 50> batch{};
  CHECK(source.push_n(batch.begin(), 50) == 50);
  source.close();
  CHECK(writes(event) == 1);
}

TEST_CASE("nothing is read where nothing was written", "[pop_event]") {
  queue source(1);
  kew::pop_event event(source);
  errno = 0;
  for (int i = 0; i < 3; ++i) event.clear();
  CHECK(errno == 0);  // the descriptor does not block: a read of nothing would fail
  REQUIRE(source.push(1));
  event.clear();
  event.clear();
  CHECK(errno == 0);
  CHECK_FALSE(readable(event));
}

TEST_CASE("clear twice, or in vain, overlooks nothing", "[pop_event]") {
  queue source(2);
  kew::pop_event event(source);
  event.clear();
  REQUIRE(source.push(1));
  CHECK(readable(event));
  event.clear();
  event.clear();
  CHECK(source.try_pop().has_value());
  REQUIRE(source.push(2));
  CHECK(readable(event));
}

TEST_CASE("where no descriptor is left, system_error names the call", "[pop_event]") {
  queue source(1);
  const auto code_and_text = [](auto make) {
    no_descriptor_left = true;
    try {
      make();
    } catch (const std::system_error& error) {
      return std::pair(error.code().value(), std::string(error.what()));
    }
    return std::pair(0, std::string());
  };
  const auto [of_event, event_said] = code_and_text([&] { const kew::pop_event event(source); });
  CHECK(of_event == EMFILE);
  CHECK_THAT(event_said, has_text("kew: a pop_event has no descriptor: eventfd"));
  const auto [of_pipe, pipe_said] = code_and_text([] { const kew::detail::kernel_pipe event; });
  CHECK(of_pipe == EMFILE);
  CHECK_THAT(pipe_said, has_text("kew: a pop_event has no descriptor: pipe"));
  // The queue is as it was.
  CHECK(source.push(1));
  CHECK(readable(kew::pop_event(source)));
}

TEST_CASE("an event over a pipe, where there is no eventfd, is the same", "[pop_event]") {
  kew::detail::kernel_pipe event;
  CHECK_FALSE(readable(event.native()));
  for (int i = 0; i < 3; ++i) {
    event.set();
    CHECK(readable(event.native()));
    event.reset();
    CHECK_FALSE(readable(event.native()));
  }
  event.reset();  // the user may have read it already: that does not wait
  CHECK_FALSE(readable(event.native()));
}

TEST_CASE("an event closes its descriptor", "[pop_event]") {
  queue source(1);
  int descriptor = -1;
  for (int i = 0; i < 10; ++i) {
    const kew::pop_event event(source);
    if (i > 0) CHECK(event.native_handle() == descriptor);
    descriptor = event.native_handle();
  }
}

// ---- Beside others that wait -------------------------------------------------------------------------------------------

TEST_CASE("an event that nobody polls takes no wake-up from a thread that sleeps", "[pop_event]") {
  const watchdog guard("a thread that sleeps beside an event");
  queue source(1);
  for (int i = 0; i < 200; ++i) {
    const kew::pop_event event(source);
    int got = 0;
    std::thread waiter([&] { got = source.pop().value_or(0); });
    for (int turns = i % 2 * 200; turns > 0; --turns) std::this_thread::yield();
    CHECK(source.push(1));
    waiter.join();
    CHECK(got == 1);
    CHECK(readable(event));
  }
}

TEST_CASE("an event that is destroyed while it is told leaves the message to others", "[pop_event]") {
  const watchdog guard("events that come and go");
  queue source(4);
  const int messages = static_cast<int>(scaled(20'000));
  std::atomic<bool> done{false};
  std::thread watcher([&] {
    while (!done) {
      kew::pop_event event(source);
      if (readable(event)) event.clear();
    }
  });
  long sum = 0;
  std::thread waiter([&] {
    while (auto message = source.pop()) sum += *message;
  });
  for (int i = 0; i < messages; ++i) REQUIRE(source.push(1));
  source.close();
  waiter.join();
  done = true;
  watcher.join();
  CHECK(sum == messages);
}

TEST_CASE("two events of one queue are told of every message", "[pop_event]") {
  queue source(2);
  kew::pop_event first(source);
  kew::pop_event second(source);
  REQUIRE(source.push(1));
  CHECK(readable(first));
  CHECK(readable(second));
  CHECK(clear_and_drain(first, source, ignore) == status::empty);
  CHECK(clear_and_drain(second, source, ignore) == status::empty);
  CHECK_FALSE(readable(first));
  CHECK_FALSE(readable(second));
  REQUIRE(source.push(2));
  CHECK(readable(first));
  CHECK(readable(second));
}

// ---- Loops of events ---------------------------------------------------------------------------------------------------

namespace {

template <class Source, class Sink>
void all_get_through_poll(Source& source, std::vector<Sink*> sinks, int each) {
  const watchdog guard("a loop of events over poll");
  kew::pop_event event(source);
  std::vector<std::thread> producers;
  std::atomic<std::size_t> left{sinks.size()};
  for (Sink* const sink : sinks)
    producers.emplace_back([&, sink] {
      random_source random(run_seed());
      for (int i = 0; i < each; ++i) {
        static_cast<void>(sink->push(1));
        if (random.one_in(64)) std::this_thread::yield();
      }
      if (--left == 0) sink->close();
    });
  long sum = 0;
  status answer = status::empty;
  while (answer != status::closed) {
    wait(event);
    answer = clear_and_drain(event, source, [&](int value) { sum += value; });
  }
  for (std::thread& producer : producers) producer.join();
  CHECK(sum == static_cast<long>(sinks.size()) * each);
}

}  // namespace

TEST_CASE("a loop of events gets every message, and sleeps beside none", "[pop_event]") {
  const int each = static_cast<int>(scaled(20'000));
  for (const std::size_t capacity : sizes{1, 2, 64}) {
    queue many(capacity);
    all_get_through_poll(many, std::vector<queue*>{&many, &many}, each);
    auto channel = kew::make_spsc_channel<int>(capacity);
    all_get_through_poll(channel.second, std::vector{&channel.first}, each);
    auto parked = kew::make_spmc_channel<int, kew::park_wait>(capacity);
    all_get_through_poll(parked.second, std::vector{&parked.first}, each);
  }
}

TEST_CASE("a loop of events over epoll, edge by edge, gets every message of two queues", "[pop_event]") {
  const watchdog guard("a loop of events over epoll");
  std::array<std::unique_ptr<queue>, 2> sources{std::make_unique<queue>(3), std::make_unique<queue>(3)};
  std::array<std::optional<kew::pop_event>, 2> events;
  const int loop = ::epoll_create1(EPOLL_CLOEXEC);
  REQUIRE(loop >= 0);
  for (std::size_t i = 0; i < 2; ++i) {
    events[i].emplace(*sources[i]);
    epoll_event watched{};
    watched.events = EPOLLIN | EPOLLET;
    watched.data.u64 = i;
    REQUIRE(::epoll_ctl(loop, EPOLL_CTL_ADD, events[i]->native_handle(), &watched) == 0);
  }
  const int each = static_cast<int>(scaled(20'000));
  std::array<std::thread, 2> producers;
  for (std::size_t i = 0; i < 2; ++i)
    producers[i] = std::thread([&, i] {
      for (int n = 0; n < each; ++n) static_cast<void>(sources[i]->push(1));
      sources[i]->close();
    });
  std::array<int, 2> got{};
  for (int open = 2; open > 0;) {
    std::array<epoll_event, 2> ready{};
    const int count = ::epoll_wait(loop, ready.data(), 2, -1);
    for (int i = 0; i < count; ++i) {
      const std::size_t which = ready[static_cast<std::size_t>(i)].data.u64;
      if (clear_and_drain(*events[which], *sources[which], [&](int value) { got[which] += value; }) == status::closed) {
        REQUIRE(::epoll_ctl(loop, EPOLL_CTL_DEL, events[which]->native_handle(), nullptr) == 0);
        --open;
      }
    }
  }
  for (std::thread& producer : producers) producer.join();
  ::close(loop);
  CHECK(got[0] == each);
  CHECK(got[1] == each);
}

}  // namespace kew_test
