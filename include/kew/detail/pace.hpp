// Keeps one side of a ring from treading on the other's heels.
//
// Where both sides run at full speed, the faster one catches up with the slower one and then asks for its position
// again after every few elements. Each time it takes the line of that position away from the other side, which
// therefore gets only a few elements further: both go at the pace of the line. Whoever stands back for a moment
// finds a good many elements instead of a few.
//
// Source     the distance that FastForward keeps on purpose ("temporal slipping": J. Giacomoni et al., PPoPP 2008),
//            here kept by whoever is faster, and only where it has closed up again and again.
#pragma once

#include <algorithm>

#include <kew/detail/sync.hpp>

namespace kew::inline KEW_NAMESPACE::detail {

class pace {
 public:
  /// To be called before the other side's position is asked for.
  void before_asking() const noexcept {
    if (closeness_ >= close) [[unlikely]] stand_back();
  }

  /// `found`: how many elements, or free slots, the answer was good for.
  template <class Count>
  void after_asking(Count found) noexcept {
    // One is what a ping-pong finds, where nothing may be delayed; none is what the end of a stream finds.
    if (found == 1)
      closeness_ = 0;
    else if (found == 0)
      closeness_ -= closeness_ > 0 ? 1 : 0;
    else if (found < few)
      closeness_ = std::min(closeness_ + 2, 2 * close);
  }

 private:
  static constexpr int close = 4;
  // Measured: what one moment of standing back is worth, roughly.
  static constexpr unsigned few = 256;

  int closeness_ = 0;
};

}  // namespace kew::inline KEW_NAMESPACE::detail
