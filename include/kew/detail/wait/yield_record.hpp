// Whether a thread that was woken in vain yields before it sleeps again.
//
// Where a queue's threads outnumber the cores, and several of them wait on one side, each push or pop wakes one more of
// them. It takes the core from the only thread that could give it something, finds that another has taken what it was
// woken for, polls, and sleeps until the next push or pop. If it yields instead, the other side gets the core, and need
// not wake it. That makes a stream twice as fast.
//
// But a yield gives the core to any thread, and it is no sleep: a thread that wants the core for itself keeps it for
// milliseconds, and no wake-up ends that. So threads yield only after many wake-ups in vain, and only as long as
// the stream goes on meanwhile: each yield is judged by how long it took and how many elements came out of the ring.
// One that is found to be bad ends the yields at this wait point, and twice as many wake-ups in vain as before are
// needed until one is tried again. A queue whose threads have a core each never yields.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include <kew/config.hpp>
#include <kew/detail/machine/min_max.hpp>
#include <kew/detail/machine/sync.hpp>
#include <kew/detail/machine/tuning.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

class yield_record {
 public:
  /// To be called by a thread that was woken and has found nothing. True: it yields before it sleeps.
  bool woken_in_vain() noexcept {
    if (yields_.get()) return true;
    const std::uint32_t count = std::uint32_t{count_.get()} + 1;
    const bool enough = count >= tuning::wake_ups_in_vain << failures_.get();
    count_.set(enough ? std::uint16_t{0} : static_cast<std::uint16_t>(count));
    if (enough) yields_.set(true);
    return enough;
  }

  /// A yield has taken so long, and so many elements have come out of the ring meanwhile. False: no more of them.
  bool judge(std::chrono::nanoseconds took, std::size_t elements) noexcept {
    const auto worth = elements * std::chrono::nanoseconds(tuning::element_is_worth);
    if (took <= worth) {
      if (failures_.get() > 0) failures_.set(0);
      return true;
    }
    if (took <= worth + std::chrono::nanoseconds(tuning::long_yield)) return true;
    yields_.set(false);
    failures_.set(static_cast<std::uint8_t>(min(failures_.get() + 1, tuning::most_failures)));
    return false;
  }

 private:
  hint<std::uint16_t> count_{};
  hint<std::uint8_t> failures_{};  ///< One after the other.
  hint<bool> yields_{};
};

}}}  // namespace kew::KEW_NAMESPACE::detail
