// The algorithm under mpsc_ring, spmc_ring and mpmc_ring: a ring whose slots each say whose turn it is.
//
// Source     D. Vyukov, "Bounded MPMC queue", 1024cores.net, with three changes. A slot's state names its lap
//            and whether it is filled, instead of a running number, so that capacity 1 works and no capacity
//            needs a division. A side that finds its slot not ready asks the other side's counter, so that
//            `full` and `empty` are facts and all else is `busy`. And the producers' counter carries two flags,
//            `sealed` for closing and `held` for constructors that may throw.
#pragma once

#include <bit>
#include <cstddef>
#include <iterator>
#include <memory>
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

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// The two flags that a word may carry beside a position:
///
///     lap … | held | sealed or filled | index
template <class Index>
class flagged_positions : public positions<Index, 2> {
  using base = positions<Index, 2>;

 public:
  using base::base;

  /// In a slot's state: it holds an element.
  constexpr Index filled() const noexcept { return base::flag(0); }
  /// In the producers' counter: nobody may push any more.
  constexpr Index sealed() const noexcept { return base::flag(0); }
  /// In the producers' counter: one of them is constructing an element, and may yet fail to.
  constexpr Index held() const noexcept { return base::flag(1); }

  constexpr Index without_flags(Index word) const noexcept { return static_cast<Index>(word & ~(sealed() | held())); }
};

/// The position that a side comes to next, where the side is one thread.
template <cardinality Threads, class Index>
class alignas(cache_line) side_counter {
 public:
  explicit side_counter(Index start) noexcept : own_(start), published_(start) {}

  Index position() const noexcept { return own_; }

  /// Moves on from `position`.
  bool claim(Index&, Index next) noexcept {
    own_ = next;
    published_.store(next, relaxed);  // only size_approx reads it; elements are handed over by their slots
    return true;
  }

  /// For other threads.
  Index seen() const noexcept { return published_.load(relaxed); }

 private:
  Index own_;
  atomic<Index> published_;
};

/// … and where it is many: a position belongs to whoever moves the counter past it.
template <class Index>
class alignas(cache_line) side_counter<cardinality::many, Index> {
 public:
  explicit side_counter(Index start) noexcept : word_(start) {}

  // A claim itself hands nothing over, the slots do that. It is the flags that do.
  Index position() const noexcept { return word_.load(acquire); }  // Edge "flag"
  Index seen() const noexcept {
    return word_.load(acquire);
  }  // Edge "flag": who is told `closed` sees what was done before.

  /// Moves on from `position`, unless somebody else has; then `position` is renewed.
  bool claim(Index& position, Index next) noexcept {
    // Edge "flag": takes over a slot from an element that came to nothing.
    return word_.compare_exchange_weak(position, next, acquire, acquire);
  }

  void set(Index flag) noexcept { word_.fetch_or(flag, release); }  // Edge "flag": passes on what this thread has done.
  void clear(Index flag) noexcept {
    // Edge "flag": passes on a slot in which the construction of an element has failed.
    word_.fetch_and(static_cast<Index>(~flag), release);
  }
  /// Moves on and keeps the flags as they are. relaxed: the slots hand over.
  void advance(Index by) noexcept { word_.fetch_add(by, relaxed); }

 private:
  atomic<Index> word_;
};

/// What mpsc_ring, spmc_ring and mpmc_ring can do; their headers say which threads may call what, what progress a call
/// makes, and what is promised about order.
template <class T, cardinality Producers, cardinality Consumers, std::size_t Capacity, class Allocator, class Index>
class slot_ring {
  static_assert(element_requirements<T>::met);
  static_assert(Producers == cardinality::many || Consumers == cardinality::many, "kew: one to one is spsc_ring");

  static constexpr bool many_push = Producers == cardinality::many;
  static constexpr bool many_pop = Consumers == cardinality::many;

  /// The element and one word, in as few lines as can be. Measured: small slots to a line of their own need several
  /// times as many lines from core to core, and that is what limits a stream.
  static constexpr std::size_t slot_alignment =
      max(min(cache_line, std::bit_ceil(sizeof(T) + sizeof(Index))), alignof(T), alignof(atomic<Index>));
  struct alignas(slot_alignment) slot {
    explicit slot(Index first) noexcept : state(first) {}
    ~slot() {}

    atomic<Index> state;
    union {
      T element;
    };
  };
  static_assert(sizeof(slot) < 2 * (sizeof(T) + max(alignof(T), sizeof(atomic<Index>))));

 public:
  using value_type = T;  ///< What is passed on.
  /// How many threads may push at the same time.
  static constexpr cardinality producers = Producers;
  /// How many threads may pop at the same time.
  static constexpr cardinality consumers = Consumers;

  /// Of the fixed Capacity, with its slots inside the object: without the heap.
  slot_ring() requires(Capacity != dynamic_capacity) : slot_ring(before_overflow{0}) {}

  /// `capacity` elements at most, exactly. Throws std::invalid_argument for 0, std::length_error for what cannot be
  /// addressed, std::bad_alloc; the message names the capacity. Nothing is allocated after that.
  explicit slot_ring(std::size_t capacity, const Allocator& allocator = {}) requires(Capacity == dynamic_capacity)
      : slot_ring(before_overflow{0}, capacity, allocator) {}

  /// For tests of positions that overflow; `room` is what the other constructors take.
  template <class... A>
  explicit slot_ring(before_overflow start, const A&... room)
      : slots_(room...), positions_(slots_.size()), pushed_(first_position(start)), popped_(first_position(start)) {
    for (std::size_t i = 0; i < capacity(); ++i)
      std::construct_at(slots_.data() + i, static_cast<Index>(first_position(start) + i));
  }

  slot_ring(const slot_ring&) = delete;  // a ring stays where its threads know it: share a pointer to it
  slot_ring& operator=(const slot_ring&) = delete;

  /// Destroys what is still inside. No other thread may be in any call.
  ~slot_ring() {
    if constexpr (!std::is_trivially_destructible_v<T>)
      while (try_consume([](T&) noexcept {})) {
      }
  }

  /// A producer's: success; or full, busy, or after seal() closed, and then its argument is untouched. If T's
  /// constructor throws, the ring is as it was.
  status try_push(const T& value) noexcept(std::is_nothrow_copy_constructible_v<T>) {
    if constexpr (many_push && !std::is_nothrow_copy_constructible_v<T> && std::is_nothrow_move_constructible_v<T>) {
      // Copied aside, so that no other producer has to wait for it; but not where there is no room anyway.
      if (const finding room = find_room(pushed_.position()); !room.answer) return room.answer;
      return try_emplace(T(value));
    } else {
      return try_emplace(value);
    }
  }
  /// The same, and moves `value` in.
  status try_push(T&& value) noexcept(std::is_nothrow_move_constructible_v<T>) { return try_emplace(std::move(value)); }

  /// The same, and makes the element from `arguments`.
  template <class... A>
  status try_emplace(A&&... arguments) noexcept(std::is_nothrow_constructible_v<T, A...>) {
    [[maybe_unused]] const push_turn turn(producing_, one_producer);
    Index position = pushed_.position();
    for (;;) {
      const finding room = find_room(position);
      if (!room.answer) return room.answer;
      position = room.position;
      slot& here = at(position);
      if constexpr (!many_push) {
        construct(here, std::forward<A>(arguments)...);
        publish(here, position);
        pushed_.claim(position, positions_.next(position));
        return status::success;
      } else if constexpr (std::is_nothrow_constructible_v<T, A...>) {
        if (!pushed_.claim(position, positions_.next(position))) continue;
        construct(here, std::forward<A>(arguments)...);
        publish(here, position);
        return status::success;
      } else {
        if (!pushed_.claim(position, hold(position))) continue;
        holding counter{*this, position};
        construct(here, std::forward<A>(arguments)...);
        counter.advance(1);
        publish(here, position);
        return status::success;
      }
    }
  }

  /// A producer's: as many of the `n` elements from `first` on as there are free slots for, in order and next to each
  /// other; how many went in. If one throws, none of this call's is in the ring.
  template <std::input_iterator It>
  std::size_t try_push_n(It first, std::size_t n) {
    constexpr bool cannot_throw = std::is_nothrow_constructible_v<T, std::iter_reference_t<It>>&& noexcept(
        *std::declval<It&>())&& noexcept(++std::declval<It&>());
    if (n == 0) return 0;
    [[maybe_unused]] const push_turn turn(producing_, one_producer);
    Index position = pushed_.position();
    for (;;) {
      const finding room = find_room(position);
      if (!room.answer) return 0;
      position = room.position;
      const std::size_t run = run_of(position, n, 0);
      if constexpr (!many_push) {
        build(position, first, run);
        pushed_.claim(position, positions_.next(position, run));
        return run;
      } else if constexpr (cannot_throw) {
        if (!pushed_.claim(position, positions_.next(position, run))) continue;
        cursor to(*this, position);
        for (std::size_t i = 1;; ++i, ++to, ++first) {
          construct(*to, *first);
          publish(*to, to.position());
          if (i == run) return run;
        }
      } else {
        if (!pushed_.claim(position, hold(position))) continue;
        holding counter{*this, position};
        build(position, first, run, [&counter, run] { counter.advance(run); });
        return run;
      }
    }
  }

  /// A consumer's: the oldest element; or empty, busy, or after seal() closed. If moving it out throws, that element is
  /// lost and the next one is at the front.
  result<T> try_pop() noexcept(std::is_nothrow_move_constructible_v<T>) {
    [[maybe_unused]] const pop_turn turn(consuming_, one_consumer);
    const finding item = claim_item();
    if (!item.answer) return item.answer;
    const slot_release released{*this, at(item.position), item.position};
    return result<T>(std::in_place, std::move(released.here.element));
  }
  /// The same, by assignment to `out`.
  status try_pop(T& out) noexcept(std::is_nothrow_move_assignable_v<T>) {
    return try_consume([&out](T& value) noexcept(std::is_nothrow_move_assignable_v<T>) { out = std::move(value); });
  }

  /// A consumer's: shows the oldest element to `f` in its slot, then destroys it, also when `f` throws; or empty, busy,
  /// or after seal() closed. While `f` runs the slot is taken: keep it short.
  template <class F>
  status try_consume(F&& f) noexcept(std::is_nothrow_invocable_v<F, T&>) {
    [[maybe_unused]] const pop_turn turn(consuming_, one_consumer);
    const finding item = claim_item();
    if (!item.answer) return item.answer;
    const slot_release released{*this, at(item.position), item.position};
    std::forward<F>(f)(released.here.element);
    return status::success;
  }

  /// A consumer's: up to `n` elements, oldest first; how many came out. If handing one out throws, those before it are
  /// out, it is lost, and those behind it stay.
  template <class Out>
  std::size_t try_pop_n(Out out, std::size_t n) {
    constexpr bool cannot_throw = noexcept(*out = std::declval<T&&>())&& noexcept(++out);
    const auto hand_out = [&out](T& value) noexcept(cannot_throw) {
      *out = std::move(value);
      ++out;
    };
    std::size_t count = 0;
    if constexpr (many_pop && cannot_throw) {
      Index position = popped_.position();
      std::size_t run = 0;
      do {
        const finding item = find_item(position);
        if (n == 0 || !item.answer) return 0;
        position = item.position;
        run = run_of(position, n, positions_.filled());
      } while (!popped_.claim(position, positions_.next(position, run)));
      for (cursor from(*this, position); count < run; ++count, ++from) {
        const slot_release released{*this, *from, from.position()};
        hand_out((*from).element);
      }
    } else {
      // One claim an element: what was claimed before an exception would be lost.
      while (count < n && try_consume(hand_out)) ++count;
    }
    return count;
  }

  /// From now on a push answers `closed`, and so does a pop once everything that was pushed is out. Any
  /// thread, any number of times.
  void seal() noexcept requires many_push { pushed_.set(positions_.sealed()); }
  /// Whether somebody has sealed it; elements may still be inside. Once true, always true. Any thread.
  bool is_sealed() const noexcept requires many_push { return (pushed_.seen() & positions_.sealed()) != 0; }

  /// How many elements fit. Any thread.
  std::size_t capacity() const noexcept { return positions_.capacity(); }

  /// How many elements are inside, as far as another thread can know: from 0 to the capacity, always, and exact where
  /// nobody pushes or pops at the same time. Any thread.
  std::size_t size_approx() const noexcept {
    const Index pushed = positions_.without_flags(pushed_.seen());
    return positions_.distance(popped_.seen(), pushed);
  }

 private:
  /// Walks from slot to slot without asking the ring at each step: the compiler cannot know that the elements that are
  /// written on the way are no part of it.
  class cursor {
   public:
    cursor(slot_ring& ring, Index position) noexcept
        : ring_(ring),
          last_(ring.slots_.data() + (ring.capacity() - 1)),
          here_(&ring.at(position)),
          position_(position) {}

    Index position() const noexcept { return position_; }
    slot& operator*() const noexcept { return *here_; }
    cursor& operator++() noexcept {
      if (here_ == last_) [[unlikely]] {
        here_ = ring_.slots_.data();
        position_ = ring_.positions_.next(position_);
      } else {
        ++here_;
        ++position_;
      }
      return *this;
    }

   private:
    slot_ring& ring_;
    slot* const last_;
    slot* here_;
    Index position_;
  };

  slot& at(Index position) noexcept { return slots_.data()[positions_.index(position)]; }
  Index first_position(before_overflow start) const noexcept {
    return flagged_positions<Index>(slots_.size()).before(start);
  }
  Index hold(Index position) const noexcept { return static_cast<Index>(position | positions_.held()); }

  /// success: the slot at that position is ready. Else the answer of the call.
  struct finding {
    Index position;
    status answer;
  };

  /// A free slot, at `position` or, if other producers have moved on, later.
  finding find_room(Index position) noexcept {
    if (is_free(position)) [[likely]]
      return {position, status::success};
    return look_again_for_room(position);
  }
  // Edge "slot": takes the slot that a consumer has emptied.
  bool is_free(Index position) noexcept { return at(position).state.load(acquire) == position; }

  // Out of line, so that what succeeds at once saves no registers for it.
  [[gnu::noinline]] finding look_again_for_room(Index position) noexcept {
    for (bool stood_back = false;;) {
      if constexpr (many_push) {
        if ((position & positions_.sealed()) != 0) return {position, status::closed};
        if ((position & positions_.held()) != 0) return {position, status::busy};
      }
      if (std::exchange(stood_back, true) || !push_distance_.stand_back(position)) {
        // The consumers stand exactly one lap behind: so they did at the instant of this look, because the
        // producers, at `position` before it, cannot have got past it.
        if (many_pop && popped_.seen() == static_cast<Index>(position - positions_.lap()))
          return {position, status::full};
        // A single consumer's pop takes place when it empties the slot; one of many has taken its position before.
        const Index now = many_push ? pushed_.position() : position;
        if (now == position) return {position, many_pop ? status::busy : status::full};
        position = now;
      }
      if (is_free(position)) return {position, status::success};
    }
  }

  /// A filled slot, at `position` or, if other consumers have moved on, later.
  finding find_item(Index position) noexcept {
    if (is_filled(position)) [[likely]]
      return {position, status::success};
    return look_again_for_item(position);
  }
  // Edge "item": takes the slot that a producer has filled.
  bool is_filled(Index position) noexcept {
    return at(position).state.load(acquire) == (position | positions_.filled());
  }

  [[gnu::noinline]] finding look_again_for_item(Index position) noexcept {
    for (bool stood_back = false;;) {
      if (std::exchange(stood_back, true) || !pop_distance_.stand_back(position)) {
        if constexpr (many_push)
          if (const Index pushed = pushed_.seen(); positions_.without_flags(pushed) == position) {
            if ((pushed & positions_.sealed()) == 0) return {position, status::empty};
            // The last push was under way when the ring was sealed, and may still succeed.
            return {position, (pushed & positions_.held()) != 0 ? status::busy : status::closed};
          }
        // A single producer's push takes place when it fills the slot; one of many has taken its position before.
        const Index now = many_pop ? popped_.position() : position;
        if (now == position) return {position, many_push ? status::busy : status::empty};
        position = now;
      }
      if (is_filled(position)) return {position, status::success};
    }
  }

  finding claim_item() noexcept {
    Index position = popped_.position();
    for (;;) {
      const finding found = find_item(position);
      if (!found.answer) return found;
      position = found.position;
      if (popped_.claim(position, positions_.next(position))) return found;
    }
  }

  /// How many slots from `position` on, up to `n`, are in the state of the first: free, or `filled`.
  std::size_t run_of(Index position, std::size_t n, Index flag) noexcept {
    n = min(n, capacity());
    std::size_t run = 1;
    for (cursor look(*this, position); run < n; ++run) {
      ++look;
      // Edge "slot", Edge "item": as in find_room and find_item.
      if ((*look).state.load(acquire) != (look.position() | flag)) break;
    }
    return run;
  }

  template <class... A>
  void construct(slot& here, A&&... arguments) noexcept(std::is_nothrow_constructible_v<T, A...>) {
    std::construct_at(std::addressof(here.element), std::forward<A>(arguments)...);
  }

  void publish(slot& here, Index position) noexcept {
    here.state.store(static_cast<Index>(position | positions_.filled()),
                     release);  // Edge "item": hands the element to a consumer.
  }

  /// Fills `n` slots, or none if an element throws. `built` is called in between.
  template <class It, class Built = void (*)()>
  void build(
      Index position, It& first, std::size_t n, Built built = [] {}) {
    const auto place = [this, position](std::size_t i) {
      return std::addressof(at(positions_.next(position, i)).element);
    };
    unfinished batch(place);
    batch.build(first, n);
    batch.keep();
    built();
    for (cursor to(*this, position); n > 0; --n, ++to) publish(*to, to.position());
  }

  /// Keeps the other producers away while an element is constructed, without having moved the counter yet.
  struct holding {
    slot_ring& ring;
    Index position;
    bool advanced = false;

    void advance(std::size_t n) noexcept {
      ring.pushed_.advance(static_cast<Index>(ring.positions_.next(position, n) - ring.hold(position)));
      advanced = true;
    }
    ~holding() {
      if (!advanced) ring.pushed_.clear(ring.positions_.held());
    }
  };

  /// Destroys the element and frees its slot on the way out, whichever way that is.
  struct slot_release {
    slot_ring& ring;
    slot& here;
    Index position;

    ~slot_release() {
      std::destroy_at(std::addressof(here.element));
      here.state.store(static_cast<Index>(position + ring.positions_.lap()), release);  // Edge "slot": hands it back.
    }
  };

  /// One side's distance from the other.
  class alignas(cache_line) distance {
   public:
    // Measured; and in a small ring the other side would have to wait for whoever stands back for long.
    explicit distance(std::size_t capacity) noexcept
        : pace_(at_most(256, capacity / 2), at_most(128, capacity / 4), at_most(16, capacity / 8)) {}

    /// To be called when the slot at `position` was not ready. True if it is worth another look.
    bool stand_back(Index position) noexcept {
      const Index last = unready_.get();
      pace_.found(static_cast<Index>(position - last));
      if (position != last) unready_.set(position);
      return pace_.stand_back();
    }

   private:
    static unsigned at_most(std::size_t most, std::size_t n) noexcept { return static_cast<unsigned>(min(most, n)); }

    pace pace_;
    hint<Index> unready_;
  };

  // Only a side with one thread needs watching. (Two members of one empty type would take two bytes, and a line.)
  template <int Side>
  struct anybody {
    struct turn {
      turn(anybody&, const char*) noexcept {}
    };
  };
  using push_side = std::conditional_t<many_push, anybody<0>, solo>;
  using pop_side = std::conditional_t<many_pop, anybody<1>, solo>;
  using push_turn = typename push_side::turn;
  using pop_turn = typename pop_side::turn;
  static constexpr const char* one_producer =
      "kew::spmc_ring: a second thread pushes while a push is under way; this ring allows one producer\n";
  static constexpr const char* one_consumer =
      "kew::mpsc_ring: a second thread pops while a pop is under way; this ring allows one consumer\n";

  slots<slot, Capacity, Allocator, flagged_positions<Index>::most> slots_;
  flagged_positions<Index> positions_;
  side_counter<Producers, Index> pushed_;
  side_counter<Consumers, Index> popped_;
  distance push_distance_{capacity()};
  distance pop_distance_{capacity()};
  [[no_unique_address]] push_side producing_;
  [[no_unique_address]] pop_side consuming_;
};

}}}  // namespace kew::KEW_NAMESPACE::detail
