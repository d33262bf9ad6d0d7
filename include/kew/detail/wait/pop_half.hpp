// The popping verbs of every queue and of every consumer's handle, written once.
#pragma once

#include <chrono>
#include <cstddef>
#include <type_traits>
#include <utility>
#include <version>

#if defined(__cpp_lib_jthread)
#include <stop_token>
#endif

#include <kew/concepts.hpp>
#include <kew/config.hpp>
#include <kew/detail/wait/limits.hpp>
#include <kew/status.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// What can be popped, and how: the base of `Queue`, whose `core()` is the queue_core behind it, or null where there is
/// none any more; then every call answers `closed`.
template <class Queue, class T>
class pop_half {
  template <class Clock, class Duration>
  using time_point = std::chrono::time_point<Clock, Duration>;
  template <class Rep, class Period>
  using duration = std::chrono::duration<Rep, Period>;

 public:
  /// @name Pop, and wait for an element
  /// @{

  /// Waits for an element: `closed` only when closed and drained. If moving it out throws, that one element is lost.
  result<T> pop() {
    auto* const queue = to_core();
    return queue ? queue->pop(no_limit{}) : status::closed;
  }

#if defined(__cpp_lib_jthread)
  /// As pop, and answers `stopped` when a stop is requested while it waits. Where an element is there at once, a stop
  /// that was requested before changes nothing.
  result<T> pop(std::stop_token token) { return pop_within(stop_limit{token, no_limit{}}); }
#endif
  /// @}

  /// @name Pop, and wait for so long
  /// @{

  /// As pop, and ends when the time has run out: not before, and later only by what the scheduler takes. Then it
  /// answers what its last look found: `empty`; or `busy`, where another thread was in the middle of its own call. A
  /// time that is over already means one look; the largest duration never ends. `_for` is measured on the steady clock.
  template <class Rep, class Period>
  result<T> try_pop_for(duration<Rep, Period> limit) {
    return pop_within(time_limit{after(limit)});
  }
  template <class Clock, class Duration>
  result<T> try_pop_until(time_point<Clock, Duration> end) {
    return pop_within(time_limit{end});
  }
  /// @}

#if defined(__cpp_lib_jthread)
  /// @name Pop, and wait for so long, or until a stop is requested
  /// @{

  /// As try_pop_for and try_pop_until, and answers `stopped` when a stop is requested while it waits.
  template <class Rep, class Period>
  result<T> try_pop_for(duration<Rep, Period> limit, std::stop_token token) {
    return pop_within(stop_limit{token, time_limit{after(limit)}});
  }
  template <class Clock, class Duration>
  result<T> try_pop_until(time_point<Clock, Duration> end, std::stop_token token) {
    return pop_within(stop_limit{token, time_limit{end}});
  }
  /// @}
#endif

  /// @name Pop, and never wait
  /// @{

  /// Never waits: an element, or `empty`, `busy`, or `closed` where closed and drained.
  result<T> try_pop() {
    auto* const queue = to_core();
    return queue ? queue->try_pop() : status::closed;
  }
  status try_pop(T& out) {
    auto* const queue = to_core();
    return queue ? queue->try_pop(out) : status::closed;
  }
  /// @}

  /// Never waits: shows the oldest element to `f` in its slot and then destroys it, also when `f` throws; or `empty`,
  /// `busy`, or `closed`. While `f` runs the slot is taken: keep it short, and let it not wait for room in this queue.
  template <class F, class Self = Queue>  // Self, because clang 14 looks into a Queue before it is complete
  status try_consume(F&& f)
    requires consumes_in_place<typename Self::ring_type, F>
  {
    auto* const queue = to_core();
    return queue ? queue->try_consume(std::forward<F>(f)) : status::closed;
  }

  /// Never waits; how many elements, up to `n`, came out, oldest first. 0 also where the queue is closed and drained.
  template <class Out>
  std::size_t try_pop_n(Out out, std::size_t n) {
    auto* const queue = to_core();
    return queue ? queue->try_pop_n(std::move(out), n) : 0;
  }

  /// Waits for at least one element; how many, up to `most`, came out, oldest first: 0 only when closed and drained, or
  /// when none was asked for.
  template <class Out>
  std::size_t pop_n(Out out, std::size_t most) {
    auto* const queue = to_core();
    if (!queue || most == 0) return 0;
    if constexpr (pops_batches<typename Queue::ring_type, Out>)
      if (const std::size_t count = queue->try_pop_n(out, most); count > 0) return count;
    result<T> first = queue->pop(no_limit{});
    if (!first) return 0;
    *out = *std::move(first);
    ++out;
    if constexpr (pops_batches<typename Queue::ring_type, Out>)
      return 1 + queue->try_pop_n(std::move(out), most - 1);
    else
      return 1;
  }

 protected:
  pop_half() = default;
  pop_half(const pop_half&) = default;
  pop_half& operator=(const pop_half&) = default;
  ~pop_half() = default;

 private:
  auto* to_core() noexcept { return static_cast<Queue*>(this)->core(); }

  template <class Limit>
  result<T> pop_within(Limit limit) {
    auto* const queue = to_core();
    return queue ? queue->pop(limit) : status::closed;
  }
};

}}}  // namespace kew::KEW_NAMESPACE::detail
