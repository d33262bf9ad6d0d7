// A lock for a few instructions, taken where hardly ever two threads want it.
#pragma once

#include <kew/config.hpp>
#include <kew/detail/machine/sync.hpp>
#include <kew/detail/wait/backoff.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

class spin_lock {
 public:
  class guard {
   public:
    explicit guard(spin_lock& lock) noexcept : lock_(lock) {
      backoff wait;
      // Edge "locked": takes over what the last holder did.
      while (lock_.held_.exchange(true, acquire)) wait.pause();
    }
    guard(const guard&) = delete;
    guard& operator=(const guard&) = delete;
    ~guard() {
      lock_.held_.store(false, release);  // Edge "locked": hands over what this holder did.
    }

   private:
    spin_lock& lock_;
  };

 private:
  atomic<bool> held_{false};
};

}}}  // namespace kew::KEW_NAMESPACE::detail
