// What every message_queue that keeps its messages itself is made of: the ledger of its deliveries, the mutex that guards
// it, and the places where its callers wait, for a message, for room, and for time.
//
// An Owner derives from books<Owner, Payload, Wait, Meter> and has
//
//   void timed_out(entry& outstanding) noexcept;    // with the mutex held: calls fail, bury or miss of the ledger
//   void bring_in(lane from);                       // with the mutex held, before each look for a ready entry; one that has
//                                                   // no messages elsewhere need not have it
//
// Each call is a visit: it takes the mutex, does what is due, does its own work in the ledger, leaves, and then wakes
// the threads that it concerns. There is no thread for the timers. Of the threads that wait at one place one is the timekeeper and
// sleeps no longer than until the earliest timer; the others sleep until they are woken. A timekeeper that leaves has one
// of the others look, which becomes it; and so does a visit that sets an earlier timer than the timekeeper knows.
//
// Two things go by the mutex. With an Inbox, publish_quickly() leaves a message in it, under another mutex; then an owner
// that makes something ready collects first. And a holder that is in time leaves what it acknowledges in a shard
// (acknowledge_quickly()), from which visits take it that need its room, its number, or an entry to use again.
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
#include <kew/detail/machine/tuning.hpp>
#include <kew/detail/message/acknowledged.hpp>
#include <kew/detail/message/any_limit.hpp>
#include <kew/detail/message/delivery_owner.hpp>
#include <kew/detail/message/lane.hpp>
#include <kew/detail/message/late_clock.hpp>
#include <kew/detail/message/ledger.hpp>
#include <kew/detail/wait/condition.hpp>
#include <kew/detail/wait/mutex.hpp>
#include <kew/detail/wait/outcome.hpp>
#include <kew/queue_options.hpp>
#include <kew/status.hpp>
#include <kew/wait.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// Of a queue whose publishers and holders all take the mutex.
/// @{
struct no_inbox {
  explicit no_inbox(std::size_t) noexcept {}
};
struct nothing_acknowledged {};
/// @}

template <class Owner, class Payload, class Wait, class Meter = no_meter, class Inbox = no_inbox>
class books {
  static_assert(wait_policy<Wait>, "kew: the second parameter of a work_queue says how to wait: see wait.hpp");
  static_assert(
      Wait::parks,
      "kew: a wait for a message is one for time, too, so the policy must let it sleep: park_wait or adaptive_wait");

 public:
  using entry = ledger_entry<Payload, Meter>;

  explicit books(const queue_options& options)
      : clock_(options.visibility_timeout),
        ledger_(options.capacity, options.max_attempts, options.visibility_timeout),
        inbox_(options.capacity) {}
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
    /// The same for less, where the queue's timeout is long; the time may be a bit late.
    time_point catch_up_late() noexcept {
      const time_point here = books_.clock_.now();
      if (books_.ledger_.next_due() > here) [[likely]]
        return here;
      return catch_up();
    }
    /// Brings in what has arrived, to be called before something else becomes ready.
    void collect() noexcept { books_.collect(); }
    /// Brings in what was acknowledged, to be called before anything depends on that.
    void collect_acknowledged() noexcept { books_.collect_acknowledged(); }
    detail::ledger<Payload, Meter>& ledger() noexcept { return books_.ledger_; }

   private:
    books& books_;
  };

  /// Waits for room in that lane and calls `add(ledger)` with the mutex held: success; or closed, or full or stopped, as
  /// the limit says.
  template <class Add>
  status publish(lane in, const any_limit& limit, Add add) {
    return publish_by(limit, [&](visit& here) {
      if (closed_[index(in)]) return status::closed;
      collect_acknowledged();
      revoke();
      if (in == lane::live && !ledger_.has_room()) {
        here.catch_up();
        if (!ledger_.has_room()) return status::full;
      }
      add(ledger_);
      return status::success;
    });
  }

  /// The same in the live lane, by the inbox. `message` is moved from where the answer is success.
  status publish(Payload& message, const any_limit& limit) {
    if (publish_quickly(message)) [[likely]]
      return status::success;
    if (!limit.at_once && inbox_.is_being_emptied()) {
      // The mutex is left to that thread.
      Wait policy;
      while (policy.poll_again() && inbox_.is_being_emptied())
        if (inbox_.may_have_room() && publish_quickly(message)) return status::success;
    }
    return publish_by(limit, [&](visit& here) {
      if (closed_[index(lane::live)]) return status::closed;
      collect_acknowledged();
      for (;;) {
        if (!inbox_.make_room(ledger_)) {
          here.catch_up();
          if (!inbox_.make_room(ledger_)) return status::full;
        }
        // Other publishers may have used that already.
        const auto given = inbox_.add(message);
        if (given == Inbox::answer::no) continue;
        if (given == Inbox::answer::wanted) collect();
        return status::success;
      }
    });
  }
  /// Those of the messages, from the front, for which there is known to be room; how many.
  std::size_t publish_known(std::span<Payload> messages) noexcept {
    std::size_t count = 0;
    tell_if_wanted(inbox_.add(messages, count));
    return count;
  }

  /// An acknowledgement without the mutex, by a holder that is in time; after it the queue may be gone. False: it was not
  /// given, and the mutex is needed. `let_go(entry&)` moves the message out.
  template <class LetGo>
  bool acknowledge_quickly(const delivery_ticket& ticket, LetGo let_go) noexcept {
    using ledger_type = detail::ledger<Payload, Meter>;
    const time_point due = ledger_type::due(ticket);
    if (due != never && clock_.now() >= due) return false;
    return acknowledged_.add([&](entry*& held) noexcept {
      held = ledger_type::lent_by(ticket);
      if (held == nullptr) return false;
      let_go(*held);
      return true;
    });
  }

  /// Waits for a message in that lane and calls `take(visit&, entry&, now)`, which answers a result and has
  /// handed the entry over; or answers closed, or empty or stopped, as the limit says.
  template <class Take>
  auto receive(lane from, const any_limit& limit, Take take)
      -> std::invoke_result_t<Take&, visit&, entry&, time_point> {
    using answer = std::invoke_result_t<Take&, visit&, entry&, time_point>;
    const auto look = [&](visit& here) -> answer {
      const time_point now = here.catch_up_late();
      static_cast<Owner*>(this)->bring_in(from);
      entry* const first = front(from);
      if (first != nullptr) [[likely]]
        return take(here, *first, now);
      collect_acknowledged();
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
    shut_acknowledged();
    closed_[index(what)] = true;
  }

  queue_counts counts(lane of) noexcept {
    visit here(*this);
    here.collect_acknowledged();
    here.catch_up();
    queue_counts all = ledger_.counts(of);
    if constexpr (has_inbox)
      if (of == lane::live)
        inbox_.count([&all](std::size_t arrived) {
          all.published += arrived;
          all.ready += arrived;
        });
    return all;
  }

 protected:
  ~books() = default;

  /// Of an owner that has no messages but those in the ledger.
  void bring_in(lane) noexcept {}

  /// Moves the timeout of an outstanding delivery to so long from now. False where it is too late.
  bool extend(const delivery_ticket& ticket, std::chrono::nanoseconds longer) noexcept {
    visit here(*this);
    if (is_gone_) return false;
    collect_acknowledged();
    const time_point now = here.catch_up();
    entry* const held = ledger_.find(ticket);
    if (held == nullptr) return false;
    ledger_.extend(*held, time_after(now, longer));
    return true;
  }

  /// The queue is gone: says how many deliveries have not ended yet.
  std::uint64_t end() noexcept {
    visit here(*this);
    is_gone_ = true;
    shut_acknowledged();
    return ledger_.hand_overs() - acknowledged_quickly_;
  }
  /// Destroys all messages, after the end.
  void clear() noexcept {
    ledger_.clear();
    if constexpr (has_inbox) inbox_.clear();
  }

  /// For those that are inside a visit, or after the last one.
  detail::ledger<Payload, Meter>& without_visits() noexcept { return ledger_; }

  /// The queue is gone, and deliveries live on. Guarded by the mutex.
  bool is_gone_ = false;

  static constexpr bool has_inbox = !std::is_same_v<Inbox, no_inbox>;

 private:
  friend class visit;

  /// Where callers wait for one thing. Its members are guarded by the mutex, but for the hint.
  struct place {
    condition changed{};
    /// Until when its timekeeper sleeps; never where there is none.
    time_point kept_until = never;
    bool is_worth_a_look = false;
    /// The same for those that poll without the mutex, so that they do not take its line from its holder.
    alignas(cache_line) hint<bool> worth_a_look{};
  };

  template <class Look>
  status publish_by(const any_limit& limit, Look look) {
    status outcome = status::full;
    {
      visit here(*this);
      outcome = look(here);
    }
    if (outcome == status::full && !limit.at_once) [[unlikely]]
      outcome = wait(room_, limit, status::full, look);
    return outcome;
  }

  void advance(time_point now) noexcept {
    ledger_.meter().look_at_clock(now);
    if (ledger_.next_due() > now) [[likely]]
      return;
    shut_acknowledged();  // so that no holder acknowledges what is taken away
    collect();
    ledger_.advance(now, [this](entry& late) { static_cast<Owner*>(this)->timed_out(late); });
  }

  /// The first ready entry of a lane, or null.
  entry* front(lane of) noexcept {
    if (entry* const first = ledger_.front(of)) return first;
    if constexpr (has_inbox)
      if (of == lane::live) {
        if (ledger_.hand_overs() % tuning::messages_until_room == 0) make_room();
        if (inbox_.take(ledger_)) return ledger_.front(of);
        make_room();
      }
    return nullptr;
  }
  /// Publishers need not come for it, as long as they are slower.
  void make_room() noexcept {
    collect_acknowledged();
    if constexpr (has_inbox)
      if (!closed_[index(lane::live)]) inbox_.raise_for_consumer(ledger_);
  }
  void collect() noexcept {
    if constexpr (has_inbox) inbox_.collect(ledger_);
  }
  void revoke() noexcept {
    if constexpr (has_inbox) inbox_.revoke(ledger_);
  }
  bool publish_quickly(Payload& message) noexcept {
    const auto given = inbox_.add(message);
    tell_if_wanted(given);
    return given != Inbox::answer::no;
  }
  template <class Answer>
  void tell_if_wanted(Answer given) noexcept {
    if (given != Answer::wanted) [[likely]]
      return;
    visit here(*this);
    here.collect();
  }

  void collect_acknowledged() noexcept {
    if constexpr (has_inbox) acknowledged_.take([this](entry* done) { count_off(*done); });
  }
  /// From now on holders take the mutex, until a visit ends of which no thread is left that they concern.
  void shut_acknowledged() noexcept {
    if constexpr (has_inbox) acknowledged_.shut([this](entry* done) { count_off(*done); });
  }
  void count_off(entry& done) noexcept {
    // Its holder has ended with that.
    ledger_.acknowledge(done);
    ++acknowledged_quickly_;
  }
  /// Whether a thread sleeps that an acknowledgement may concern, or the queue is gone.
  bool minds_acknowledgements() const noexcept {
    if (room_.changed.has_waiters() || is_gone_) return true;
    return (closed_[0] || closed_[1]) && (items_[0].changed.has_waiters() || items_[1].changed.has_waiters());
  }

  /// Nothing is in the lane, and nothing will come any more. The dead letters end with the queue, too.
  bool has_ended(lane of) const noexcept {
    if (ledger_.inside(of) > 0) return false;
    if (closed_[index(of)]) return true;
    return of == lane::dead && closed_[index(lane::live)] && ledger_.inside(lane::live) == 0;
  }

  /// Leaves the mutex, and wakes the threads that this visit concerns.
  void leave() noexcept {
    if (ledger_.has_news() || ledger_.next_due() < told_until_ || wants_to_be_told()) [[unlikely]]
      return leave_and_wake();
    mutex_.unlock();
  }
  bool wants_to_be_told() const noexcept {
    if constexpr (has_inbox)
      return acknowledged_.is_shut() || wants_arrivals_;
    else
      return closed_[0] || closed_[1];
  }
  [[gnu::noinline]] void leave_and_wake() noexcept {
    const ledger_news news = ledger_.take_news();
    const time_point due = ledger_.next_due();
    const std::size_t live = owed(items_[0], has_ended(lane::live) ? all_of_them : news.ready[0], due);
    const std::size_t dead = owed(items_[1], has_ended(lane::dead) ? all_of_them : news.ready[1], due);
    const std::size_t room = owed(room_, closed_[0] ? all_of_them : news.room, due);
    if constexpr (has_inbox)
      if (wants_arrivals_ && !items_[0].changed.has_waiters()) {
        wants_arrivals_ = false;
        inbox_.want_no_more();
      }
    if constexpr (has_inbox)
      if (acknowledged_.is_shut() && !minds_acknowledgements()) acknowledged_.open();
    told_until_ = time_point::min();
    for (const place* each : {&items_[0], &items_[1], &room_})
      if (each->changed.has_waiters()) told_until_ = detail::max(told_until_, each->kept_until);
    mutex_.unlock();
    items_[0].changed.wake(live);
    items_[1].changed.wake(dead);
    room_.changed.wake(room);
  }
  static void note(place& where, std::size_t things) noexcept {
    if (things > 0 && !where.is_worth_a_look) where.worth_a_look.set(where.is_worth_a_look = true);
  }
  static std::size_t owed(place& where, std::size_t things, time_point due) noexcept {
    note(where, things);
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
    poll(where, policy);
    condition::ticket ticket = 0;
    time_point kept = never;
    bool entered = false;
    for (;;) {
      if (entered) where.changed.sleep(ticket, detail::min(watch.deadline(), kept));
      visit here(*this);
      if (entered) where.changed.leave();
      told_until_ = never;  // so that the end of this visit looks at who sleeps
      if (kept != never && where.kept_until == kept) where.kept_until = never;
      auto outcome = look(here);
      if (status_of(outcome) != in_vain) return outcome;
      where.worth_a_look.set(where.is_worth_a_look = false);
      ticket = where.changed.enter();
      if (watch.over()) {
        where.changed.leave();
        return watch.verdict(in_vain);
      }
      if (be_told(where)) {
        auto once_more = look(here);
        if (status_of(once_more) != in_vain) {
          where.changed.leave();
          return once_more;
        }
      }
      entered = true;
      kept = never;
      if (const time_point due = ledger_.next_due(); due < where.kept_until) where.kept_until = kept = due;
    }
  }
  void poll(place& where, Wait& policy) noexcept {
    // What becomes free in the ledger is no reason for a publisher to look at once: it waits for more than one place at a
    // time, and there is enough to do for the others.
    while (policy.poll_again()) {
      if (&where != &room_ && where.worth_a_look.get()) return;
      if constexpr (has_inbox) {
        if (&where == &room_ && inbox_.may_have_room()) return;
        if (&where == &items_[0] && inbox_.may_have_any()) return;
      }
    }
  }
  /// For the caller, who has entered: what comes by the mutex is told from now on. True: it looks once more, because some
  /// may have come before.
  bool be_told(place& where) noexcept {
    bool came = false;
    if constexpr (has_inbox) {
      if (minds_acknowledgements() && !acknowledged_.is_shut()) {
        shut_acknowledged();
        came = true;
      }
      if (&where == &items_[0] && !wants_arrivals_) {
        wants_arrivals_ = true;
        came |= inbox_.want();
      }
    }
    return came;
  }

  static constexpr std::size_t all_of_them = SIZE_MAX;

  mutex mutex_{};
  const late_clock clock_;
  detail::ledger<Payload, Meter> ledger_;
  bool closed_[2] = {false, false};
  place items_[2]{};
  place room_{};
  time_point told_until_ = never;  ///< An earlier timer concerns a thread that sleeps; or who does has changed.
  std::uint64_t acknowledged_quickly_ = 0;  ///< How many deliveries have ended by that.
  bool wants_arrivals_ = false;             ///< The inbox was told so.
  [[no_unique_address]] Inbox inbox_;
  [[no_unique_address]] std::conditional_t<has_inbox, acknowledged<entry*>, nothing_acknowledged> acknowledged_{};
};

}}}  // namespace kew::KEW_NAMESPACE::detail
