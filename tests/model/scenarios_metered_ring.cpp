#include "scenario.hpp"

#include <kew/metered_ring.hpp>
#include <kew/mpmc_ring.hpp>
#include <kew/mpsc_ring.hpp>
#include <kew/spmc_ring.hpp>
#include <kew/spsc_ring.hpp>

#include <cstddef>
#include <cstdint>
#include <string>

namespace scenarios {
namespace {

/// What a reader may rely on at any time, also beside threads that push and pop.
void expect_sane(const kew::metrics& m) {
  expect(m.popped <= m.pushed, "what was popped was pushed");
  expect(m.length <= m.capacity && m.highest_length <= m.capacity, "no length exceeds the capacity");
  expect(m.length <= m.highest_length, "the highest length is not exceeded");
}

struct read_metrics {
  static void run(auto& queue) { expect_sane(queue.queue().metrics()); }
};

/// Who owns the counts that one thread of each side owns: one of those that work, or none of them.
enum class owner { works, looks_on };

/// `Inside` elements are in the ring when the threads begin. When they are back, and all is popped, the figures have
/// to add up, however the threads shared their counts.
template <class Ring, owner Owner, int Capacity, int Inside, class... Thread>
void threads() {
  watched<Ring> ring(precedence::happens_before, Capacity, std::size_t{Capacity});
  if constexpr (Owner == owner::looks_on) {
    static_cast<void>(ring.push_move());
    static_cast<void>(ring.pop_value());
  }
  for (int i = 0; i < Inside; ++i) static_cast<void>(ring.push_move());
  together([&] { Thread::run(ring); }...);
  expect_sane(ring.queue().metrics());
  ring.finish();
  const kew::metrics m = ring.queue().metrics();
  expect_sane(m);
  expect(m.pushed == static_cast<std::uint64_t>(ring.log().successes(history::kind::push)),
         "each push that succeeded is counted once");
  expect(m.popped == m.pushed, "each pop is counted once");
  expect(m.time_in_queue.count <= m.popped, "no time is of a message that was not popped");
  expect(m.highest_length >= 1, "a push sees that something is inside");
}

// The explorer's clock stands still while threads run, so that all waits in a ring are 0.
void raise_the_longest_wait() {
  kew::detail::figure longest{0};
  together([&] { kew::detail::raise_to(longest, 1); },
           [&] {
             kew::detail::raise_to(longest, 2);
             expect(longest.load(kew::detail::relaxed) >= 2, "the longest wait is kept");
           });
  expect(longest.load(kew::detail::relaxed) == 2, "the longest wait is kept");
}

struct of_room {
  static std::size_t capacity() { return 9; }
  static std::size_t size_approx() { return 1; }
};

/// The timed messages of two threads that share their counts stand for themselves and for others, each once.
void two_sharers_time() {
  using meter = kew::detail::meter<kew::cardinality::many, kew::cardinality::one>;
  meter watched;
  const auto push = [&watched](std::uint64_t times) {
    std::uint64_t weight = 0;
    for (; times > 0; --times) {
      meter::push call(watched);
      weight += kew::detail::stamp::weight(call.next_stamp());
      call.success(1, of_room{});
    }
    return weight;
  };
  const std::uint64_t aside = push(1);  // the thread that owns its counts
  std::uint64_t first = 0;
  std::uint64_t second = 0;
  together([&] { first = push(3); }, [&] { second = push(3); });
  expect(watched.metrics(of_room{}).pushed == 7, "each push is counted once");
  expect(aside + first + second <= 7, "no message is in the figures twice");
}

template <class Ring>
struct adder {
  std::vector<scenario>& all;
  std::string name;

  template <int Capacity, int Inside, class... Thread>
  void add(const char* what) {
    add_with<owner::works, Capacity, Inside, Thread...>(what);
  }
  template <owner Owner, int Capacity, int Inside, class... Thread>
  void add_with(const char* what) {
    all.push_back({name + ": " + what,
                   threads<Ring, Owner, Capacity, Inside, Thread...>,
                   static_cast<int>(sizeof...(Thread)),
                   // Their executions are long, and every order in them is relaxed.
                   {.preemptions = 2, .stale_reads = 1, .surprises = 0}});
  }
};

/// One producer and one consumer, on any ring.
template <template <class, std::size_t, class> class Ring>
adder<kew::metered_ring<probe, Ring>> add_pairs(std::vector<scenario>& all, const char* name) {
  adder<kew::metered_ring<probe, Ring>> to{all, name};
  to.template add<1, 0, does<push_move, push_move, push_copy>, times<3, pop_value>>("push and pop");
  to.template add<1, 1, does<emplace, push_copy>, does<consume, pop_into>>("emplace and consume");
  to.template add<2, 1, times<2, push_two>, times<2, pop_two>>("batches in, batches out");
  to.template add<1, 0, times<2, push_move>, read_metrics>("push, and a reader");
  to.template add<1, 1, does<pop_value, push_move, pop_value>, read_metrics>("pop, and a reader");
  return to;
}

}  // namespace

std::vector<scenario> of_metered_ring() {
  std::vector<scenario> all;
  add_pairs<kew::spsc_ring>(all, "metered_ring over spsc");
  auto mpsc = add_pairs<kew::mpsc_ring>(all, "metered_ring over mpsc");
  auto spmc = add_pairs<kew::spmc_ring>(all, "metered_ring over spmc");
  auto mpmc = add_pairs<kew::mpmc_ring>(all, "metered_ring over mpmc");
  // Only one thread of a side owns its counts, so where that is the one that looks on, the others share theirs.
  constexpr owner aside = owner::looks_on;
  mpsc.add<1, 0, times<2, push_move>, times<2, pop_value>, push_move>("an owner and a sharer push");
  mpsc.add_with<aside, 1, 0, times<2, push_move>, times<2, pop_value>, push_move>("two sharers push");
  spmc.add<1, 1, times<2, pop_value>, times<2, push_move>, pop_value>("an owner and a sharer pop");
  spmc.add_with<aside, 1, 1, times<2, pop_value>, times<2, push_move>, pop_value>("two sharers pop");
  mpmc.add_with<aside, 2, 1, push_two, times<2, pop_value>, push_two>("two sharers push batches");
  mpmc.add_with<aside, 1, 0, does<push_move, pop_value>, read_metrics, does<push_move, pop_value>>(
      "two sharers, and a reader");
  mpmc.add<1, 0, times<2, push_move>, times<2, pop_value>, read_metrics>("push, pop, and a reader");
  all.push_back({"metered: two sharers time their messages",
                 two_sharers_time,
                 2,
                 {.preemptions = 2, .stale_reads = 1, .surprises = 0}});
  all.push_back({"metered: two raise the longest wait", raise_the_longest_wait, 2});
  return all;
}

}  // namespace scenarios
