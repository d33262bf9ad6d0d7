// The threads of a scenario and the machine that they run on. Every operation of an atomic, a fence, a wait or the
// clock is a step of the machine, before which another thread may go on.
#pragma once

#include "explorer.hpp"
#include "fiber.hpp"
#include "memory.hpp"
#include "report.hpp"
#include "search.hpp"
#include "visited.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace explorer {

enum class state : std::uint8_t { absent, ready, relaxing, sleeping, finished, crashed };
enum class reason : std::uint8_t { step, relaxes, cannot };
enum class deed : std::uint8_t { run, interrupt, time_out, crash };

struct candidate {
  std::int8_t thread;
  deed what;
};

struct thread_state {
  knowledge now;            // all that this thread knows
  knowledge released;       // what it knew at its last release fence
  knowledge unacquired;     // what its relaxed loads read, waiting for an acquire fence
  std::uint64_t stale = 0;  // locations of which it read an overtaken store
  std::uint8_t stale_in_a_row[max_locations] = {};
  state is = state::absent;
  int answer = 0;  // of the wait that it sleeps in, as futex(2) would give it
  location word = 0;
  std::int64_t deadline = 0;
  bool in_fence = false;     // in one of kew's own fences
  bool owes_a_load = false;  // a load has returned `owed`, which nobody had stored yet
  location owed_from = 0;
  std::uint64_t owed = 0;
  std::uint64_t own_changes = 0;
  std::uint64_t changes_known = 0;  // changes by others when it last stopped relaxing
  std::uint64_t story = 0;          // a hash of all that it has learnt: see visited.hpp
  int steps = 0;
  int priority = 0;
  site where;
  engine::task work{};
};

class machine {
 public:
  // ---- search.cpp
  result explore(void (*body)(), const options& how);
  std::string replay(void (*body)(), const options& how, const std::string& path, result* found);
  unsigned choose(unsigned count);

  // ---- threads.cpp
  [[noreturn]] void fail(const std::string& what, bool blocked = false);
  void together(const engine::task* tasks, int count);
  void relax(const site& where);
  int wait(location at, std::uint32_t expected, std::int64_t deadline, const site& where);
  void wake(location at, int count, const site& where);
  std::int64_t now();
  void note(const std::string& text) { line("-- %s", text.c_str()); }

  void learn(std::uint64_t what) { self().story = mix(self().story, what); }
  void all_learn(std::uint64_t what) {
    for (thread_state& each : threads_) each.story = mix(each.story, what);
  }
  bool crashed() const { return crashed_; }
  int current() const { return current_; }
  std::uint64_t execution() const { return execution_; }
  thread_state& self() { return threads_[current_]; }

  // ---- memory.cpp
  location make(std::uint64_t value);
  void destroy(location at);
  std::uint64_t load(location at, std::memory_order order, const site& where);
  void store(location at, std::uint64_t value, std::memory_order order, const site& where);
  std::uint64_t modify(location at, engine::arithmetic how, std::uint64_t operand, std::uint64_t mask,
                       std::memory_order order, const site& where);
  bool compare_exchange(location at, std::uint64_t& expected, std::uint64_t desired, engine::exchange_orders orders,
                        bool weak, const site& where);
  void fence(std::memory_order order, const site& where);
  bool begin_fence(operation what, const site& where);
  void end_fence() { self().in_fence = false; }
  void compiler_fence(const site& where);
  bool register_membarrier() const { return options_.fence != fences::symmetric; }
  bool membarrier(const site& where);
  void outlast_store_buffers(const site& where);
  void plain(const void* address, bool writes, const char* what);
  cell& cell_at(const void* address);

  int elements_alive = 0;
  report places;

 private:
  // ---- search.cpp
  unsigned prefer(reason why, const candidate* from, int count);
  bool is_redundant(reason why);
  void seed(std::uint64_t with);
  unsigned below(unsigned count) { return choices_.below(count); }
  /// False in one of four random executions, and first in depth first.
  bool by_surprise() {
    return choices_.pick(2, [&] { return below(4) == 0 ? 1u : 0u; }) == 1;
  }

  // ---- threads.cpp
  void run_once(void (*body)());
  void reset();
  [[noreturn]] void leave();
  static void begin_body();
  static void begin_thread();
  void begin(const site& where, operation what);
  void count_step(const site& where);
  void end() { ++self().now.clock[current_]; }
  void reschedule(reason why);
  int gather(reason why, candidate* out);
  bool others_changed(const thread_state& of) const { return changes_ - of.own_changes != of.changes_known; }
  [[noreturn]] void nobody_can_run();
  void line(const char* format, ...) __attribute__((format(printf, 2, 3)));

  // ---- memory.cpp
  atomic_state& touch(location at);
  void read(location at, unsigned index, std::memory_order order);
  unsigned floor_of(location at, std::memory_order order);
  void append(location at, std::uint64_t value, std::memory_order order, const knowledge* continued);
  void fence_now(std::memory_order order);
  void perform_late_load();

  options options_;
  void (*body_)() = nullptr;
  result result_;

  choices choices_;
  visited_states visited_;
  bool replaying_ = false;
  unsigned stickiness_ = 2;
  int lowest_priority_ = 0;
  int change_at_[3] = {};

  fiber controller_;
  fiber fibers_[max_threads];
  thread_state threads_[max_threads];
  std::int64_t time_ = 0;
  std::uint64_t changes_ = 0;
  int current_ = 0;
  int running_ = 0;  // threads of together() that have not finished
  int steps_ = 0;
  int idle_ = 0;  // rounds of nobody having anything to do, since the last change
  int idle_ever_ = 0;
  int preemptions_ = 0;
  int stale_reads_ = 0;
  int surprises_ = 0;
  bool active_ = false;
  bool crashed_ = false;
  bool is_cut_ = false;

  atomic_state atomics_[max_locations];
  int atomics_count_ = 0;
  std::vector<cell> cells_ = std::vector<cell>(4096);
  std::uint64_t execution_ = 0;
  view sequential_{};         // what seq_cst operations and fences have made common
  view light_{};              // what compiler fences have published to membarriers
  view heavy_{};              // and membarriers to compiler fences
  std::uint64_t memory_ = 0;  // a hash of all stores
};

// Not destroyed at exit: operator delete and the fibers may still be needed then.
inline machine& world = *new machine;

}  // namespace explorer
