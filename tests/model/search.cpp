#include "search.hpp"

#include "arena.hpp"
#include "threads.hpp"

namespace explorer {

void choices::follow(const std::string& path, bool by_chance) {
  path_.clear();
  counts_.clear();
  by_chance_ = by_chance;
  for (const char digit : path) {
    path_.push_back(static_cast<std::uint8_t>(digit <= '9' ? digit - '0' : digit - 'a' + 10));
    counts_.push_back(0);
  }
}

std::string choices::path() const {
  std::string text;
  for (std::size_t i = 0; i < depth_; ++i) text += "0123456789abcdef"[path_[i]];
  return text;
}

bool choices::advance() {
  path_.resize(depth_);
  counts_.resize(depth_);
  while (!path_.empty() && path_.back() + 1 >= counts_.back()) {
    path_.pop_back();
    counts_.pop_back();
  }
  if (path_.empty()) return false;
  ++path_.back();
  return true;
}

void choices::seed(std::uint64_t with) {
  // splitmix64: neighbouring seeds must not give neighbouring executions.
  std::uint64_t z = with + 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  random_ = (z ^ (z >> 31)) | 1;
}

void machine::seed(std::uint64_t with) {
  choices_.seed(with);
  stickiness_ = 1 + below(6);
  lowest_priority_ = 0;
  for (thread_state& each : threads_) each.priority = 1 + static_cast<int>(below(1000));
  const unsigned length = static_cast<unsigned>(std::max(result_.longest, 20));
  for (int& each : change_at_) each = static_cast<int>(below(length));
}

result machine::explore(void (*body)(), const options& how) {
  options_ = how;
  result_ = {};
  visited_.clear();
  const bool by_chance = how.how != search::depth_first;
  choices_.follow({}, by_chance);
  for (std::uint64_t i = 0; i < how.executions && !result_.exhausted; ++i) {
    if (by_chance) {
      choices_.follow({}, by_chance);
      seed(how.seed + i);
    }
    run_once(body);
    if (result_.failed) {
      result_.seed = how.seed + i;
      result_.path = choices_.path();
      break;
    }
    result_.exhausted = !by_chance && !choices_.advance();
  }
  return std::move(result_);
}

std::string machine::replay(void (*body)(), const options& how, const std::string& path, result* found) {
  options_ = how;
  result_ = {};
  choices_.follow(path, false);
  places.trace(true);
  replaying_ = true;
  run_once(body);
  places.trace(false);
  replaying_ = false;
  if (found != nullptr) {
    *found = result_;
    found->path = path;
  }
  return places.take_trace();
}

unsigned machine::prefer(reason why, const candidate* from, int count) {
  int runs = 0;
  while (runs < count && from[runs].what == deed::run) ++runs;
  if (runs == 0 || (runs < count && below(8) == 0)) return below(static_cast<unsigned>(count));
  if (options_.how == search::priorities) {
    if (why == reason::relaxes) self().priority = --lowest_priority_;
    for (const int at : change_at_)
      if (at == steps_) self().priority = --lowest_priority_;
    int best = 0;
    for (int i = 1; i < runs; ++i)
      if (threads_[from[i].thread].priority > threads_[from[best].thread].priority) best = i;
    return static_cast<unsigned>(best);
  }
  if (why == reason::step && below(stickiness_) != 0) return 0;
  return below(static_cast<unsigned>(runs));
}

bool machine::is_redundant(reason why) {
  if (!options_.merge || options_.how != search::depth_first || replaying_ || !choices_.is_new()) return false;
  const auto spent = [](int count, int bound) { return bound < unbounded ? static_cast<unsigned>(count) : 0; };
  std::uint64_t state = mix(memory_, static_cast<std::uint64_t>(time_));
  const auto add = [&state](auto what) { state = mix(state, static_cast<std::uint64_t>(what)); };
  // Where a switch costs nothing it does not matter who ran last.
  if (options_.preemptions < unbounded || why == reason::relaxes) add(current_ << 8 | static_cast<int>(why) << 4);
  add(crashed_);
  add(std::uint64_t(static_cast<unsigned>(idle_)) << 48 | std::uint64_t(static_cast<unsigned>(idle_ever_)) << 32 |
      spent(stale_reads_, options_.stale_reads) << 16 | spent(surprises_, options_.surprises));
  for (const view* common : {&sequential_, &light_, &heavy_}) add(common->hash(atomics_count_));
  for (int i = 1; i < max_threads; ++i) {
    const thread_state& each = threads_[i];
    if (each.is == state::absent) continue;
    add(each.story);
    add((changes_ - each.own_changes - each.changes_known) << 8 | static_cast<unsigned>(each.is));
    add(each.answer);
  }
  const arena::closed outside;
  return !visited_.enter(state, spent(preemptions_, options_.preemptions));
}

unsigned machine::choose(unsigned count) {
  const unsigned chosen = choices_.pick(count, [&] { return below(count); });
  line("chooses %u of %u", chosen, count);
  learn(chosen);
  return chosen;
}

}  // namespace explorer
