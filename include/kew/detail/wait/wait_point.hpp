// Where a queue's waiters wait until there is something for them, at no cost to a notifier that finds no waiter.
//
// There are two kinds of waiter behind one word, which is all that a notifier reads:
//
//   sleepers   threads that the kernel puts to sleep. They are anonymous: only their number is known.
//   entries    objects of type wait_entry in a list, each with a function through which it is told. For what waits
//              at several places at once, or waits without a thread. Some of them only watch: they are told of a
//              notification and leave it to the others.
//
// A sleeper counts itself (prepare_wait), looks once more for what it waits for, and sleeps (commit_wait) or goes away
// (cancel_wait). A notifier turns one sleeper into one permit and wakes one thread, which takes the permit away. So the
// next notifier finds that thread counted out already and does not wake it again, however long it takes to get up. Any
// sleeper may take any permit, and none goes to sleep while there is one; so there are always at least as many
// sleepers and permits in the word as threads that the kernel has asleep.
//
// A thread that has taken a permit and goes away without what it was woken for passes the permit on (class sleeper). So
// does an entry that was told.
//
// Between counting a sleeper out and the end of its system call a notifier may be preempted, or stopped for ever. Until
// the call is over the word is marked: `call_pending`. A notifier that finds the mark makes the call itself, for
// all permits. So a sleeper that one notifier leaves behind is woken by the next push, pop or close.
//
//     generation | permits | listed | call_pending | sleepers
//        22 bits   20 bits    1 bit          1 bit    20 bits
//
// The generation counts grants, so that a notifier takes back the mark of no other. A notifier that stops for exactly
// 2^22 grants and finds another one stopped when it goes on takes the other's mark back: that is what remains.
//
// An entry is told outside the lock of the list, because its function may be anybody's code: a coroutine may go on in
// it. Under the lock the notifier takes the entry out of the list and leaves a record of the call, which stands on its
// own stack. An entry that goes away in the meantime finds the record and waits until the call is over; one that has
// been made to go on by the call, and so may be destroyed before it is over, takes its name off the record (detach),
// and the notifier does not touch it any more. A notifier that stops between the two keeps that one entry waiting, and
// nothing else.
//
// Source     an event count (D. Reed and R. Kanodia, "Synchronization with Eventcounts and Sequencers", 1979) with
//            the permits of a semaphore; the second look makes the store-buffering (Dekker) pattern safe.
#pragma once

#include <climits>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <kew/config.hpp>
#include <kew/detail/machine/cache_line.hpp>
#include <kew/detail/machine/clock.hpp>
#include <kew/detail/machine/fence.hpp>
#include <kew/detail/machine/futex.hpp>
#include <kew/detail/machine/min_max.hpp>
#include <kew/detail/machine/sync.hpp>
#include <kew/detail/wait/backoff.hpp>
#include <kew/detail/wait/spin_lock.hpp>
#include <kew/detail/wait/yield_record.hpp>
#include <kew/error.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// Whether an entry uses up the notification that it is told of.
enum class attention : unsigned char {
  takes,   ///< It does: one of the things that are notified of is for it.
  watches  ///< It does not: another waiter is woken or told all the same.
};

/// The call of an entry's function that is under way, as it is seen by a thread.
enum class call_under_way : unsigned char {
  none,
  here,      ///< Further up on this thread's stack.
  elsewhere  ///< In another thread.
};

/// A waiter that is told of a notification. Lives as long as its wait, in the object that waits.
class wait_entry {
 public:
  using function = void (*)(wait_entry&) noexcept;

  /// `tell` is called at most once for each time the entry is added, by a notifier that holds no lock, inside of its
  /// push, pop or close. The entry is not in the list any more then, and the function may add it again.
  explicit wait_entry(function tell, attention kind = attention::takes) noexcept : tell_(tell), kind_(kind) {}
  wait_entry(const wait_entry&) = delete;
  wait_entry& operator=(const wait_entry&) = delete;

 private:
  friend class wait_entries;
  friend class wait_point;

  /// A notifier that comes to a prepared entry takes it out of the list and does not call its function.
  enum class place : unsigned char { outside, prepared, listed };

  function tell_;
  wait_entry* previous_ = nullptr;
  wait_entry* next_ = nullptr;
  attention kind_;
  place place_ = place::outside;
};

/// A list of entries, oldest first. The oldest one's `previous_` is the youngest, so that a wait point fits into a line.
class wait_entries {
 public:
  std::uint32_t size() const noexcept { return size_; }
  wait_entry* oldest() const noexcept { return first_; }

  void append(wait_entry& entry) noexcept {
    entry.next_ = nullptr;
    if (first_ == nullptr) {
      first_ = &entry;
    } else {
      entry.previous_ = first_->previous_;
      entry.previous_->next_ = &entry;
    }
    first_->previous_ = &entry;
    ++size_;
  }
  void erase(wait_entry& entry) noexcept {
    if (&entry == first_)
      first_ = entry.next_;
    else
      entry.previous_->next_ = entry.next_;
    if (wait_entry* const after = entry.next_ != nullptr ? entry.next_ : first_; after != nullptr)
      after->previous_ = entry.previous_;
    --size_;
  }

 private:
  wait_entry* first_ = nullptr;
  std::uint32_t size_ = 0;
};

class alignas(cache_line) wait_point {
 public:
  /// How many wake-ups there had been before a thread prepared to wait.
  using ticket = std::uint32_t;

  wait_point() noexcept = default;
  wait_point(const wait_point&) = delete;
  wait_point& operator=(const wait_point&) = delete;
#if KEW_CHECKED
  ~wait_point() {
    const std::uint64_t word = word_.load(relaxed);
    if (sleepers(word) == 0 && permits(word) == 0 && (word & listed) == 0) return;
    break_off("kew: a queue is destroyed while a thread waits in it; close it first, and let every call return");
  }
#else
  ~wait_point() {}
#endif

  // ---- Sleepers ----------------------------------------------------------------------------------------------

  /// Counts the caller as a sleeper, unless there are too many (2^19). It settles, looks once more for what it waits
  /// for, and then it commits or cancels.
  bool prepare_wait(ticket& before) noexcept {
    // Edge "interrupt": the second look sees what an earlier interrupt was about. And the count is not moved before
    // this load: no wake-up of a counted sleeper may be missed.
    before = wake_ups_.load(acquire);
    if (sleepers(word_.load(relaxed)) >= most_sleepers) return false;
    word_.fetch_add(one_sleeper, relaxed);  // relaxed: the fence in settle() orders it
    return true;
  }

  /// To be called between becoming visible (prepare_wait, add) and the second look, which then sees what notifiers did
  /// before they looked for waiters in vain.
  void settle() noexcept {
    fence_heavy(fence_);  // Edge "look again"
  }
  /// The same for several wait points at once: `each(f)` calls `f` with each of them.
  template <class Each>
  static void settle_all(Each each) noexcept {
    // Edge "look again"
    fence_heavy_of_all<asymmetric_fence>([&each](auto f) { each([&f](wait_point& place) { f(place.fence_); }); });
  }

  /// Sleeps until the first wake-up after the ticket was drawn, or for no reason; not beyond the deadline. True:
  /// the caller has taken a permit. In any case it is not counted any more.
  bool commit_wait(ticket before, time_point deadline) noexcept {
    // A permit that is there already was given before the ticket was drawn, so nothing would end a sleep for it.
    const bool woken = permits(word_.load(relaxed)) > 0 || futex_wait(wake_ups_, before, deadline);
    return cancel_wait(woken);
  }

  /// Takes the caller out of the count, or takes a permit away and says true.
  bool cancel_wait(bool woken = false) noexcept {
    std::uint64_t word = word_.load(relaxed);
    for (;;) {
      // A woken thread takes the permit that it was woken with. Any other leaves permits to those that were woken, as
      // long as there is a sleeper to be counted out.
      const bool permit = permits(word) > 0 && (woken || sleepers(word) == 0);
      // Edge "park": takes over what the notifier had done.
      if (word_.compare_exchange_weak(word, word - (permit ? one_permit : one_sleeper), acquire, relaxed))
        return permit;
    }
  }

  /// What its threads do before they sleep again.
  yield_record& yields() noexcept { return yields_; }

  // ---- Entries -----------------------------------------------------------------------------------------------

  /// Puts an entry at the end of the list. As after prepare_wait, the caller settles and looks once more.
  void add(wait_entry& entry) noexcept { list(entry, wait_entry::place::listed); }

  /// The same for an entry that may be destroyed as soon as it was told: until commit() its function is not called.
  void prepare(wait_entry& entry) noexcept { list(entry, wait_entry::place::prepared); }

  /// From now on the function is called: the caller does not touch the entry any more. False: a notifier has come
  /// meanwhile; it is as if the entry had been told.
  bool commit(wait_entry& entry) noexcept {
    const spin_lock::guard locked(lock_);
    if (entry.place_ == wait_entry::place::outside) return false;
    entry.place_ = wait_entry::place::listed;
    return true;
  }

  /// Takes an entry out of the list. False: it had been told, and if it does not take what it was told of, the caller
  /// notifies another one. Afterwards no notifier touches the entry: where its function is being called by another
  /// thread, this waits until the call is over.
  [[gnu::noinline]] bool remove(wait_entry& entry) noexcept {
    backoff wait;
    for (;;) {
      {
        const spin_lock::guard locked(lock_);
        if (entry.place_ != wait_entry::place::outside) {
          unlink(entry);
          return true;
        }
        call* const under_way = call_of(&entry);
        if (under_way == nullptr) return false;
        if (under_way->caller == thread_token()) {
          let_go(*under_way);
          return false;
        }
      }
      wait.pause();
    }
  }

  /// For an entry that goes on while its function may still be called by the thread that told it: that thread does not
  /// touch it any more when the call returns. Where it is the calling thread itself, it does not touch the wait point
  /// either. Says what there was to detach from.
  [[gnu::noinline]] call_under_way detach(wait_entry& entry) noexcept {
    const spin_lock::guard locked(lock_);
    call* const under_way = call_of(&entry);
    if (under_way == nullptr) return call_under_way::none;
    if (under_way->caller == thread_token()) {
      let_go(*under_way);
      return call_under_way::here;
    }
    under_way->entry = nullptr;
    return call_under_way::elsewhere;
  }

  /// Tells this entry alone, as if it were the oldest; nothing where it has been told already.
  void tell_one(wait_entry& entry) noexcept {
    tell_next([&entry] { return entry.place_ == wait_entry::place::outside ? nullptr : &entry; });
  }

  // ---- Notifiers ---------------------------------------------------------------------------------------------

  /// Wakes or tells up to `n` waiters, for as many things that they may be waiting for, and tells all that watch. No
  /// kernel call and no fence where there is no waiter.
  [[gnu::always_inline]] void notify(std::size_t n = 1) noexcept {
    // Edge "look again": a waiter that is not seen here will see, at its second look, what was done before.
    fence_light(fence_);
    const std::uint64_t word = word_.load(relaxed);
    if ((word & waiting) != 0) [[unlikely]]
      wake(word, n);
  }

  void notify_all() noexcept { notify(SIZE_MAX); }

  /// Makes every sleeping thread look again, without a permit: for what concerns only one of them.
  void interrupt() noexcept {
    wake_ups_.fetch_add(1, release);  // Edge "interrupt": passes on what it is about.
    futex_wake(wake_ups_, INT_MAX);
  }

 private:
  static constexpr int count_bits = 20;
  static constexpr std::uint64_t one_sleeper = 1;
  static constexpr std::uint64_t call_pending = std::uint64_t{1} << count_bits;
  static constexpr std::uint64_t listed = call_pending << 1;
  static constexpr std::uint64_t one_permit = listed << 1;
  static constexpr std::uint64_t one_generation = one_permit << count_bits;

  static constexpr std::uint64_t all_sleepers = call_pending - 1;
  static constexpr std::uint64_t waiting = all_sleepers | call_pending | listed;
  /// Threads that see room for one more may be late by as much again.
  static constexpr std::uint32_t most_sleepers = all_sleepers / 2;

  static constexpr std::uint32_t sleepers(std::uint64_t word) noexcept {
    return static_cast<std::uint32_t>(word & all_sleepers);
  }
  static constexpr std::uint32_t permits(std::uint64_t word) noexcept {
    return static_cast<std::uint32_t>(word / one_permit % (one_generation / one_permit));
  }
  static constexpr std::uint64_t generation(std::uint64_t word) noexcept { return word / one_generation; }

  [[gnu::noinline]] void wake(std::uint64_t word, std::size_t n) noexcept {
    if ((word & listed) != 0) tell(watching_, SIZE_MAX);
    bool sleepers_first = false;
    if (sleepers(word) > 0 && (word & listed) != 0) {
      // Both kinds wait: they take turns at being the first.
      sleepers_first = sleepers_first_.get();
      sleepers_first_.set(!sleepers_first);
    }
    if (!sleepers_first) n -= tell(taking_, n);
    n -= grant(n);
    if (n > 0) tell(taking_, n);
  }

  /// Wakes up to `n` sleepers, and finishes the call that another notifier may have left pending. Returns how many.
  std::size_t grant(std::size_t n) noexcept {
    std::uint64_t word = word_.load(relaxed);
    for (;;) {
      const auto granted = static_cast<std::uint32_t>(min<std::size_t>(n, sleepers(word)));
      const bool left_behind = (word & call_pending) != 0;
      if (granted == 0 && !left_behind) return 0;
      const std::uint64_t next = (word - granted * one_sleeper + granted * one_permit + one_generation) | call_pending;
      // Edge "park": passes on what this thread has done.
      if (!word_.compare_exchange_weak(word, next, release, relaxed)) continue;
      wake_ups_.fetch_add(1, relaxed);
      if (const std::uint32_t calls = left_behind ? permits(next) : granted; calls > 0)
        futex_wake(wake_ups_, static_cast<int>(calls));
      finish_call(next);
      return granted;
    }
  }

  /// Takes the mark back, unless a later grant has set it anew: that one's call is for all permits.
  void finish_call(std::uint64_t word) noexcept {
    const std::uint64_t mine = generation(word);
    // relaxed: the mark hands nothing over. It is gone only after the call, which no compiler moves.
    while (generation(word) == mine && (word & call_pending) != 0)
      if (word_.compare_exchange_weak(word, word & ~call_pending, relaxed, relaxed)) return;
  }

  // ---- Telling entries ---------------------------------------------------------------------------------------

  /// A call of an entry's function, on the stack of the thread that makes it.
  struct call {
    wait_entry* entry = nullptr;  ///< Null: it has gone on, and may not be there any more.
    std::uintptr_t caller = 0;
    call* next = nullptr;
    bool let_go = false;  ///< Of the caller's own thread: the wait point may not be there any more either.
  };

  void list(wait_entry& entry, wait_entry::place as) noexcept {
    const spin_lock::guard locked(lock_);
    list_of(entry).append(entry);
    entry.place_ = as;
    word_.fetch_or(listed, relaxed);  // relaxed: the fence in settle() orders it
  }
  void unlink(wait_entry& entry) noexcept {
    list_of(entry).erase(entry);
    entry.place_ = wait_entry::place::outside;
    // relaxed: only spares notifiers the lock
    if (taking_.size() + watching_.size() == 0) word_.fetch_and(~listed, relaxed);
  }
  wait_entries& list_of(const wait_entry& entry) noexcept {
    return entry.kind_ == attention::takes ? taking_ : watching_;
  }

  /// Tells up to `n` entries of a list, oldest first. Returns how many.
  std::size_t tell(wait_entries& list, std::size_t n) noexcept {
    if (n == 0 || (word_.load(relaxed) & listed) == 0) return 0;
    {
      // No more than there are now: an entry that was told in vain may come back at once.
      const spin_lock::guard locked(lock_);
      n = min<std::size_t>(n, list.size());
    }
    std::size_t told = 0;
    while (told < n && tell_next([&list] { return list.oldest(); })) ++told;
    return told;
  }

  /// Tells the entry that `choose` says under the lock. False: it says none.
  template <class Choose>
  bool tell_next(Choose choose) noexcept {
    call mine;
    {
      const spin_lock::guard locked(lock_);
      wait_entry* const entry = choose();
      if (entry == nullptr) return false;
      const bool committed = entry->place_ == wait_entry::place::listed;
      unlink(*entry);
      if (!committed) return true;
      mine.entry = entry;
      mine.caller = thread_token();
      mine.next = calls_;
      calls_ = &mine;
    }
    mine.entry->tell_(*mine.entry);
    if (mine.let_go) return true;
    const spin_lock::guard locked(lock_);
    unlink(mine);
    return true;
  }

  call* call_of(const wait_entry* entry) const noexcept {
    call* each = calls_;
    while (each != nullptr && each->entry != entry) each = each->next;
    return each;
  }
  void let_go(call& under_way) noexcept {
    unlink(under_way);
    under_way.let_go = true;
  }
  void unlink(call& over) noexcept {
    call** at = &calls_;
    while (*at != &over) at = &(*at)->next;
    *at = over.next;
  }

  atomic<std::uint64_t> word_{0};
  /// What the kernel compares before it puts a thread to sleep.
  futex_word wake_ups_{0};
  asymmetric_fence fence_{};
  hint<bool> sleepers_first_{};
  yield_record yields_{};
  /// Guards the lists and the calls. Taken only where there is, or was, an entry.
  spin_lock lock_{};
  wait_entries taking_{};
  wait_entries watching_{};
  /// Those that are under way.
  call* calls_ = nullptr;
};

/// One thread's wait at a wait point, which it may prepare and cancel several times. However that ends, by an exception
/// too, the count is right afterwards, and no permit is lost.
class sleeper {
 public:
  explicit sleeper(wait_point& place) noexcept : place_(place) {}
  sleeper(const sleeper&) = delete;
  sleeper& operator=(const sleeper&) = delete;
  ~sleeper() {
    cancel();
    if (permit_) place_.notify();
  }

  bool prepared() const noexcept { return prepared_; }

  /// True: the caller looks once more, and then it may sleep. False: it cannot sleep now and has to go on looking.
  bool prepare() noexcept {
    // What a permit of before was given for, another thread has taken: the caller has looked in vain since.
    permit_ = false;
    if (!place_.prepare_wait(ticket_)) return false;
    prepared_ = true;
    place_.settle();
    return true;
  }

  void sleep(time_point deadline) noexcept {
    permit_ = place_.commit_wait(ticket_, deadline);
    prepared_ = false;
  }

  /// After a look in vain: whether it was woken for it. Once for each time that it was.
  bool woken_in_vain() noexcept { return std::exchange(permit_, false); }

  void cancel() noexcept {
    if (!prepared_) return;
    permit_ = place_.cancel_wait();
    prepared_ = false;
  }

  /// The caller has what it waited for.
  void satisfied() noexcept {
    const bool may_be_late = prepared_;
    cancel();
    // A permit that came after the look may stand for another thing than what the look has found: an entry may wait for
    // that.
    if (may_be_late && permit_) place_.notify();
    permit_ = false;
  }

 private:
  wait_point& place_;
  wait_point::ticket ticket_ = 0;
  bool prepared_ = false;
  bool permit_ = false;
};

}}}  // namespace kew::KEW_NAMESPACE::detail
