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

#include <kew/detail/machine/min_max.hpp>
#include <kew/detail/machine/sync.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// One side's. That may be many threads: then what it remembers is a mixture of what happened to each.
class pace {
 public:
  /// `few`: less than this is not worth the asking. `most_pauses`: how long to stand back at most. `worth_it`: what has
  /// to come of the longest standing back.
  constexpr pace(unsigned few, unsigned most_pauses, unsigned worth_it) noexcept
      : few_(few), most_pauses_(most_pauses), worth_it_(worth_it) {}

  /// To be called before the other side is asked. True if some time has passed.
  [[gnu::always_inline]] bool stand_back() noexcept { return closeness_.get() >= close && pause(); }

  /// `count`: how many elements, or free slots, the last answer was good for.
  template <class Count>
  [[gnu::always_inline]] void found(Count count) noexcept {
    // One is what a ping-pong finds, where nothing may be delayed; none is what the end of a stream finds.
    if (count > 1 || closeness_.get() > 0) [[unlikely]]
      remember(count < few_ ? static_cast<unsigned>(count) : few_);
  }

 private:
  static constexpr int close = 4;
  static constexpr int closest = 8;
  static constexpr int not_worth_it = -64;

  // Out of line, and what is above in it: all this happens in the middle of somebody's loop.
  [[gnu::noinline]] bool pause() noexcept {
    const unsigned pauses = min(most_pauses_, static_cast<unsigned>(closeness_.get()) * 16);
    for (unsigned i = 0; i < pauses; ++i) cpu_relax();
    hoped_for_.set(worth_it_ * pauses / most_pauses_);
    return true;
  }
  [[gnu::noinline]] void remember(unsigned count) noexcept {
    const int closeness = closeness_.get();
    if (count == 0) return closeness_.set(closeness > 0 ? closeness - 1 : closeness);
    const unsigned hoped_for = hoped_for_.get();
    if (hoped_for > 0) hoped_for_.set(0);
    if (count == 1) closeness_.set(min(closeness, 0));
    // The other side is slow by itself, and standing back has only made its messages late. So not again for some time.
    else if (count < hoped_for)
      closeness_.set(not_worth_it);
    else if (count < few_)
      closeness_.set(min(closeness + 2, closest));
  }

  hint<int> closeness_;
  hint<unsigned> hoped_for_;
  unsigned few_;
  unsigned most_pauses_;
  unsigned worth_it_;
};

}}}  // namespace kew::KEW_NAMESPACE::detail
