// Changes one memory order, fence or wake-up of kew at a time to a weaker one, and demands that a scenario
// fails. A mutant that survives is a missing scenario, or an order that should go.
//
//   model_mutants                   all of them, each until it is killed or the effort is spent
//   model_mutants --effort 10       ten times as many executions before one counts as a survivor
//   model_mutants --only TEXT       mutants whose name contains it
//   model_mutants --verbose         what has killed each
#include "scenario.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <tuple>
#include <vector>

namespace {

using explorer::fences;
using explorer::mutant;
using explorer::options;
using explorer::place;
using explorer::result;
using explorer::search;
using scenarios::scenario;

struct target {
  const scenario* what;
  int length = 0;                    // steps of its longest execution
  std::map<std::string, int> kills;  // by header
};

struct round {
  search how;
  std::uint64_t executions;
  bool late_loads = false;
};

class hunt {
 public:
  explicit hunt(std::uint64_t effort) : effort_(effort), scenarios_(scenarios::all_scenarios()) {
    for (const scenario& each : scenarios_) targets_.push_back({&each, 0, {}});
    find_places();
  }

  bool kill(const mutant& each, std::string& killer) {
    std::vector<target*> able;
    for (const std::size_t i : visitors_.at(key(each.at))) able.push_back(&targets_[i]);
    // Whoever has killed in this header before will kill again, and short scenarios hide little.
    std::stable_sort(able.begin(), able.end(), [&](target* a, target* b) {
      return std::pair(-a->kills[each.at.file], a->length) < std::pair(-b->kills[each.at.file], b->length);
    });
    active_ = &each;
    explorer::mutate(&each);
    const std::uint64_t enough = executions_ + most_executions * effort_;
    bool killed = false;
    const bool may_be_late = each.at.what == explorer::operation::load && each.to == std::memory_order_relaxed;
    for (const round& now : rounds)
      for (target* by : able)
        if (!killed && executions_ < enough && now.late_loads <= may_be_late)
          killed = attempt(*by, each.at.file, now, killer);
    explorer::mutate(nullptr);
    return killed;
  }

  std::vector<mutant> mutants() const {
    std::vector<mutant> all;
    for (const auto& [ignored, each] : places_)
      for (const mutant& change : explorer::weakenings(each)) all.push_back(change);
    return all;
  }

  int unsound() const { return unsound_; }
  std::size_t places() const { return places_.size(); }
  std::uint64_t executions() const { return executions_; }

 private:
  using place_key = std::tuple<std::string, unsigned, unsigned>;

  // Cheap ones for all scenarios before dear ones for any.
  static constexpr round rounds[] = {
      {search::random, 100},    {search::random, 1'000, true},  {search::depth_first, 2'000},
      {search::random, 2'000},  {search::depth_first, 5'000},   {search::priorities, 5'000},
      {search::random, 20'000}, {search::random, 20'000, true}, {search::depth_first, 100'000}};
  /// Before a mutant counts as a survivor.
  static constexpr std::uint64_t most_executions = 8'000'000;

  static place_key key(const place& of) { return {of.file, of.line, of.column}; }

  void find_places() {
    for (std::size_t i = 0; i < scenarios_.size(); ++i) {
      bool sound = true;
      explorer::collect_places(true);
      for (const fences fence : {fences::asymmetric, fences::symmetric, fences::refused}) {
        options how = scenarios::bounds(scenarios_[i].wide, search::random, fence);
        how.executions = 200;
        const result found = explore(scenarios_[i].body, how);
        executions_ += found.executions;
        targets_[i].length = std::max(targets_[i].length, found.longest);
        if (found.failed) {
          std::printf("FAILED without a mutant: %s\n  %s\n", scenarios_[i].name.c_str(), found.failure.c_str());
          sound = false;
          break;
        }
      }
      explorer::collect_places(false);
      if (!sound) {
        ++unsound_;
        continue;
      }
      for (const place& each : explorer::places()) {
        if (each.file.find("include/kew/") == std::string::npos) continue;
        places_.emplace(key(each), each);
        visitors_[key(each)].push_back(i);
      }
    }
  }

  bool attempt(target& by, const std::string& header, const round& now, std::string& killer) {
    for (const fences fence : {fences::asymmetric, fences::symmetric, fences::refused}) {
      options how = scenarios::bounds(by.what->wide, now.how, fence);
      how.executions = now.executions * effort_;
      how.late_loads = now.late_loads;
      const result found = explore(by.what->body, how);
      executions_ += found.executions;
      if (!found.failed) continue;
      if (!stands_without_mutant(*by.what, how, found)) continue;
      ++by.kills[header];
      killer =
          by.what->name + ": " + found.failure + " (seed " + std::to_string(found.seed) + ", path " + found.path + ")";
      return true;
    }
    return false;
  }

  /// The executions that have killed must be harmless to kew as it is, else it is not the mutant that they found.
  bool stands_without_mutant(const scenario& of, options how, const result& killed) {
    std::uint64_t& known = harmless_[{&of, how.how, how.fence}];
    const std::uint64_t tried = killed.executions + killed.cut;
    if (known >= tried) return true;
    const mutant* const active = active_;
    explorer::mutate(nullptr);
    how.executions = tried;
    const result found = explore(of.body, how);
    executions_ += found.executions;
    explorer::mutate(active);
    if (found.failed) {
      ++unsound_;
      std::printf("FAILED without a mutant: %s\n  %s\n", of.name.c_str(), found.failure.c_str());
      return false;
    }
    known = tried;
    return true;
  }

  std::uint64_t effort_;
  const mutant* active_ = nullptr;
  std::uint64_t executions_ = 0;
  int unsound_ = 0;
  std::map<std::tuple<const scenario*, search, fences>, std::uint64_t> harmless_;
  std::vector<scenario> scenarios_;
  std::vector<target> targets_;
  std::map<place_key, place> places_;
  std::map<place_key, std::vector<std::size_t>> visitors_;
};

}  // namespace

int main(int count, char** words) {
  std::uint64_t effort = 1;
  std::string only;
  bool verbose = false;
  for (int i = 1; i < count; ++i) {
    const std::string word = words[i];
    if (word == "--effort" && i + 1 < count)
      effort = std::strtoull(words[++i], nullptr, 10);
    else if (word == "--only" && i + 1 < count)
      only = words[++i];
    else if (word == "--verbose")
      verbose = true;
    else {
      std::fprintf(stderr, "unknown: %s\n", word.c_str());
      return 2;
    }
  }
  hunt all(effort);
  int killed = 0;
  int hunted = 0;
  std::string survivors;
  for (const mutant& each : all.mutants()) {
    const std::string name = each.text();
    if (name.find(only) == std::string::npos) continue;
    ++hunted;
    std::string killer;
    if (all.kill(each, killer)) {
      ++killed;
      if (verbose) std::printf("killed   %s\n         %s\n", name.c_str(), killer.c_str());
    } else {
      survivors += "  " + name + "\n";
      std::printf("SURVIVES %s\n", name.c_str());
    }
    std::fflush(stdout);
  }
  std::printf("model mutants: killed %d of %d at %zu places, %llu executions\n%s", killed, hunted, all.places(),
              static_cast<unsigned long long>(all.executions()), survivors.c_str());
  return killed == hunted && hunted > 0 && all.unsound() == 0 ? 0 : 1;
}
