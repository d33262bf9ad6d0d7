#include "threads.hpp"

#include "arena.hpp"

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>

namespace explorer {
namespace {

constexpr int idle_limit = 200;

}  // namespace

// ---- Executions -------------------------------------------------------------------------------------

void machine::reset() {
  arena::clear();
  for (int i = 0; i < atomics_count_; ++i) {
    atomics_[i].stores.clear();
    atomics_[i].woken_up_to = 0;
    atomics_[i].destroyed = false;
    std::fill(std::begin(atomics_[i].accessed), std::end(atomics_[i].accessed), std::int16_t{0});
  }
  atomics_count_ = 0;
  sequential_ = light_ = heavy_ = nothing.seen;
  memory_ = 0;
  time_ = 0;
  changes_ = 0;
  ++execution_;
  current_ = 0;
  running_ = steps_ = idle_ = idle_ever_ = preemptions_ = stale_reads_ = surprises_ = 0;
  crashed_ = is_cut_ = false;
  elements_alive = 0;
  choices_.rewind();
  for (thread_state& each : threads_) {
    const int priority = each.priority;
    each = thread_state{};
    each.priority = priority;
  }
  threads_[0].is = state::ready;
  threads_[0].now.clock[0] = 1;
}

void machine::begin_body() {
  world.body_();
  if (world.elements_alive != 0) world.fail(std::to_string(world.elements_alive) + " element(s) leaked");
  if (arena::blocks_alive() != 0) world.fail(std::to_string(arena::blocks_alive()) + " block(s) of memory leaked");
  world.leave();
}

void machine::begin_thread() {
  thread_state& self = world.self();
  self.work.run(self.work.object);
  world.perform_late_load();
  self.is = state::finished;
  --world.running_;
  world.reschedule(reason::cannot);
  std::abort();
}

void machine::leave() {
  active_ = false;
  arena::open(false);
  fiber::change(fibers_[current_], controller_);
  std::abort();
}

void machine::run_once(void (*body)()) {
  reset();
  body_ = body;
  fibers_[0].restart(begin_body);
  active_ = true;
  arena::open(true);
  fiber::change(controller_, fibers_[0]);
  ++(is_cut_ ? result_.cut : result_.executions);
  result_.longest = std::max(result_.longest, steps_);
}

void machine::fail(const std::string& what, bool blocked) {
  arena::open(false);
  // Written by the explorer's own heap: the scenario's is forgotten with the execution.
  result_.failed = true;
  result_.blocked = blocked;
  result_.failure = std::string(what.c_str());
  line("%s", ("FAILED: " + result_.failure).c_str());
  leave();
}

void machine::together(const engine::task* tasks, int count) {
  for (int i = 1; i <= count; ++i) {
    threads_[i].work = tasks[i - 1];
    threads_[i].now = threads_[0].now;
    threads_[i].now.clock[i] = static_cast<std::int16_t>(threads_[i].now.clock[i] + 1);
    threads_[i].is = state::ready;
    threads_[i].released = threads_[i].unacquired = nothing;
    threads_[i].changes_known = changes_ - threads_[i].own_changes;
    threads_[i].story = mix(threads_[0].story, static_cast<std::uint64_t>(i));
    fibers_[i].restart(begin_thread);
  }
  running_ = count;
  threads_[0].is = state::absent;
  ++threads_[0].now.clock[0];
  reschedule(reason::cannot);
  for (int i = 1; i <= count; ++i) {
    threads_[0].now.join(threads_[i].now);
    learn(threads_[i].story);
    threads_[i].is = state::absent;
  }
}
// ---- Who runs next ----------------------------------------------------------------------------------

int machine::gather(reason why, candidate* out) {
  int count = 0;
  const bool stays = why == reason::step;
  if (stays) out[count++] = {static_cast<std::int8_t>(current_), deed::run};
  const bool may_switch = !stays || options_.how != search::depth_first || within(preemptions_, options_.preemptions);
  const bool may_surprise = within(surprises_, options_.surprises) && may_switch;
  if (may_switch) {
    for (int i = 1; i < max_threads; ++i) {
      thread_state& each = threads_[i];
      if (i == current_ && why != reason::cannot) continue;
      if (each.is == state::ready || (each.is == state::relaxing && (each.stale != 0 || others_changed(each))))
        out[count++] = {static_cast<std::int8_t>(i), deed::run};
    }
    if (why == reason::relaxes && (self().stale != 0 || others_changed(self())))
      out[count++] = {static_cast<std::int8_t>(current_), deed::run};
  }
  const bool idle = count == 0;
  if (idle && idle_ < idle_limit) {
    // Nobody has anything to do: time passes, and all who poll may look again.
    time_ += std::int64_t{1000} << std::min(idle_ever_, 40);
    ++idle_;
    ++idle_ever_;
    for (int i = 1; i < max_threads; ++i) {
      if (threads_[i].is != state::relaxing) continue;
      threads_[i].is = state::ready;
      out[count++] = {static_cast<std::int8_t>(i), deed::run};
    }
  }
  for (int i = 1; i < max_threads; ++i) {
    const thread_state& each = threads_[i];
    if (each.is != state::sleeping) continue;
    const bool is_timed = each.deadline != engine::no_deadline;
    if (is_timed && (idle || each.deadline <= time_ || may_surprise))
      out[count++] = {static_cast<std::int8_t>(i), deed::time_out};
    if (may_surprise && !idle) out[count++] = {static_cast<std::int8_t>(i), deed::interrupt};
  }
  if (options_.crash == current_ && !crashed_ && stays)
    out[count++] = {static_cast<std::int8_t>(current_), deed::crash};
  return count;
}

void machine::reschedule(reason why) {
  const int before = current_;
  for (;;) {
    if (running_ == 0) {
      current_ = 0;
      threads_[0].is = state::ready;
      break;
    }
    candidate from[16];
    const int count = gather(why, from);
    if (count > 1 && is_redundant(why)) {
      is_cut_ = true;
      leave();
    }
    if (count == 0) {
      bool unfinished = false;
      for (int i = 1; i < max_threads; ++i)
        unfinished |= threads_[i].is == state::relaxing || threads_[i].is == state::sleeping;
      if (!unfinished) leave();  // only the crashed thread is left
      nobody_can_run();
    }
    const candidate chosen =
        from[choices_.pick(static_cast<unsigned>(count), [&] { return prefer(why, from, count); })];
    thread_state& next = threads_[chosen.thread];
    if (chosen.what == deed::crash) {
      crashed_ = true;
      next.is = state::crashed;
      line("stops for ever");
      why = reason::cannot;
      continue;
    }
    if (chosen.what != deed::run) {
      const bool times_out = chosen.what == deed::time_out;
      next.answer = times_out ? ETIMEDOUT : EINTR;
      if (!times_out || (from[0].what == deed::run && next.deadline > time_)) ++surprises_;
      if (times_out) time_ = std::max(time_, next.deadline);
    }
    if (why == reason::step && chosen.thread != before) ++preemptions_;
    next.is = state::ready;
    current_ = chosen.thread;
    break;
  }
  if (current_ != before) fiber::change(fibers_[before], fibers_[current_]);
}

void machine::nobody_can_run() {
  std::string what = "nobody can go on:";
  for (int i = 1; i < max_threads; ++i) {
    const thread_state& each = threads_[i];
    if (each.is == state::relaxing || each.is == state::sleeping)
      what += " thread " + std::to_string(i) + (each.is == state::sleeping ? " sleeps at " : " polls at ") +
              text_of(each.where);
  }
  fail(what, true);
}

void machine::count_step(const site& where) {
  if (++steps_ > options_.steps)
    fail("livelock: " + std::to_string(steps_) + " steps, the last at " + text_of(where), true);
}

void machine::begin(const site& where, operation what) {
  if (!active_) {
    std::fprintf(stderr, "%s:%u: an atomic of the model is used outside of a scenario\n", where.file_name(),
                 where.line());
    std::abort();
  }
  thread_state& self = threads_[current_];
  self.where = where;
  ++self.steps;
  learn(static_cast<std::uint64_t>(what));
  count_step(where);
  // How a fence is made does not change while the kernel does not change its mind, so to ask for it is no step. Nor is a
  // membarrier after a full fence: what others do in between, they may as well do before both.
  const bool is_part = self.in_fence && (what == operation::load || what == operation::membarrier);
  if (is_part && options_.fence != fences::refused) return;
  if (running_ > 1 || (options_.crash != 0 && running_ > 0)) reschedule(reason::step);
}
// ---- Waiting ----------------------------------------------------------------------------------------

void machine::relax(const site& where) {
  thread_state& self = threads_[current_];
  self.where = where;
  count_step(where);
  if (running_ == 0) fail("the scenario's body polls, and nobody else runs", true);
  line("polls");
  learn(1);
  self.is = state::relaxing;
  reschedule(reason::relaxes);
  // What was overtaken becomes visible in the end, else no polling loop would have one.
  for (int i = 0; i < atomics_count_; ++i)
    if (self.stale >> i & 1) self.now.seen.up_to[i] = static_cast<std::uint8_t>(atomics_[i].stores.size() - 1);
  learn(self.now.seen.hash(atomics_count_));
  self.stale = 0;
  self.changes_known = changes_ - self.own_changes;
}

int machine::wait(location at, std::uint32_t expected, std::int64_t deadline, const site& where) {
  begin(where, operation::wait);
  perform_late_load();
  atomic_state& word = touch(at);
  thread_state& self = threads_[current_];
  // The kernel may compare an overtaken value, unless a wake has made the newer one known to it.
  const unsigned newest = static_cast<unsigned>(word.stores.size()) - 1;
  const unsigned floor = std::max<unsigned>(self.now.seen.up_to[at], word.woken_up_to);
  unsigned sleeps_on = max_stores;
  if (word.stores[newest].value == expected) {
    sleeps_on = newest;
  } else {
    for (unsigned i = newest; i-- > floor && sleeps_on == max_stores;)
      if (word.stores[i].value == expected) sleeps_on = i;
    if (sleeps_on != max_stores) {
      const bool allowed = options_.how != search::depth_first || within(stale_reads_, options_.stale_reads);
      if (!allowed || choices_.pick(2, [&] { return below(2); }) == 0) sleeps_on = max_stores;
    }
  }
  if (sleeps_on == max_stores) {
    line("wait    #%-2u 0x%x: holds 0x%llx, no sleep", at, expected,
         static_cast<unsigned long long>(word.stores[newest].value));
    read(at, newest, std::memory_order_relaxed);
    end();
    return EAGAIN;
  }
  read(at, sleeps_on, std::memory_order_relaxed);
  end();
  if (deadline <= time_) {
    line("wait    #%-2u 0x%x: too late", at, expected);
    learn(ETIMEDOUT);
    return ETIMEDOUT;
  }
  if (running_ == 0) fail("the scenario's body sleeps, and nobody else runs", true);
  line("wait    #%-2u 0x%x: sleeps", at, expected);
  self.is = state::sleeping;
  self.word = at;
  self.deadline = deadline;
  self.answer = 0;
  reschedule(reason::cannot);
  // A return for no reason may say that it was a signal, or nothing.
  if (self.answer == EINTR && choices_.pick(2, [&] { return below(2); }) == 1) self.answer = 0;
  self.now.seen.up_to[at] = std::max(self.now.seen.up_to[at], atomics_[at].woken_up_to);
  learn(mix(atomics_[at].woken_up_to, static_cast<std::uint64_t>(self.answer)));
  line("wait    #%-2u %s", at, self.answer == 0 ? "returns" : self.answer == EINTR ? "is interrupted" : "times out");
  return self.answer;
}

std::int64_t machine::now() {
  // The thread may have been off its core for an hour.
  if (running_ > 0 && within(surprises_, options_.surprises) && by_surprise()) {
    ++surprises_;
    time_ += std::int64_t{3600} * 1'000'000'000;
    line("an hour passes");
  }
  learn(static_cast<std::uint64_t>(time_));
  return time_;
}

void machine::wake(location at, int count, const site& where) {
  places.collect(where, operation::wake, std::memory_order_relaxed);
  begin(where, operation::wake);
  if (places.drops(where)) {
    line("(wake dropped)");
    return;
  }
  atomic_state& word = touch(at);
  memory_ -= mix(at, word.woken_up_to);
  word.woken_up_to = std::max(word.woken_up_to, self().now.seen.up_to[at]);
  memory_ += mix(at, word.woken_up_to);
  std::string woken;
  while (count-- > 0) {
    int sleepers[max_threads];
    unsigned found = 0;
    for (int i = 1; i < max_threads; ++i)
      if (threads_[i].is == state::sleeping && threads_[i].word == at) sleepers[found++] = i;
    if (found == 0) break;
    const int chosen = sleepers[choices_.pick(found, [&] { return below(found); })];
    threads_[chosen].is = state::ready;
    threads_[chosen].answer = 0;
    if (places.tracing()) {
      const arena::closed outside;
      woken += " thread " + std::to_string(chosen);
    }
  }
  line("wake    #%-2u%s", at, woken.empty() ? " nobody" : woken.c_str());
  end();
}
void machine::line(const char* format, ...) {
  if (!places.tracing()) return;
  char text[400];
  std::va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  const arena::closed outside;
  places.line(steps_, current_, self().where, text);
}

}  // namespace explorer
