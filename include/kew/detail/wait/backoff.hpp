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
    ++rounds_;
    if (rounds_ <= tuning::backoff_pauses) return cpu_relax();
    if (rounds_ <= tuning::backoff_pauses + tuning::backoff_yields) return yield();
    // Yields alone would never let a thread of lower real-time priority go on. Each nap is as long as all before it, so
    // that the wait is at most twice as long as it had to be.
    rounds_ = tuning::backoff_pauses + tuning::backoff_yields;
    nap(nap_);
    nap_ = min(2 * nap_, tuning::longest_nap);
  }

 private:
  unsigned rounds_ = 0;
  unsigned nap_ = tuning::shortest_nap;
};

}}}  // namespace kew::KEW_NAMESPACE::detail
