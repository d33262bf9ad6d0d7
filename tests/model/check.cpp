// Runs the scenarios.
//
//   model_check                     the quick set
//   model_check --scale 100         the same, a hundred times as many executions
//   model_check --deep              depth first with one more preemption, stale read and surprise
//   model_check --only TEXT         the scenario of that name, else those whose name contains it
//   model_check --search NAME       depth-first, far, random or priorities only
//   model_check --seed N            other random executions
//   model_check --verbose           what each scenario has cost
//   model_check --parts 2 --part 0  every second scenario, and 1 the others
//   model_check --list
//   model_check --plant TEXT        with kew changed as the first mutant whose name contains it says
//   model_check --replay PATH --only NAME --search NAME --fences NAME [--deep] [--plant TEXT]   one execution's trace
#include "scenario.hpp"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace {

using explorer::fences;
using explorer::mutant;
using explorer::options;
using explorer::result;
using explorer::search;
using scenarios::all_scenarios;
using scenarios::bounds;
using scenarios::reach;
using scenarios::scenario;

struct command_line {
  std::uint64_t scale = 1;
  std::uint64_t seed = 1;
  std::uint64_t part = 0;
  std::uint64_t parts = 1;
  std::string only;
  std::string replay;
  std::string plant;
  std::string by;
  std::string fence;
  bool list = false;
  bool deep = false;
  bool verbose = false;
};

command_line read(int count, char** words) {
  command_line line;
  const auto number = [](std::uint64_t& to) {
    return [&to](const char* word) { to = std::strtoull(word, nullptr, 10); };
  };
  const auto text = [](std::string& to) { return [&to](const char* word) { to = word; }; };
  const std::map<std::string, std::function<void(const char*)>> values = {
      {"--scale", number(line.scale)}, {"--seed", number(line.seed)}, {"--only", text(line.only)},
      {"--replay", text(line.replay)}, {"--plant", text(line.plant)}, {"--search", text(line.by)},
      {"--fences", text(line.fence)},  {"--part", number(line.part)}, {"--parts", number(line.parts)},
  };
  const std::map<std::string, bool*> flags = {
      {"--list", &line.list}, {"--deep", &line.deep}, {"--verbose", &line.verbose}};
  for (int i = 1; i < count; ++i) {
    const auto flag = flags.find(words[i]);
    const auto value = values.find(words[i]);
    if (flag != flags.end()) {
      *flag->second = true;
    } else if (value != values.end() && i + 1 < count) {
      value->second(words[++i]);
    } else {
      std::fprintf(stderr, "unknown, or without its value: %s\n", words[i]);
      std::exit(2);
    }
  }
  return line;
}

/// One way to search, and how much of it the quick set does.
struct pass {
  const char* name;
  search how;
  bool far;
};
constexpr pass passes[] = {{"depth-first", search::depth_first, false},
                           {"far", search::depth_first, true},
                           {"random", search::random, false},
                           {"priorities", search::priorities, false}};

constexpr struct {
  const char* name;
  fences how;
} fences_by_name[] = {
    {"asymmetric", fences::asymmetric}, {"symmetric", fences::symmetric}, {"refused", fences::refused}};

std::uint64_t executions_of(const scenario& each, const pass& by, fences fence) {
  if (by.how != search::depth_first) return 5'000;
  // The combination of all that C++ allows with a kernel that changes its mind is for the random searches.
  if (fence == fences::refused) return 5'000;
  return each.threads == 2 || by.far ? 8'000'000 : 15'000;
}

/// How many of the scenarios that a promise is about are exhausted within its bounds.
struct promise {
  std::string about;
  int all = 0;
  int exhausted = 0;
  std::string missing;

  void count(const scenario& each, bool is_exhausted) {
    ++all;
    exhausted += is_exhausted;
    if (!is_exhausted) missing += "\n    not exhausted: " + each.name;
  }
  void print() const {
    if (all > 0) std::printf("  %d of %d %s%s\n", exhausted, all, about.c_str(), missing.c_str());
  }
  bool kept() const { return exhausted == all; }
};

class runner {
 public:
  explicit runner(const command_line& line) : line_(line) {}

  void run(const scenario& each) {
    ++scenarios_;
    const std::clock_t before = std::clock();
    const totals sums_before = sums_;
    int preemptions = 0;  // that have been exhausted
    for (const pass& by : passes) {
      const reach& limits = by.far ? each.far : each.wide;
      if (by.far && limits.preemptions == 0) continue;
      if (!line_.by.empty() && line_.by != by.name) continue;
      bool exhausted = true;
      for (const auto& fence : fences_by_name) {
        options how = bounds(limits, by.how, fence.how, line_.deep);
        how.seed = line_.seed;
        how.executions = executions_of(each, by, fence.how) * line_.scale;
        const std::clock_t begun = std::clock();
        const result found = explore(each.body, how);
        (by.how == search::depth_first ? sums_.searched : sums_.random) += found.executions;
        (by.how == search::depth_first ? sums_.seconds_searched : sums_.seconds_random) += seconds_since(begun);
        sums_.cut += found.cut;
        if (fence.how != fences::refused) exhausted &= found.exhausted;
        if (found.failed) return failed(each, by, fence.name, how, found);
        if (!found.fenced) break;
      }
      if (by.how == search::depth_first && exhausted) preemptions = std::max(preemptions, limits.preemptions);
    }
    if (each.threads == 2) pairs_.count(each, preemptions >= 2);
    if (each.name.starts_with("parking")) parking_.count(each, preemptions >= 3);
    if (line_.verbose) {
      std::printf("%-70s %9llu depth first, %9llu of them cut short, %8llu by chance, %6.2f s\n", each.name.c_str(),
                  static_cast<unsigned long long>(sums_.searched + sums_.cut - sums_before.searched - sums_before.cut),
                  static_cast<unsigned long long>(sums_.cut - sums_before.cut),
                  static_cast<unsigned long long>(sums_.random - sums_before.random), seconds_since(before));
      std::fflush(stdout);
    }
  }

  bool report() const {
    const double rate = static_cast<double>(sums_.random) / std::max(sums_.seconds_random, 1e-6);
    std::printf(
        "model check: %d scenarios, %d failed, %llu executions depth first (and %llu cut short where the rest was "
        "known), "
        "%llu random and by priorities, seed %llu\n",
        scenarios_, failed_, static_cast<unsigned long long>(sums_.searched),
        static_cast<unsigned long long>(sums_.cut), static_cast<unsigned long long>(sums_.random),
        static_cast<unsigned long long>(line_.seed));
    if (line_.by.empty()) {
      pairs_.print();
      parking_.print();
    }
    if (sums_.random > 0)
      std::printf("  %.0f executions a second at random, %.1f s in all: 10^9 take %.1f h of one core\n", rate,
                  sums_.seconds_random + sums_.seconds_searched, 1e9 / rate / 3600);
    return failed_ == 0 && (!line_.by.empty() || (pairs_.kept() && parking_.kept()));
  }

 private:
  static double seconds_since(std::clock_t before) {
    return static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC;
  }

  void failed(const scenario& each, const pass& by, const char* fence, const options& how, const result& found) {
    ++failed_;
    std::printf(
        "\nFAILED %s\n  %s\n  execution %llu, seed %llu, path %s\n"
        "  again: model_check --only \"%s\" --search %s --fences %s%s%s%s%s --replay %s\n",
        each.name.c_str(), found.failure.c_str(), static_cast<unsigned long long>(found.executions + found.cut),
        static_cast<unsigned long long>(found.seed), found.path.c_str(), each.name.c_str(), by.name, fence,
        line_.deep ? " --deep" : "", line_.plant.empty() ? "" : " --plant \"", line_.plant.c_str(),
        line_.plant.empty() ? "" : "\"", found.path.c_str());
    std::fputs(explorer::replay(each.body, how, found.path).c_str(), stdout);
    std::fflush(stdout);
  }

  struct totals {
    std::uint64_t searched = 0;
    std::uint64_t cut = 0;
    std::uint64_t random = 0;
    double seconds_searched = 0;
    double seconds_random = 0;
  };

  command_line line_;
  int scenarios_ = 0;
  int failed_ = 0;
  totals sums_;
  promise pairs_{"scenarios of two threads exhausted at bound 2", 0, 0, {}};
  promise parking_{"scenarios of the parking protocol exhausted at bound 3", 0, 0, {}};
};

/// The trace of one execution; the exit code says whether it fails.
int replay(const scenario& each, const command_line& line) {
  for (const pass& by : passes)
    for (const auto& fence : fences_by_name) {
      if (line.by != by.name || line.fence != fence.name) continue;
      result found;
      const options how = bounds(by.far ? each.far : each.wide, by.how, fence.how, line.deep);
      std::fputs(explorer::replay(each.body, how, line.replay, &found).c_str(), stdout);
      return found.failed ? 1 : 0;
    }
  std::fputs("--replay needs --search and --fences, as they were printed\n", stderr);
  return 2;
}

/// The scenario that runs, for a program that a wild pointer ends.
const char* running = "";

/// Calls nothing but what a signal handler may.
void say_what_crashed(int) {
  for (const char* part : {"\nCRASHED ", running, "\n"})
    if (write(STDOUT_FILENO, part, std::strlen(part)) < 0) break;
  std::_Exit(EXIT_FAILURE);
}

/// Changes kew for the rest of the program. False if it has nothing of that name.
bool plant(const std::string& name) {
  static mutant chosen;
  explorer::collect_places(true);
  for (const scenario& each : all_scenarios()) {
    options how = bounds(each.wide, search::random, fences::asymmetric);
    how.executions = 20;
    explore(each.body, how);
  }
  explorer::collect_places(false);
  for (const explorer::place& each : explorer::places())
    for (const mutant& change : explorer::weakenings(each)) {
      if (change.text().find(name) == std::string::npos) continue;
      chosen = change;
      explorer::mutate(&chosen);
      return true;
    }
  return false;
}

}  // namespace

int main(int count, char** words) {
  const command_line line = read(count, words);
  if (!line.plant.empty() && !plant(line.plant)) {
    std::fprintf(stderr, "no such mutant: %s\n", line.plant.c_str());
    return 2;
  }
  for (const int signal : {SIGSEGV, SIGBUS}) std::signal(signal, say_what_crashed);
  runner all(line);
  const std::vector<scenario> scenarios = all_scenarios();
  const bool is_name =
      std::any_of(scenarios.begin(), scenarios.end(), [&](const scenario& each) { return each.name == line.only; });
  for (std::size_t i = line.part; i < scenarios.size(); i += line.parts) {
    const scenario& each = scenarios[i];
    if (is_name ? each.name != line.only : each.name.find(line.only) == std::string::npos) continue;
    if (line.list)
      std::puts(each.name.c_str());
    else if (!line.replay.empty())
      return replay(each, line);
    else {
      running = each.name.c_str();
      all.run(each);
    }
  }
  return line.list || all.report() ? 0 : 1;
}
