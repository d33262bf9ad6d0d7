// One run of a benchmark program: its options, the list of all benchmarks, and what it says of the machine.
#pragma once

#include <benchmark/benchmark.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <functional>
#include <iostream>
#include <optional>
#include <regex>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "machine.hpp"

namespace bench {

struct options {
  std::chrono::milliseconds round{30};
  double rate = 0;  // messages a second in the latency benchmark; 0: fractions of the highest
  bool plant_drop = false;
  // Of the comparison only:
  bool long_form = false;
  bool targets = false;
  int rounds = 0;
  std::string out = "comparison";
  std::string filter;
};
inline options session;

/// `row/contender`, the contender without a slash. All contenders of a row do the same job.
struct entry {
  std::string row;
  std::string contender;
  std::function<void(benchmark::State&)> run;
  double rounds_worth = 1;   // how long it takes, in round times
  bool times_itself = true;  // else Google Benchmark repeats it until the time is long enough
  std::string name() const { return row + '/' + contender; }
};

/// In the order of their appearance.
inline std::vector<entry>& entries() {
  static std::vector<entry> all;
  return all;
}

/// Why the last benchmark has no figure.
struct complaint {
  std::string why;
  bool fault = false;  // of the contender: it is not ranked
};
inline complaint last_complaint;
inline bool any_fault = false;

inline void refuse(benchmark::State& state, const std::string& why, bool fault = true) {
  last_complaint = {why, fault};
  any_fault |= fault;
  state.SkipWithError(why.c_str());
}

inline void add_to_google_benchmark(const entry& one) {
  auto* added = benchmark::RegisterBenchmark(one.name().c_str(), one.run);
  if (one.times_itself)
    added->UseManualTime()->Iterations(1)->Unit(benchmark::kMillisecond);
  else
    added->MinTime(std::chrono::duration<double>(session.round).count());
}

/// Contenders with a planted fault take part only where they are asked for.
inline bool selected(const entry& one) { return session.plant_drop || !one.contender.starts_with("planted"); }

/// Those that the filter finds, a regular expression as Google Benchmark's.
inline std::vector<entry> matching(const std::string& filter) {
  const bool negative = filter.starts_with('-');
  std::vector<entry> found;
  std::regex pattern;
  try {
    pattern = negative ? filter.substr(1) : filter;
  } catch (const std::regex_error&) {
    std::cerr << "the filter is not a regular expression\n";
    return found;
  }
  std::ranges::copy_if(entries(), std::back_inserter(found), [&](const entry& one) {
    return selected(one) && std::regex_search(one.name(), pattern) != negative;
  });
  return found;
}

/// Making threads, filling the queue once, and ending the stream is about 4 ms.
inline double expected_seconds(const entry& one) {
  return one.rounds_worth * std::chrono::duration<double>(session.round).count() + 0.004;
}

inline std::string duration_words(double seconds) {
  std::ostringstream words;
  if (seconds >= 90)
    words << static_cast<int>(seconds + 30) / 60 << " min";
  else
    words << static_cast<int>(seconds + 1) << " s";
  return words.str();
}

/// Says what the figures depend on, on the screen and in the JSON.
inline std::vector<std::string> describe_machine() {
  std::vector<std::string> lines;
  const auto say = [&](const std::string& key, const std::string& value) {
    lines.push_back(key + ": " + value);
    benchmark::AddCustomContext(key, value);
  };
  const auto ns = [](double value) { return std::to_string(static_cast<int>(value + 0.5)) + " ns"; };
  const std::string missing = KEW_MISSING_PEERS;
  say("processor", processor() + ", " + std::to_string(cores().size()) + " usable cores");
  say("bare round trip of a cache line", cores().size() < 2 ? "none: there is only one core" : ns(bare_round_trip()));
  say("a look at the clock", ns(clock_cost()));
  say("compiler", KEW_COMPILER);
  say("peers", *KEW_PEERS ? KEW_PEERS : "none but a mutex with condition variables");
  say("peers that are missing and do not take part", missing.empty() ? "none" : missing);
  if (cores().size() < 8)
    say("fewer cores than threads",
        "shapes of more than " + std::to_string(cores().size()) + " threads are not pinned");
  return lines;
}

/// Takes our options out of the arguments after Google Benchmark has taken its own; false after a word about a bad one.
inline bool read_options(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  session.filter = benchmark::GetBenchmarkFilter();
  if (session.filter.empty() || session.filter == "all") session.filter = ".";
  const auto number = [](std::string_view from, auto& to) {
    const auto [end, error] = std::from_chars(from.data(), from.data() + from.size(), to);
    return error == std::errc{} && end == from.data() + from.size() && to > 0;
  };
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const std::size_t sign = std::min(argument.find('='), argument.size() - 1);
    const std::string_view key = argument.substr(0, sign), value = argument.substr(sign + 1);
    int milliseconds = 0;
    bool good = true;
    if (argument == "--plant_drop")
      session.plant_drop = true;
    else if (argument == "--long")
      session.long_form = true;
    else if (argument == "--targets")
      session.targets = true;
    else if (key == "--round_ms")
      good = number(value, milliseconds), session.round = std::chrono::milliseconds(milliseconds);
    else if (key == "--rounds")
      good = number(value, session.rounds);
    else if (key == "--rate")
      good = number(value, session.rate);
    else if (key == "--out" && !value.empty())
      session.out = value;
    else
      good = false;
    if (!good) {
      std::cerr << "not understood: " << argument
                << "\nbesides Google Benchmark's own (--help): --round_ms=N, --rate=MESSAGES_A_SECOND, "
                << "--plant_drop; compare also takes --rounds=N, --long, --targets, --out=PATH_WITHOUT_ENDING\n";
      return false;
    }
  }
  return true;
}

}  // namespace bench
