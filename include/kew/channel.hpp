// channel: a blocking_queue held by producer and consumer handles, which knows who is still there.
//
//     auto [tx, rx] = kew::make_channel<job>(1024);
//
// Use it     between threads that come and go: the stream ends by itself when one side has gone.
// Not        where a queue lives as long as the program and nobody counts: blocking_queue.
// Threads    each handle is used by one thread at a time; for another thread, copy it. A handle is copyable
//            exactly where the ring allows several of it. A handle may be passed on to another thread.
// Progress   pushes and pops as blocking_queue's. Copying a handle is one atomic increment. Destroying the last
//            one of a side closes the channel; the last consumer also destroys what is inside, and for that
//            waits for pushes that are under way.
// Ordering   blocking_queue's.
// Source     blocking_queue.hpp; the handles only count.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <type_traits>
#include <utility>
#include <version>

#if defined(__cpp_lib_jthread)
#include <stop_token>
#endif

#include <kew/blocking_queue.hpp>
#include <kew/concepts.hpp>
#include <kew/detail/machine/cache_line.hpp>
#include <kew/detail/machine/sync.hpp>
#include <kew/mpmc_ring.hpp>
#include <kew/mpsc_ring.hpp>
#include <kew/spmc_ring.hpp>
#include <kew/spsc_ring.hpp>
#include <kew/status.hpp>
#include <kew/wait.hpp>

namespace kew { inline namespace KEW_NAMESPACE {

template <class T, class Ring = mpmc_ring<T>, class Wait = adaptive_wait>
class producer;
template <class T, class Ring = mpmc_ring<T>, class Wait = adaptive_wait>
class consumer;

namespace detail {

template <class T, class Ring, class Wait>
struct first_handles;

/// What the handles of a channel share: the queue, and how many of them there are.
template <class T, class Ring, class Wait>
class channel_state {
 public:
  template <class... A>
  explicit channel_state(A&&... arguments) : queue(std::forward<A>(arguments)...) {}

  void add_producer() noexcept { producers_.fetch_add(1, relaxed); }  // relaxed: the caller holds one already
  void add_consumer() noexcept { consumers_.fetch_add(1, relaxed); }

  void remove_producer() noexcept {
    // Edge "last producer": the last one closes after all that the others have pushed.
    if (producers_.fetch_sub(1, acq_rel) > 1) return;
    queue.close();
    remove_side();
  }

  void remove_consumer() noexcept {
    // Edge "last consumer": the last one takes over where the others have stopped.
    if (consumers_.fetch_sub(1, acq_rel) > 1) return;
    queue.close();
    discard_all();
    remove_side();
  }

  blocking_queue<T, Ring, Wait> queue;

 private:
  void discard_all() noexcept {
    transient_wait transient;
    for (;;) {
      status outcome = discard_one();
      if (outcome == status::closed) return;
      if (!outcome) transient.pause();
    }
  }
  status discard_one() noexcept {
    constexpr auto ignore = [](T&) noexcept {};
    if constexpr (consumes_in_place<Ring, decltype(ignore)>)
      return queue.try_consume(ignore);
    else
      return queue.try_pop().status();
  }

  void remove_side() noexcept {
    // Edge "last side": whoever destroys does so after the other side's last call.
    if (sides_.fetch_sub(1, acq_rel) == 1) delete this;
  }

  alignas(cache_line) atomic<std::size_t> producers_{1};
  atomic<std::size_t> consumers_{1};
  atomic<std::uint32_t> sides_{2};
};

struct producer_side {
  static void add(auto& channel) noexcept { channel.add_producer(); }
  static void remove(auto& channel) noexcept { channel.remove_producer(); }
};
struct consumer_side {
  static void add(auto& channel) noexcept { channel.add_consumer(); }
  static void remove(auto& channel) noexcept { channel.remove_consumer(); }
};

/// What producer and consumer have in common: a share in a channel, or none after a move.
template <class T, class Ring, class Wait, class Side>
class handle {
 public:
  using value_type = T;  ///< What is passed on.

  /// Ends the stream for both sides, whatever other handles there are, and wakes everybody who waits. Any thread, any
  /// number of times; without effect from a handle that was moved from.
  void close() noexcept {
    if (state_) queue().close();
  }
  /// Whether the stream has been ended; elements may still be inside. Once true, always true. True for a handle that
  /// was moved from.
  bool is_closed() const noexcept { return !state_ || queue().is_closed(); }
  /// How many elements fit; 0 for a handle that was moved from.
  std::size_t capacity() const noexcept { return state_ ? queue().capacity() : 0; }
  /// How many elements are inside, as far as another thread can know: from 0 to the capacity, always. 0 for a handle
  /// that was moved from.
  std::size_t size_approx() const noexcept { return state_ ? queue().size_approx() : 0; }

  /// Over a metered_ring: its figures; all zero for a handle that was moved from.
  auto metrics() const noexcept requires has_metrics<Ring> {
    return state_ ? queue().metrics() : decltype(queue().metrics()){};
  }

 protected:
  using state = channel_state<T, Ring, Wait>;

  explicit handle(state& shared) noexcept : state_(&shared) {}
  handle(const handle& other) noexcept : state_(other.state_) {
    if (state_) Side::add(*state_);
  }
  handle(handle&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  handle& operator=(const handle& other) noexcept { return *this = handle(other); }
  handle& operator=(handle&& other) noexcept {
    handle old(std::move(*this));
    state_ = std::exchange(other.state_, nullptr);
    return *this;
  }
  ~handle() {
    if (state_) Side::remove(*state_);
  }

  /// False for a handle that was moved from.
  bool attached() const noexcept { return state_ != nullptr; }
  blocking_queue<T, Ring, Wait>& queue() const noexcept { return state_->queue; }

 private:
  state* state_;
};

}  // namespace detail

/// The pushing half of a channel. One thread at a time uses a handle; channel.hpp says what follows when handles come
/// and go. Its operations are blocking_queue's of the same names, and a handle that was moved from answers `closed`.
template <class T, class Ring, class Wait>
class producer : public detail::handle<T, Ring, Wait, detail::producer_side> {
  using base = detail::handle<T, Ring, Wait, detail::producer_side>;
  using base::attached;
  using base::queue;

 public:
  /// Another producer of the same channel, for another thread; only where the ring allows many.
  /// @{
  producer(const producer&) noexcept requires many_producers<Ring>
  = default;
  producer& operator=(const producer&) noexcept requires many_producers<Ring>
  = default;
  producer(const producer&) requires(!many_producers<Ring>) = delete;             // the ring allows one producer
  producer& operator=(const producer&) requires(!many_producers<Ring>) = delete;  // the ring allows one producer
  /// @}
  /// The other handle's part in the channel; the other answers `closed` from then on.
  /// @{
  producer(producer&&) noexcept = default;
  producer& operator=(producer&&) noexcept = default;
  /// @}
  /// The last producer closes the channel.
  ~producer() = default;

  /// blocking_queue's operation of this name; `closed` from a handle that was moved from.
  /// @{
  status push(const T& value) { return attached() ? queue().push(value) : status::closed; }
  status push(T&& value) { return attached() ? queue().push(std::move(value)) : status::closed; }
  template <class... A>
  status emplace(A&&... arguments) {
    return attached() ? queue().emplace(std::forward<A>(arguments)...) : status::closed;
  }
#if defined(__cpp_lib_jthread)
  status push(const T& value, std::stop_token token) {
    return attached() ? queue().push(value, std::move(token)) : status::closed;
  }
  status push(T&& value, std::stop_token token) {
    return attached() ? queue().push(std::move(value), std::move(token)) : status::closed;
  }
#endif

  template <class Rep, class Period>
  status try_push_for(const T& value, std::chrono::duration<Rep, Period> limit) {
    return attached() ? queue().try_push_for(value, limit) : status::closed;
  }
  template <class Rep, class Period>
  status try_push_for(T&& value, std::chrono::duration<Rep, Period> limit) {
    return attached() ? queue().try_push_for(std::move(value), limit) : status::closed;
  }
  template <class Clock, class Duration>
  status try_push_until(const T& value, std::chrono::time_point<Clock, Duration> end) {
    return attached() ? queue().try_push_until(value, end) : status::closed;
  }
  template <class Clock, class Duration>
  status try_push_until(T&& value, std::chrono::time_point<Clock, Duration> end) {
    return attached() ? queue().try_push_until(std::move(value), end) : status::closed;
  }

  status try_push(const T& value) { return attached() ? queue().try_push(value) : status::closed; }
  status try_push(T&& value) { return attached() ? queue().try_push(std::move(value)) : status::closed; }
  template <class... A>
  status try_emplace(A&&... arguments) {
    return attached() ? queue().try_emplace(std::forward<A>(arguments)...) : status::closed;
  }
  /// @}

  /// blocking_queue's operation of this name; 0 from a handle that was moved from.
  /// @{
  template <std::input_iterator It>
  std::size_t push_n(It first, std::size_t n) {
    return attached() ? queue().push_n(std::move(first), n) : 0;
  }
  template <std::input_iterator It>
  std::size_t try_push_n(It first, std::size_t n) {
    return attached() ? queue().try_push_n(std::move(first), n) : 0;
  }
  /// @}

 private:
  using base::base;
  friend detail::first_handles<T, Ring, Wait>;
};

/// The popping half of a channel. One thread at a time uses a handle; channel.hpp says what follows when handles come
/// and go. Its operations are blocking_queue's of the same names, and a handle that was moved from answers `closed`.
template <class T, class Ring, class Wait>
class consumer : public detail::handle<T, Ring, Wait, detail::consumer_side> {
  using base = detail::handle<T, Ring, Wait, detail::consumer_side>;
  using base::attached;
  using base::queue;

 public:
  /// Another consumer of the same channel, for another thread; only where the ring allows many. Each element still goes
  /// to one of them.
  /// @{
  consumer(const consumer&) noexcept requires many_consumers<Ring>
  = default;
  consumer& operator=(const consumer&) noexcept requires many_consumers<Ring>
  = default;
  consumer(const consumer&) requires(!many_consumers<Ring>) = delete;             // the ring allows one consumer
  consumer& operator=(const consumer&) requires(!many_consumers<Ring>) = delete;  // the ring allows one consumer
  /// @}
  /// The other handle's part in the channel; the other answers `closed` from then on.
  /// @{
  consumer(consumer&&) noexcept = default;
  consumer& operator=(consumer&&) noexcept = default;
  /// @}
  /// The last consumer closes the channel and destroys what is inside. For that it waits for pushes that are under way.
  ~consumer() = default;

  /// blocking_queue's operation of this name; `closed` from a handle that was moved from.
  /// @{
  result<T> pop() { return attached() ? queue().pop() : status::closed; }
#if defined(__cpp_lib_jthread)
  result<T> pop(std::stop_token token) { return attached() ? queue().pop(std::move(token)) : status::closed; }
#endif

  template <class Rep, class Period>
  result<T> try_pop_for(std::chrono::duration<Rep, Period> limit) {
    return attached() ? queue().try_pop_for(limit) : status::closed;
  }
  template <class Clock, class Duration>
  result<T> try_pop_until(std::chrono::time_point<Clock, Duration> end) {
    return attached() ? queue().try_pop_until(end) : status::closed;
  }

  result<T> try_pop() { return attached() ? queue().try_pop() : status::closed; }
  status try_pop(T& out) { return attached() ? queue().try_pop(out) : status::closed; }
  template <class F>
    requires consumes_in_place<Ring, F> status try_consume(F&& f) {
      return attached() ? queue().try_consume(std::forward<F>(f)) : status::closed;
    }
  /// @}

  /// blocking_queue's operation of this name; 0 from a handle that was moved from.
  /// @{
  template <class Out>
  std::size_t pop_n(Out out, std::size_t most) {
    return attached() ? queue().pop_n(std::move(out), most) : 0;
  }
  template <class Out>
  std::size_t try_pop_n(Out out, std::size_t n) {
    return attached() ? queue().try_pop_n(std::move(out), n) : 0;
  }
  /// @}

  /// `for (T& message : rx)` waits for each message and ends when the channel is closed and drained. A message
  /// lives until the next one is taken. Single-pass: each begin() takes a message of its own.
  class iterator {
   public:
    using iterator_concept = std::input_iterator_tag;  ///< As the standard asks for.
    using value_type = T;                              ///< As the standard asks for.
    using difference_type = std::ptrdiff_t;            ///< As the standard asks for.

    /// Waits for the first message.
    explicit iterator(consumer& source) : source_(&source), message_(source.pop()) {}

    /// The message, which may be moved from.
    /// @{
    T& operator*() const noexcept { return **message_; }
    T* operator->() const noexcept { return message_->operator->(); }
    /// @}
    /// Destroys the message and waits for the next one.
    /// @{
    iterator& operator++() {
      message_.emplace(source_->pop());
      return *this;
    }
    void operator++(int) { ++*this; }
    /// @}
    /// Whether the channel is closed and drained.
    friend bool operator==(const iterator& position, std::default_sentinel_t) noexcept {
      return !position.message_ || !*position.message_;
    }

   private:
    consumer* source_;
    // Optional, because a message need not be assignable.
    mutable std::optional<result<T>> message_;
  };

  /// For `for`; waits for the first message.
  iterator begin() { return iterator(*this); }
  /// For `for`.
  std::default_sentinel_t end() const noexcept { return {}; }

 private:
  using base::base;
  friend detail::first_handles<T, Ring, Wait>;
};

namespace detail {

template <class T, class Ring, class Wait>
struct first_handles {
  template <class... A>
  static auto make(A&&... arguments) {
    auto& shared = *new channel_state<T, Ring, Wait>(std::forward<A>(arguments)...);
    return std::pair(producer<T, Ring, Wait>(shared), consumer<T, Ring, Wait>(shared));
  }
};

}  // namespace detail

/// A channel over any ring: its first producer and its first consumer, as a std::pair. What follows the capacity goes
/// to the ring's constructor too. Throws what that throws, and std::bad_alloc.
template <class Ring, class Wait = adaptive_wait, class... A>
auto make_channel_over(std::size_t capacity, A&&... more) {
  return detail::first_handles<typename Ring::value_type, Ring, Wait>::make(capacity, std::forward<A>(more)...);
}
/// A channel over a ring of fixed capacity.
template <class Ring, class Wait = adaptive_wait>
auto make_channel_over() {
  return detail::first_handles<typename Ring::value_type, Ring, Wait>::make();
}

/// A channel of many producers and many consumers that holds up to `capacity` elements, exactly: its first producer and
/// its first consumer, as a std::pair. Throws std::invalid_argument for 0, std::length_error for what cannot be
/// addressed, std::bad_alloc.
template <class T, class Wait = adaptive_wait>
auto make_channel(std::size_t capacity) {
  return make_channel_over<mpmc_ring<T>, Wait>(capacity);
}
/// A channel of one producer and one consumer; else as make_channel, and several times faster.
template <class T, class Wait = adaptive_wait>
auto make_spsc_channel(std::size_t capacity) {
  return make_channel_over<spsc_ring<T>, Wait>(capacity);
}
/// A channel of many producers and one consumer; else as make_channel.
template <class T, class Wait = adaptive_wait>
auto make_mpsc_channel(std::size_t capacity) {
  return make_channel_over<mpsc_ring<T>, Wait>(capacity);
}
/// A channel of one producer and many consumers; else as make_channel.
template <class T, class Wait = adaptive_wait>
auto make_spmc_channel(std::size_t capacity) {
  return make_channel_over<spmc_ring<T>, Wait>(capacity);
}

}}  // namespace kew::KEW_NAMESPACE
