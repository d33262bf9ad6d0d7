// The choices of an execution, and how the next execution chooses differently: depth first along a path, or by chance.
#pragma once

#include "explorer.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace explorer {

constexpr unsigned max_choices = 16;  // a choice is one hexadecimal digit of the path

inline bool within(int spent, int bound) { return spent < bound || bound >= unbounded; }

class choices {
 public:
  choices() {
    path_.reserve(max_path);
    counts_.reserve(max_path);
  }

  /// Executions choose along `path` from now on; beyond its end the first of each, or what pick's chooser says.
  void follow(const std::string& path, bool by_chance);
  std::string path() const;

  /// Before each execution.
  void rewind() { depth_ = 0; }
  /// To the next path in depth-first order; false after the last one.
  bool advance();
  /// Whether the execution has left the path of the one before it.
  bool is_new() const { return depth_ >= path_.size(); }

  template <class Chooser>
  unsigned pick(unsigned count, Chooser chooser) {
    if (count <= 1) return 0;
    if (count > max_choices) count = max_choices;
    unsigned chosen = 0;
    if (depth_ < path_.size()) {
      chosen = std::min<unsigned>(path_[depth_], count - 1);
    } else {
      if (by_chance_) chosen = chooser();
      // Within their capacity: a scenario is running, and its heap is not the explorer's.
      if (path_.size() == max_path) fail("more choices than a path can hold");
      path_.push_back(static_cast<std::uint8_t>(chosen));
      counts_.push_back(0);
    }
    counts_[depth_] = static_cast<std::uint8_t>(count);
    ++depth_;
    return chosen;
  }

  void seed(std::uint64_t with);
  unsigned below(unsigned count) {
    random_ ^= random_ << 13;
    random_ ^= random_ >> 7;
    random_ ^= random_ << 17;
    return static_cast<unsigned>((random_ >> 24) % count);
  }

 private:
  static constexpr std::size_t max_path = 1 << 16;

  std::vector<std::uint8_t> path_;
  std::vector<std::uint8_t> counts_;
  std::size_t depth_ = 0;
  bool by_chance_ = false;
  std::uint64_t random_ = 1;
};

}  // namespace explorer
