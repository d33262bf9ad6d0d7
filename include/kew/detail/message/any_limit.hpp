// When a call of a message_queue gives up: a limit whose kind is known only at run time, because a virtual function
// takes it.
#pragma once

#include <optional>
#include <version>

#if defined(__cpp_lib_jthread)
#include <stop_token>
#endif

#include <kew/config.hpp>
#include <kew/detail/machine/clock.hpp>
#include <kew/detail/wait/condition.hpp>
#include <kew/detail/wait/limits.hpp>
#include <kew/status.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// Never, unless it says otherwise.
struct any_limit {
  /// On the steady clock.
  time_point end = never;
  /// One look, and no wait.
  bool at_once = false;
#if defined(__cpp_lib_jthread)
  /// Not null: a stop that this one asks for ends the wait.
  const std::stop_token* token = nullptr;
#endif

  /// As the watches in limits.hpp. Where a stop can be asked for, it interrupts those that sleep at `place`. Made
  /// without the place's mutex.
  class watch {
   public:
    watch(const any_limit& limit, [[maybe_unused]] condition& place) : limit_(limit) {
#if defined(__cpp_lib_jthread)
      if (limit.token != nullptr) wake_.emplace(*limit.token, waker{place});
#endif
    }

    bool over() const noexcept { return stopped() || limit_.at_once || (limit_.end != never && now() >= limit_.end); }
    time_point deadline() const noexcept { return limit_.end; }
    status verdict(status found) const noexcept { return stopped() ? status::stopped : found; }

   private:
#if defined(__cpp_lib_jthread)
    struct waker {
      condition& place;
      // All of them, because sleepers are anonymous: the others look again and sleep on.
      void operator()() const noexcept { place.interrupt(); }
    };

    bool stopped() const noexcept { return limit_.token != nullptr && limit_.token->stop_requested(); }

    std::optional<std::stop_callback<waker>> wake_;
#else
    static constexpr bool stopped() noexcept { return false; }
#endif
    const any_limit& limit_;
  };
};

}}}  // namespace kew::KEW_NAMESPACE::detail
