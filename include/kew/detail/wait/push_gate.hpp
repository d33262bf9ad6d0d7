// Closing for a ring that cannot be sealed itself: lets pushes through until it is shut, and tells a
// consumer whether one is still on its way.
//
// A push announces itself before it looks whether the gate is shut. A consumer that finds the gate shut and
// the ring empty looks for announced pushes before it believes that nothing more will come. At least one of
// the two sees the other, so no push succeeds behind the back of consumers that have gone.
#pragma once

#include <cstdint>

#include <kew/concepts.hpp>
#include <kew/detail/machine/cache_line.hpp>
#include <kew/detail/machine/fence.hpp>
#include <kew/detail/machine/sync.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

template <cardinality Producers>
class push_gate {
 public:
  push_gate() noexcept = default;
  push_gate(const push_gate&) = delete;
  push_gate& operator=(const push_gate&) = delete;

  /// The time that a push takes. `open()`: it is in time.
  class passage {
   public:
    explicit passage(push_gate& gate) noexcept : gate_(gate) {
      if constexpr (Producers == cardinality::one)
        gate_.announced_.store(1, relaxed);
      else
        gate_.announced_.fetch_add(1, relaxed);
      // Edge "gate": sees the gate shut here, or is seen by the thread that has shut it.
      fence_light(gate_.fence_);
      open_ = !gate_.shut_.load(acquire);  // Edge "shut": a refused call sees what was done before closing.
    }
    passage(const passage&) = delete;
    passage& operator=(const passage&) = delete;
    ~passage() {
      // Edge "passage": what was pushed is in the ring when the announcement is gone.
      if constexpr (Producers == cardinality::one)
        gate_.announced_.store(0, release);
      else
        gate_.announced_.fetch_sub(1, release);
    }

    bool open() const noexcept { return open_; }

   private:
    push_gate& gate_;
    bool open_;
  };

  void shut() noexcept { shut_.store(true, release); }           // Edge "shut": passes on what was done before.
  bool is_shut() const noexcept { return shut_.load(acquire); }  // Edge "shut"

  /// Where the gate is shut: no push is on its way, and none will come.
  bool is_clear() noexcept {
    // Edge "gate": sees every push that did not see the gate shut.
    fence_heavy(fence_);
    return announced_.load(acquire) == 0;  // Edge "passage": sees what those have put into the ring.
  }

 private:
  // Written by every push, so it shares its line with nothing that others read.
  alignas(cache_line) atomic<std::uint32_t> announced_{0};
  alignas(cache_line) atomic<bool> shut_{false};
  asymmetric_fence fence_;
};

}}}  // namespace kew::KEW_NAMESPACE::detail
