// What the explorer says and is told about places in the source: the trace of an execution, the places that use an
// atomic, and the change to one of them that is tried.
#pragma once

#include "explorer.hpp"

#include <string>
#include <utility>
#include <vector>

namespace explorer {

const char* file_of(const site& where);
std::string text_of(const site& where);

class report {
 public:
  void mutate(const mutant* change) {
    mutant_ = change;
    line_ = change == nullptr ? 0 : change->at.line;
  }
  bool is_mutated(const site& where) const {
    return line_ != 0 && where.line() == line_ && where.column() == mutant_->at.column &&
           mutant_->at.file == where.file_name();
  }
  bool is_mutated(const site& where, weakening how) const { return is_mutated(where) && mutant_->how == how; }
  bool drops(const site& where) const { return is_mutated(where, weakening::drop); }
  std::memory_order ordered(const site& where, std::memory_order order, weakening which = weakening::order) const {
    return is_mutated(where, which) ? mutant_->to : order;
  }

  void collect(bool on) {
    collecting_ = on;
    if (on) places_.clear();
  }
  void collect(const site& where, operation what, std::memory_order order = std::memory_order_relaxed,
               std::memory_order failure = std::memory_order_relaxed, bool two = false) {
    if (collecting_) add(where, what, order, failure, two);
  }
  const std::vector<place>& places() const { return places_; }

  void trace(bool on) { tracing_ = on; }
  bool tracing() const { return tracing_; }
  void line(int step, int thread, const site& where, const char* text);
  std::string take_trace() { return std::exchange(trace_, {}); }

 private:
  void add(const site& where, operation what, std::memory_order order, std::memory_order failure, bool two);

  const mutant* mutant_ = nullptr;
  unsigned line_ = 0;
  bool collecting_ = false;
  std::vector<place> places_;
  bool tracing_ = false;
  std::string trace_;
};

}  // namespace explorer
