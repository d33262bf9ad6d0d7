// spsc_ring: a bounded FIFO from one thread to one other.
//
// Use when   exactly one thread pushes and one pops, and neither may wait for the other: audio
//            callbacks, feeds, loggers. It is the fastest of the rings.
// Avoid when a second thread may push or pop, even now and then (mpsc_ring, spmc_ring, mpmc_ring), or
//            where a thread should sleep until something comes (blocking_queue, channel).
// Threads    try_push…, try_emplace, try_claim: one at a time, "the producer". try_pop…, try_consume,
//            try_peek: one at a time, "the consumer". capacity, size_approx: any.
// Progress   every operation is wait-free: no loop but over the elements of a batch, no pause, no allocation, no call
//            of the kernel.
// Ordering   linearizable; FIFO. `full` and `empty` each held at an instant of their own call; `busy` never comes.
// Memory     320 bytes and, for each element, 20 (int), 24 (void*), 96 (std::string), 136 (64 bytes).
//            Elements of 4 to 184 bytes take more: a slot for every eighth, 2 KiB at most.
// Source     L. Lamport, "Specifying Concurrent Program Modules", 1983, with the other side's position cached
//            (P. Lee et al., "A Lock-Free, Cache-Efficient Shared Ring Buffer", ANCS 2010); published by the slot as in
//            FastForward (J. Giacomoni et al., PPoPP 2008).
// Layout     Elements of 4 to 184 bytes whose move cannot throw lie in numbered slots: of 16, 32 or 64 bytes for elements
//            of up to 56; of 72 for one of 64; of whole lines where an element is larger than 77 bytes. So the lines that
//            bring an element also say that it is there. All others, and all from the first try_claim on that finds
//            room, lie side by side in an array, and a count says how many there are: long spans to write and to read in
//            place, for a longer way of a single element. A batch of 64 elements or more lies in the array too, and the
//            slot of its first element says where it ends. A ring with numbered slots has the array as well: 24 bytes an
//            element of 8, 136 of one of 64. To read elements of single pushes in place without a move, use try_consume.
// Why fast   the other side's position is asked for only when the last answer is used up, and a consumer that waits for
//            its producer looks at nothing but the next slot. One that is well behind asks for its lines ahead, and the
//            processor goes on to the next element before the last one is here; one that is close behind does neither,
//            because both would take away the line that the producer fills. There are a few spare slots, so that the
//            producer of a full ring does not fill the line that the consumer empties.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>

#include <kew/concepts.hpp>
#include <kew/detail/machine/cache_line.hpp>
#include <kew/detail/machine/min_max.hpp>
#include <kew/detail/machine/opaque.hpp>
#include <kew/detail/machine/sync.hpp>
#include <kew/detail/machine/tuning.hpp>
#include <kew/detail/ring/numbered_slots.hpp>
#include <kew/detail/ring/passed_on.hpp>
#include <kew/detail/ring/positions.hpp>
#include <kew/detail/ring/slots.hpp>
#include <kew/detail/ring/solo.hpp>
#include <kew/error.hpp>
#include <kew/status.hpp>

namespace kew { inline namespace KEW_NAMESPACE {

namespace detail {

/// Up to `n` elements' worth of neighbouring slots, in two spans where they wrap round the ring's end.
template <class T>
struct slot_spans {
  std::span<T> first;
  std::span<T> second;
};

/// spsc_ring with the type of its positions and its way of publishing open, for tests: positions that overflow soon,
/// both ways for one type.
template <class T, std::size_t Capacity, class Allocator, class Index, publication Way = publication_of<T>>
class basic_spsc_ring {
  static_assert(element_requirements<T>::met);
  static constexpr std::size_t most = positions<Index, 0>::most;
  using numbered = numbered_slot<T, Index>;

 public:
  using value_type = T;  ///< What is passed on.
  /// How many threads may push at the same time.
  static constexpr cardinality producers = cardinality::one;
  /// How many threads may pop at the same time.
  static constexpr cardinality consumers = cardinality::one;

  class write_claim;
  class read_claim;

  /// Of the fixed Capacity, with its slots inside the object: without the heap.
  basic_spsc_ring()
    requires(Capacity != dynamic_capacity)
      : basic_spsc_ring(before_overflow{0}) {}
  basic_spsc_ring()  // this ring needs a capacity: as an argument, or in its type
    requires(Capacity == dynamic_capacity)
  = delete;
  explicit basic_spsc_ring(std::size_t)  // this ring's capacity stands in its type: give no argument
    requires(Capacity != dynamic_capacity)
  = delete;

  /// `capacity` elements at most, exactly. Throws std::invalid_argument for 0, std::length_error for what cannot be
  /// addressed, std::bad_alloc; the message names the capacity. Nothing is allocated after that.
  explicit basic_spsc_ring(std::size_t capacity, const Allocator& allocator = {})
    requires(Capacity == dynamic_capacity)
      : basic_spsc_ring(before_overflow{0}, capacity, allocator) {}

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
    require(!claimed_, "kew::spsc_ring: a push while a claim is open; commit or drop the claim first");
    const Index position = pushed_.load(relaxed);
    if constexpr (Way == publication::by_slot) {
      if (position != push_run_end_) [[likely]] {
        numbered* const slot = push_slots_ + static_cast<Index>(position + push_shift_);
        fetch_ahead(slot, tuning::lookahead_by_slot);
        std::construct_at(std::addressof(slot->value), std::forward<A>(arguments)...);
        hand_over(slot, static_cast<Index>(position + 1));
        return status::success;
      }
      return emplace_later<passed_on<T, A>...>(position, std::forward<A>(arguments)...);
    } else {
      return emplace_in_array(position, std::forward<A>(arguments)...);
    }
  }

  /// The producer's: as many of the `n` elements from `first` on as there is room for, in order, published together;
  /// how many went in. If one throws, none of them is in the ring.
  template <std::input_iterator It>
  std::size_t try_push_n(It first, std::size_t n) {
    const solo::turn turn(producing_, one_producer);
    require(!claimed_, "kew::spsc_ring: a push while a claim is open; commit or drop the claim first");
    const Index position = pushed_.load(relaxed);
    n = min(n, room(position, n));
    if (n == 0) return 0;
    if constexpr (Way == publication::by_slot)
      if (push_slots_ != nullptr && n < tuning::smallest_batch_in_array) {
        numbered* const slot = push_slots_ + static_cast<Index>(position + push_shift_);
        unfinished built([this, slot](std::size_t i) { return std::addressof(numbered_.after(slot, i)->value); });
        built.build(first, n);
        built.keep();
        // From the last to the first, which the consumer waits for: so they appear together.
        Index number = positions_.next(position, n);
        numbered* filled = numbered_.after(slot, n);
        for (std::size_t i = 0; i < n; ++i) {
          filled = numbered_.before(filled);
          filled->number.store(number, release);  // Edge "element": as in try_emplace.
          number = positions_.previous(number);
        }
        count(positions_.next(position, n));
        begin_push_stretch(numbered_.after(slot, n), positions_.next(position, n));
        return n;
      }
    const auto [ahead, wrapped] = spans(position, n);
    unfinished built([slot = ahead.data()](std::size_t i) { return slot + i; });
    built.build(first, ahead.size(), !wrapped.empty());
    unfinished built_wrapped([slot = wrapped.data()](std::size_t i) { return slot + i; });
    built_wrapped.build(first, wrapped.size());
    built.keep();
    built_wrapped.keep();
    publish_batch(position, n);
    return n;
  }

  /// The consumer's: the oldest element, or empty. If moving it out throws, that element is lost and the next one is
  /// at the front. Wait-free.
  result<T> try_pop() noexcept(std::is_nothrow_move_constructible_v<T>) {
    const solo::turn turn(consuming_, one_consumer);
    require(!peeked_, "kew::spsc_ring: a pop while a peek is open; release or drop the peek first");
    const auto [front, next] = find_element(popped_.load(relaxed));
    if (front == nullptr) return status::empty;
    const front_release released{*this, front, next};
    return result<T>(std::in_place, std::move(*front));
  }
  /// The same, by assignment to `out`.
  status try_pop(T& out) noexcept(std::is_nothrow_move_assignable_v<T>) {
    return try_consume([&out](T& value) noexcept(std::is_nothrow_move_assignable_v<T>) { out = std::move(value); });
  }

  /// The consumer's: shows the oldest element to `f` in its slot, then destroys it, also when `f` throws; or empty.
  template <class F>
  status try_consume(F&& f) noexcept(std::is_nothrow_invocable_v<F, T&>) {
    const solo::turn turn(consuming_, one_consumer);
    require(!peeked_, "kew::spsc_ring: a pop while a peek is open; release or drop the peek first");
    const auto [front, next] = find_element(popped_.load(relaxed));
    if (front == nullptr) return status::empty;
    const front_release released{*this, front, next};
    std::forward<F>(f)(*front);
    return status::success;
  }

  /// The consumer's: up to `n` elements, oldest first; how many came out. If handing one out throws, those before it
  /// are out, it is lost, and those behind it stay.
  template <class Out>
  std::size_t try_pop_n(Out out, std::size_t n) {
    const solo::turn turn(consuming_, one_consumer);
    require(!peeked_, "kew::spsc_ring: a pop while a peek is open; release or drop the peek first");
    const Index position = popped_.load(relaxed);
    batch_release released{*this, position};
    const auto hand_out = [&](T& value) {
      const destroyed_on_exit<T> gone{value};
      ++released.count;
      *out = std::move(value);
      ++out;
    };
    const auto hand_out_array = [&](Index from, std::size_t length) {
      const auto [ahead, wrapped] = spans(from, length);
      for (const std::span<T> part : {ahead, wrapped})
        for (T& value : part) {
          if constexpr (Way == publication::by_slot)
            prefetch_for_reading(reinterpret_cast<std::uintptr_t>(std::addressof(value)) + tuning::lookahead_in_batch);
          hand_out(value);
        }
    };
    if constexpr (Way == publication::by_slot)
      if (!counted_) {
        for (Index here = position; released.count < n;) {
          if (pop_slots_ == nullptr && here != pop_limit_) {
            hand_out_array(here, min(n - released.count, positions_.distance(here, pop_limit_)));
            here = positions_.next(position, released.count);
          } else {
            const auto [element, next] = find_element(here);
            if (element == nullptr) break;
            hand_out(*element);
            here = next;
          }
        }
        return released.count;
      }
    hand_out_array(position, min(n, elements(position, n)));
    return released.count;
  }

  /// A pop in two steps, for a caller that has to know whether there is an element before it can say where that goes.
  /// From claim_pop to end_pop the pop is under way, as try_consume is while its function runs.
  class pop_claim {
   public:
    using ring_type = basic_spsc_ring;  ///< What it is a claim on.

   private:
    friend basic_spsc_ring;
    T* front_;
    Index next_;
  };

  /// The consumer's: success, and then the oldest element is claimed; or empty.
  [[gnu::always_inline]] status claim_pop(pop_claim& claim) noexcept {
    solo::turn turn(consuming_, one_consumer);
    require(!peeked_, "kew::spsc_ring: a pop while a peek is open; release or drop the peek first");
    const auto [front, next] = find_element(popped_.load(relaxed));
    if (front == nullptr) return status::empty;
    claim.front_ = front;
    claim.next_ = next;
    turn.stay();
    return status::success;
  }
  /// claim_pop without a call: true, and then the oldest element is claimed; false says nothing. For a caller that makes
  /// one call of all that is not this, and so saves no register for it.
  [[gnu::always_inline]] bool claim_ready(pop_claim& claim) noexcept
    requires(Way == publication::by_slot)
  {
    solo::turn turn(consuming_, one_consumer);
    require(!peeked_, "kew::spsc_ring: a pop while a peek is open; release or drop the peek first");
    const Index position = popped_.load(relaxed);
    numbered* const slots = pop_slots_;
    if (slots == nullptr || position == pop_last_) [[unlikely]]
      return false;
    numbered* const slot = slots + static_cast<Index>(position + pop_shift_);
    const auto next = static_cast<Index>(position + 1);
    const Index number = slot->number.load(acquire);  // Edge "element": takes what the slot was filled with.
    if (number != opaque(next)) [[unlikely]]
      return false;
    const auto [front, after] = filled(slot, number, next);
    claim.front_ = front;
    claim.next_ = after;
    turn.stay();
    return true;
  }
  /// What was claimed, to be moved out.
  T& claimed(const pop_claim& claim) noexcept { return *claim.front_; }
  /// Destroys what was claimed and frees its slot. Once, by the consumer.
  [[gnu::always_inline]] void end_pop(const pop_claim& claim) noexcept {
    std::destroy_at(claim.front_);
    give_back(claim.next_);
    consuming_.leave();
  }

  /// The producer's: up to `n` free slots to be written in place. Nothing is in the ring before commit(). No other push
  /// may come between.
  write_claim try_claim(std::size_t n) noexcept {
    static_assert(
        std::is_trivially_default_constructible_v<T>,
        "kew: try_claim hands out raw slots, so the element type must be trivially default constructible; use "
        "try_emplace or try_push_n for this one");
    const solo::turn turn(producing_, one_producer);
    require(!claimed_, "kew::spsc_ring: try_claim while a claim is open; commit or drop the claim first");
    const Index position = pushed_.load(relaxed);
    n = min(n, room(position, n));
    if (n > 0) publish_by_count_from(position);
    claimed_ = n > 0;
    return write_claim(*this, spans(position, n));
  }

  /// The consumer's: up to `n` of the oldest elements, to be read in place. All of them stay until release(). No other
  /// pop may come between. (Elements in numbered slots are moved into the array first.)
  read_claim try_peek(std::size_t n) noexcept {
    const solo::turn turn(consuming_, one_consumer);
    require(!peeked_, "kew::spsc_ring: try_peek while a peek is open; release or drop the peek first");
    const Index position = popped_.load(relaxed);
    n = min(n, elements(position, n));
    peeked_ = n > 0;
    return read_claim(*this, spans(position, n));
  }

  /// How many elements fit. Any thread.
  std::size_t capacity() const noexcept { return slots_.size(); }

  /// How many elements are inside, as far as another thread can know: from 0 to the capacity, always, and exact where
  /// no thread pushes or pops at the same time. Any thread. The consumer's next pops find what the consumer counts here.
  std::size_t size_approx() const noexcept {
    const Index pushed = pushed_.load(acquire);                 // Edge "size": what is counted can be found.
    return positions_.distance(popped_.load(relaxed), pushed);  // relaxed: distance() copes with any two values
  }

 protected:
  /// For tests of positions that overflow; `room` is what the other constructors take.
  template <class... A>
  explicit basic_spsc_ring(before_overflow start, const A&... room)
      : slots_(room...),
        positions_(slots_.size()),
        numbered_(
            [this, start](std::size_t i) {
              return a_lap_before(positions_.next(positions_.before(start), min(i + 1, capacity())));
            },
            room...),
        pushed_(positions_.before(start)),
        push_limit_(positions_.before(start) + positions_.lap()),
        popped_(positions_.before(start)),
        pop_limit_(positions_.before(start)) {
    if constexpr (Way == publication::by_slot) {
      begin_push_stretch(numbered_.data(), positions_.before(start));
      begin_pop_stretch(numbered_.data(), positions_.before(start));
    }
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

  slot_spans<T> spans(Index position, std::size_t n) noexcept {
    const std::size_t to_end = capacity() - positions_.index(position);
    if (n <= to_end) return {{at(position), n}, {}};
    return {{at(position), to_end}, {slots_.data(), n - to_end}};
  }

  // ---- The producer's ----

  void publish(Index position) noexcept {
    pushed_.store(position, release);  // Edge "element": hands the slots up to here, filled, to the consumer.
    if constexpr (Way == publication::by_slot) push_run_end_ = position;
  }
  /// After the number in the slot, which is what publishes.
  void count(Index position) noexcept {
    pushed_.store(position, release);  // Edge "size": whatever counts this element can find it.
  }
  void give_back(Index position) noexcept {
    popped_.store(position, release);  // Edge "slot": hands the slots up to here, empty, to the producer.
  }

  /// What is not one of a run. Out of line, so that what is saves no registers for it.
  template <class... A>
  [[gnu::noinline]] status emplace_later(Index position,
                                         A... arguments) noexcept(std::is_nothrow_constructible_v<T, A...>) {
    if (push_slots_ == nullptr) return emplace_in_array(position, std::forward<A>(arguments)...);
    numbered* const slot = push_slots_ + static_cast<Index>(position + push_shift_);
    if (!find_room(position, slot, tuning::lookahead_by_slot)) return status::full;
    std::construct_at(std::addressof(slot->value), std::forward<A>(arguments)...);
    const Index next = position != push_last_ ? static_cast<Index>(position + 1) : end_push_stretch(slot);
    hand_over(slot, next);
    begin_push_run(next);
    return status::success;
  }
  template <class... A>
  status emplace_in_array(Index position, A&&... arguments) {
    T* const slot = at(position);
    if (!find_room(position, slot, tuning::lookahead_by_count)) return status::full;
    std::construct_at(slot, std::forward<A>(arguments)...);
    publish(positions_.next(position));
    return status::success;
  }
  void hand_over(numbered* slot, Index next) noexcept {
    slot->number.store(next, release);  // Edge "element": hands the slot, filled, to the consumer.
    count(next);
  }
  /// A run is what of a stretch is known to be free, as far as lines may be asked for ahead: one comparison says that a push
  /// is in it.
  void begin_push_run(Index position) noexcept {
    constexpr Index ahead = tuning::lookahead_by_slot / sizeof(numbered);
    const auto known = static_cast<Index>(push_limit_ - position);
    const Index free = known > ahead ? static_cast<Index>(known - ahead) : Index{0};
    push_run_end_ = static_cast<Index>(position + min(free, static_cast<Index>(push_last_ - position)));
  }

  /// Whether the slot at `position` is free.
  template <class Slot>
  bool find_room(Index position, Slot* slot, std::size_t lookahead) noexcept {
    const auto known = static_cast<Index>(push_limit_ - position);
    if (known > lookahead / sizeof(Slot)) [[likely]] {
      fetch_ahead(slot, lookahead);
      return true;
    }
    return known > 0 || refresh_push_limit() != position;
  }
  /// Stores wait in line for their cache lines. Those of a stream would wait for one after the other; so the lines are asked
  /// for in time, but not before the consumer has done with them.
  template <class Slot>
  static void fetch_ahead(Slot* slot, std::size_t lookahead) noexcept {
    constexpr std::size_t width = std::is_same_v<Slot, numbered> ? sizeof(Slot) : 1;
    for (std::size_t line = 0; line < width; line += cache_line)
      prefetch_for_writing(reinterpret_cast<std::uintptr_t>(slot) + lookahead + line);
  }
  /// How many slots are free; the consumer is asked only where `wanted` are not known to be.
  std::size_t room(Index position, std::size_t wanted) noexcept {
    const std::size_t known = positions_.distance(position, push_limit_);
    return known >= wanted ? known : positions_.distance(position, refresh_push_limit());
  }
  Index refresh_push_limit() noexcept {
    // Edge "slot": takes the slots that the consumer has emptied. They can be filled until a lap after its position.
    return push_limit_ = static_cast<Index>(popped_.load(acquire) + positions_.lap());
  }

  // What the number of the slot at `position` says: position.next, that the element of this position is in it; a lap
  // less, that it is not there yet; this, that a batch begins here, which is in the array: its other slots are passed over.
  // That is so far away that no number of some laps ago can be taken for it, nor it for one of some laps later. A batch
  // that ends where it begins says that no element is ever going to be in a slot again.
  Index a_lap_before(Index position) const noexcept { return static_cast<Index>(position - positions_.lap()); }
  static constexpr Index batch_from(Index position) noexcept {
    return static_cast<Index>(position + (Index{1} << (std::numeric_limits<Index>::digits - 1)));
  }
  // A slot that is passed over keeps its number. Where positions overflow in a ring's life, that becomes the number of an
  // element that is not there.
  static constexpr bool overflows = std::numeric_limits<Index>::digits < 64;

  // Numbered slots have an end of their own, because there are more of them than the capacity. A stretch is a run of
  // positions without a lap's end or the slots' end in it: there an addition finds the slot, and the next position.
  Index shift(numbered* slot, Index position) noexcept {
    return static_cast<Index>(static_cast<Index>(slot - numbered_.data()) - position);
  }
  Index last_of_stretch(numbered* slot, Index position, std::size_t most_slots) const noexcept {
    const std::size_t length =
        min(most_slots, static_cast<std::size_t>(numbered_.end() - slot), capacity() - positions_.index(position));
    return static_cast<Index>(position + (length - 1));
  }
  void begin_push_stretch(numbered* slot, Index position) noexcept {
    push_shift_ = shift(slot, position);
    push_last_ = last_of_stretch(slot, position, capacity());
    push_run_end_ = position;
  }
  /// The position after the last of the stretch, which is in `slot`.
  [[gnu::noinline]] Index end_push_stretch(numbered* slot) noexcept {
    const Index next = positions_.next(push_last_);
    begin_push_stretch(numbered_.after(slot), next);
    return next;
  }

  /// The `n` > 0 elements from `position` on are in the array.
  void publish_batch(Index position, std::size_t n) noexcept {
    const Index end = positions_.next(position, n);
    if constexpr (Way == publication::by_slot)
      if (push_slots_ != nullptr) {
        numbered* const slot = push_slots_ + static_cast<Index>(position + push_shift_);
        if constexpr (overflows) {
          numbered* passed = slot;
          for (Index here = positions_.next(position); here != end; here = positions_.next(here)) {
            passed = numbered_.after(passed);
            passed->number.store(batch_from(here), relaxed);  // relaxed: nothing is taken from what it says
          }
        }
        announce_batch(slot, position, end);
        begin_push_stretch(numbered_.after(slot, n), end);
        return count(end);
      }
    publish(end);
  }
  /// For good. There is room at `position`, so that the consumer does not need its slot any more.
  void publish_by_count_from(Index position) noexcept {
    if constexpr (Way == publication::by_slot)
      if (numbered* const slots = std::exchange(push_slots_, nullptr); slots != nullptr) {
        push_run_end_ = position;
        announce_batch(slots + static_cast<Index>(position + push_shift_), position, position);
      }
  }
  void announce_batch(numbered* slot, Index position, Index end) noexcept {
    std::construct_at(std::addressof(slot->batch_end), end);
    // Edge "element": hands over the batch in the array. Edge "way": all before `position` is counted already.
    slot->number.store(batch_from(position), release);
  }

  // ---- The consumer's ----

  /// An element, or nothing; and the position after it.
  struct found {
    T* element;
    Index next;
  };

  // Inline where the compiler likes: where it had to be (g++ 12), a stream made 0.9 times as much.
  found find_element(Index position) noexcept {
    if constexpr (Way == publication::by_slot) {
      numbered* const slots = pop_slots_;
      if (slots == nullptr) [[unlikely]]
        return find_moved(position);
      if (position == pop_last_) [[unlikely]]
        return find_last_of_stretch(position);
      return find_in_slot(slots + static_cast<Index>(position + pop_shift_), position,
                          static_cast<Index>(position + 1));
    } else {
      return {find_in_array(position), positions_.next(position)};
    }
  }
  found find_in_slot(numbered* slot, Index position, Index next) noexcept {
    const Index number = slot->number.load(acquire);  // Edge "element", Edge "way": takes what the number speaks of.
    return number == opaque(next) ? filled(slot, number, next) : found{find_batch(slot, position, number), next};
  }
  /// What is in a slot that says so; `number` is `next`.
  [[gnu::always_inline]] found filled(numbered* slot, Index number, Index next) noexcept {
    // Nor does a load wait for its line where it was asked for in time. A consumer close behind its producer does the
    // contrary: the number that has arrived says which slot is looked at next, so that the processor does not run ahead to
    // the line that is being filled, and take it away.
    if (close_behind_) [[unlikely]]
      return {std::addressof(slot->value), opaque_in_a_branch(number)};
    prefetch_for_reading(reinterpret_cast<std::uintptr_t>(slot) + read_lookahead_);
    return {std::addressof(slot->value), next};
  }
  [[gnu::noinline]] found find_last_of_stretch(Index position) noexcept {
    numbered* const slot = pop_slots_ + static_cast<Index>(position + pop_shift_);
    const found last = find_in_slot(slot, position, positions_.next(position));
    if (last.element == std::addressof(slot->value)) begin_pop_stretch(numbered_.after(slot), last.next);
    return last;
  }
  /// There is no element in the numbered slot: perhaps in the array.
  [[gnu::noinline]] T* find_batch(numbered* slot, Index position, Index number) noexcept {
    if (number != batch_from(position)) return nullptr;
    leave_slots(slot, position);
    take_batch();
    return find_in_array(position);
  }
  /// `slot` is that of `position`. Finds out whether the producer is well ahead: whether a slot was filled when its line
  /// was asked for, which was early enough that it is here.
  void begin_pop_stretch(numbered* slot, Index position) noexcept {
    constexpr std::size_t ahead = tuning::read_lookahead / sizeof(numbered);
    constexpr std::size_t length = max<std::size_t>(tuning::read_stretch / sizeof(numbered), 1);
    pop_shift_ = shift(slot, position);
    pop_last_ = last_of_stretch(slot, position, length);
    if (capacity() <= ahead + length) return;
    const Index number = numbered_.after(slot, ahead)->number.load(relaxed);  // relaxed: nothing is taken
    close_behind_ = number != positions_.next(position, ahead + 1);
    read_lookahead_ = tuning::read_lookahead;
    prefetch_for_reading(reinterpret_cast<std::uintptr_t>(&numbered_.after(slot, ahead + length)->number));
  }
  /// From `position` on, which is that of `slot`, elements are taken from the array.
  void leave_slots(numbered* slot, Index position) noexcept {
    pop_slots_ = nullptr;
    unmoved_ = slot;
    pop_limit_ = position;
  }
  /// That begins in the slot after the array's elements.
  void take_batch() noexcept {
    const Index end = unmoved_->batch_end;
    counted_ = end == pop_limit_;
    unmoved_ = numbered_.after(unmoved_, positions_.distance(pop_limit_, end));
    pop_limit_ = end;
    prefetch_for_reading(reinterpret_cast<std::uintptr_t>(&unmoved_->number));  // which the next batch may begin with
  }
  /// Finds what is in the array, and what comes after it.
  [[gnu::noinline]] found find_moved(Index position) noexcept {
    if (position == pop_limit_ && !counted_) {
      // Edge "element", Edge "way": as in find_in_slot.
      if (unmoved_->number.load(acquire) != batch_from(position)) {
        pop_slots_ = numbered_.data();
        begin_pop_stretch(unmoved_, position);
        return find_element(position);
      }
      take_batch();
    }
    return {find_in_array(position), positions_.next(position)};
  }
  T* find_in_array(Index position) noexcept {
    const auto known = static_cast<Index>(pop_limit_ - position);
    if (known > tuning::lookahead_by_count / sizeof(T)) [[likely]] {
      prefetch_for_reading(reinterpret_cast<std::uintptr_t>(at(position)) + tuning::lookahead_by_count);
      return at(position);
    }
    return known > 0 || refresh_pop_limit() != position ? at(position) : nullptr;
  }

  /// How many elements there are in the array; the producer is asked only where `wanted` are not known to be.
  std::size_t elements(Index position, std::size_t wanted) noexcept {
    if constexpr (Way == publication::by_slot)
      if (!counted_) return move_to_array(position, wanted);
    return counted_elements(position, wanted);
  }
  std::size_t counted_elements(Index position, std::size_t wanted) noexcept {
    const std::size_t known = positions_.distance(position, pop_limit_);
    return known >= wanted ? known : positions_.distance(position, refresh_pop_limit());
  }
  std::size_t move_to_array(Index position, std::size_t wanted) noexcept {
    if (pop_slots_ != nullptr) leave_slots(pop_slots_ + static_cast<Index>(position + pop_shift_), position);
    std::size_t moved = positions_.distance(position, pop_limit_);
    while (moved < min(wanted, capacity())) {
      const Index number = unmoved_->number.load(acquire);  // Edge "element", Edge "way": as in find_in_slot.
      if (number == batch_from(pop_limit_)) {
        take_batch();
        if (counted_) return counted_elements(position, wanted);
      } else {
        const Index next = positions_.next(pop_limit_);
        if (number != next) break;
        const destroyed_on_exit<T> gone{unmoved_->value};
        std::construct_at(at(pop_limit_), std::move(unmoved_->value));
        unmoved_ = numbered_.after(unmoved_);
        pop_limit_ = next;
      }
      moved = positions_.distance(position, pop_limit_);
    }
    return moved;
  }
  Index refresh_pop_limit() noexcept {
    return pop_limit_ = pushed_.load(acquire);  // Edge "element": takes the slots that the producer has filled.
  }

  static constexpr const char* one_producer =
      "kew::spsc_ring: a second thread pushes while a push is under way; this ring allows one producer";
  static constexpr const char* one_consumer =
      "kew::spsc_ring: a second thread pops while a pop is under way; this ring allows one consumer";

  slots<T, Capacity, Allocator, most> slots_;
  positions<Index, 0> positions_;
  [[no_unique_address]] numbered_slots<Way, T, Capacity, Allocator, Index, most> numbered_;
  // popped_ ≤ pushed_ ≤ push_limit_ ≤ popped_ + lap, and popped_ ≤ pop_limit_ ≤ pushed_ where the consumer goes by the
  // array: each on a line of its own, because the other side reads the positions, and no thread but their owner the
  // limits.
  alignas(cache_line) atomic<Index> pushed_;
  alignas(cache_line) Index push_limit_;
  numbered* push_slots_ = numbered_.data();  // the next element goes into one of these; null: into the array
  Index push_shift_{};                       // from a position of the producer's stretch to its slot
  Index push_last_{};                        // of the stretch
  Index push_run_end_{};  // before it a push fills the next slot of the stretch, and looks at nothing
  bool claimed_ =
      false;  // a claim is open; kept also where nothing is checked, as another unit of the program may check
  [[no_unique_address]] solo producing_{};
  alignas(cache_line) atomic<Index> popped_;
  alignas(cache_line) Index pop_limit_;          // up to here the array is known to be filled
  numbered* pop_slots_ = numbered_.data();       // the next element is looked for in one of these; null: in the array
  Index pop_shift_{};                            // from a position of the consumer's stretch to its slot
  Index pop_last_{};                             // of the stretch
  std::size_t read_lookahead_ = 0;               // how many bytes ahead lines are asked for; 0 in a small ring
  numbered* unmoved_ = nullptr;                  // the slot after the array's elements
  bool counted_ = Way == publication::by_count;  // all that the array does not have yet will be counted
  bool close_behind_ = false;                    // the producer
  bool peeked_ = false;                          // as claimed_
  [[no_unique_address]] solo consuming_{};
};

/// Slots that the producer fills in place. Dropped without commit(), it publishes nothing.
template <class T, std::size_t Capacity, class Allocator, class Index, publication Way>
class [[nodiscard]] basic_spsc_ring<T, Capacity, Allocator, Index, Way>::write_claim {
 public:
  write_claim(const write_claim&) = delete;
  write_claim& operator=(const write_claim&) = delete;
  ~write_claim() { close(); }

  /// The slots, in order, up to where they wrap round the ring's end.
  std::span<T> first() const noexcept { return spans_.first; }
  /// The slots after that; mostly there are none.
  std::span<T> second() const noexcept { return spans_.second; }
  /// How many slots there are: 0 where the ring is full.
  std::size_t size() const noexcept { return first().size() + second().size(); }

  /// Publishes the first `k` slots, `k` ≤ size(). Once.
  void commit(std::size_t k) noexcept {
    require(ring_ != nullptr, "kew::spsc_ring: commit for the second time; a claim is committed once");
    require(k <= size(), "kew::spsc_ring: commit beyond the claim; at most its size() slots can be committed");
    ring_->publish(ring_->positions_.next(ring_->pushed_.load(relaxed), k));
    close();
  }

 private:
  friend basic_spsc_ring;
  write_claim(basic_spsc_ring& ring, slot_spans<T> spans) noexcept : ring_(&ring), spans_(spans) {}

  void close() noexcept {
    if (size() > 0) ring_->claimed_ = false;
    ring_ = nullptr;
    spans_ = {};
  }

  basic_spsc_ring* ring_;
  slot_spans<T> spans_;
};

/// Elements that the consumer reads in place. Dropped without release(), it leaves them all.
template <class T, std::size_t Capacity, class Allocator, class Index, publication Way>
class [[nodiscard]] basic_spsc_ring<T, Capacity, Allocator, Index, Way>::read_claim {
 public:
  read_claim(const read_claim&) = delete;
  read_claim& operator=(const read_claim&) = delete;
  ~read_claim() { close(); }

  /// The elements, in order, up to where they wrap round the ring's end.
  std::span<T> first() const noexcept { return spans_.first; }
  /// The elements after that; mostly there are none.
  std::span<T> second() const noexcept { return spans_.second; }
  /// How many elements there are: 0 where the ring is empty.
  std::size_t size() const noexcept { return first().size() + second().size(); }

  /// The first `k` elements are gone, `k` ≤ size(). Once.
  void release(std::size_t k) noexcept {
    require(ring_ != nullptr, "kew::spsc_ring: release for the second time; a peek is released once");
    require(k <= size(), "kew::spsc_ring: release of more than was peeked; at most size() elements can be released");
    const Index position = ring_->popped_.load(relaxed);
    const auto [ahead, wrapped] = ring_->spans(position, k);
    std::destroy(ahead.begin(), ahead.end());
    std::destroy(wrapped.begin(), wrapped.end());
    ring_->give_back(ring_->positions_.next(position, k));
    close();
  }

 private:
  friend basic_spsc_ring;
  read_claim(basic_spsc_ring& ring, slot_spans<T> spans) noexcept : ring_(&ring), spans_(spans) {}

  void close() noexcept {
    if (size() > 0) ring_->peeked_ = false;
    ring_ = nullptr;
    spans_ = {};
  }

  basic_spsc_ring* ring_;
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
