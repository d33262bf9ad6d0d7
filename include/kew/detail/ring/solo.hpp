// For debug builds: notices that a second thread enters a side of a ring that allows one at a time.
#pragma once

#include <cstdio>
#include <cstdlib>

#include <kew/config.hpp>
#include <kew/detail/machine/sync.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// Prints `rule` and aborts where checks are on and it does not hold.
inline void require([[maybe_unused]] bool holds, [[maybe_unused]] const char* rule) noexcept {
#if KEW_CHECKED
  if (holds) return;
  std::fputs(rule, stderr);
  std::abort();
#endif
}

class solo {
 public:
  /// A call on that side. `rule` is printed before the program is aborted.
  class turn {
   public:
#if KEW_CHECKED
    turn(solo& side, const char* rule) noexcept : side_(side) {
      // No read-modify-write: a check that is no fence hides no mistake. It may miss an overlap, never invent one.
      if (side_.taken_.load(relaxed)) {
        std::fputs(rule, stderr);
        std::abort();
      }
      side_.taken_.store(true, relaxed);
    }
    ~turn() { side_.taken_.store(false, relaxed); }

   private:
    solo& side_;
#else
    turn(solo&, const char*) noexcept {}
    ~turn() {}

   public:
#endif
    turn(const turn&) = delete;
    turn& operator=(const turn&) = delete;
  };

 private:
  atomic<bool> taken_{false};  // also where nothing is checked, so that the layout does not depend on it
};

}}}  // namespace kew::KEW_NAMESPACE::detail
