// For debug builds: notices that a second thread enters a side of a ring that allows one at a time.
#pragma once

#include <cstdio>
#include <cstdlib>

#include <kew/detail/sync.hpp>

namespace kew::inline KEW_NAMESPACE::detail {

#if KEW_CHECKED

class solo {
 public:
  /// A call on that side. `rule` is printed before the program is aborted.
  class turn {
   public:
    turn(solo& side, const char* rule) noexcept : side_(side) {
      // No read-modify-write: a check that is no fence hides no mistake. It may miss an overlap, never invent one.
      if (side_.taken_.load(relaxed)) {
        std::fputs(rule, stderr);
        std::abort();
      }
      side_.taken_.store(true, relaxed);
    }
    turn(const turn&) = delete;
    turn& operator=(const turn&) = delete;
    ~turn() { side_.taken_.store(false, relaxed); }

   private:
    solo& side_;
  };

 private:
  atomic<bool> taken_{false};
};

#else

class solo {
 public:
  class turn {
   public:
    turn(solo&, const char*) noexcept {}
    ~turn() {}
  };
};

#endif

}  // namespace kew::inline KEW_NAMESPACE::detail
