// How long the queue gets. The consumer works 10 µs on each message, so it can do 100 000 a second; messages come at
// random moments (Poisson) at a share of that, or in bursts of three times that for 2 of every 10 ms.
//
// Three figures are taken independently of each other: the length by the producer, who looks at size_approx() while it
// waits; the time in the queue by stamps in the messages; the throughput by counting. Little's law says that the mean
// length is the throughput times the mean time; `little` is the one divided by the other, and should be 1.
#include <cmath>
#include <random>

#include "peers/families.hpp"
#include "session.hpp"

namespace bench { namespace {

using word = std::uint64_t;
constexpr double service_ns = 10'000;
constexpr double look_every_ns = 1'000;

double now_ns() { return static_cast<double>(nanoseconds(clock::now().time_since_epoch()).count()); }

/// The length over time: its mean, as the area under straight lines from look to look, because a producer that has lost
/// its core for a while finds the queue much shorter; its maximum; and what it was at regular moments of the first 20 ms,
/// for the picture.
class length_record {
 public:
  void add(double at, std::size_t length) {
    const auto value = static_cast<double>(length);
    if (begin_ == 0)
      begin_ = at;
    else
      area_ += (value + last_value_) / 2 * (at - last_);
    last_ = at;
    last_value_ = value;
    most_ = std::max(most_, value);
    if (series_.size() < points && at - begin_ >= static_cast<double>(series_.size()) * apart_ns)
      series_.push_back(length);
  }
  double last() const { return last_; }
  double mean() const { return area_ / (last_ - begin_); }
  double most() const { return most_; }
  std::string series() const {
    std::ostringstream words;
    words << "length every 0.2 ms:";
    for (const std::size_t length : series_) words << ' ' << length;
    return words.str();
  }

 private:
  static constexpr std::size_t points = 100;
  static constexpr double apart_ns = 200'000;

  double begin_ = 0;
  double last_ = 0;
  double last_value_ = 0;
  double area_ = 0;
  double most_ = 0;
  std::vector<std::size_t> series_;
};

class poisson_arrivals {
 public:
  explicit poisson_arrivals(double load) : gap_(load / service_ns) {}
  double after(double at) { return at + gap_(random_); }

 private:
  std::mt19937_64 random_{20'260'101};
  std::exponential_distribution<double> gap_;
};

class burst_arrivals {
 public:
  double after(double at) const {
    const double next = at + service_ns / 3;
    const double in_period = std::fmod(next, period_ns);
    return in_period < burst_ns ? next : next - in_period + period_ns;
  }

 private:
  static constexpr double period_ns = 10e6;
  static constexpr double burst_ns = 2e6;
};

template <class Port, class Arrivals>
void measure_length(benchmark::State& state, Arrivals arrivals) {
  for ([[maybe_unused]] auto _ : state) {
    const auto port = std::make_unique<Port>(1024, shape{1, 1});
    const double run_ns = static_cast<double>(nanoseconds(session.round).count()) * 10;
    length_record length;
    double in_queue = 0;

    const auto produce = [&](auto& to, int, const std::atomic<bool>&) {
      tally sent;
      const double start = now_ns();
      for (double due = arrivals.after(0); due < run_ns; due = arrivals.after(due)) {
        double now = now_ns();
        do {
          if (now - length.last() >= look_every_ns) length.add(now, port->size());
          kew::detail::cpu_relax();
        } while ((now = now_ns()) < start + due);
        auto stamp = static_cast<word>(now);
        sent += {1, stamp};
        send(to, stamp);
      }
      while (length.add(now_ns(), port->size()), port->size() > 0) std::this_thread::yield();
      return sent;
    };
    const auto consume = [&](auto& from, int, const std::atomic<bool>& ended) {
      tally received;
      for (word stamp = 0; receive(from, stamp, ended); received += {1, stamp}) {
        const double begun = now_ns();
        in_queue += begun - static_cast<double>(stamp);
        while (now_ns() < begun + service_ns) kew::detail::cpu_relax();
      }
      return received;
    };
    const account result = run(*port, {1, 1}, nanoseconds(0), produce, consume);
    if (const std::string wrong = result.complaint(); !wrong.empty()) return refuse(state, wrong);

    const auto count = static_cast<double>(result.all_popped().count);
    const double throughput = count / result.seconds;
    const double mean_time = in_queue / count * 1e-9;
    state.SetIterationTime(mean_time);
    state.counters["throughput"] = throughput;
    state.counters["mean_length"] = length.mean();
    state.counters["max_length"] = length.most();
    state.counters["little"] = throughput * mean_time / length.mean();
    state.SetLabel(length.series());
  }
}

template <class Arrivals>
void add_row(const std::string& name, Arrivals arrivals) {
  const auto add = [&]<class Port>() {
    entries().push_back(
        {"length/" + name, Port::name, [=](benchmark::State& state) { measure_length<Port>(state, arrivals); }, 10});
  };
  for_each(kew_spsc<word>{}, {1, 1}, add);
  for_each(contenders<ring_port<kew::mpmc_ring<word>, "kew::mpmc_ring">>{}, {1, 1}, add);
  for_each(contenders<channel_port<kew::spsc_ring<word>, kew::adaptive_wait, "kew::spsc_channel">>{}, {1, 1}, add);
}

const bool added = [] {
  for (const int percent : {50, 80, 95})
    add_row("load:" + std::to_string(percent) + '%', poisson_arrivals(percent / 100.0));
  add_row("bursts", burst_arrivals());
  return true;
}();

}}  // namespace bench
