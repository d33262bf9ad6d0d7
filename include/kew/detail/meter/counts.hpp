// Counts that many threads raise and any thread reads, without a line that all of them write.
//
// The threads of a side spread over shards. The first few threads own one each and raise its counts by a load and a
// store; all others share the rest and raise theirs by a read-modify-write. Every access is relaxed, because no figure
// says anything about an element.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <kew/concepts.hpp>
#include <kew/config.hpp>
#include <kew/detail/machine/cache_line.hpp>
#include <kew/detail/machine/min_max.hpp>
#include <kew/detail/machine/sync.hpp>
#include <kew/detail/machine/tuning.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

using figure = atomic<std::uint64_t>;

/// Returns what it was. `owned`: no other thread raises it.
inline std::uint64_t raise(figure& to, std::uint64_t by, bool owned) noexcept {
  if (owned) {
    const std::uint64_t before = to.load(relaxed);
    to.store(before + by, relaxed);
    return before;
  }
  return to.fetch_add(by, relaxed);
}

/// fetch_max.
inline void raise_to(figure& highest, std::uint64_t value) noexcept {
  std::uint64_t before = highest.load(relaxed);
  while (before < value && !highest.compare_exchange_weak(before, value, relaxed, relaxed)) {
  }
}

/// A Shard for each thread of a side that has only one.
template <cardinality Threads, class Shard>
class shards {
 public:
  struct share {
    Shard& shard;
    static constexpr bool owned = true;
  };
  share mine() noexcept { return {shard_[0]}; }

  auto begin() const noexcept { return shard_.begin(); }
  auto end() const noexcept { return shard_.end(); }

 private:
  std::array<Shard, 1> shard_{};
};

template <class Shard>
class shards<cardinality::many, Shard> {
  static constexpr std::size_t owned = tuning::owned_shards;
  static constexpr std::size_t shared = tuning::shared_shards;

 public:
  struct share {
    Shard& shard;
    bool owned;
  };

  share mine() noexcept {
    const std::uintptr_t me = thread_token();
    // Tokens are addresses, and alike in their lower bits.
    const auto mixed = static_cast<std::size_t>(me * std::uint64_t{0x9e37'79b9'7f4a'7c15} >> 32);
    if (owners_[mixed % owned].load(relaxed) == me) [[likely]]
      return {shards_[mixed % owned], true};
    return find(me, mixed);
  }

  auto begin() const noexcept { return shards_.begin(); }
  auto end() const noexcept { return shards_.end(); }

 private:
  [[gnu::noinline]] share find(std::uintptr_t me, std::size_t mixed) noexcept {
    for (std::size_t i = 0; i < owned; ++i) {
      const std::size_t place = (mixed + i) % owned;
      // A thread keeps its shard for ever. One that comes later, with the token of one that has ended, takes it over.
      std::uintptr_t owner = owners_[place].load(relaxed);
      if (owner == 0 && owners_[place].compare_exchange_weak(owner, me, relaxed, relaxed)) owner = me;
      if (owner == me) return {shards_[place], true};
    }
    return {shards_[owned + mixed / owned % shared], false};
  }

  std::array<Shard, owned + shared> shards_{};
  alignas(cache_line) std::array<atomic<std::uintptr_t>, owned> owners_{};
};

template <class Shards, class Shard>
std::uint64_t sum(const Shards& shards, figure Shard::* of) noexcept {
  std::uint64_t all = 0;
  for (const Shard& shard : shards) all += (shard.*of).load(relaxed);
  return all;
}
template <class Shards, class Shard>
std::uint64_t highest(const Shards& shards, figure Shard::* of) noexcept {
  std::uint64_t most = 0;
  for (const Shard& shard : shards) most = max(most, (shard.*of).load(relaxed));
  return most;
}

}}}  // namespace kew::KEW_NAMESPACE::detail
