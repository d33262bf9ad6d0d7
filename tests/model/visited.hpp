// The states that a depth-first search has been in, so that it need not go on from the same state twice.
//
// Executions that differ only in the order of steps that do not concern each other come to the same state. What a
// thread will do is a function of what it has learnt: its story, the hash of all that its loads, waits and choices
// have returned. What it may learn is a function of the stores in each location, and a store is known by its writer's
// story. So these hashes, what fences have made common, who is asleep and the clock are the whole state. No state
// comes twice in one execution, as stories only grow: what was entered before is finished, and all that can follow
// from it has been tried.
//
// Two states that are taken for one would hide executions; with 60 bits and the millions of states of a scenario
// the odds are below one in a hundred thousand.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace explorer {

constexpr std::uint64_t mix(std::uint64_t hash, std::uint64_t what) {
  hash = (hash ^ what) * 0x9e3779b97f4a7c15;
  hash = (hash ^ (hash >> 32)) * 0xd6e8feb86659fd93;
  return hash ^ (hash >> 29);
}

class visited_states {
 public:
  void clear() {
    states_.assign(std::size_t{1} << 12, 0);
    count_ = 0;
  }

  /// False if the state has been entered before, at no higher a price: then there were at least as many preemptions
  /// left as now.
  bool enter(std::uint64_t state, unsigned price) {
    state &= ~mask_of_price;
    for (std::size_t at = static_cast<std::size_t>(state >> 20);; ++at) {
      std::uint64_t& found = states_[at & (states_.size() - 1)];
      if (found == 0) {
        if (count_ == most) return true;  // Nothing is wrong with searching from there twice.
        found = state | (price + 1);
        if (++count_ > states_.size() / 2) grow();
        return true;
      }
      if ((found & ~mask_of_price) != state) continue;
      if ((found & mask_of_price) <= price + 1) return false;
      found = state | (price + 1);
      return true;
    }
  }

 private:
  static constexpr std::uint64_t mask_of_price = 15;
  static constexpr std::size_t most = std::size_t{1} << 23;

  void grow() {
    std::vector<std::uint64_t> old(states_.size() * 2);
    old.swap(states_);
    for (const std::uint64_t each : old) {
      if (each == 0) continue;
      std::size_t at = static_cast<std::size_t>(each >> 20);
      while (states_[at & (states_.size() - 1)] != 0) ++at;
      states_[at & (states_.size() - 1)] = each;
    }
  }

  std::vector<std::uint64_t> states_;
  std::size_t count_ = 0;
};

}  // namespace explorer
