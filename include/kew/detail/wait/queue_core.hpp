// What every queue that waits is made of: a ring that can be closed, and the two points where producers and consumers
// wait. The verbs that users call are written over it in push_half.hpp and pop_half.hpp.
#pragma once

#include <cstddef>
#include <iterator>
#include <type_traits>
#include <utility>

#include <kew/concepts.hpp>
#include <kew/config.hpp>
#include <kew/detail/machine/clock.hpp>
#include <kew/detail/machine/min_max.hpp>
#include <kew/detail/machine/sync.hpp>
#include <kew/detail/machine/tuning.hpp>
#include <kew/detail/wait/backoff.hpp>
#include <kew/detail/wait/gated_ring.hpp>
#include <kew/detail/wait/limits.hpp>
#include <kew/detail/wait/outcome.hpp>
#include <kew/detail/wait/wait_point.hpp>
#include <kew/detail/wait/yield_record.hpp>
#include <kew/error.hpp>
#include <kew/status.hpp>
#include <kew/wait.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

template <class T, class Ring, class Wait>
class queue_core {
  static_assert(ring<Ring>, "kew: the second parameter of a queue is a ring: see kew::ring in concepts.hpp");
  static_assert(std::is_same_v<typename Ring::value_type, T>, "kew: the ring below a queue of T holds T");
  static_assert(wait_policy<Wait>, "kew: the third parameter of a queue says how to wait: see wait.hpp");

  using closable = sealable<uncounted<Ring>>;

  /// What goes into the ring by try_push; everything else is built in place.
  template <class... A>
  static constexpr bool is_value = sizeof...(A) == 1 && (std::is_same_v<std::remove_cvref_t<A>, T> && ...);

 public:
  using value_type = T;
  using wait_type = Wait;
  /// Whether those that wait at room() and items() are ever woken or told.
  static constexpr bool wakes = Wait::parks;

  template <class... A>
  explicit queue_core(A&&... arguments) : ring_(std::forward<A>(arguments)...) {}

  // ---- Pushing: `arguments` are a T, or what a T is built from. A failed call leaves them untouched. -------------
  //
  // try_push and try_push_n are looks, of which a wait makes many: the caller says what became of it by counted().

  template <class... A>
  status try_push(A&&... arguments) {
    status outcome = status::success;
    if constexpr (is_value<A...>)
      outcome = ring_.try_push(std::forward<A>(arguments)...);
    else
      outcome = ring_.try_emplace(std::forward<A>(arguments)...);
    if (outcome) [[likely]]
      notify(items_, 1);
    return outcome;
  }

  template <class Limit, class... A>
  status push(Limit limit, A&&... arguments) {
    // As try_push, once more: so that a call that need not wait has one frame less, and keeps nothing in memory.
    status outcome = status::success;
    if constexpr (is_value<A...>)
      outcome = ring_.try_push(std::forward<A>(arguments)...);
    else
      outcome = ring_.try_emplace(std::forward<A>(arguments)...);
    if (outcome) [[likely]] {
      notify(items_, 1);
      return outcome;
    }
    if (outcome == status::closed) return counted(outcome);
    check_not_inside(this);
    return counted(wait_for(
        ring_, room_, limit, [&] { return try_push(std::forward<A>(arguments)...); },
        [this](Wait& policy) noexcept { return let_room_grow<Limit>(policy); }));
  }

  template <class It>
  std::size_t try_push_n(It first, std::size_t n) {
    static_assert(pushes_batches<closable, It>, "kew: the ring below this queue has no try_push_n");
    const std::size_t count = ring_.try_push_n(std::move(first), n);
    if (count > 0) notify(items_, count);
    return count;
  }

  /// For a batch that a full queue has taken a part of.
  void let_room_grow() const noexcept {
    if (capacity() < 2 * tuning::room_to_go_on) return;
    Wait policy;
    static_cast<void>(let_room_grow<no_limit>(policy));
  }

  /// The answer to a caller: counts one that is no success, where the ring counts those.
  status counted(status answer) noexcept {
    if (!answer) count_refused(1);
    return answer;
  }
  void count_refused(std::size_t n) noexcept {
    if constexpr (counts_refusals<closable>)
      if (n > 0) ring_.note_refused(n);
  }

  // ---- Popping ---------------------------------------------------------------------------------------------------

  result<T> try_pop() {
    freed_slots freed{room_, 1};
    result<T> outcome = ring_.try_pop();
    if (!outcome) freed.count = 0;
    return outcome;
  }
  status try_pop(T& out) {
    freed_slots freed{room_, 1};
    const status outcome = ring_.try_pop(out);
    if (!outcome) freed.count = 0;
    return outcome;
  }

  /// Whether a pop can be made in two steps: claim_pop, and where that is a success take or drop.
  static constexpr bool claims = pops_in_two_steps<uncounted<Ring>>;
  using pop_claim = typename claim_of<uncounted<Ring>>::type;

  template <class Limit>
  result<T> pop(Limit limit) {
    result<T> outcome = pop_yielding();
    if (!ends_wait(outcome)) [[unlikely]]
      replace(outcome, wait_for(ring_, items_, limit, [this] { return pop_yielding(); }));
    return outcome;
  }
  // Each register that a call saves is a store more. A consumer's stores wait behind the one to its position, whose line
  // the producer has been reading; with three more of them a stream made half as much.
  template <class Limit>
  [[gnu::always_inline]] result<T> pop(Limit limit)
    requires(claims && claims_at_once<closable, pop_claim>)
  {
    if (pop_claim claim; ring_.claim_ready(claim)) [[likely]]
      return take(claim);
    return pop_slowly(limit);
  }

  [[gnu::always_inline]] status claim_pop(pop_claim& claim) noexcept { return ring_.claim_pop(claim); }
  [[gnu::always_inline]] result<T> take(const pop_claim& claim) noexcept(std::is_nothrow_move_constructible_v<T>) {
    const ended_on_exit ended{*this, claim};
    return result<T>(std::in_place, std::move(ring_.claimed(claim)));
  }
  void drop(const pop_claim& claim) noexcept { const ended_on_exit ended{*this, claim}; }

  template <class F>
  status try_consume(F&& f) {
    freed_slots freed{room_, 1};
#if KEW_CHECKED
    const inside here(this);
#endif
    const status outcome = ring_.try_consume(std::forward<F>(f));
    if (!outcome) freed.count = 0;
    return outcome;
  }

  template <class Out>
  std::size_t try_pop_n(Out out, std::size_t n) {
    static_assert(pops_batches<closable, Out>, "kew: the ring below this queue has no try_pop_n");
    freed_slots freed{room_, n};
    return freed.count = ring_.try_pop_n(std::move(out), n);
  }

  // ---- Any thread ------------------------------------------------------------------------------------------------

  void close() noexcept {
    ring_.seal();
    if constexpr (Wait::parks) {
      room_.notify_all();
      items_.notify_all();
    }
  }
  bool is_closed() const noexcept { return ring_.is_sealed(); }
  std::size_t capacity() const noexcept { return ring_.capacity(); }
  std::size_t size_approx() const noexcept { return ring_.size_approx(); }
  auto metrics() const noexcept
    requires has_metrics<Ring>
  {
    return ring_.metrics();
  }

  // ---- For waiters that are no call of this queue ----------------------------------------------------------------

  wait_point& room() noexcept { return room_; }
  wait_point& items() noexcept { return items_; }

 private:
  static void notify(wait_point& place, std::size_t n) noexcept {
    if constexpr (Wait::parks) place.notify(n);
  }

  /// Wakes producers on the way out: also where an element was lost because it threw when it was handed out.
  struct freed_slots {
    wait_point& room;
    std::size_t count;
    ~freed_slots() {
      if (count > 0) notify(room, count);
    }
  };

  /// try_pop of a call that may wait: where the ring has such a pop, it lets a consumer that was faster go on for a moment.
  result<T> pop_yielding() { return try_pop(); }
  result<T> pop_yielding()
    requires requires(closable& ring) { ring.pop_yielding(); }
  {
    freed_slots freed{room_, 1};
    result<T> outcome = ring_.pop_yielding();
    if (!outcome) freed.count = 0;
    return outcome;
  }

  /// Destroys what is claimed, and wakes a producer for its slot.
  struct ended_on_exit {
    queue_core& queue;
    const pop_claim& claim;
    [[gnu::always_inline]] ~ended_on_exit() {
      queue.ring_.end_pop(claim);
      if constexpr (Wait::parks) queue.room_.notify();
    }
  };

  /// Of one wait: what a thread does that was woken in vain.
  class last_yields {
   public:
    last_yields(const closable& ring, yield_record& record) noexcept : ring_(ring), record_(record) {}

    /// Has yielded. False: it is time to sleep.
    bool another(sleeper& waiting) noexcept {
      if constexpr (counts_pops<closable>) {
        if (waiting.woken_in_vain() && record_.woken_in_vain()) left_ = tuning::yields_before_sleep;
        if (left_ == 0) return false;
        const std::size_t popped = ring_.popped_approx();
        const time_point start = now();
        yield();
        left_ = record_.judge(now() - start, ring_.popped_approx() - popped) ? left_ - 1 : 0;
        return true;
      } else {
        return false;
      }
    }

   private:
    const closable& ring_;
    yield_record& record_;
    unsigned left_ = 0;
  };

  template <class Limit>
  [[gnu::noinline]] result<T> pop_slowly(Limit limit) {
    result<T> outcome = try_pop();
    if (!ends_wait(outcome)) replace(outcome, wait_for(ring_, items_, limit, [this] { return try_pop(); }));
    return outcome;
  }

  template <class Outcome>
  static bool ends_wait(const Outcome& outcome) noexcept {
    return outcome || status_of(outcome) == status::closed;
  }

  struct poll_once {
    bool operator()(Wait& policy) const noexcept { return policy.poll_again(); }
  };

  /// Looks again and again, and sleeps at `place` in between as the policy says, by way of `poll`. Out of line, so that a
  /// call that succeeds at once saves no registers for it.
  template <class Limit, class Look, class Poll = poll_once>
  [[gnu::noinline]] static auto wait_for(closable& ring, wait_point& place, Limit limit, Look look, Poll poll = {})
      -> decltype(look()) {
    typename Limit::watch watch(limit, place);
    Wait policy;
    backoff held_up;
    sleeper waiting(place);
    last_yields yields(ring, place.yields());
    for (;;) {
      auto outcome = look();
      if (ends_wait(outcome)) {
        waiting.satisfied();
        return outcome;
      }
      if (watch.over()) return watch.verdict(status_of(outcome));
      if (status_of(outcome) == status::busy) {
        // Nothing announces the end of that, and it need not concern this side: no sleeping on it.
        waiting.cancel();
        held_up.pause();
      } else if (waiting.prepared()) {
        waiting.sleep(watch.deadline());
      } else if (!poll(policy) && !yields.another(waiting) && !waiting.prepare()) {
        yield();
      }
    }
  }

  /// Polls until there should be room for many, by how much comes out meanwhile; false: the policy says to sleep. Each look
  /// for room takes a line from the consumers, and a producer that goes on as soon as one slot is free is back after a few
  /// and writes into the lines that they read; while an element that waits behind a full queue is not late for it.
  template <class Limit>
  bool let_room_grow(Wait& policy) const noexcept {
    if constexpr (!Limit::timed && (std::is_same_v<Wait, adaptive_wait> || std::is_same_v<Wait, spin_wait>)) {
      const std::size_t enough = capacity() / tuning::room_to_go_on;
      const std::size_t polls = max<std::size_t>(min(enough, tuning::polls_for_room), 1);
      if (!poll(policy, polls)) return false;
      if (enough <= 1) return true;
      const std::size_t room = capacity() - size_approx();
      if (room == 0 || room >= enough) return true;
      return poll(policy, min(polls * (enough - room) / room, tuning::most_polls_for_room - polls));
    } else {
      return policy.poll_again();
    }
  }
  static bool poll(Wait& policy, std::size_t times) noexcept {
    for (; times > 0; --times)
      if (!policy.poll_again()) return false;
    return true;
  }

  // A push that waits for room while its own thread is inside try_consume of the same queue waits for ever.
#if KEW_CHECKED
  class inside {
   public:
    explicit inside(const void* queue) noexcept : outer_(std::exchange(innermost(), queue)) {}
    inside(const inside&) = delete;
    inside& operator=(const inside&) = delete;
    ~inside() { innermost() = outer_; }

    static const void*& innermost() noexcept {
      thread_local const void* queue = nullptr;
      return queue;
    }

   private:
    const void* outer_;
  };
  static void check_not_inside(const void* queue) noexcept {
    require(
        inside::innermost() != queue,
        "kew: a push waits for room inside try_consume of the same queue, whose slot is not free before that returns");
  }
#else
  static void check_not_inside(const void*) noexcept {}
#endif

  closable ring_;
  wait_point room_{};   ///< Where producers wait.
  wait_point items_{};  ///< Where consumers wait.
};

/// The queue_core behind a blocking_queue or a handle, for what waits on several of them; null where a handle was moved
/// from.
struct core_access {
  template <class Queue>
  static auto* of(Queue& queue) noexcept {
    return queue.core();
  }
};

}}}  // namespace kew::KEW_NAMESPACE::detail
