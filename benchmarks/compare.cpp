// The comparison: all contenders interleaved, round by round, in one process. Writes OUT.json, Google Benchmark's format
// with an entry for each round, and OUT.md, which has the medians and how sure they are; with --targets also the targets
// that kew sets itself.
#include <cmath>
#include <fstream>
#include <iomanip>
#include <map>
#include <set>

#include <unistd.h>

#include "session.hpp"

namespace bench { namespace {

/// What a run measures: which rows, and in how many rounds. A row whose entries take long needs fewer.
struct part {
  std::regex rows;
  int rounds;
};

std::vector<part> plan() {
  const auto rounds = [](int few, int many) {
    return session.rounds > 0 ? session.rounds : session.long_form ? many : few;
  };
  const int main_rounds = rounds(9, 15);
  std::vector<part> parts;
  if (session.long_form)
    // Whatever differs from the usual job in one thing: item, capacity or batch.
    parts.push_back(
        {std::regex(R"(throughput/.*/(8B/capacity:1024/batch:\d+|8B/capacity:\d+/batch:1|\w+/capacity:1024/batch:1))"),
         main_rounds});
  else
    parts.push_back(
        {std::regex(R"(throughput/spsc/1p1c/((8B|64B)/capacity:(1024|65536)/batch:1|8B/capacity:1024/batch:256))"
                    R"(|throughput/mpmc/2p2c/8B/capacity:1024/batch:64|throughput/.*/8B/capacity:1024/batch:1)"),
         main_rounds});
  parts.push_back({std::regex("uncontended/.*|ping_pong/.*|wake_up|calls/.*|async/.*|messages/.*"), main_rounds});
  parts.push_back({std::regex("publish/.*|interval/.*|through|open"), rounds(5, 9)});  // on disk
  parts.push_back(
      {std::regex(session.long_form ? R"(latency/.*/(load:.*|rate:\d+M))" : R"(latency/.*/rate:\d+M)"), rounds(7, 15)});
  parts.push_back({std::regex("length/.*"), rounds(3, 9)});
  parts.push_back({std::regex("fairness/.*"), rounds(3, 5)});
  return parts;
}

bool is_kew(const std::string& contender) { return contender.starts_with("kew::"); }
/// Whose it is: several contenders may be the same library in different dress.
std::string library_of(const std::string& contender) { return contender.substr(0, contender.find_first_of(": +")); }
bool is_limit(const std::string& contender) { return contender.starts_with("limit"); }
/// The rows whose figure is a rate, as their benchmarks report it.
std::set<std::string> rates;
bool higher_is_better(const std::string& row) { return rates.contains(row); }

double quantile(std::vector<double> values, double share) {
  std::ranges::sort(values);
  const double at = share * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const auto above = std::min(below + 1, values.size() - 1);
  return values[below] + (at - std::floor(at)) * (values[above] - values[below]);
}
double median(const std::vector<double>& values) { return quantile(values, 0.5); }

/// One contender's figures in one row, by round.
struct series {
  std::map<int, double> figure;  // messages a second, or nanoseconds
  std::map<std::string, std::vector<double>> counters;
  std::string label;

  double middle() const { return median(values()); }
  double spread() const { return (quantile(values(), 0.75) - quantile(values(), 0.25)) / middle(); }
  double counter(const std::string& name) const {
    const auto found = counters.find(name);
    return found == counters.end() ? 0 : median(found->second);
  }

 private:
  std::vector<double> values() const {
    std::vector<double> all;
    for (const auto& [round, value] : figure) all.push_back(value);
    return all;
  }
};

using standings = std::map<std::string, std::map<std::string, series>>;  // row, contender

/// Why there are rounds without a figure.
struct refusal {
  std::string why;
  int rounds = 0;
  bool fault = false;
};
using refusals_by_name = std::map<std::pair<std::string, std::string>, refusal>;

/// Round by round, because the machine changes between rounds: what both did at the same time is compared.
std::optional<double> ratio(const series& a, const series& b) {
  std::vector<double> ratios;
  for (const auto& [round, value] : a.figure)
    if (const auto other = b.figure.find(round); other != b.figure.end()) ratios.push_back(value / other->second);
  if (ratios.empty()) return std::nullopt;
  return median(ratios);
}

std::string number(double value, int digits = 3) {
  std::ostringstream words;
  const int before = value >= 1 ? static_cast<int>(std::log10(value)) + 1 : 1;
  words << std::fixed << std::setprecision(std::max(0, digits - before)) << value;
  return words.str();
}
std::string per_second(double rate) { return rate >= 1e6 ? number(rate / 1e6) + " M/s" : number(rate / 1e3) + " k/s"; }
std::string time_words(double ns) {
  return ns >= 1e6 ? number(ns / 1e6) + " ms" : ns >= 1e3 ? number(ns / 1e3) + " µs" : number(ns) + " ns";
}
std::string figure_words(const std::string& row, double value) {
  return higher_is_better(row) ? per_second(value) : time_words(value);
}

// ---- Running -------------------------------------------------------------------------------------

class collector : public benchmark::BenchmarkReporter {
 public:
  collector(std::ostream& json, double expected) : expected_(expected) {
    json_.SetOutputStream(&json);
    json_.SetErrorStream(&std::cerr);
  }

  void begin_round(int round, int rounds) {
    round_ = round;
    rounds_ = rounds;
  }
  bool ReportContext(const Context& context) override {
    if (!std::exchange(has_context_, true)) json_.ReportContext(context);
    return true;
  }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (Run run : runs) {
      const std::string name = run.run_name.function_name;
      const std::size_t cut = name.rfind('/');
      const std::string row = name.substr(0, cut), contender = name.substr(cut + 1);
      run.run_name.iterations.clear();
      run.run_name.min_time.clear();
      run.run_name.time_type.clear();
      run.repetition_index = round_;
      json_.ReportRuns({run});
      progress(name);
      if (const complaint wrong = std::exchange(last_complaint, {}); !wrong.why.empty()) {
        refusal& into = refusals[{row, contender}];
        into = {wrong.why, into.rounds + 1, into.fault || wrong.fault};
        continue;
      }
      series& into = all[row][contender];
      const auto rate = run.counters.find("items_per_second");
      if (rate != run.counters.end()) rates.insert(row);
      into.figure[round_] = rate != run.counters.end()
                                ? rate->second.value
                                : run.real_accumulated_time / static_cast<double>(run.iterations) * 1e9;
      for (const auto& [key, counter] : run.counters) into.counters[key].push_back(counter.value);
      into.label = run.report_label;
    }
  }
  void finish() { json_.Finalize(); }
  void expect(const entry& one) { cost_[one.name()] = expected_seconds(one); }

  standings all;
  refusals_by_name refusals;

 private:
  void progress(const std::string& name) {
    done_ += cost_.at(name);
    // The plan knows the proportions, the clock how fast this machine is today.
    const double spent = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
    const double left = done_ > 0.05 * expected_ ? spent / done_ * (expected_ - done_) : expected_ - done_;
    const bool screen = isatty(STDERR_FILENO) != 0;
    if (!screen && std::exchange(said_, round_) == round_) return;
    std::cerr << (screen ? "\r" : "") << "round " << round_ + 1 << " of " << rounds_ << ", about "
              << duration_words(left) << " left   " << (screen ? "" : "\n") << std::flush;
  }

  benchmark::JSONReporter json_;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  std::map<std::string, double> cost_;
  double expected_;
  double done_ = 0;
  bool has_context_ = false;
  int round_ = 0;
  int rounds_ = 0;
  int said_ = -1;
};

// ---- Judging -------------------------------------------------------------------------------------

class judge {
 public:
  judge(const standings& all, const refusals_by_name& refusals) : all_(all), refusals_(refusals) {}

  /// Nobody who has lost a message even once, or who has a figure in less than half of the rounds.
  bool trusted(const std::string& row, const std::string& contender) const {
    const auto found = refusals_.find({row, contender});
    return found == refusals_.end() ||
           (!found->second.fault && found->second.rounds <= static_cast<int>(all_.at(row).at(contender).figure.size()));
  }
  bool ranked(const std::string& row, const std::string& contender) const {
    return !is_limit(contender) && trusted(row, contender);
  }

  /// Best first.
  std::vector<std::string> ranking(const std::string& row) const {
    std::vector<std::string> names;
    for (const auto& [contender, figures] : all_.at(row))
      if (ranked(row, contender)) names.push_back(contender);
    std::ranges::sort(names, [&](const auto& a, const auto& b) { return better(row, middle(row, a), middle(row, b)); });
    return names;
  }
  /// The best of each library, best first.
  std::vector<std::string> libraries(const std::string& row) const {
    std::vector<std::string> best_of_each;
    for (const std::string& name : ranking(row)) {
      const auto same = [&](const std::string& other) { return library_of(other) == library_of(name); };
      if (std::ranges::none_of(best_of_each, same)) best_of_each.push_back(name);
    }
    return best_of_each;
  }
  std::optional<std::string> best(const std::string& row, bool of_kew) const {
    if (!all_.contains(row)) return std::nullopt;
    for (const std::string& name : ranking(row))
      if (is_kew(name) == of_kew) return name;
    return std::nullopt;
  }

  /// How often the first was ahead of the second. Less than four rounds of five is no order.
  static constexpr double sure = 0.8;
  double certainty(const std::string& row, const std::string& first, const std::string& second) const {
    const auto& one = all_.at(row).at(first).figure;
    const auto& two = all_.at(row).at(second).figure;
    double rounds = 0, ahead = 0;
    for (const auto& [round, value] : one)
      if (const auto other = two.find(round); other != two.end()) ++rounds, ahead += better(row, value, other->second);
    return rounds > 0 ? ahead / rounds : 0;
  }

  const series* find(const std::string& row, const std::string& contender) const {
    const auto line = all_.find(row);
    return line != all_.end() && line->second.contains(contender) && trusted(row, contender)
               ? &line->second.at(contender)
               : nullptr;
  }
  std::optional<double> against(const std::string& row, const std::string& name, const std::string& other_row,
                                const std::string& other) const {
    const series *a = find(row, name), *b = find(other_row, other);
    return a && b ? ratio(*a, *b) : std::nullopt;
  }
  std::optional<double> against_peer(const std::string& row, const std::string& name) const {
    const auto peer = best(row, false);
    return peer ? against(row, name, row, *peer) : std::nullopt;
  }
  /// Instructions of one push and pop, against the peer that needs fewest.
  std::optional<double> instructions_against_peer(const std::string& row, const std::string& name) const {
    const series* own = find(row, name);
    double least = INFINITY;
    if (own)
      for (const auto& [contender, figures] : all_.at(row))
        if (!is_kew(contender) && figures.counter("instructions") > 0)
          least = std::min(least, figures.counter("instructions"));
    return own && std::isfinite(least) ? std::optional(own->counter("instructions") / least) : std::nullopt;
  }

 private:
  static bool better(const std::string& row, double a, double b) { return higher_is_better(row) ? a > b : a < b; }
  double middle(const std::string& row, const std::string& contender) const {
    return all_.at(row).at(contender).middle();
  }

  const standings& all_;
  const refusals_by_name& refusals_;
};

struct target {
  std::string what;
  char sign;  // '>': at least, '<': at most
  double bound;
  std::optional<double> figure;
};

std::vector<target> targets(const judge& of) {
  const auto job = [](const std::string& family, const std::string& s,
                      const std::string& rest = "8B/capacity:1024/batch:1") {
    return "throughput/" + family + '/' + s + '/' + rest;
  };
  const std::string one = job("spsc", "1p1c"), batches = job("spsc", "1p1c", "8B/capacity:1024/batch:256");
  const std::string big = job("spsc", "1p1c", "8B/capacity:65536/batch:1"),
                    wide = job("spsc", "1p1c", "64B/capacity:1024/batch:1");
  const std::string waiting = job("spsc_waiting", "1p1c"), futex = "limit: bare futex";
  const std::string spsc = "kew::spsc_ring", mpmc = "kew::mpmc_ring", channel = "kew::channel",
                    spsc_channel = "kew::spsc_channel";
  std::vector<target> all{
      {"spsc_ring, capacity 1024, against the best peer", '>', 1.25, of.against_peer(one, spsc)},
      {"spsc_ring, capacity 65536, against the best peer", '>', 1.25, of.against_peer(big, spsc)},
      {"spsc_ring, 64-byte items, against the best peer", '>', 1.2, of.against_peer(wide, spsc)},
      {"spsc_ring, batches of 256, against handing over whole blocks", '>', 0.7,
       of.against(batches, spsc, batches, "limit: whole 4 KiB blocks")},
      {"spsc_ring, batches of 256, against its single operations", '>', 2, of.against(batches, spsc, one, spsc)},
      {"spsc_ring, round trip, against the best peer", '<', 0.95, of.against_peer("ping_pong/spsc", spsc)},
      {"mpmc_ring, batches of 64, 2p2c, against its single operations", '>', 4,
       of.against(job("mpmc", "2p2c", "8B/capacity:1024/batch:64"), mpmc, job("mpmc", "2p2c"), mpmc)},
      {"mpsc_ring, 4p1c, against mpmc_ring", '>', 1.1,
       of.against(job("mpmc", "4p1c"), "kew::mpsc_ring", job("mpmc", "4p1c"), mpmc)},
      {"spmc_ring, 1p4c, against mpmc_ring", '>', 1.1,
       of.against(job("mpmc", "1p4c"), "kew::spmc_ring", job("mpmc", "1p4c"), mpmc)},
      {"spsc channel against the bare spsc_ring", '>', 0.7, of.against(waiting, spsc_channel, one, spsc)},
      {"spsc channel against BlockingReaderWriterQueue", '>', 2,
       of.against(waiting, spsc_channel, waiting, "BlockingReaderWriterQueue")},
      {"spsc channel, round trip awake, against spsc_ring", '<', 1.3,
       of.against("ping_pong/spsc_waiting", spsc_channel, "ping_pong/spsc", spsc)},
      {"channel, round trip awake, against mpmc_ring", '<', 1.3,
       of.against("ping_pong/mpmc_waiting", channel, "ping_pong/mpmc", mpmc)},
      {"spsc channel, round trip parked, against a bare futex", '<', 1.1,
       of.against("ping_pong/parked", "kew::spsc_channel+park_wait", "ping_pong/parked", futex)},
      {"channel, round trip parked, against a bare futex", '<', 1.1,
       of.against("ping_pong/parked", "kew::channel+park_wait", "ping_pong/parked", futex)},
      {"blocking_queue over a metered_ring against one over the bare ring, 2p2c", '>', 0,
       of.against(job("mpmc_waiting", "2p2c"), "kew::blocking_queue+metered_ring", job("mpmc_waiting", "2p2c"),
                  "kew::blocking_queue")},
  };
  const std::string both_asleep = "async/there_and_back_asleep";
  all.push_back({"coroutines, round trip parked, against threads", '<', 1.1,
                 of.against(both_asleep, "coroutines", both_asleep, "threads")});
  for (const std::string s : {"full", "1p1c"})
    for (const std::string several : {"2", "8"})
      all.push_back({"select over " + several + " channels, " + s + ", against a pop of one", '>', 0.5,
                     of.against(job("select", s), "kew::select+" + several, job("select", s), channel)});
  for (const std::string s : {"1p1c", "2p2c", "4p4c", "1p4c", "4p1c"}) {
    all.push_back({"mpmc_ring, " + s + ", against the best peer", '>', 1.25, of.against_peer(job("mpmc", s), mpmc)});
    const std::string row = job("mpmc_waiting", s);
    all.push_back({"channel, " + s + ", against BlockingConcurrentQueue", '>', 2,
                   of.against(row, channel, row, "BlockingConcurrentQueue")});
    all.push_back({"channel, " + s + ", against mutex + condition variables", '>', 3,
                   of.against(row, channel, row, "mutex + condition variables")});
  }
  for (const std::string ring : {"spsc", "mpsc", "spmc", "mpmc"}) {
    const std::string row = ring == "spsc" ? "uncontended/spsc" : "uncontended/mpmc", name = "kew::" + ring + "_ring";
    all.push_back({ring + "_ring, instructions of a push and a pop, against the best peer", '<', 1,
                   of.instructions_against_peer(row, name)});
    const series* found = of.find(row, name);
    all.push_back({ring + "_ring, cache lines beside its slots", '<', 8,
                   found ? std::optional(found->counter("object_lines")) : std::nullopt});
  }
  for (const auto& [row, name] :
       {std::pair{"fairness/mpmc/4p4c", mpmc}, std::pair{"fairness/mpmc_waiting/4p4c", channel}}) {
    const series* found = of.find(row, name);
    all.push_back({name + ", the slowest of 4 producers against the fastest", '>', 0.25,
                   found ? std::optional(found->counter("slowest_producer")) : std::nullopt});
  }
  return all;
}

// ---- Telling -------------------------------------------------------------------------------------

void write_targets(std::ostream& out, const judge& of) {
  out << "\n## Targets\n\n| what | target | figure | holds |\n|---|---|---|---|\n";
  for (const target& one : targets(of)) {
    out << "| " << one.what << " | ";
    if (one.bound > 0)
      out << (one.sign == '>' ? "≥ " : "≤ ") << one.bound;
    else
      out << "none";
    out << " | " << (one.figure ? number(*one.figure) : "not measured") << " | ";
    const bool holds = one.figure && (one.sign == '>' ? *one.figure >= one.bound : *one.figure <= one.bound);
    out << (one.figure && one.bound > 0 ? holds ? "yes" : "**no**" : "–") << " |\n";
  }
}

/// The row's order means nothing where its first two take turns at being the first.
bool is_stable(const judge& of, const std::string& row) {
  const auto order = of.libraries(row);
  return order.size() < 2 || of.certainty(row, order[0], order[1]) >= judge::sure;
}

void write_summary(std::ostream& out, const standings& all, const judge& of, const refusals_by_name& refusals) {
  out << "\n## kew and the best of the others\n\nMedians; ratios are medians of the ratios within a round. In rows of "
         "times less is better, and p50 is the figure where a row has several; of `calls`, p99.99. A ratio in bold is "
         "one that kew loses. A row whose first was ahead of the second in less than "
      << judge::sure * 100 << " % of the rounds is marked ~: its order means nothing.\n\n"
      << "| row | kew | | best peer | | kew / peer |\n|---|---|---|---|---|---|\n";
  int rows = 0, unstable = 0;
  for (const auto& [row, contenders] : all) {
    const auto own = of.best(row, true), peer = of.best(row, false);
    if (row.starts_with("length") || !own) continue;
    const auto figure = [&](const std::string& name) { return figure_words(row, contenders.at(name).middle()); };
    out << "| " << row << " | " << *own << " | " << figure(*own) << " | ";
    if (const auto by = peer ? of.against(row, *own, row, *peer) : std::nullopt) {
      const bool loses = higher_is_better(row) ? *by < 1 : *by > 1;
      const bool stable = is_stable(of, row);
      ++rows;
      unstable += !stable;
      out << *peer << " | " << figure(*peer) << " | " << (loses ? "**" : "") << number(*by) << (loses ? "**" : "")
          << (stable ? "" : " ~");
    } else {
      out << "none | – | –";
    }
    out << " |\n";
  }
  out << "\n" << unstable << " of " << rows << " rows are unstable.\n";
  if (!refusals.empty()) out << "\n## Rounds without a figure\n\n";
  for (const auto& [name, one] : refusals)
    out << "- " << name.first << ", " << name.second << ", " << one.rounds << (one.rounds == 1 ? " round" : " rounds")
        << (one.fault ? ", **not ranked**: " : ": ") << one.why << '\n';
}

void write_details(std::ostream& out, const standings& all, const judge& of) {
  out << "\n## Every contender\n\n| row | contender | median | spread (quartiles) | remarks |\n|---|---|---|---|---|\n";
  for (const auto& [row, contenders] : all) {
    if (row.starts_with("length")) continue;
    for (const auto& [contender, figures] : contenders) {
      out << "| " << row << " | " << contender << " | " << figure_words(row, figures.middle()) << " | "
          << number(figures.spread() * 100, 2) << " % |";
      if (!of.ranked(row, contender)) out << (is_limit(contender) ? " not a queue" : " not ranked");
      if (const double n = figures.counter("instructions"); n > 0) out << ' ' << number(n) << " instructions";
      if (const double share = figures.counter("slowest_producer"); row.starts_with("fairness"))
        out << " slowest producer " << number(share, 2) << " of the fastest";
      out << " |\n";
    }
  }
  out << "\n## From due to handled\n\n| row | contender | messages a second | p50 | p99 | p99.9 | max "
         "|\n|---|---|---|---|---|---|---|\n";
  for (const auto& [row, contenders] : all)
    for (const auto& [contender, figures] : contenders)
      if (row.starts_with("latency") || row == "wake_up") {
        const double rate = figures.counter("rate");
        out << "| " << row << " | " << contender << " | " << (rate > 0 ? per_second(rate) : "–");
        for (const char* at : {"p50", "p99", "p99.9", "max"}) out << " | " << time_words(figures.counter(at));
        out << " |\n";
      }
  out << "\n## A single call in a stream\n\n| row | contender | push p50 | p99.99 | longest | pop p50 | p99.99 | "
         "longest "
         "|\n|---|---|---|---|---|---|---|---|\n";
  for (const auto& [row, contenders] : all)
    for (const auto& [contender, figures] : contenders)
      if (row.starts_with("calls")) {
        out << "| " << row << " | " << contender;
        for (const char* side : {"push", "pop"})
          for (const char* at : {" p50", " p99.99", " longest"})
            out << " | " << time_words(figures.counter(std::string(side) + at));
        out << " |\n";
      }
  out << "\n## Length of the queue\n\nLittle's law: throughput × mean time in queue / mean length, each measured by "
         "itself, is 1.\n\n"
         "| row | contender | mean length | longest | messages a second | mean time in queue | Little "
         "|\n|---|---|---|---|---|---|---|\n";
  for (const auto& [row, contenders] : all)
    for (const auto& [contender, figures] : contenders)
      if (row.starts_with("length"))
        out << "| " << row << " | " << contender << " | " << number(figures.counter("mean_length")) << " | "
            << number(figures.counter("max_length")) << " | " << per_second(figures.counter("throughput")) << " | "
            << time_words(figures.middle()) << " | " << number(figures.counter("little")) << " |\n";
}

int compare() {
  const std::vector<part> parts = plan();
  const std::vector<entry> wanted = matching(session.filter);
  std::vector<std::pair<entry, int>> chosen;
  double expected = 0;
  int rounds = 0;
  for (const entry& one : wanted)
    for (const part& p : parts)
      if (std::regex_match(one.row, p.rows)) {
        chosen.emplace_back(one, p.rounds);
        expected += p.rounds * expected_seconds(one);
        rounds = std::max(rounds, p.rounds);
        break;
      }
  if (chosen.empty()) {
    std::cerr << "no benchmark of this comparison is called anything like '" << session.filter
              << "'; see `throughput`, `latency` and `length` for all names\n";
    return 2;
  }
  std::ofstream json(session.out + ".json"), markdown(session.out + ".md");
  if (!json || !markdown) {
    std::cerr << "cannot write " << session.out << ".json and .md\n";
    return 2;
  }
  const std::vector<std::string> machine = describe_machine();
  for (const std::string& line : machine) std::cerr << line << '\n';
  std::cerr << chosen.size() << " benchmarks in up to " << rounds << " rounds, about " << duration_words(expected)
            << '\n';

  collector collected(json, expected);
  for (const auto& [one, its_rounds] : chosen) collected.expect(one);
  std::vector<double> distances;
  for (int round = 0; round < rounds; ++round) {
    benchmark::ClearRegisteredBenchmarks();
    for (const auto& [one, its_rounds] : chosen)
      if (round < its_rounds) add_to_google_benchmark(one);
    collected.begin_round(round, rounds);
    distances.push_back(bare_round_trip());
    benchmark::RunSpecifiedBenchmarks(&collected, ".");
  }
  collected.finish();
  std::cerr << '\n';

  markdown << "# kew beside its peers\n\n";
  for (const std::string& line : machine) markdown << "- " << line << '\n';
  const auto [near, far] = std::ranges::minmax(distances);
  markdown << "- bare round trip at the beginning of each round: " << number(near) << " to " << number(far) << " ns"
           << (far > 1.5 * near ? " (**the machine changed in between**: compare ratios, not figures)" : "") << '\n';
  const judge of(collected.all, collected.refusals);
  write_summary(markdown, collected.all, of, collected.refusals);
  write_summary(std::cout, collected.all, of, collected.refusals);
  if (session.targets)
    for (std::ostream* out : {static_cast<std::ostream*>(&markdown), &std::cout}) write_targets(*out, of);
  write_details(markdown, collected.all, of);
  std::cout << "\nall figures: " << session.out << ".md, " << session.out << ".json\n";
  return any_fault ? 1 : 0;
}

}}  // namespace bench

int main(int argc, char** argv) { return bench::read_options(argc, argv) ? bench::compare() : 2; }
