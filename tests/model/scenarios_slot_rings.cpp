#include "rings.hpp"
#include "scenario.hpp"

#include <kew/mpmc_ring.hpp>
#include <kew/mpsc_ring.hpp>
#include <kew/spmc_ring.hpp>

#include <cstdint>
#include <memory>

namespace scenarios {
namespace {

using kew::cardinality;
constexpr auto one = cardinality::one;
constexpr auto many = cardinality::many;

/// Its counters overflow soon.
template <cardinality Producers, cardinality Consumers, class Index = std::uint8_t>
using ring = overflowing<
    kew::detail::slot_ring<probe, Producers, Consumers, kew::dynamic_capacity, std::allocator<probe>, Index>>;

/// `inside` elements are in the ring when the threads begin, and the counters overflow soon.
template <class Ring, precedence Order, int Capacity, int Inside, class... Thread>
void threads() {
  watched<Ring> queue(Order, Capacity, std::size_t{Capacity});
  for (int i = 0; i < Inside; ++i) static_cast<void>(queue.push_move());
  together([&] { Thread::run(queue); }...);
  queue.finish();
}

template <class Ring, class... Thread>
void destruction_with_elements_inside() {
  watched<Ring> queue(precedence::happens_before, 2, std::size_t{2});
  together([&] { Thread::run(queue); }...);
  queue.finish(false);
}

/// Seals the ring, and looks whether it is sealed, by the names that a queue has for it.
template <class Ring>
class closing : public Ring {
 public:
  using Ring::Ring;
  void close() noexcept { Ring::seal(); }
  bool is_closed() const noexcept { return Ring::is_sealed(); }
};

template <class Ring>
struct adder {
  std::vector<scenario>& all;
  std::string name;

  template <precedence Order, int Capacity, int Inside, class... Thread>
  void one_order(const std::string& what) {
    all.push_back({name + ": " + what + (Order == precedence::real_time ? ", real time" : ""),
                   threads<Ring, Order, Capacity, Inside, Thread...>, static_cast<int>(sizeof...(Thread))});
  }
  template <int Capacity, int Inside, class... Thread>
  void add(const char* what) {
    one_order<precedence::happens_before, Capacity, Inside, Thread...>(what);
    one_order<precedence::real_time, Capacity, Inside, Thread...>(what);
  }
};

/// Any two operations against each other, each slot used twice or more.
template <class Ring>
void add_every_pair(std::vector<scenario>& all, const char* name) {
  constexpr auto order = precedence::happens_before;
  adder<Ring> to{all, name};
  every_try_push::visit([&]<class Push>() {
    every_try_pop::visit([&]<class Pop>() {
      to.template one_order<order, 2, 1, times<3, Push>, times<3, Pop>>(pair_of(Push::words, Pop::words));
    });
  });
  if constexpr (kew::many_producers<Ring>) {
    visit_pairs(every_try_push{}, [&]<class A, class B>() {
      to.template one_order<order, 1, 0, times<2, A>, times<2, B>, times<2, pop_value>>(pair_of(A::words, B::words));
    });
    adder<closing<Ring>> with_seal{all, name};
    every_try_push::visit([&]<class Push>() {
      with_seal.template one_order<order, 1, 1, times<3, Push>, does<pop_value, close, pop_value, pop_value>>(
          pair_of(Push::words, close::words));
    });
    every_try_pop::visit([&]<class Pop>() {
      with_seal.template one_order<order, 1, 0, does<times<3, push_move>, close>, times<4, Pop>>(
          pair_of(close::words, Pop::words));
    });
  }
  if constexpr (kew::many_consumers<Ring>)
    visit_pairs(every_try_pop{}, [&]<class A, class B>() {
      to.template one_order<order, 1, 1, times<2, push_move>, times<2, A>, times<2, B>>(pair_of(A::words, B::words));
    });
}

/// What one producer and one consumer can do to each other, on any of the rings.
template <class Ring>
void add_pairs(std::vector<scenario>& all, const char* name) {
  adder<Ring> to{all, name};
  to.template add<1, 0, times<3, push_move>, times<3, pop_value>>("push and pop, capacity 1");
  to.template add<2, 1, does<push_copy, push_move, push_copy, push_move>,
                  does<pop_value, pop_into, consume, pop_value>>("push and pop, capacity 2");
  // Both slots of a line are free before the first of these pushes, where the pops come first.
  to.template add<2, 2, times<2, push_move>, times<2, pop_value>>("a run of pushes, and pop");
  to.template add<3, 2, does<push_move, push_copy, push_move, push_move>, times<5, pop_value>>(
      "push and pop, capacity 3");
  to.template add<1, 1, times<3, push_copy>, times<3, pop_into>>("push and pop into");
  to.template add<1, 0, does<push_move, push_copy, push_move>, times<3, consume>>("push and consume");
  to.template add<2, 1, times<3, push_move>, times<3, pop_two>>("push and batches out");
  to.template add<1, 0, times<3, emplace>, times<3, pop_value>>("emplace and pop");
  to.template add<2, 2, times<3, emplace>, does<consume, pop_two, consume>>("emplace, consume and batches out");
  to.template add<1, 0, does<emplace_in_vain, emplace, emplace_in_vain, emplace>, does<pop_value, consume, pop_value>>(
      "a constructor that throws");
  to.template add<2, 0, times<3, push_two>, does<pop_value, pop_into, consume, pop_value>>("batches in and pop");
  to.template add<3, 2, does<push_two, push_three, push_two>, does<pop_two, pop_three, pop_two>>("batches in and out");
  to.template add<2, 1, times<3, push_move>, times<2, pop_value>, times<2, look>>("size while pushing and popping");
  to.template add<2, 2, times<2, push_two>, times<2, pop_two>, times<2, look>>("size while batches come and go");
  all.push_back({std::string(name) + ": destruction with elements inside",
                 destruction_with_elements_inside<Ring, does<push_copy, push_move, emplace, push_two>,
                                                  does<pop_value, consume, pop_into>>,
                 2});
}

template <class Ring>
void add_many_producers(std::vector<scenario>& all, const char* name) {
  adder<Ring> to{all, name};
  to.template add<1, 0, times<2, push_move>, times<2, push_move>, times<3, pop_value>>(
      "two producers and a consumer, capacity 1");
  to.template add<2, 1, does<push_move, push_copy>, does<push_copy, push_move>, does<pop_value, pop_into, consume>>(
      "two producers and a consumer, capacity 2");
  to.template add<1, 0, times<2, push_move>, times<2, push_copy>>("push and push");
  to.template add<2, 1, times<2, emplace>, times<2, emplace>, times<2, pop_value>>("emplace, emplace and pop");
  to.template add<2, 0, times<2, emplace>, times<2, push_move>, times<2, pop_value>>("emplace, push and pop");
  to.template add<1, 0, does<emplace_in_vain, emplace>, does<emplace, push_move>, times<2, pop_value>>(
      "a constructor that throws among producers");
  to.template add<3, 2, times<2, push_two>, does<push_two, push_move>, times<2, pop_two>>("batches of two producers");
  to.template add<2, 1, does<push_two, push_move>, does<emplace, push_two>, times<3, pop_value>>(
      "batches among single pushes");
  // The first and the last of a batch are there, and the one between them may be not.
  to.template add<4, 1, push_move, push_move, pop_three>("push, push and a batch out");
  // A producer that has pushed must not be told `empty`, whatever those before it are doing.
  to.template add<2, 0, times<2, push_move>, does<push_move, pop_value, push_move, pop_value>>(
      "push, and push before pop");
  to.template add<4, 1, push_move, push_move, does<push_move, pop_value, pop_value>>("push, push, and push before pop");
  to.template add<4, 0, push_move, push_move, does<push_move, pop_value>>(
      "push, push, and push before pop, from the first line");
  to.template add<4, 0, push_two, push_move, does<push_move, pop_value>>("batch, push, and push before pop");
  // One that stands in the middle of its marks, and one that relies on them.
  to.template add<4, 0, push_move, push_move, push_move, does<push_move, pop_value>>(
      "push three times, and push before pop");
}

template <class Ring>
void add_many_consumers(std::vector<scenario>& all, const char* name) {
  adder<Ring> to{all, name};
  to.template add<1, 1, times<3, push_move>, times<2, pop_value>, times<2, pop_value>>(
      "a producer and two consumers, capacity 1");
  to.template add<2, 2, does<push_copy, push_move, push_copy>, does<pop_value, consume>, does<pop_into, pop_value>>(
      "a producer and two consumers, capacity 2");
  to.template add<2, 2, times<2, pop_value>, times<2, consume>>("pop and pop");
  to.template add<3, 3, times<2, push_two>, times<2, pop_two>, does<pop_two, pop_value>>("batches of two consumers");
  to.template add<2, 2, times<2, push_move>, times<2, pop_two>, does<pop_two, consume>>("batches among single pops");
  // A consumer that has popped must not be told `full`, whatever those before it are doing.
  to.template add<2, 2, times<2, pop_value>, does<pop_value, push_move, pop_value, push_move>>(
      "pop, and pop before push");
  to.template add<4, 4, pop_value, times<2, pop_value>, does<pop_value, push_move>>("pop, pop, and pop before push");
  to.template add<4, 4, pop_two, consume, does<pop_value, push_move>>("batch, pop, and pop before push");
  to.template add<4, 4, pop_value, pop_value, pop_value, does<pop_value, push_move>>(
      "pop three times, and pop before push");
  // A group whose last slot is free need not be free, where a pop has been overtaken.
  to.template add<2, 2, pop_value, pop_value, times<2, push_move>>("pop, pop, and a run of pushes");
}

template <class Ring>
void add_sealing(std::vector<scenario>& all, const char* name) {
  adder<closing<Ring>> to{all, name};
  to.template add<2, 1, times<3, push_move>, close, times<3, pop_value>>("push, close and pop");
  to.template add<1, 0, times<2, push_move>, does<close, pop_value, pop_value>>("push, and close before pop");
  to.template add<2, 1, times<2, emplace>, close, times<3, pop_value>>("emplace, close and pop");
  to.template add<1, 0, does<emplace_in_vain, emplace>, close, times<2, pop_value>>(
      "a constructor that throws, close and pop");
  to.template add<2, 1, times<2, push_two>, times<2, close>, does<pop_two, pop_value>>("batches, close and pop");
  to.template add<1, 1, does<push_copy, look_closed>, does<look_closed, close>, does<look_closed, pop_value>>(
      "close, and looks at it");
}

}  // namespace

std::vector<scenario> of_slot_rings() {
  std::vector<scenario> all;
  add_pairs<ring<many, many>>(all, "mpmc_ring");
  add_pairs<ring<many, one>>(all, "mpsc_ring");
  add_pairs<ring<one, many>>(all, "spmc_ring");
  add_every_pair<ring<many, many>>(all, "mpmc_ring");
  add_every_pair<ring<many, one>>(all, "mpsc_ring");
  add_every_pair<ring<one, many>>(all, "spmc_ring");
  add_many_producers<ring<many, many>>(all, "mpmc_ring");
  add_many_producers<ring<many, one>>(all, "mpsc_ring");
  add_many_consumers<ring<many, many>>(all, "mpmc_ring");
  add_many_consumers<ring<one, many>>(all, "spmc_ring");
  add_sealing<ring<many, many>>(all, "mpmc_ring");
  add_sealing<ring<many, one>>(all, "mpsc_ring");
  adder<ring<many, many>> to{all, "mpmc_ring"};
  to.add<1, 0, times<2, push_move>, times<2, push_move>, times<2, pop_value>, times<2, pop_value>>(
      "two producers and two consumers, capacity 1");
  to.add<2, 1, does<push_move, push_copy>, does<emplace, push_move>, does<pop_value, consume>,
         does<pop_into, pop_value>>("two producers and two consumers, capacity 2");
  // What a producer sees of the slot before its own must not be older than the push that is under way there.
  all.push_back({"mpmc_ring: pop and push, and pop, push and pop",
                 threads<ring<many, many>, precedence::happens_before, 2, 2, does<pop_value, push_move>,
                         does<pop_value, push_move, pop_value>>,
                 2,
                 {.preemptions = 3, .stale_reads = 1, .surprises = 0}});
  adder<ring<many, many, std::uint64_t>> wide{all, "mpmc_ring of 64 bits"};
  wide.add<2, 1, does<push_move, push_two, push_move>, does<pop_value, pop_two, pop_into>>("push and pop");
  return all;
}

}  // namespace scenarios
