// Where holders put what they have acknowledged, without the mutex of the ledger and without a locked instruction.
//
// The first few threads that acknowledge own a shard each: a ring of entries that the thread fills, and that the thread
// with the mutex empties. Before it looks at the ledger's entry, the owner says that it is inside its shard; and it goes
// away if all shards are shut. A thread that shuts them waits until no owner is inside. So what it finds then does not
// change: it may end timeouts, go to sleep until it is told of an acknowledgement, or destroy the queue. While they are
// shut, holders take the mutex, and so do threads without a shard, and those whose ring is full.
//
// The owner's step and its look at whether they are shut are the store-buffering pattern, with the heavy fence on the
// side that shuts. To say that it is outside is the last that it does with the queue, which may be gone then.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <kew/config.hpp>
#include <kew/detail/machine/cache_line.hpp>
#include <kew/detail/machine/fence.hpp>
#include <kew/detail/machine/sync.hpp>
#include <kew/detail/machine/tuning.hpp>
#include <kew/detail/wait/backoff.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// An Item says what was acknowledged.
template <class Item>
class acknowledged {
 public:
  acknowledged() noexcept = default;
  acknowledged(const acknowledged&) = delete;
  acknowledged& operator=(const acknowledged&) = delete;

  /// Any thread. Calls `done(Item&)` while no timeout is ended: it fills the item and answers true, or answers false.
  /// False: it has, or was not called. True: the queue may be gone.
  template <class F>
  bool add(F done) noexcept {
    shard* const mine = shard_of(thread_token());
    if (mine == nullptr) return false;
    const std::size_t position = mine->added.load(relaxed);
    // Edge "slot": takes the places that were emptied.
    if (position - mine->taken.load(acquire) == size) return false;
    mine->inside.store(1, relaxed);
    fence_light(fence_);  // Edge "shut": a thread that shuts sees this one inside, or this one sees that they are shut.
    // Edge "open": sees which deliveries were ended while they were shut.
    const bool is_done = shut_.load(acquire) == 0 && done(mine->items[position % size]);
    // Edge "acknowledged": hands over the item, and what its holder did with the message.
    if (is_done) mine->added.store(position + 1, release);
    mine->inside.store(0, release);  // Edge "outside": and so does this, where the shards are shut.
    return is_done;
  }

  // ---- With the mutex held -------------------------------------------------------------------------------------------

  /// Takes all items, and calls `f(Item&)` for each.
  template <class F>
  void take(F f) noexcept {
    for (shard& each : shards_) {
      std::size_t position = each.taken.load(relaxed);
      const std::size_t end = each.added.load(acquire);  // Edge "acknowledged"
      if (position == end) continue;
      for (; position != end; ++position) f(each.items[position % size]);
      each.taken.store(end, release);  // Edge "slot": gives the places back.
    }
  }
  /// The same when no owner is inside, and none comes in until open().
  template <class F>
  void shut(F f) noexcept {
    if (is_shut()) return;
    shut_.store(1, relaxed);
    fence_heavy(fence_);  // Edge "shut"
    for (const shard& each : shards_)
      for (backoff wait; each.inside.load(acquire) != 0;) wait.pause();  // Edge "outside"
    take(f);
  }
  bool is_shut() const noexcept { return shut_.load(relaxed) != 0; }
  void open() noexcept {
    shut_.store(0, release);  // Edge "open": hands over what has become of the deliveries.
  }

 private:
  static constexpr std::size_t size = tuning::acknowledged_slots;
  static constexpr std::size_t count = tuning::acknowledged_shards;

  struct alignas(cache_line) shard {
    atomic<std::uintptr_t> owner{0};
    atomic<std::uint32_t> inside{0};
    atomic<std::size_t> added{0};
    std::array<Item, size> items{};
    alignas(cache_line) atomic<std::size_t> taken{0};
  };

  shard* shard_of(std::uintptr_t me) noexcept {
    // Tokens are addresses, and alike in their lower bits.
    const auto mixed = static_cast<std::size_t>(me * std::uint64_t{0x9e37'79b9'7f4a'7c15} >> 32);
    if (shard& first = shards_[mixed % count]; first.owner.load(relaxed) == me) [[likely]]
      return &first;
    return find(me, mixed);
  }
  [[gnu::noinline]] shard* find(std::uintptr_t me, std::size_t mixed) noexcept {
    for (std::size_t i = 0; i < count; ++i) {
      shard& each = shards_[(mixed + i) % count];
      // A thread keeps its shard for ever. One that comes later, with the token of one that has ended, takes it over.
      std::uintptr_t owner = each.owner.load(relaxed);
      if (owner == 0 && each.owner.compare_exchange_weak(owner, me, relaxed, relaxed)) owner = me;
      if (owner == me) return &each;
    }
    return nullptr;
  }

  atomic<std::uint32_t> shut_{0};
  asymmetric_fence fence_{};
  std::array<shard, count> shards_{};
};

}}}  // namespace kew::KEW_NAMESPACE::detail
