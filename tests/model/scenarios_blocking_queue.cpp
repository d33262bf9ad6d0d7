#include "scenario.hpp"

#include <kew/blocking_queue.hpp>
#include <kew/mpmc_ring.hpp>
#include <kew/mpsc_ring.hpp>
#include <kew/spmc_ring.hpp>
#include <kew/spsc_ring.hpp>

#include "rings.hpp"

#include <stop_token>
#include <type_traits>

namespace scenarios {
namespace {

using kew::blocking_queue;
using kew::park_wait;
using kew::spin_wait;
using kew::status;
using kew::yield_wait;

/// Polls once, then sleeps: all that an adaptive wait is, in the fewest steps.
class short_adaptive_wait {
 public:
  static constexpr bool parks = true;
  bool poll_again() noexcept {
    if (polled_) return false;
    polled_ = true;
    kew::detail::cpu_relax();
    return true;
  }

 private:
  bool polled_ = false;
};

template <class Ring, class Wait, precedence Order, int Capacity, int Inside, class... Thread>
void threads() {
  watched<blocking_queue<probe, Ring, Wait>> queue(Order, Capacity, std::size_t{Capacity});
  if (!kew::sealable_ring<Ring>) queue.log().closes_softly();
  for (int i = 0; i < Inside; ++i) static_cast<void>(queue.push_move());
  together([&] { Thread::run(queue); }...);
  queue.finish();
}

template <class Ring, class Wait = park_wait>
struct adder {
  std::vector<scenario>& all;
  std::string name;

  template <int Capacity, int Inside, class... Thread>
  void add(const std::string& what) {
    all.push_back({name + ": " + what, threads<Ring, Wait, precedence::happens_before, Capacity, Inside, Thread...>,
                   static_cast<int>(sizeof...(Thread))});
  }
};

/// Goes on until there is room.
struct poll_until_pushed {
  static void run(auto& queue) {
    while (!queue.push_move()) kew::detail::cpu_relax();
  }
};
/// Goes on until it gets one.
struct poll_until_popped {
  static void run(auto& queue) {
    while (!queue.pop_value()) kew::detail::cpu_relax();
  }
};

template <class Ring>
void stopped_pop() {
  watched<blocking_queue<probe, Ring, park_wait>> queue(precedence::happens_before, 1, std::size_t{1});
  std::stop_source source;
  const auto pop = [&](auto& inner) { return inner.pop(source.get_token()); };
  together(
      [&] {
        while (queue.pop_result(pop) == status::success) {
        }
      },
      [&] {
        static_cast<void>(queue.push_move());
        explorer::all_learn(1);  // Nobody sees a stop by an atomic of the explorer's.
        source.request_stop();
      });
  queue.finish();
}
template <class Ring>
void stopped_push() {
  watched<blocking_queue<probe, Ring, park_wait>> queue(precedence::happens_before, 1, std::size_t{1});
  std::stop_source source;
  const auto push = [&](auto& inner, probe& element) { return inner.push(std::move(element), source.get_token()); };
  together(
      [&] {
        while (queue.push_probe(push) == status::success) {
        }
      },
      [&] {
        static_cast<void>(queue.pop_value());
        static_cast<void>(queue.pop_value());
        explorer::all_learn(1);  // Nobody sees a stop by an atomic of the explorer's.
        source.request_stop();
      });
  queue.finish();
}

/// What was done before close() is seen by whoever is told of it: the reason for closing, say.
template <class Ring, class Told>
void closing_passes_on() {
  blocking_queue<probe, Ring, park_wait> queue(1);
  probe reason(1);
  together(
      [&] {
        reason = probe(2);
        queue.close();
      },
      [&] {
        if (Told::told(queue)) expect(reason == 2, "the reason is the one that was set before closing");
      });
}
struct by_push {
  static bool told(auto& queue) {
    while (queue.push(probe(3)) != status::closed) {
    }
    return true;
  }
};
struct by_pop {
  static bool told(auto& queue) { return queue.pop().status() == status::closed; }
};
struct by_is_closed {
  static bool told(auto& queue) { return queue.is_closed(); }
};

template <class Ring>
void add_closing(std::vector<scenario>& all, const std::string& name) {
  all.push_back({name + ": a push is told closed, and why", closing_passes_on<Ring, by_push>, 2});
  all.push_back({name + ": a pop is told closed, and why", closing_passes_on<Ring, by_pop>, 2});
  all.push_back({name + ": is_closed tells why", closing_passes_on<Ring, by_is_closed>, 2});
}

/// One producer and one consumer over any ring.
template <class Ring, class Wait = park_wait>
void add_pairs(std::vector<scenario>& all, const char* name) {
  adder<Ring, Wait> to{all, name};
  to.template add<1, 0, times<3, wait_push>, times<3, wait_pop>>("push and pop");
  to.template add<1, 0, does<wait_push, wait_push, close>, pop_all>("push, close and pop all");
  to.template add<1, 1, times<2, wait_push>, does<close, wait_pop, wait_pop>>("push against close");
  to.template add<1, 0, times<2, wait_pop>, does<wait_push, close>>("pop against close");
  to.template add<1, 0, times<3, timed_push>, times<3, timed_pop>>("timed push and pop");
  to.template add<1, 1, times<2, timed_push>, does<close, timed_pop, timed_pop>>("timed push against close");
  to.template add<1, 0, does<push_move, push_copy, emplace>, times<3, timed_pop>>("try_push and timed pop");
  to.template add<1, 0, times<3, timed_push>, does<pop_value, pop_into, consume>>("timed push and try_pop");
  to.template add<1, 0, times<2, wait_emplace>, times<2, poll_until_popped>>("emplace and try_pop");
  to.template add<2, 0, does<wait_push_three, wait_push_three, close>, pop_all_by_twos>("batches in and out");
  to.template add<2, 1, does<wait_push_three, close>, does<pop_two, pop_all>>("batches in and try_pop_n");
  to.template add<2, 0, does<push_two, push_two, close>, pop_all_by_twos>("try_push_n and batches out");
  to.template add<1, 0, does<push_move, look_closed, push_move>, does<close, look_closed, pop_value, pop_value>>(
      "try_push, close, try_pop, is_closed");
  to.template add<1, 0, does<push_move, push_move, close>, does<wait_pop, pop_value, pop_value>>("closed and drained");
}

/// Any push against any pop, and the end of the stream.
template <class Ring>
void add_every_pair(std::vector<scenario>& all, const char* name) {
  adder<Ring> to{all, name};
  each_of<push_copy, push_move, emplace, push_two, wait_push, wait_push_copy, wait_emplace, timed_push,
          wait_push_three>::visit([&]<class Push>() {
    each_of<pop_value, pop_into, consume, pop_two, wait_pop, timed_pop, wait_pop_two>::visit([&]<class Pop>() {
      // One batch of three uses the only slot three times already.
      using pushes =
          std::conditional_t<std::is_same_v<Push, wait_push_three>, does<Push, close>, does<Push, Push, close>>;
      to.template add<1, 0, pushes, does<Pop, pop_all>>(pair_of(Push::words, Pop::words));
    });
  });
}

template <class Ring, class Wait = park_wait>
void add_many_producers(std::vector<scenario>& all, const char* name) {
  adder<Ring, Wait> to{all, name};
  to.template add<1, 0, times<2, wait_push>, wait_push, times<3, wait_pop>>("two push and one pops");
  to.template add<1, 1, wait_push, wait_push, does<close, pop_all>>("two push against close");
  to.template add<1, 1, close, wait_push, wait_push>("nothing but close wakes two that push");
  to.template add<1, 1, times<3, wait_pop>, wait_push, poll_until_pushed>(
      "a push is woken for room that another takes");
  to.template add<2, 2, pop_two, wait_push, wait_push>("a batch out wakes two");
  to.template add<1, 1, wait_push, timed_push, times<2, wait_pop>>("a timed push beside a push");
  to.template add<1, 1, wait_emplace_in_vain, wait_push, times<2, wait_pop>>("a constructor that throws beside a push");
  to.template add<1, 0, times<2, push_move>, does<push_copy, close>, pop_all>("two try_push, close and pop all");
}

template <class Ring, class Wait = park_wait>
void add_many_consumers(std::vector<scenario>& all, const char* name) {
  adder<Ring, Wait> to{all, name};
  to.template add<1, 0, times<3, wait_push>, times<2, wait_pop>, wait_pop>("one pushes and two pop");
  to.template add<2, 0, does<times<3, wait_push>, close>, pop_all, pop_all>("one pushes and closes, two pop all");
  to.template add<2, 0, push_two, wait_pop, wait_pop>("a batch wakes two");
  to.template add<1, 0, times<2, wait_push>, timed_pop, wait_pop>("a timed pop beside a pop");
  to.template add<1, 0, close, wait_pop, wait_pop>("nothing but close wakes two");
  to.template add<1, 0, times<2, wait_push>, wait_pop, poll_until_popped>("a pop is woken for what another takes");
  to.template add<1, 0, does<push_move, close>, wait_pop, wait_pop>("close wakes two");
  to.template add<2, 0, does<wait_push_three, close>, pop_all_by_twos, pop_all_by_twos>(
      "batches in, batches out by two");
}

}  // namespace

std::vector<scenario> of_blocking_queue() {
  std::vector<scenario> all;
  add_pairs<spsc>(all, "blocking_queue over spsc");
  // In a ring of one each slot is the last of its stretch, and no pop finds its element at once.
  adder<spsc>{all, "blocking_queue over spsc"}.add<2, 2, wait_push, wait_pop>("push and pop, two slots");
  adder<spsc>{all, "blocking_queue over spsc"}.add<2, 2, does<wait_push, wait_push, close>, pop_all>(
      "push, close and pop all, two slots");
  add_pairs<mpsc>(all, "blocking_queue over mpsc");
  add_pairs<spmc>(all, "blocking_queue over spmc");
  add_pairs<mpmc>(all, "blocking_queue over mpmc");
  add_pairs<unsealed<mpmc>>(all, "blocking_queue over a ring without seal");
  add_every_pair<spsc>(all, "blocking_queue over spsc");
  add_every_pair<mpmc>(all, "blocking_queue over mpmc");
  add_many_producers<mpsc>(all, "blocking_queue over mpsc");
  add_many_producers<mpmc>(all, "blocking_queue over mpmc");
  add_many_producers<unsealed<mpmc>>(all, "blocking_queue over a ring without seal");
  add_many_consumers<spmc>(all, "blocking_queue over spmc");
  add_many_consumers<mpmc>(all, "blocking_queue over mpmc");
  add_closing<spsc>(all, "blocking_queue over spsc");
  add_closing<mpsc>(all, "blocking_queue over mpsc");
  add_closing<spmc>(all, "blocking_queue over spmc");
  add_closing<mpmc>(all, "blocking_queue over mpmc");
  add_closing<unsealed<mpmc>>(all, "blocking_queue over a ring without seal");
  add_pairs<mpmc, short_adaptive_wait>(all, "adaptive blocking_queue over mpmc");
  add_pairs<spsc, yield_wait>(all, "yielding blocking_queue over spsc");
  add_pairs<mpmc, spin_wait>(all, "spinning blocking_queue over mpmc");
  adder<mpmc> to{all, "blocking_queue over mpmc"};
  to.add<1, 0, times<2, wait_push>, wait_push, times<2, wait_pop>, wait_pop>("two push and two pop");
  to.add<1, 0, wait_push, wait_push, close, times<2, wait_pop>>("two push, one closes, one pops");
  to.add<2, 0, push_move, does<push_move, expired_pop>>(
      "a pop whose time is over says empty only where that is a fact");
  to.add<2, 2, pop_value, does<pop_value, expired_push>>(
      "a push whose time is over says full only where that is a fact");
  all.push_back({"blocking_queue over mpmc: pop until stopped", stopped_pop<mpmc>, 2});
  all.push_back({"blocking_queue over spsc: push until stopped", stopped_push<spsc>, 2});
  // Their executions are long: two surprises at once are for the random searches, and for going deep.
  for (scenario& each : all) each.wide = {.preemptions = 2, .stale_reads = 1, .surprises = 0};
  return all;
}

}  // namespace scenarios
