// Runs the scenarios.
//
//   model_check                     the quick set
//   model_check --scale 100         the same, a hundred times as many executions
//   model_check --deep              depth first with one more preemption, stale read and surprise
//   model_check --only TEXT         scenarios whose name contains it
//   model_check --seed N            other random executions
//   model_check --replay PATH --only NAME [--symmetric] [--random] [--deep]   the trace of one execution
//   model_check --list
#include "scenario.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

using explorer::fences;
using explorer::options;
using explorer::result;
using explorer::search;
using scenarios::all_scenarios;
using scenarios::bounds;
using scenarios::scenario;

struct command_line {
  std::uint64_t scale = 1;
  std::uint64_t seed = 1;
  std::string only;
  std::string replay;
  bool list = false;
  bool symmetric = false;
  bool random = false;
  bool deep = false;
  bool verbose = false;
};

command_line read(int count, char** words) {
  command_line line;
  for (int i = 1; i < count; ++i) {
    const std::string word = words[i];
    const auto next = [&] {
      if (++i == count) {
        std::fprintf(stderr, "%s needs a value\n", word.c_str());
        std::exit(2);
      }
      return words[i];
    };
    if (word == "--scale") line.scale = std::strtoull(next(), nullptr, 10);
    else if (word == "--seed") line.seed = std::strtoull(next(), nullptr, 10);
    else if (word == "--only") line.only = next();
    else if (word == "--replay") line.replay = next();
    else if (word == "--list") line.list = true;
    else if (word == "--symmetric") line.symmetric = true;
    else if (word == "--random") line.random = true;
    else if (word == "--deep") line.deep = true;
    else if (word == "--verbose") line.verbose = true;
    else {
      std::fprintf(stderr, "unknown: %s\n", word.c_str());
      std::exit(2);
    }
  }
  return line;
}

class runner {
 public:
  explicit runner(const command_line& line) : line_(line) {}

  void run(const scenario& each) {
    ++scenarios_;
    const auto before = std::chrono::steady_clock::now();
    const std::uint64_t executions_before = executions_;
    bool exhausted = true;
    for (const fences fence : {fences::asymmetric, fences::symmetric}) {
      for (const search by : {search::depth_first, search::random, search::priorities}) {
        options how = bounds(each, by, fence, line_.deep);
        how.seed = line_.seed;
        how.executions = (by == search::depth_first ? each.threads == 2 ? 300'000 : 15'000 : 6'000) * line_.scale;
        const result found = explore(each.body, how);
        if (by == search::depth_first) exhausted &= found.exhausted;
        if (!note(each, how, found)) return;
      }
    }
    exhausted_ += exhausted;
    if (each.threads == 2 && !exhausted) two_threads_left_ += "\n  " + each.name;
    if (line_.verbose) {
      const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - before).count();
      std::printf("%-70s %9llu executions %s %6.2f s\n", each.name.c_str(),
                  static_cast<unsigned long long>(executions_ - executions_before), exhausted ? "exhausted" : "         ", seconds);
      std::fflush(stdout);
    }
  }

  int report() const {
    std::printf("model check: %d scenarios, %d failed, %d exhausted within their bounds, %llu executions (%llu random and by "
                "priorities), seed %llu\n",
                scenarios_, failed_, exhausted_, static_cast<unsigned long long>(executions_),
                static_cast<unsigned long long>(random_), static_cast<unsigned long long>(line_.seed));
    if (!two_threads_left_.empty()) std::printf("scenarios of two threads that are not exhausted:%s\n", two_threads_left_.c_str());
    return failed_ == 0 ? 0 : 1;
  }

 private:
  bool note(const scenario& each, const options& how, const result& found) {
    executions_ += found.executions;
    if (how.how != search::depth_first) random_ += found.executions;
    if (!found.failed) return true;
    ++failed_;
    std::printf("\nFAILED %s\n  %s\n  seed %llu, path %s\n  again: model_check --only \"%s\" --replay %s%s%s%s\n", each.name.c_str(),
                found.failure.c_str(), static_cast<unsigned long long>(found.seed), found.path.c_str(), each.name.c_str(),
                found.path.c_str(), how.fence == fences::symmetric ? " --symmetric" : "",
                how.how == search::depth_first ? "" : " --random", line_.deep ? " --deep" : "");
    std::fputs(explorer::replay(each.body, how, found.path).c_str(), stdout);
    std::fflush(stdout);
    return false;
  }

  command_line line_;
  int scenarios_ = 0;
  int failed_ = 0;
  int exhausted_ = 0;
  std::uint64_t executions_ = 0;
  std::uint64_t random_ = 0;
  std::string two_threads_left_;
};

}  // namespace

int main(int count, char** words) {
  const command_line line = read(count, words);
  runner all(line);
  for (const scenario& each : all_scenarios()) {
    if (each.name.find(line.only) == std::string::npos) continue;
    if (line.list) {
      std::puts(each.name.c_str());
      continue;
    }
    if (!line.replay.empty()) {
      const options how = bounds(each, line.random ? search::random : search::depth_first,
                                 line.symmetric ? fences::symmetric : fences::asymmetric, line.deep);
      result found;
      std::fputs(explorer::replay(each.body, how, line.replay, &found).c_str(), stdout);
      return found.failed ? 1 : 0;
    }
    all.run(each);
  }
  return line.list ? 0 : all.report();
}
