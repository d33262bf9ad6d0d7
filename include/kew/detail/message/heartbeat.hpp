// Extends deliveries for as long as their handlers run: one thread for all that a broker has.
#pragma once

#include <chrono>
#include <cstddef>
#include <version>

#include <kew/config.hpp>
#include <kew/detail/machine/clock.hpp>
#include <kew/detail/machine/min_max.hpp>
#include <kew/detail/machine/thread.hpp>
#include <kew/detail/message/delivery_owner.hpp>
#include <kew/detail/message/ledger.hpp>
#include <kew/detail/wait/condition.hpp>
#include <kew/detail/wait/mutex.hpp>

#if defined(__cpp_lib_jthread)

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// The thread, and what it extends.
class heartbeats {
 public:
  /// Throws what std::thread throws.
  heartbeats() : thread_([this] { run(); }) {}
  heartbeats(const heartbeats&) = delete;
  heartbeats& operator=(const heartbeats&) = delete;
  ~heartbeats() {
    mutex::guard locked(mutex_);
    stopped_ = true;
    wake(locked);
    thread_.join();
  }

  /// What is extended between its begin() and its end().
  class entry {
   public:
    entry(const entry&) = delete;
    entry& operator=(const entry&) = delete;

   protected:
    entry(heartbeats& in, std::chrono::nanoseconds timeout) noexcept : all_(in), timeout_(timeout) {}
    virtual ~entry() = default;

    void begin() noexcept { all_.add(*this); }
    void end() noexcept { all_.remove(*this); }
    std::chrono::nanoseconds timeout() const noexcept { return timeout_; }

   private:
    friend heartbeats;

    virtual void extend() noexcept = 0;

    /// Three times within a timeout, so that one may be late; and not all the time, where that is short beyond sense.
    std::chrono::nanoseconds interval() const noexcept {
      return detail::max<std::chrono::nanoseconds>(timeout_ / 3, std::chrono::microseconds(10));
    }

    heartbeats& all_;
    const std::chrono::nanoseconds timeout_;
    time_point due_{};
    entry* previous_ = nullptr;
    entry* next_ = nullptr;
  };

 private:
  void add(entry& coming) noexcept {
    mutex::guard locked(mutex_);
    coming.due_ = time_after(now(), coming.interval());
    coming.next_ = first_;
    if (first_ != nullptr) first_->previous_ = &coming;
    first_ = &coming;
    if (coming.due_ < sleeps_until_) wake(locked);
  }

  void remove(entry& leaving) noexcept {
    const mutex::guard locked(mutex_);
    (leaving.previous_ != nullptr ? leaving.previous_->next_ : first_) = leaving.next_;
    if (leaving.next_ != nullptr) leaving.next_->previous_ = leaving.previous_;
  }

  void run() noexcept {
    mutex::guard locked(mutex_);
    while (!stopped_) {
      const condition::ticket ticket = changed_.enter();
      sleeps_until_ = extend_all();
      const time_point deadline = sleeps_until_;
      locked.unlock();
      changed_.sleep(ticket, deadline);
      locked.lock();
      changed_.leave();
    }
  }

  void wake(mutex::guard& locked) noexcept {
    const std::size_t granted = changed_.grant(1);
    locked.unlock();
    changed_.wake(granted);
  }

  /// Returns when the next one is due.
  time_point extend_all() noexcept {
    const time_point present = now();
    time_point earliest = never;
    for (entry* each = first_; each != nullptr; each = each->next_) {
      if (each->due_ <= present) {
        each->extend();
        each->due_ = time_after(present, each->interval());
      }
      earliest = detail::min(earliest, each->due_);
    }
    return earliest;
  }

  mutex mutex_;
  condition changed_;
  entry* first_ = nullptr;
  time_point sleeps_until_ = never;
  bool stopped_ = false;
  thread thread_;  // the last, because it uses all of them
};

/// Extends one delivery for as long as this lives. It may be given a verdict meanwhile: an extension that comes later is
/// refused by the owner, who lives longer than this.
template <class T>
class heartbeat final : heartbeats::entry {
 public:
  heartbeat(heartbeats& in, delivery_owner<T>& owner, const delivery_ticket& ticket,
            std::chrono::nanoseconds timeout) noexcept
      : entry(in, timeout), owner_(owner), ticket_(ticket) {
    begin();
  }
  ~heartbeat() { end(); }

 private:
  void extend() noexcept override { static_cast<void>(owner_.extend(ticket_, timeout())); }

  delivery_owner<T>& owner_;
  const delivery_ticket ticket_;
};

}}}  // namespace kew::KEW_NAMESPACE::detail

#endif
