// The explorer's own test: small programs whose outcomes under C++20 are known, each with the exact set
// of outcomes that the explorer must find, and broken toys that it must catch.
#include "model/probe.hpp"
#include "model/sync.hpp"

#include <kew/detail/machine/fence.hpp>
#include <kew/detail/machine/futex.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <set>
#include <string>

namespace {

using namespace kew::detail;
using explorer::expect;
using explorer::options;
using explorer::search;
using explorer::together;

template <class T>
using shared = kew::detail::atomic<T>;

// What the executions of one litmus test have shown. A fixed array, as the scenario's heap is wiped.
constexpr std::size_t most = 64;
char outcomes[most][24];
std::size_t outcomes_found = 0;

void outcome(const char* format, int a, int b, int c = 0, int d = 0) {
  char text[24];
  std::snprintf(text, sizeof text, format, a, b, c, d);
  for (std::size_t i = 0; i < outcomes_found; ++i)
    if (std::strcmp(outcomes[i], text) == 0) return;
  if (outcomes_found == most) explorer::fail("too many outcomes");
  std::strcpy(outcomes[outcomes_found++], text);
}

int failures = 0;
int checks = 0;
std::uint64_t executions = 0;

void report(bool good, const std::string& name, const std::string& detail) {
  ++checks;
  if (good) return;
  ++failures;
  std::printf("FAILED %s: %s\n", name.c_str(), detail.c_str());
}

constexpr options everything() {
  options how;
  how.preemptions = explorer::unbounded;
  how.stale_reads = explorer::unbounded;
  return how;
}

/// Depth first also without leaving out what leads to a known state: both must find the same.
constexpr struct {
  search how;
  bool merge;
} searches[] = {
    {search::depth_first, true}, {search::depth_first, false}, {search::random, true}, {search::priorities, true}};

/// `allowed`: the outcomes, space-separated. Depth first has to find exactly these; random search and
/// priorities must find no other, and random search all of them.
void litmus(const char* name, void (*body)(), const std::string& allowed, options how = everything()) {
  std::set<std::string> expected;
  for (std::size_t at = 0; at < allowed.size();) {
    const std::size_t end = std::min(allowed.find(' ', at), allowed.size());
    expected.insert(allowed.substr(at, end - at));
    at = end + 1;
  }
  for (const auto& [each, merge] : searches) {
    how.how = each;
    how.merge = merge;
    how.executions = each == search::depth_first ? 20'000'000 : 20'000;
    outcomes_found = 0;
    const explorer::result result = explore(body, how);
    executions += result.executions;
    std::set<std::string> found;
    for (std::size_t i = 0; i < outcomes_found; ++i) found.insert(outcomes[i]);
    std::string difference = result.failure;
    for (const std::string& text : found)
      if (!expected.contains(text)) difference += " forbidden " + text;
    if (each != search::priorities)
      for (const std::string& text : expected)
        if (!found.contains(text)) difference += " missing " + text;
    if (each == search::depth_first && !result.exhausted) difference += " not exhausted";
    report(difference.empty(), name, difference);
  }
}

/// Each search must find a failure that contains `what`, and its path must replay at once.
void caught(const char* name, void (*body)(), const char* what, options how = {}) {
  for (const auto& [each, merge] : searches) {
    how.how = each;
    how.merge = merge;
    how.executions = 2'000'000;
    const explorer::result result = explore(body, how);
    executions += result.executions;
    report(result.failed && result.failure.find(what) != std::string::npos, name,
           result.failed ? "found instead: " + result.failure : "not caught");
    if (!result.failed) continue;
    explorer::result again;
    const std::string trace = explorer::replay(body, how, result.path, &again);
    report(again.failed && again.failure == result.failure, name, "the path does not replay: " + again.failure);
    report(trace.find("FAILED") != std::string::npos, name, "no trace");
    if (each == search::depth_first) continue;
    options only = how;
    only.executions = 1;
    only.seed = result.seed;
    // The change points of priorities depend on the length of the executions before.
    if (each == search::random) report(explore(body, only).failure == result.failure, name, "the seed does not replay");
  }
}

void passes(const char* name, void (*body)(), options how = {}) {
  for (const auto& [each, merge] : searches) {
    how.how = each;
    how.merge = merge;
    how.executions = each == search::depth_first ? 5'000'000 : 50'000;
    const explorer::result result = explore(body, how);
    executions += result.executions;
    report(!result.failed, name, result.failure);
    if (each == search::depth_first) report(result.exhausted, name, "not exhausted");
    if (result.failed) std::fputs(explorer::replay(body, how, result.path).c_str(), stdout);
  }
}

// ---- Litmus tests -----------------------------------------------------------------------------------

/// What may stand between a store and a load: nothing, a fence, a side of kew's asymmetric one, or what that is made of.
enum class between { nothing, full, light, heavy, compiler, barrier, barrier_or_wait };

void stand(between what, asymmetric_fence& fence) {
  switch (what) {
    case between::nothing: break;
    case between::full: full_fence(); break;
    case between::light: fence_light(fence); break;
    case between::heavy: fence_heavy(fence); break;
    case between::compiler: compiler_fence(); break;
    case between::barrier: membarrier(); break;
    case between::barrier_or_wait:
      if (!membarrier()) outlast_store_buffers();
      break;
  }
}

template <between First, between Second, auto Store = relaxed, auto Load = relaxed>
void store_buffering() {
  asymmetric_fence between_them;
  shared<int> x(0), y(0);
  int a = -1, b = -1;
  together(
      [&] {
        x.store(1, Store);
        stand(First, between_them);
        a = y.load(Load);
      },
      [&] {
        y.store(1, Store);
        stand(Second, between_them);
        b = x.load(Load);
      });
  outcome("%d%d", a, b);
}

/// Two heavy sides, of which one may be in the middle of finding out that the kernel refuses.
void store_buffering_against_two() {
  asymmetric_fence between_them;
  shared<int> x(0), y(0), z(0);
  int a = -1, b = -1, c = -1, d = -1;
  together(
      [&] {
        x.store(1, relaxed);
        fence_light(between_them);
        a = y.load(relaxed);
        b = z.load(relaxed);
      },
      [&] {
        y.store(1, relaxed);
        fence_heavy(between_them);
        c = x.load(relaxed);
      },
      [&] {
        z.store(1, relaxed);
        fence_heavy(between_them);
        d = x.load(relaxed);
      });
  expect((a == 1 || c == 1) && (b == 1 || d == 1), "of the two sides one sees what the other has stored");
}

/// Where the writer has a fence; with one the reader has its own, which is where it should be.
enum class fenced { nowhere, before_publication, after_publication };

template <auto Store, auto Load, fenced Where = fenced::nowhere>
void message_passing() {
  shared<int> data(0), flag(0);
  int a = -1, b = -1;
  together(
      [&] {
        data.store(1, relaxed);
        if (Where == fenced::before_publication) explorer::engine::fence(release, explorer::site::current());
        flag.store(1, Store);
        if (Where == fenced::after_publication) explorer::engine::fence(release, explorer::site::current());
      },
      [&] {
        a = flag.load(Load);
        if (Where != fenced::nowhere) explorer::engine::fence(acquire, explorer::site::current());
        b = data.load(relaxed);
      });
  outcome("%d%d", a, b);
}

void load_buffering() {
  shared<int> x(0), y(0);
  int a = -1, b = -1;
  together(
      [&] {
        a = x.load(relaxed);
        y.store(1, relaxed);
      },
      [&] {
        b = y.load(relaxed);
        x.store(1, relaxed);
      });
  outcome("%d%d", a, b);
}

void coherence_of_reads() {
  shared<int> x(0);
  int a = -1, b = -1;
  together(
      [&] {
        x.store(1, relaxed);
        x.store(2, relaxed);
      },
      [&] {
        a = x.load(relaxed);
        b = x.load(relaxed);
      });
  outcome("%d%d", a, b);
}

void coherence_of_a_write_and_a_read() {
  shared<int> x(0);
  int a = -1;
  together([&] { x.store(1, relaxed); },
           [&] {
             x.store(2, relaxed);
             a = x.load(relaxed);
           });
  outcome("%d%d", a, x.load(relaxed));
}

template <auto Store, auto Load>
void independent_reads_of_independent_writes() {
  shared<int> x(0), y(0);
  int a = -1, b = -1, c = -1, d = -1;
  together([&] { x.store(1, Store); }, [&] { y.store(1, Store); },
           [&] {
             a = x.load(Load);
             b = y.load(Load);
           },
           [&] {
             c = y.load(Load);
             d = x.load(Load);
           });
  if (a == 1 && c == 1) outcome("%d%d", b, d);
}

// Only what execution order gives: the outcome 11 of 2+2W, allowed to relaxed stores, needs a store
// that enters modification order before an earlier one, which the explorer cannot see.
void two_plus_two_writes() {
  shared<int> x(0), y(0);
  together(
      [&] {
        x.store(1, relaxed);
        y.store(2, relaxed);
      },
      [&] {
        y.store(1, relaxed);
        x.store(2, relaxed);
      });
  outcome("%d%d", x.load(relaxed), y.load(relaxed));
}

// A read-modify-write of another thread continues the release sequence; a store ends it.
template <bool Continues>
void release_sequence() {
  shared<int> data(0), flag(0);
  int a = -1, b = -1;
  together(
      [&] {
        data.store(1, relaxed);
        flag.store(1, release);
      },
      [&] {
        if (Continues) {
          int one = 1;
          flag.compare_exchange_strong(one, 2, relaxed, relaxed);
        } else if (flag.load(relaxed) == 1) {
          flag.store(2, relaxed);
        }
      },
      [&] {
        a = flag.load(acquire);
        b = data.load(relaxed);
      });
  if (a == 2) outcome("%d%d", a, b);
}

void read_modify_writes_see_the_newest() {
  shared<unsigned> x(0);
  unsigned a = 9, b = 9;
  together([&] { a = x.fetch_add(1, relaxed); }, [&] { b = x.fetch_add(1, relaxed); });
  outcome("%d%d", static_cast<int>(a), static_cast<int>(b), 0, 0);
}

// With only stores of a relaxed order in between, causality is not passed on.
template <auto Middle>
void write_to_read_causality() {
  shared<int> x(0), y(0);
  int a = -1, b = -1, c = -1;
  together([&] { x.store(1, relaxed); },
           [&] {
             a = x.load(relaxed);
             y.store(1, Middle);
           },
           [&] {
             b = y.load(acquire);
             c = x.load(relaxed);
           });
  if (a == 1 && b == 1) outcome("%d%d", 1, c);
}

void a_failed_exchange_may_read_an_overtaken_value() {
  shared<int> x(0), y(0);
  int a = 7, b = -1;
  together(
      [&] {
        x.store(1, relaxed);
        y.store(1, relaxed);
      },
      [&] {
        b = y.load(relaxed);
        x.compare_exchange_strong(a, 9, relaxed, relaxed);
      });
  outcome("%d%d", a, b);
}

template <bool Weak>
void exchange() {
  shared<int> x(0);
  int expected = 0;
  bool done = false;
  together([&] {
    done = Weak ? x.compare_exchange_weak(expected, 1, relaxed, relaxed)
                : x.compare_exchange_strong(expected, 1, relaxed, relaxed);
  });
  outcome("%d%d", done, x.load(relaxed));
}

void narrow_arithmetic_wraps() {
  shared<std::uint8_t> x(255);
  x.fetch_add(2, relaxed);
  const int a = x.load(relaxed);
  x.fetch_sub(2, relaxed);
  outcome("%d_%d", a, x.load(relaxed));
}

// ---- Sleeping and polling -----------------------------------------------------------------------------

void sleep_until_set(shared<std::uint32_t>& word) {
  while (word.load(acquire) == 0) futex_wait(word, 0, never);
}
void set_and_wake_one(shared<std::uint32_t>& word) {
  word.store(1, release);
  futex_wake(word, 1);
}

void sleeper_is_woken() {
  shared<std::uint32_t> word(0);
  together([&] { sleep_until_set(word); }, [&] { set_and_wake_one(word); });
}

void nobody_wakes_the_sleeper() {
  shared<std::uint32_t> word(0);
  together([&] { sleep_until_set(word); }, [&] { word.store(1, release); });
}

void one_wake_for_two_sleepers() {
  shared<std::uint32_t> word(0);
  const auto sleeper = [&] { sleep_until_set(word); };
  together(sleeper, sleeper, [&] { set_and_wake_one(word); });
}

// The classic handshake; `Fence` says what stands between each side's store and its load.
template <between Sleeper, between Waker>
void handshake() {
  asymmetric_fence between_them;
  shared<std::uint32_t> word(0);
  shared<bool> item(false);
  together(
      [&] {
        word.store(1, relaxed);
        stand(Sleeper, between_them);
        while (!item.load(relaxed)) futex_wait(word, 1, never);
      },
      [&] {
        item.store(true, relaxed);
        stand(Waker, between_them);
        if (word.load(relaxed) == 1) {
          word.store(2, relaxed);
          futex_wake(word, 1);
        }
      });
}

void time_runs_out() {
  shared<std::uint32_t> word(0);
  const bool woken = futex_wait(word, 1, never);
  expect(woken, "a wait for another value returns at once");
  bool result = true;
  together([&] {
    const time_point deadline = now() + std::chrono::seconds(1);
    result = futex_wait(word, 0, deadline);
    expect(now() >= deadline, "time has passed");
  });
  expect(!result, "the wait has timed out");
}

void poll_until_set(shared<int>& flag) {
  while (flag.load(acquire) == 0) cpu_relax();
}

void poller_sees_the_store() {
  shared<int> flag(0);
  together([&] { poll_until_set(flag); }, [&] { flag.store(1, release); });
}

void poller_waits_for_nothing() {
  shared<int> flag(0);
  together([&] { poll_until_set(flag); }, [&] { flag.load(relaxed); });
}

void poller_gives_up_in_time() {
  shared<int> flag(0);
  together([&] {
    const time_point deadline = now() + std::chrono::seconds(5);
    while (flag.load(acquire) == 0 && now() < deadline) yield();
  });
}

void lock_behind_a_stopped_thread() {
  shared<bool> lock(false);
  const auto critical = [&] {
    while (lock.exchange(true, acquire)) cpu_relax();
    lock.store(false, release);
  };
  together(critical, critical);
}

void counter_behind_a_stopped_thread() {
  shared<unsigned> count(0);
  const auto add = [&] {
    unsigned seen = count.load(relaxed);
    while (!count.compare_exchange_weak(seen, seen + 1, relaxed, relaxed)) {
    }
  };
  together(add, add);
}

// ---- Toys with seeded bugs -------------------------------------------------------------------------------

using explorer::probe;

/// A Lamport ring of two slots, whose orders and steps can be broken one at a time.
enum class bug { none, publication, reuse, late_store, early_release, lost_slot, moved_though_full, leak, twice };

template <bug Bug>
class toy_ring {
 public:
  toy_ring() = default;
  ~toy_ring() {
    if (Bug == bug::leak) return;
    while (take()) {
    }
  }
  bool give(probe&& value) {
    const unsigned pushed = pushed_.load(relaxed);
    if (Bug == bug::moved_though_full) probe stolen(std::move(value));
    const unsigned popped = popped_.load(Bug == bug::reuse ? relaxed : acquire);
    if (pushed - popped == (Bug == bug::lost_slot ? 3 : 2)) return false;
    if (Bug == bug::late_store) pushed_.store(pushed + 1, release);
    ::new (at(pushed)) probe(std::move(value));
    if (Bug != bug::late_store) pushed_.store(pushed + 1, Bug == bug::publication ? relaxed : release);
    return true;
  }
  int take() {
    const unsigned popped = popped_.load(relaxed);
    if (pushed_.load(acquire) == popped) return 0;
    if (Bug == bug::early_release) popped_.store(popped + 1, release);
    probe* element = at(popped);
    const int value = element->value();
    element->~probe();
    if (Bug == bug::twice) element->~probe();
    if (Bug != bug::early_release) popped_.store(popped + 1, release);
    return value;
  }

 private:
  probe* at(unsigned index) { return reinterpret_cast<probe*>(storage_ + index % 2 * sizeof(probe)); }

  shared<unsigned> pushed_{0};
  shared<unsigned> popped_{0};
  alignas(probe) std::byte storage_[2 * sizeof(probe)];
};

template <bug Bug>
void toy() {
  toy_ring<Bug> ring;
  together(
      [&] {
        for (int i = 1; i <= 5; ++i) {
          probe value(i);
          while (!ring.give(std::move(value))) {
            expect(!value.is_moved_from(), "a push that fails leaves its argument untouched");
            cpu_relax();
          }
        }
      },
      [&] {
        for (int i = 1; i <= 4; ++i) {
          int value = 0;
          while ((value = ring.take()) == 0) cpu_relax();
          expect(value == i, "first in, first out");
        }
      });
}

/// Counts that reach the last handle without an acquire: the last one destroys what others still use.
template <auto Order>
void toy_handles() {
  struct box {
    shared<unsigned> handles{2};
    probe content{1};
  };
  box* const made = new box;
  const auto drop = [made] {
    static_cast<void>(made->content.value());
    if (made->handles.fetch_sub(1, Order) == 1) delete made;
  };
  together(drop, drop);
}

/// A stack of two nodes with a version of one bit: ABA.
template <unsigned Versions>
void toy_stack() {
  // Top: node index + 1, 0 for none; the version above.
  shared<unsigned> top(1);
  shared<unsigned> next[2]{2, 0};
  const auto pop = [&]() -> unsigned {
    unsigned seen = top.load(acquire);
    for (;;) {
      if ((seen & 3) == 0) return 0;
      const unsigned below = next[(seen & 3) - 1].load(relaxed);
      const unsigned version = ((seen >> 2) + 1) % Versions;
      if (top.compare_exchange_strong(seen, below | version << 2, acq_rel, acquire)) return seen & 3;
    }
  };
  const auto push = [&](unsigned node) {
    unsigned seen = top.load(relaxed);
    do next[node - 1].store(seen & 3, relaxed);
    while (!top.compare_exchange_strong(seen, node | ((seen >> 2) + 1) % Versions << 2, acq_rel, relaxed));
  };
  unsigned held[2] = {};
  together([&] { held[0] = pop(); },
           [&] {
             const unsigned first = pop();
             held[1] = pop();
             if (first != 0) push(first);
           });
  const unsigned last = top.load(relaxed) & 3;
  expect(held[0] == 0 || held[0] != held[1], "a node is popped by one thread");
  expect(last == 0 || (last != held[0] && last != held[1]), "a node is popped or inside, not both");
}

}  // namespace

int main() {
  using enum between;
  litmus("SB relaxed", store_buffering<nothing, nothing>, "00 01 10 11");
  litmus("SB release acquire", store_buffering<nothing, nothing, release, acquire>, "00 01 10 11");
  litmus("SB seq_cst", store_buffering<nothing, nothing, seq_cst, seq_cst>, "01 10 11");
  litmus("SB with fences", store_buffering<full, full>, "01 10 11");
  options symmetric = everything();
  symmetric.fence = explorer::fences::symmetric;
  options refused = everything();
  refused.fence = explorer::fences::refused;
  for (const options& kernel : {everything(), symmetric, refused}) {
    litmus("SB light heavy", store_buffering<light, heavy>, "01 10 11", kernel);
    litmus("SB heavy heavy", store_buffering<heavy, heavy>, "01 10 11", kernel);
    litmus("SB heavy nothing", store_buffering<heavy, nothing>, "00 01 10 11", kernel);
    litmus("SB light nothing", store_buffering<light, nothing>, "00 01 10 11", kernel);
  }
  litmus("SB light light", store_buffering<light, light>, "00 01 10 11");
  litmus("SB light light, symmetric", store_buffering<light, light>, "01 10 11", symmetric);
  litmus("SB compiler membarrier", store_buffering<compiler, barrier>, "01 10 11");
  litmus("SB compiler membarrier, refused", store_buffering<compiler, barrier>, "00 01 10 11", refused);
  litmus("SB compiler membarrier or wait, refused", store_buffering<compiler, barrier_or_wait>, "01 10 11", refused);
  litmus("MP release acquire", message_passing<release, acquire>, "00 01 11");
  litmus("MP relaxed acquire", message_passing<relaxed, acquire>, "00 01 10 11");
  litmus("MP release relaxed", message_passing<release, relaxed>, "00 01 10 11");
  litmus("MP fences", message_passing<relaxed, relaxed, fenced::before_publication>, "00 01 11");
  litmus("MP late fence", message_passing<relaxed, relaxed, fenced::after_publication>, "00 01 10 11");
  litmus("LB, 11 not seen", load_buffering, "00 01 10");
  litmus("CoRR", coherence_of_reads, "00 01 02 11 12 22");
  litmus("CoWR", coherence_of_a_write_and_a_read, "11 21 22");
  litmus("IRIW release acquire", independent_reads_of_independent_writes<release, acquire>, "00 01 10 11");
  litmus("IRIW seq_cst", independent_reads_of_independent_writes<seq_cst, seq_cst>, "01 10 11");
  litmus("2+2W, 11 not seen", two_plus_two_writes, "12 21 22");
  litmus("release sequence continued", release_sequence<true>, "21");
  litmus("release sequence ended", release_sequence<false>, "20 21");
  litmus("RMW", read_modify_writes_see_the_newest, "01 10");
  litmus("WRC relaxed", write_to_read_causality<relaxed>, "10 11");
  litmus("WRC release", write_to_read_causality<release>, "11");
  litmus("failed exchange", a_failed_exchange_may_read_an_overtaken_value, "00 10 01 11");
  litmus("weak exchange", exchange<true>, "11 00");
  litmus("strong exchange", exchange<false>, "11");
  litmus("narrow arithmetic", narrow_arithmetic_wraps, "1_255");

  passes("a sleeper is woken", sleeper_is_woken);
  caught("nobody wakes the sleeper", nobody_wakes_the_sleeper, "sleeps at");
  caught("one wake for two sleepers", one_wake_for_two_sleepers, "sleeps at");
  passes("handshake heavy light", handshake<heavy, light>);
  caught("handshake heavy nothing", handshake<heavy, nothing>, "sleeps at");
  caught("handshake nothing light", handshake<nothing, light>, "sleeps at");
  caught("handshake light light", handshake<light, light>, "sleeps at");
  passes("handshake light light, symmetric", handshake<light, light>, symmetric);
  options changes_its_mind;
  changes_its_mind.fence = explorer::fences::refused;
  changes_its_mind.stale_reads = 1;
  passes("handshake heavy light, refused", handshake<heavy, light>, changes_its_mind);
  passes("SB light, two heavy, refused", store_buffering_against_two, changes_its_mind);
  passes("time runs out", time_runs_out);
  passes("a poller sees the store", poller_sees_the_store);
  caught("a poller waits for nothing", poller_waits_for_nothing, "polls at");
  passes("a poller gives up in time", poller_gives_up_in_time);
  options crash;
  crash.crash = 1;
  caught("a lock behind a stopped thread", lock_behind_a_stopped_thread, "nobody can go on", crash);
  passes("a lock", lock_behind_a_stopped_thread);
  passes("a counter behind a stopped thread", counter_behind_a_stopped_thread, crash);

  passes("toy ring", toy<bug::none>);
  caught("toy ring, publication relaxed", toy<bug::publication>, "data race");
  caught("toy ring, reuse relaxed", toy<bug::reuse>, "data race");
  caught("toy ring, published too early", toy<bug::late_store>, "");
  caught("toy ring, released too early", toy<bug::early_release>, "");
  caught("toy ring, one element too many", toy<bug::lost_slot>, "");
  caught("toy ring, moved from though full", toy<bug::moved_though_full>, "");
  caught("toy ring, element left inside", toy<bug::leak>, "leaked");
  caught("toy ring, destroyed twice", toy<bug::twice>, "destroyed twice");
  passes("toy handles", toy_handles<acq_rel>);
  caught("toy handles, no acquire", toy_handles<release>, "");
  caught("toy handles, no release", toy_handles<acquire>, "");
  passes("toy stack", toy_stack<64>);
  caught("toy stack, ABA", toy_stack<1>, "");

  std::printf("model self-test: %d checks, %d failed, %llu executions\n", checks, failures,
              static_cast<unsigned long long>(executions));
  return failures == 0 ? 0 : 1;
}
