// spsc_ring: a bounded FIFO from one thread to one other.
//
// Use it     where exactly one thread pushes and one pops, and neither may wait for the other: audio
//            callbacks, feeds, loggers. It is the fastest of the rings.
// Not        where a second thread may push or pop, even now and then (mpsc_ring, spmc_ring, mpmc_ring), or
//            where a thread should sleep until something comes (blocking_queue, channel).
// Threads    try_push…, try_emplace, try_claim: one at a time, "the producer". try_pop…, try_consume,
//            try_peek: one at a time, "the consumer". capacity, size_approx: anyone.
// Progress   every operation is wait-free; none allocates, none enters the kernel.
// Ordering   linearizable; FIFO. `full` and `empty` each held at an instant of their own call; `busy` never comes.
// Source     L. Lamport, "Specifying Concurrent Program Modules", 1983, with the other side's position cached
//            (P. Lee et al., "A Lock-Free, Cache-Efficient Shared Ring Buffer", ANCS 2010).
// Why fast   an operation makes two stores, to its slot and to its own position, and asks for the other side's
//            position only when the last answer is used up. A third store, even to private data, costs up to
//            four fifths of the throughput where the cores are far apart: the store buffer is what covers the
//            time until a line of slots arrives, and it would cover fewer elements. And in a stream the faster side
//            keeps some distance (detail/ring/pace.hpp): there a call may stand back for up to a few microseconds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>

#include <kew/concepts.hpp>
#include <kew/detail/machine/cache_line.hpp>
#include <kew/detail/machine/min_max.hpp>
#include <kew/detail/machine/sync.hpp>
#include <kew/detail/ring/pace.hpp>
#include <kew/detail/ring/positions.hpp>
#include <kew/detail/ring/slots.hpp>
#include <kew/detail/ring/solo.hpp>
#include <kew/status.hpp>

namespace kew { inline namespace KEW_NAMESPACE {

namespace detail {

/// Up to `n` elements' worth of neighbouring slots, in two spans where they wrap round the ring's end.
template <class T>
struct slot_spans {
  std::span<T> first;
  std::span<T> second;
};

/// spsc_ring with the type of its positions open, so that tests can make them overflow.
template <class T, std::size_t Capacity, class Allocator, class Index>
class basic_spsc_ring {
  static_assert(element_requirements<T>::met);
  static constexpr std::size_t most = positions<Index, 0>::most;

 public:
  using value_type = T;  ///< What is passed on.
  /// How many threads may push at the same time.
  static constexpr cardinality producers = cardinality::one;
  /// How many threads may pop at the same time.
  static constexpr cardinality consumers = cardinality::one;

  class write_claim;
  class read_claim;

  /// Of the fixed Capacity, with its slots inside the object: without the heap.
  basic_spsc_ring() requires(Capacity != dynamic_capacity) : basic_spsc_ring(before_overflow{0}) {}
  basic_spsc_ring()  // this ring needs a capacity: as an argument, or in its type
    requires(Capacity == dynamic_capacity)
  = delete;
  explicit basic_spsc_ring(std::size_t)  // this ring's capacity stands in its type: give no argument
    requires(Capacity != dynamic_capacity)
  = delete;

  /// `capacity` elements at most, exactly. Throws std::invalid_argument for 0, std::length_error for what cannot be
  /// addressed, std::bad_alloc; the message names the capacity. Nothing is allocated after that.
  explicit basic_spsc_ring(std::size_t capacity, const Allocator& allocator = {}) requires(Capacity == dynamic_capacity)
      : basic_spsc_ring(before_overflow{0}, capacity, allocator) {}

  /// For tests of positions that overflow; `room` is what the other constructors take.
  template <class... A>
  explicit basic_spsc_ring(before_overflow start, const A&... room)
      : slots_(room...),
        positions_(slots_.size()),
        pushed_(positions_.before(start)),
        push_limit_(positions_.before(start) + positions_.lap()),
        popped_(positions_.before(start)),
        pop_limit_(positions_.before(start)) {}

  basic_spsc_ring(const basic_spsc_ring&) = delete;  // a ring stays where its threads know it: share a pointer to it
  basic_spsc_ring& operator=(const basic_spsc_ring&) = delete;

  /// Destroys what is still inside. No other thread may be in any call.
  ~basic_spsc_ring() {
    if constexpr (!std::is_trivially_destructible_v<T>)
      while (try_consume([](T&) noexcept {})) {
      }
  }

  /// The producer's: success, or full, and then `value` is untouched. If T's constructor throws, the ring is as it was.
  /// Wait-free.
  status try_push(const T& value) noexcept(std::is_nothrow_copy_constructible_v<T>)
    requires std::is_copy_constructible_v<T>
  {
    return try_emplace(value);
  }
  status try_push(const T&)  // this element type cannot be copied: pass it on by std::move
    requires(!std::is_copy_constructible_v<T>)
  = delete;
  /// The same, and moves `value` in.
  status try_push(T&& value) noexcept(std::is_nothrow_move_constructible_v<T>) { return try_emplace(std::move(value)); }

  /// The same, and makes the element from `arguments` in its slot.
  template <class... A>
  status try_emplace(A&&... arguments) noexcept(std::is_nothrow_constructible_v<T, A...>) {
    const solo::turn turn(producing_, one_producer);
    const Index position = pushed_.load(relaxed);
    if (!find_room(position)) return status::full;
    const Index next = positions_.next(position);
    std::construct_at(at(position), std::forward<A>(arguments)...);
    publish(next);
    return status::success;
  }

  /// The producer's: as many of the `n` elements from `first` on as there is room for, in order, published together;
  /// how many went in. If one throws, none of them is in the ring.
  template <std::input_iterator It>
  std::size_t try_push_n(It first, std::size_t n) {
    const solo::turn turn(producing_, one_producer);
    const Index position = pushed_.load(relaxed);
    n = min(n, room(position, n));
    if (n == 0) return 0;
    const auto [ahead, wrapped] = spans(position, n);
    unfinished built([slot = ahead.data()](std::size_t i) { return slot + i; });
    built.build(first, ahead.size(), !wrapped.empty());
    unfinished built_wrapped([slot = wrapped.data()](std::size_t i) { return slot + i; });
    built_wrapped.build(first, wrapped.size());
    built.keep();
    built_wrapped.keep();
    publish(positions_.next(position, n));
    return n;
  }

  /// The consumer's: the oldest element, or empty. If moving it out throws, that element is lost and the next one is
  /// at the front. Wait-free.
  result<T> try_pop() noexcept(std::is_nothrow_move_constructible_v<T>) {
    const solo::turn turn(consuming_, one_consumer);
    const Index position = popped_.load(relaxed);
    if (!find_item(position)) return status::empty;
    const front_release released{*this, at(position), positions_.next(position)};
    return result<T>(std::in_place, std::move(*released.front));
  }
  /// The same, by assignment to `out`.
  status try_pop(T& out) noexcept(std::is_nothrow_move_assignable_v<T>) {
    return try_consume([&out](T& value) noexcept(std::is_nothrow_move_assignable_v<T>) { out = std::move(value); });
  }

  /// The consumer's: shows the oldest element to `f` in its slot, then destroys it, also when `f` throws; or empty.
  template <class F>
  status try_consume(F&& f) noexcept(std::is_nothrow_invocable_v<F, T&>) {
    const solo::turn turn(consuming_, one_consumer);
    const Index position = popped_.load(relaxed);
    if (!find_item(position)) return status::empty;
    const front_release released{*this, at(position), positions_.next(position)};
    std::forward<F>(f)(*released.front);
    return status::success;
  }

  /// The consumer's: up to `n` elements, oldest first; how many came out. If handing one out throws, those before it
  /// are out, it is lost, and those behind it stay.
  template <class Out>
  std::size_t try_pop_n(Out out, std::size_t n) {
    const solo::turn turn(consuming_, one_consumer);
    const Index position = popped_.load(relaxed);
    n = min(n, items(position, n));
    const auto [ahead, wrapped] = spans(position, n);
    batch_release released{*this, position};
    for (const std::span<T> part : {ahead, wrapped})
      for (T& value : part) {
        const destroyed_on_exit<T> gone{value};
        ++released.count;
        *out = std::move(value);
        ++out;
      }
    return n;
  }

  /// The producer's: up to `n` free slots to be written in place. Nothing is in the ring before commit(). No other push
  /// may come between.
  write_claim try_claim(std::size_t n) noexcept {
    static_assert(
        std::is_trivially_default_constructible_v<T>,
        "kew: try_claim hands out raw slots, so the element type must be trivially default constructible; use "
        "try_emplace or try_push_n for this one");
    const solo::turn turn(producing_, one_producer);
    const Index position = pushed_.load(relaxed);
    return write_claim(*this, spans(position, min(n, room(position, n))));
  }

  /// The consumer's: up to `n` of the oldest elements, to be read in place. All of them stay until release(). No other
  /// pop may come between.
  read_claim try_peek(std::size_t n) noexcept {
    const solo::turn turn(consuming_, one_consumer);
    const Index position = popped_.load(relaxed);
    return read_claim(*this, spans(position, min(n, items(position, n))));
  }

  /// How many elements fit. Any thread.
  std::size_t capacity() const noexcept { return slots_.size(); }

  /// How many elements are inside, as far as another thread can know: from 0 to the capacity, always, and exact where
  /// nobody pushes or pops at the same time. Any thread.
  std::size_t size_approx() const noexcept {
    const Index pushed = pushed_.load(relaxed);  // relaxed: positions_.distance copes with any two values
    return positions_.distance(popped_.load(relaxed), pushed);
  }

 private:
  /// Releases the front element on the way out, whichever way that is.
  struct front_release {
    basic_spsc_ring& ring;
    T* front;
    Index next;

    ~front_release() {
      std::destroy_at(front);
      ring.give_back(next);
    }
  };

  struct batch_release {
    basic_spsc_ring& ring;
    Index position;
    std::size_t count = 0;

    ~batch_release() {
      if (count > 0) ring.give_back(ring.positions_.next(position, count));
    }
  };

  T* at(Index position) noexcept { return slots_.data() + positions_.index(position); }
  std::uintptr_t address_of(Index position) noexcept { return reinterpret_cast<std::uintptr_t>(at(position)); }

  slot_spans<T> spans(Index position, std::size_t n) noexcept {
    const std::size_t to_end = capacity() - positions_.index(position);
    if (n <= to_end) return {{at(position), n}, {}};
    return {{at(position), to_end}, {slots_.data(), n - to_end}};
  }

  void publish(Index position) noexcept {
    pushed_.store(position, release);  // Edge "item": hands the slots up to here, filled, to the consumer.
  }
  void give_back(Index position) noexcept {
    popped_.store(position, release);  // Edge "slot": hands the slots up to here, empty, to the producer.
  }

  /// Whether the slot at `position` is free.
  bool find_room(Index position) noexcept {
    const auto known = static_cast<Index>(push_limit_ - position);
    // Stores wait in line for their cache lines. Those of a stream would wait for one after the other; so the lines are
    // asked for in time, but not before the consumer has done with them.
    if (known > lookahead / sizeof(T)) [[likely]] {
      prefetch_for_writing(address_of(position) + lookahead);
      return true;
    }
    return known > 0 || refresh_push_limit() != position;
  }
  /// Whether the slot at `position` is filled.
  bool find_item(Index position) noexcept {
    const auto known = static_cast<Index>(pop_limit_ - position);
    // Nor does a load wait for its line where it was asked for in time, whatever the caller does between two of them.
    if (known > lookahead / sizeof(T)) [[likely]] {
      prefetch_for_reading(address_of(position) + lookahead);
      return true;
    }
    return known > 0 || refresh_pop_limit() != position;
  }

  Index refresh_push_limit() noexcept {
    push_pace_.stand_back();
    // Edge "slot": takes the slots that the consumer has emptied. They can be filled until a lap after its position.
    const auto limit = static_cast<Index>(popped_.load(acquire) + positions_.lap());
    push_pace_.found(static_cast<Index>(limit - push_limit_));
    return push_limit_ = limit;
  }
  Index refresh_pop_limit() noexcept {
    pop_pace_.stand_back();
    const Index limit = pushed_.load(acquire);  // Edge "item": takes the slots that the producer has filled.
    pop_pace_.found(static_cast<Index>(limit - pop_limit_));
    return pop_limit_ = limit;
  }

  /// How many slots are free; the consumer is asked only where `wanted` are not known to be.
  std::size_t room(Index position, std::size_t wanted) noexcept {
    const std::size_t known = positions_.distance(position, push_limit_);
    return known >= wanted ? known : positions_.distance(position, refresh_push_limit());
  }
  /// How many elements there are; the producer is asked only where `wanted` are not known to be.
  std::size_t items(Index position, std::size_t wanted) noexcept {
    const std::size_t known = positions_.distance(position, pop_limit_);
    return known >= wanted ? known : positions_.distance(position, refresh_pop_limit());
  }

  static constexpr const char* one_producer =
      "kew::spsc_ring: a second thread pushes while a push is under way; this ring allows one producer\n";
  static constexpr const char* one_consumer =
      "kew::spsc_ring: a second thread pops while a pop is under way; this ring allows one consumer\n";

  static constexpr std::size_t lookahead = 8 * cache_line;  // in bytes; measured

  // Measured. In a small ring the other side would come to its end and wait.
  static constexpr unsigned few = 256;
  static constexpr unsigned worth_it = 12;
  static constexpr unsigned most_pauses(std::size_t capacity) noexcept {
    return static_cast<unsigned>(max<std::size_t>(16, min<std::size_t>(128, capacity / 64)));
  }

  slots<T, Capacity, Allocator, most> slots_;
  positions<Index, 0> positions_;
  // popped_ ≤ pop_limit_ ≤ pushed_ ≤ push_limit_ ≤ popped_ + lap, each on a line of its own: the other side reads
  // the positions, and nobody but their owner the limits.
  alignas(cache_line) atomic<Index> pushed_;
  alignas(cache_line) Index push_limit_;
  pace push_pace_{few, most_pauses(capacity()), worth_it};
  [[no_unique_address]] solo producing_;
  alignas(cache_line) atomic<Index> popped_;
  alignas(cache_line) Index pop_limit_;
  pace pop_pace_{few, most_pauses(capacity()), worth_it};
  [[no_unique_address]] solo consuming_;
};

/// Slots that the producer fills in place. Dropped without commit(), it publishes nothing.
template <class T, std::size_t Capacity, class Allocator, class Index>
class [[nodiscard]] basic_spsc_ring<T, Capacity, Allocator, Index>::write_claim {
 public:
  write_claim(const write_claim&) = delete;
  write_claim& operator=(const write_claim&) = delete;

  /// The slots, in order, up to where they wrap round the ring's end.
  std::span<T> first() const noexcept { return spans_.first; }
  /// The slots after that; mostly there are none.
  std::span<T> second() const noexcept { return spans_.second; }
  /// How many slots there are: 0 where the ring is full.
  std::size_t size() const noexcept { return first().size() + second().size(); }

  /// Publishes the first `k` slots, `k` ≤ size(). Once.
  void commit(std::size_t k) noexcept {
    ring_.publish(ring_.positions_.next(ring_.pushed_.load(relaxed), k));
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

  /// The elements, in order, up to where they wrap round the ring's end.
  std::span<T> first() const noexcept { return spans_.first; }
  /// The elements after that; mostly there are none.
  std::span<T> second() const noexcept { return spans_.second; }
  /// How many elements there are: 0 where the ring is empty.
  std::size_t size() const noexcept { return first().size() + second().size(); }

  /// The first `k` elements are gone, `k` ≤ size(). Once.
  void release(std::size_t k) noexcept {
    const Index position = ring_.popped_.load(relaxed);
    const auto [ahead, wrapped] = ring_.spans(position, k);
    std::destroy(ahead.begin(), ahead.end());
    std::destroy(wrapped.begin(), wrapped.end());
    ring_.give_back(ring_.positions_.next(position, k));
    spans_ = {};
  }

 private:
  friend basic_spsc_ring;
  read_claim(basic_spsc_ring& ring, slot_spans<T> spans) noexcept : ring_(ring), spans_(spans) {}

  basic_spsc_ring& ring_;
  slot_spans<T> spans_;
};

}  // namespace detail

/// A bounded FIFO from one thread to one other; spsc_ring.hpp says when to use it, who may call what, and what is
/// promised. With a Capacity in its type it lives without the heap.
template <class T, std::size_t Capacity = dynamic_capacity, class Allocator = std::allocator<T>>
class spsc_ring : public detail::basic_spsc_ring<T, Capacity, Allocator, std::size_t> {
  using detail::basic_spsc_ring<T, Capacity, Allocator, std::size_t>::basic_spsc_ring;
};

}}  // namespace kew::KEW_NAMESPACE
