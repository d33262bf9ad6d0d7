// What an acknowledgement costs: messages a second through a work_queue, each received and acknowledged, beside a plain
// blocking_queue; and what one message costs a single thread where few or many others are outstanding.
#include <kew/blocking_queue.hpp>
#include <kew/work_queue.hpp>

#include "peers/kew.hpp"
#include "session.hpp"

namespace bench { namespace {

using word = std::uint64_t;

/// Each item that comes out has been acknowledged.
class work_queue_port {
 public:
  using value_type = word;
  static constexpr auto name = "kew::work_queue";

  work_queue_port(std::size_t capacity, shape) : queue_({.capacity = capacity}) {}

  void push(word item) { static_cast<void>(queue_.publish(item)); }
  bool pop(word& item) {
    auto got = queue_.receive();
    if (!got) return false;
    item = **got;
    return got->ack();
  }
  void close() { queue_.close(); }

 private:
  kew::work_queue<word> queue_;
};

using ports = contenders<work_queue_port, queue_port<kew::mpmc_ring<word>, kew::adaptive_wait, "kew::blocking_queue">>;

template <class Port>
void measure_stream(benchmark::State& state, shape s) {
  for ([[maybe_unused]] auto _ : state) {
    const auto port = std::make_unique<Port>(1024, s);
    const auto step = static_cast<word>(s.producers);
    const auto produce = [step](auto& to, int index, const std::atomic<bool>& stop) {
      tally sent;
      for (word number = static_cast<word>(index) + 1; !stop.load(std::memory_order_relaxed); number += step) {
        send(to, number);
        sent += {1, number};
      }
      return sent;
    };
    const auto consume = [](auto& from, int, const std::atomic<bool>& ended) {
      tally received;
      for (word item = 0; receive(from, item, ended);) received += {1, item};
      return received;
    };
    const account result = run(*port, s, session.round, produce, consume);
    if (const std::string wrong = result.complaint(); !wrong.empty()) return refuse(state, wrong);
    state.SetIterationTime(result.seconds);
    state.SetItemsProcessed(static_cast<std::int64_t>(result.all_popped().count));
  }
}

/// Publishes one, acknowledges the oldest of those that are outstanding, and receives one.
void measure_outstanding(benchmark::State& state, std::size_t outstanding) {
  kew::work_queue<word> queue({.capacity = 2 * outstanding, .visibility_timeout = std::chrono::hours(1)});
  std::vector<kew::result<kew::delivery<word>>> held;
  for (std::size_t i = 0; i < outstanding; ++i) {
    static_cast<void>(queue.publish(i));
    held.push_back(queue.receive());
  }
  std::size_t oldest = 0;
  bool well = true;
  for ([[maybe_unused]] auto _ : state) {
    well &= static_cast<bool>(queue.publish(oldest));
    well &= held[oldest]->ack();
    *held[oldest] = *queue.receive();
    oldest = oldest + 1 == outstanding ? 0 : oldest + 1;
  }
  if (!well) refuse(state, "a message was not acknowledged");
}

const bool added = [] {
  for (const shape s : {shape{1, 1}, shape{4, 4}})
    for_each(ports{}, s, [&]<class Port>() {
      entries().push_back(
          {"messages/" + s.name(), Port::name, [s](benchmark::State& state) { measure_stream<Port>(state, s); }});
    });
  for (const std::size_t outstanding : {10, 100'000})
    entries().push_back({"messages/outstanding:" + std::to_string(outstanding), work_queue_port::name,
                         [outstanding](benchmark::State& state) { measure_outstanding(state, outstanding); }, 2,
                         false});
  return true;
}();

}}  // namespace bench
