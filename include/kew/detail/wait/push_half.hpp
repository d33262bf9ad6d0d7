// The pushing verbs of every queue and of every producer's handle, written once.
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
#include <kew/config.hpp>
#include <kew/detail/wait/limits.hpp>
#include <kew/status.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// What can be pushed, and how: the base of `Queue`, whose `core()` is the queue_core behind it, or null where there is
/// none any more; then every call answers `closed`.
template <class Queue, class T>
class push_half {
  template <class Clock, class Duration>
  using time_point = std::chrono::time_point<Clock, Duration>;
  template <class Rep, class Period>
  using duration = std::chrono::duration<Rep, Period>;

 public:
  /// @name Push, and wait for room
  /// @{

  /// Waits for room: `success`, or `closed`. Whatever is not success has left the arguments untouched. Throws what T's
  /// constructor throws, and then nothing has been pushed. `emplace` builds the element from its arguments. Never from
  /// inside try_consume of the same queue, whose slot would have to become free first.
  status push(const T& value)
    requires std::is_copy_constructible_v<T>
  {
    auto* const queue = to_core();
    return queue ? queue->push(no_limit{}, value) : status::closed;
  }
  status push(const T&)  // this element type cannot be copied: pass it on by std::move
    requires(!std::is_copy_constructible_v<T>)
  = delete;
  status push(T&& value) {
    auto* const queue = to_core();
    return queue ? queue->push(no_limit{}, std::move(value)) : status::closed;
  }
  template <class... A>
    requires std::is_constructible_v<T, A...>
  status emplace(A&&... arguments) {
    auto* const queue = to_core();
    return queue ? queue->push(no_limit{}, std::forward<A>(arguments)...) : status::closed;
  }
  /// @}

#if defined(__cpp_lib_jthread)
  /// @name Push, and wait until a stop is requested
  /// @{

  /// As push, and answers `stopped` when a stop is requested while it waits. Where there is room at once, a stop that
  /// was requested before changes nothing.
  status push(const T& value, std::stop_token token)
    requires std::is_copy_constructible_v<T>
  {
    return push_within(stop_limit{token, no_limit{}}, value);
  }
  status push(T&& value, std::stop_token token) { return push_within(stop_limit{token, no_limit{}}, std::move(value)); }
  template <class... A>
    requires(std::is_constructible_v<T, A...> && !std::is_constructible_v<T, std::stop_token, A...>)
  status emplace(std::stop_token token, A&&... arguments) {
    return push_within(stop_limit{token, no_limit{}}, std::forward<A>(arguments)...);
  }
  /// @}
#endif

  /// @name Push, and wait for so long
  /// @{

  /// As push, and ends when the time has run out: not before, and later only by what the scheduler takes. Then it
  /// answers what its last look found: `full`; or `busy`, where another thread was in the middle of its own call. A
  /// time that is over already means one look; the largest duration never ends. `_for` is measured on the steady clock.
  template <class Rep, class Period>
    requires std::is_copy_constructible_v<T>
  status try_push_for(const T& value, duration<Rep, Period> limit) {
    return push_within(time_limit{after(limit)}, value);
  }
  template <class Rep, class Period>
  status try_push_for(T&& value, duration<Rep, Period> limit) {
    return push_within(time_limit{after(limit)}, std::move(value));
  }
  template <class Clock, class Duration>
    requires std::is_copy_constructible_v<T>
  status try_push_until(const T& value, time_point<Clock, Duration> end) {
    return push_within(time_limit{end}, value);
  }
  template <class Clock, class Duration>
  status try_push_until(T&& value, time_point<Clock, Duration> end) {
    return push_within(time_limit{end}, std::move(value));
  }
  template <class Rep, class Period, class... A>
    requires std::is_constructible_v<T, A...>
  status try_emplace_for(duration<Rep, Period> limit, A&&... arguments) {
    return push_within(time_limit{after(limit)}, std::forward<A>(arguments)...);
  }
  template <class Clock, class Duration, class... A>
    requires std::is_constructible_v<T, A...>
  status try_emplace_until(time_point<Clock, Duration> end, A&&... arguments) {
    return push_within(time_limit{end}, std::forward<A>(arguments)...);
  }
  /// @}

#if defined(__cpp_lib_jthread)
  /// @name Push, and wait for so long, or until a stop is requested
  /// @{

  /// As try_push_for and try_push_until, and answers `stopped` when a stop is requested while it waits.
  template <class Rep, class Period>
    requires std::is_copy_constructible_v<T>
  status try_push_for(const T& value, duration<Rep, Period> limit, std::stop_token token) {
    return push_within(stop_limit{token, time_limit{after(limit)}}, value);
  }
  template <class Rep, class Period>
  status try_push_for(T&& value, duration<Rep, Period> limit, std::stop_token token) {
    return push_within(stop_limit{token, time_limit{after(limit)}}, std::move(value));
  }
  template <class Clock, class Duration>
    requires std::is_copy_constructible_v<T>
  status try_push_until(const T& value, time_point<Clock, Duration> end, std::stop_token token) {
    return push_within(stop_limit{token, time_limit{end}}, value);
  }
  template <class Clock, class Duration>
  status try_push_until(T&& value, time_point<Clock, Duration> end, std::stop_token token) {
    return push_within(stop_limit{token, time_limit{end}}, std::move(value));
  }
  /// @}
#endif

  /// @name Push, and never wait
  /// @{

  /// Never waits: `success`, `full`, `busy` or `closed`. Whatever is not success has left the arguments untouched.
  status try_push(const T& value)
    requires std::is_copy_constructible_v<T>
  {
    auto* const queue = to_core();
    return queue ? queue->counted(queue->try_push(value)) : status::closed;
  }
  status try_push(const T&)  // this element type cannot be copied: pass it on by std::move
    requires(!std::is_copy_constructible_v<T>)
  = delete;
  status try_push(T&& value) {
    auto* const queue = to_core();
    return queue ? queue->counted(queue->try_push(std::move(value))) : status::closed;
  }
  template <class... A>
    requires std::is_constructible_v<T, A...>
  status try_emplace(A&&... arguments) {
    auto* const queue = to_core();
    return queue ? queue->counted(queue->try_push(std::forward<A>(arguments)...)) : status::closed;
  }
  /// @}

  /// Never waits; how many of the `n` elements from `first` on went in, in order. 0 also where the queue is closed. The
  /// elements of other producers may stand between them.
  template <std::input_iterator It>
  std::size_t try_push_n(It first, std::size_t n) {
    auto* const queue = to_core();
    if (!queue) return 0;
    const std::size_t count = queue->try_push_n(std::move(first), n);
    queue->count_refused(n - count);
    return count;
  }

  /// Waits until all `n` elements from `first` on are in, or until closed; how many went in, in order. The elements of
  /// other producers may stand between them. If one throws, those before it may be in the queue. Where the queue is full
  /// it may wait for a few microseconds longer than for the first free slot, while consumers are busy with what is inside.
  template <std::input_iterator It>
  std::size_t push_n(It first, std::size_t n) {
    auto* const queue = to_core();
    if (!queue) return 0;
    std::size_t count = 0;
    while (count < n) {
      if constexpr (std::forward_iterator<It> && pushes_batches<typename Queue::ring_type, It>) {
        const std::size_t batch = queue->try_push_n(first, n - count);
        std::advance(first, static_cast<std::iter_difference_t<It>>(batch));
        count += batch;
        if (count == n) break;
        queue->let_room_grow();
      }
      // What a single-pass iterator has shown once must not be lost, so it goes one by one.
      if (!push_from(*queue, first)) {
        queue->count_refused(n - count - 1);  // the first of them is counted
        break;
      }
      if (++count < n) ++first;
    }
    return count;
  }

 protected:
  push_half() = default;
  push_half(const push_half&) = default;
  push_half& operator=(const push_half&) = default;
  ~push_half() = default;

 private:
  auto* to_core() noexcept { return static_cast<Queue*>(this)->core(); }

  template <class Limit, class... A>
  status push_within(Limit limit, A&&... arguments) {
    auto* const queue = to_core();
    return queue ? queue->push(limit, std::forward<A>(arguments)...) : status::closed;
  }

  template <class It>
  static status push_from(auto& queue, It& at) {
    if constexpr (constructs_in_place<typename Queue::ring_type, std::iter_reference_t<It>>)
      return queue.push(no_limit{}, *at);
    else
      return queue.push(no_limit{}, static_cast<T>(*at));
  }
};

}}}  // namespace kew::KEW_NAMESPACE::detail
