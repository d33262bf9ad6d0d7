// One thread's wait at several wait points at once: an entry at each of them, and one place where the thread sleeps.
//
// As at one wait point, the thread enters (prepare), looks once more for all that it waits for, and sleeps or goes away.
// A notification that an entry was told of counts as used when the thread has looked for its cause since, whether it has
// found anything or not: then the cause is taken, by this thread or by another one. When the thread goes away, every
// other notification is passed on to the next waiter of its wait point.
//
// Source     detail/wait/wait_point.hpp.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include <kew/config.hpp>
#include <kew/detail/machine/clock.hpp>
#include <kew/detail/machine/sync.hpp>
#include <kew/detail/wait/wait_point.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// How many wait points one thread can wait at: members of a set are bits of a word.
inline constexpr std::size_t most_waits = 64;

/// A wait at up to `Most` wait points, which are numbered from 0. However it ends, by an exception too, no entry is left
/// behind and no notification is lost.
template <std::size_t Most>
class wait_set {
  static_assert(Most <= most_waits);

 public:
  wait_set() noexcept {
    for (member& each : members_) each.set = this;
  }
  wait_set(const wait_set&) = delete;
  wait_set& operator=(const wait_set&) = delete;
  ~wait_set() { leave(); }

  /// Where the thread sleeps: for what ends the wait besides notifications.
  wait_point& place() noexcept { return place_; }
  bool prepared() const noexcept { return prepared_; }

  /// To be called before a round of looks.
  void begin_looks() noexcept {
    seen_ = told_.load(acquire);  // Edge "told": the looks see what the notifications are about.
  }
  /// The caller has looked for what it waits for at this wait point, and has found it or not.
  void looked(std::size_t at) noexcept { spent_ |= bit(at) & seen_; }

  /// After a round of looks in vain: enters the wait points of `count` members, whose numbers stand from `members` on.
  /// The caller looks once more, and then it may sleep.
  template <class PointOf>
  void prepare(const std::uint8_t* members, std::size_t count, PointOf point_of) noexcept {
    prepared_ = place_.prepare_wait(ticket_);
    remove(entered_ & seen_);
    spent_ = 0;
    if (seen_ != 0) told_.fetch_and(~seen_, relaxed);  // relaxed: notifiers add no bit of an entry that is not listed
    const std::uint64_t before = entered_;
    for (std::size_t i = 0; i < count; ++i)
      if ((before & bit(members[i])) == 0) enter(members[i], point_of(members[i]));
    if (entered_ == before) return;
    wait_point::settle_all([this, before](auto f) {
      for (std::uint64_t rest = entered_ & ~before; rest != 0; rest &= rest - 1) f(*lowest(rest).point);
    });
  }

  /// Sleeps until a notification, a wake-up of the place or the deadline, or for no reason.
  void sleep(time_point deadline) noexcept {
    prepared_ = false;
    // An entry that was told before the ticket was drawn would not end the sleep. relaxed: the ticket orders it.
    if (told_.load(relaxed) != 0)
      place_.cancel_wait();
    else
      place_.commit_wait(ticket_, deadline);
  }

  /// Leaves every wait point. What was notified is kept for the next looks. Says whether anything was.
  bool cancel() noexcept {
    if (prepared_) place_.cancel_wait();
    prepared_ = false;
    remove(entered_);
    return (told_.load(relaxed) & ~spent_) != 0;  // relaxed: remove() has taken over what notifiers did
  }

  /// The wait is over: what has not been used is passed on.
  void leave() noexcept {
    if (!cancel()) return;
    const std::uint64_t unused = told_.load(relaxed) & ~spent_;
    spent_ |= unused;
    for (std::uint64_t rest = unused; rest != 0; rest &= rest - 1) lowest(rest).point->notify();
  }

 private:
  struct member : wait_entry {
    member() noexcept : wait_entry(tell) {}

    static void tell(wait_entry& entry) noexcept {
      member& self = static_cast<member&>(entry);
      wait_set& set = *self.set;
      // Edge "told": passes on what the notification is about.
      set.told_.fetch_or(bit(static_cast<std::size_t>(&self - set.members_)), release);
      set.place_.interrupt();
    }

    wait_set* set = nullptr;
    wait_point* point = nullptr;
  };

  static constexpr std::uint64_t bit(std::size_t at) noexcept { return std::uint64_t{1} << at; }
  member& lowest(std::uint64_t of) noexcept { return members_[std::countr_zero(of)]; }

  void enter(std::size_t at, wait_point& point) noexcept {
    members_[at].point = &point;
    point.add(members_[at]);
    entered_ |= bit(at);
  }
  /// Those that have been told, too: afterwards no notifier touches them.
  void remove(std::uint64_t which) noexcept {
    for (std::uint64_t rest = which; rest != 0; rest &= rest - 1) {
      member& each = lowest(rest);
      each.point->remove(each);
    }
    entered_ &= ~which;
  }

  wait_point place_;
  wait_point::ticket ticket_ = 0;
  bool prepared_ = false;
  std::uint64_t entered_ = 0;      ///< Those that have been added and not removed since.
  atomic<std::uint64_t> told_{0};  ///< Those that have been told since they were added.
  std::uint64_t seen_ = 0;         ///< … before the last round of looks began.
  std::uint64_t spent_ = 0;        ///< … and that have been looked for since.
  member members_[Most];
};

}}}  // namespace kew::KEW_NAMESPACE::detail
