// Keeps one side of a ring from treading on the other's heels.
//
// Where both sides run at full speed, the faster one catches up with the slower one and then asks after every few
// elements how far that is. Each time it takes a line away that the other side is writing, which therefore gets only a
// few elements further: both go at the pace of the line. Whoever stands back for a moment finds a good many elements
// instead of a few.
//
// Source     the distance that FastForward keeps on purpose ("temporal slipping": J. Giacomoni et al., PPoPP 2008),
//            here kept by whoever is faster, and only where it has closed up again and again.
#pragma once

#include <algorithm>
#include <cstddef>

#include <kew/detail/sync.hpp>

namespace kew::inline KEW_NAMESPACE::detail {

/// One side's. It may be many threads: then what they remember here is a mixture of what happened to each.
template <class Index>
class pace {
 public:
  /// To be called where the slot at `position` is not known to be ready, and before the other side is disturbed.
  /// True if some time has passed, and the slot may be ready now.
  bool stand_back(Index position, std::size_t capacity) noexcept {
    const auto found = static_cast<Index>(position - asked_at_.get());
    const int before = closeness_.get();
    int closeness = before;
    // One is what a ping-pong finds, where nothing may be delayed; none is what the end of a stream finds.
    if (found == 1)
      closeness = 0;
    else if (found == 0)
      closeness = std::max(before - 1, 0);
    else if (found < std::min(few, capacity / 2))
      closeness = std::min(before + 2, closest);
    if (found != 0) asked_at_.set(position);
    if (closeness != before) closeness_.set(closeness);
    if (closeness < close) [[likely]] return false;
    // Not for longer than the other side takes for a good part of the ring, roughly: it would have to wait.
    for (std::size_t pauses = std::min(capacity / 4, static_cast<std::size_t>(closeness) * 8); pauses > 0; --pauses) cpu_relax();
    return true;
  }

 private:
  static constexpr int close = 4;
  static constexpr int closest = 16;
  // Measured, like the number of pauses: what the longest time of standing back is worth, roughly.
  static constexpr std::size_t few = 256;

  hint<Index> asked_at_;
  hint<int> closeness_;
};

}  // namespace kew::inline KEW_NAMESPACE::detail
