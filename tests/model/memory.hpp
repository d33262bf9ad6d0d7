// What the explorer knows of memory: all stores of each atomic in modification order, which of them each thread knows,
// and who has used which plain memory. explorer.hpp says what this models.
#pragma once

#include "explorer.hpp"
#include "visited.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

namespace explorer {

using engine::location;
using engine::max_threads;

constexpr int max_locations = 64;
constexpr int max_stores = 250;  // of one location in one execution; the index fits a byte
constexpr int stale_reads_in_a_row = 3;

inline bool acquires(std::memory_order order) {
  return order == std::memory_order_acquire || order == std::memory_order_acq_rel || order == std::memory_order_seq_cst;
}
inline bool releases(std::memory_order order) {
  return order == std::memory_order_release || order == std::memory_order_acq_rel || order == std::memory_order_seq_cst;
}

/// Which stores are known: of each location, all up to this index.
struct view {
  alignas(16) std::uint8_t up_to[max_locations];

  void join(const view& other) {
    for (int i = 0; i < max_locations; ++i) up_to[i] = std::max(up_to[i], other.up_to[i]);
  }
  std::uint64_t hash(int locations) const {
    std::uint64_t all = 0;
    for (int i = 0; i < locations; i += 8) {
      std::uint64_t part;
      std::memcpy(&part, up_to + i, sizeof part);
      all = mix(all, part);
    }
    return all;
  }
};

/// A view, and a vector clock: of each thread, what happens before.
struct knowledge {
  view seen;
  std::int16_t clock[8];

  void join(const knowledge& other) {
    seen.join(other.seen);
    for (int i = 0; i < 8; ++i) clock[i] = std::max(clock[i], other.clock[i]);
  }
};

constexpr knowledge nothing{};

struct stored {
  std::uint64_t value;
  std::uint64_t story;  // of the writer up to here, which tells value and message too
  knowledge message;    // what its acquirer learns
};

struct atomic_state {
  std::vector<stored> stores;
  int creator = 0;
  std::int16_t created = 0;
  std::uint8_t woken_up_to = 0;  // the kernel has seen these stores: a wake followed them
  bool destroyed = false;
  std::int16_t accessed[8] = {};  // when each thread last used it
};

/// Plain memory at one address.
struct cell {
  const void* address = nullptr;
  std::uint64_t execution = 0;
  engine::life life = engine::life::none;
  int writer = 0;
  std::int16_t written = 0;
  std::int16_t read[8] = {};
};

}  // namespace explorer
