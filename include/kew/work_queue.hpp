// work_queue: messages that are not lost, in memory: at least once, with acknowledgement, redelivery and dead letters.
//
// Use when     jobs of one program must be done although the thread that took one may throw, hang or want to try again
//              later. message_queue.hpp says what a delivery is and what each verdict means.
// Avoid when   a job may be lost with its thread: blocking_queue.hpp passes up to twice as many a second. When jobs must
//              outlive the program: durable_queue.hpp.
// Threads      any number, any call.
// Progress     blocking: a call takes a mutex for a moment, and a thread that is stopped inside holds up the others. Two
//              calls mostly do not: a publish that finds room takes a mutex of the publishers, and ack() by one of the
//              first eight threads that acknowledge takes none. They need the other mutex to wake a thread that sleeps,
//              and ack() also where it comes late or the queue is closed and a consumer waits. A call that waits polls and
//              sleeps as Wait says; it wakes for a message, for room, at its own deadline, and one of the waiting threads
//              at the earliest timer. No thread of the queue's own.
// Ordering     first in, first out. What comes back goes behind what is ready: by requeue(), after a failure, after a
//              delay. What is due at the same look comes in the order of its time.
// Time         the steady clock's. The timeout begins when receive hands the message over. A verdict after its end is
//              refused, whether or not another thread has looked meanwhile. One of several seconds or more may end later than
//              it was asked for, by less than a hundredth of it and by a quarter of a second at most: such deadlines are
//              counted from the kernel's last tick, which is cheaper to read; a tick that is later than that ends one early by the
//              rest. extend() and delays are exact.
// Room         capacity counts what is ready, delayed or outstanding. What comes back always has room. Dead letters do
//              not count, and their queue has no bound: it never holds the queue up, and loses nothing.
// Close        publishing ends; receive answers `closed` when nothing is left inside. The dead letters end then too, or
//              when they are closed themselves and empty; a message that dies later is kept there even so.
// Memory       6 KB a queue, and slots for up to 16 KB of messages that were just published. A publish may allocate, in
//              blocks that grow with the most messages that there were at a time and are used again; if that throws
//              std::bad_alloc, nothing was published. reject copies its reason, which may throw; then no verdict was
//              given. No other call of a holder allocates or throws.
// Messages     T's copy and move run while the queue is held: they do not call it. A T whose move may throw takes the mutex
//              for everything. If the copy for a delivery throws, the message stays at the front and receive throws. A T that
//              can only be moved must do so without throwing.
// End          destroying the queue destroys its messages, those that are outstanding too. Deliveries may outlive it:
//              their verdicts answer false then.
//
// Source     the verdicts and the visibility timeout are those of Amazon SQS, dead letters and prefetch those of
//            AMQP 0-9-1. A list in the order of the deadlines, and a heap for those out of order: detail/message/ledger.hpp.
//            What goes by the mutex: detail/message/inbox.hpp and acknowledged.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>

#include <kew/config.hpp>
#include <kew/detail/machine/sync.hpp>
#include <kew/detail/message/any_limit.hpp>
#include <kew/detail/message/books.hpp>
#include <kew/detail/message/checked_options.hpp>
#include <kew/detail/message/delivery_owner.hpp>
#include <kew/detail/message/inbox.hpp>
#include <kew/detail/message/lane_queue.hpp>
#include <kew/detail/message/ledger.hpp>
#include <kew/detail/message/outliving_core.hpp>
#include <kew/detail/message/why_dead.hpp>
#include <kew/detail/meter/queue_meter.hpp>
#include <kew/message_queue.hpp>
#include <kew/metrics.hpp>
#include <kew/queue_options.hpp>
#include <kew/status.hpp>
#include <kew/wait.hpp>

namespace kew { inline namespace KEW_NAMESPACE {

namespace detail {

/// None where each message is timed, which needs the mutex; and none where a move may throw: the message has to be where it
/// stays at once.
template <class T, class Meter>
using work_inbox = std::conditional_t<std::is_same_v<Meter, no_meter> && std::is_nothrow_move_constructible_v<T>,
                                      inbox<T, ledger<T, Meter>>, no_inbox>;

/// What a work_queue and its deliveries share: lives until the last of them is gone.
template <class T, class Wait, class Meter>
class work_core final : public books<work_core<T, Wait, Meter>, T, Wait, Meter, work_inbox<T, Meter>>,
                        public outliving_core<work_core<T, Wait, Meter>>,
                        public delivery_owner<T> {
  using base = books<work_core, T, Wait, Meter, work_inbox<T, Meter>>;
  using outliving = outliving_core<work_core>;
  using typename base::visit;

  /// Each delivery has a copy of its own; else it has the only one.
  static constexpr bool copies = std::is_copy_constructible_v<T>;
  static_assert(copies || std::is_nothrow_move_constructible_v<T>,
                "kew: a message that can only be moved must do so without throwing, or it could be lost");

 public:
  using typename base::entry;

  static constexpr queue_traits what_it_can{.persistent = false,
                                            .ordered = true,
                                            .delayed_requeue = true,
                                            .counts_attempts = true,
                                            .extends = true,
                                            .dead_letters = true};

  using base::base;

  status publish(lane in, T& message, const any_limit& limit) {
    if constexpr (base::has_inbox)
      if (in == lane::live) return base::publish(message, limit);
    return base::publish(in, limit, [&](ledger<T, Meter>& entries) { entries.add(in, std::move(message)); });
  }

  std::size_t publish_n(lane in, std::span<T> messages) {
    std::size_t done = 0;
    while (done < messages.size()) {
      if constexpr (base::has_inbox)
        if (in == lane::live) {
          done += this->publish_known(messages.subspan(done));
          if (done == messages.size()) break;
        }
      if (!publish(in, messages[done], {})) break;
      ++done;
    }
    return done;
  }

  result<delivery<T>> receive(lane from, const any_limit& limit) {
    return base::receive(from, limit, [this](visit& here, entry& first, time_point now) -> result<delivery<T>> {
      result<delivery<T>> lent_out(std::in_place, *this, here.ledger().next_ticket(first), first.attempts() + 1,
                                   why_dead(first), lent(first));
      here.ledger().hand_over(first, now);
      return lent_out;
    });
  }

  bool settle(const delivery_ticket& ticket, const verdict& given, T& message) override {
    std::optional<T> done;  // destroyed without the mutex
    if constexpr (base::has_inbox)
      if (given.kind == verdict_kind::ack)
        if (this->acknowledge_quickly(ticket, [&done](entry& held) { move_out(held, done); })) [[likely]]
          return true;
    std::unique_ptr<const std::string> reason;
    if (given.kind == verdict_kind::reject) reason = std::make_unique<const std::string>(given.reason);
    const typename outliving::ended_delivery ended(*this);
    visit here(*this);
    if (this->is_gone_) return false;
    here.collect_acknowledged();
    const time_point now = here.catch_up();
    entry* const held = here.ledger().find(ticket);
    if (held == nullptr) {
      come_late(here, ticket, message);
      return false;
    }
    switch (given.kind) {
      case verdict_kind::ack:
        move_out(*held, done);
        here.ledger().acknowledge(*held);
        break;
      case verdict_kind::requeue:
        here.collect();
        take_back(*held, message);
        if (given.delay > std::chrono::nanoseconds::zero())
          here.ledger().put_back_at(*held, time_after(now, given.delay));
        else
          here.ledger().put_back(*held);
        break;
      case verdict_kind::reject:
        take_back(*held, message);
        here.ledger().bury(*held, std::move(reason));
        break;
    }
    return true;
  }

  void give_back(const delivery_ticket& ticket, T& message) noexcept override {
    const typename outliving::ended_delivery ended(*this);
    visit here(*this);
    if (this->is_gone_) return;
    here.catch_up();
    if (entry* const held = here.ledger().find(ticket); held != nullptr) {
      here.collect();
      take_back(*held, message);
      here.ledger().fail(*held);
    } else {
      come_late(here, ticket, message);
    }
  }

  /// No holder has seen that delivery.
  void undo(const delivery_ticket& ticket, T& message) noexcept {
    const typename outliving::ended_delivery ended(*this);
    visit here(*this);
    if (this->is_gone_) return;
    here.catch_up();
    if (entry* const held = here.ledger().find(ticket); held != nullptr) {
      take_back(*held, message);
      here.ledger().undo_hand_over(*held);
    } else {
      come_late(here, ticket, message);
    }
  }

  kew::metrics metrics() noexcept {
    visit here(*this);
    here.catch_up();
    if constexpr (std::is_same_v<Meter, no_meter>)
      return {};  // not called; but clang 14 instantiates what a constraint rules out
    else
      return here.ledger().meter().metrics(here.ledger().counts(lane::live), here.ledger().capacity());
  }

  bool extend(const delivery_ticket& ticket, std::chrono::nanoseconds longer) override {
    return base::extend(ticket, longer);
  }

  /// The queue is gone: so is this, when the last delivery is.
  void abandon() noexcept {
    const std::uint64_t deliveries = this->end();
    this->clear();
    this->end_with_deliveries(deliveries);
  }

 private:
  friend base;
  friend outliving;

  void timed_out(entry& late) noexcept {
    if constexpr (copies)
      this->without_visits().fail(late);
    else
      this->without_visits().miss(late);
  }

  static decltype(auto) lent(entry& from) noexcept {
    if constexpr (copies)
      return std::as_const(from.payload());
    else
      return std::move(from.payload());
  }
  /// The message of an entry that is acknowledged, where that may be destroyed later.
  static void move_out(entry& done, std::optional<T>& to) noexcept {
    if constexpr (std::is_nothrow_move_constructible_v<T> && !std::is_trivially_destructible_v<T>) {
      if constexpr (copies) to.emplace(std::move(done.payload()));
      done.discard();
    }
  }
  static void take_back(entry& held, T& message) noexcept {
    if constexpr (!copies) held.restock(std::move(message));
  }
  /// What was missed while its holder had it is back.
  static void come_late(visit& here, const delivery_ticket& ticket, T& message) noexcept {
    if constexpr (!copies)
      if (entry* const missed = here.ledger().find_late(ticket); missed != nullptr) {
        here.collect();
        take_back(*missed, message);
        here.ledger().fail(*missed);
      }
  }
};

}  // namespace detail

/// Messages in memory that are there until they are acknowledged or dead. work_queue.hpp says when to use it, and what
/// is promised. The members are those of message_queue. Meter is for kew itself: what times the messages of a broker's
/// queues.
template <class T, class Wait = adaptive_wait, class Meter = detail::no_meter>
class work_queue final : public detail::two_lane_queue<message_queue<T>, detail::work_core<T, Wait, Meter>> {
  using base = detail::two_lane_queue<message_queue<T>, detail::work_core<T, Wait, Meter>>;

 public:
  /// Throws std::invalid_argument for options that make no sense, which it names, and std::bad_alloc.
  explicit work_queue(const queue_options& options = {})
      : base(new detail::work_core<T, Wait, Meter>(detail::checked(options))) {}

  /// Destroys the messages. Verdicts of deliveries that live on answer false.
  ~work_queue() override = default;

  /// For a consumer that prefetches: ends a delivery that nobody has seen as if it had never been, and its message is the
  /// first again.
  void undo(delivery<T>& unseen) noexcept { this->core().undo(detail::delivery_access::release(unseen), *unseen); }

  /// Of a queue with a meter, as a broker's are: its figures.
  kew::metrics metrics() noexcept
    requires(!std::is_same_v<Meter, detail::no_meter>)
  {
    return this->core().metrics();
  }
};

}}  // namespace kew::KEW_NAMESPACE
