// The explorer: runs a scenario of up to four threads over and over, and decides at every atomic
// operation which thread goes on and which of the values that C++ allows a load sees.
//
// Memory is modelled by views. Each atomic keeps all its stores in modification order; each store
// carries what its reader learns by acquiring it. A load may return any store from the newest that
// its thread knows of up to the newest of all. Happens-before is tracked by vector clocks, which find
// races on plain data (probe.hpp), use after destruction and the order of operations (history.hpp).
//
// It cannot see:
//   - load buffering: a load never sees a store that runs later, so outcomes that need a cycle of
//     program order and reads-from are not tried (C++ allows them to relaxed operations);
//   - a store that enters modification order before one that ran earlier (2+2W);
//   - plain memory that is not a probe, atomics of mixed sizes, and what a compiler makes of the code;
//   - time as a value: the clock is a number that moves when nobody can run, and at deadlines;
//   - more steps, threads, preemptions or stale reads than the options allow. A thread may read the
//     same overtaken store a few times only, as a store becomes visible in finite time.
// seq_cst operations follow the order in which the explorer runs them, a little stronger than C++20.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#if defined(__has_builtin)
#if __has_builtin(__builtin_source_location)
#include <source_location>
#define KEW_MODEL_SOURCE_LOCATION 1
#endif
#endif

namespace explorer {

#ifdef KEW_MODEL_SOURCE_LOCATION
using site = std::source_location;
#else
/// std::source_location for compilers whose standard library has none.
class site {
 public:
  static constexpr site current(const char* file = __builtin_FILE(), const char* function = __builtin_FUNCTION(),
                                unsigned line = __builtin_LINE(), unsigned column = __builtin_COLUMN()) noexcept {
    site here;
    here.file_ = file;
    here.function_ = function;
    here.line_ = line;
    here.column_ = column;
    return here;
  }
  constexpr const char* file_name() const noexcept { return file_; }
  constexpr const char* function_name() const noexcept { return function_; }
  constexpr std::uint_least32_t line() const noexcept { return line_; }
  constexpr std::uint_least32_t column() const noexcept { return column_; }

 private:
  const char* file_ = "";
  const char* function_ = "";
  std::uint_least32_t line_ = 0;
  std::uint_least32_t column_ = 0;
};
#endif

// ---- Exploring ----------------------------------------------------------------------------------

enum class search { depth_first, random, priorities };

/// What the kernel says to membarrier(2): yes; no from the start; yes to the registration, and to each later call yes or no.
enum class fences { asymmetric, symmetric, refused };

/// A bound from here up is none.
constexpr int unbounded = 15;

struct options {
  search how = search::depth_first;
  std::uint64_t executions = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t seed = 1;  ///< of the first execution; each next one has the next seed
  int preemptions = 2;     ///< depth first: switches away from a thread that could go on
  int stale_reads = 2;     ///< depth first: loads that return an overtaken store
  int surprises = 1;       ///< spurious wake-ups, failures of weak exchanges, early timeouts
  int steps = 3000;        ///< an execution longer than this is a livelock
  fences fence = fences::asymmetric;
  bool late_loads = false;  ///< see mutate()
  bool merge = true;        ///< depth first: leaves an execution that comes to a state that it knows
  int crash = 0;            ///< the thread that may stop for ever at any step; 0 for none
};

struct result {
  std::uint64_t executions = 0;  ///< that ran to their end
  std::uint64_t cut = 0;         ///< … and that came to a state from which everything had been seen
  bool exhausted = false;        ///< depth first saw everything within its bounds
  bool failed = false;
  bool blocked = false;  ///< the failure is a deadlock or a livelock
  std::string failure;   ///< what went wrong, without the trace
  std::string path;      ///< the choices that led there, for replay
  std::uint64_t seed = 0;
  int longest = 0;      ///< steps of the longest execution
  bool fenced = false;  ///< some heavy fence was called, so that options::fence matters
};

/// Runs `body` until something fails, everything is seen or the executions are used up.
result explore(void (*body)(), const options& how);

/// Runs `body` once along `path` and returns the readable trace; `found` gets what happened.
std::string replay(void (*body)(), const options& how, const std::string& path, result* found = nullptr);

// ---- Inside a scenario --------------------------------------------------------------------------

/// Ends the execution as a failure, unless `holds`.
void expect(bool holds, const char* what, site where = site::current());
[[noreturn]] void fail(const std::string& what);

/// One of 0 … count-1, all of which are explored.
unsigned choose(unsigned count);

/// Threads that share something besides atomics and probes must say so, or states are taken for equal that are not:
/// what the calling thread has learnt there, or that from now on any thread may find something changed.
void learn(std::uint64_t what);
void all_learn(std::uint64_t what);

/// Whether the thread that options::crash names has stopped. What it left behind must not be judged.
bool crashed();

/// Which thread runs: 0 for the scenario's own body, 1 … 4 for the functions given to together().
int this_thread();

/// How many atomic operations this thread has run in this execution.
int steps_of_this_thread();

/// A line for the trace, free otherwise.
void note(const std::string& text);

namespace engine {

struct task {
  void* object;
  void (*run)(void*);
};
void run_together(const task* tasks, int count);

}  // namespace engine

/// Runs the functions as threads of their own until all have returned.
template <class... Function>
void together(Function&&... functions) {
  static_assert(sizeof...(Function) >= 1 && sizeof...(Function) <= 4);
  const engine::task tasks[] = {{const_cast<void*>(static_cast<const void*>(&functions)), [](void* object) {
                                   (*static_cast<std::remove_reference_t<Function>*>(object))();
                                 }}...};
  engine::run_together(tasks, static_cast<int>(sizeof...(Function)));
}

// ---- Mutating -----------------------------------------------------------------------------------

enum class operation : std::uint8_t {
  load,
  store,
  modify,
  compare_exchange_strong,
  compare_exchange_weak,
  fence,
  compiler_fence,
  membarrier,
  outlast_store_buffers,
  light_fence,
  heavy_fence,
  wait,
  wake
};

/// A place in the source that uses an atomic, a fence or the futex.
struct place {
  std::string file;
  unsigned line = 0;
  unsigned column = 0;
  operation what = operation::load;
  std::memory_order order = std::memory_order_relaxed;
  std::memory_order failure = std::memory_order_relaxed;  ///< of a compare-exchange that names two orders
  bool two_orders = false;
};

enum class weakening : std::uint8_t { order, failure_order, drop, strong_to_weak };

/// One change to one place.
struct mutant {
  place at;
  weakening how = weakening::order;
  std::memory_order to = std::memory_order_relaxed;

  std::string text() const;
};

/// From here on every execution runs with this change; nullptr for none. With options::late_loads, a load that
/// the change has made relaxed may also be performed later than what follows it, up to the thread's next fence
/// or release: then it returns the next value of a counter, and the execution counts only if that value has come
/// by then. This is the one kind of load buffering that is tried.
void mutate(const mutant* change);

/// From here on places are collected; the answer of the previous collection is dropped.
void collect_places(bool on);
const std::vector<place>& places();

/// All the ways in which a place can be made weaker.
std::vector<mutant> weakenings(const place& at);

const char* name_of(std::memory_order order);
const char* name_of(operation what);

// ---- What the model's seam and the probe call -----------------------------------------------------

namespace engine {

using location = std::uint32_t;

location make_atomic(std::uint64_t value);
void destroy_atomic(location at);

enum class arithmetic : std::uint8_t { exchange, add, subtract, bit_or, bit_and };

std::uint64_t load(location at, std::memory_order order, const site& where);
void store(location at, std::uint64_t value, std::memory_order order, const site& where);
std::uint64_t modify(location at, arithmetic how, std::uint64_t operand, std::uint64_t mask, std::memory_order order,
                     const site& where);

struct exchange_orders {
  std::memory_order success;
  std::memory_order failure;
  bool two;  ///< the code names both, so both are places of their own
};
bool compare_exchange(location at, std::uint64_t& expected, std::uint64_t desired, exchange_orders orders, bool weak,
                      const site& where);

void fence(std::memory_order order, const site& where);
/// A fence for the compiler, which a membarrier of another thread makes a fence.
void compiler_fence(const site& where);
bool register_membarrier();
/// False where the kernel refuses.
bool membarrier(const site& where);
/// As long as it takes until everybody sees all that has been stored.
void outlast_store_buffers(const site& where);

/// One of kew's own fences begins: false where a mutant leaves it out. And it ends.
bool begin_fence(operation what, const site& where);
void end_fence();

/// The thread lets others run: it goes on once another thread has stored something, or when nobody
/// else can run.
void relax(const site& where);

std::int64_t now();
constexpr std::int64_t no_deadline = std::numeric_limits<std::int64_t>::max();
/// 0, EAGAIN, EINTR or ETIMEDOUT, as futex(2) says of FUTEX_WAIT_BITSET: 0 and EINTR may come for no reason.
int futex_wait(location at, std::uint32_t expected, std::int64_t deadline, const site& where);
void futex_wake(location at, int count, const site& where);

/// Different for any two executions.
std::uint64_t execution();

/// An access to plain memory: a race with any access that does not happen before it is a failure.
void plain_read(const void* address, const char* what);
void plain_write(const void* address, const char* what);

/// What is known of the element that lives, or lived, at an address in this execution.
enum class life : std::uint8_t { none, alive, moved_from, dead };
life& life_at(const void* address);
int& elements_alive();

/// When the calling thread is, for itself and for the others: see history.hpp.
constexpr int max_threads = 5;
struct moment {
  std::int16_t clock[8];
};
moment this_moment();

}  // namespace engine
}  // namespace explorer
