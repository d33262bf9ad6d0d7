// What a broker costs beside the queue that it is made of: how long a message takes from its publication to its handler,
// how many messages a second are acknowledged, and whether the figures that it shows of its queues agree with each
// other and with a look from outside.
#include <benchmark/benchmark.h>

#include <kew/blocking_queue.hpp>
#include <kew/broker.hpp>
#include <kew/work_queue.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "session.hpp"

namespace bench { namespace {

using clock = std::chrono::steady_clock;
using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using word = std::uint64_t;
constexpr std::size_t capacity = 1024;

word ticks() {
  return static_cast<word>(std::chrono::duration_cast<nanoseconds>(clock::now().time_since_epoch()).count());
}

// ---- The contenders: each calls a function with the words that were sent, in threads of its own. Its destructor waits
// until all are handled.

template <class Function>
class broker_port {
 public:
  static constexpr const char* name = "kew::broker.consume";

  broker_port(unsigned threads, Function f)
      : queue_(broker_.declare<word>("words", {.capacity = capacity})),
        subscription_(broker_.consume<word>("words", std::move(f), {.threads = threads})) {}
  ~broker_port() {
    queue_.close();
    subscription_.join();
  }
  void send(word message) { static_cast<void>(broker_.publish("words", message)); }

 private:
  kew::broker broker_;
  kew::message_queue<word>& queue_;
  kew::subscription subscription_;
};

/// Threads that call the function themselves.
template <class Queue, class Function>
class queue_port {
 public:
  template <class Argument>
  queue_port(unsigned threads, Function f, Argument argument) : queue_(argument), function_(std::move(f)) {
    for (unsigned i = 0; i < threads; ++i) threads_.emplace_back([this] { handle(); });
  }
  ~queue_port() { queue_.close(); }

  void send(word message) {
    if constexpr (requires { queue_.receive(); })
      static_cast<void>(queue_.publish(message));
    else
      static_cast<void>(queue_.push(message));
  }

 private:
  void handle() {
    if constexpr (requires { queue_.receive(); })
      while (auto message = queue_.receive()) {
        function_(**message);
        message->ack();
      }
    else
      while (const auto message = queue_.pop()) function_(*message);
  }

  Queue queue_;
  Function function_;
  std::vector<std::jthread> threads_;
};

template <class Function>
struct work_queue_port : queue_port<kew::work_queue<word>, Function> {
  static constexpr const char* name = "kew::work_queue";
  work_queue_port(unsigned threads, Function f)
      : queue_port<kew::work_queue<word>, Function>(threads, std::move(f), kew::queue_options{.capacity = capacity}) {}
};
template <class Function>
struct blocking_queue_port : queue_port<kew::blocking_queue<word>, Function> {
  static constexpr const char* name = "kew::blocking_queue";
  blocking_queue_port(unsigned threads, Function f)
      : queue_port<kew::blocking_queue<word>, Function>(threads, std::move(f), capacity) {}
};

// ---- Latency ----------------------------------------------------------------------------------------------------

/// Sends a message each `period` by the clock, whether or not the one before has arrived: a message is the time at which
/// it was due. Where the period is long enough for that, the sender sleeps in between, and then a message is the
/// time at which it was sent.
template <template <class> class Port>
void measure_latency(benchmark::State& state, nanoseconds period) {
  for ([[maybe_unused]] auto _ : state) {
    const bool sleeps = period >= 1ms;
    const auto count = static_cast<std::size_t>(std::max<std::int64_t>(nanoseconds(session.round) * 10 / period, 20));
    std::vector<double> latencies;
    latencies.reserve(count);
    const auto handle = [&](const word& then) { latencies.push_back(static_cast<double>(ticks() - then)); };
    {
      Port<decltype(handle)> port(1, handle);
      const word start = ticks();
      for (std::size_t i = 0; i < count; ++i) {
        const word due = start + i * static_cast<word>(period.count());
        if (sleeps) std::this_thread::sleep_until(clock::time_point(nanoseconds(due)));
        while (ticks() < due) kew::detail::cpu_relax();
        port.send(sleeps ? ticks() : due);
      }
    }
    if (latencies.size() != count) return refuse(state, "not every message has arrived");
    std::ranges::sort(latencies);
    const auto at = [&](double share) {
      return latencies[static_cast<std::size_t>(share * static_cast<double>(latencies.size() - 1))];
    };
    state.SetIterationTime(at(0.5) * 1e-9);
    state.counters["p50"] = at(0.5);
    state.counters["p99"] = at(0.99);
    state.counters["p99.9"] = at(0.999);
    state.counters["max"] = at(1);
  }
}

// ---- Throughput -------------------------------------------------------------------------------------------------

template <template <class> class Port>
void measure_throughput(benchmark::State& state, unsigned producers, unsigned consumers) {
  for ([[maybe_unused]] auto _ : state) {
    std::atomic<word> handled_sum{0};
    std::atomic<word> sent_sum{0};
    std::atomic<word> sent{0};
    const auto begin = clock::now();
    {
      struct counting {
        std::atomic<word>& sum;
        void operator()(const word& message) const { sum.fetch_add(message, std::memory_order_relaxed); }
      };
      Port<counting> port(consumers, counting{handled_sum});
      std::vector<std::jthread> threads;
      for (unsigned i = 0; i < producers; ++i)
        threads.emplace_back([&] {
          word count = 0, sum = 0;
          for (; count % 64 != 0 || clock::now() - begin < session.round * 4; sum += count) port.send(++count);
          sent += count;
          sent_sum += sum;
        });
    }
    const std::chrono::duration<double> time = clock::now() - begin;
    if (handled_sum != sent_sum) return refuse(state, "messages were lost, repeated or changed");
    state.SetIterationTime(time.count() / static_cast<double>(sent.load()));
    state.counters["a second"] = static_cast<double>(sent.load()) / time.count();
  }
}

// ---- Little's law -----------------------------------------------------------------------------------------------

/// Queues with handlers of different kinds, for a second, and a thread that looks at their lengths. Of each queue,
/// three figures are taken independently of each other: throughput and mean time by the broker's meters, and the mean
/// length by those looks, as the area under straight lines between them. `little` is the product of the first two divided
/// by the third, and `metered` the length that the broker says divided by the one that was seen: both should be 1.
void measure_little(benchmark::State& state) {
  for ([[maybe_unused]] auto _ : state) {
    constexpr auto load = 1s;
    kew::broker broker;
    std::vector<kew::message_queue<word>*> queues;
    const std::vector<std::string> names = {"quick", "slow", "shared", "failing", "patient"};
    for (const std::string& name : names)
      queues.push_back(&broker.declare<word>(name, {.capacity = 100'000, .max_attempts = 3}));

    std::vector<double> areas(names.size());
    std::vector<double> last(names.size());
    auto last_look = clock::now();
    const auto look = [&] {
      for (std::size_t i = 0; i < names.size(); ++i) {
        const kew::queue_counts counts = queues[i]->counts();
        last[i] = static_cast<double>(counts.ready + counts.delayed + counts.outstanding);
      }
    };
    std::jthread watcher([&](const std::stop_token& stop) {
      std::mt19937_64 random;
      while (!stop.stop_requested()) {
        // At random moments: threads that sleep are woken together, and would see each other's messages too often.
        std::this_thread::sleep_for(50us);
        const auto next = clock::now() + std::chrono::microseconds(random() % 100);
        while (clock::now() < next) kew::detail::cpu_relax();
        const std::vector<double> before = last;
        look();
        const auto now = clock::now();
        const double passed = std::chrono::duration<double>(now - last_look).count();
        for (std::size_t i = 0; i < names.size(); ++i) areas[i] += (before[i] + last[i]) / 2 * passed;
        last_look = now;
      }
    });
    const auto begin = last_look;

    std::vector<kew::subscription> subscriptions;
    subscriptions.push_back(broker.consume<word>("quick", [](const word&) { std::this_thread::sleep_for(300us); }));
    subscriptions.push_back(
        broker.consume<word>("slow", [](const word&) { std::this_thread::sleep_for(1ms); }, {.prefetch = 4}));
    subscriptions.push_back(
        broker.consume<word>("shared", [](const word&) { std::this_thread::sleep_for(3ms); }, {.threads = 3}));
    subscriptions.push_back(broker.consume<word>("failing", [](const word& message) {
      std::this_thread::sleep_for(500us);
      if (message % 7 == 0) throw std::runtime_error("a fault on demand");
    }));
    subscriptions.push_back(broker.consume<word>("patient", [](kew::delivery<word>& message) {
      if (message.attempt() == 1)
        message.requeue(20ms);
      else
        message.ack();
    }));
    {
      std::vector<std::jthread> producers;
      for (const std::string& name : names)
        producers.emplace_back([&, name] {
          std::mt19937_64 random(name.size());
          std::exponential_distribution<double> gap(800);
          for (word i = 0; clock::now() - begin < load; ++i) {
            static_cast<void>(broker.publish(name, i));
            std::this_thread::sleep_for(std::chrono::duration<double>(gap(random)));
          }
        });
    }
    for (auto* queue : queues) queue->close();
    for (auto& subscription : subscriptions) subscription.join();
    const kew::broker_metrics all = broker.metrics();
    watcher.request_stop();
    watcher.join();

    const double watched = std::chrono::duration<double>(last_look - begin).count();
    double worst = 1;
    for (std::size_t i = 0; i < names.size(); ++i) {
      const kew::metrics& m = all[names[i]];
      const double seen = areas[i] / watched;
      const double little = m.throughput * std::chrono::duration<double>(m.time_in_queue.mean).count() / seen;
      state.counters[names[i] + ": mean length"] = seen;
      state.counters[names[i] + ": little"] = little;
      state.counters[names[i] + ": metered"] = m.mean_length / seen;
      for (const double ratio : {little, m.mean_length / seen})
        if (std::abs(ratio - 1) > std::abs(worst - 1)) worst = ratio;
    }
    state.SetIterationTime(watched);
    // No fault of the broker's: on a machine that has other things to do, the looks come at the wrong moments.
    if (std::abs(worst - 1) > 0.05)
      refuse(state, "the figures disagree by more than 5 %: " + std::to_string(worst), false);
  }
}

// ---- The rows ---------------------------------------------------------------------------------------------------

template <template <class> class Port>
void add_rows() {
  const char* const name = Port<void (*)(const word&)>::name;
  for (const auto& [row, period] : {std::pair("rate:1k", nanoseconds(1ms)), std::pair("rate:10k", nanoseconds(100us)),
                                    std::pair("rate:100k", nanoseconds(10us))})
    entries().push_back({std::string("broker_latency/") + row, name,
                         [time = period](benchmark::State& state) { measure_latency<Port>(state, time); }, 10});
  for (const auto& [row, producers, consumers] : {std::tuple("1p1c", 1u, 1u), std::tuple("4p4c", 4u, 4u)})
    entries().push_back(
        {std::string("broker_throughput/") + row, name,
         [p = producers, c = consumers](benchmark::State& state) { measure_throughput<Port>(state, p, c); }, 4});
}

const bool added = [] {
  add_rows<broker_port>();
  add_rows<work_queue_port>();
  add_rows<blocking_queue_port>();
  entries().push_back({"broker_little", "kew::broker", measure_little, 35});
  return true;
}();

}}  // namespace bench
