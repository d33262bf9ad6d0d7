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

/// An element that may be written in place, which its users announce by hand; the rest it does itself.
struct plain {
  plain() = default;
  explicit plain(int value) : content(value) {}
  plain(const plain& other) : content(other.value()) { explorer::engine::plain_write(this, "construction of an element"); }
  plain& operator=(const plain& other) {
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

constexpr std::allocator<char> room;

template <class T, class Index>
using ring = basic_spsc_ring<T, kew::dynamic_capacity, std::allocator<T>, Index>;

/// `inside` elements are in the ring when the threads begin, after a turn that has used every slot.
template <class Index, precedence Order, int Capacity, int Inside, class Producer, class Consumer>
void two_threads() {
  watched<ring<probe, Index>> queue(Order, Capacity, before_overflow{1}, std::size_t{Capacity}, room);
  for (int i = 0; i < Inside; ++i) static_cast<void>(queue.push_move());
  together([&] { Producer::run(queue); }, [&] { Consumer::run(queue); });
  queue.finish();
}

template <class Producer, class Consumer, class Onlooker>
void with_an_onlooker() {
  watched<ring<probe, std::uint8_t>> queue(precedence::happens_before, 2, before_overflow{1}, std::size_t{2}, room);
  together([&] { Producer::run(queue); }, [&] { Consumer::run(queue); }, [&] { Onlooker::run(queue); });
  queue.finish();
}

void destruction_with_elements_inside() {
  watched<ring<probe, std::uint8_t>> queue(precedence::happens_before, 2, before_overflow{1}, std::size_t{2}, room);
  together([&] { does<push_copy, push_move, emplace, push_move, emplace>::run(queue); },
           [&] { does<pop_value, consume, pop_into>::run(queue); });
  queue.finish(false);
}

/// One side hands slots out where they are, or both do.
template <precedence Order, int Capacity, bool Claims = true, bool Peeks = true>
void claims_and_peeks() {
  watched<ring<plain, std::uint8_t>> queue(Order, Capacity, before_overflow{1}, std::size_t{Capacity}, room);
  const auto push = [&queue](std::size_t, std::size_t) {
    static_cast<void>(queue.push([](auto& inner, int value) { return inner.try_push(plain(value)); }));
  };
  const auto pop = [&queue](std::size_t, std::size_t) { static_cast<void>(queue.pop_value()); };
  const auto claim = [&queue](std::size_t n, std::size_t keep) {
    int values[4] = {};
    const int event = queue.log().begin(history::kind::push);
    auto slots = queue.queue().try_claim(n);
    std::size_t filled = 0;
    for (const std::span<plain> part : {slots.first(), slots.second()})
      for (plain& each : part) {
        explorer::engine::plain_write(&each, "write to a claimed slot");
        if (filled < keep) values[filled++] = queue.next_value();
        each.content = values[filled - 1];
      }
    if (filled > 0) slots.commit(filled);
    queue.log().forget(event);
    // Each value that was committed is a push of its own, all of them within this call.
    for (std::size_t i = 0; i < filled; ++i) queue.log().end(queue.log().repeat(event, values[i]), outcome::success);
  };
  const auto peek = [&queue](std::size_t n, std::size_t take) {
    int values[4] = {};
    const int event = queue.log().begin(history::kind::pop);
    auto elements = queue.queue().try_peek(n);
    std::size_t seen = 0;
    for (const std::span<plain> part : {elements.first(), elements.second()})
      for (const plain& each : part) {
        explorer::engine::plain_read(&each, "read of a peeked element");
        values[seen++] = each.content;
      }
    const std::size_t taken = std::min(seen, take);
    if (taken > 0) elements.release(taken);
    queue.log().forget(event);
    for (std::size_t i = 0; i < taken; ++i)
      queue.log().end(queue.log().repeat(event, values[i]), outcome::success, values[i]);
  };
  const auto four = [](const auto& operation, std::size_t second, std::size_t first) {
    operation(2, first);
    operation(2, second);
    operation(1, 1);
    operation(2, 2);
  };
  together([&] { Claims ? four(claim, 1, 2) : four(push, 0, 0); }, [&] { Peeks ? four(peek, 2, 1) : four(pop, 0, 0); });
  peek(3, 3);
  queue.log().judge();
}

template <precedence Order>
void add_pairs(std::vector<scenario>& all, const std::string& suffix) {
  const auto add = [&](const char* name, void (*body)()) { all.push_back({"spsc_ring: " + (name + suffix), body, 2}); };
  using byte = std::uint8_t;
  add("push and pop, capacity 1", two_threads<byte, Order, 1, 0, does<push_move, push_move, push_move>, does<pop_value, pop_value, pop_value>>);
  add("push and pop, capacity 2", two_threads<byte, Order, 2, 1, does<push_move, push_copy, push_move, push_copy>, does<pop_value, pop_into, consume, pop_value>>);
  add("push and pop, capacity 3", two_threads<byte, Order, 3, 2, does<push_copy, push_copy, push_copy, push_copy>, does<pop_value, pop_value, pop_value, pop_value, pop_value>>);
  add("push and pop into", two_threads<byte, Order, 1, 1, does<push_copy, push_copy, push_copy>, does<pop_into, pop_into, pop_into>>);
  add("push and consume", two_threads<byte, Order, 1, 0, does<push_copy, push_copy, push_copy>, does<consume, consume, consume>>);
  add("push and batches out", two_threads<byte, Order, 2, 1, does<push_move, push_move, push_move, push_move>, does<pop_two, pop_two, pop_two>>);
  add("emplace and pop", two_threads<byte, Order, 1, 0, does<emplace, emplace, emplace>, does<pop_value, pop_value, pop_value>>);
  add("emplace and consume", two_threads<byte, Order, 2, 2, does<emplace, emplace, emplace>, does<consume, consume, consume, consume>>);
  add("emplace and batches out", two_threads<byte, Order, 1, 1, does<emplace, emplace, emplace>, does<pop_two, pop_two, pop_two>>);
  add("a constructor that throws", two_threads<byte, Order, 1, 0, does<emplace, emplace_in_vain, emplace, emplace>, does<pop_value, consume, pop_value>>);
  add("batches in and pop", two_threads<byte, Order, 2, 0, does<push_two, push_two, push_two>, does<pop_value, pop_value, pop_value, pop_value>>);
  add("batches in and consume", two_threads<byte, Order, 2, 1, does<push_two, push_three, push_two>, does<consume, consume, consume>>);
  add("batches in and out", two_threads<byte, Order, 3, 2, does<push_two, push_three, push_two>, does<pop_two, pop_three, pop_two>>);
  add("batches in and pop into", two_threads<byte, Order, 1, 0, does<push_two, push_two, push_two>, does<pop_into, pop_into, pop_into>>);
  add("claims and peeks, capacity 2", claims_and_peeks<Order, 2>);
  add("claims and peeks, capacity 3", claims_and_peeks<Order, 3>);
  add("claims and pops", claims_and_peeks<Order, 2, true, false>);
  add("pushes and peeks", claims_and_peeks<Order, 2, false, true>);
  add("emplace and pop into", two_threads<byte, Order, 1, 1, does<emplace, emplace, emplace>, does<pop_into, pop_into, pop_into>>);
}

}  // namespace

std::vector<scenario> of_spsc_ring() {
  std::vector<scenario> all;
  add_pairs<precedence::happens_before>(all, "");
  add_pairs<precedence::real_time>(all, ", real time");
  all.push_back({"spsc_ring: counts of 64 bits", two_threads<std::size_t, precedence::happens_before, 2, 1, does<push_move, push_two, push_copy>, does<pop_value, pop_two, pop_into>>, 2});
  all.push_back({"spsc_ring: destruction with elements inside", destruction_with_elements_inside, 2});
  all.push_back({"spsc_ring: size while pushing and popping", with_an_onlooker<does<push_move, push_move, push_move, push_move, push_move>, does<pop_value, pop_value, pop_value, pop_value>, does<look, look>>, 3});
  all.push_back({"spsc_ring: size while batches come and go", with_an_onlooker<does<push_two, push_two, push_two>, does<pop_two, pop_two, pop_two>, does<look, look>>, 3});
  return all;
}

}  // namespace scenarios
