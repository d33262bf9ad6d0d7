// The algorithm under mpsc_ring, spmc_ring and mpmc_ring: a ring whose slots each say whose turn it is.
//
// Source     D. Vyukov, "Bounded MPMC queue", 1024cores.net: a thread takes a position from its side's counter, and the
//            slot's state says when it may use the slot. What is different here:
//
// - The state names its lap and whether the slot is filled, instead of a running number, so that capacity 1 works and
//   no capacity needs a division; and it is one byte, so that a line carries more slots (slot_group.hpp).
//
// - `full` and `empty` are facts, and yet no call reads the other side's counter, whose line would have to come
//   across at each look. In the plain ring a consumer that finds its slot free cannot know whether a later push has
//   finished before the one in this slot. Here that later push says so itself: before it finishes, it marks as overtaken
//   each slot before its own in which another push is still under way. So:
//
//       a slot is free and not overtaken              no push from there on has finished
//       a slot is filled and not overtaken            no pop from there on has finished
//
//   A push takes effect when it finishes, or when a later one finishes before it; a pop the same. So the first line,
//   at the next position to be popped and with the pop before it finished, is `empty`, and the second, at the next
//   position to be pushed and with the push before it finished, is `full`. Where neither holds, another thread is in
//   the middle of its own call: `busy`. Almost always the push before has finished, and the only cost of this is to
//   see that: in the line of the own slot or, at the beginning of a line, beside the own side's counter.
//
// - The producers' counter carries two flags, `sealed` for closing and `held` for constructors that may throw. Pops
//   look at it only once a thread has begun to seal the ring.
#pragma once

#include <cstddef>
#include <iterator>
#include <memory>
#include <type_traits>
#include <utility>

#include <kew/concepts.hpp>
#include <kew/detail/machine/cache_line.hpp>
#include <kew/detail/machine/min_max.hpp>
#include <kew/detail/machine/sync.hpp>
#include <kew/detail/ring/positions.hpp>
#include <kew/detail/ring/side_counter.hpp>
#include <kew/detail/ring/side_watch.hpp>
#include <kew/detail/ring/slot_cursor.hpp>
#include <kew/detail/ring/slot_group.hpp>
#include <kew/detail/ring/slot_positions.hpp>
#include <kew/detail/ring/slots.hpp>
#include <kew/status.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// What mpsc_ring, spmc_ring and mpmc_ring can do; their headers say which threads may call what, what progress a call
/// makes, and what is promised about order.
template <class T, cardinality Producers, cardinality Consumers, std::size_t Capacity, class Allocator, class Index>
class slot_ring {
  static_assert(element_requirements<T>::met);
  static_assert(Producers == cardinality::many || Consumers == cardinality::many, "kew: one to one is spsc_ring");

  static constexpr bool many_push = Producers == cardinality::many;
  static constexpr bool many_pop = Consumers == cardinality::many;

  using group = slot_group<T>;
  using positions_type = slot_positions<Index, group_size<T>>;
  using cursor = slot_cursor<T, positions_type, Index>;

 public:
  using value_type = T;  ///< What is passed on.
  /// How many threads may push at the same time.
  static constexpr cardinality producers = Producers;
  /// How many threads may pop at the same time.
  static constexpr cardinality consumers = Consumers;

  /// Of the fixed Capacity, with its slots inside the object: without the heap.
  slot_ring()
    requires(Capacity != dynamic_capacity)
      : slot_ring(before_overflow{0}) {}
  slot_ring()  // this ring needs a capacity: as an argument, or in its type
    requires(Capacity == dynamic_capacity)
  = delete;
  explicit slot_ring(std::size_t)  // this ring's capacity stands in its type: give no argument
    requires(Capacity != dynamic_capacity)
  = delete;

  /// `capacity` elements at most, exactly. Throws std::invalid_argument for 0, std::length_error for what cannot be
  /// addressed, std::bad_alloc; the message names the capacity. Nothing is allocated after that.
  explicit slot_ring(std::size_t capacity, const Allocator& allocator = {})
    requires(Capacity == dynamic_capacity)
      : slot_ring(before_overflow{0}, capacity, allocator) {}

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
  status try_push(const T& value) noexcept(std::is_nothrow_copy_constructible_v<T>)
    requires std::is_copy_constructible_v<T>
  {
    if constexpr (many_push && !std::is_nothrow_copy_constructible_v<T> && std::is_nothrow_move_constructible_v<T>) {
      // Copied aside, so that no other producer has to wait for it; but not where there is no room anyway.
      if (const finding room = find_room(pushed_.position()); !room.answer) return room.answer;
      return try_emplace(T(value));
    } else {
      return try_emplace(value);
    }
  }
  status try_push(const T&)  // this element type cannot be copied: pass it on by std::move
    requires(!std::is_copy_constructible_v<T>)
  = delete;
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
      if constexpr (!many_push) {
        const cursor here = slots_from(position);
        std::construct_at(here.element(), std::forward<A>(arguments)...);
        pushed_.claim(position, positions_.next(position));
        publish(here);
        return status::success;
      } else if constexpr (std::is_nothrow_constructible_v<T, A...>) {
        const Index next = positions_.next(position);
        if (!pushed_.claim(position, next)) continue;
        const cursor here = slots_from(position);
        std::construct_at(here.element(), std::forward<A>(arguments)...);
        settle_pushes_before(here);
        publish(here);
        finish_pushes_before(next);
        return status::success;
      } else {
        if (!pushed_.claim(position, hold(position))) continue;
        holding held{*this, position};
        const cursor here = slots_from(position);
        std::construct_at(here.element(), std::forward<A>(arguments)...);
        settle_pushes_before(here);
        const Index next = held.advance(1);
        publish(here);
        finish_pushes_before(next);
        return status::success;
      }
    }
  }

  /// A producer's: as many of the `n` elements from `first` on as there are free slots for, in order and next to each
  /// other; how many went in. If one throws, none of this call's is in the ring.
  template <std::input_iterator It>
  std::size_t try_push_n(It first, std::size_t n) {
    constexpr bool cannot_throw = std::is_nothrow_constructible_v<T, std::iter_reference_t<It>> &&
                                  noexcept(*std::declval<It&>()) && noexcept(++std::declval<It&>());
    if (n == 0) return 0;
    [[maybe_unused]] const push_turn turn(producing_, one_producer);
    Index position = pushed_.position();
    for (;;) {
      const finding room = find_room(position);
      if (!room.answer) return 0;
      position = room.position;
      const std::size_t run = free_run(position, n);
      if constexpr (!many_push) {
        build(position, first, run);
        pushed_.claim(position, positions_.next(position, run));
        publish(position, run);
        return run;
      } else if constexpr (cannot_throw) {
        const Index next = positions_.next(position, run);
        if (!pushed_.claim(position, next)) continue;
        cursor to = slots_from(position);
        settle_pushes_before(to);
        for (std::size_t i = 1;; ++i, ++to, ++first) {
          std::construct_at(to.element(), *first);
          publish(to);
          if (i == run) break;
        }
        finish_pushes_before(next);
        return run;
      } else {
        if (!pushed_.claim(position, hold(position))) continue;
        holding held{*this, position};
        build(position, first, run);
        settle_pushes_before(slots_from(position));
        const Index next = held.advance(run);
        publish(position, run);
        finish_pushes_before(next);
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
    const release_on_exit released{*this, slots_from(item.position)};
    return result<T>(std::in_place, std::move(*released.here.element()));
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
    const release_on_exit released{*this, slots_from(item.position)};
    std::forward<F>(f)(*released.here.element());
    return status::success;
  }

  /// A consumer's: up to `n` elements, oldest first; how many came out. If handing one out throws, those before it are
  /// out, it is lost, and those behind it stay.
  template <class Out>
  std::size_t try_pop_n(Out out, std::size_t n) {
    constexpr bool cannot_throw = noexcept(*out = std::declval<T&&>()) && noexcept(++out);
    const auto hand_out = [&out](T& value) noexcept(cannot_throw) {
      *out = std::move(value);
      ++out;
    };
    std::size_t count = 0;
    if constexpr (many_pop && cannot_throw) {
      Index position = popped_.position();
      Index next = position;
      std::size_t run = 0;
      do {
        const finding item = find_item(position);
        if (n == 0 || !item.answer) return 0;
        position = item.position;
        run = filled_run(position, n);
        next = positions_.next(position, run);
      } while (!popped_.claim(position, next));
      cursor from = slots_from(position);
      settle_pops_before(from);
      for (; count < run; ++count, ++from) {
        hand_out(*from.element());
        std::destroy_at(from.element());
        give_back(from);
      }
      finish_pops_before(next);
    } else {
      // One claim an element: what was claimed before an exception would be lost.
      while (count < n && try_consume(hand_out)) ++count;
    }
    return count;
  }

  /// From now on a push answers `closed`, and so does a pop once everything that was pushed is out. Any
  /// thread, any number of times.
  void seal() noexcept
    requires many_push
  {
    sealing_.store(true, relaxed);  // first: a pop that does not see it may still answer `empty`
    pushed_.set(positions_.sealed());
  }
  /// Whether it was sealed; elements may still be inside. Once true, always true. Any thread.
  bool is_sealed() const noexcept
    requires many_push
  {
    return (pushed_.seen() & positions_.sealed()) != 0;
  }

  /// How many elements fit. Any thread.
  std::size_t capacity() const noexcept { return positions_.capacity(); }

  /// How many elements are inside, as far as another thread can know: from 0 to the capacity, always, and exact where
  /// no thread pushes or pops at the same time. Any thread.
  std::size_t size_approx() const noexcept {
    const Index pushed = positions_.without_flags(pushed_.seen());
    return positions_.distance(popped_.seen(), pushed);
  }

 protected:
  /// For tests of positions that overflow; `room` is what the other constructors take.
  template <class... A>
  explicit slot_ring(before_overflow start, const A&... room)
      : slots_(room...),
        positions_(slots_.size()),
        pushed_(positions_.before(start)),
        popped_(positions_.before(start)) {
    for (std::size_t i = 0; i < slots_.slot_count(); ++i)
      std::construct_at(slots_.data() + i, positions_.free_at(positions_.before(start)));
  }

  /// The largest capacity that the index can count.
  static constexpr std::size_t most = positions_type::most;

 private:
  group& group_of(Index position) noexcept { return slots_.data()[positions_.group(position)]; }
  T* element(Index position) noexcept { return group_of(position).element(positions_.place(position)); }
  atomic<slot_state>& state(Index position) noexcept { return group_of(position).state(positions_.place(position)); }
  cursor slots_from(Index position) noexcept { return cursor(slots_.data(), positions_, position); }

  Index hold(Index position) const noexcept { return static_cast<Index>(position | positions_.held()); }

  // ---- Looking for a slot ----------------------------------------------------------------------------------------

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
  bool is_free(Index position) noexcept { return state(position).load(acquire) == positions_.free_at(position); }

  // Out of line, so that what succeeds at once saves no registers for it.
  [[gnu::noinline]] finding look_again_for_room(Index position) noexcept {
    for (;;) {
      if constexpr (many_push) {
        if ((position & positions_.sealed()) != 0) return {position, status::closed};
        if ((position & positions_.held()) != 0) return {position, status::busy};
      }
      // In this order: what has finished by the first look has by the second.
      const bool all_in = !many_push || is_finished(positions_.previous(position), 0);
      const slot_state here = state(position).load(acquire);  // Edge "slot"
      if (here == positions_.free_at(position)) return {position, status::success};
      const Index now = many_push ? pushed_.position() : position;
      if (now == position)
        return {position, all_in && here == positions_.full_at(position) ? status::full : status::busy};
      position = now;
    }
  }

  /// A filled slot, at `position` or, if other consumers have moved on, later.
  finding find_item(Index position) noexcept {
    if (is_filled(position)) [[likely]]
      return {position, status::success};
    return look_again_for_item(position);
  }
  // Edge "item": takes the slot that a producer has filled.
  bool is_filled(Index position) noexcept { return state(position).load(acquire) == positions_.filled_at(position); }

  [[gnu::noinline]] finding look_again_for_item(Index position) noexcept {
    for (;;) {
      const bool all_out = !many_pop || is_finished(positions_.previous(position), positions_.filled);
      const slot_state here = state(position).load(acquire);  // Edge "item"
      if (here == positions_.filled_at(position)) return {position, status::success};
      const Index now = many_pop ? popped_.position() : position;
      if (now == position) return {position, nothing_there(position, all_out && here == positions_.free_at(position))};
      position = now;
    }
  }
  status nothing_there(Index position, bool is_empty) noexcept {
    if constexpr (many_push)
      if (sealing_.load(relaxed)) [[unlikely]] {
        const Index pushed = pushed_.seen();
        if (pushed == (position | positions_.sealed())) return status::closed;
        // A push that was under way when the ring was sealed may still succeed.
        if ((pushed & positions_.sealed()) != 0) return status::busy;
      }
    return is_empty ? status::empty : status::busy;
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

  /// How many slots from `position` on, up to `n`, are like the first: free, or filled.
  std::size_t free_run(Index position, std::size_t n) noexcept {
    return run_of(position, n, [](const cursor& at) { return at.free(); });
  }
  std::size_t filled_run(Index position, std::size_t n) noexcept {
    return run_of(position, n, [](const cursor& at) { return at.filled(); });
  }
  template <class Like>
  std::size_t run_of(Index position, std::size_t n, Like like) noexcept {
    n = min(n, capacity());
    std::size_t run = 1;
    for (cursor look = slots_from(position); run < n; ++run) {
      ++look;
      // Edge "slot", Edge "item": as in find_room and find_item.
      if (look.state().load(acquire) != like(look)) break;
    }
    return run;
  }

  // ---- Finishing in order ----------------------------------------------------------------------------------------
  //
  // `taken` tells the sides apart: how the slot of an operation under way looks, free for a push and filled for a pop.

  /// The operation at this position has finished. It has, too, where the state is one of a later lap.
  bool is_finished(Index position, slot_state taken) noexcept {
    // Edge "finish": those before it have finished or are marked, and this thread will see it.
    const slot_state here = state(position).load(acquire);
    return (here & ~positions_.overtaken) != (positions_.free_at(position) | taken);
  }

  /// To be called before an operation finishes: each one before it has finished then, or is marked as overtaken.
  void settle_pushes_before(const cursor& here) noexcept { settle_before(pushed_, here, 0); }
  void settle_pops_before(const cursor& here) noexcept {
    if constexpr (many_pop) settle_before(popped_, here, positions_.filled);
  }
  template <class Counter>
  void settle_before(Counter& counter, const cursor& here, slot_state taken) noexcept {
    // In the line of this slot or, where it is the first one there, in the counter's.
    const bool settled = here.is_first_in_group()
                             ? counter.finished_before(here.position())
                             // Edge "finish": as in is_finished.
                             : (here.state_before().load(acquire) & ~positions_.overtaken) != (here.free() | taken);
    if (!settled) [[unlikely]]
      mark_before(here.position(), taken);
  }
  [[gnu::noinline]] void mark_before(Index position, slot_state taken) noexcept {
    // A lap before is the slot of this position, so the walk ends there at the latest.
    for (position = positions_.previous(position); !is_finished(position, taken);
         position = positions_.previous(position)) {
      auto under_way = static_cast<slot_state>(positions_.free_at(position) | taken);
      const auto overtaken = static_cast<slot_state>(under_way | positions_.overtaken);
      // If that fails, it has finished or is marked. relaxed: what finishes next is what passes the mark on.
      state(position).compare_exchange_strong(under_way, overtaken, relaxed, relaxed);
    }
  }

  /// To be called when an operation has finished, with the position where the next one begins.
  void finish_pushes_before(Index next) noexcept { finish_before(pushed_, next); }
  void finish_pops_before(Index next) noexcept {
    if constexpr (many_pop) finish_before(popped_, next);
  }
  template <class Counter>
  static void finish_before(Counter& counter, Index next) noexcept {
    if (positions_type::place(next) == 0) counter.finish_before(next);
  }

  // ---- Filling and emptying --------------------------------------------------------------------------------------

  // Edge "item": hands the element to a consumer. Edge "finish"
  void publish(const cursor& to) noexcept { to.state().store(to.filled(), release); }
  void publish(Index position, std::size_t n) noexcept {
    for (cursor to = slots_from(position); n > 0; --n, ++to) publish(to);
  }

  // Edge "slot": hands the slot back to the producers. Edge "finish"
  void give_back(const cursor& from) noexcept { from.state().store(from.freed(), release); }

  /// Constructs `n` elements, or none if one throws.
  template <class It>
  void build(Index position, It& first, std::size_t n) {
    unfinished batch([this, position](std::size_t i) { return element(positions_.next(position, i)); });
    batch.build(first, n);
    batch.keep();
  }

  /// Keeps the other producers away while an element is constructed, without having moved the counter yet.
  struct holding {
    slot_ring& ring;
    Index position;
    bool advanced = false;

    Index advance(std::size_t n) noexcept {
      const Index next = ring.positions_.next(position, n);
      ring.pushed_.advance(static_cast<Index>(next - ring.hold(position)));
      advanced = true;
      return next;
    }
    ~holding() {
      if (!advanced) ring.pushed_.clear(ring.positions_.held());
    }
  };

  /// Destroys the element and frees its slot on the way out, whichever way that is.
  struct release_on_exit {
    slot_ring& ring;
    cursor here;

    ~release_on_exit() {
      std::destroy_at(here.element());
      ring.settle_pops_before(here);
      ring.give_back(here);
      ring.finish_pops_before(ring.positions_.next(here.position()));
    }
  };

  using push_side = side_watch<Producers, 0>;
  using pop_side = side_watch<Consumers, 1>;
  using push_turn = typename push_side::turn;
  using pop_turn = typename pop_side::turn;
  static constexpr const char* one_producer =
      "kew::spmc_ring: a second thread pushes while a push is under way; this ring allows one producer";
  static constexpr const char* one_consumer =
      "kew::mpsc_ring: a second thread pops while a pop is under way; this ring allows one consumer";

  // Written when the ring is made and when it is sealed, so read by both sides without any line moving.
  slots<group, Capacity, Allocator, most, group_size<T>> slots_;
  positions_type positions_;
  atomic<bool> sealing_{false};

  side_counter<Producers, Index> pushed_;
  side_counter<Consumers, Index> popped_;
  [[no_unique_address]] push_side producing_{};
  [[no_unique_address]] pop_side consuming_{};
};

}}}  // namespace kew::KEW_NAMESPACE::detail
