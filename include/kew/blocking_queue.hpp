// blocking_queue: waiting, timeouts and closing over any ring.
//
// Use it     where a thread should sleep until something comes, or until there is room; the ring below says
//            how many threads may push and pop.
// Not        where a thread must never enter the kernel (an audio callback): use the ring itself, or the try_
//            operations with spin_wait. Where it should be known who is still there: channel.hpp.
// Threads    pushes: as many at a time as the ring has producers; pops: as many as it has consumers. close,
//            is_closed, capacity, size_approx: anyone.
// Progress   push and pop wait; a wait ends with the push, pop or close that it waits for. The try_ operations
//            are as the ring's, but for waking a sleeper, and for a membarrier(2) when an spsc or spmc queue is
//            found closed and empty. Where nobody sleeps, no other operation enters the kernel.
// Ordering   the ring's. Each push either succeeds, and its element is popped exactly once or destroyed with the
//            queue, or answers `closed` and leaves its argument untouched. A push that begins after close() has
//            returned answers `closed`; one that overlaps it may do either. A pop answers `closed` only when no
//            element is inside and none will come any more. Who is told `closed` sees what was done before close().
// Source     detail/wait/parking.hpp for sleeping, detail/wait/push_gate.hpp and slot_ring::seal for closing.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <iterator>
#include <type_traits>
#include <utility>
#include <version>

#if defined(__cpp_lib_jthread)
#include <stop_token>
#endif

#include <kew/concepts.hpp>
#include <kew/detail/machine/sync.hpp>
#include <kew/detail/wait/closable.hpp>
#include <kew/detail/wait/limits.hpp>
#include <kew/detail/wait/parking.hpp>
#include <kew/mpmc_ring.hpp>
#include <kew/status.hpp>
#include <kew/wait.hpp>

namespace kew { inline namespace KEW_NAMESPACE {

/// Elements of type T in a Ring, with pushes and pops that wait as Wait says. blocking_queue.hpp says when to use it,
/// how many threads may push and pop, and what is promised about closing. Neither copyable nor movable; to be destroyed
/// when no thread is inside any of its calls.
template <class T, class Ring = mpmc_ring<T>, class Wait = adaptive_wait>
class blocking_queue {
  static_assert(ring<Ring>, "kew: the second parameter of a blocking_queue is a ring: see kew::ring in concepts.hpp");
  static_assert(std::is_same_v<typename Ring::value_type, T>, "kew: the ring below a blocking_queue<T> holds T");
  static_assert(wait_policy<Wait>, "kew: the third parameter of a blocking_queue says how to wait: see wait.hpp");

  template <class Clock, class Duration>
  using time_point = std::chrono::time_point<Clock, Duration>;
  template <class Rep, class Period>
  using duration = std::chrono::duration<Rep, Period>;

 public:
  using value_type = T;    ///< What is passed on.
  using ring_type = Ring;  ///< What holds it.
  /// How many threads may push at the same time.
  static constexpr cardinality producers = many_producers<Ring> ? cardinality::many : cardinality::one;
  /// How many threads may pop at the same time.
  static constexpr cardinality consumers = many_consumers<Ring> ? cardinality::many : cardinality::one;

  /// `capacity` elements at most, exactly. What follows the capacity goes to the ring's constructor too. Throws what
  /// that throws: with kew's rings std::invalid_argument for 0, std::length_error for what cannot be addressed,
  /// std::bad_alloc.
  template <class... A>
    requires std::is_constructible_v<Ring, std::size_t, A...>
  explicit blocking_queue(std::size_t capacity, A&&... more) : ring_(capacity, std::forward<A>(more)...) {}

  /// Over a ring of fixed capacity.
  blocking_queue() requires std::is_default_constructible_v<Ring> {}

  blocking_queue(const blocking_queue&) = delete;  // a queue stays where its threads know it: share a pointer to it
  blocking_queue& operator=(const blocking_queue&) = delete;

  // ---- Pushing. Whatever is not success has left its argument untouched. ---------------------------------

  /// Waits for room: success, or closed, and then its argument is untouched. Throws what T's constructor throws, and
  /// then nothing has been pushed. `emplace` makes the element from its arguments.
  /// @{
  status push(const T& value) { return push_within(detail::no_limit{}, pushing(value)); }
  status push(T&& value) { return push_within(detail::no_limit{}, pushing(std::move(value))); }
  template <class... A>
  status emplace(A&&... arguments) {
    return push_within(detail::no_limit{}, emplacing(std::forward<A>(arguments)...));
  }
  /// @}

#if defined(__cpp_lib_jthread)
  /// As push, and ends with `stopped` when a stop is requested while it waits. Where there is room at once, a stopped
  /// token changes nothing. Whatever is not success has left its argument untouched.
  /// @{
  status push(const T& value, std::stop_token token) { return push_within(detail::stop_limit{token}, pushing(value)); }
  status push(T&& value, std::stop_token token) {
    return push_within(detail::stop_limit{token}, pushing(std::move(value)));
  }
  /// @}
#endif

  /// As push, and ends with `full` when the time has run out: not before, and later only by what the scheduler takes. A
  /// time that is over already means one try; the largest duration never ends. `_for` is measured on the steady clock.
  /// @{
  template <class Rep, class Period>
  status try_push_for(const T& value, duration<Rep, Period> limit) {
    return try_push_until(value, detail::after(limit));
  }
  template <class Rep, class Period>
  status try_push_for(T&& value, duration<Rep, Period> limit) {
    return try_push_until(std::move(value), detail::after(limit));
  }
  template <class Clock, class Duration>
  status try_push_until(const T& value, time_point<Clock, Duration> end) {
    return push_within(detail::time_limit<Clock, Duration>{end}, pushing(value));
  }
  template <class Clock, class Duration>
  status try_push_until(T&& value, time_point<Clock, Duration> end) {
    return push_within(detail::time_limit<Clock, Duration>{end}, pushing(std::move(value)));
  }
  /// @}

  /// Never waits: success, full, busy or closed. Whatever is not success has left its argument untouched.
  /// @{
  status try_push(const T& value) { return try_push_with(pushing(value)); }
  status try_push(T&& value) { return try_push_with(pushing(std::move(value))); }
  template <class... A>
  status try_emplace(A&&... arguments) {
    return try_push_with(emplacing(std::forward<A>(arguments)...));
  }
  /// @}

  /// Never waits; how many of the `n` elements from `first` on went in, in order. 0 also where the queue is closed.
  /// Other producers' elements may stand between them.
  template <std::input_iterator It>
  std::size_t try_push_n(It first, std::size_t n) {
    static_assert(pushes_batches<Ring, It>, "kew: the ring below this queue has no try_push_n");
    const std::size_t count =
        ring_.push([&](Ring& ring) { return ring.try_push_n(std::move(first), n); }, std::size_t{0});
    if (count > 0) wake(items_, count);
    return count;
  }

  /// Waits until all `n` elements from `first` on are in, or until closed; how many went in, in order. Other
  /// producers' elements may stand between them. If one throws, those before it may be in the queue.
  template <std::input_iterator It>
  std::size_t push_n(It first, std::size_t n) {
    std::size_t count = 0;
    while (count < n) {
      if constexpr (std::forward_iterator<It> && pushes_batches<Ring, It>) {
        const std::size_t batch = try_push_n(first, n - count);
        std::advance(first, static_cast<std::iter_difference_t<It>>(batch));
        count += batch;
        if (count == n) break;
      }
      // What a single-pass iterator has shown once must not be lost, so it goes one by one.
      if (!push_from(first)) break;
      if (++count < n) ++first;
    }
    return count;
  }

  // ---- Popping --------------------------------------------------------------------------------------------

  /// Waits for an element: closed only when closed and drained. If moving it out throws, that one element is lost.
  result<T> pop() { return pop_within(detail::no_limit{}, popping); }

#if defined(__cpp_lib_jthread)
  /// As pop, and ends with `stopped` when a stop is requested while it waits. Where an element is there at once, a
  /// stopped token changes nothing.
  result<T> pop(std::stop_token token) { return pop_within(detail::stop_limit{token}, popping); }
#endif

  /// As pop, and ends with `empty` when the time has run out: not before, and later only by what the scheduler takes. A
  /// time that is over already means one try; the largest duration never ends. `_for` is measured on the steady clock.
  /// @{
  template <class Rep, class Period>
  result<T> try_pop_for(duration<Rep, Period> limit) {
    return try_pop_until(detail::after(limit));
  }
  template <class Clock, class Duration>
  result<T> try_pop_until(time_point<Clock, Duration> end) {
    return pop_within(detail::time_limit<Clock, Duration>{end}, popping);
  }
  /// @}

  /// Never waits: an element, empty, busy, or closed where closed and drained.
  /// @{
  result<T> try_pop() { return try_pop_with(popping); }
  status try_pop(T& out) {
    return try_pop_with([&out](Ring& ring) { return ring.try_pop(out); });
  }
  /// @}

  /// Never waits: shows the oldest element to `f` in its slot and then destroys it, also when `f` throws. While `f`
  /// runs the slot is taken: keep it short.
  template <class F>
    requires consumes_in_place<Ring, F> status try_consume(F&& f) {
      return try_pop_with([&f](Ring& ring) { return ring.try_consume(std::forward<F>(f)); });
    }

  /// Never waits; how many elements, up to `n`, came out, oldest first. 0 also where the queue is closed and drained.
  template <class Out>
  std::size_t try_pop_n(Out out, std::size_t n) {
    static_assert(pops_batches<Ring, Out>, "kew: the ring below this queue has no try_pop_n");
    freed_slots freed{*this, n};
    return freed.count = ring_.ring().try_pop_n(std::move(out), n);
  }

  /// Waits for at least one element; how many, up to `most`, came out, oldest first: 0 only when closed and drained, or
  /// when none was asked for.
  template <class Out>
  std::size_t pop_n(Out out, std::size_t most) {
    if (most == 0) return 0;
    if constexpr (pops_batches<Ring, Out>)
      if (const std::size_t count = try_pop_n(out, most); count > 0) return count;
    result<T> first = pop();
    if (!first) return 0;
    *out = *std::move(first);
    ++out;
    if constexpr (pops_batches<Ring, Out>)
      return 1 + try_pop_n(std::move(out), most - 1);
    else
      return 1;
  }

  // ---- Anyone ---------------------------------------------------------------------------------------------

  /// Ends the stream: from now on pushes answer `closed`, and so do pops once the queue is drained. Wakes
  /// everybody who waits. Any thread, any number of times.
  void close() noexcept {
    ring_.close();
    if constexpr (Wait::parks) {
      room_.notify_all();
      items_.notify_all();
    }
  }

  /// Whether somebody has closed it; elements may still be inside. Once true, always true. Any thread.
  bool is_closed() const noexcept { return ring_.is_closed(); }
  /// How many elements fit. Any thread.
  std::size_t capacity() const noexcept { return ring_.ring().capacity(); }
  /// How many elements are inside, as far as another thread can know: from 0 to the capacity, always. Any thread.
  std::size_t size_approx() const noexcept { return ring_.ring().size_approx(); }

  /// Over a metered_ring: its figures. Any thread.
  auto metrics() const noexcept requires has_metrics<Ring> { return ring_.ring().metrics(); }

 private:
  // What is tried, as often as a wait looks. A ring leaves the arguments of a failed push untouched, so they
  // can be forwarded again.
  template <class U>
  static auto pushing(U&& value) noexcept {
    return [&value](Ring& ring) { return ring.try_push(std::forward<U>(value)); };
  }
  template <class... A>
  static auto emplacing(A&&... arguments) noexcept {
    static_assert(constructs_in_place<Ring, A...>,
                  "kew: the ring below this queue has no try_emplace for these arguments");
    return [&arguments...](Ring& ring) { return ring.try_emplace(std::forward<A>(arguments)...); };
  }
  static constexpr auto popping = [](Ring& ring) { return ring.try_pop(); };

  template <class It>
  status push_from(It& at) {
    if constexpr (constructs_in_place<Ring, std::iter_reference_t<It>>)
      return emplace(*at);
    else
      return push(static_cast<T>(*at));
  }

  template <class Attempt>
  status try_push_with(const Attempt& attempt) {
    const status outcome = ring_.push(attempt, status::closed);
    if (outcome) wake(items_, 1);
    return outcome;
  }
  template <class Attempt>
  auto try_pop_with(const Attempt& attempt) {
    freed_slots freed{*this, 1};
    auto outcome = ring_.pop(attempt);
    if (!outcome) freed.count = 0;
    return outcome;
  }

  /// Wakes producers on the way out: also where an element was lost because it threw when it was handed out.
  struct freed_slots {
    blocking_queue& queue;
    std::size_t count;
    ~freed_slots() {
      if (count > 0) wake(queue.room_, count);
    }
  };

  /// What the caller has done may be what some that sleep at `place` wait for.
  static void wake(detail::parking_place& place, std::size_t n) noexcept {
    if constexpr (Wait::parks) place.notify(n);
  }

  // Attempts are passed on by value, and the wait is out of line: what succeeds at once then keeps nothing in memory
  // and saves no registers for it.
  template <class Limit, class Attempt>
  status push_within(const Limit& limit, Attempt attempt) {
    const status outcome = try_push_with(attempt);
    if (ends_wait(outcome)) [[likely]]
      return outcome;
    return wait_for(room_, status::full, limit, [this, attempt] { return try_push_with(attempt); });
  }
  template <class Limit, class Attempt>
  auto pop_within(const Limit& limit, Attempt attempt) {
    auto outcome = try_pop_with(attempt);
    if (ends_wait(outcome)) [[likely]]
      return outcome;
    return wait_for(items_, status::empty, limit, [this, attempt] { return try_pop_with(attempt); });
  }

  template <class Outcome>
  static bool ends_wait(const Outcome& outcome) noexcept {
    return outcome || detail::status_of(outcome) == status::closed;
  }

  /// Looks again and again, and sleeps at `place` in between as the policy says. `unmet` is what a look
  /// finds as long as there is nothing to be had: full or empty.
  template <class Limit, class Look>
  [[gnu::noinline]] static auto wait_for(detail::parking_place& place, status unmet, Limit limit, Look look)
      -> decltype(look()) {
    typename Limit::watch watch(limit, place);
    Wait policy;
    detail::transient_wait transient;
    detail::sleeper sleeper(place);
    for (;;) {
      auto outcome = look();
      if (ends_wait(outcome)) {
        sleeper.satisfied();
        return outcome;
      }
      if (watch.over()) return watch.verdict(unmet);
      if (detail::status_of(outcome) == status::busy) {
        // Nobody announces the end of that, and it need not concern this side: no sleeping on it.
        sleeper.leave();
        transient.pause();
      } else if (sleeper.entered()) {
        sleeper.sleep(watch.deadline());
      } else if (!policy.poll_again() && !sleeper.enter()) {
        detail::yield();
      }
    }
  }

  detail::closable<Ring> ring_;
  /// Where producers sleep, and where consumers do.
  detail::parking_place room_;
  detail::parking_place items_;
};

}}  // namespace kew::KEW_NAMESPACE
