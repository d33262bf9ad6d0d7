// channel: a queue that waits, held by producer and consumer handles, which know what is left of the other side.
//
//     auto [tx, rx] = kew::make_channel<job>(1024);
//
// Use when     threads come and go: the stream ends by itself when one side has gone.
// Avoid when   a queue lives as long as the program and nothing counts its users: blocking_queue.
// Threads      each handle is used by one thread at a time; for another thread, copy it. A handle is copyable exactly
//              where the ring allows several of it. A handle may be passed on to another thread. An observer may be
//              used by several threads at a time.
// Progress     pushes and pops as blocking_queue's. Copying a handle is one atomic increment. Destroying the last
//              one of a side closes the channel; the last consumer also destroys what is inside, and for that waits for
//              pushes that are under way.
// Ordering     blocking_queue's.
// Memory       the ring's and 192 to 320 bytes on the heap; a handle is a pointer.
// Source       detail/wait/queue_core.hpp, as blocking_queue; the handles only count.
#pragma once

#include <concepts>
#include <cstddef>
#include <iterator>
#include <optional>
#include <utility>

#include <kew/blocking_queue.hpp>
#include <kew/concepts.hpp>
#include <kew/config.hpp>
#include <kew/detail/machine/cache_line.hpp>
#include <kew/detail/machine/sync.hpp>
#include <kew/detail/wait/backoff.hpp>
#include <kew/detail/wait/pop_half.hpp>
#include <kew/detail/wait/push_half.hpp>
#include <kew/detail/wait/queue_core.hpp>
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
template <class T, class Ring = mpmc_ring<T>, class Wait = adaptive_wait>
class observer;

namespace detail {

template <class T, class Ring, class Wait>
struct first_handles;

/// What the handles of a channel share: the queue, and how many of them there are.
template <class T, class Ring, class Wait>
class channel_state {
 public:
  template <class... A>
  explicit channel_state(A&&... arguments) : core(std::forward<A>(arguments)...) {}

  // relaxed: the caller holds one of its kind already
  void add_producer() noexcept { producers_.fetch_add(1, relaxed); }
  void add_consumer() noexcept { consumers_.fetch_add(1, relaxed); }
  void add_owner() noexcept { owners_.fetch_add(1, relaxed); }

  void remove_producer() noexcept {
    // Edge "last producer": the last one closes after all that the others have pushed.
    if (producers_.fetch_sub(1, acq_rel) > 1) return;
    core.close();
    remove_owner();
  }

  void remove_consumer() noexcept {
    // Edge "last consumer": the last one takes over where the others have stopped.
    if (consumers_.fetch_sub(1, acq_rel) > 1) return;
    core.close();
    discard_all();
    remove_owner();
  }

  void remove_owner() noexcept {
    // Edge "last owner": the one that destroys does so after the others' last calls.
    if (owners_.fetch_sub(1, acq_rel) == 1) delete this;
  }

  queue_core<T, Ring, Wait> core;

 private:
  void discard_all() noexcept {
    backoff held_up;
    for (;;) {
      const status outcome = discard_one();
      if (outcome == status::closed) return;
      if (!outcome) held_up.pause();
    }
  }
  status discard_one() noexcept {
    constexpr auto ignore = [](T&) noexcept {};
    if constexpr (consumes_in_place<Ring, decltype(ignore)>)
      return core.try_consume(ignore);
    else
      return core.try_pop().status();
  }

  alignas(cache_line) atomic<std::size_t> producers_{1};
  atomic<std::size_t> consumers_{1};
  /// Of the memory: all producers are one, all consumers are one, and each observer is one.
  atomic<std::size_t> owners_{2};
};

struct producer_side {
  static void add(auto& channel) noexcept { channel.add_producer(); }
  static void remove(auto& channel) noexcept { channel.remove_producer(); }
};
struct consumer_side {
  static void add(auto& channel) noexcept { channel.add_consumer(); }
  static void remove(auto& channel) noexcept { channel.remove_consumer(); }
};
struct no_side {
  static void add(auto& channel) noexcept { channel.add_owner(); }
  static void remove(auto& channel) noexcept { channel.remove_owner(); }
};

/// What the handles of a channel have in common: a share in it, or none after a move.
template <class T, class Ring, class Wait, class Side>
class handle {
 public:
  using value_type = T;    ///< What is passed on.
  using ring_type = Ring;  ///< What holds it.

  /// Ends the stream for both sides, whatever other handles there are, and wakes every waiter. Any thread, any number
  /// of times; without effect from a handle that was moved from.
  void close() noexcept {
    if (state_) state_->core.close();
  }
  /// Whether the stream has been ended; elements may still be inside. Once true, always true. True for a handle that
  /// was moved from.
  bool is_closed() const noexcept { return !state_ || state_->core.is_closed(); }
  /// How many elements fit; 0 for a handle that was moved from.
  std::size_t capacity() const noexcept { return state_ ? state_->core.capacity() : 0; }
  /// How many elements are inside, as far as another thread can know: from 0 to the capacity, always. 0 for a handle
  /// that was moved from.
  std::size_t size_approx() const noexcept { return state_ ? state_->core.size_approx() : 0; }

  /// Over a metered_ring: its figures; all zero for a handle that was moved from.
  auto metrics() const noexcept
    requires has_metrics<Ring>
  {
    return state_ ? state_->core.metrics() : decltype(state_->core.metrics()){};
  }

  /// A handle that does not count: the channel ends without regard to it, and what there was to see stays to be seen.
  /// It is copyable, and any thread may use it.
  observer<T, Ring, Wait> observe() const noexcept {
    if (state_) state_->add_owner();
    return observer<T, Ring, Wait>(state_);
  }

 protected:
  using state = channel_state<T, Ring, Wait>;

  explicit handle(state* shared) noexcept : state_(shared) {}
  handle(const handle& other) noexcept : state_(other.state_) {
    if (state_) Side::add(*state_);
  }
  handle(handle&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  handle& operator=(const handle& other) noexcept { return *this = handle(other); }
  handle& operator=(handle&& other) noexcept {
    if (this == &other) return *this;
    handle old(std::move(*this));
    state_ = std::exchange(other.state_, nullptr);
    return *this;
  }
  ~handle() {
    if (state_) Side::remove(*state_);
  }

  /// Null for a handle that was moved from.
  queue_core<T, Ring, Wait>* core() const noexcept { return state_ ? &state_->core : nullptr; }

 private:
  state* state_;
};

}  // namespace detail

/// A handle that watches a channel without being a part of it: made by observe() of a producer, a consumer or another
/// observer. Its capacity, size_approx, metrics and is_closed go on answering when both sides have gone, and it can
/// close the channel. Any number of threads may use one at the same time, other than to assign to it or destroy it.
template <class T, class Ring, class Wait>
class observer : public detail::handle<T, Ring, Wait, detail::no_side> {
  using base = detail::handle<T, Ring, Wait, detail::no_side>;
  using base::base;
  template <class, class, class, class>
  friend class detail::handle;
};

/// The pushing half of a channel, from make_channel() and its like. One thread at a time uses a handle; channel.hpp says what follows when handles come
/// and go. A handle that was moved from answers `closed`.
template <class T, class Ring, class Wait>
class producer : public detail::handle<T, Ring, Wait, detail::producer_side>,
                 public detail::push_half<producer<T, Ring, Wait>, T> {
  using base = detail::handle<T, Ring, Wait, detail::producer_side>;

 public:
  /// Another producer of the same channel, for another thread; only where the ring allows many.
  /// @{
  producer(const producer&) noexcept
    requires many_producers<Ring>
  = default;
  producer& operator=(const producer&) noexcept
    requires many_producers<Ring>
  = default;
  producer(const producer&)  // the ring allows one producer: pass its handle on by std::move
    requires(!many_producers<Ring>)
  = delete;
  producer& operator=(const producer&)  // the ring allows one producer: pass its handle on by std::move
    requires(!many_producers<Ring>)
  = delete;
  /// @}
  /// No handle: a compiler's error that names the rule, also from inside std::thread and its like, which else only ask
  /// whether a copy can be made and then list candidates of their own.
  template <class Handle>
    requires(std::same_as<Handle, producer> && !many_producers<Ring>)
  producer(Handle&) : base(nullptr) {
    static_assert(many_producers<typename Handle::ring_type>,
                  "kew: the ring allows one producer, so there is one handle of it: pass it on by std::move");
  }
  /// The other handle's part in the channel; the other answers `closed` from then on. To itself it changes nothing.
  /// @{
  producer(producer&&) noexcept = default;
  producer& operator=(producer&&) noexcept = default;
  /// @}
  /// The last producer closes the channel.
  ~producer() = default;

 private:
  using base::base;
  using base::core;
  friend detail::push_half<producer, T>;
  friend detail::core_access;
  friend detail::first_handles<T, Ring, Wait>;
};

/// The popping half of a channel, from make_channel() and its like. One thread at a time uses a handle; channel.hpp says what follows when handles come
/// and go. A handle that was moved from answers `closed`.
template <class T, class Ring, class Wait>
class consumer : public detail::handle<T, Ring, Wait, detail::consumer_side>,
                 public detail::pop_half<consumer<T, Ring, Wait>, T> {
  using base = detail::handle<T, Ring, Wait, detail::consumer_side>;

 public:
  /// Another consumer of the same channel, for another thread; only where the ring allows many. Each element still goes
  /// to one of them.
  /// @{
  consumer(const consumer&) noexcept
    requires many_consumers<Ring>
  = default;
  consumer& operator=(const consumer&) noexcept
    requires many_consumers<Ring>
  = default;
  consumer(const consumer&)  // the ring allows one consumer: pass its handle on by std::move
    requires(!many_consumers<Ring>)
  = delete;
  consumer& operator=(const consumer&)  // the ring allows one consumer: pass its handle on by std::move
    requires(!many_consumers<Ring>)
  = delete;
  /// @}
  /// No handle: a compiler's error that names the rule, also from inside std::thread and its like, which else only ask
  /// whether a copy can be made and then list candidates of their own.
  template <class Handle>
    requires(std::same_as<Handle, consumer> && !many_consumers<Ring>)
  consumer(Handle&) : base(nullptr) {
    static_assert(many_consumers<typename Handle::ring_type>,
                  "kew: the ring allows one consumer, so there is one handle of it: pass it on by std::move");
  }
  /// The other handle's part in the channel; the other answers `closed` from then on. To itself it changes nothing.
  /// @{
  consumer(consumer&&) noexcept = default;
  consumer& operator=(consumer&&) noexcept = default;
  /// @}
  /// The last consumer closes the channel and destroys what is inside. For that it waits for pushes that are under way.
  ~consumer() = default;

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
  using base::core;
  friend detail::pop_half<consumer, T>;
  friend detail::core_access;
  friend detail::first_handles<T, Ring, Wait>;
};

namespace detail {

template <class T, class Ring, class Wait>
struct first_handles {
  template <class... A>
  static auto make(A&&... arguments) {
    auto* const shared = new channel_state<T, Ring, Wait>(std::forward<A>(arguments)...);
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
