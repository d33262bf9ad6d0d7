#include "scenario.hpp"

#include <kew/spsc_ring.hpp>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>

namespace scenarios {
namespace {

using kew::detail::basic_spsc_ring;
using kew::detail::before_overflow;
using kew::detail::publication;

/// An element that may be written in place, which its users announce by hand; the rest it does itself.
struct plain {
  plain() = default;
  explicit plain(int value) : content(value) {}
  plain(const plain& other) noexcept : content(other.value()) {
    explorer::engine::plain_write(this, "construction of an element");
  }
  plain& operator=(const plain& other) noexcept {
    content = other.value();
    explorer::engine::plain_write(this, "assignment to an element");
    return *this;
  }
  int value() const {
    explorer::engine::plain_read(this, "read of an element");
    return content;
  }
  int content;
};

/// Its positions overflow after a lap.
template <class T, class Index, publication Way>
struct ring : basic_spsc_ring<T, kew::dynamic_capacity, std::allocator<T>, Index, Way> {
  explicit ring(std::size_t capacity) : ring::basic_spsc_ring(before_overflow{1}, capacity, std::allocator<T>{}) {}
};

/// `inside` elements are in the ring when the threads begin, after a turn that has used every slot.
template <publication Way, class Index, precedence Order, int Capacity, int Inside, class Producer, class Consumer>
void two_threads() {
  watched<ring<probe, Index, Way>> queue(Order, Capacity, std::size_t{Capacity});
  for (int i = 0; i < Inside; ++i) static_cast<void>(queue.push_move());
  together([&] { Producer::run(queue); }, [&] { Consumer::run(queue); });
  queue.finish();
}

template <publication Way, class Producer, class Consumer, class Onlooker>
void with_an_onlooker() {
  watched<ring<probe, std::uint8_t, Way>> queue(precedence::happens_before, 2, std::size_t{2});
  together([&] { Producer::run(queue); }, [&] { Consumer::run(queue); }, [&] { Onlooker::run(queue); });
  queue.finish();
}

template <publication Way>
void destruction_with_elements_inside() {
  watched<ring<probe, std::uint8_t, Way>> queue(precedence::happens_before, 2, std::size_t{2});
  together([&] { does<push_copy, push_move, emplace, push_move, emplace>::run(queue); },
           [&] { does<pop_value, consume, pop_into>::run(queue); });
  queue.finish(false);
}

template <publication Way, bool Batches = false>
void what_is_counted_is_there() {
  ring<probe, std::uint8_t, Way> queue(Batches ? 3 : 2);
  together(
      [&] {
        for (int i = 0; i < 5; ++i) {
          const int values[] = {i, i, i};
          if (!Batches)
            static_cast<void>(queue.try_push(probe(i)));
          else if (queue.size_approx() == 0)
            static_cast<void>(queue.try_push_n(values, 3));
        }
      },
      [&] {
        for (int i = 0; i < 3; ++i)
          for (std::size_t counted = queue.size_approx(); counted > 0; --counted)
            expect(static_cast<bool>(queue.try_pop()), "what the consumer counts, its next pops find");
      });
}

template <publication Way>
void a_batch_appears_at_once() {
  ring<probe, std::uint8_t, Way> queue(3);
  together(
      [&] {
        for (int i = 0; i < 3; ++i) {
          const int values[] = {1, 2};
          if (queue.size_approx() <= 1) static_cast<void>(queue.try_push_n(values, 2));
        }
      },
      [&] {
        for (int i = 0; i < 3; ++i)
          if (queue.try_pop())
            expect(static_cast<bool>(queue.try_pop()), "where the first of a batch is, the others are");
      });
}

/// A ring whose slots are also written and read where they are.
template <publication Way, precedence Order, int Capacity>
class in_place {
 public:
  void push(std::size_t, std::size_t) { push(); }
  void push() {
    static_cast<void>(queue_.push([](auto& inner, int value) { return inner.try_push(plain(value)); }));
  }
  void pop(std::size_t, std::size_t) { pop(); }
  void pop() { static_cast<void>(queue_.pop_value()); }

  void claim(std::size_t n, std::size_t keep) {
    int values[4] = {};
    const int event = queue_.log().begin(history::kind::push);
    auto slots = queue_.queue().try_claim(n);
    std::size_t filled = 0;
    for (const std::span<plain> part : {slots.first(), slots.second()})
      for (plain& each : part) {
        explorer::engine::plain_write(&each, "write to a claimed slot");
        if (filled < keep) values[filled++] = queue_.next_value();
        each.content = values[filled - 1];
      }
    if (filled > 0) slots.commit(filled);
    queue_.log().forget(event);
    // Each value that was committed is a push of its own, all of them within this call.
    for (std::size_t i = 0; i < filled; ++i) queue_.log().end(queue_.log().repeat(event, values[i]), outcome::success);
  }
  void peek(std::size_t n, std::size_t take) {
    int values[4] = {};
    const int event = queue_.log().begin(history::kind::pop);
    auto elements = queue_.queue().try_peek(n);
    std::size_t seen = 0;
    for (const std::span<plain> part : {elements.first(), elements.second()})
      for (const plain& each : part) {
        explorer::engine::plain_read(&each, "read of a peeked element");
        values[seen++] = each.content;
      }
    const std::size_t taken = std::min(seen, take);
    if (taken > 0) elements.release(taken);
    queue_.log().forget(event);
    for (std::size_t i = 0; i < taken; ++i)
      queue_.log().end(queue_.log().repeat(event, values[i]), outcome::success, values[i]);
  }

  void finish() {
    peek(3, 3);
    queue_.log().judge();
  }

 private:
  watched<ring<plain, std::uint8_t, Way>> queue_{Order, Capacity, std::size_t{Capacity}};
};

/// One side hands slots out where they are, or both do.
template <publication Way, precedence Order, int Capacity, bool Claims = true, bool Peeks = true>
void claims_and_peeks() {
  in_place<Way, Order, Capacity> ring;
  const auto four = [](const auto& operation, std::size_t second, std::size_t first) {
    operation(2, first);
    operation(2, second);
    operation(1, 1);
    operation(2, 2);
  };
  together([&] { four([&](std::size_t n, std::size_t k) { Claims ? ring.claim(n, k) : ring.push(n, k); }, 1, 2); },
           [&] { four([&](std::size_t n, std::size_t k) { Peeks ? ring.peek(n, k) : ring.pop(n, k); }, 2, 1); });
  ring.finish();
}

/// Both sides change over from single elements to slots in place and back.
template <precedence Order, int Capacity>
void single_elements_and_slots() {
  in_place<publication::by_slot, Order, Capacity> ring;
  together(
      [&] {
        ring.push();
        ring.push();
        ring.claim(2, 2);
        ring.push();
        ring.claim(1, 1);
      },
      [&] {
        ring.pop();
        ring.peek(2, 1);
        ring.pop();
        ring.peek(2, 2);
        ring.pop();
      });
  ring.finish();
}
template <precedence Order>
void a_claim_after_pushes() {
  in_place<publication::by_slot, Order, 2> ring;
  together(
      [&] {
        ring.push();
        ring.push();
        ring.claim(2, 1);
        ring.push();
      },
      [&] {
        for (int i = 0; i < 4; ++i) ring.pop();
      });
  ring.finish();
}

template <publication Way, precedence Order>
void add_pairs(std::vector<scenario>& all, const std::string& suffix) {
  const auto add = [&](const char* name, void (*body)()) { all.push_back({"spsc_ring: " + (name + suffix), body, 2}); };
  using byte = std::uint8_t;
  add("push and pop, capacity 1", two_threads<Way, byte, Order, 1, 0, times<3, push_move>, times<3, pop_value>>);
  add("push and pop, capacity 2", two_threads<Way, byte, Order, 2, 1, does<push_move, push_copy, push_move, push_copy>,
                                              does<pop_value, pop_into, consume, pop_value>>);
  add("push and pop, capacity 3", two_threads<Way, byte, Order, 3, 2, times<4, push_copy>, times<5, pop_value>>);
  add("push and pop into", two_threads<Way, byte, Order, 1, 1, times<3, push_copy>, times<3, pop_into>>);
  add("push and consume", two_threads<Way, byte, Order, 1, 0, times<3, push_copy>, times<3, consume>>);
  add("push and batches out", two_threads<Way, byte, Order, 2, 1, times<4, push_move>, times<3, pop_two>>);
  add("emplace and pop", two_threads<Way, byte, Order, 1, 0, times<3, emplace>, times<3, pop_value>>);
  add("emplace and consume", two_threads<Way, byte, Order, 2, 2, times<3, emplace>, times<4, consume>>);
  add("emplace and batches out", two_threads<Way, byte, Order, 1, 1, times<3, emplace>, times<3, pop_two>>);
  add("a constructor that throws", two_threads<Way, byte, Order, 1, 0, does<emplace, emplace_in_vain, emplace, emplace>,
                                               does<pop_value, consume, pop_value>>);
  add("batches in and pop", two_threads<Way, byte, Order, 2, 0, times<3, push_two>, times<4, pop_value>>);
  add("batches in and consume",
      two_threads<Way, byte, Order, 2, 1, does<push_two, push_three, push_two>, times<3, consume>>);
  add("batches in and out",
      two_threads<Way, byte, Order, 3, 2, does<push_two, push_three, push_two>, does<pop_two, pop_three, pop_two>>);
  add("batches in the array and pop",
      two_threads<Way, byte, Order, 3, 0, does<push_three, push_move, push_three>, times<4, pop_value>>);
  add("batches in the array and out",
      two_threads<Way, byte, Order, 3, 1, does<push_three, push_two, push_three>, does<pop_two, pop_three, pop_two>>);
  add("batches in and pop into", two_threads<Way, byte, Order, 1, 0, times<3, push_two>, times<3, pop_into>>);
  add("claims and peeks, capacity 2", claims_and_peeks<Way, Order, 2>);
  add("claims and peeks, capacity 3", claims_and_peeks<Way, Order, 3>);
  add("claims and pops", claims_and_peeks<Way, Order, 2, true, false>);
  add("pushes and peeks", claims_and_peeks<Way, Order, 2, false, true>);
  add("emplace and pop into", two_threads<Way, byte, Order, 1, 1, times<3, emplace>, times<3, pop_into>>);
}

}  // namespace

std::vector<scenario> of_spsc_ring() {
  constexpr auto by_slot = publication::by_slot;
  constexpr auto by_count = publication::by_count;
  constexpr auto happens_before = precedence::happens_before;
  std::vector<scenario> all;
  const auto add = [&](const char* name, void (*body)(), int threads = 2) {
    all.push_back({std::string("spsc_ring: ") + name, body, threads});
  };
  add_pairs<by_slot, happens_before>(all, "");
  add_pairs<by_slot, precedence::real_time>(all, ", real time");
  add_pairs<by_count, happens_before>(all, ", counted");
  add_pairs<by_count, precedence::real_time>(all, ", counted, real time");
  add("a claim after pushes", a_claim_after_pushes<happens_before>);
  add("a claim after pushes, real time", a_claim_after_pushes<precedence::real_time>);
  add("single elements and slots, capacity 2", single_elements_and_slots<happens_before, 2>);
  add("single elements and slots, capacity 3", single_elements_and_slots<happens_before, 3>);
  add("single elements and slots, real time", single_elements_and_slots<precedence::real_time, 3>);
  add("what is counted is there", what_is_counted_is_there<by_slot>);
  add("what is counted is there, counted", what_is_counted_is_there<by_count>);
  add("what is counted is there, in batches", what_is_counted_is_there<by_slot, true>);
  add("a batch appears at once", a_batch_appears_at_once<by_slot>);
  add("a batch appears at once, counted", a_batch_appears_at_once<by_count>);
  add("counts of 64 bits", two_threads<by_slot, std::size_t, happens_before, 2, 1, does<push_move, push_two, push_copy>,
                                       does<pop_value, pop_two, pop_into>>);
  add("counts of 64 bits, counted",
      two_threads<by_count, std::size_t, happens_before, 2, 1, does<push_move, push_two, push_copy>,
                  does<pop_value, pop_two, pop_into>>);
  add("destruction with elements inside", destruction_with_elements_inside<by_slot>);
  add("destruction with elements inside, counted", destruction_with_elements_inside<by_count>);
  using five_pushes = times<5, push_move>;
  using four_pops = times<4, pop_value>;
  add("size while pushing and popping", with_an_onlooker<by_slot, five_pushes, four_pops, times<2, look>>, 3);
  add("size while pushing and popping, counted", with_an_onlooker<by_count, five_pushes, four_pops, times<2, look>>, 3);
  using batches_in = times<3, push_two>;
  using batches_out = times<3, pop_two>;
  add("size while batches come and go", with_an_onlooker<by_slot, batches_in, batches_out, times<2, look>>, 3);
  add("size while batches come and go, counted", with_an_onlooker<by_count, batches_in, batches_out, times<2, look>>,
      3);
  return all;
}

}  // namespace scenarios
