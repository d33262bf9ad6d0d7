#include "memory.hpp"

#include "arena.hpp"
#include "threads.hpp"

#include <cstdio>
#include <cstdlib>

namespace explorer {

// ---- Atomics ----------------------------------------------------------------------------------------

location machine::make(std::uint64_t value) {
  if (!active_) {
    std::fprintf(stderr, "an atomic of the model is made outside of a scenario\n");
    std::abort();
  }
  if (atomics_count_ == max_locations) fail("more than " + std::to_string(max_locations) + " atomics");
  const auto at = static_cast<location>(atomics_count_++);
  atomic_state& made = atomics_[at];
  learn(mix(at, value));
  {
    const arena::closed outside;
    made.stores.push_back({value, self().story, self().now});
  }
  memory_ += mix(at, self().story);
  made.creator = current_;
  made.created = self().now.clock[current_];
  return at;
}

void machine::destroy(location at) {
  if (!active_) return;
  atomic_state& dying = atomics_[at];
  for (int i = 0; i < max_threads; ++i)
    if (dying.accessed[i] > self().now.clock[i])
      fail("atomic #" + std::to_string(at) + " is destroyed while thread " + std::to_string(i) + " may use it");
  dying.destroyed = true;
  memory_ += mix(~std::uint64_t{0}, at);
  // Whoever touches it from now on, even without knowing of this, touches freed memory.
}

atomic_state& machine::touch(location at) {
  if (at >= static_cast<location>(atomics_count_)) fail("use of memory that holds no atomic");
  atomic_state& used = atomics_[at];
  if (used.destroyed)
    fail("use of atomic #" + std::to_string(at) + " after its destruction, at " + text_of(self().where));
  if (self().now.clock[used.creator] < used.created)
    fail("use of atomic #" + std::to_string(at) + " that may not be constructed yet, at " + text_of(self().where));
  used.accessed[current_] = self().now.clock[current_];
  return used;
}

unsigned machine::floor_of(location at, std::memory_order order) {
  unsigned floor = self().now.seen.up_to[at];
  if (order == std::memory_order_seq_cst) floor = std::max<unsigned>(floor, sequential_.up_to[at]);
  return floor;
}

void machine::read(location at, unsigned index, std::memory_order order) {
  thread_state& reader = self();
  const auto last = static_cast<std::uint8_t>(index);
  const bool is_stale = index + 1 < atomics_[at].stores.size();
  if (is_stale) {
    ++stale_reads_;
    reader.stale |= std::uint64_t{1} << at;
    // Seeing something new is progress, even if it is not the newest.
    if (reader.now.seen.up_to[at] < last) reader.stale_in_a_row[at] = 0;
    ++reader.stale_in_a_row[at];
  } else {
    reader.stale_in_a_row[at] = 0;
    reader.stale &= ~(std::uint64_t{1} << at);
  }
  reader.now.seen.up_to[at] = std::max(reader.now.seen.up_to[at], last);
  if (order == std::memory_order_seq_cst) sequential_.up_to[at] = std::max(sequential_.up_to[at], last);
  learn(atomics_[at].stores[index].story + is_stale);
  const knowledge& message = atomics_[at].stores[index].message;
  if (acquires(order))
    reader.now.join(message);
  else
    reader.unacquired.join(message);
}

std::uint64_t machine::load(location at, std::memory_order order, const site& where) {
  places.collect(where, operation::load, order);
  begin(where, operation::load);
  const bool may_be_late = options_.late_loads && places.is_mutated(where);
  order = places.ordered(where, order);
  atomic_state& from = touch(at);
  if (self().owed_from == at) perform_late_load();
  if (may_be_late && order == std::memory_order_relaxed && choices_.pick(2, [&] { return below(2); }) == 1) {
    thread_state& reader = self();
    reader.owes_a_load = true;
    reader.owed_from = at;
    reader.owed = from.stores.back().value + 1;
    line("load    #%-2u -> 0x%llx, which is yet to come  relaxed", at, static_cast<unsigned long long>(reader.owed));
    end();
    return reader.owed;
  }
  const unsigned newest = static_cast<unsigned>(from.stores.size()) - 1;
  unsigned choices = newest - floor_of(at, order) + 1;
  if (self().stale_in_a_row[at] >= stale_reads_in_a_row) choices = 1;
  if (options_.how == search::depth_first && !within(stale_reads_, options_.stale_reads)) choices = 1;
  const unsigned behind =
      choices_.pick(choices, [&] { return below(5) < 3 ? 0 : below(std::min(choices, max_choices)); });
  const std::uint64_t value = from.stores[newest - behind].value;
  if (behind == 0)
    line("load    #%-2u -> 0x%llx  %s", at, static_cast<unsigned long long>(value), name_of(order));
  else
    line("load    #%-2u -> 0x%llx (overtaken by %u)  %s", at, static_cast<unsigned long long>(value), behind,
         name_of(order));
  read(at, newest - behind, order);
  end();
  return value;
}

void machine::perform_late_load() {
  thread_state& reader = self();
  if (!reader.owes_a_load) return;
  reader.owes_a_load = false;
  const std::vector<stored>& stores = atomics_[reader.owed_from].stores;
  for (unsigned i = reader.now.seen.up_to[reader.owed_from]; i < stores.size(); ++i)
    if (stores[i].value == reader.owed) return read(reader.owed_from, i, std::memory_order_relaxed);
  line("the value has not come: no execution of C++");
  leave();
}

void machine::append(location at, std::uint64_t value, std::memory_order order, const knowledge* continued) {
  if (releases(order)) perform_late_load();
  atomic_state& to = atomics_[at];
  thread_state& writer = self();
  const auto index = to.stores.size();
  if (index >= max_stores) fail("livelock: more stores than the explorer can hold, at " + text_of(writer.where), true);
  if (to.stores.back().value != value) {
    ++changes_;
    ++writer.own_changes;
    idle_ = 0;
  }
  writer.now.seen.up_to[at] = static_cast<std::uint8_t>(index);
  if (order == std::memory_order_seq_cst) sequential_.up_to[at] = static_cast<std::uint8_t>(index);
  writer.stale_in_a_row[at] = 0;
  learn(mix(at, value));
  memory_ += mix(at * std::uint64_t{max_locations} + index, writer.story);
  {
    const arena::closed outside;
    to.stores.push_back({value, writer.story, releases(order) ? writer.now : writer.released});
  }
  stored& made = to.stores.back();
  made.message.seen.up_to[at] = static_cast<std::uint8_t>(index);
  if (continued != nullptr) made.message.join(*continued);
}

void machine::store(location at, std::uint64_t value, std::memory_order order, const site& where) {
  places.collect(where, operation::store, order);
  begin(where, operation::store);
  order = places.ordered(where, order);
  touch(at);
  append(at, value, order, nullptr);
  line("store   #%-2u := 0x%llx  %s", at, static_cast<unsigned long long>(value), name_of(order));
  end();
}

std::uint64_t machine::modify(location at, engine::arithmetic how, std::uint64_t operand, std::uint64_t mask,
                              std::memory_order order, const site& where) {
  places.collect(where, operation::modify, order);
  begin(where, operation::modify);
  order = places.ordered(where, order);
  atomic_state& on = touch(at);
  const unsigned newest = static_cast<unsigned>(on.stores.size()) - 1;
  const std::uint64_t old = on.stores[newest].value;
  std::uint64_t made = operand;
  switch (how) {
    case engine::arithmetic::exchange: break;
    case engine::arithmetic::add: made = old + operand; break;
    case engine::arithmetic::subtract: made = old - operand; break;
    case engine::arithmetic::bit_or: made = old | operand; break;
    case engine::arithmetic::bit_and: made = old & operand; break;
  }
  made &= mask;
  read(at, newest, order);
  const knowledge continued = on.stores[newest].message;
  append(at, made, order, &continued);
  line("modify  #%-2u 0x%llx => 0x%llx  %s", at, static_cast<unsigned long long>(old),
       static_cast<unsigned long long>(made), name_of(order));
  end();
  return old;
}

bool machine::compare_exchange(location at, std::uint64_t& expected, std::uint64_t desired,
                               engine::exchange_orders orders, bool weak, const site& where) {
  const operation what = weak ? operation::compare_exchange_weak : operation::compare_exchange_strong;
  places.collect(where, what, orders.success, orders.failure, orders.two);
  begin(where, what);
  weak |= places.is_mutated(where, weakening::strong_to_weak);
  orders.failure = places.ordered(where, orders.failure, weakening::failure_order);
  if (places.is_mutated(where, weakening::order)) {
    orders.success = places.ordered(where, orders.success);
    if (!orders.two && !acquires(orders.success)) orders.failure = std::memory_order_relaxed;
  }
  atomic_state& on = touch(at);
  const unsigned newest = static_cast<unsigned>(on.stores.size()) - 1;
  // The first choice is what happens without any surprise.
  unsigned index[max_choices];
  unsigned count = 0;
  constexpr unsigned success = max_stores + 1;
  constexpr unsigned for_nothing = max_stores + 2;
  const bool equal = on.stores[newest].value == expected;
  index[count++] = equal ? success : newest;
  const bool may_be_stale = self().stale_in_a_row[at] < stale_reads_in_a_row &&
                            (options_.how != search::depth_first || within(stale_reads_, options_.stale_reads));
  if (may_be_stale)
    for (unsigned i = newest; i-- > floor_of(at, orders.failure) && count < max_choices - 1;)
      if (on.stores[i].value != expected) index[count++] = i;
  if (weak && equal && within(surprises_, options_.surprises)) index[count++] = for_nothing;
  const unsigned chosen = index[choices_.pick(count, [&] { return below(5) < 3 ? 0 : below(count); })];
  if (chosen == success || chosen == for_nothing) {
    if (chosen == success) {
      read(at, newest, orders.success);
      const knowledge continued = on.stores[newest].message;
      append(at, desired, orders.success, &continued);
    } else {
      ++surprises_;
      read(at, newest, orders.failure);
      learn(for_nothing);
    }
    line("%s  #%-2u 0x%llx => 0x%llx%s  %s", weak ? "weak cas" : "cas", at, static_cast<unsigned long long>(expected),
         static_cast<unsigned long long>(desired), chosen == success ? "" : " FAILS for nothing",
         name_of(chosen == success ? orders.success : orders.failure));
    end();
    return chosen == success;
  }
  line("%s  #%-2u 0x%llx => 0x%llx FAILS: 0x%llx%s  %s", weak ? "weak cas" : "cas", at,
       static_cast<unsigned long long>(expected), static_cast<unsigned long long>(desired),
       static_cast<unsigned long long>(on.stores[chosen].value), chosen == newest ? "" : " (overtaken)",
       name_of(orders.failure));
  expected = on.stores[chosen].value;
  read(at, chosen, orders.failure);
  end();
  return false;
}
// ---- Fences -----------------------------------------------------------------------------------------

void machine::fence_now(std::memory_order order) {
  perform_late_load();
  thread_state& self = threads_[current_];
  if (acquires(order)) self.now.join(self.unacquired);
  if (order == std::memory_order_seq_cst) {
    self.now.seen.join(sequential_);
    sequential_.join(self.now.seen);
  }
  learn(self.now.seen.hash(atomics_count_));
  if (releases(order)) self.released = self.now;
}

void machine::fence(std::memory_order order, const site& where) {
  places.collect(where, operation::fence, order);
  begin(where, operation::fence);
  order = places.ordered(where, order);
  if (places.drops(where)) {
    line("(fence dropped)");
    return;
  }
  fence_now(order);
  line("fence   %s", name_of(order));
  end();
}

// A compiler fence and a membarrier order like two seq_cst fences, but only one with the other. That is less than what
// membarrier(2) does to a running thread at any instruction, and all that the compiler grants: it may move an access
// across any instruction but a compiler fence.
bool machine::begin_fence(operation what, const site& where) {
  places.collect(where, what);
  if (places.drops(where)) return false;
  result_.fenced |= what == operation::heavy_fence;
  self().in_fence = true;
  return true;
}

void machine::compiler_fence(const site& where) {
  places.collect(where, operation::compiler_fence);
  begin(where, operation::compiler_fence);
  if (places.drops(where)) return line("(compiler fence dropped)");
  self().now.seen.join(heavy_);
  light_.join(self().now.seen);
  learn(self().now.seen.hash(atomics_count_));
  line("fence   of the compiler");
  end();
}

bool machine::membarrier(const site& where) {
  places.collect(where, operation::membarrier);
  begin(where, operation::membarrier);
  if (places.drops(where)) {
    line("(membarrier dropped)");
    return true;
  }
  if (options_.fence == fences::refused && running_ > 0 && by_surprise()) {
    line("membarrier: refused");
    learn(1);
    end();
    return false;
  }
  fence_now(std::memory_order_seq_cst);
  self().now.seen.join(light_);
  heavy_.join(self().now.seen);
  fence_now(std::memory_order_seq_cst);
  line("membarrier");
  end();
  return true;
}

void machine::outlast_store_buffers(const site& where) {
  places.collect(where, operation::outlast_store_buffers);
  begin(where, operation::outlast_store_buffers);
  if (places.drops(where)) return line("(wait for store buffers dropped)");
  for (thread_state& each : threads_) {
    for (int i = 0; i < atomics_count_; ++i)
      each.now.seen.up_to[i] = static_cast<std::uint8_t>(atomics_[i].stores.size() - 1);
    each.story = mix(each.story, each.now.seen.hash(atomics_count_));
  }
  line("all stores become visible");
  end();
}

// ---- Plain memory -----------------------------------------------------------------------------------

cell& machine::cell_at(const void* address) {
  auto hash = reinterpret_cast<std::uintptr_t>(address) * 0x9e3779b97f4a7c15u >> 52;
  for (;; hash = (hash + 1) % cells_.size()) {
    cell& found = cells_[hash];
    if (found.execution != execution_) {
      found = {};
      found.execution = execution_;
      found.address = address;
    }
    if (found.address == address) return found;
  }
}

void machine::plain(const void* address, bool writes, const char* what) {
  if (!active_) return;
  cell& at = cell_at(address);
  const thread_state& who = self();
  const auto races_with = [&](int other) {
    fail(std::string("data race: ") + what + " by thread " + std::to_string(current_) + ", last at " +
         text_of(who.where) + ", with thread " + std::to_string(other));
  };
  if (who.now.clock[at.writer] < at.written) races_with(at.writer);
  if (!writes) {
    at.read[current_] = who.now.clock[current_];
    return;
  }
  for (int i = 0; i < max_threads; ++i)
    if (who.now.clock[i] < at.read[i]) races_with(i);
  at.writer = current_;
  at.written = who.now.clock[current_];
}
}  // namespace explorer
