// The interface of explorer.hpp, which scenarios, the probe and the model's seam call.
#include "explorer.hpp"

#include "threads.hpp"

#include <algorithm>
#include <iterator>

namespace explorer {

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
int this_thread() { return world.current(); }
int steps_of_this_thread() { return world.self().steps; }
void note(const std::string& text) { world.note(text); }

void mutate(const mutant* change) { world.places.mutate(change); }
void collect_places(bool on) { world.places.collect(on); }
const std::vector<place>& places() { return world.places.places(); }

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
void compiler_fence(const site& where) { world.compiler_fence(where); }
bool register_membarrier() { return world.register_membarrier(); }
bool membarrier(const site& where) { return world.membarrier(where); }
void outlast_store_buffers(const site& where) { world.outlast_store_buffers(where); }
bool begin_fence(operation what, const site& where) { return world.begin_fence(what, where); }
void end_fence() { world.end_fence(); }
void relax(const site& where) { world.relax(where); }
std::int64_t now() { return world.now(); }
int futex_wait(location at, std::uint32_t expected, std::int64_t deadline, const site& where) {
  return world.wait(at, expected, deadline, where);
}
void futex_wake(location at, int count, const site& where) { world.wake(at, count, where); }
std::uint64_t execution() { return world.execution(); }
void plain_read(const void* address, const char* what) { world.plain(address, false, what); }
void plain_write(const void* address, const char* what) { world.plain(address, true, what); }
life& life_at(const void* address) { return world.cell_at(address).life; }
int& elements_alive() { return world.elements_alive; }
moment this_moment() {
  moment now;
  std::copy(std::begin(world.self().now.clock), std::end(world.self().now.clock), now.clock);
  return now;
}

}  // namespace engine
}  // namespace explorer
