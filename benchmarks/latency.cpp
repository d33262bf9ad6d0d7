// How long a message takes: from the moment it was due, at a fixed rate of sending; there and back; and to a thread that
// sleeps. And how long a single call takes. All between two threads, with 64-bit messages.
#include "peers/families.hpp"
#include "session.hpp"

namespace bench { namespace {

using word = std::uint64_t;
constexpr shape one_to_one{1, 1};
constexpr std::size_t capacity = 1024;

std::uint64_t ticks(clock::time_point t) {
  return static_cast<std::uint64_t>(nanoseconds(t.time_since_epoch()).count());
}

/// The latencies themselves are kept and sorted, so percentiles are exact.
void report(benchmark::State& state, std::vector<std::uint32_t>& latencies) {
  std::ranges::sort(latencies);
  const auto at = [&](double share) {
    return static_cast<double>(latencies[static_cast<std::size_t>(share * static_cast<double>(latencies.size() - 1))]);
  };
  state.SetIterationTime(at(0.5) * 1e-9);
  state.counters["p50"] = at(0.5);
  state.counters["p99"] = at(0.99);
  state.counters["p99.9"] = at(0.999);
  state.counters["max"] = at(1);
}

std::uint32_t elapsed_since(std::uint64_t then) {
  const std::uint64_t now = ticks(clock::now());
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(now > then ? now - then : 0, UINT32_MAX));
}

// ---- Open loop -----------------------------------------------------------------------------------

struct open_loop_result {
  double rate;
  std::vector<std::uint32_t> latencies;
  std::string complaint;
};

/// Sends one message each `period` by the clock, whether or not the one before has arrived. A message is its due time,
/// so one that the sender could only send late counts from when it should have been sent. A period of 0: as fast as
/// this loop goes, which looks at the clock for each message on both sides.
template <class Port>
open_loop_result open_loop(nanoseconds time, double period) {
  constexpr double most_samples = 1e6;
  if (period > 0) time = std::min(time, nanoseconds(static_cast<std::int64_t>(period * most_samples)));
  const auto port = std::make_unique<Port>(capacity, one_to_one);
  open_loop_result result{};
  result.latencies.reserve(period > 0 ? static_cast<std::size_t>(static_cast<double>(time.count()) / period) + 2 : 0);

  const auto produce = [&](auto& to, int, const std::atomic<bool>&) {
    tally sent;
    const std::uint64_t start = ticks(clock::now());
    const std::uint64_t end = start + static_cast<std::uint64_t>(time.count());
    std::uint64_t now = start;
    for (double next = 0;; next += period) {
      word due = period > 0 ? start + static_cast<std::uint64_t>(next) : now;
      if (due >= end) break;
      while ((now = ticks(clock::now())) < due) kew::detail::cpu_relax();
      sent += {1, due};
      send(to, due);
    }
    result.rate = static_cast<double>(sent.count) / (static_cast<double>(ticks(clock::now()) - start) * 1e-9);
    return sent;
  };
  const auto consume = [&](auto& from, int, const std::atomic<bool>& ended) {
    tally received;
    for (word due = 0; receive(from, due, ended); received += {1, due})
      if (const std::uint32_t latency = elapsed_since(due); period > 0) result.latencies.push_back(latency);
    return received;
  };
  result.complaint = run(*port, one_to_one, nanoseconds(0), produce, consume).complaint();
  return result;
}

/// `load`: the share of the contender's own highest rate, measured just before; 0 for `rate`.
template <class Port>
void measure_open_loop(benchmark::State& state, double load, double rate) {
  for ([[maybe_unused]] auto _ : state) {
    if (load > 0) {
      const auto highest = open_loop<Port>(session.round, 0);
      if (!highest.complaint.empty()) return refuse(state, highest.complaint);
      rate = load * highest.rate;
    }
    auto result = open_loop<Port>(session.round * 3, 1e9 / rate);
    if (!result.complaint.empty()) return refuse(state, result.complaint);
    if (result.rate < 0.9 * rate) {
      std::ostringstream words;
      words << "cannot be sent at " << static_cast<std::int64_t>(rate) << " messages a second: reached "
            << static_cast<std::int64_t>(result.rate);
      return refuse(state, words.str(), false);
    }
    state.counters["rate"] = result.rate;
    report(state, result.latencies);
  }
}

// ---- A single call ----------------------------------------------------------------------------------

/// Calls of one side, each between two looks at the clock. On lines of their own: both sides write theirs at each call.
struct alignas(128) call_times {
  std::vector<std::uint32_t> all;

  template <class Call>
  auto time(const Call& call) {
    const std::uint64_t begin = ticks(clock::now());
    auto answer = call();
    const std::uint32_t time = elapsed_since(begin);
    if (all.size() < all.capacity()) all.push_back(time);
    return answer;
  }
  void report(benchmark::State& state, const std::string& name) {
    if (all.empty()) return;
    std::ranges::sort(all);
    state.counters[name + " p50"] = all[all.size() / 2];
    state.counters[name + " p99.99"] = all[all.size() - 1 - all.size() / 10000];
    state.counters[name + " longest"] = all.back();
  }
};

/// Of try_push and try_pop in a stream, whatever they answer. The figure of the row is the higher of the two p99.99.
template <class Port>
void measure_calls(benchmark::State& state) {
  constexpr std::size_t most_calls = 2'000'000;
  for ([[maybe_unused]] auto _ : state) {
    const auto port = std::make_unique<Port>(capacity, one_to_one);
    call_times pushes, pops;
    pushes.all.reserve(most_calls);
    pops.all.reserve(most_calls);
    const auto produce = [&](auto& to, int, const std::atomic<bool>& stop) {
      tally sent;
      for (word next = 1; !stop.load(std::memory_order_relaxed); ++next) {
        poll([&] { return pushes.time([&] { return to.try_push(next); }); });
        sent += {1, next};
      }
      return sent;
    };
    const auto consume = [&](auto& from, int, const std::atomic<bool>& ended) {
      tally received;
      for (word item = 0;; received += {1, item}) {
        bool found = false, last_try = false;
        poll([&] {
          found = pops.time([&] { return from.try_pop(item); });
          return found || std::exchange(last_try, ended.load(std::memory_order_acquire));
        });
        if (!found) return received;
      }
    };
    const account result = run(*port, one_to_one, session.round * 3, produce, consume);
    if (const std::string wrong = result.complaint(); !wrong.empty()) return refuse(state, wrong);
    pushes.report(state, "push");
    pops.report(state, "pop");
    state.SetIterationTime(std::max<double>(state.counters["push p99.99"].value, state.counters["pop p99.99"].value) *
                           1e-9);
  }
}

// ---- There and back ------------------------------------------------------------------------------

template <class Port>
void measure_ping_pong(benchmark::State& state) {
  for ([[maybe_unused]] auto _ : state) {
    const auto there = std::make_unique<Port>(capacity, one_to_one);
    const auto back = std::make_unique<Port>(capacity, one_to_one);
    const std::atomic<bool> never{false};
    double seconds_a_trip = 0;
    bool lost = false;
    const auto ping = [&](auto& to, int, const std::atomic<bool>& stop) {
      auto&& from = consumer_of(*back);
      std::uint64_t trips = 0;  // its own: what it shares with the other side has lines to itself
      bool all_came_back = true;
      const auto begin = clock::now();
      while (!stop.load(std::memory_order_relaxed)) {
        word sent = ++trips, received = 0;
        send(to, sent);
        all_came_back &= receive(from, received, never) && received == trips;
      }
      seconds_a_trip = seconds_between(begin, clock::now()) / static_cast<double>(trips);
      lost = !all_came_back;
      return tally{trips, trips};
    };
    const auto pong = [&](auto& from, int, const std::atomic<bool>& ended) {
      tally received;
      auto&& to = producer_of(*back);
      for (word ball = 0; receive(from, ball, ended); send(to, ball)) received = {received.count + 1, ball};
      return received;
    };
    const account result = run(*there, one_to_one, session.round, ping, pong);
    if (lost || !result.complaint().empty()) return refuse(state, "a message did not come back");
    state.SetIterationTime(seconds_a_trip);
  }
}

// ---- To a sleeper --------------------------------------------------------------------------------

/// Both sides are idle for a millisecond before each message, which is longer than any contender polls. The sender has
/// slept as well, so this has all the cold caches that a rare message meets.
template <class Port>
void measure_wake_up(benchmark::State& state) {
  for ([[maybe_unused]] auto _ : state) {
    const auto port = std::make_unique<Port>(capacity, one_to_one);
    std::vector<std::uint32_t> latencies;
    latencies.reserve(1 << 16);
    const auto produce = [&](auto& to, int, const std::atomic<bool>& stop) {
      tally sent;
      while (!stop.load(std::memory_order_relaxed)) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        word now = ticks(clock::now());
        sent += {1, now};
        send(to, now);
      }
      return sent;
    };
    const auto consume = [&](auto& from, int, const std::atomic<bool>& ended) {
      tally received;
      for (word then = 0; receive(from, then, ended); received += {1, then}) latencies.push_back(elapsed_since(then));
      return received;
    };
    const account result = run(*port, one_to_one, session.round * 2, produce, consume);
    if (const std::string wrong = result.complaint(); !wrong.empty()) return refuse(state, wrong);
    report(state, latencies);
  }
}

// ---- The rows ------------------------------------------------------------------------------------

template <class List, class Measure>
void add_row(const std::string& row, double rounds_worth, List list, const Measure& measure) {
  for_each(list, one_to_one, [&]<class Port>() {
    if constexpr (!requires { Port::whole_batch; })
      entries().push_back(
          {row, Port::name, [=](benchmark::State& state) { measure.template operator()<Port>(state); }, rounds_worth});
  });
}

template <class List>
void add_family(const std::string& family, List list) {
  for (const auto& [load, name] : {std::pair{0.01, "1%"}, std::pair{0.5, "50%"}, std::pair{0.9, "90%"}})
    add_row("latency/" + family + "/load:" + name, 4, list,
            [share = load]<class Port>(benchmark::State& state) { measure_open_loop<Port>(state, share, 0); });
  for (const int millions : {1, 2, 5, 10, 20})
    add_row("latency/" + family + "/rate:" + std::to_string(millions) + "M", 3, list,
            [millions]<class Port>(benchmark::State& state) { measure_open_loop<Port>(state, 0, millions * 1e6); });
  add_row("latency/" + family + "/rate:option", 3, list, []<class Port>(benchmark::State& state) {
    if (session.rate == 0) return refuse(state, "--rate=MESSAGES_A_SECOND is not given", false);
    measure_open_loop<Port>(state, 0, session.rate);
  });
  add_row("ping_pong/" + family, 1, list, []<class Port>(benchmark::State& state) { measure_ping_pong<Port>(state); });
}

template <class List>
void add_calls(const std::string& family, List list) {
  for_each(list, one_to_one, [&]<class Port>() {
    constexpr bool never_waits = requires(Port& port, word& item) {
      { producer_of(port).try_push(item) } -> std::same_as<bool>;
      { consumer_of(port).try_pop(item) } -> std::same_as<bool>;
    };
    constexpr bool waits = requires(Port& port, word& item) { consumer_of(port).pop(item); };
    if constexpr (never_waits && !waits) entries().push_back({"calls/" + family, Port::name, measure_calls<Port>, 3});
  });
}

const bool added = [] {
  add_calls("spsc", spsc<word>{});
  add_calls("mpmc", mpmc<word>{});
  add_family("spsc", spsc<word>{});
  add_family("mpmc", mpmc<word>{});
  add_family("spsc_waiting", spsc_waiting<word>{});
  add_family("mpmc_waiting", mpmc_waiting<word>{});
  add_row("ping_pong/parked", 1, parked<word>{},
          []<class Port>(benchmark::State& state) { measure_ping_pong<Port>(state); });
  using sleepers = joined<spsc_waiting<word>, mpmc_only_waiting<word>, contenders<futex_mailbox<word>>>;
  add_row("wake_up", 2, sleepers{}, []<class Port>(benchmark::State& state) { measure_wake_up<Port>(state); });
  return true;
}();

}}  // namespace bench
