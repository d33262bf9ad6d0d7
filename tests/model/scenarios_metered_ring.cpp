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

/// `Inside` elements are in the ring when the threads begin. When they are back, and all is popped, the figures have
/// to add up, however the threads shared their counts.
template <class Ring, int Capacity, int Inside, class... Thread>
void threads() {
  watched<Ring> ring(precedence::happens_before, Capacity, std::size_t{Capacity});
  for (int i = 0; i < Inside; ++i) static_cast<void>(ring.push_move());
  together([&] { Thread::run(ring); }...);
  expect_sane(ring.queue().metrics());
  ring.finish();
  const kew::metrics m = ring.queue().metrics();
  expect_sane(m);
  expect(m.pushed == static_cast<std::uint64_t>(ring.log().successes(history::kind::push)), "each push that succeeded is counted once");
  expect(m.popped == m.pushed, "each pop is counted once");
  expect(m.highest_length >= 1, "whoever pushes sees that something is inside");
}

template <class Ring>
struct adder {
  std::vector<scenario>& all;
  std::string name;

  template <int Capacity, int Inside, class... Thread>
  void add(const char* what) {
    all.push_back({name + ": " + what, threads<Ring, Capacity, Inside, Thread...>, static_cast<int>(sizeof...(Thread)),
                   // Their executions are long, and every order in them is relaxed.
                   {.preemptions = 2, .stale_reads = 1, .surprises = 0}});
  }
};

/// One producer and one consumer, on any ring.
template <template <class, std::size_t, class> class Ring>
adder<kew::metered_ring<probe, Ring>> add_pairs(std::vector<scenario>& all, const char* name) {
  adder<kew::metered_ring<probe, Ring>> to{all, name};
  to.template add<1, 0, does<push_move, push_move, push_copy>, does<pop_value, pop_value, pop_value>>("push and pop");
  to.template add<1, 1, does<emplace, push_copy>, does<consume, pop_into>>("emplace and consume");
  to.template add<2, 1, does<push_two, push_two>, does<pop_two, pop_two>>("batches in, batches out");
  to.template add<1, 0, does<push_move, push_move>, does<read_metrics>>("push, and a reader");
  to.template add<1, 1, does<pop_value, push_move, pop_value>, does<read_metrics>>("pop, and a reader");
  return to;
}

}  // namespace

std::vector<scenario> of_metered_ring() {
  std::vector<scenario> all;
  add_pairs<kew::spsc_ring>(all, "metered_ring over spsc");
  auto mpsc = add_pairs<kew::mpsc_ring>(all, "metered_ring over mpsc");
  auto spmc = add_pairs<kew::spmc_ring>(all, "metered_ring over spmc");
  auto mpmc = add_pairs<kew::mpmc_ring>(all, "metered_ring over mpmc");
  // The first and the third thread share a shard.
  mpsc.add<1, 0, does<push_move, push_move>, does<pop_value, pop_value>, does<push_move, push_move>>("two producers of a shard");
  spmc.add<1, 1, does<pop_value, pop_value>, does<push_move, push_move>, does<pop_value, pop_value>>("two consumers of a shard");
  mpmc.add<1, 0, does<push_move, pop_value>, does<read_metrics>, does<push_move, pop_value>>("two of a shard, and a reader");
  mpmc.add<1, 0, does<push_move, push_move>, does<pop_value, pop_value>, does<read_metrics>>("push, pop, and a reader");
  return all;
}

}  // namespace scenarios
