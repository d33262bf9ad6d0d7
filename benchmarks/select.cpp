// What a select costs beside a plain pop: messages a second from several channels by one thread, where all are full,
// and in a stream from one producer and from two.
#include <benchmark/benchmark.h>

#include <kew/channel.hpp>
#include <kew/select.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "harness.hpp"
#include "session.hpp"

namespace bench { namespace {

using word = std::uint64_t;
constexpr std::size_t capacity = 1024;

/// `N` channels, from which `Pop` takes: to producers they look like one queue.
template <std::size_t N, class Pop>
class channels {
  using producer_end = kew::producer<word>;

 public:
  using value_type = word;

  explicit channels(shape s) : share_(s.producers) {
    for (std::size_t i = 0; i < N; ++i) {
      auto [tx, rx] = kew::make_channel<word>(capacity);
      in_.push_back(std::move(tx));
      out_.push_back(std::move(rx));
    }
  }

  /// One producer pushes into all channels in turn; of several, each into channels of its own.
  class producer_handle {
   public:
    producer_handle(std::vector<producer_end>& in, std::size_t first, std::size_t step)
        : in_(in), at_(first % N), step_(step % N) {}
    void push(word item) {
      static_cast<void>(in_[at_].push(item));
      at_ = at_ + step_ >= N ? at_ + step_ - N : at_ + step_;
    }

   private:
    std::vector<producer_end>& in_;
    std::size_t at_;
    std::size_t step_;
  };
  producer_handle producer() { return {in_, producers_.fetch_add(1), static_cast<std::size_t>(share_)}; }
  channels& consumer() { return *this; }

  bool pop(word& item) { return Pop::pop(out_, item, std::make_index_sequence<N>()); }
  void close() {
    for (producer_end& each : in_) each.close();
  }
  void fill() {
    for (producer_end& each : in_)
      while (each.try_push(1)) {
      }
  }

 private:
  int share_;
  std::atomic<std::size_t> producers_{0};
  std::vector<producer_end> in_;
  std::vector<kew::consumer<word>> out_;
};

struct by_pop {
  template <std::size_t... I>
  static bool pop(std::vector<kew::consumer<word>>& from, word& item, std::index_sequence<I...>) {
    static_assert(sizeof...(I) == 1);
    const auto popped = from[0].pop();
    if (popped) item = *popped;
    return popped.has_value();
  }
};
struct by_select {
  template <std::size_t... I>
  static bool pop(std::vector<kew::consumer<word>>& from, word& item, std::index_sequence<I...>) {
    return kew::select(kew::on_pop(from[I], [&](word got) { item = got; })...).has_value();
  }
};

using plain = channels<1, by_pop>;
template <std::size_t N>
using selecting = channels<N, by_select>;

/// A thread takes what is there: the clock runs from the first pop to the last one.
template <class Port>
void measure_full(benchmark::State& state) {
  const auto port = std::make_unique<Port>(shape{1, 1});
  const auto end = clock::now() + session.round;
  double seconds = 0;
  std::int64_t items = 0;
  for ([[maybe_unused]] auto _ : state) {
    do {
      port->fill();
      const auto begin = clock::now();
      word item = 0;
      for (std::size_t i = 0; i < capacity; ++i) {
        port->pop(item);
        benchmark::DoNotOptimize(item);
      }
      seconds += seconds_between(begin, clock::now());
      items += capacity;
    } while (clock::now() < end);
    state.SetIterationTime(seconds);
    state.SetItemsProcessed(items);
  }
}

template <class Port>
void measure_stream(benchmark::State& state, shape s) {
  const auto produce = [&](auto&& to, int index, const std::atomic<bool>& stop) {
    tally pushed;
    word number = static_cast<word>(index) + 1;
    constexpr int between_looks = 256;
    do {
      for (int i = 0; i < between_looks; ++i, number += static_cast<word>(s.producers)) {
        to.push(number);
        pushed += {1, number};
      }
    } while (!stop.load(std::memory_order_relaxed));
    return pushed;
  };
  const auto consume = [&](auto& from, int, const std::atomic<bool>&) {
    tally popped;
    for (word item = 0; from.pop(item);) popped += {1, item};
    return popped;
  };
  for ([[maybe_unused]] auto _ : state) {
    const auto port = std::make_unique<Port>(s);
    const account result = run(*port, s, session.round, produce, consume);
    if (const std::string wrong = result.complaint(); !wrong.empty()) return refuse(state, wrong);
    state.SetIterationTime(result.seconds);
    state.SetItemsProcessed(static_cast<std::int64_t>(result.all_popped().count));
  }
}

const bool added = [] {
  const std::string job = "/8B/capacity:1024/batch:1";
  const auto add_full = [&]<class Port>(const char* name, std::type_identity<Port>) {
    entries().push_back({"throughput/select/full" + job, name, measure_full<Port>});
  };
  const auto add_stream = [&]<class Port>(const char* name, shape s, std::type_identity<Port>) {
    entries().push_back({"throughput/select/" + s.name() + job, name,
                         [s](benchmark::State& state) { measure_stream<Port>(state, s); }});
  };
  add_full("kew::channel", std::type_identity<plain>());
  add_full("kew::select+2", std::type_identity<selecting<2>>());
  add_full("kew::select+8", std::type_identity<selecting<8>>());
  for (const shape s : {shape{1, 1}, shape{2, 1}}) {
    add_stream("kew::channel", s, std::type_identity<plain>());
    add_stream("kew::select+2", s, std::type_identity<selecting<2>>());
    add_stream("kew::select+8", s, std::type_identity<selecting<8>>());
  }
  return true;
}();

}}  // namespace bench
