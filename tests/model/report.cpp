#include "report.hpp"

#include "arena.hpp"

#include <cstdio>
#include <cstring>

namespace explorer {

const char* file_of(const site& where) {
  const char* slash = std::strrchr(where.file_name(), '/');
  return slash == nullptr ? where.file_name() : slash + 1;
}

std::string text_of(const site& where) { return std::string(file_of(where)) + ":" + std::to_string(where.line()); }

void report::add(const site& where, operation what, std::memory_order order, std::memory_order failure, bool two) {
  if (where.line() == 0) return;  // the scenario's own fence
  for (const place& known : places_)
    if (known.line == where.line() && known.column == where.column() && known.file == where.file_name()) return;
  const arena::closed outside;
  places_.push_back({where.file_name(), where.line(), where.column(), what, order, failure, two});
}

void report::line(int step, int thread, const site& where, const char* text) {
  char place[80];
  std::snprintf(place, sizeof place, "%4d  T%d  %-26s ", step, thread, text_of(where).c_str());
  trace_ += place;
  trace_ += text;
  trace_ += '\n';
}

const char* name_of(std::memory_order order) {
  switch (order) {
    case std::memory_order_relaxed: return "relaxed";
    case std::memory_order_consume: return "consume";
    case std::memory_order_acquire: return "acquire";
    case std::memory_order_release: return "release";
    case std::memory_order_acq_rel: return "acq_rel";
    case std::memory_order_seq_cst: return "seq_cst";
  }
  return "?";
}

const char* name_of(operation what) {
  switch (what) {
    case operation::load: return "load";
    case operation::store: return "store";
    case operation::modify: return "modify";
    case operation::compare_exchange_strong: return "compare_exchange_strong";
    case operation::compare_exchange_weak: return "compare_exchange_weak";
    case operation::fence: return "fence";
    case operation::compiler_fence: return "compiler fence";
    case operation::membarrier: return "membarrier";
    case operation::outlast_store_buffers: return "wait for store buffers";
    case operation::light_fence: return "light fence";
    case operation::heavy_fence: return "heavy fence";
    case operation::wait: return "futex_wait";
    case operation::wake: return "futex_wake";
  }
  return "?";
}

std::string mutant::text() const {
  const std::size_t slash = at.file.rfind('/');
  std::string text = at.file.substr(slash == std::string::npos ? 0 : slash + 1) + ":" + std::to_string(at.line) + ":" +
                     std::to_string(at.column) + " " + name_of(at.what);
  switch (how) {
    case weakening::order: return text + ": " + name_of(at.order) + " -> " + name_of(to);
    case weakening::failure_order: return text + ": on failure " + name_of(at.failure) + " -> " + name_of(to);
    case weakening::drop: return text + ": dropped";
    case weakening::strong_to_weak: return text + ": strong -> weak";
  }
  return text;
}

std::vector<mutant> weakenings(const place& at) {
  std::vector<mutant> all;
  const auto weaken = [&](weakening how, std::memory_order from, bool reads, bool writes) {
    const auto to = [&](std::memory_order order) { all.push_back({at, how, order}); };
    if (from == std::memory_order_seq_cst && reads && writes) to(std::memory_order_acq_rel);
    if (reads && (from == std::memory_order_seq_cst || (writes && from == std::memory_order_acq_rel)))
      to(std::memory_order_acquire);
    if (writes && (from == std::memory_order_seq_cst || (reads && from == std::memory_order_acq_rel)))
      to(std::memory_order_release);
    if (from != std::memory_order_relaxed) to(std::memory_order_relaxed);
  };
  switch (at.what) {
    case operation::load: weaken(weakening::order, at.order, true, false); break;
    case operation::store: weaken(weakening::order, at.order, false, true); break;
    case operation::modify: weaken(weakening::order, at.order, true, true); break;
    case operation::compare_exchange_strong: all.push_back({at, weakening::strong_to_weak, at.order}); [[fallthrough]];
    case operation::compare_exchange_weak:
      weaken(weakening::order, at.order, true, true);
      if (at.two_orders) weaken(weakening::failure_order, at.failure, true, false);
      break;
    case operation::fence:
      if (at.order == std::memory_order_seq_cst) all.push_back({at, weakening::order, std::memory_order_acq_rel});
      [[fallthrough]];
    case operation::compiler_fence:
    case operation::membarrier:
    case operation::outlast_store_buffers:
    case operation::light_fence:
    case operation::heavy_fence:
    case operation::wake: all.push_back({at, weakening::drop, at.order}); break;
    case operation::wait: break;
  }
  return all;
}

}  // namespace explorer
