// Extends deliveries for as long as their handlers run: one thread for all of a broker's, and none where nothing beats.
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

class heart {
 public:
  heart() = default;
  heart(const heart&) = delete;
  heart& operator=(const heart&) = delete;
  ~heart() {
    mutex::guard locked(mutex_);
    stopped_ = true;
    wake(locked);
    if (thread_.joinable()) thread_.join();
  }

  /// Extends one delivery from its constructor to its destructor, after which nothing of it is touched any more. So
  /// it may be given a verdict meanwhile: an extension that comes later than that is refused by the owner.
  class beat_base {
   public:
    beat_base(const beat_base&) = delete;
    beat_base& operator=(const beat_base&) = delete;

   protected:
    beat_base(heart& in, std::chrono::nanoseconds timeout) noexcept : heart_(in), timeout_(timeout) {}
    ~beat_base() = default;

    void begin() { heart_.add(*this); }
    void end() noexcept { heart_.remove(*this); }

    /// Three times within a timeout, so that one beat may be late.
    std::chrono::nanoseconds interval() const noexcept { return timeout_ / 3; }
    std::chrono::nanoseconds timeout() const noexcept { return timeout_; }

   private:
    friend heart;

    virtual void extend() noexcept = 0;

    heart& heart_;
    const std::chrono::nanoseconds timeout_;
    time_point next_beat_{};
    beat_base* previous_ = nullptr;
    beat_base* next_ = nullptr;
  };

  template <class T>
  class beat final : beat_base {
   public:
    beat(heart& in, delivery_owner<T>& owner, const delivery_ticket& ticket, std::chrono::nanoseconds timeout)
        : beat_base(in, timeout), owner_(owner), ticket_(ticket) {
      begin();
    }
    ~beat() { end(); }

   private:
    void extend() noexcept override { static_cast<void>(owner_.extend(ticket_, timeout())); }

    delivery_owner<T>& owner_;
    const delivery_ticket ticket_;
  };

 private:
  void add(beat_base& coming) {
    mutex::guard locked(mutex_);
    if (!thread_.joinable()) thread_ = thread([this] { run(); });
    coming.next_beat_ = time_after(now(), coming.interval());
    coming.next_ = first_;
    if (first_ != nullptr) first_->previous_ = &coming;
    first_ = &coming;
    if (coming.next_beat_ < sleeps_until_) wake(locked);
  }

  void remove(beat_base& leaving) noexcept {
    const mutex::guard locked(mutex_);
    (leaving.previous_ != nullptr ? leaving.previous_->next_ : first_) = leaving.next_;
    if (leaving.next_ != nullptr) leaving.next_->previous_ = leaving.previous_;
  }

  void run() noexcept {
    mutex::guard locked(mutex_);
    while (!stopped_) {
      const condition::ticket ticket = changed_.enter();
      sleeps_until_ = beat_all();
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

  /// Returns when the next beat is due.
  time_point beat_all() noexcept {
    const time_point present = now();
    time_point earliest = never;
    for (beat_base* each = first_; each != nullptr; each = each->next_) {
      if (each->next_beat_ <= present) {
        each->extend();
        each->next_beat_ = time_after(present, each->interval());
      }
      earliest = detail::min(earliest, each->next_beat_);
    }
    return earliest;
  }

  mutex mutex_;
  condition changed_;
  thread thread_;
  beat_base* first_ = nullptr;
  time_point sleeps_until_ = never;
  bool stopped_ = false;
};

}}}  // namespace kew::KEW_NAMESPACE::detail

#endif
