// Queues that the program makes and plugins use: each was built by another compiler, with its symbols visible or
// hidden. KEW_PLUGINS names them, parted by colons.
//
// This program stands between kew and the kernel: syscall() below counts what each thread asks for, and can refuse.
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <dlfcn.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "catch.hpp"
#include "environment.hpp"
#include "plugin.hpp"

namespace {

thread_local int membarriers = 0;
std::atomic<bool> refuses_membarriers{false};
std::atomic<int> sleeps{0};  // of all threads

}  // namespace

extern "C" long syscall(long number, ...) noexcept {
  using real_call = long (*)(long, long, long, long, long, long, long);
  static const auto real = reinterpret_cast<real_call>(dlsym(RTLD_NEXT, "syscall"));
  std::va_list list;
  va_start(list, number);
  long arguments[6];
  for (long& each : arguments) each = va_arg(list, long);
  va_end(list);
  if (number == SYS_membarrier && arguments[0] == MEMBARRIER_CMD_PRIVATE_EXPEDITED) {
    ++membarriers;
    if (refuses_membarriers) {
      errno = EPERM;
      return -1;
    }
  }
  if (number == SYS_futex && (arguments[1] & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET) ++sleeps;
  return real(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
}

namespace kew_test { namespace {

using kew::status;

/// How often a call asks the kernel to fence the other threads.
template <class Call>
int membarriers_in(Call&& call) {
  const int before = membarriers;
  call();
  return membarriers - before;
}

/// Where the kernel lets it, and kew sleeps by the futex.
bool kew_fences_by_membarrier() {
#ifdef KEW_NO_FUTEX
  return false;
#else
  static const bool does = syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
  return does;
#endif
}

struct image {
  std::string name;
  plugin_calls calls;
};

const std::vector<image>& images() {
  static const std::vector<image> all = [] {
    std::vector<image> loaded;
    std::string paths = KEW_PLUGINS;
    while (!paths.empty()) {
      const std::size_t end = std::min(paths.find(':'), paths.size());
      const std::string path = paths.substr(0, end);
      paths.erase(0, end + 1);
      void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
      if (library == nullptr) FAIL(dlerror());
      const auto calls = reinterpret_cast<plugin_calls (*)()>(dlsym(library, "kew_plugin_calls"));
      if (calls == nullptr) FAIL(dlerror());
      loaded.push_back({path.substr(path.rfind('/') + 1), calls()});
    }
    return loaded;
  }();
  return all;
}

/// Runs `test` with the calls of each plugin, for queues of each kind.
template <class Test>
void with_each_plugin(Test&& test) {
  for (const image& plugin : images()) {
    INFO(plugin.name);
    const watchdog guard("a test with " + plugin.name);
    test(plugin.calls.spsc, std::type_identity<spsc_queue>());
    test(plugin.calls.mpmc, std::type_identity<mpmc_queue>());
  }
}

element message() { return std::make_shared<int>(1); }

TEST_CASE("a plugin that finds a queue closed fences the program's threads") {
  with_each_plugin([]<class Queue>(const queue_calls<Queue>& plugin, std::type_identity<Queue>) {
    const queue_calls<Queue> program = calls_of<Queue>();
    Queue queue(1);
    queue.close();
    const auto pop = [&](const queue_calls<Queue>& by) {
      return membarriers_in([&] { REQUIRE(by.try_pop(queue) == status::closed); });
    };
    const int fences = pop(program);
    CHECK(fences == (kew_fences_by_membarrier() && std::is_same_v<Queue, spsc_queue>));
    CHECK(pop(plugin) == fences);
  });
}

#ifndef KEW_NO_FUTEX
TEST_CASE("a plugin that goes to sleep fences the program's threads") {
  with_each_plugin([]<class Queue>(const queue_calls<Queue>& plugin, std::type_identity<Queue>) {
    const auto sleep = [](const queue_calls<Queue>& by) {
      Queue queue(1);
      int fences = 0;
      const int sleeps_before = sleeps;
      std::thread sleeper([&] { fences = membarriers_in([&] { static_cast<void>(by.pop(queue)); }); });
      while (sleeps == sleeps_before) std::this_thread::yield();
      static_cast<void>(queue.push(message()));
      sleeper.join();
      return fences;
    };
    CHECK((sleep(calls_of<Queue>()) > 0) == kew_fences_by_membarrier());
    CHECK((sleep(plugin) > 0) == kew_fences_by_membarrier());
  });
}
#endif

TEST_CASE("what the kernel has refused to a plugin, the program does not ask for") {
  with_each_plugin([]<class Queue>(const queue_calls<Queue>& plugin, std::type_identity<Queue>) {
    const queue_calls<Queue> program = calls_of<Queue>();
    Queue queue(1);
    queue.close();
    const auto pop = [&](const queue_calls<Queue>& by) {
      return membarriers_in([&] { REQUIRE(by.try_pop(queue) == status::closed); });
    };
    const int before = pop(program);
    refuses_membarriers = true;
    const int refused = pop(plugin);
    refuses_membarriers = false;
    CHECK(refused == before);
    CHECK(pop(program) == 0);
    CHECK(pop(plugin) == 0);
  });
}

TEST_CASE("a push in one image wakes a pop in another") {
  with_each_plugin([]<class Queue>(const queue_calls<Queue>& plugin, std::type_identity<Queue>) {
    Queue there(1);
    Queue back(1);
    const std::size_t rounds = scaled(2'000);
    std::thread echo([&] {
      while (element received = plugin.pop(there)) static_cast<void>(plugin.push(back, std::move(received)));
    });
    std::size_t returned = 0;
    for (std::size_t i = 0; i < rounds; ++i) {
      static_cast<void>(there.push(message()));
      returned += back.pop().status() == status::success;
    }
    there.close();
    echo.join();
    CHECK(returned == rounds);
  });
}

TEST_CASE("a close in one image ends a push and a pop in another") {
  with_each_plugin([]<class Queue>(const queue_calls<Queue>& plugin, std::type_identity<Queue>) {
    for (std::size_t i = 0; i < scaled(200); ++i) {
      Queue empty(1);
      Queue full(1);
      REQUIRE(full.push(message()));
      bool popped = true;
      status pushed = status::success;
      const bool plugin_closes = i % 2 == 0;
      std::thread consumer([&] { popped = plugin_closes ? bool(empty.pop()) : plugin.pop(empty) != nullptr; });
      std::thread producer([&] { pushed = plugin_closes ? full.push(message()) : plugin.push(full, message()); });
      plugin_closes ? plugin.close(empty) : empty.close();
      plugin_closes ? plugin.close(full) : full.close();
      consumer.join();
      producer.join();
      CHECK(!popped);
      CHECK(pushed == status::closed);
    }
  });
}

TEST_CASE("a push that races with a close comes out in another image") {
  with_each_plugin([]<class Queue>(const queue_calls<Queue>& plugin, std::type_identity<Queue>) {
    const std::size_t rounds = scaled(1'000);
    std::vector<std::unique_ptr<Queue>> queues;
    for (std::size_t i = 0; i < rounds; ++i) queues.push_back(std::make_unique<Queue>(4));
    std::atomic<std::size_t> started{0};
    std::size_t pushed = 0;
    std::size_t popped = 0;
    const element one = message();
    std::thread producer([&] {
      for (auto& queue : queues) {
        ++started;
        while (queue->push(one)) ++pushed;
      }
    });
    std::thread consumer([&] {
      for (auto& queue : queues) popped += plugin.pop_all(*queue);
    });
    for (std::size_t i = 0; i < rounds; ++i) {
      while (started <= i) std::this_thread::yield();
      queues[i]->close();
    }
    producer.join();
    consumer.join();
    CHECK(popped == pushed);
  });
}

TEST_CASE("a child process goes on with its copy of a queue") {
  with_each_plugin([]<class Queue>(const queue_calls<Queue>& plugin, std::type_identity<Queue>) {
    Queue queue(1);
    REQUIRE(queue.push(message()));
    const pid_t child = fork();
    REQUIRE(child != -1);
    if (child == 0) {
      bool right = plugin.pop(queue) != nullptr;
      std::thread consumer([&] { right &= plugin.pop(queue) != nullptr; });
      right &= queue.push(message()) == status::success;
      consumer.join();
      queue.close();
      const auto pop = [&] { return membarriers_in([&] { right &= plugin.try_pop(queue) == status::closed; }); };
      // Were the kernel to refuse the first time, the second would not ask.
      const bool fences = kew_fences_by_membarrier() && std::is_same_v<Queue, spsc_queue>;
      right &= pop() == fences;
      right &= pop() == fences;
      _exit(right ? 0 : 1);
    }
    int outcome = -1;
    REQUIRE(waitpid(child, &outcome, 0) == child);
    CHECK(outcome == 0);
  });
}

TEST_CASE("a broker knows a type of the program and of its plugins, and one of the program alone") {
  for (const image& plugin : images()) {
    INFO(plugin.name);
    kew::broker broker;
    auto& shared = broker.declare<shared_message>("shared");
    broker.declare<std::string>("texts");
    broker.declare<own_message>("own");
    CHECK(plugin.calls.publish(broker, "shared", 5));
    auto received = shared.try_receive();
    REQUIRE(received);
    CHECK((*received)->number == 5);
    CHECK(received->ack());
    CHECK(plugin.calls.publish_text(broker, "texts"));
    CHECK_THROWS_AS(plugin.calls.publish(broker, "texts", 5), kew::broker_error);
    // Of the same name and size, and yet another type.
    CHECK(broker.publish("own", own_message{1}));
    CHECK_THROWS_AS(plugin.calls.publish_own(broker, "own"), kew::broker_error);
  }
}

TEST_CASE("handles that die in a plugin end the stream for the program") {
  for (const image& plugin : images()) {
    INFO(plugin.name);
    const watchdog guard("handles dying in " + plugin.name);
    for (std::size_t i = 0; i < scaled(200); ++i) {
      const element one = message();
      {
        auto [tx, rx] = kew::make_channel_over<kew::spsc_ring<element>, kew::park_wait>(1);
        status pushed = status::success;
        std::thread producer([&, &tx = tx] {
          while ((pushed = tx.push(one))) {
          }
        });
        plugin.calls.drop_consumer(std::move(rx));
        producer.join();
        CHECK(pushed == status::closed);
        CHECK(one.use_count() == 1);
      }
      auto [tx, rx] = kew::make_channel_over<kew::spsc_ring<element>, kew::park_wait>(1);
      status popped = status::success;
      std::thread consumer([&popped, &rx = rx] { popped = rx.pop().status(); });
      plugin.calls.drop_producer(std::move(tx));
      consumer.join();
      CHECK(popped == status::closed);
    }
  }
}

}}  // namespace kew_test
