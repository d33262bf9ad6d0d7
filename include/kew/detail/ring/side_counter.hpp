// Where one side of a slot_ring has got to: the position that it takes next.
#pragma once

#include <kew/concepts.hpp>
#include <kew/config.hpp>
#include <kew/detail/machine/cache_line.hpp>
#include <kew/detail/machine/sync.hpp>
#include <kew/detail/machine/tuning.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// Of a side that is one thread.
template <cardinality Threads, class Index>
class alignas(cache_line) side_counter {
 public:
  /// `flags` are those that are set from the beginning.
  explicit side_counter(Index start, Index flags = 0) noexcept : word_(static_cast<Index>(start | flags)) {}

  Index position() const noexcept { return word_.load(relaxed); }
  Index seen() const noexcept { return word_.load(relaxed); }

  /// Moves on from `position`.
  bool claim(Index, Index next) noexcept {
    // A read-modify-write, though no other thread writes: a processor does not look ahead of one. With a store it did,
    // and took each line that the other side was writing before that had got far: a stream made a third. relaxed: only
    // size_approx reads it, elements are handed over by their slots.
    word_.exchange(next, relaxed);
    return true;
  }

 private:
  atomic<Index> word_;
};

/// … and of one that is many: a position belongs to the thread that moves the counter past it.
template <class Index>
class alignas(cache_line) side_counter<cardinality::many, Index> {
 public:
  /// `flags` are those that are set from the beginning.
  explicit side_counter(Index start, Index flags = 0) noexcept
      : word_(static_cast<Index>(start | flags)), finished_(start) {}

  // Edge "turn": a thread that comes to a position knows that the one before has been taken, and in which state its
  // slot then was. Edge "flag": what was done before the ring was sealed, or before a construction failed.
  Index position() const noexcept { return word_.load(acquire); }
  Index seen() const noexcept { return word_.load(acquire); }  // Edge "flag"

  /// Moves on from `position`, unless another thread has. `position` is then what was there: the processor has that in a
  /// register, and a caller that goes on with it needs no other one for what it was before.
  bool claim(Index& position, Index next) noexcept {
    // Edge "turn", Edge "flag". relaxed: the caller that was late asks for the position anew.
    return word_.compare_exchange_weak(position, next, acq_rel, relaxed);
  }

  void set(Index flag) noexcept { word_.fetch_or(flag, release); }  // Edge "flag": passes on what this thread has done.
  void clear(Index flag) noexcept {
    // Edge "flag": passes on a slot in which the construction of an element has failed.
    word_.fetch_and(static_cast<Index>(~flag), release);
  }
  /// Moves on and keeps the flags as they are. relaxed: continues the release of the claim before.
  void advance(Index by) noexcept { word_.fetch_add(by, relaxed); }

  /// Everything before `position` has finished, or is marked as overtaken.
  bool finished_before(Index position) const noexcept {
    return finished_.load(acquire) == position;  // Edge "finish"
  }
  void finish_before(Index position) noexcept { finished_.store(position, release); }  // Edge "finish"

  /// To be told of each group whether all of it was ready when a thread came to it: whether that has been so for long.
  bool is_far_behind(bool all_ready) noexcept {
    if constexpr (tuning::lines_before_lookahead == 0) return all_ready;
    // relaxed: a guess. Threads that come at the same time may miscount.
    const unsigned before = ready_groups_.load(relaxed);
    if (all_ready && before == tuning::lines_before_lookahead) return true;
    const unsigned now = all_ready ? before + 1 : 0;
    if (now != before) ready_groups_.store(now, relaxed);
    return false;
  }

 private:
  atomic<Index> word_;
  /// The end of the last operation that has finished. Here, because its writer has this line already.
  atomic<Index> finished_;
  /// How many in a row, up to as many as count.
  atomic<unsigned> ready_groups_{0};
};

}}}  // namespace kew::KEW_NAMESPACE::detail
