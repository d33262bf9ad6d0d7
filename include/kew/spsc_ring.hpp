// spsc_ring: a bounded FIFO from one thread to one other.
//
// Use it     where exactly one thread pushes and one pops, and neither may wait for the other: audio
//            callbacks, feeds, loggers. It is the fastest of the rings.
// Not        where a second thread may push or pop, even now and then (mpsc_ring, spmc_ring, mpmc_ring), or
//            where a thread should sleep until something comes (blocking_queue, channel).
// Threads    try_push…, try_emplace, try_claim: one at a time, "the producer". try_pop…, try_consume,
//            try_peek: one at a time, "the consumer". capacity, size_approx: anyone.
// Progress   every operation is wait-free; none allocates, none enters the kernel.
// Ordering   linearizable; FIFO. `full` and `empty` are exact; `busy` never comes.
// Source     L. Lamport, "Specifying Concurrent Program Modules", 1983, with the other side's count cached
//            (P. Lee et al., "A Lock-Free, Cache-Efficient Shared Ring Buffer", ANCS 2010) and each side's
//            own data kept off the lines that the other side reads.
#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <limits>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>

#include <kew/concepts.hpp>
#include <kew/detail/cache_line.hpp>
#include <kew/detail/slots.hpp>
#include <kew/detail/sync.hpp>
#include <kew/status.hpp>

namespace kew::inline KEW_NAMESPACE {

namespace detail {

/// Up to `n` elements' worth of neighbouring slots, in two spans where they wrap round the ring's end.
template <class T>
struct slot_spans {
  std::span<T> first;
  std::span<T> second;
};

/// One side's place in the ring: where it stands, and how far it may go before it has to ask the other
/// side. Nobody else reads it, so it stays in its owner's cache.
template <class T, class Index>
class alignas(cache_line) private_side {
 public:
  private_side(T* slots, std::size_t capacity, Index count) noexcept
      : next_(slots), begin_(slots), end_(slots + capacity), count_(count), limit_(count) {}

  bool exhausted() const noexcept { return count_ == limit_; }
  std::size_t known() const noexcept { return static_cast<Index>(limit_ - count_); }
  void set_limit(Index limit) noexcept { limit_ = limit; }
  Index count() const noexcept { return count_; }
  T* slot() const noexcept { return next_; }

  /// The new count, for publication.
  Index advance() noexcept {
    // A compare instead of a mask: any capacity, and no division.
    if (++next_ == end_) next_ = begin_;
    return ++count_;
  }

  Index advance(std::size_t n) noexcept {
    const auto to_end = static_cast<std::size_t>(end_ - next_);
    next_ = n < to_end ? next_ + n : begin_ + (n - to_end);
    return count_ = static_cast<Index>(count_ + n);
  }

  slot_spans<T> ahead(std::size_t n) const noexcept {
    const auto to_end = static_cast<std::size_t>(end_ - next_);
    if (n <= to_end) return {{next_, n}, {}};
    return {{next_, to_end}, {begin_, n - to_end}};
  }

 private:
  T* next_;
  T* begin_;
  T* end_;
  Index count_;
  Index limit_;
};

/// spsc_ring with the type of its counts open, so that tests can make them overflow.
template <class T, std::size_t Capacity, class Allocator, class Index>
class basic_spsc_ring {
  static_assert(element_requirements<T>::met);
  static constexpr std::size_t most = std::numeric_limits<Index>::max();

 public:
  using value_type = T;
  static constexpr cardinality producers = cardinality::one;
  static constexpr cardinality consumers = cardinality::one;

  class write_claim;
  class read_claim;

  basic_spsc_ring()
    requires(Capacity != dynamic_capacity)
      : basic_spsc_ring(before_overflow{0}) {}

  explicit basic_spsc_ring(std::size_t capacity, const Allocator& allocator = {})
    requires(Capacity == dynamic_capacity)
      : basic_spsc_ring(before_overflow{0}, capacity, allocator) {}

  template <class... A>
  explicit basic_spsc_ring(before_overflow start, const A&... room)
      : slots_(room...),
        producer_(slots_.data(), slots_.size(), first_count(start)),
        consumer_(slots_.data(), slots_.size(), first_count(start)),
        pushed_(first_count(start)),
        popped_(first_count(start)) {
    refresh_room();
  }

  basic_spsc_ring(const basic_spsc_ring&) = delete;
  basic_spsc_ring& operator=(const basic_spsc_ring&) = delete;

  ~basic_spsc_ring() {
    if constexpr (!std::is_trivially_destructible_v<T>)
      while (try_consume([](T&) noexcept {})) {
      }
  }

  /// success, or full; then `value` is untouched.
  status try_push(const T& value) noexcept(std::is_nothrow_copy_constructible_v<T>) { return try_emplace(value); }
  status try_push(T&& value) noexcept(std::is_nothrow_move_constructible_v<T>) { return try_emplace(std::move(value)); }

  /// Constructs the element in its slot. If that throws, the ring is as it was.
  template <class... A>
  status try_emplace(A&&... arguments) noexcept(std::is_nothrow_constructible_v<T, A...>) {
    if (producer_.exhausted() && !refresh_room()) return status::full;
    std::construct_at(producer_.slot(), std::forward<A>(arguments)...);
    pushed_.store(producer_.advance(), release);  // Edge "item": hands the slot's contents to the consumer.
    return status::success;
  }

  /// As many of the `n` elements from `first` on as there is room for, published together; how many went
  /// in. If one throws, none of them is in the ring.
  template <std::input_iterator It>
  std::size_t try_push_n(It first, std::size_t n) {
    if (producer_.known() < n) refresh_room();
    n = std::min(n, producer_.known());
    if (n == 0) return 0;
    const auto [ahead, wrapped] = producer_.ahead(n);
    unfinished built([slot = ahead.data()](std::size_t i) { return slot + i; });
    built.build(first, ahead.size(), !wrapped.empty());
    unfinished built_wrapped([slot = wrapped.data()](std::size_t i) { return slot + i; });
    built_wrapped.build(first, wrapped.size());
    built.keep();
    built_wrapped.keep();
    pushed_.store(producer_.advance(n), release);  // Edge "item": hands the slots' contents to the consumer.
    return n;
  }

  /// The oldest element, or empty. If moving it out throws, that element is lost and the next one is at
  /// the front.
  result<T> try_pop() noexcept(std::is_nothrow_move_constructible_v<T>) {
    if (consumer_.exhausted() && !refresh_items()) return status::empty;
    const front_release released{*this};
    return result<T>(std::in_place, std::move(*consumer_.slot()));
  }
  status try_pop(T& out) noexcept(std::is_nothrow_move_assignable_v<T>) {
    return try_consume([&out](T& value) { out = std::move(value); });
  }

  /// Shows the oldest element to `f` in its slot, then destroys it, also when `f` throws.
  template <class F>
  status try_consume(F&& f) noexcept(std::is_nothrow_invocable_v<F, T&>) {
    if (consumer_.exhausted() && !refresh_items()) return status::empty;
    const front_release released{*this};
    std::forward<F>(f)(*consumer_.slot());
    return status::success;
  }

  /// Up to `n` elements, oldest first; how many came out. If handing one out throws, those before it are
  /// out, it is lost, and those behind it stay.
  template <class Out>
  std::size_t try_pop_n(Out out, std::size_t n) {
    if (consumer_.known() < n) refresh_items();
    n = std::min(n, consumer_.known());
    const auto [ahead, wrapped] = consumer_.ahead(n);
    batch_release released{*this};
    for (const std::span<T> part : {ahead, wrapped})
      for (T& value : part) {
        const destroyed_on_exit<T> gone{value};
        ++released.count;
        *out = std::move(value);
        ++out;
      }
    return n;
  }

  /// Up to `n` free slots to be written in place. Nothing is in the ring before commit().
  write_claim try_claim(std::size_t n) noexcept {
    static_assert(std::is_trivially_default_constructible_v<T>,
                  "kew: try_claim hands out raw slots, so the element type must be trivially default constructible; use "
                  "try_emplace or try_push_n for this one");
    if (producer_.known() < n) refresh_room();
    return write_claim(*this, producer_.ahead(std::min(n, producer_.known())));
  }

  /// Up to `n` of the oldest elements, to be read in place. All of them stay until release().
  read_claim try_peek(std::size_t n) noexcept {
    if (consumer_.known() < n) refresh_items();
    return read_claim(*this, consumer_.ahead(std::min(n, consumer_.known())));
  }

  std::size_t capacity() const noexcept { return slots_.size(); }

  /// How many elements are inside, as far as another thread can know: never above the capacity, and exact
  /// where nobody pushes or pops at the same time.
  std::size_t size_approx() const noexcept {
    // Edge "item": what is counted as popped later cannot be older than what is counted as pushed here, so
    // the difference is at worst below zero, never above the capacity.
    const Index pushed = pushed_.load(acquire);
    const auto size = static_cast<Index>(pushed - popped_.load(relaxed));
    return size <= capacity() ? size : 0;
  }

 private:
  /// Releases the front element on the way out, whichever way that is.
  struct front_release {
    basic_spsc_ring& ring;
    ~front_release() {
      std::destroy_at(ring.consumer_.slot());
      ring.popped_.store(ring.consumer_.advance(), release);  // Edge "slot": hands the empty slot to the producer.
    }
  };

  struct batch_release {
    basic_spsc_ring& ring;
    std::size_t count = 0;
    ~batch_release() {
      if (count > 0) ring.popped_.store(ring.consumer_.advance(count), release);  // Edge "slot": hands the empty slots to the producer.
    }
  };

  Index first_count(before_overflow start) noexcept { return static_cast<Index>(0 - start.laps * slots_.size()); }

  bool refresh_room() noexcept {
    // Edge "slot": takes the slots that the consumer has emptied.
    producer_.set_limit(static_cast<Index>(popped_.load(acquire) + capacity()));
    return !producer_.exhausted();
  }

  bool refresh_items() noexcept {
    consumer_.set_limit(pushed_.load(acquire));  // Edge "item": takes the slots that the producer has filled.
    return !consumer_.exhausted();
  }

  slots<T, Capacity, Allocator, most> slots_;
  private_side<T, Index> producer_;
  private_side<T, Index> consumer_;
  /// 0 ≤ pushed_ - popped_ ≤ capacity, modulo the Index; each is written by its side alone, on a line of its own.
  alignas(cache_line) atomic<Index> pushed_;
  alignas(cache_line) atomic<Index> popped_;
};

/// Slots that the producer fills in place. Dropped without commit(), it publishes nothing.
template <class T, std::size_t Capacity, class Allocator, class Index>
class [[nodiscard]] basic_spsc_ring<T, Capacity, Allocator, Index>::write_claim {
 public:
  write_claim(const write_claim&) = delete;
  write_claim& operator=(const write_claim&) = delete;

  std::span<T> first() const noexcept { return spans_.first; }
  std::span<T> second() const noexcept { return spans_.second; }
  std::size_t size() const noexcept { return first().size() + second().size(); }

  /// Publishes the first `k` slots, `k` ≤ size(). Once.
  void commit(std::size_t k) noexcept {
    ring_.pushed_.store(ring_.producer_.advance(k), release);  // Edge "item": hands the slots' contents to the consumer.
    spans_ = {};
  }

 private:
  friend basic_spsc_ring;
  write_claim(basic_spsc_ring& ring, slot_spans<T> spans) noexcept : ring_(ring), spans_(spans) {}

  basic_spsc_ring& ring_;
  slot_spans<T> spans_;
};

/// Elements that the consumer reads in place. Dropped without release(), it leaves them all.
template <class T, std::size_t Capacity, class Allocator, class Index>
class [[nodiscard]] basic_spsc_ring<T, Capacity, Allocator, Index>::read_claim {
 public:
  read_claim(const read_claim&) = delete;
  read_claim& operator=(const read_claim&) = delete;

  std::span<T> first() const noexcept { return spans_.first; }
  std::span<T> second() const noexcept { return spans_.second; }
  std::size_t size() const noexcept { return first().size() + second().size(); }

  /// The first `k` elements are gone, `k` ≤ size(). Once.
  void release(std::size_t k) noexcept {
    const auto [ahead, wrapped] = ring_.consumer_.ahead(k);
    std::destroy(ahead.begin(), ahead.end());
    std::destroy(wrapped.begin(), wrapped.end());
    // Edge "slot": hands the empty slots to the producer.
    ring_.popped_.store(ring_.consumer_.advance(k), detail::release);
    spans_ = {};
  }

 private:
  friend basic_spsc_ring;
  read_claim(basic_spsc_ring& ring, slot_spans<T> spans) noexcept : ring_(ring), spans_(spans) {}

  basic_spsc_ring& ring_;
  slot_spans<T> spans_;
};

}  // namespace detail

/// A bounded FIFO from one thread to one other; see the top of this file.
template <class T, std::size_t Capacity = dynamic_capacity, class Allocator = std::allocator<T>>
class spsc_ring : public detail::basic_spsc_ring<T, Capacity, Allocator, std::size_t> {
  using detail::basic_spsc_ring<T, Capacity, Allocator, std::size_t>::basic_spsc_ring;
};

}  // namespace kew::inline KEW_NAMESPACE
