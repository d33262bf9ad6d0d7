// durable_queue: messages that are not lost with the program: a message_queue over a folder.
//
// Use when     jobs must be done although the process may be killed, the machine lose its power or the disk be full; in
//              one program, without a server. message_queue.hpp says what a delivery is and what each verdict means.
// Avoid when   a message may be lost with the process: work_queue.hpp takes many times as many a second. When several
//              programs share a queue: a folder has one durable_queue at a time. On a network file system, where locks
//              and syncs are what its server makes of them.
// Threads      any number, any call. A log of 128 MB and more is opened by two, which decode messages at the same time. With sync::interval the queue has a thread of its own.
// Progress     blocking. publish and a verdict wait for the disk: one fdatasync, which all threads that wait share.
// Ordering     first in, first out; what comes back goes behind what is ready. After opening, as it was.
// Errors       what the log cannot do throws durable_error, which names the file and the error, from publish, receive and
//              verdicts. A disk without room for another segment is no end: publish throws, verdicts go on in the room
//              that is kept for them, and what they settle makes room; meanwhile hand-overs are not counted on disk. After
//              a write or a sync that failed every call throws: what was on the disk before that is there, and goes on
//              where the folder is opened again, once the cause is gone. A message that cannot be read from the disk when it
//              is its turn stays, and receive throws. What the codec throws leaves publish. A delivery that is destroyed
//              never throws.
// Memory       every message that was published since it was opened, and less than 200 bytes with each, in blocks that grow
//              with the most messages that there were at a time and are used again. What was in the folder before stays on
//              disk until it is its turn, a few dozen messages at a time, and takes 16 bytes until then, 80 more where it
//              was handed over or came back.
// Units        bytes and std::chrono durations.
//
// What is kept. publish answers success when the message is on disk, and ack(), reject() and requeue() true when the
// verdict is. What was published and not acknowledged is delivered again after a crash. Each hand-over is in the log
// before receive returns, so that a message that was outstanding has a higher attempt afterwards, and a failure more: a
// crash counts as one, and so does the end of the queue while a delivery is out. A message with max_attempts failures is
// dead; dead letters are in the same log. requeue(delay) keeps its delay, by the calendar, but never waits longer than
// was asked for. extend() and close() are not kept.
//
// When the process is killed nothing of that is lost. When a power cut comes, with sync::each: nothing, but that a
// hand-over whose record no later sync has covered may not have been counted. With sync::interval: nothing that is older
// than the interval and the time that a sync takes; both answers come sooner, and a thread of the queue's own syncs.
//
// A message that its codec refuses is a dead letter with that reason. It is not delivered, but counted as dead in
// dead_letters().counts(), and kept in the folder for a codec that knows it. The codec is asked when the folder is opened,
// and decodes once more when the message is wanted.
//
// Folder       files of segment_size, reserved when they are made, one more of them for a full disk, and a lock. They take
//              three times what is not acknowledged at most, and five segments more; of the smallest files the half is
//              header, and they take five times as much, and ten segments. With sync::each they are filled with
//              zeros shortly before they are written, so twice as much is written, and each sync has less to do.
//              Anything else in the folder is left alone. To back it up, copy it while no queue has it open.
// fork         a child that goes on without exec shares the lock with its parent, and must not use the queue.
//
// Source       detail/disk/journal.hpp and detail/disk/record.hpp say what is written; the ways of losing data that they
//              avoid are those of T. Pillai et al., "All file systems are not created equal", 2014, and A. Rebello et
//              al., "Can applications recover from fsync failures?", 2020.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <kew/codec.hpp>
#include <kew/config.hpp>
#include <kew/detail/disk/journal.hpp>
#include <kew/detail/disk/message_block.hpp>
#include <kew/detail/machine/calendar.hpp>
#include <kew/detail/machine/min_max.hpp>
#include <kew/detail/machine/sync.hpp>
#include <kew/detail/message/any_limit.hpp>
#include <kew/detail/message/books.hpp>
#include <kew/detail/message/checked_options.hpp>
#include <kew/detail/message/delivery_owner.hpp>
#include <kew/detail/message/lane_queue.hpp>
#include <kew/detail/message/ledger.hpp>
#include <kew/detail/message/outliving_core.hpp>
#include <kew/detail/message/why_dead.hpp>
#include <kew/detail/wait/backoff.hpp>
#include <kew/durable_options.hpp>
#include <kew/error.hpp>
#include <kew/message_queue.hpp>
#include <kew/queue_options.hpp>
#include <kew/status.hpp>
#include <kew/wait.hpp>

namespace kew { inline namespace KEW_NAMESPACE {

namespace detail {

/// A message and its place in the log.
template <class T>
struct durable_message {
  template <class... A>
  explicit durable_message(journal_message& place, A&&... arguments)
      : value(std::forward<A>(arguments)...), kept(&place) {}

  T value;
  journal_message* kept;
};

/// Calls `action` where an exception must not get out: whether it came to its end. Without exceptions, on_error is told.
template <class Action>
bool without_throwing(Action action) noexcept {
#if defined(__cpp_exceptions)
  try {
    action();
    return true;
  } catch (...) {
    return false;
  }
#else
  action();
  return true;
#endif
}

/// What a durable_queue and its deliveries share: lives until the last of them is gone.
template <class T, class Wait>
class durable_core final : public books<durable_core<T, Wait>, durable_message<T>, Wait>,
                           public outliving_core<durable_core<T, Wait>>,
                           public delivery_owner<T> {
  using base = books<durable_core, durable_message<T>, Wait>;
  using outliving = outliving_core<durable_core>;
  using typename base::visit;

  /// Each delivery has a copy of its own; else it has the only one.
  static constexpr bool copies = std::is_copy_constructible_v<T>;
  static_assert(copies || std::is_nothrow_move_constructible_v<T>,
                "kew: a message that can only be moved must do so without throwing, or it could be lost");

 public:
  using typename base::entry;

  static constexpr queue_traits what_it_can{.persistent = true,
                                            .ordered = true,
                                            .delayed_requeue = true,
                                            .counts_attempts = true,
                                            .extends = true,
                                            .dead_letters = true};

  explicit durable_core(const std::string& folder, const durable_options& how)
      : base(limits_of(how)), max_attempts_(how.max_attempts), on_recovery_(how.on_recovery) {
    log_.emplace(journal::options{.folder = folder,
                                  .type = how.type.empty() ? name_of_codec<T>() : how.type,
                                  .interval = how.sync.time(),
                                  .segment_size = how.segment_size,
                                  .repair = how.repair,
                                  .on_recovery = how.on_recovery,
                                  .refusal = asks_the_codec ? &durable_core::refusal : nullptr});
    const std::int64_t date = calendar_now();
    log_->take_early(
        [&](const backlog::state& of) { return of.refusal || of.kept.due > date || has_failed_for_good(of.kept); },
        [this](const journal::waiting_message& found, const std::string* refusal) { restore(found, refusal); });
    on_recovery_ = nullptr;
    for (const lane each : {lane::live, lane::dead}) this->without_visits().add_waiting(each, log_->waiting(each));
  }

  status publish(lane in, T& message, const any_limit& limit) {
    std::string bytes;
    codec<T>::encode(message, bytes);
    const status has_room =
        base::publish(in, limit, [in](ledger<durable_message<T>>& entries) { entries.reserve(in); });
    if (!has_room) return has_room;
    reservation reserved(*this, in, 1);
    journal_message* kept = nullptr;
    if (in == lane::live)
      log_->publish_and_commit(bytes, kept);
    else
      log_->commit(log_->publish_dead(bytes, kept));
    reserved.fill({&kept, 1}, {&message, 1});
    return status::success;
  }

  std::size_t publish_n(lane in, std::span<T> messages) {
    std::size_t done = 0;
    std::vector<journal_message*> kept;
    message_block block;
    while (done < messages.size()) {
      std::size_t room = 0;
      const status answer = base::publish(in, {}, [&](ledger<durable_message<T>>& entries) {
        block.swap(spare_block_);
        room = messages.size() - done;
        if (in == lane::live) room = detail::min(room, entries.room());
        entries.reserve(in, room);
      });
      if (!answer) break;
      reservation places(*this, in, room);
      kept.clear();
      kept.reserve(room);
      journal::position end = 0;
      const auto append_all = [&] {
        while (kept.size() < room) {
          encode_some(messages.subspan(done + kept.size(), room - kept.size()), block);
          append(in, block, kept, end);
        }
      };
#if defined(__cpp_exceptions)
      try {
        append_all();
      } catch (...) {
        if (kept.empty() && done == 0) throw;
      }
#else
      append_all();
#endif
      if (kept.empty()) break;
      log_->commit(end);
      places.fill(kept, messages.subspan(done), &block);
      done += kept.size();
      if (kept.size() < room) break;
    }
    return done;
  }

  result<delivery<T>> receive(lane from, const any_limit& limit) {
    journal::position end = 0;
    result<delivery<T>> out =
        base::receive(from, limit, [&](visit& here, entry& first, time_point now) -> result<delivery<T>> {
          journal_message& kept = *first.payload().kept;
          std::unique_ptr<const std::string> why = why_dead(first);
          if (from == lane::dead && kept.state.dead == 0)
            log_->died(kept, why ? *why : std::string(), first.attempts(), first.failures());
          end = log_->handed(kept, first.attempts() + 1, first.failures());
          result<delivery<T>> made(std::in_place, *this, here.ledger().next_ticket(first), first.attempts() + 1,
                                   std::move(why), lent(first));
          here.ledger().hand_over(first, now);
          if (early_[index(from)].entries > 0) --early_[index(from)].entries;
          return made;
        });
    if (out) log_->write(end);
    return out;
  }

  bool settle(const delivery_ticket& ticket, const verdict& given, T& message) override {
    std::unique_ptr<const std::string> reason;
    if (given.kind == verdict_kind::reject) reason = std::make_unique<const std::string>(given.reason);
    std::optional<T> done;  // destroyed without the mutex
    journal::position end = 0;
    bool counts = false;
    {
      visit here(*this);
      if (!this->is_gone_) counts = decide(here, ticket, given, message, std::move(reason), done, end);
      if (counts) ++committing_;
    }
    if (counts) {
      const verdict_under_way until_the_end(*this);
      log_->commit(end);
    }
    const typename outliving::ended_delivery ended(*this);
    return counts;
  }

  void give_back(const delivery_ticket& ticket, T& message) noexcept override {
    const typename outliving::ended_delivery ended(*this);
    visit here(*this);
    if (this->is_gone_) return;
    here.catch_up();
    if (entry* const held = here.ledger().find(ticket); held != nullptr) {
      take_back(*held, message);
      fail(*held);
    } else {
      come_late(here, ticket, message);
    }
  }

  bool extend(const delivery_ticket& ticket, std::chrono::nanoseconds longer) override {
    return base::extend(ticket, longer);
  }

  queue_counts counts(lane of) {
    queue_counts all = base::counts(of);
    if (of == lane::dead) {
      all.published += undecodable_;
      all.dead += undecodable_;
    }
    return all;
  }

  journal& log() noexcept { return *log_; }

  /// The queue is gone, and the folder is free: so is this, when the last delivery is.
  void abandon() noexcept {
    std::uint64_t handed_over = 0;
    bool last_verdicts = true;
    for (backoff wait; last_verdicts; wait.pause()) {
      visit here(*this);
      this->is_gone_ = true;
      handed_over = here.ledger().hand_overs();
      last_verdicts = committing_ > 0;
    }
    this->without_visits().clear();
    log_.reset();
    this->end_with_deliveries(handed_over);
  }

 private:
  friend base;
  friend outliving;

  static queue_options limits_of(const durable_options& how) {
    return checked(
        {.capacity = how.capacity, .max_attempts = how.max_attempts, .visibility_timeout = how.visibility_timeout});
  }

  static constexpr std::size_t encoded_at_a_time = std::size_t{1} << 16;  // bytes: they stay in the nearest caches

  /// Stops before one that cannot be encoded, if it is not the first.
  static void encode_some(std::span<const T> messages, message_block& block) {
    block.clear();
    block.expect(messages.size());
    const auto encode = [&] {
      for (const T& each : messages) {
        block.add([&each](std::string& bytes) { codec<T>::encode(each, bytes); });
        if (block.bytes() >= encoded_at_a_time) break;
      }
    };
#if defined(__cpp_exceptions)
    try {
      encode();
    } catch (...) {
      if (block.size() == 0) throw;
    }
#else
    encode();
#endif
  }

  /// `kept` are those that are in the log, up to `end`; after an exception, too.
  void append(lane in, message_block& block, std::vector<journal_message*>& kept, journal::position& end) {
    if (in == lane::live) return log_->publish_n(block, kept, end);
    for (std::size_t i = 0; i < block.size(); ++i) {
      journal_message* added = nullptr;
      end = log_->publish_dead(block.payload(i), added);
      kept.push_back(added);
    }
  }

  /// Places in the ledger for messages that are being written. What is not filled is free again at the end.
  class reservation {
   public:
    explicit reservation(durable_core& core, lane in, std::size_t places) noexcept
        : core_(core), in_(in), places_(places) {}
    reservation(const reservation&) = delete;
    reservation& operator=(const reservation&) = delete;
    ~reservation() {
      if (places_ == 0) return;
      visit here(core_);
      for (; places_ > 0; --places_) here.ledger().unreserve(in_);
    }

    /// If a move throws, the messages are in the log, and come back when it is opened again. The memory of `block` is used
    /// for the next one.
    void fill(std::span<journal_message* const> kept, std::span<T> messages, message_block* block = nullptr) {
      visit here(core_);
      if (block != nullptr && block->is_worth_keeping()) core_.spare_block_.swap(*block);
      for (std::size_t i = 0; i < kept.size(); ++i) {
        here.ledger().add_reserved(in_, *kept[i], std::move(messages[i]));
        --places_;
      }
    }

   private:
    durable_core& core_;
    const lane in_;
    std::size_t places_;
  };

  /// With the mutex held: the verdict is in the log, up to `end`, and in the ledger; false where it is too late.
  bool decide(visit& here, const delivery_ticket& ticket, const verdict& given, T& message,
              std::unique_ptr<const std::string> reason, std::optional<T>& done, journal::position& end) {
    const time_point now = here.catch_up();
    entry* const held = here.ledger().find(ticket);
    if (held == nullptr) {
      come_late(here, ticket, message);
      return false;
    }
    journal_message& kept = *held->payload().kept;
    switch (given.kind) {
      case verdict_kind::ack:
        end = log_->settled(kept);
        if constexpr (copies && std::is_nothrow_move_constructible_v<T> && !std::is_trivially_destructible_v<T>)
          done.emplace(std::move(held->payload().value));
        here.ledger().acknowledge(*held);
        break;
      case verdict_kind::requeue: {
        const bool later = given.delay > std::chrono::nanoseconds::zero();
        const std::int64_t date = calendar_now();
        const std::int64_t delay = later ? given.delay.count() : 0;
        end = log_->returned(kept, held->attempts(), held->failures(),
                             !later                     ? 0
                             : delay < INT64_MAX - date ? date + delay
                                                        : INT64_MAX,
                             delay);
        take_back(*held, message);
        if (later)
          here.ledger().put_back_at(*held, time_after(now, given.delay));
        else
          here.ledger().put_back(*held);
        break;
      }
      case verdict_kind::reject: {
        const bool again = held->in() == lane::dead;
        end = log_->died(kept, *reason, again ? held->attempts() : 0, again ? held->failures() : 0);
        take_back(*held, message);
        here.ledger().bury(*held, std::move(reason));
        break;
      }
    }
    return true;
  }

  void timed_out(entry& late) noexcept {
    if constexpr (copies)
      fail(late);
    else
      this->without_visits().miss(late);
  }

  /// Nothing waits until that is written: the hand-over is in the log, and without an end it is a failure when the log is
  /// opened.
  void fail(entry& outstanding) noexcept {
    const bool for_good = this->without_visits().fails_for_good(outstanding);
    this->without_visits().fail(outstanding);
    journal_message& kept = *outstanding.payload().kept;
    without_throwing([&] {
      if (for_good)
        log_->died(kept, *why_dead(outstanding), 0, 0);
      else
        log_->returned(kept, outstanding.attempts(), outstanding.failures(), 0, 0);
    });
  }

  static decltype(auto) lent(entry& from) noexcept {
    if constexpr (copies)
      return std::as_const(from.payload().value);
    else
      return std::move(from.payload().value);
  }
  static void take_back(entry& held, T& message) noexcept {
    if constexpr (!copies) held.restock(durable_message<T>(*held.payload().kept, std::move(message)));
  }
  /// What was missed while its holder had it is back.
  void come_late(visit& here, const delivery_ticket& ticket, T& message) noexcept {
    if constexpr (!copies)
      if (entry* const missed = here.ledger().find_late(ticket); missed != nullptr) {
        take_back(*missed, message);
        fail(*missed);
      }
  }

  // ---- What was there when it was opened -------------------------------------------------------------------------

  static T made_of(std::string_view payload) { return codec<T>::decode(payload); }

  /// Calls `action`, which decodes. What is thrown for the message is the answer, or nothing.
  template <class Action>
  static std::unique_ptr<const std::string> refusal_of(Action action) {
#if defined(__cpp_exceptions)
    try {
      action();
    } catch (const std::bad_alloc&) {
      throw;
    } catch (const std::exception& refusal) {
      return std::make_unique<const std::string>(refusal.what());
    } catch (...) {
      return std::make_unique<const std::string>("no reason given");
    }
#else
    action();
#endif
    return nullptr;
  }
  static std::unique_ptr<const std::string> refusal(std::string_view payload) {
    return refusal_of([payload] { static_cast<void>(made_of(payload)); });
  }
  /// Those that are any bytes are never refused.
  static constexpr bool asks_the_codec = !std::is_same_v<T, std::string> && !std::is_same_v<T, std::vector<std::byte>>;

  /// An end of the queue while it was outstanding was a failure.
  static unsigned failures_of(const record_state& state) noexcept { return state.failures + state.handed; }
  bool has_failed_for_good(const record_state& state) const noexcept {
    return state.dead == 0 && failures_of(state) >= max_attempts_;
  }

  /// What cannot wait on disk until it is wanted: what is delayed, and what has to become a dead letter.
  void restore(const journal::waiting_message& found, const std::string* refusal) {
    journal_message& kept = found.message;
    const std::string payload(found.payload);  // what is written below may leave the file that it was read from
    const unsigned failures = failures_of(kept.state);
    const bool has_failed = has_failed_for_good(kept.state);
    if (has_failed) log_->died(kept, failed_times(failures), 0, 0);
    if (refusal != nullptr) {
      const std::string reason = bury_undecodable(kept, *refusal);
      return journal::say(on_recovery_, {recovery::kind::undecodable, log_->folder(), 0, payload.size(),
                                         "kew: message " + std::to_string(kept.id) + " in " + log_->folder() + ' ' +
                                             reason + "; it is a dead letter now"});
    }
    ledger<durable_message<T>>& entries = this->without_visits();
    entry& added = entries.add(kept.state.dead != 0 ? lane::dead : lane::live, kept, made_of(payload));
    entries.restore(added, kept.state.attempts, has_failed ? 0 : failures, reason_of(kept.state, kept.reason.get()));
    const std::int64_t date = calendar_now();
    const std::int64_t left = kept.state.due > date ? detail::min(kept.state.due - date, kept.state.delay) : 0;
    if (left > 0) entries.restore_delay(added, time_after(now(), std::chrono::nanoseconds(left)));
  }
  static std::unique_ptr<const std::string> reason_of(const record_state& state, const std::string* reason) {
    if (state.dead == 0) return nullptr;
    return std::make_unique<const std::string>(reason != nullptr ? *reason : std::string());
  }

  /// The reason that it has then.
  std::string bury_undecodable(journal_message& kept, const std::string& why) {
    ++undecodable_;
    std::string reason = "cannot be decoded: " + why;
    if (kept.state.dead == 0) log_->died(kept, reason, 0, 0);
    return reason;
  }

  /// Entries of a lane that were on disk only, and are ready before all others of it.
  struct early {
    std::size_t entries = 0;
    entry* last = nullptr;  ///< Of them, where there is one.
  };

  /// Before the first ready entry is looked for: some of those that are on disk get entries, if it is their turn.
  void bring_in(lane from) {
    early& here = early_[index(from)];
    if (here.entries > 0 || this->without_visits().waiting(from) == 0) [[likely]]
      return;
    bring_some_in(from, here);
  }
  [[gnu::noinline]] void bring_some_in(lane from, early& here) {
    const auto bring_all_in = [&] {
      std::size_t bytes = 0;
      for (std::size_t i = 0; here.entries == 0 || (i < most_at_a_time && bytes < encoded_at_a_time); ++i) {
        if (this->without_visits().waiting(from) == 0) break;
        bytes += bring_one_in(from, here);
      }
    };
#if defined(__cpp_exceptions)
    try {
      bring_all_in();
    } catch (...) {
      if (here.entries == 0) throw;  // else it is thrown again when those are gone
    }
#else
    bring_all_in();
#endif
  }
  /// How long the message is.
  std::size_t bring_one_in(lane from, early& here) {
    ledger<durable_message<T>>& entries = this->without_visits();
    const journal::waiting_message found = log_->peek(from);
    auto reason = reason_of(found.message.state, found.reason);
    entry* added = nullptr;
    const auto refusal = refusal_of([&] {
      added = &entries.bring_in(from, here.entries > 0 ? here.last : nullptr, found.message, made_of(found.payload));
    });
    log_->take(from);
    if (added == nullptr) {
      entries.drop_waiting(from);
      bury_undecodable(found.message, *refusal);
    } else {
      ++here.entries;
      here.last = added;
      const record_state& state = found.message.state;
      entries.restore(*added, state.attempts, failures_of(state), std::move(reason));
    }
    return found.payload.size();
  }

  // ---- The end ---------------------------------------------------------------------------------------------------

  /// The end of the queue waits for verdicts that are being written.
  class verdict_under_way {
   public:
    explicit verdict_under_way(durable_core& core) noexcept : core_(core) {}
    verdict_under_way(const verdict_under_way&) = delete;
    verdict_under_way& operator=(const verdict_under_way&) = delete;
    ~verdict_under_way() {
      visit here(core_);
      --core_.committing_;
    }

   private:
    durable_core& core_;
  };

  std::optional<journal> log_{};
  const unsigned max_attempts_;
  std::function<void(const recovery&)> on_recovery_;
  std::uint64_t undecodable_ = 0;

  static constexpr std::size_t most_at_a_time = 32;

  early early_[2]{};
  std::size_t committing_ = 0;   ///< Verdicts that count and are being written.
  message_block spare_block_{};  ///< What the last publish_n has left. Guarded by the mutex.
};

}  // namespace detail

/// Messages in a folder that are there until they are acknowledged or dead. durable_queue.hpp says when to use it, and
/// what is promised. The members are those of message_queue.
template <class T>
class durable_queue : public detail::two_lane_queue<message_queue<T>, detail::durable_core<T, adaptive_wait>> {
  using base = detail::two_lane_queue<message_queue<T>, detail::durable_core<T, adaptive_wait>>;

 public:
  /// Opens the folder, or makes it. Throws durable_error where that cannot be, and says what can be done;
  /// std::invalid_argument for options that make no sense, std::bad_alloc, and std::system_error where a thread that it
  /// needs is not to be had.
  explicit durable_queue(const std::filesystem::path& folder, const durable_options& options = {})
      : base(new detail::durable_core<T, adaptive_wait>(folder.string(), options)) {}

  /// Syncs, and leaves the folder. Verdicts of deliveries that live on answer false; their messages come back when the
  /// folder is opened again.
  ~durable_queue() override = default;

  /// With sync::interval: returns when everything that was answered is on disk.
  void flush() { this->core().log().sync(); }
  /// What it takes on disk now.
  durable_sizes sizes() { return this->core().log().measure(); }
};

}}  // namespace kew::KEW_NAMESPACE
