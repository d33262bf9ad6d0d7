// For debug builds: notices that a second thread enters a side of a ring that allows one at a time.
#pragma once

#include <kew/config.hpp>
#include <kew/detail/machine/sync.hpp>
#include <kew/error.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

class solo {
 public:
  /// A call on that side. `rule` says what the ring allows.
  class turn {
   public:
#if KEW_CHECKED
    turn(solo& side, const char* rule) noexcept : side_(side) {
      // No read-modify-write: a check that is no fence hides no mistake. It may miss an overlap, never invent one.
      require(!side_.taken_.load(relaxed), rule);
      side_.taken_.store(true, relaxed);
    }
    ~turn() {
      if (!stays_) side_.leave();
    }
    /// The call that follows leaves the side.
    void stay() noexcept { stays_ = true; }

   private:
    solo& side_;
    bool stays_ = false;
#else
    turn(solo&, const char*) noexcept {}
    ~turn() {}
    void stay() noexcept {}

   public:
#endif
    turn(const turn&) = delete;
    turn& operator=(const turn&) = delete;
  };

  /// After a turn that stayed.
  void leave() noexcept {
#if KEW_CHECKED
    taken_.store(false, relaxed);
#endif
  }

 private:
  atomic<bool> taken_{false};  // also where nothing is checked, so that the layout does not depend on it
};

}}}  // namespace kew::KEW_NAMESPACE::detail
