// The books of a queue of messages: which are ready, delayed or outstanding, what is due when, and what failed how often.
// For every message_queue that keeps its messages itself: work_queue in memory, durable_queue over its journal.
//
// Use          by one thread at a time: the owner holds a mutex around each call. Time comes in as an argument, and no
//              call waits, so the books are the same in every run with the same calls.
// What         an entry for each message, with the owner's Payload in it; entries stay where they are and are used again.
//              There are two lanes: the queue, and its dead letters. An entry that dies changes its lane, which takes
//              no memory and cannot fail.
// How          add → ready → hand_over → outstanding → acknowledge, put_back, put_back_at, fail or bury. Ready
//              and outstanding entries are in lists. Deadlines are mostly all of the same timeout and so in the order of
//              the list, which costs nothing; those of delays, and those that were extended, are in a heap.
// Cost         O(1) a call, but O(log n) in the number of delays and extended deadlines, and for advance() as much for
//              each entry that was due. Memory grows with the most entries that there were at a time; only add() needs
//              any.
// Throws       only add(). Every other call is noexcept and cannot lose an entry.
//
// An owner that keeps a journal writes before it calls: what advance() passes to its function are the failures by
// timeout, which may be worth a record, too; fails_for_good() says beforehand what fail() will do.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <kew/config.hpp>
#include <kew/detail/machine/cache_line.hpp>
#include <kew/detail/machine/clock.hpp>
#include <kew/detail/machine/min_max.hpp>
#include <kew/detail/machine/sync.hpp>
#include <kew/detail/machine/tuning.hpp>
#include <kew/detail/message/chunks.hpp>
#include <kew/detail/message/delivery_owner.hpp>
#include <kew/detail/message/lane.hpp>
#include <kew/detail/meter/queue_meter.hpp>
#include <kew/queue_options.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// So long after `start`; the largest never ends.
inline time_point time_after(time_point start, std::chrono::nanoseconds span) noexcept {
  if (span >= never - start) return never;
  return start + std::chrono::ceil<clock::duration>(span);
}

/// The entry of a message. What is not private is the owner's to read.
template <class Payload, class Meter = no_meter>
class ledger_entry {
 public:
  ledger_entry() noexcept {}
  ledger_entry(const ledger_entry&) = delete;
  ledger_entry& operator=(const ledger_entry&) = delete;
  ~ledger_entry() { discard(); }

  /// What the owner keeps of the message; there from add() until acknowledge().
  Payload& payload() noexcept { return payload_; }
  void discard() noexcept {
    if (std::exchange(has_payload_, false)) std::destroy_at(&payload_);
  }
  /// Puts another payload in the place of one that was moved out.
  void restock(Payload&& with) noexcept(std::is_nothrow_move_constructible_v<Payload>) { stock(std::move(with)); }

  unsigned attempts() const noexcept { return attempts_; }  ///< How often it was handed over in this lane.
  unsigned failures() const noexcept { return failures_; }
  lane in() const noexcept { return lane_; }
  /// Why it is in the dead lane; null in the other one.
  const std::string* reason() const noexcept { return reason_.get(); }
  /// By which the delivery that is outstanding is known.
  delivery_ticket ticket() noexcept { return {reinterpret_cast<std::uintptr_t>(this), hand_over_}; }

 private:
  template <class, class>
  friend class ledger;

  enum class place : unsigned char { unused, ready, delayed, outstanding, late };
  static constexpr std::size_t not_in_heap = SIZE_MAX;

  template <class... A>
  void stock(A&&... arguments) {
    discard();
    ::new (static_cast<void*>(&payload_)) Payload(std::forward<A>(arguments)...);
    has_payload_ = true;
  }

  // In the list of the ready ones, or of the outstanding ones whose deadlines are in order.
  ledger_entry* previous_ = nullptr;
  ledger_entry* next_ = nullptr;
  bool listed_ = false;

  place place_ = place::unused;
  lane lane_ = lane::live;
  bool has_payload_ = false;  ///< Here, and not behind the payload, where it would take as much as a pointer.
  unsigned attempts_ = 0;
  unsigned failures_ = 0;
  time_point due_ = never;                ///< The end of its delay or of its timeout.
  std::size_t heap_index_ = not_in_heap;  ///< Where it is in the heap.
  std::uint64_t hand_over_ = 0;           ///< The number of its last hand-over, of all lanes.
  atomic<std::uint64_t> lent_{0};         ///< The same while it is outstanding, for its holder; else 0.
  atomic<clock::rep> until_{0};           ///< due_ of an outstanding one, for its holder.
  std::unique_ptr<const std::string> reason_{};
  union {
    Payload payload_;
  };
  [[no_unique_address]] typename Meter::stamp stamp_{};  ///< When it came in.
};

/// What the owner tells those that wait, when it has left its mutex.
struct ledger_news {
  std::size_t ready[2] = {0, 0};  ///< How many entries became ready, by lane.
  std::size_t room = 0;           ///< How many left the live lane.
};

template <class Payload, class Meter = no_meter>
class ledger {
 public:
  using entry = ledger_entry<Payload, Meter>;

 private:
  struct list {
    entry* first = nullptr;
    entry* last = nullptr;

    void add(entry& at_end) noexcept {
      at_end.previous_ = last;
      at_end.next_ = nullptr;
      at_end.listed_ = true;
      (last != nullptr ? last->next_ : first) = &at_end;
      last = &at_end;
    }
    void add_first(entry& at_front) noexcept {
      at_front.previous_ = nullptr;
      at_front.next_ = first;
      at_front.listed_ = true;
      (first != nullptr ? first->previous_ : last) = &at_front;
      first = &at_front;
    }
    /// `before` is in it, or null for the front.
    void add_behind(entry* before, entry& coming) noexcept {
      if (before == nullptr) return add_first(coming);
      if (before == last) return add(coming);
      coming.previous_ = before;
      coming.next_ = before->next_;
      coming.listed_ = true;
      before->next_->previous_ = &coming;
      before->next_ = &coming;
    }
    void join(const list& behind) noexcept {
      behind.first->previous_ = last;
      (last != nullptr ? last->next_ : first) = behind.first;
      last = behind.last;
    }
    /// Takes out the first entry without a look at the second one, whose line may be with another core; so what
    /// previous_ of the first entry says means nothing.
    void remove_first() noexcept {
      entry& leaving = *first;
      first = leaving.next_;
      if (first == nullptr) last = nullptr;
      leaving.listed_ = false;
    }
    void remove(entry& inside) noexcept {
      if (first == &inside) return remove_first();
      inside.previous_->next_ = inside.next_;
      (inside.next_ != nullptr ? inside.next_->previous_ : last) = inside.previous_;
      inside.listed_ = false;
    }
  };

 public:
  explicit ledger(std::size_t capacity, unsigned max_attempts, std::chrono::nanoseconds timeout) noexcept
      : capacity_(capacity), timeout_(timeout), max_attempts_(max_attempts) {}
  ledger(const ledger&) = delete;
  ledger& operator=(const ledger&) = delete;

  // ---- In ------------------------------------------------------------------------------------------------------

  std::size_t capacity() const noexcept { return capacity_; }
  /// Whether the live lane has room for one more. The dead one always has.
  bool has_room() const noexcept { return inside(lane::live) < capacity_; }

  /// How many more the live lane has room for.
  std::size_t room() const noexcept {
    return has_room() ? capacity_ - static_cast<std::size_t>(inside(lane::live)) : 0;
  }

  /// For an owner that writes to a disk before it adds: room and memory for so many more, each until add_reserved or
  /// unreserve.
  /// Throws std::bad_alloc; then nothing has changed.
  void reserve(lane in, std::size_t places = 1) {
    if (spare() < places) grow(places - spare());
    reserved_[index(in)] += places;
  }
  /// As add, without a need for memory. If the payload's constructor throws, the place is still reserved.
  template <class... A>
  entry& add_reserved(lane in, A&&... arguments) {
    entry& made = add(in, std::forward<A>(arguments)...);
    --reserved_[index(in)];
    return made;
  }
  /// The place is free again.
  void unreserve(lane in) noexcept {
    --reserved_[index(in)];
    if (in == lane::live) ++news_.room;
  }

  /// Makes the payload of a new ready entry from `arguments`. Throws std::bad_alloc, and what the payload's constructor
  /// throws; then nothing has changed.
  template <class... A>
  entry& add(lane in, A&&... arguments) {
    if (unused_ == nullptr) grow();
    entry& made = fill(in, std::forward<A>(arguments)...);
    ++news_.ready[index(in)];
    if (in == lane::live) made.stamp_ = meter_.entered(inside(in));
    return made;
  }
  /// The same for one that came by an inbox, where an entry is spare; no news.
  template <class... A>
  void take_in(A&&... arguments) noexcept {
    fill(lane::live, std::forward<A>(arguments)...);
  }
  /// So many have come in by that whose news it is.
  void tell(std::size_t taken_in) noexcept { news_.ready[index(lane::live)] += taken_in; }

  // ---- For an inbox, which is filled without the owner's mutex --------------------------------------------------

  /// How many entries are unused and not reserved.
  std::size_t spare() const noexcept { return entries_ - used(); }
  bool has_unused() const noexcept { return unused_ != nullptr; }
  /// Makes room for more entries. Throws std::bad_alloc; then nothing has changed.
  void grow(std::size_t at_least = tuning::first_entries) {
    const std::size_t more = made_.next_size(detail::max(at_least, tuning::first_entries));
    // First, so that no later call needs memory: every entry may be in the heap.
    heap_.reserve(entries_ + more);
    made_.grow(more);
    entries_ += more;
    if (unused_ == nullptr) make_entries();
  }

  // ---- For an owner whose holders acknowledge without its mutex ---------------------------------------------------

  /// By when the entry of a ticket must be acknowledged, as far as the holder of the ticket can know. Any thread.
  static time_point due(const delivery_ticket& ticket) noexcept {
    return time_point(clock::duration(at(ticket)->until_.load(relaxed)));
  }
  /// The entry of a ticket, if it is outstanding by this very ticket. Any thread, while no timeout is ended.
  static entry* lent_by(const delivery_ticket& ticket) noexcept {
    entry* const held = at(ticket);
    return held->lent_.load(relaxed) == ticket.hand_over ? held : nullptr;
  }

  // ---- For an owner that has messages elsewhere, which are ready before all that are added ------------------------

  /// There are so many more. They count as ready.
  void add_waiting(lane in, std::size_t messages) noexcept {
    waiting_[index(in)] += messages;
    queue_counts& here = sum(in);
    here.published += messages;
    here.ready += messages;
  }
  std::size_t waiting(lane in) const noexcept { return waiting_[index(in)]; }
  /// One of them is no message any more.
  void drop_waiting(lane in) noexcept {
    --waiting_[index(in)];
    queue_counts& here = sum(in);
    --here.published;
    --here.ready;
    if (in == lane::live) ++news_.room;
  }
  /// One of them gets an entry, behind `before`, the last one that did and is still ready, or first. Throws as add does.
  template <class... A>
  entry& bring_in(lane in, entry* before, A&&... arguments) {
    if (spare() == 0) grow();  // what is reserved is another's
    entry& made = make(in, std::forward<A>(arguments)...);
    ready_[index(in)].add_behind(before, made);
    --waiting_[index(in)];
    return made;
  }

  // ---- After a crash ---------------------------------------------------------------------------------------------

  /// For an owner that comes back from a crash: what the journal knows of an entry that has just been added.
  void restore(entry& added, unsigned attempts, unsigned failures, std::unique_ptr<const std::string> reason) noexcept {
    added.attempts_ = attempts;
    added.failures_ = failures;
    added.reason_ = std::move(reason);
  }
  /// The same: it is not ready before that time.
  void restore_delay(entry& added, time_point due) noexcept {
    ready_[index(added.lane_)].remove(added);
    queue_counts& here = sum(added.lane_);
    --here.ready;
    ++here.delayed;
    added.place_ = entry::place::delayed;
    added.due_ = due;
    enter_heap(added);
  }

  // ---- Out and back --------------------------------------------------------------------------------------------

  /// The first ready entry of a lane, or null.
  entry* front(lane of) noexcept { return ready_[index(of)].first; }

  /// The ticket that the next hand_over of this entry will have.
  delivery_ticket next_ticket(entry& of) const noexcept {
    return {reinterpret_cast<std::uintptr_t>(&of), hand_overs_ + 1};
  }
  /// How many hand-overs there were.
  std::uint64_t hand_overs() const noexcept { return hand_overs_; }

  /// From ready to outstanding, with a timeout from now.
  void hand_over(entry& ready, time_point now) noexcept {
    list& others = ready_[index(ready.lane_)];
    others.remove(ready);
    fetch(others.first);
    queue_counts& here = sum(ready.lane_);
    --here.ready;
    ++here.outstanding;
    if (++ready.attempts_ > 1) ++here.redelivered;
    ready.hand_over_ = ++hand_overs_;
    ready.place_ = entry::place::outstanding;
    ready.due_ = time_after(now, timeout_);
    if (ready.due_ != never) {
      // A thread may have looked at the clock before another one that came first.
      if (in_order_.last != nullptr) ready.due_ = detail::max(ready.due_, in_order_.last->due_);
      in_order_.add(ready);
    }
    lend(ready);
  }

  /// The entry that is outstanding by this very ticket; null where it is too late, or a verdict was given.
  entry* find(const delivery_ticket& ticket) noexcept {
    entry* const found = with(ticket);
    return found != nullptr && found->place_ == entry::place::outstanding ? found : nullptr;
  }
  /// The entry that was missed by this very ticket.
  entry* find_late(const delivery_ticket& ticket) noexcept {
    entry* const found = with(ticket);
    return found != nullptr && found->place_ == entry::place::late ? found : nullptr;
  }

  /// Moves the timeout of an outstanding entry.
  void extend(entry& outstanding, time_point due) noexcept {
    leave_timers(outstanding);
    outstanding.due_ = due;
    enter_heap(outstanding);
    outstanding.until_.store(due.time_since_epoch().count(), relaxed);
  }

  /// The message is done. Its payload is destroyed: an owner that minds where has moved it out before.
  void acknowledge(entry& outstanding) noexcept {
    queue_counts& here = take(outstanding);
    ++here.acked;
    if (outstanding.lane_ == lane::live) leave_live(outstanding);
    outstanding.discard();
    outstanding.reason_.reset();
    outstanding.place_ = entry::place::unused;
    outstanding.next_ = unused_;
    unused_ = &outstanding;
  }

  /// Back, behind all that are ready. No failure.
  void put_back(entry& outstanding) noexcept {
    take(outstanding);
    make_ready(outstanding);
  }
  /// Back to the front, as if it had never been handed over.
  void undo_hand_over(entry& outstanding) noexcept {
    take(outstanding);
    --outstanding.attempts_;
    make_ready(outstanding);
    list& ready = ready_[index(outstanding.lane_)];
    ready.remove(outstanding);
    ready.add_first(outstanding);
  }
  /// Back, and ready from that time on.
  void put_back_at(entry& outstanding, time_point due) noexcept {
    queue_counts& here = take(outstanding);
    ++here.delayed;
    outstanding.place_ = entry::place::delayed;
    outstanding.due_ = due;
    enter_heap(outstanding);
  }

  /// Whether one more failure is the last that this entry may have. In the dead lane none is.
  bool fails_for_good(const entry& outstanding) const noexcept {
    return outstanding.lane_ == lane::live && outstanding.failures_ + 1 >= max_attempts_;
  }
  /// The attempt failed: back, or dead.
  void fail(entry& outstanding) noexcept {
    const bool for_good = fails_for_good(outstanding);
    if (outstanding.lane_ == lane::live) ++outstanding.failures_;
    if (for_good)
      bury(outstanding, nullptr);
    else
      put_back(outstanding);
  }
  /// To the dead letters. Without a reason it is one that failed too often.
  void bury(entry& outstanding, std::unique_ptr<const std::string> reason) noexcept {
    queue_counts& here = take(outstanding);
    outstanding.reason_ = std::move(reason);
    if (outstanding.lane_ == lane::live) {
      ++here.dead;
      leave_live(outstanding);
      outstanding.lane_ = lane::dead;
      outstanding.attempts_ = 0;
      ++sum(lane::dead).published;
    }
    make_ready(outstanding);
  }
  /// The timeout is over, but the message is still the holder's: it stays outstanding until it is back.
  void miss(entry& outstanding) noexcept {
    outstanding.lent_.store(0, relaxed);
    leave_timers(outstanding);
    outstanding.place_ = entry::place::late;
  }

  // ---- Time ----------------------------------------------------------------------------------------------------

  /// When there is something for advance() to do; never where there is not.
  time_point next_due() const noexcept {
    const time_point first = in_order_.first != nullptr ? in_order_.first->due_ : never;
    return heap_.empty() ? first : detail::min(first, heap_.front()->due_);
  }

  /// Makes ready what was delayed until now, and calls `timed_out(entry&)` for each delivery whose time is over: it
  /// calls fail, bury or miss.
  template <class F>
  void advance(time_point now, F timed_out) {
    for (;;) {
      entry* next = in_order_.first;
      if (!heap_.empty() && (next == nullptr || earlier(*heap_.front(), *next))) next = heap_.front();
      if (next == nullptr || next->due_ > now) return;
      if (next->place_ == entry::place::outstanding) {
        timed_out(*next);
      } else {
        leave_timers(*next);
        --sum(next->lane_).delayed;
        make_ready(*next);
      }
    }
  }

  // ---- Figures -------------------------------------------------------------------------------------------------

  const queue_counts& counts(lane of) const noexcept { return counts_[index(of)]; }
  /// How many are ready, delayed or outstanding, or have a place reserved.
  std::uint64_t inside(lane of) const noexcept {
    const queue_counts& here = counts(of);
    return here.ready + here.delayed + here.outstanding + reserved_[index(of)];
  }

  /// What times those in the live lane. Its owner shows it the clock before what ends their time.
  Meter& meter() noexcept { return meter_; }

  /// Whether that is anything.
  bool has_news() const noexcept { return (news_.ready[0] | news_.ready[1] | news_.room) != 0; }
  /// What has happened since this was last asked.
  ledger_news take_news() noexcept { return std::exchange(news_, {}); }

  /// Destroys all payloads. Nothing else is to be called afterwards.
  void clear() noexcept {
    made_.for_each([](entry& each) { each.discard(); });
  }

 private:
  using place = typename entry::place;

  queue_counts& sum(lane of) noexcept { return counts_[index(of)]; }

  /// No entry is ever freed before the ledger is, so even an old ticket leads to one.
  static entry* at(const delivery_ticket& ticket) noexcept {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): the ticket was made from this pointer
    return reinterpret_cast<entry*>(ticket.place);
  }
  static entry* with(const delivery_ticket& ticket) noexcept {
    entry* const found = at(ticket);
    return found != nullptr && found->hand_over_ == ticket.hand_over ? found : nullptr;
  }

  /// Makes a few where there is room, so that each is in the nearest caches still when it is used.
  void make_entries() noexcept {
    entry** last = &unused_;
    for (std::size_t i = detail::min(made_.room(), tuning::first_entries); i > 0; --i) {
      *last = &made_.make();
      last = &(*last)->next_;
    }
  }
  /// Makes an entry that is to be ready of an unused one.
  template <class... A>
  entry& make(lane in, A&&... arguments) {
    entry& made = *unused_;
    made.stock(std::forward<A>(arguments)...);
    unused_ = made.next_;
    if (unused_ == nullptr) [[unlikely]]
      make_entries();
    made.lane_ = in;
    made.place_ = place::ready;
    made.attempts_ = 0;
    made.failures_ = 0;
    made.due_ = never;
    return made;
  }
  template <class... A>
  entry& fill(lane in, A&&... arguments) {
    entry& made = make(in, std::forward<A>(arguments)...);
    ready_[index(in)].add(made);
    queue_counts& here = sum(in);
    ++here.published;
    ++here.ready;
    return made;
  }
  void make_ready(entry& coming) noexcept {
    coming.place_ = place::ready;
    coming.due_ = never;
    ready_[index(coming.lane_)].add(coming);
    ++sum(coming.lane_).ready;
    ++news_.ready[index(coming.lane_)];
  }

  void leave_live(const entry& leaving) noexcept {
    ++news_.room;
    meter_.left(leaving.stamp_);
  }

  /// How many entries have a message, or are reserved.
  std::size_t used() const noexcept {
    std::size_t used = reserved_[0] + reserved_[1];
    for (const queue_counts& each : counts_)
      used += static_cast<std::size_t>(each.ready + each.delayed + each.outstanding);
    return used - waiting_[0] - waiting_[1];
  }

  /// Asks for the lines of an entry that will be wanted next.
  static void fetch(const entry* next) noexcept {
    const auto from = reinterpret_cast<std::uintptr_t>(next);
    for (std::size_t i = 0; i < detail::min<std::size_t>(sizeof(entry), 2 * cache_line); i += cache_line)
      prefetch_for_writing(from + i);
  }

  /// From here on the holder may acknowledge it.
  static void lend(entry& handed_over) noexcept {
    // relaxed: the delivery itself passes them on
    handed_over.until_.store(handed_over.due_.time_since_epoch().count(), relaxed);
    handed_over.lent_.store(handed_over.hand_over_, relaxed);
  }

  /// Takes an entry out of the outstanding ones.
  queue_counts& take(entry& outstanding) noexcept {
    outstanding.lent_.store(0, relaxed);
    leave_timers(outstanding);
    queue_counts& here = sum(outstanding.lane_);
    --here.outstanding;
    return here;
  }

  // ---- The heap: the earliest is at the front, of two at the same time the one that was handed over first -----------

  static bool earlier(const entry& a, const entry& b) noexcept {
    return a.due_ != b.due_ ? a.due_ < b.due_ : a.hand_over_ < b.hand_over_;
  }
  void leave_timers(entry& leaving) noexcept {
    if (leaving.listed_) in_order_.remove(leaving);
    if (leaving.heap_index_ == entry::not_in_heap) return;
    const std::size_t hole = std::exchange(leaving.heap_index_, entry::not_in_heap);
    entry* const last = heap_.back();
    heap_.pop_back();
    if (last == &leaving) return;
    set(hole, *last);
    sink(rise(hole));
  }
  void enter_heap(entry& coming) noexcept {
    if (coming.due_ == never) return;
    heap_.push_back(&coming);  // grow() has reserved it
    coming.heap_index_ = heap_.size() - 1;
    rise(coming.heap_index_);
  }
  void set(std::size_t at, entry& what) noexcept {
    heap_[at] = &what;
    what.heap_index_ = at;
  }
  std::size_t rise(std::size_t at) noexcept {
    entry& rising = *heap_[at];
    for (; at > 0 && earlier(rising, *heap_[(at - 1) / 2]); at = (at - 1) / 2) set(at, *heap_[(at - 1) / 2]);
    set(at, rising);
    return at;
  }
  void sink(std::size_t at) noexcept {
    entry& sinking = *heap_[at];
    for (;;) {
      std::size_t child = 2 * at + 1;
      if (child >= heap_.size()) break;
      if (child + 1 < heap_.size() && earlier(*heap_[child + 1], *heap_[child])) ++child;
      if (!earlier(*heap_[child], sinking)) break;
      set(at, *heap_[child]);
      at = child;
    }
    set(at, sinking);
  }

  const std::size_t capacity_;
  const std::chrono::nanoseconds timeout_;
  const unsigned max_attempts_;

  list ready_[2]{};
  list in_order_{};             ///< Outstanding entries with the queue's own timeout, the earliest deadline first.
  std::vector<entry*> heap_{};  ///< Delayed entries, and outstanding ones whose timeout was extended.
  queue_counts counts_[2]{};
  std::uint64_t reserved_[2] = {0, 0};
  std::size_t waiting_[2] = {0, 0};
  ledger_news news_{};
  [[no_unique_address]] Meter meter_{};
  std::uint64_t hand_overs_ = 0;

  entry* unused_ = nullptr;  ///< Null only where every entry is used.
  chunks<entry> made_{};
  std::size_t entries_ = 0;  ///< Those that are made, and those that there is room for.
};

}}}  // namespace kew::KEW_NAMESPACE::detail
