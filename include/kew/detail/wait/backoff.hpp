// For a wait on another thread in the middle of its own call: nothing announces its end, but it ends soon, unless that
// thread has lost its core.
#pragma once

#include <kew/config.hpp>
#include <kew/detail/machine/min_max.hpp>
#include <kew/detail/machine/sync.hpp>
#include <kew/detail/machine/tuning.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

class backoff {
 public:
  void pause() noexcept {
    if (naps()) return nap(next_nap());
    ++rounds_;
    if (rounds_ <= tuning::backoff_pauses)
      cpu_relax();
    else
      yield();
  }

  /// Whether the next pause is a nap. Yields alone would never let a thread of lower real-time priority go on.
  bool naps() const noexcept { return rounds_ == tuning::backoff_pauses + tuning::backoff_yields; }
  /// In microseconds, for a caller that naps in a way of its own. Each nap is as long as all before it, so that the wait
  /// is at most twice as long as it had to be.
  unsigned next_nap() noexcept {
    const unsigned now = nap_;
    nap_ = min(2 * nap_, tuning::longest_nap);
    return now;
  }

 private:
  unsigned rounds_ = 0;
  unsigned nap_ = tuning::shortest_nap;
};

}}}  // namespace kew::KEW_NAMESPACE::detail
