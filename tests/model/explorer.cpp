#include "explorer.hpp"

#include "arena.hpp"
#include "fiber.hpp"
#include "visited.hpp"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace explorer {
namespace {

using engine::location;
using engine::max_threads;

constexpr int max_locations = 64;
constexpr int max_stores = 250;        // of one location in one execution; the index fits a byte
constexpr int stale_reads_in_a_row = 3;
constexpr int idle_limit = 200;
constexpr unsigned max_choices = 16;   // a choice is one hexadecimal digit of the path
constexpr std::size_t max_path = 1 << 16;

bool acquires(std::memory_order order) {
  return order == std::memory_order_acquire || order == std::memory_order_acq_rel || order == std::memory_order_seq_cst;
}
bool within(int spent, int bound) { return spent < bound || bound >= unbounded; }
bool releases(std::memory_order order) {
  return order == std::memory_order_release || order == std::memory_order_acq_rel || order == std::memory_order_seq_cst;
}

/// Which stores are known: of each location, all up to this index.
struct view {
  alignas(16) std::uint8_t up_to[max_locations];

  void join(const view& other) {
    for (int i = 0; i < max_locations; ++i) up_to[i] = std::max(up_to[i], other.up_to[i]);
  }
  std::uint64_t hash(int locations) const {
    std::uint64_t all = 0;
    for (int i = 0; i < locations; i += 8) {
      std::uint64_t part;
      std::memcpy(&part, up_to + i, sizeof part);
      all = mix(all, part);
    }
    return all;
  }
};

/// A view, and a vector clock: of each thread, what happens before.
struct knowledge {
  view seen;
  std::int16_t clock[8];

  void join(const knowledge& other) {
    seen.join(other.seen);
    for (int i = 0; i < 8; ++i) clock[i] = std::max(clock[i], other.clock[i]);
  }
};

constexpr knowledge nothing{};

struct stored {
  std::uint64_t value;
  std::uint64_t story;  // of the writer up to here, which tells value and message too
  knowledge message;  // what its acquirer learns
};

struct atomic_state {
  std::vector<stored> stores;
  int creator = 0;
  std::int16_t created = 0;
  std::uint8_t woken_up_to = 0;          // the kernel has seen these stores: a wake followed them
  bool destroyed = false;
  std::int16_t accessed[8] = {};         // when each thread last used it
};

/// Plain memory at one address.
struct cell {
  const void* address = nullptr;
  std::uint64_t execution = 0;
  engine::life life = engine::life::none;
  int writer = 0;
  std::int16_t written = 0;
  std::int16_t read[8] = {};
};

enum class state : std::uint8_t { absent, ready, relaxing, sleeping, finished, crashed };
enum class reason : std::uint8_t { step, relaxes, cannot };
enum class deed : std::uint8_t { run, wake_for_nothing, time_out, crash };

struct candidate {
  std::int8_t thread;
  deed what;
};

struct thread_state {
  knowledge now;         // all that this thread knows
  knowledge released;    // what it knew at its last release fence
  knowledge unacquired;  // what its relaxed loads read, waiting for an acquire fence
  std::uint64_t stale = 0;                      // locations of which it read an overtaken store
  std::uint8_t stale_in_a_row[max_locations] = {};
  state is = state::absent;
  bool timed_out = false;
  location word = 0;
  std::int64_t deadline = 0;
  bool owes_a_load = false;                     // a load has returned `owed`, which nobody had stored yet
  location owed_from = 0;
  std::uint64_t owed = 0;
  std::uint64_t own_changes = 0;
  std::uint64_t changes_known = 0;              // changes by others when it last stopped relaxing
  std::uint64_t story = 0;                      // a hash of all that it has learnt: see visited.hpp
  int steps = 0;
  int priority = 0;
  site where;
  operation what = operation::load;
  engine::task work{};
};

class machine {
 public:
  machine() {
    path_.reserve(max_path);
    counts_.reserve(max_path);
  }

  result explore(void (*body)(), const options& how);
  std::string replay(void (*body)(), const options& how, const std::string& path, result* found);

  [[noreturn]] void fail(const std::string& what, bool blocked = false);
  unsigned choose(unsigned count);
  void note(const std::string& text);
  void together(const engine::task* tasks, int count);

  location make(std::uint64_t value);
  void destroy(location at);
  std::uint64_t load(location at, std::memory_order order, const site& where);
  void store(location at, std::uint64_t value, std::memory_order order, const site& where);
  std::uint64_t modify(location at, engine::arithmetic how, std::uint64_t operand, std::uint64_t mask,
                       std::memory_order order, const site& where);
  bool compare_exchange(location at, std::uint64_t& expected, std::uint64_t desired, engine::exchange_orders orders,
                        bool weak, const site& where);
  void fence(std::memory_order order, const site& where);
  void light_fence(const site& where);
  bool heavy_fence(const site& where);
  void relax(const site& where);
  bool wait(location at, std::uint32_t expected, std::int64_t deadline, const site& where);
  void wake(location at, int count, const site& where);
  void plain(const void* address, bool writes, const char* what);
  cell& cell_at(const void* address);

  void learn(std::uint64_t what) { self().story = mix(self().story, what); }
  void all_learn(std::uint64_t what) {
    for (thread_state& each : threads_) each.story = mix(each.story, what);
  }

  bool crashed() const { return crashed_; }
  bool refused() const { return is_refused_; }
  int current() const { return current_; }
  const thread_state& self() const { return threads_[current_]; }
  std::int64_t now();
  int elements_alive = 0;

  void mutate(const mutant* change) {
    mutant_ = change;
    mutant_line_ = change == nullptr ? 0 : change->at.line;
  }
  void collect(bool on) {
    collecting_ = on;
    if (on) places_.clear();
  }
  const std::vector<place>& places() const { return places_; }

 private:
  thread_state& self() { return threads_[current_]; }

  void run_once(void (*body)());
  void reset();
  [[noreturn]] void leave();
  static void begin_body();
  static void begin_thread();

  void begin(const site& where, operation what);
  void end() { ++self().now.clock[current_]; }
  atomic_state& touch(location at);
  void read(location at, unsigned index, std::memory_order order);
  unsigned floor_of(location at, std::memory_order order);
  void append(location at, std::uint64_t value, std::memory_order order, const knowledge* continued);
  void fence_now(std::memory_order order);
  void perform_late_load();

  void reschedule(reason why);
  bool is_redundant(reason why);
  int gather(reason why, candidate* out);
  unsigned prefer(reason why, const candidate* from, int count);
  bool others_changed(const thread_state& of) const {
    return changes_ - of.own_changes != of.changes_known;
  }
  [[noreturn]] void nobody_can_run();

  template <class Chooser>
  unsigned pick(unsigned count, Chooser chooser);
  bool next_path();
  std::uint64_t random() {
    random_ ^= random_ << 13;
    random_ ^= random_ >> 7;
    random_ ^= random_ << 17;
    return random_;
  }
  unsigned below(unsigned count) { return static_cast<unsigned>((random() >> 24) % count); }
  void seed(std::uint64_t with);

  bool is_mutated(const site& where) const {
    return mutant_line_ != 0 && where.line() == mutant_line_ && where.column() == mutant_->at.column &&
           mutant_->at.file == where.file_name();
  }
  std::memory_order ordered(const site& where, std::memory_order order, weakening which = weakening::order) const {
    return is_mutated(where) && mutant_->how == which ? mutant_->to : order;
  }
  bool dropped(const site& where) const { return is_mutated(where) && mutant_->how == weakening::drop; }
  void collect(const site& where, operation what, std::memory_order order,
               std::memory_order failure = std::memory_order_relaxed, bool two = false);

  void line(const char* format, ...) __attribute__((format(printf, 2, 3)));

  options options_;
  void (*body_)() = nullptr;
  result result_;

  fiber controller_;
  fiber fibers_[max_threads];
  thread_state threads_[max_threads];
  atomic_state atomics_[max_locations];
  std::vector<cell> cells_ = std::vector<cell>(4096);
  int atomics_count_ = 0;
  view sequential_{};  // what seq_cst operations and fences have made common
  view light_{};       // what light fences have published to heavy ones
  view heavy_{};       // and heavy ones to light ones
  std::uint64_t memory_ = 0;  // a hash of all stores
  visited_states visited_;
  std::int64_t time_ = 0;
  std::uint64_t changes_ = 0;
  std::uint64_t execution_ = 0;
  int current_ = 0;
  int running_ = 0;    // threads of together() that have not finished
  int steps_ = 0;
  int idle_ = 0;       // rounds of nobody having anything to do, since the last change
  int idle_ever_ = 0;
  int preemptions_ = 0;
  int stale_reads_ = 0;
  int surprises_ = 0;
  bool active_ = false;
  bool crashed_ = false;
  bool is_cut_ = false;
  bool is_refused_ = false;  // the kernel does heavy fences no more

  std::vector<std::uint8_t> path_;
  std::vector<std::uint8_t> counts_;
  std::size_t depth_ = 0;
  bool replaying_ = false;
  std::uint64_t random_ = 1;
  unsigned stickiness_ = 2;
  int lowest_priority_ = 0;
  int change_at_[3] = {};

  const mutant* mutant_ = nullptr;
  unsigned mutant_line_ = 0;
  bool collecting_ = false;
  std::vector<place> places_;
  bool tracing_ = false;
  std::string trace_;
};

// Not destroyed at exit: operator delete and the fibers may still be needed then.
machine& world = *new machine;

const char* file_of(const site& where) {
  const char* slash = std::strrchr(where.file_name(), '/');
  return slash == nullptr ? where.file_name() : slash + 1;
}

std::string text_of(const site& where) {
  return std::string(file_of(where)) + ":" + std::to_string(where.line());
}

// ---- Choices --------------------------------------------------------------------------------------

template <class Chooser>
unsigned machine::pick(unsigned count, Chooser chooser) {
  if (count <= 1) return 0;
  if (count > max_choices) count = max_choices;
  unsigned chosen = 0;
  if (depth_ < path_.size()) {
    chosen = std::min<unsigned>(path_[depth_], count - 1);
  } else {
    if (!replaying_ && options_.how != search::depth_first) chosen = chooser();
    // Within their capacity: a scenario is running, and its heap is not the explorer's.
    if (path_.size() == max_path) fail("more choices than a path can hold");
    path_.push_back(static_cast<std::uint8_t>(chosen));
    counts_.push_back(0);
  }
  counts_[depth_] = static_cast<std::uint8_t>(count);
  ++depth_;
  return chosen;
}

bool machine::next_path() {
  while (!path_.empty() && path_.back() + 1 >= counts_.back()) {
    path_.pop_back();
    counts_.pop_back();
  }
  if (path_.empty()) return false;
  ++path_.back();
  return true;
}

void machine::seed(std::uint64_t with) {
  // splitmix64: neighbouring seeds must not give neighbouring executions.
  std::uint64_t z = with + 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  random_ = (z ^ (z >> 31)) | 1;
  stickiness_ = 1 + below(6);
  lowest_priority_ = 0;
  for (thread_state& each : threads_) each.priority = 1 + static_cast<int>(below(1000));
  const unsigned length = static_cast<unsigned>(std::max(result_.longest, 20));
  for (int& each : change_at_) each = static_cast<int>(below(length));
}

// ---- Executions -------------------------------------------------------------------------------------

void machine::reset() {
  arena::clear();
  for (int i = 0; i < atomics_count_; ++i) {
    atomics_[i].stores.clear();
    atomics_[i].woken_up_to = 0;
    atomics_[i].destroyed = false;
    std::fill(std::begin(atomics_[i].accessed), std::end(atomics_[i].accessed), std::int16_t{0});
  }
  atomics_count_ = 0;
  sequential_ = light_ = heavy_ = nothing.seen;
  memory_ = 0;
  time_ = 0;
  changes_ = 0;
  ++execution_;
  current_ = 0;
  running_ = steps_ = idle_ = idle_ever_ = preemptions_ = stale_reads_ = surprises_ = 0;
  crashed_ = false;
  is_cut_ = is_refused_ = false;
  elements_alive = 0;
  depth_ = 0;
  for (thread_state& each : threads_) {
    const int priority = each.priority;
    each = thread_state{};
    each.priority = priority;
  }
  threads_[0].is = state::ready;
  threads_[0].now.clock[0] = 1;
}

void machine::begin_body() {
  world.body_();
  if (world.elements_alive != 0) world.fail(std::to_string(world.elements_alive) + " element(s) leaked");
  if (arena::blocks_alive() != 0) world.fail(std::to_string(arena::blocks_alive()) + " block(s) of memory leaked");
  world.leave();
}

void machine::begin_thread() {
  thread_state& self = world.self();
  self.work.run(self.work.object);
  world.perform_late_load();
  self.is = state::finished;
  --world.running_;
  world.reschedule(reason::cannot);
  std::abort();
}

void machine::leave() {
  active_ = false;
  arena::open(false);
  fiber::change(fibers_[current_], controller_);
  std::abort();
}

void machine::run_once(void (*body)()) {
  reset();
  body_ = body;
  fibers_[0].restart(begin_body);
  active_ = true;
  arena::open(true);
  fiber::change(controller_, fibers_[0]);
  ++(is_cut_ ? result_.cut : result_.executions);
  result_.longest = std::max(result_.longest, steps_);
}

void machine::fail(const std::string& what, bool blocked) {
  arena::open(false);
  // Written by the explorer's own heap: the scenario's is forgotten with the execution.
  result_.failed = true;
  result_.blocked = blocked;
  result_.failure = std::string(what.c_str());
  line("%s", ("FAILED: " + result_.failure).c_str());
  leave();
}

result machine::explore(void (*body)(), const options& how) {
  options_ = how;
  result_ = {};
  path_.clear();
  counts_.clear();
  visited_.clear();
  for (std::uint64_t i = 0; i < how.executions; ++i) {
    if (how.how != search::depth_first) {
      path_.clear();
      counts_.clear();
      seed(how.seed + i);
    }
    run_once(body);
    if (result_.failed) {
      result_.seed = how.seed + i;
      path_.resize(depth_);
      for (const std::uint8_t choice : path_) result_.path += "0123456789abcdef"[choice];
      break;
    }
    if (how.how == search::depth_first) {
      path_.resize(depth_);
      counts_.resize(depth_);
      if (!next_path()) {
        result_.exhausted = true;
        break;
      }
    }
  }
  return std::move(result_);
}

std::string machine::replay(void (*body)(), const options& how, const std::string& path, result* found) {
  options_ = how;
  result_ = {};
  path_.clear();
  counts_.clear();
  for (const char digit : path) {
    path_.push_back(static_cast<std::uint8_t>(digit <= '9' ? digit - '0' : digit - 'a' + 10));
    counts_.push_back(0);
  }
  trace_.clear();
  tracing_ = replaying_ = true;
  run_once(body);
  tracing_ = replaying_ = false;
  if (found != nullptr) {
    *found = result_;
    found->path = path;
  }
  return std::move(trace_);
}

void machine::together(const engine::task* tasks, int count) {
  for (int i = 1; i <= count; ++i) {
    threads_[i].work = tasks[i - 1];
    threads_[i].now = threads_[0].now;
    threads_[i].now.clock[i] = static_cast<std::int16_t>(threads_[i].now.clock[i] + 1);
    threads_[i].is = state::ready;
    threads_[i].released = threads_[i].unacquired = nothing;
    threads_[i].changes_known = changes_ - threads_[i].own_changes;
    threads_[i].story = mix(threads_[0].story, static_cast<std::uint64_t>(i));
    fibers_[i].restart(begin_thread);
  }
  running_ = count;
  threads_[0].is = state::absent;
  ++threads_[0].now.clock[0];
  reschedule(reason::cannot);
  for (int i = 1; i <= count; ++i) {
    threads_[0].now.join(threads_[i].now);
    learn(threads_[i].story);
    threads_[i].is = state::absent;
  }
}

// ---- Who runs next ----------------------------------------------------------------------------------

int machine::gather(reason why, candidate* out) {
  int count = 0;
  const bool stays = why == reason::step;
  if (stays) out[count++] = {static_cast<std::int8_t>(current_), deed::run};
  const bool may_switch = !stays || options_.how != search::depth_first || within(preemptions_, options_.preemptions);
  const bool may_surprise = within(surprises_, options_.surprises) && may_switch;
  if (may_switch) {
    for (int i = 1; i < max_threads; ++i) {
      thread_state& each = threads_[i];
      if (i == current_ && why != reason::cannot) continue;
      if (each.is == state::ready || (each.is == state::relaxing && (each.stale != 0 || others_changed(each))))
        out[count++] = {static_cast<std::int8_t>(i), deed::run};
    }
    if (why == reason::relaxes && (self().stale != 0 || others_changed(self())))
      out[count++] = {static_cast<std::int8_t>(current_), deed::run};
  }
  const bool idle = count == 0;
  if (idle && idle_ < idle_limit) {
    // Nobody has anything to do: time passes, and all who poll may look again.
    time_ += std::int64_t{1000} << std::min(idle_ever_, 40);
    ++idle_;
    ++idle_ever_;
    for (int i = 1; i < max_threads; ++i) {
      if (threads_[i].is != state::relaxing) continue;
      threads_[i].is = state::ready;
      out[count++] = {static_cast<std::int8_t>(i), deed::run};
    }
  }
  for (int i = 1; i < max_threads; ++i) {
    const thread_state& each = threads_[i];
    if (each.is != state::sleeping) continue;
    const bool is_timed = each.deadline != engine::no_deadline;
    if (is_timed && (idle || each.deadline <= time_ || may_surprise))
      out[count++] = {static_cast<std::int8_t>(i), deed::time_out};
    if (may_surprise && !idle) out[count++] = {static_cast<std::int8_t>(i), deed::wake_for_nothing};
  }
  if (options_.crash == current_ && !crashed_ && stays) out[count++] = {static_cast<std::int8_t>(current_), deed::crash};
  return count;
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

void machine::reschedule(reason why) {
  const int before = current_;
  for (;;) {
    if (running_ == 0) {
      current_ = 0;
      threads_[0].is = state::ready;
      break;
    }
    candidate from[16];
    const int count = gather(why, from);
    if (count > 0 && is_redundant(why)) {
      is_cut_ = true;
      leave();
    }
    if (count == 0) {
      bool unfinished = false;
      for (int i = 1; i < max_threads; ++i)
        unfinished |= threads_[i].is == state::relaxing || threads_[i].is == state::sleeping;
      if (!unfinished) leave();  // only the crashed thread is left
      nobody_can_run();
    }
    const candidate chosen =
        from[pick(static_cast<unsigned>(count), [&] { return prefer(why, from, count); })];
    thread_state& next = threads_[chosen.thread];
    if (chosen.what == deed::crash) {
      crashed_ = true;
      next.is = state::crashed;
      line("stops for ever");
      why = reason::cannot;
      continue;
    }
    if (chosen.what != deed::run) {
      next.timed_out = chosen.what == deed::time_out;
      if (!next.timed_out || (from[0].what == deed::run && next.deadline > time_)) ++surprises_;
      if (next.timed_out) time_ = std::max(time_, next.deadline);
    }
    if (why == reason::step && chosen.thread != before) ++preemptions_;
    next.is = state::ready;
    current_ = chosen.thread;
    break;
  }
  if (current_ != before) fiber::change(fibers_[before], fibers_[current_]);
}

bool machine::is_redundant(reason why) {
  if (!options_.merge || options_.how != search::depth_first || replaying_ || depth_ < path_.size()) return false;
  const auto spent = [](int count, int bound) { return bound < unbounded ? static_cast<unsigned>(count) : 0; };
  std::uint64_t state = mix(memory_, static_cast<std::uint64_t>(time_));
  const auto add = [&state](auto what) { state = mix(state, static_cast<std::uint64_t>(what)); };
  // Where a switch costs nothing it does not matter who ran last.
  if (options_.preemptions < unbounded || why == reason::relaxes) add(current_ << 8 | static_cast<int>(why) << 4);
  add(crashed_ << 1 | is_refused_);
  add(std::uint64_t(static_cast<unsigned>(idle_)) << 48 | std::uint64_t(static_cast<unsigned>(idle_ever_)) << 32 |
      spent(stale_reads_, options_.stale_reads) << 16 | spent(surprises_, options_.surprises));
  for (const view* common : {&sequential_, &light_, &heavy_}) add(common->hash(atomics_count_));
  for (int i = 1; i < max_threads; ++i) {
    const thread_state& each = threads_[i];
    if (each.is == state::absent) continue;
    add(each.story);
    add((changes_ - each.own_changes - each.changes_known) << 8 | static_cast<unsigned>(each.is) << 1 | each.timed_out);
  }
  arena::open(false);
  const bool entered = visited_.enter(state, spent(preemptions_, options_.preemptions));
  arena::open(true);
  return !entered;
}

void machine::nobody_can_run() {
  std::string what = "nobody can go on:";
  for (int i = 1; i < max_threads; ++i) {
    const thread_state& each = threads_[i];
    if (each.is == state::relaxing || each.is == state::sleeping)
      what += " thread " + std::to_string(i) + (each.is == state::sleeping ? " sleeps at " : " polls at ") + text_of(each.where);
  }
  fail(what, true);
}

void machine::begin(const site& where, operation what) {
  if (!active_) {
    std::fprintf(stderr, "%s:%u: an atomic of the model is used outside of a scenario\n", where.file_name(), where.line());
    std::abort();
  }
  thread_state& self = threads_[current_];
  self.where = where;
  self.what = what;
  ++self.steps;
  learn(static_cast<std::uint64_t>(what));
  if (++steps_ > options_.steps)
    fail("livelock: " + std::to_string(steps_) + " steps, the last at " + text_of(where), true);
  if (running_ > 1 || (options_.crash != 0 && running_ > 0)) reschedule(reason::step);
}

// ---- Atomics ----------------------------------------------------------------------------------------

location machine::make(std::uint64_t value) {
  if (!active_) {
    std::fprintf(stderr, "an atomic of the model is made outside of a scenario\n");
    std::abort();
  }
  if (atomics_count_ == max_locations) fail("more than " + std::to_string(max_locations) + " atomics");
  const auto at = static_cast<location>(atomics_count_++);
  atomic_state& made = atomics_[at];
  arena::open(false);
  learn(mix(at, value));
  made.stores.push_back({value, self().story, self().now});
  arena::open(true);
  memory_ += mix(at, self().story);
  made.creator = current_;
  made.created = self().now.clock[current_];
  return at;
}

void machine::destroy(location at) {
  if (!active_) return;
  atomic_state& dying = atomics_[at];
  for (int i = 0; i < max_threads; ++i)
    if (dying.accessed[i] > self().now.clock[i])
      fail("atomic #" + std::to_string(at) + " is destroyed while thread " + std::to_string(i) + " may use it");
  dying.destroyed = true;
  memory_ += mix(~std::uint64_t{0}, at);
  // Whoever touches it from now on, even without knowing of this, touches freed memory.
}

atomic_state& machine::touch(location at) {
  if (at >= static_cast<location>(atomics_count_)) fail("use of memory that holds no atomic");
  atomic_state& used = atomics_[at];
  if (used.destroyed) fail("use of atomic #" + std::to_string(at) + " after its destruction, at " + text_of(self().where));
  if (self().now.clock[used.creator] < used.created)
    fail("use of atomic #" + std::to_string(at) + " that may not be constructed yet, at " + text_of(self().where));
  used.accessed[current_] = self().now.clock[current_];
  return used;
}

unsigned machine::floor_of(location at, std::memory_order order) {
  unsigned floor = self().now.seen.up_to[at];
  if (order == std::memory_order_seq_cst) floor = std::max<unsigned>(floor, sequential_.up_to[at]);
  return floor;
}

void machine::read(location at, unsigned index, std::memory_order order) {
  thread_state& reader = self();
  const auto last = static_cast<std::uint8_t>(index);
  const bool is_stale = index + 1 < atomics_[at].stores.size();
  if (is_stale) {
    ++stale_reads_;
    reader.stale |= std::uint64_t{1} << at;
    // Seeing something new is progress, even if it is not the newest.
    if (reader.now.seen.up_to[at] < last) reader.stale_in_a_row[at] = 0;
    ++reader.stale_in_a_row[at];
  } else {
    reader.stale_in_a_row[at] = 0;
    reader.stale &= ~(std::uint64_t{1} << at);
  }
  reader.now.seen.up_to[at] = std::max(reader.now.seen.up_to[at], last);
  if (order == std::memory_order_seq_cst) sequential_.up_to[at] = std::max(sequential_.up_to[at], last);
  learn(atomics_[at].stores[index].story + is_stale);
  const knowledge& message = atomics_[at].stores[index].message;
  if (acquires(order))
    reader.now.join(message);
  else
    reader.unacquired.join(message);
}

std::uint64_t machine::load(location at, std::memory_order order, const site& where) {
  if (collecting_) collect(where, operation::load, order);
  begin(where, operation::load);
  const bool may_be_late = options_.late_loads && is_mutated(where);
  order = ordered(where, order);
  atomic_state& from = touch(at);
  if (self().owed_from == at) perform_late_load();
  if (may_be_late && order == std::memory_order_relaxed && pick(2, [&] { return below(2); }) == 1) {
    thread_state& reader = self();
    reader.owes_a_load = true;
    reader.owed_from = at;
    reader.owed = from.stores.back().value + 1;
    line("load    #%-2u -> 0x%llx, which is yet to come  relaxed", at, static_cast<unsigned long long>(reader.owed));
    end();
    return reader.owed;
  }
  const unsigned newest = static_cast<unsigned>(from.stores.size()) - 1;
  unsigned choices = newest - floor_of(at, order) + 1;
  if (self().stale_in_a_row[at] >= stale_reads_in_a_row) choices = 1;
  if (options_.how == search::depth_first && !within(stale_reads_, options_.stale_reads)) choices = 1;
  const unsigned behind = pick(choices, [&] { return below(5) < 3 ? 0 : below(std::min(choices, max_choices)); });
  const std::uint64_t value = from.stores[newest - behind].value;
  if (behind == 0)
    line("load    #%-2u -> 0x%llx  %s", at, static_cast<unsigned long long>(value), name_of(order));
  else
    line("load    #%-2u -> 0x%llx (overtaken by %u)  %s", at, static_cast<unsigned long long>(value), behind, name_of(order));
  read(at, newest - behind, order);
  end();
  return value;
}

void machine::perform_late_load() {
  thread_state& reader = self();
  if (!reader.owes_a_load) return;
  reader.owes_a_load = false;
  const std::vector<stored>& stores = atomics_[reader.owed_from].stores;
  for (unsigned i = reader.now.seen.up_to[reader.owed_from]; i < stores.size(); ++i)
    if (stores[i].value == reader.owed) return read(reader.owed_from, i, std::memory_order_relaxed);
  line("the value has not come: no execution of C++");
  leave();
}

void machine::append(location at, std::uint64_t value, std::memory_order order, const knowledge* continued) {
  if (releases(order)) perform_late_load();
  atomic_state& to = atomics_[at];
  thread_state& writer = self();
  const auto index = to.stores.size();
  if (index >= max_stores) fail("livelock: more stores than the explorer can hold, at " + text_of(writer.where), true);
  if (to.stores.back().value != value) {
    ++changes_;
    ++writer.own_changes;
    idle_ = 0;
  }
  writer.now.seen.up_to[at] = static_cast<std::uint8_t>(index);
  if (order == std::memory_order_seq_cst) sequential_.up_to[at] = static_cast<std::uint8_t>(index);
  writer.stale_in_a_row[at] = 0;
  learn(mix(at, value));
  memory_ += mix(at * std::uint64_t{max_locations} + index, writer.story);
  arena::open(false);
  to.stores.push_back({value, writer.story, releases(order) ? writer.now : writer.released});
  // The explorer's heap is not the scenario's.
  arena::open(true);
  stored& made = to.stores.back();
  made.message.seen.up_to[at] = static_cast<std::uint8_t>(index);
  if (continued != nullptr) made.message.join(*continued);
}

void machine::store(location at, std::uint64_t value, std::memory_order order, const site& where) {
  if (collecting_) collect(where, operation::store, order);
  begin(where, operation::store);
  order = ordered(where, order);
  touch(at);
  append(at, value, order, nullptr);
  line("store   #%-2u := 0x%llx  %s", at, static_cast<unsigned long long>(value), name_of(order));
  end();
}

std::uint64_t machine::modify(location at, engine::arithmetic how, std::uint64_t operand, std::uint64_t mask,
                              std::memory_order order, const site& where) {
  if (collecting_) collect(where, operation::modify, order);
  begin(where, operation::modify);
  order = ordered(where, order);
  atomic_state& on = touch(at);
  const unsigned newest = static_cast<unsigned>(on.stores.size()) - 1;
  const std::uint64_t old = on.stores[newest].value;
  std::uint64_t made = operand;
  switch (how) {
    case engine::arithmetic::exchange: break;
    case engine::arithmetic::add: made = old + operand; break;
    case engine::arithmetic::subtract: made = old - operand; break;
    case engine::arithmetic::bit_or: made = old | operand; break;
    case engine::arithmetic::bit_and: made = old & operand; break;
    case engine::arithmetic::bit_xor: made = old ^ operand; break;
  }
  made &= mask;
  read(at, newest, order);
  const knowledge continued = on.stores[newest].message;
  append(at, made, order, &continued);
  line("modify  #%-2u 0x%llx => 0x%llx  %s", at, static_cast<unsigned long long>(old),
       static_cast<unsigned long long>(made), name_of(order));
  end();
  return old;
}

bool machine::compare_exchange(location at, std::uint64_t& expected, std::uint64_t desired,
                               engine::exchange_orders orders, bool weak, const site& where) {
  const operation what = weak ? operation::compare_exchange_weak : operation::compare_exchange_strong;
  if (collecting_) collect(where, what, orders.success, orders.failure, orders.two);
  begin(where, what);
  if (is_mutated(where)) {
    if (mutant_->how == weakening::strong_to_weak) weak = true;
    if (mutant_->how == weakening::failure_order) orders.failure = mutant_->to;
    if (mutant_->how == weakening::order) {
      orders.success = mutant_->to;
      if (!orders.two && !acquires(orders.success)) orders.failure = std::memory_order_relaxed;
    }
  }
  atomic_state& on = touch(at);
  const unsigned newest = static_cast<unsigned>(on.stores.size()) - 1;
  // The first choice is what happens without any surprise.
  unsigned index[max_choices];
  unsigned count = 0;
  constexpr unsigned success = max_stores + 1;
  constexpr unsigned for_nothing = max_stores + 2;
  const bool equal = on.stores[newest].value == expected;
  index[count++] = equal ? success : newest;
  const bool may_be_stale = self().stale_in_a_row[at] < stale_reads_in_a_row &&
                            (options_.how != search::depth_first || within(stale_reads_, options_.stale_reads));
  if (may_be_stale)
    for (unsigned i = newest; i-- > floor_of(at, orders.failure) && count < max_choices - 1;)
      if (on.stores[i].value != expected) index[count++] = i;
  if (weak && equal && within(surprises_, options_.surprises)) index[count++] = for_nothing;
  const unsigned chosen = index[pick(count, [&] { return below(5) < 3 ? 0 : below(count); })];
  if (chosen == success || chosen == for_nothing) {
    if (chosen == success) {
      read(at, newest, orders.success);
      const knowledge continued = on.stores[newest].message;
      append(at, desired, orders.success, &continued);
    } else {
      ++surprises_;
      read(at, newest, orders.failure);
      learn(for_nothing);
    }
    line("%s  #%-2u 0x%llx => 0x%llx%s  %s", weak ? "weak cas" : "cas", at, static_cast<unsigned long long>(expected),
         static_cast<unsigned long long>(desired), chosen == success ? "" : " FAILS for nothing",
         name_of(chosen == success ? orders.success : orders.failure));
    end();
    return chosen == success;
  }
  line("%s  #%-2u 0x%llx => 0x%llx FAILS: 0x%llx%s  %s", weak ? "weak cas" : "cas", at,
       static_cast<unsigned long long>(expected), static_cast<unsigned long long>(desired),
       static_cast<unsigned long long>(on.stores[chosen].value), chosen == newest ? "" : " (overtaken)",
       name_of(orders.failure));
  expected = on.stores[chosen].value;
  read(at, chosen, orders.failure);
  end();
  return false;
}

// ---- Fences -----------------------------------------------------------------------------------------

void machine::fence_now(std::memory_order order) {
  perform_late_load();
  thread_state& self = threads_[current_];
  if (acquires(order)) self.now.join(self.unacquired);
  if (order == std::memory_order_seq_cst) {
    self.now.seen.join(sequential_);
    sequential_.join(self.now.seen);
  }
  learn(self.now.seen.hash(atomics_count_));
  if (releases(order)) self.released = self.now;
}

void machine::fence(std::memory_order order, const site& where) {
  if (collecting_) collect(where, operation::fence, order);
  begin(where, operation::fence);
  order = ordered(where, order);
  if (dropped(where)) {
    line("(fence dropped)");
    return;
  }
  fence_now(order);
  line("fence   %s", name_of(order));
  end();
}

// The pair orders like two seq_cst fences, but only a light one with a heavy one. That is less than
// what membarrier(2) does to a running thread at any instruction, and all that the compiler grants: it
// may move an access across any instruction but a light fence.
void machine::light_fence(const site& where) {
  if (collecting_) collect(where, operation::light_fence, std::memory_order_seq_cst);
  begin(where, operation::light_fence);
  if (dropped(where)) {
    line("(light fence dropped)");
    return;
  }
  if (options_.fence == fences::symmetric || is_refused_) {
    fence_now(std::memory_order_seq_cst);
  } else {
    self().now.seen.join(heavy_);
    light_.join(self().now.seen);
    learn(self().now.seen.hash(atomics_count_));
  }
  line("fence   light");
  end();
}

bool machine::heavy_fence(const site& where) {
  if (collecting_) collect(where, operation::heavy_fence, std::memory_order_seq_cst);
  begin(where, operation::heavy_fence);
  if (dropped(where)) {
    line("(heavy fence dropped)");
    return true;
  }
  result_.fenced = true;
  fence_now(std::memory_order_seq_cst);
  if (options_.fence == fences::refused && !is_refused_ && running_ > 0 && pick(2, [&] { return below(4) == 0 ? 1u : 0u; }) == 1) {
    is_refused_ = true;
    line("fence   heavy: refused");
    learn(1);
    end();
    return false;
  }
  if (options_.fence != fences::symmetric) {
    self().now.seen.join(light_);
    if (!is_refused_) heavy_.join(self().now.seen);
    fence_now(std::memory_order_seq_cst);
  }
  line("fence   heavy");
  end();
  return true;
}

// ---- Waiting ----------------------------------------------------------------------------------------

void machine::relax(const site& where) {
  thread_state& self = threads_[current_];
  self.where = where;
  if (++steps_ > options_.steps)
    fail("livelock: " + std::to_string(steps_) + " steps, the last at " + text_of(where), true);
  if (running_ == 0) fail("the scenario's body polls, and nobody else runs", true);
  line("polls");
  learn(1);
  self.is = state::relaxing;
  reschedule(reason::relaxes);
  // What was overtaken becomes visible in the end, else no polling loop would have one.
  for (int i = 0; i < atomics_count_; ++i)
    if (self.stale >> i & 1)
      self.now.seen.up_to[i] = static_cast<std::uint8_t>(atomics_[i].stores.size() - 1);
  learn(self.now.seen.hash(atomics_count_));
  self.stale = 0;
  self.changes_known = changes_ - self.own_changes;
}

bool machine::wait(location at, std::uint32_t expected, std::int64_t deadline, const site& where) {
  if (collecting_) collect(where, operation::wait, std::memory_order_relaxed);
  begin(where, operation::wait);
  perform_late_load();
  atomic_state& word = touch(at);
  thread_state& self = threads_[current_];
  // The kernel may compare an overtaken value, unless a wake has made the newer one known to it.
  const unsigned newest = static_cast<unsigned>(word.stores.size()) - 1;
  const unsigned floor = std::max<unsigned>(self.now.seen.up_to[at], word.woken_up_to);
  unsigned sleeps_on = max_stores;
  if (word.stores[newest].value == expected) {
    sleeps_on = newest;
  } else {
    for (unsigned i = newest; i-- > floor && sleeps_on == max_stores;)
      if (word.stores[i].value == expected) sleeps_on = i;
    if (sleeps_on != max_stores) {
      const bool allowed = options_.how != search::depth_first || within(stale_reads_, options_.stale_reads);
      if (!allowed || pick(2, [&] { return below(2); }) == 0) sleeps_on = max_stores;
    }
  }
  if (sleeps_on == max_stores) {
    line("wait    #%-2u 0x%x: holds 0x%llx, no sleep", at, expected, static_cast<unsigned long long>(word.stores[newest].value));
    read(at, newest, std::memory_order_relaxed);
    end();
    return true;
  }
  read(at, sleeps_on, std::memory_order_relaxed);
  end();
  if (deadline <= time_) {
    line("wait    #%-2u 0x%x: too late", at, expected);
    learn(2);
    return false;
  }
  if (running_ == 0) fail("the scenario's body sleeps, and nobody else runs", true);
  line("wait    #%-2u 0x%x: sleeps", at, expected);
  self.is = state::sleeping;
  self.word = at;
  self.deadline = deadline;
  self.timed_out = false;
  reschedule(reason::cannot);
  self.now.seen.up_to[at] = std::max(self.now.seen.up_to[at], atomics_[at].woken_up_to);
  learn(atomics_[at].woken_up_to * std::uint64_t{4} + self.timed_out);
  line(self.timed_out ? "wait    #%-2u times out" : "wait    #%-2u returns", at);
  return !self.timed_out;
}

std::int64_t machine::now() {
  // The thread may have been off its core for an hour.
  if (running_ > 0 && within(surprises_, options_.surprises) && pick(2, [&] { return below(4) == 0 ? 1u : 0u; }) == 1) {
    ++surprises_;
    time_ += std::int64_t{3600} * 1'000'000'000;
    line("an hour passes");
  }
  learn(static_cast<std::uint64_t>(time_));
  return time_;
}

void machine::wake(location at, int count, const site& where) {
  if (collecting_) collect(where, operation::wake, std::memory_order_relaxed);
  begin(where, operation::wake);
  if (dropped(where)) {
    line("(wake dropped)");
    return;
  }
  atomic_state& word = touch(at);
  memory_ -= mix(at, word.woken_up_to);
  word.woken_up_to = std::max(word.woken_up_to, self().now.seen.up_to[at]);
  memory_ += mix(at, word.woken_up_to);
  std::string woken;
  while (count-- > 0) {
    int sleepers[max_threads];
    unsigned found = 0;
    for (int i = 1; i < max_threads; ++i)
      if (threads_[i].is == state::sleeping && threads_[i].word == at) sleepers[found++] = i;
    if (found == 0) break;
    const int chosen = sleepers[pick(found, [&] { return below(found); })];
    threads_[chosen].is = state::ready;
    threads_[chosen].timed_out = false;
    if (tracing_) {
      arena::open(false);
      woken += " thread " + std::to_string(chosen);
    }
  }
  line("wake    #%-2u%s", at, woken.empty() ? " nobody" : woken.c_str());
  end();
}

// ---- Plain memory -----------------------------------------------------------------------------------

cell& machine::cell_at(const void* address) {
  auto hash = reinterpret_cast<std::uintptr_t>(address) * 0x9e3779b97f4a7c15u >> 52;
  for (;; hash = (hash + 1) % cells_.size()) {
    cell& found = cells_[hash];
    if (found.execution != execution_) {
      found = {};
      found.execution = execution_;
      found.address = address;
    }
    if (found.address == address) return found;
  }
}

void machine::plain(const void* address, bool writes, const char* what) {
  if (!active_) return;
  cell& at = cell_at(address);
  const thread_state& who = self();
  const auto races_with = [&](int other) {
    fail(std::string("data race: ") + what + " by thread " + std::to_string(current_) + ", last at " + text_of(who.where) +
         ", with thread " + std::to_string(other));
  };
  if (who.now.clock[at.writer] < at.written) races_with(at.writer);
  if (!writes) {
    at.read[current_] = who.now.clock[current_];
    return;
  }
  for (int i = 0; i < max_threads; ++i)
    if (who.now.clock[i] < at.read[i]) races_with(i);
  at.writer = current_;
  at.written = who.now.clock[current_];
}

// ---- The rest -----------------------------------------------------------------------------------------

void machine::collect(const site& where, operation what, std::memory_order order, std::memory_order failure, bool two) {
  if (where.line() == 0) return;  // the scenario's own fence
  for (const place& known : places_)
    if (known.line == where.line() && known.column == where.column() && known.file == where.file_name()) return;
  arena::open(false);
  places_.push_back({where.file_name(), where.line(), where.column(), what, order, failure, two});
  arena::open(active_);
}

void machine::line(const char* format, ...) {
  if (!tracing_) return;
  char text[400];
  std::va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  const bool was_active = active_;
  arena::open(false);
  char place[80];
  std::snprintf(place, sizeof place, "%4d  T%d  %-26s ", steps_, current_, text_of(self().where).c_str());
  trace_ += place;
  trace_ += text;
  trace_ += '\n';
  arena::open(was_active);
}

unsigned machine::choose(unsigned count) {
  const unsigned chosen = pick(count, [&] { return below(count); });
  line("chooses %u of %u", chosen, count);
  learn(chosen);
  return chosen;
}

void machine::note(const std::string& text) { line("-- %s", text.c_str()); }

}  // namespace

// ---- The interface ------------------------------------------------------------------------------------

result explore(void (*body)(), const options& how) { return world.explore(body, how); }
std::string replay(void (*body)(), const options& how, const std::string& path, result* found) {
  return world.replay(body, how, path, found);
}

void expect(bool holds, const char* what, site where) {
  if (!holds) world.fail(std::string(what) + " (" + text_of(where) + ")");
}
void fail(const std::string& what) { world.fail(what); }
unsigned choose(unsigned count) { return world.choose(count); }
void learn(std::uint64_t what) { world.learn(what); }
void all_learn(std::uint64_t what) { world.all_learn(what); }
bool crashed() { return world.crashed(); }
bool refused() { return world.refused(); }
int this_thread() { return world.current(); }
int steps_of_this_thread() { return std::as_const(world).self().steps; }
void note(const std::string& text) { world.note(text); }

const char* name_of(std::memory_order order) {
  switch (order) {
    case std::memory_order_relaxed: return "relaxed";
    case std::memory_order_consume: return "consume";
    case std::memory_order_acquire: return "acquire";
    case std::memory_order_release: return "release";
    case std::memory_order_acq_rel: return "acq_rel";
    case std::memory_order_seq_cst: return "seq_cst";
  }
  return "?";
}

const char* name_of(operation what) {
  switch (what) {
    case operation::load: return "load";
    case operation::store: return "store";
    case operation::modify: return "modify";
    case operation::compare_exchange_strong: return "compare_exchange_strong";
    case operation::compare_exchange_weak: return "compare_exchange_weak";
    case operation::fence: return "fence";
    case operation::light_fence: return "light fence";
    case operation::heavy_fence: return "heavy fence";
    case operation::wait: return "futex_wait";
    case operation::wake: return "futex_wake";
  }
  return "?";
}

void mutate(const mutant* change) { world.mutate(change); }
void collect_places(bool on) { world.collect(on); }
const std::vector<place>& places() { return world.places(); }

std::string mutant::text() const {
  const std::size_t slash = at.file.rfind('/');
  std::string text = at.file.substr(slash == std::string::npos ? 0 : slash + 1) + ":" + std::to_string(at.line) + ":" +
                     std::to_string(at.column) + " " + name_of(at.what);
  switch (how) {
    case weakening::order: return text + ": " + name_of(at.order) + " -> " + name_of(to);
    case weakening::failure_order: return text + ": on failure " + name_of(at.failure) + " -> " + name_of(to);
    case weakening::drop: return text + ": dropped";
    case weakening::strong_to_weak: return text + ": strong -> weak";
  }
  return text;
}

std::vector<mutant> weakenings(const place& at) {
  std::vector<mutant> all;
  const auto weaken = [&](weakening how, std::memory_order from, bool reads, bool writes) {
    const auto to = [&](std::memory_order order) { all.push_back({at, how, order}); };
    if (from == std::memory_order_seq_cst && reads && writes) to(std::memory_order_acq_rel);
    if (reads && (from == std::memory_order_seq_cst || (writes && from == std::memory_order_acq_rel)))
      to(std::memory_order_acquire);
    if (writes && (from == std::memory_order_seq_cst || (reads && from == std::memory_order_acq_rel)))
      to(std::memory_order_release);
    if (from != std::memory_order_relaxed) to(std::memory_order_relaxed);
  };
  switch (at.what) {
    case operation::load: weaken(weakening::order, at.order, true, false); break;
    case operation::store: weaken(weakening::order, at.order, false, true); break;
    case operation::modify: weaken(weakening::order, at.order, true, true); break;
    case operation::compare_exchange_strong:
      all.push_back({at, weakening::strong_to_weak, at.order});
      [[fallthrough]];
    case operation::compare_exchange_weak:
      weaken(weakening::order, at.order, true, true);
      if (at.two_orders) weaken(weakening::failure_order, at.failure, true, false);
      break;
    case operation::fence:
      if (at.order == std::memory_order_seq_cst) all.push_back({at, weakening::order, std::memory_order_acq_rel});
      [[fallthrough]];
    case operation::light_fence:
    case operation::heavy_fence:
    case operation::wake: all.push_back({at, weakening::drop, at.order}); break;
    case operation::wait: break;
  }
  return all;
}

namespace engine {

void run_together(const task* tasks, int count) { world.together(tasks, count); }
location make_atomic(std::uint64_t value) { return world.make(value); }
void destroy_atomic(location at) { world.destroy(at); }
std::uint64_t load(location at, std::memory_order order, const site& where) { return world.load(at, order, where); }
void store(location at, std::uint64_t value, std::memory_order order, const site& where) {
  world.store(at, value, order, where);
}
std::uint64_t modify(location at, arithmetic how, std::uint64_t operand, std::uint64_t mask, std::memory_order order,
                     const site& where) {
  return world.modify(at, how, operand, mask, order, where);
}
bool compare_exchange(location at, std::uint64_t& expected, std::uint64_t desired, exchange_orders orders, bool weak,
                      const site& where) {
  return world.compare_exchange(at, expected, desired, orders, weak, where);
}
void fence(std::memory_order order, const site& where) { world.fence(order, where); }
void light_fence(const site& where) { world.light_fence(where); }
bool heavy_fence(const site& where) { return world.heavy_fence(where); }
void relax(const site& where) { world.relax(where); }
std::int64_t now() { return world.now(); }
bool futex_wait(location at, std::uint32_t expected, std::int64_t deadline, const site& where) {
  return world.wait(at, expected, deadline, where);
}
void futex_wake(location at, int count, const site& where) { world.wake(at, count, where); }
void plain_read(const void* address, const char* what) { world.plain(address, false, what); }
void plain_write(const void* address, const char* what) { world.plain(address, true, what); }
life& life_at(const void* address) { return world.cell_at(address).life; }
int& elements_alive() { return world.elements_alive; }
moment this_moment() {
  moment now;
  std::copy(std::begin(std::as_const(world).self().now.clock), std::end(std::as_const(world).self().now.clock), now.clock);
  return now;
}

}  // namespace engine
}  // namespace explorer
