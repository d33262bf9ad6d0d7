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
//   each slot before its own in which another push is still under way, the oldest first, so that a mark speaks for all
//   before it. So:
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
//
// - Where a group has slots enough and a producer finds all of it free, as it does in a ring that is not nearly full,
//   the pushes that fill it do not look at their slots: a third flag in the counter, must_look, is away. Each look would
//   fetch the line that a waiting consumer looks at, and the store after it would have to take the line again. Whether
//   the push before has finished is said beside the counter then. Where producers get into each other's way, and where
//   the ring is nearly full, the flag is there, and they look.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <type_traits>
#include <utility>

#include <kew/concepts.hpp>
#include <kew/detail/machine/cache_line.hpp>
#include <kew/detail/machine/min_max.hpp>
#include <kew/detail/machine/sync.hpp>
#include <kew/detail/machine/tuning.hpp>
#include <kew/detail/ring/passed_on.hpp>
#include <kew/detail/ring/positions.hpp>
#include <kew/detail/ring/side_counter.hpp>
#include <kew/detail/ring/side_watch.hpp>
#include <kew/detail/ring/slot_cursor.hpp>
#include <kew/detail/ring/slot_group.hpp>
#include <kew/detail/ring/slot_positions.hpp>
#include <kew/detail/ring/slot_view.hpp>
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
  using push_slot = slot_view<T, positions_type, slot_operation::push>;
  using pop_slot = slot_view<T, positions_type, slot_operation::pop>;

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
    const Index word = pushed_.position();
    if constexpr (knows_room && std::is_nothrow_constructible_v<T, A...>) {
      if (is_known_free(word)) [[likely]] {
        const push_slot here = push_at(word);
        if (here.is_at(group_size<T> - 1)) [[unlikely]] {
          if (emplace_known<step::to_next_group>(word, word, here, std::forward<A>(arguments)...))
            return status::success;
        } else if (emplace_known<step::to_next_place>(word, word, here, std::forward<A>(arguments)...)) [[likely]] {
          return status::success;
        }
      }
      if (begin_run<passed_on<T, A>...>(std::forward<A>(arguments)...)) [[likely]]
        return status::success;
    } else {
      const push_slot here = push_at(bare(word));
      if (is_ready(here)) [[likely]] {
        if (here.is_last_in_group()) [[unlikely]] {
          if (emplace_as<step::to_next_group>(word, here, std::forward<A>(arguments)...)) return status::success;
        } else if (emplace_as<step::to_next_place>(word, here, std::forward<A>(arguments)...)) [[likely]] {
          return status::success;
        }
      }
    }
    return emplace_later<passed_on<T, A>...>(std::forward<A>(arguments)...);
  }

  /// A producer's: as many of the `n` elements from `first` on as there are free slots for, in order and next to each
  /// other; how many went in. If one throws, none of this call's is in the ring.
  template <std::input_iterator It>
  std::size_t try_push_n(It first, std::size_t n) {
    constexpr bool cannot_throw = std::is_nothrow_constructible_v<T, std::iter_reference_t<It>> &&
                                  noexcept(*std::declval<It&>()) && noexcept(++std::declval<It&>());
    if (n == 0) return 0;
    [[maybe_unused]] const push_turn turn(producing_, one_producer);
    for (;;) {
      const finding room = find_room(pushed_.position());
      if (!room.answer) return 0;
      Index word = room.position;
      const Index position = bare(word);
      const std::size_t run = run_of<slot_operation::push>(position, n);
      if constexpr (!many_push) {
        build(position, first, run);
        pushed_.claim(word, must_look(positions_.next(position, run)));
        publish(position, run);
        return run;
      } else if constexpr (cannot_throw) {
        const Index next = positions_.next(position, run);
        if (!pushed_.claim(word, must_look(next))) continue;
        auto to = slots_from<slot_operation::push>(position);
        settle_before(position, *to);
        for (std::size_t i = 1;; ++i, ++to, ++first) {
          const push_slot here = *to;
          std::construct_at(here.element(), *first);
          hand_over(here);
          if (i == run) break;
        }
        finish_before<slot_operation::push>(next);
        return run;
      } else {
        if (!pushed_.claim(word, hold(word))) continue;
        holding held{*this, hold(word)};
        build(position, first, run);
        settle_before(position, push_at(position));
        const Index next = positions_.next(position, run);
        held.advance_to(must_look(next));
        publish(position, run);
        finish_before<slot_operation::push>(next);
        return run;
      }
    }
  }

  /// A consumer's: the oldest element; or empty, busy, or after seal() closed. If moving it out throws, that element is
  /// lost and the next one is at the front.
  result<T> try_pop() noexcept(std::is_nothrow_move_constructible_v<T>) { return pop_by<retry_at_once>(); }
  /// The same for a caller that may wait: where another consumer was faster, it lets that one go on for a moment, instead of
  /// taking the lines from it that it works in. That may take a microsecond, each time.
  result<T> pop_yielding() noexcept(std::is_nothrow_move_constructible_v<T>)
    requires many_pop
  {
    return pop_by<retry_later>();
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
    const Index position = popped_.position();
    const pop_slot here = pop_at(position);
    if (is_settled_before<slot_operation::pop>(position, here)) [[likely]] {
      const slot_state seen = here.state().load(acquire);  // Edge "item"
      if (seen == here.ready()) [[likely]] {
        if (here.is_last_in_group()) [[unlikely]]
          return consume_as<step::to_next_group>(position, here, std::forward<F>(f));
        return consume_as<step::to_next_place>(position, here, std::forward<F>(f));
      }
      if (const status answer = nothing_at(position, here, seen); answer != status::success) return answer;
    }
    return consume_later(std::forward<F>(f));
  }

  /// A consumer's: up to `n` elements, oldest first; how many came out. Other consumers may take some between them. If
  /// handing one out throws, those before it are out, it is lost, and those behind it stay.
  template <class Out>
  std::size_t try_pop_n(Out out, std::size_t n) {
    constexpr bool cannot_throw = noexcept(*out = std::declval<T&&>()) && noexcept(++out);
    const auto hand_out = [&out](T& value) noexcept(cannot_throw) {
      *out = std::move(value);
      ++out;
    };
    // One by one where not all of it is there: so a consumer that is faster than its producers stays a batch behind them,
    // instead of taking the line that they are filling. Batches of 64, one producer of single elements, in M/s: 93 instead of
    // 33. And where handing out may throw: what was claimed before an exception would be lost.
    if constexpr (cannot_throw)
      if (const std::size_t run = pop_run(min(n, capacity()), hand_out); run > 0) return run;
    std::size_t count = 0;
    while (count < n && try_consume(hand_out)) ++count;
    return count;
  }

  /// A pop in two steps, for a caller that has to know whether there is an element before it can say where that goes.
  /// From claim_pop to end_pop the pop is under way, as try_consume is while its function runs.
  class pop_claim {
   public:
    using ring_type = slot_ring;  ///< What it is a claim on.

   private:
    friend slot_ring;
    pop_slot slot() const noexcept { return pop_slot(group_, position_); }

    group* group_;
    Index position_;
  };

  /// A consumer's: success, and then the oldest element is claimed; or empty, busy, or after seal() closed.
  [[gnu::always_inline]] status claim_pop(pop_claim& claim) noexcept {
    [[maybe_unused]] pop_turn turn(consuming_, one_consumer);
    const Index position = popped_.position();
    const pop_slot here = pop_at(position);
    status outcome = status::success;
    if (!is_ready(here) || !claim_at(position, here, claim)) [[unlikely]]
      outcome = claim_later(claim);
    if (outcome) [[likely]]
      turn.stay();
    return outcome;
  }
  /// What was claimed, to be moved out.
  T& claimed(const pop_claim& claim) noexcept { return *claim.slot().element(); }
  /// Destroys what was claimed and frees its slot. Once, by the thread that has claimed it, or after it.
  [[gnu::always_inline]] void end_pop(const pop_claim& claim) noexcept {
    const pop_slot here = claim.slot();
    const Index position = claim.position_;
    std::destroy_at(here.element());
    if (here.is_last_in_group()) [[unlikely]]
      finish<step::to_next_group>(position, here, next<step::to_next_group>(position));
    else
      finish<step::to_next_place>(position, here, next<step::to_next_place>(position));
    consuming_.leave();
  }

  /// From now on a push answers `closed`, and so does a pop once everything that was pushed is out. Any
  /// thread, any number of times.
  void seal() noexcept
    requires many_push
  {
    sealing_.store(true, relaxed);  // first: a pop that does not see it may still answer `empty`
    pushed_.set(positions_type::sealed);
  }
  /// Whether it was sealed; elements may still be inside. Once true, always true. Any thread.
  bool is_sealed() const noexcept
    requires many_push
  {
    return (pushed_.seen() & positions_type::sealed) != 0;
  }

  /// How many elements fit. Any thread.
  std::size_t capacity() const noexcept { return positions_.capacity(); }

  /// How many elements are inside, as far as another thread can know: from 0 to the capacity, always, and exact where
  /// no thread pushes or pops at the same time. Any thread.
  std::size_t size_approx() const noexcept {
    const Index pushed = bare(pushed_.seen());
    return positions_.distance(popped_.seen(), pushed);
  }

  /// For a queue whose threads wait: how many elements have come out, as a number that wraps round. Any thread.
  std::size_t popped_approx() const noexcept { return positions_.count(popped_.seen()); }

 protected:
  /// For tests of positions that overflow; `room` is what the other constructors take.
  template <class... A>
  explicit slot_ring(before_overflow start, const A&... room)
      : slots_(room...),
        positions_(slots_.size()),
        pushed_(positions_.before(start, slot_operation::push), must_look(Index{0})),
        popped_(positions_.before(start, slot_operation::pop)) {
    const slot_state free = positions_type::state_of(positions_.before(start, slot_operation::push));
    std::size_t left = capacity();
    for (std::size_t i = 0; i < slots_.slot_count(); ++i, left -= group_size<T>)
      std::construct_at(slots_.data() + i, free, min(left, group_size<T>), positions_type::filled);
  }

  /// The largest capacity that the index can count.
  static constexpr std::size_t most = positions_type::most;

 private:
  template <slot_operation Which>
  using slot = slot_view<T, positions_type, Which>;

  push_slot push_at(Index position) noexcept { return slot_at<slot_operation::push>(position); }
  pop_slot pop_at(Index position) noexcept { return slot_at<slot_operation::pop>(position); }
  template <slot_operation Which>
  slot<Which> slot_at(Index position) noexcept {
    return slot<Which>(slots_.data(), positions_, position);
  }
  template <slot_operation Which>
  slot_cursor<T, positions_type, Which> slots_from(Index position) noexcept {
    return {slots_.data(), positions_, position};
  }

  // What the producers' counter says is called a word: a position with flags. A consumers' word has none.

  static Index hold(Index word) noexcept { return static_cast<Index>(word | positions_type::held); }

  /// Whether producers may know that a slot is free without a look at it.
  static constexpr bool knows_room = positions_type::can_know_room;
  /// Without the flag that says whether they do.
  static Index bare(Index word) noexcept {
    if constexpr (knows_room) return positions_type::without_must_look(word);
    return word;
  }
  static Index must_look(Index word) noexcept {
    if constexpr (knows_room) return static_cast<Index>(word | positions_type::must_look);
    return word;
  }

  // A step to the next group is made by code of its own, so that one within a group, which is what most are, need not ask
  // again whether the group has ended: when it finishes.

  enum class step { to_next_place, to_next_group, to_either };
  template <step Step>
  Index next(Index position) const noexcept {
    if constexpr (Step == step::to_next_place) return positions_.next_place(position);
    if constexpr (Step == step::to_next_group) return positions_.next_group(position);
    return positions_.next(position);
  }

  // ---- Looking for a slot ----------------------------------------------------------------------------------------

  /// success: the slot at that position is ready; of a push it is a word. Else the answer of the call.
  struct finding {
    Index position;
    status answer;
  };

  // Edge "slot": takes the slot that a consumer has emptied. Edge "item": takes the slot that a producer has filled.
  template <slot_operation Which>
  [[gnu::always_inline]] static bool is_ready(const slot<Which>& here) noexcept {
    return here.state().load(acquire) == here.ready();
  }

  /// The same, of another slot of the first one's group.
  template <slot_operation Which>
  [[gnu::always_inline]] static bool is_ready_at(const slot<Which>& first, std::size_t place) noexcept {
    return first.state_of(place).load(acquire) == first.ready();  // Edge "slot", Edge "item"
  }

  /// Whether the slot at that word's position is free, no flag is set, and each push before has finished or is marked.
  /// All this is in the counter's line, which a push needs anyway.
  [[gnu::always_inline]] bool is_known_free(Index word) const noexcept {
    constexpr auto flags =
        static_cast<Index>(positions_type::must_look | positions_type::held | positions_type::sealed);
    return (word & flags) == 0 && push_has_finished_before(word);
  }
  bool push_has_finished_before(Index position) const noexcept {
    if constexpr (many_push) return pushed_.finished_before(position);
    return true;
  }

  /// A free slot, at the position that `word` says or, if other producers have moved on, later.
  finding find_room(Index word) noexcept {
    for (;;) {
      if constexpr (many_push) {
        if ((word & positions_type::sealed) != 0) return {word, status::closed};
        if ((word & positions_type::held) != 0) return {word, status::busy};
      }
      const Index position = bare(word);
      // In this order: what has finished by the first look has by the second.
      const bool all_in = is_finished_before<slot_operation::push>(position);
      const push_slot here = push_at(position);
      const slot_state seen = here.state().load(acquire);  // Edge "slot"
      if (seen == here.ready()) return {word, status::success};
      const Index now = many_push ? pushed_.position() : word;
      if (now == word) return {word, all_in && seen == here.not_ready() ? status::full : status::busy};
      word = now;
    }
  }

  /// A filled slot, at `position` or, if other consumers have moved on, later.
  finding find_item(Index position) noexcept {
    for (;;) {
      const bool all_out = is_finished_before<slot_operation::pop>(position);
      const pop_slot here = pop_at(position);
      const slot_state seen = here.state().load(acquire);  // Edge "item"
      if (seen == here.ready()) return {position, status::success};
      const Index now = many_pop ? popped_.position() : position;
      if (now == position) return {position, nothing_there(position, all_out && seen == here.not_ready())};
      position = now;
    }
  }
  /// The answer of a pop whose slot was seen to be not filled, after what is before it was seen to be settled. Without
  /// another look at the slot: its producer may be about to take the line. success: other consumers have moved on.
  [[gnu::always_inline]] status nothing_at(Index position, const pop_slot& here, slot_state seen) noexcept {
    // A position from which no pop has moved on, so that none can have overtaken the one before: that one has finished.
    if (many_pop && popped_.position() != position) return status::success;
    return nothing_there(position, seen == here.not_ready());
  }
  status nothing_there(Index position, bool is_empty) noexcept {
    if constexpr (many_push)
      if (sealing_.load(relaxed)) [[unlikely]] {
        const Index pushed = bare(pushed_.seen());
        if (pushed == (positions_.as_push(position) | positions_type::sealed)) return status::closed;
        // A push that was under way when the ring was sealed may still succeed.
        if ((pushed & positions_type::sealed) != 0) return status::busy;
      }
    return is_empty ? status::empty : status::busy;
  }

  /// How many slots from `position` on, up to `n`, are ready like the first.
  template <slot_operation Which>
  std::size_t run_of(Index position, std::size_t n) noexcept {
    n = min(n, capacity());
    std::size_t run = 1;
    for (auto look = slots_from<Which>(position); run < n; ++run) {
      ++look;
      if (!is_ready(*look)) break;
    }
    return run;
  }

  // ---- Finishing in order ----------------------------------------------------------------------------------------

  template <slot_operation Which>
  static constexpr bool is_many = Which == slot_operation::push ? many_push : many_pop;
  template <slot_operation Which>
  auto& counter() noexcept {
    if constexpr (Which == slot_operation::push)
      return pushed_;
    else
      return popped_;
  }

  /// The operation at this position has finished. It has, too, where the state is one of a later lap.
  template <slot_operation Which>
  bool is_finished(Index position) noexcept {
    const auto here = slot_at<Which>(position);
    const slot_state seen = look(here.state());
    return seen != here.ready() && seen != here.overtaken();
  }
  /// The one before this position has finished.
  template <slot_operation Which>
  bool is_finished_before(Index position) noexcept {
    if constexpr (is_many<Which>)
      return (positions_type::is_first_in_group(position) && counter<Which>().finished_before(position)) ||
             is_finished<Which>(positions_.previous(position));
    return true;
  }
  /// It has finished, or is marked as overtaken. Either way each one before it has finished or is marked.
  template <class Slot>
  [[gnu::always_inline]] static bool is_settled(const atomic<slot_state>& state, const Slot& same_lap) noexcept {
    return look(state) != same_lap.ready();
  }
  // Edge "finish": if it has finished or is marked, so have or are those before it, and this thread will see it.
  [[gnu::always_inline]] static slot_state look(const atomic<slot_state>& state) noexcept {
    return state.load(acquire);
  }

  /// Where a thread comes to a line that it will write: so that the line comes once, and not to be looked at first and
  /// then for the stores.
  template <slot_operation Which>
  [[gnu::always_inline]] static void fetch_for_writing(const slot<Which>& first) noexcept {
    prefetch_for_writing(reinterpret_cast<std::uintptr_t>(first.group()));
  }

  /// Each one before this position has finished or is marked: seen in the line of this slot or, where it is the first one
  /// there, in the counter's.
  template <slot_operation Which>
  [[gnu::always_inline]] bool is_settled_before(Index position, const slot<Which>& here) noexcept {
    if constexpr (is_many<Which>) {
      if (!here.is_first_in_group()) return is_settled(here.state_before(), here);
      if constexpr (Which == slot_operation::pop && knows_room) fetch_for_writing(here);
      return counter<Which>().finished_before(position);
    }
    return true;
  }
  /// To be called before an operation finishes: each one before it has finished then, or is marked as overtaken.
  template <slot_operation Which>
  void settle_before(Index position, const slot<Which>& here) noexcept {
    if (!is_settled_before<Which>(position, here)) [[unlikely]]
      mark_before<Which>(position);
  }
  template <slot_operation Which>
  [[gnu::noinline]] void mark_before(Index position) noexcept {
    if constexpr (Which == slot_operation::pop && knows_room) {
      // Written once, because it lies in a line that all threads read. relaxed: seen by each thread that sees the slot of
      // this pop, or a mark by it.
      if (!pop_was_overtaken_.load(relaxed)) pop_was_overtaken_.store(true, relaxed);
    }
    // A lap before is the slot of this position, so the walk ends there at the latest.
    Index oldest = position;
    for (;;) {
      const Index before = positions_.previous(oldest);
      const auto there = slot_at<Which>(before);
      if (is_settled(there.state(), there)) break;
      oldest = before;
    }
    // The oldest first, so that a mark speaks for all before it.
    for (; oldest != position; oldest = positions_.next(oldest)) {
      const auto there = slot_at<Which>(oldest);
      slot_state under_way = there.ready();
      // Edge "finish": passes on the marks before this one. relaxed: if it fails, this one has finished or is marked, and
      // those before it have been seen to.
      there.state().compare_exchange_strong(under_way, there.overtaken(), release, relaxed);
    }
  }

  /// To be called when an operation has finished, with the position where the next one begins.
  template <slot_operation Which>
  void finish_before(Index next) noexcept {
    if constexpr (is_many<Which>)
      if (positions_type::is_first_in_group(next)) counter<Which>().finish_before(next);
  }

  /// Hands the slot over where the ones before have been seen to.
  template <step Step, slot_operation Which>
  [[gnu::always_inline]] void finish_settled(const slot<Which>& here, Index next) noexcept {
    hand_over(here);
    if constexpr (Step == step::to_either) finish_before<Which>(next);
    if constexpr (Step == step::to_next_group && is_many<Which>) counter<Which>().finish_before(next);
  }
  /// … and in the order above where they have not.
  template <step Step, slot_operation Which>
  [[gnu::always_inline]] void finish(Index position, const slot<Which>& here, Index next) noexcept {
    if (!is_settled_before<Which>(position, here)) [[unlikely]]
      return finish_later<Which>(position, next);
    finish_settled<Step>(here, next);
  }
  template <slot_operation Which>
  [[gnu::noinline]] void finish_later(Index position, Index next) noexcept {
    mark_before<Which>(position);
    hand_over(slot_at<Which>(position));
    finish_before<Which>(next);
  }

  // Edge "item": hands the element to a consumer. Edge "finish"
  static void hand_over(const push_slot& filled) noexcept { filled.state().store(filled.done(), release); }
  // Edge "slot": hands the slot back to the producers. Edge "finish"
  static void hand_over(const pop_slot& emptied) noexcept { emptied.state().store(emptied.done(), release); }
  void publish(Index position, std::size_t n) noexcept {
    for (auto to = slots_from<slot_operation::push>(position); n > 0; --n, ++to) hand_over(*to);
  }

  // ---- Filling and emptying --------------------------------------------------------------------------------------
  //
  // What does not succeed at once goes on out of line, so that what does saves no registers for it.

  /// False: another producer has taken that position. The slot is known to be free, and what is before it settled. After
  /// the claim there are only stores, so that a consumer that looks at the line does not take it between two of them.
  template <step Step, class... A>
  [[gnu::always_inline]] bool emplace_known(Index word, Index position, const push_slot& here, A&&... arguments) {
    const Index next = this->next<Step>(position);
    if (!pushed_.claim(word, Step == step::to_next_group ? must_look(next) : next)) return false;
    std::construct_at(here.element(), std::forward<A>(arguments)...);
    hand_over(here.at(word));
    if constexpr (many_push) pushed_.finish_before(next);
    return true;
  }
  /// The same, where the slot has been found free.
  template <step Step, class... A>
  [[gnu::always_inline]] bool emplace_as(Index word, const push_slot& here, A&&... arguments) {
    const Index position = bare(word);
    const Index next = this->next<Step>(position);
    if constexpr (!many_push && std::is_nothrow_constructible_v<T, A...>) {
      pushed_.claim(word, must_look(next));
      std::construct_at(here.element(), std::forward<A>(arguments)...);
      hand_over(here);
    } else if constexpr (!many_push) {
      std::construct_at(here.element(), std::forward<A>(arguments)...);
      pushed_.claim(word, must_look(next));
      hand_over(here);
    } else if constexpr (std::is_nothrow_constructible_v<T, A...>) {
      if (!pushed_.claim(word, must_look(next))) return false;
      std::construct_at(here.element(), std::forward<A>(arguments)...);
      finish<Step>(position, here.at(word), next);
    } else {
      if (!pushed_.claim(word, hold(word))) return false;
      holding held{*this, hold(word)};
      std::construct_at(here.element(), std::forward<A>(arguments)...);
      settle_before(position, here);
      held.advance_to(must_look(next));
      hand_over(here);
      finish_before<slot_operation::push>(next);
    }
    return true;
  }
  /// Pushes into the first slot of a group that is free, so that the pushes that follow it there need not look. False:
  /// that cannot be, and nothing was done. The push before has to have finished, as it has where producers are not in each
  /// other's way.
  template <class... A>
  [[gnu::noinline]] bool begin_run(A... arguments) noexcept {
    const Index word = pushed_.position();
    const Index position = bare(word);
    const push_slot here = push_at(position);
    return here.is_first_in_group() && push_has_finished_before(position) && is_group_free(here) &&
           emplace_known<step::to_next_place>(word, position, here, std::forward<A>(arguments)...);
  }
  /// Whether all of a group is free that this push is the first in.
  bool is_group_free(const push_slot& first) const noexcept {
    fetch_for_writing(first);
    // When a pop finishes, it speaks for those before. Unless one was overtaken, which has not finished then. Without a
    // loop, so that each look has an instruction of its own that comes by once in a group: by that a processor finds the
    // next line and fetches it ahead.
    return is_ready_at(first, group_size<T> - 1) &&
           (!pop_was_overtaken() || [&first]<std::size_t... Before>(std::index_sequence<Before...>) {
             return (... && is_ready_at(first, group_size<T> - 2 - Before));
           }(std::make_index_sequence<group_size<T> - 1>{}));
  }
  bool pop_was_overtaken() const noexcept { return many_pop && pop_was_overtaken_.load(relaxed); }
  template <class... A>
  [[gnu::noinline]] status emplace_later(A... arguments) noexcept(std::is_nothrow_constructible_v<T, A...>) {
    for (;;) {
      Index word = pushed_.position();
      if (!is_ready(push_at(bare(word)))) {
        const finding room = find_room(word);
        if (!room.answer) return room.answer;
        word = room.position;
      }
      if (emplace_as<step::to_either>(word, push_at(bare(word)), std::forward<A>(arguments)...)) return status::success;
    }
  }

  /// Moves on past a position that has been found filled, unless another consumer has. One that has been well behind the
  /// producers for long asks for the next line before.
  [[gnu::always_inline]] bool take(const pop_slot& here, Index position, Index next) noexcept {
    if constexpr (many_pop && knows_room)
      if (here.is_first_in_group() && popped_.is_far_behind(is_ready_at(here, group_size<T> - 1)))
        prefetch_for_writing(reinterpret_cast<std::uintptr_t>(here.group() + 1));
    return popped_.claim(position, next);
  }

  /// The element at a position that has been found filled, if no other consumer has taken that. It is destroyed and its
  /// slot freed on the way out, whichever way that is. Where the kind of step is known, what is before it has been found
  /// settled.
  template <step Step>
  class claimed_item {
   public:
    [[gnu::always_inline]] claimed_item(slot_ring& ring, Index position, const pop_slot& here) noexcept
        : ring_(ring),
          here_(here),
          position_(position),
          next_(ring.next<Step>(position)),
          claimed_(ring.take(here, position, next_)) {}
    claimed_item(const claimed_item&) = delete;
    claimed_item& operator=(const claimed_item&) = delete;
    [[gnu::always_inline]] ~claimed_item() {
      if (!claimed_) return;
      std::destroy_at(here_.element());
      if constexpr (Step == step::to_either)
        ring_.template finish<Step>(position_, here_.at(position_), next_);
      else
        ring_.template finish_settled<Step>(here_.at(position_), next_);
    }

    explicit operator bool() const noexcept { return claimed_; }

   private:
    slot_ring& ring_;
    const pop_slot& here_;
    Index position_;
    Index next_;
    bool claimed_;
  };

  /// What a pop does that comes to a position at the same time as another, before it looks for its own.
  struct retry_at_once {
    static void pause() noexcept {}
  };
  struct retry_later {
    static void pause() noexcept {
      for (unsigned i = 0; i < tuning::pauses_after_a_race; ++i) cpu_relax();
    }
  };

  template <class Retry>
  result<T> pop_by() noexcept(std::is_nothrow_move_constructible_v<T>) {
    [[maybe_unused]] const pop_turn turn(consuming_, one_consumer);
    const Index position = popped_.position();
    const pop_slot here = pop_at(position);
    if (is_settled_before<slot_operation::pop>(position, here)) [[likely]] {
      const slot_state seen = here.state().load(acquire);  // Edge "item"
      if (seen == here.ready()) [[likely]] {
        if (here.is_last_in_group()) [[unlikely]]
          return pop_as<Retry, step::to_next_group>(position, here);
        return pop_as<Retry, step::to_next_place>(position, here);
      }
      if (const status answer = nothing_at(position, here, seen); answer != status::success) return answer;
    }
    return pop_later<Retry>();
  }
  template <class Retry, step Step>
  [[gnu::always_inline]] result<T> pop_as(Index position, const pop_slot& here) {
    if (const claimed_item<Step> item(*this, position, here); item) [[likely]]
      return result<T>(std::in_place, std::move(*here.element()));
    return pop_later<Retry>();
  }
  template <class Retry>
  [[gnu::noinline]] result<T> pop_later() noexcept(std::is_nothrow_move_constructible_v<T>) {
    for (;;) {
      Retry::pause();
      const finding found = find_item(popped_.position());
      if (!found.answer) return found.answer;
      const pop_slot here = pop_at(found.position);
      if (const claimed_item<step::to_either> item(*this, found.position, here); item)
        return result<T>(std::in_place, std::move(*here.element()));
    }
  }
  template <step Step, class F>
  [[gnu::always_inline]] status consume_as(Index position, const pop_slot& here, F&& f) {
    if (const claimed_item<Step> item(*this, position, here); item) [[likely]] {
      std::forward<F>(f)(*here.element());
      return status::success;
    }
    return consume_later(std::forward<F>(f));
  }
  template <class F>
  [[gnu::noinline]] status consume_later(F&& f) noexcept(std::is_nothrow_invocable_v<F, T&>) {
    for (;;) {
      const finding found = find_item(popped_.position());
      if (!found.answer) return found.answer;
      const pop_slot here = pop_at(found.position);
      if (const claimed_item<step::to_either> item(*this, found.position, here); item) {
        std::forward<F>(f)(*here.element());
        return status::success;
      }
    }
  }
  /// False: another consumer has taken that position. The slot has been found filled.
  [[gnu::always_inline]] bool claim_at(Index position, const pop_slot& here, pop_claim& claim) noexcept {
    const Index next = here.is_last_in_group() ? positions_.next_group(position) : positions_.next_place(position);
    if (!take(here, position, next)) return false;
    claim.group_ = here.group();
    claim.position_ = position;
    return true;
  }
  [[gnu::noinline]] status claim_later(pop_claim& claim) noexcept {
    for (;;) {
      const finding found = find_item(popped_.position());
      if (!found.answer) return found.answer;
      if (claim_at(found.position, pop_at(found.position), claim)) return status::success;
    }
  }

  /// Hands out the `n` elements at the front by one claim: `n`, or 0 if they are not all there.
  template <class F>
  std::size_t pop_run(std::size_t n, const F& hand_out) noexcept {
    [[maybe_unused]] const pop_turn turn(consuming_, one_consumer);
    Index position = popped_.position();
    Index next = 0;
    do {
      // The last one first: where it is not there, no line that a producer is filling was looked at.
      if (n == 0 || !is_ready(pop_at(positions_.next(position, n - 1)))) return 0;
      if (!is_ready(pop_at(position)) || run_of<slot_operation::pop>(position, n) < n) return 0;
      next = positions_.next(position, n);
    } while (!popped_.claim(position, next));
    auto from = slots_from<slot_operation::pop>(position);
    settle_before(position, *from);
    for (std::size_t i = 0; i < n; ++i, ++from) {
      const pop_slot here = *from;
      hand_out(*here.element());
      std::destroy_at(here.element());
      hand_over(here);
    }
    finish_before<slot_operation::pop>(next);
    return n;
  }

  /// Constructs `n` elements, or none if one throws.
  template <class It>
  void build(Index position, It& first, std::size_t n) {
    unfinished batch([this, position](std::size_t i) { return push_at(positions_.next(position, i)).element(); });
    batch.build(first, n);
    batch.keep();
  }

  /// Keeps the other producers away while an element is constructed, without having moved the counter yet.
  struct holding {
    slot_ring& ring;
    Index held_word;
    bool advanced = false;

    void advance_to(Index word) noexcept {
      ring.pushed_.advance(static_cast<Index>(word - held_word));
      advanced = true;
    }
    ~holding() {
      if (!advanced) ring.pushed_.clear(positions_type::held);
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

  // Written when the ring is made, when it is sealed and when a pop is overtaken for the first time, so read by both sides
  // without any line moving.
  slots<group, Capacity, Allocator, most, group_size<T>> slots_;
  positions_type positions_;
  atomic<bool> sealing_{false};
  /// Of a group whose last slot is free, others may be not.
  atomic<bool> pop_was_overtaken_{false};

  side_counter<Producers, Index> pushed_;
  side_counter<Consumers, Index> popped_;
  [[no_unique_address]] push_side producing_{};
  [[no_unique_address]] pop_side consuming_{};
};

}}}  // namespace kew::KEW_NAMESPACE::detail
