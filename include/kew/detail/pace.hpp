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

#include <kew/detail/sync.hpp>

namespace kew::inline KEW_NAMESPACE::detail {

/// One side's. That may be many threads: then what it remembers is a mixture of what happened to each.
class pace {
 public:
  /// `few`: less than this is not worth the asking. `most_pauses`: how long to stand back at most.
  constexpr pace(unsigned few, unsigned most_pauses) noexcept : few_(few), most_pauses_(most_pauses) {}

  /// To be called before the other side is asked. True if some time has passed.
  bool stand_back() const noexcept {
    const unsigned closeness = closeness_.get();
    if (closeness < close) [[likely]] return false;
    for (unsigned pauses = std::min(most_pauses_, closeness * 16); pauses > 0; --pauses) cpu_relax();
    return true;
  }

  /// `count`: how many elements, or free slots, the last answer was good for.
  template <class Count>
  void found(Count count) noexcept {
    const unsigned closeness = closeness_.get();
    // One is what a ping-pong finds, where nothing may be delayed; none is what the end of a stream finds.
    if (count <= 1) {
      if (closeness > 0) closeness_.set(count == 1 ? 0 : closeness - 1);
    } else if (count < few_) {
      closeness_.set(std::min(closeness + 2, closest));
    }
  }

 private:
  static constexpr unsigned close = 4;
  static constexpr unsigned closest = 8;

  hint<unsigned> closeness_;
  unsigned few_;
  unsigned most_pauses_;
};

}  // namespace kew::inline KEW_NAMESPACE::detail
