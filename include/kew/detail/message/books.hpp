// What every message_queue that keeps its messages itself is made of: the ledger of its deliveries, the mutex that guards
// it, and the places where its callers wait, for a message, for room, and for time.
//
// An Owner derives from books<Owner, Payload, Wait, Meter> and has
//
//   void timed_out(entry& outstanding) noexcept;    // with the mutex held: calls fail, bury or miss of the ledger
//
// Each call is a visit: it takes the mutex, does what is due, does its own work in the ledger, leaves, and then wakes
// the threads that it concerns. There is no thread for the timers. Of the threads that wait at one place one is the timekeeper and
// sleeps no longer than until the earliest timer; the others sleep until they are woken. A timekeeper that leaves has one
// of the others look, which becomes it; and so does a visit that sets an earlier timer than the timekeeper knows.
//
// An Owner that has `static constexpr bool uses_inbox = true` also has publish_quickly(), which takes another mutex and
// leaves what arrives in an inbox; then an owner that makes something ready collects first.
//
// Where the owner must wait for a disk in the middle of a call, it makes two visits: an entry that is outstanding, and
// whose ticket it has, is its own until then, but for its timeout.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include <kew/config.hpp>
#include <kew/detail/machine/cache_line.hpp>
#include <kew/detail/machine/clock.hpp>
#include <kew/detail/machine/min_max.hpp>
#include <kew/detail/machine/sync.hpp>
#include <kew/detail/message/any_limit.hpp>
#include <kew/detail/message/delivery_owner.hpp>
#include <kew/detail/message/inbox.hpp>
#include <kew/detail/message/ledger.hpp>
#include <kew/detail/wait/condition.hpp>
#include <kew/detail/wait/mutex.hpp>
#include <kew/detail/wait/outcome.hpp>
#include <kew/queue_options.hpp>
#include <kew/status.hpp>
#include <kew/wait.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

template <class Owner, class Payload, class Wait, class Meter = no_meter>
class books {
  static_assert(wait_policy<Wait>, "kew: the second parameter of a work_queue says how to wait: see wait.hpp");
  static_assert(
      Wait::parks,
      "kew: a wait for a message is one for time, too, so the policy must let it sleep: park_wait or adaptive_wait");

 public:
  using entry = ledger_entry<Payload, Meter>;

  explicit books(const queue_options& options) noexcept
      : ledger_(options.capacity, options.max_attempts, options.visibility_timeout) {}
  books(const books&) = delete;
  books& operator=(const books&) = delete;

  /// The time that a call holds the mutex. Its destructor leaves and wakes, after an exception too.
  class visit {
   public:
    explicit visit(books& place) noexcept : books_(place) { place.mutex_.lock(); }
    visit(const visit&) = delete;
    visit& operator=(const visit&) = delete;
    ~visit() { books_.leave(); }

    /// Does what is due by now, and says when that is.
    time_point catch_up() noexcept {
      const time_point here = now();
      books_.advance(here);
      return here;
    }
    /// Brings in what has arrived, to be called before something else becomes ready.
    void collect() noexcept { books_.collect(); }
    detail::ledger<Payload, Meter>& ledger() noexcept { return books_.ledger_; }

   private:
    books& books_;
  };

  /// Waits for room in that lane and calls `add(ledger)` with the mutex held: success; or closed, or full or stopped, as
  /// the limit says.
  template <class Add>
  status publish(lane in, const any_limit& limit, Add add) {
    const auto look = [&](visit& here) {
      revoke();
      if (closed_[index(in)]) return status::closed;
      if (in == lane::live && !ledger_.has_room()) {
        here.catch_up();
        if (!ledger_.has_room()) return status::full;
      }
      add(ledger_);
      lend();
      return status::success;
    };
    status outcome = status::full;
    {
      visit here(*this);
      outcome = look(here);
    }
    if (outcome == status::full && !limit.at_once) [[unlikely]]
      outcome = wait(room_, limit, status::full, look);
    return outcome;
  }

  /// Makes a payload of `arguments` in the live lane, where there is known to be room. False: the arguments are
  /// untouched, and publish says more.
  template <class... A>
  bool publish_quickly(A&&... arguments) {
    using answer = typename decltype(inbox_)::answer;
    const answer given = inbox_.add(std::forward<A>(arguments)...);
    if (given == answer::wanted) [[unlikely]] {
      visit here(*this);
      here.collect();
    }
    return given != answer::no;
  }

  /// Waits for a message in that lane and calls `take(visit&, entry&, now)`, which answers a result and has
  /// handed the entry over; or answers closed, or empty or stopped, as the limit says.
  template <class Take>
  auto receive(lane from, const any_limit& limit, Take take)
      -> std::invoke_result_t<Take&, visit&, entry&, time_point> {
    using answer = std::invoke_result_t<Take&, visit&, entry&, time_point>;
    const auto look = [&](visit& here) -> answer {
      const time_point now = here.catch_up();
      if (entry* const first = ledger_.front(from)) return take(here, *first, now);
      if (from == lane::live) {
        collect_or_want();
        if (entry* const first = ledger_.front(from)) return take(here, *first, now);
      }
      return has_ended(from) ? status::closed : status::empty;
    };
    answer outcome = [&]() -> answer {
      visit here(*this);
      return look(here);
    }();
    if (status_of(outcome) == status::empty && !limit.at_once) [[unlikely]]
      replace(outcome, wait(items_[index(from)], limit, status::empty, look));
    return outcome;
  }

  void close(lane what) noexcept {
    const visit here(*this);
    revoke();  // so no arrival comes after this
    closed_[index(what)] = true;
  }

  queue_counts counts(lane of) noexcept {
    visit here(*this);
    here.collect();
    here.catch_up();
    return here.ledger().counts(of);
  }

 protected:
  ~books() = default;

  /// Moves the timeout of an outstanding delivery to so long from now. False where it is too late.
  bool extend(const delivery_ticket& ticket, std::chrono::nanoseconds longer) noexcept {
    visit here(*this);
    if (is_gone_) return false;
    const time_point now = here.catch_up();
    entry* const held = ledger_.find(ticket);
    if (held == nullptr) return false;
    ledger_.extend(*held, time_after(now, longer));
    return true;
  }

  /// For those that are inside a visit, or after the last one.
  detail::ledger<Payload, Meter>& without_visits() noexcept { return ledger_; }

  /// The queue is gone, and deliveries live on. Guarded by the mutex.
  bool is_gone_ = false;

 private:
  friend class visit;

  static constexpr std::size_t index(lane of) noexcept { return static_cast<std::size_t>(of); }

  /// Where callers wait for one thing. Its members are guarded by the mutex, but for the hint.
  struct place {
    condition changed{};
    /// Until when its timekeeper sleeps; never where there is none.
    time_point kept_until = never;
    bool is_worth_a_look = false;
    /// The same for those that poll without the mutex, so that they do not take its line from its holder.
    alignas(cache_line) hint<bool> worth_a_look{};
  };

  void advance(time_point now) noexcept {
    ledger_.meter().look_at_clock(now);
    if (ledger_.next_due() > now) [[likely]]
      return;
    collect();
    ledger_.advance(now, [this](entry& late) { static_cast<Owner*>(this)->timed_out(late); });
  }

  static constexpr bool has_inbox() noexcept {
    if constexpr (requires { requires Owner::uses_inbox; })
      return true;
    else
      return false;
  }
  void collect() noexcept {
    if constexpr (has_inbox()) inbox_.collect(ledger_);
  }
  void collect_or_want() noexcept {
    if constexpr (has_inbox()) {
      inbox_.collect_or_want(ledger_);
      if (ledger_.front(lane::live) == nullptr) wants_arrivals_ = true;
    }
  }
  void revoke() noexcept {
    if constexpr (has_inbox()) inbox_.revoke(ledger_);
  }
  void lend() noexcept {
    if constexpr (has_inbox())
      if (!closed_[index(lane::live)]) inbox_.lend(ledger_);
  }

  /// Nothing is in the lane, and nothing will come any more. The dead letters end with the queue, too.
  bool has_ended(lane of) const noexcept {
    if (ledger_.inside(of) > 0) return false;
    if (closed_[index(of)]) return true;
    return of == lane::dead && closed_[index(lane::live)] && ledger_.inside(lane::live) == 0;
  }

  /// Leaves the mutex, and wakes the threads that this visit concerns.
  void leave() noexcept {
    const ledger_news news = ledger_.take_news();
    const time_point due = ledger_.next_due();
    const std::size_t live = owed(items_[0], has_ended(lane::live) ? all_of_them : news.ready[0], due);
    const std::size_t dead = owed(items_[1], has_ended(lane::dead) ? all_of_them : news.ready[1], due);
    const std::size_t room = owed(room_, closed_[0] ? all_of_them : news.room, due);
    if (wants_arrivals_ && news.ready[0] > 0 && !items_[0].changed.has_waiters()) {
      wants_arrivals_ = false;
      inbox_.want_no_more();
    }
    mutex_.unlock();
    items_[0].changed.wake(live);
    items_[1].changed.wake(dead);
    room_.changed.wake(room);
  }
  static std::size_t owed(place& where, std::size_t things, time_point due) noexcept {
    if (things > 0 && !where.is_worth_a_look) where.worth_a_look.set(where.is_worth_a_look = true);
    if (!where.changed.has_waiters()) [[likely]]
      return 0;
    // One more than there are things for becomes the timekeeper.
    if (due < where.kept_until && things < all_of_them) ++things;
    return where.changed.grant(things);
  }

  /// Looks again and again, and polls and sleeps in between. The caller has looked in vain already.
  template <class Look>
  [[gnu::noinline]] auto wait(place& where, const any_limit& limit, status in_vain, Look look)
      -> std::invoke_result_t<Look&, visit&> {
    any_limit::watch watch(limit, where.changed);
    Wait policy;
    // A publisher that waits for room waits for more than one place at a time: there is enough to do for the others.
    const bool hurries = &where != &room_;
    while (policy.poll_again())
      if (hurries && where.worth_a_look.get()) break;
    condition::ticket ticket = 0;
    time_point kept = never;
    bool entered = false;
    for (;;) {
      if (entered) where.changed.sleep(ticket, detail::min(watch.deadline(), kept));
      visit here(*this);
      if (entered) where.changed.leave();
      if (kept != never && where.kept_until == kept) where.kept_until = never;
      auto outcome = look(here);
      if (status_of(outcome) != in_vain) return outcome;
      where.worth_a_look.set(where.is_worth_a_look = false);
      ticket = where.changed.enter();
      if (watch.over()) {
        where.changed.leave();
        return watch.verdict(in_vain);
      }
      entered = true;
      kept = never;
      if (const time_point due = ledger_.next_due(); due < where.kept_until) where.kept_until = kept = due;
    }
  }

  static constexpr std::size_t all_of_them = SIZE_MAX;

  mutex mutex_{};
  detail::ledger<Payload, Meter> ledger_;
  bool closed_[2] = {false, false};
  place items_[2]{};
  place room_{};
  bool wants_arrivals_ = false;  ///< The inbox was told so.
  inbox<detail::ledger<Payload, Meter>> inbox_{};
};

}}}  // namespace kew::KEW_NAMESPACE::detail
