// What deliveries share with their queue, and what may outlive that: it ends with the last of them.
#pragma once

#include <cstdint>

#include <kew/config.hpp>
#include <kew/detail/machine/cache_line.hpp>
#include <kew/detail/machine/sync.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// The base of `Core`, which is made by new and deletes itself.
template <class Core>
class outliving_core {
 public:
  outliving_core(const outliving_core&) = delete;
  outliving_core& operator=(const outliving_core&) = delete;

 protected:
  outliving_core() = default;
  ~outliving_core() = default;

  /// Counts a delivery off when its last call is over; the last one after the queue's end ends the core, too.
  class ended_delivery {
   public:
    explicit ended_delivery(Core& core) noexcept : core_(core) {}
    ended_delivery(const ended_delivery&) = delete;
    ended_delivery& operator=(const ended_delivery&) = delete;
    ~ended_delivery() {
      // Edge "delivery ended": the thread that ends the core sees what this call did, and has done nothing after it.
      if (static_cast<outliving_core&>(core_).ended_.fetch_add(1, acq_rel) + 1 == 0) delete &core_;
    }

   private:
    Core& core_;
  };

  /// The queue is gone. `handed_over` says how many deliveries there ever were.
  void end_with_deliveries(std::uint64_t handed_over) noexcept {
    // Edge "delivery ended": sees what the last calls of all deliveries did.
    if (ended_.fetch_sub(handed_over, acq_rel) == handed_over) delete static_cast<Core*>(this);
  }

 private:
  /// How many deliveries have ended; from the queue's end on less by as many as there ever were, so that the last makes
  /// it 0.
  alignas(cache_line) atomic<std::uint64_t> ended_{0};
};

}}}  // namespace kew::KEW_NAMESPACE::detail
