// select: one thread waits for several queues at once, to pop from some and to push into others; exactly one of these
// cases runs.
//
//     kew::select(kew::on_pop(orders, [](order&& o) { … }),
//                 kew::on_push(replies, std::move(reply), [] { … }));
//
// Use when     a thread serves several queues of different types or owners, and should sleep while none is ready.
// Avoid when   one queue would do: a std::variant as its message keeps the order between kinds, and costs less. When a
//              queue waits by spin_wait or yield_wait, which wake no one: a select over such a queue polls, and yields
//              the core in between; it sleeps only where all of its queues do.
// Cases        on_pop(source, f), on_pop(span of sources, f) and on_push(sink, value, f), of any types, rings and waits,
//              up to 64 sources and sinks in all: more do not compile, or throw std::length_error where a span makes
//              them too many. A source is a blocking_queue or a consumer, a sink a blocking_queue or a producer. The
//              same queue may stand in several cases. A source that is closed and drained, a sink that is closed, a
//              handle that was moved from and an empty span are closed cases, which are never chosen; what is left of
//              the others goes on. A case refers to its queue, its value and its handler: make it inside the call.
// Answer       the number of the case that has run, from 0; or the status that says why none has: `closed`, all of
//              them are; `stopped`, a stop was requested while it waited; `empty`, none was ready, or not in time;
//              `busy`, none was ready, and another thread was in the middle of its own call in one of the queues.
// Threads      as for a pop of each source and a push into each sink.
// Progress     where the queue that it looks at first is ready, it costs little more than try_pop. Else it waits as a pop
//              does, and does not poll: it enters each queue's list of waiters, which takes one membarrier(2) for all,
//              and sleeps until one of them wakes it. No memory is allocated. Where all queues have the same Wait, it
//              polls before it sleeps as that says, else as adaptive_wait. A queue that is `busy`, because a thread was
//              stopped in the middle of its own call, makes a select look at all of its queues again after naps that
//              grow to 10 ms; a notification of another of its queues ends such a nap.
// Ordering     of each queue, the queue's own. Between queues: of those that are ready each is chosen equally often,
//              whatever their order and rate, by chance; eight selects of a thread in a row begin with the same one, so
//              that they find its lines in their cache. select_in_order takes the first that is ready, as written.
//              What a select does not take it leaves as if it had never looked: a message, a value, and a wake-up that
//              came for it while it took another case, which goes to the next waiter.
// Errors       what a handler throws leaves the select; its message is gone, or its value has gone in. What an element
//              throws when it is moved out leaves, too, and that one is lost, as with pop.
// Source       the random order of looks is that of Go's select; detail/wait/wait_set.hpp for sleeping.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <version>

#if defined(__cpp_lib_jthread)
#include <stop_token>
#endif

#include <kew/config.hpp>
#include <kew/detail/machine/min_max.hpp>
#include <kew/detail/machine/random.hpp>
#include <kew/detail/machine/sync.hpp>
#include <kew/detail/wait/backoff.hpp>
#include <kew/detail/wait/ends.hpp>
#include <kew/detail/wait/limits.hpp>
#include <kew/detail/wait/queue_core.hpp>
#include <kew/detail/wait/wait_set.hpp>
#include <kew/error.hpp>
#include <kew/status.hpp>
#include <kew/wait.hpp>

namespace kew { inline namespace KEW_NAMESPACE {

namespace detail {

// A case has one or more places, its sources and sinks, which are numbered from 0. `attempt` tries the case at one of
// them: on success it calls `leave`, and then the handler. `point` is where the place says that it may be ready.

template <class Core, class F>
class pop_case {
  using message = typename Core::value_type;
  static_assert(std::is_invocable_v<F&, message&&>, "kew: the handler of on_pop is called with the message: f(T&&)");

 public:
  using wait_type = typename Core::wait_type;
  static constexpr bool is_span = false;

  pop_case(Core* queue, F&& f) : queue_(queue), f_(std::forward<F>(f)) {}

  static constexpr std::size_t places() noexcept { return 1; }
  template <class Leave>
  status attempt(std::size_t, Leave leave) {
    if (!queue_) return status::closed;
    auto popped = queue_->try_pop();
    if (!popped) return popped.status();
    leave();
    std::invoke(f_, *std::move(popped));
    return status::success;
  }
  wait_point& point(std::size_t) noexcept { return queue_->items(); }
  static void refused() noexcept {}

 private:
  Core* queue_;
  F f_;
};

template <class Source, class F>
class pop_any_case {
  using core = core_of<Source>;
  using message = typename core::value_type;
  static_assert(std::is_invocable_v<F&, message&&, std::size_t>,
                "kew: the handler of on_pop of a span is called with the message and its source's number: "
                "f(T&&, std::size_t)");

 public:
  using wait_type = typename core::wait_type;
  static constexpr bool is_span = true;

  pop_any_case(std::span<Source> sources, F&& f) : sources_(sources), f_(std::forward<F>(f)) {}

  std::size_t places() const noexcept { return sources_.size(); }
  template <class Leave>
  status attempt(std::size_t which, Leave leave) {
    core* const queue = core_access::of(sources_[which]);
    if (!queue) return status::closed;
    auto popped = queue->try_pop();
    if (!popped) return popped.status();
    leave();
    std::invoke(f_, *std::move(popped), which);
    return status::success;
  }
  wait_point& point(std::size_t which) noexcept { return core_access::of(sources_[which])->items(); }
  static void refused() noexcept {}

 private:
  std::span<Source> sources_;
  F f_;
};

template <class Core, class V, class F>
class push_case {
  static_assert(std::is_invocable_v<F&>, "kew: the handler of on_push is called without arguments: f()");
  static_assert(std::is_constructible_v<typename Core::value_type, V>,
                "kew: on_push passes on what an element can be made of; one that cannot be copied by std::move");

 public:
  using wait_type = typename Core::wait_type;
  static constexpr bool is_span = false;

  push_case(Core* queue, V&& value, F&& f) : queue_(queue), value_(std::forward<V>(value)), f_(std::forward<F>(f)) {}

  static constexpr std::size_t places() noexcept { return 1; }
  template <class Leave>
  status attempt(std::size_t, Leave leave) {
    if (!queue_) return status::closed;
    const status outcome = queue_->try_push(std::forward<V>(value_));
    if (!outcome) return outcome;
    leave();
    std::invoke(f_);
    return status::success;
  }
  wait_point& point(std::size_t) noexcept { return queue_->room(); }
  void refused() noexcept {
    if (queue_) queue_->count_refused(1);
  }

 private:
  Core* queue_;
  V&& value_;
  F f_;
};

/// Whether a T is one of these three.
/// @{
template <class T>
inline constexpr bool is_case = false;
template <class Core, class F>
inline constexpr bool is_case<pop_case<Core, F>> = true;
template <class Source, class F>
inline constexpr bool is_case<pop_any_case<Source, F>> = true;
template <class Core, class V, class F>
inline constexpr bool is_case<push_case<Core, V, F>> = true;
/// @}
/// What on_pop and on_push make.
template <class T>
concept select_case = is_case<std::remove_cvref_t<T>>;

/// How a select over queues with these waits does: as all of them, else in a way that suits all.
template <class... Waits>
struct common_wait {
  using type = std::conditional_t<(Waits::parks && ...), adaptive_wait, yield_wait>;
};
template <class Wait, class... Waits>
  requires(std::is_same_v<Wait, Waits> && ...)
struct common_wait<Wait, Waits...> {
  using type = Wait;
};

// In which order a round of looks goes through the places: `first` is the first of the first round; later `choose` puts
// the next one at the front of the `count` that have not been looked at. `erase` takes the one at the front out.

struct by_chance {
  static std::size_t first(std::size_t count) noexcept { return even_below(static_cast<std::uint32_t>(count)); }
  static void choose(std::uint8_t* places, std::size_t count) noexcept {
    std::swap(*places, places[random_below(static_cast<std::uint32_t>(count))]);
  }
  static void erase(std::uint8_t* places, std::size_t count) noexcept { *places = places[count - 1]; }
};
struct as_written {
  static constexpr std::size_t first(std::size_t) noexcept { return 0; }
  static void choose(std::uint8_t*, std::size_t) noexcept {}
  static void erase(std::uint8_t* places, std::size_t count) noexcept {
    for (std::size_t i = 1; i < count; ++i) places[i - 1] = places[i];
  }
};

/// The limit of a call that never waits.
struct no_wait {};

/// One call of select. Where the first place that it looks at is ready, it has done nothing but choose that; all else is
/// made later, and out of line.
template <class Order, class... Cases>
class selection {
  static_assert(sizeof...(Cases) > 0, "kew: a select needs a case: on_pop or on_push");
  static_assert(sizeof...(Cases) <= most_waits, "kew: a select has up to 64 sources and sinks in all");

  static constexpr bool has_span = (Cases::is_span || ...);
  static constexpr std::size_t most = has_span ? most_waits : sizeof...(Cases);
  using policy = typename common_wait<typename Cases::wait_type...>::type;
  using wait_places = wait_set<policy::parks ? most : 1>;

 public:
  [[gnu::always_inline]] explicit selection(Cases&... cases) : cases_(cases...) {
    if constexpr (has_span) {
      std::size_t i = 0;
      ((begins_[i++] = count_, count_ += cases.places()), ...);
      if (count_ > most)
        raise_error(std::length_error("kew: a select over " + std::to_string(count_) +
                                      " sources and sinks; at most 64 can be waited for"));
    }
  }

  template <class Limit>
  [[gnu::always_inline]] result<std::size_t> run(Limit limit) {
    std::size_t chosen = 0;
    status found = status::closed;
    const std::size_t first = Order::first(count_);
    if (!has_span || count_ > 0) [[likely]] {
      with_case(first, [&](auto& which, std::size_t number, std::size_t inner) {
        chosen = number;
        found = which.attempt(inner, [] {});
      });
      if (found) [[likely]]
        return chosen;
    }
    return look_on(first, found, limit);
  }

 private:
  /// What a call needs that has found its first place not ready.
  struct places {
    explicit places(std::size_t count) noexcept : left(count) {}

    std::array<std::uint8_t, most> numbers = all_numbers;  ///< Of which the first `left` are not closed.
    std::size_t left;
    std::size_t chosen = 0;  ///< The case that was tried last.
  };
  /// How far a round of looks has come, and with what answer.
  struct look_round {
    std::size_t looked = 0;
    status answer = status::closed;

    /// A look at the next place has found this, and no success.
    void note(places& all, status found) noexcept {
      if (found == status::closed)
        Order::erase(all.numbers.data() + looked, all.left-- - looked);
      else
        ++looked;
      if (found == status::busy)
        answer = status::busy;
      else if (found != status::closed && answer != status::busy)
        answer = status::empty;
    }
  };

  template <class Limit>
  [[gnu::noinline]] result<std::size_t> look_on(std::size_t first, status found, Limit limit) {
    places all(count_);
    look_round round;
    if (!has_span || count_ > 0) {
      std::swap(all.numbers[0], all.numbers[first]);
      round.note(all, found);
    }
    status answer = look(all, round, nullptr);
    if constexpr (!std::is_same_v<Limit, no_wait>)
      if (!answer && answer != status::closed) answer = wait(all, limit);
    if (!answer) return refused(answer);
    return all.chosen;
  }

  /// Looks at each place that is not closed and has not been looked at in this round, until a case runs.
  [[gnu::noinline]] status look(places& all, look_round round, wait_places* waiting) {
    while (round.looked < all.left) {
      Order::choose(all.numbers.data() + round.looked, all.left - round.looked);
      const std::size_t place = all.numbers[round.looked];
      status found = status::closed;
      with_case(place, [&](auto& which, std::size_t number, std::size_t inner) {
        all.chosen = number;
        found = which.attempt(inner, [&] {
          if (waiting == nullptr) return;
          waiting->looked(place);
          waiting->leave();
        });
      });
      if (found) return found;
      if (waiting != nullptr && found != status::busy) waiting->looked(place);
      round.note(all, found);
    }
    return round.answer;
  }

  template <class Limit>
  status wait(places& all, Limit limit) {
    wait_places waiting;
    typename Limit::watch watch(limit, waiting.place());
    policy how;
    backoff held_up;
    for (;;) {
      waiting.begin_looks();
      const status answer = look(all, {}, &waiting);
      if (answer || answer == status::closed) return answer;
      if (watch.over()) return watch.verdict(answer);
      // Nothing announces the end of that. It is waited for with naps, which a notification ends.
      const bool held = answer == status::busy;
      if (held && !(policy::parks && held_up.naps())) {
        held_up.pause();
      } else if (waiting.prepared()) {
        waiting.sleep(held ? detail::min(watch.deadline(), after(std::chrono::microseconds(held_up.next_nap())))
                           : watch.deadline());
      } else if (held || !polls_again(how, all.left)) {
        waiting.prepare(all.numbers.data(), all.left,
                        [this](std::size_t place) -> wait_point& { return point(place); });
      }
    }
  }

  /// A pause between two rounds, as between two looks of a pop; and one for each further eight looks, so that many queues
  /// are not polled for much longer than one.
  static bool polls_again(policy& how, std::size_t count) noexcept {
    for (std::size_t i = 0; i < count; i += 8)
      if (!how.poll_again()) return false;
    return true;
  }

  wait_point& point(std::size_t place) noexcept {
    wait_point* found = nullptr;
    with_case(place, [&](auto& which, std::size_t, std::size_t inner) { found = &which.point(inner); });
    return *found;
  }

  /// Calls `f` with the case of a place, the case's number, and the place's number in it.
  template <class F>
  [[gnu::always_inline]] void with_case(std::size_t place, F f) {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      if constexpr (has_span)
        static_cast<void>((((I + 1 == sizeof...(Cases) || place < begins_[I + 1]) &&
                            (f(std::get<I>(cases_), I, place - begins_[I]), true)) ||
                           ...));
      else
        static_cast<void>(
            (((I + 1 == sizeof...(Cases) || place == I) && (f(std::get<I>(cases_), I, std::size_t{0}), true)) || ...));
    }(std::index_sequence_for<Cases...>{});
  }

  status refused(status answer) noexcept {
    std::apply([](auto&... cases) { (cases.refused(), ...); }, cases_);
    return answer;
  }

  static constexpr auto all_numbers = [] {
    std::array<std::uint8_t, most> all{};
    for (std::size_t i = 0; i < most; ++i) all[i] = static_cast<std::uint8_t>(i);
    return all;
  }();

  std::tuple<Cases&...> cases_;
  std::array<std::size_t, has_span ? sizeof...(Cases) : 0> begins_{};  ///< Each case's first place.
  std::size_t count_ = has_span ? 0 : sizeof...(Cases);                ///< Of places.
};

/// What all verbs are: a selection that looks in this order, and waits within this limit.
template <class Order, class Limit, class... Cases>
[[gnu::always_inline]] inline result<std::size_t> select_within(Limit limit, Cases&... cases) {
  return selection<Order, std::remove_cvref_t<Cases>...>(cases...).run(limit);
}

}  // namespace detail

/// @name Cases of a select
/// @{

/// Pops a message from `source`, a blocking_queue or a consumer, and calls f(T&&) with it when the queue has been left.
template <detail::pop_source Source, class F>
auto on_pop(Source& source, F&& f) {
  return detail::pop_case<detail::core_of<Source>, F>(detail::core_access::of(source), std::forward<F>(f));
}
/// Pops a message from any of `sources` and calls f(T&&, std::size_t which) with it and the source's number. For the
/// order of looks each source counts as one; in select_in_order they are looked at in their order.
template <detail::pop_source Source, std::size_t Extent, class F>
auto on_pop(std::span<Source, Extent> sources, F&& f) {
  return detail::pop_any_case<Source, F>(sources, std::forward<F>(f));
}
/// Pushes `value` into `sink`, a blocking_queue or a producer, and calls f() when it has gone in: copied if it is an
/// lvalue, moved if it is an rvalue. It is kept by reference, and untouched where another case runs or none.
template <detail::push_sink Sink, class V, class F>
auto on_push(Sink& sink, V&& value, F&& f) {
  return detail::push_case<detail::core_of<Sink>, V, F>(detail::core_access::of(sink), std::forward<V>(value),
                                                        std::forward<F>(f));
}
/// @}

/// @name Select, and wait for a case
/// @{

/// Waits until a case is ready and runs it: its number, or `closed` where every case is closed.
template <detail::select_case... Cases>
result<std::size_t> select(Cases&&... cases) {
  return detail::select_within<detail::by_chance>(detail::no_limit{}, cases...);
}
/// As select, and the first case that is ready runs, as written, instead of each equally often.
template <detail::select_case... Cases>
result<std::size_t> select_in_order(Cases&&... cases) {
  return detail::select_within<detail::as_written>(detail::no_limit{}, cases...);
}
/// @}

#if defined(__cpp_lib_jthread)
/// @name Select, and wait until a stop is requested
/// @{

/// As select and select_in_order, and answers `stopped` when a stop is requested while it waits. Where a case is ready
/// at once, a stop that was requested before changes nothing.
template <detail::select_case... Cases>
result<std::size_t> select(std::stop_token token, Cases&&... cases) {
  return detail::select_within<detail::by_chance>(detail::stop_limit{token, detail::no_limit{}}, cases...);
}
template <detail::select_case... Cases>
result<std::size_t> select_in_order(std::stop_token token, Cases&&... cases) {
  return detail::select_within<detail::as_written>(detail::stop_limit{token, detail::no_limit{}}, cases...);
}
/// @}
#endif

/// @name Select, and wait for so long
/// @{

/// As select and select_in_order, and ends when the time has run out: not before, and later only by what the scheduler
/// takes. Then it answers what its last look found: `empty`; or `busy`, where another thread was in the middle of its
/// own call. A time that is over already means one look; the largest duration never ends. `_for` is measured on the
/// steady clock.
template <class Rep, class Period, detail::select_case... Cases>
result<std::size_t> try_select_for(std::chrono::duration<Rep, Period> limit, Cases&&... cases) {
  return detail::select_within<detail::by_chance>(detail::time_limit{detail::after(limit)}, cases...);
}
template <class Clock, class Duration, detail::select_case... Cases>
result<std::size_t> try_select_until(std::chrono::time_point<Clock, Duration> end, Cases&&... cases) {
  return detail::select_within<detail::by_chance>(detail::time_limit{end}, cases...);
}
template <class Rep, class Period, detail::select_case... Cases>
result<std::size_t> try_select_in_order_for(std::chrono::duration<Rep, Period> limit, Cases&&... cases) {
  return detail::select_within<detail::as_written>(detail::time_limit{detail::after(limit)}, cases...);
}
template <class Clock, class Duration, detail::select_case... Cases>
result<std::size_t> try_select_in_order_until(std::chrono::time_point<Clock, Duration> end, Cases&&... cases) {
  return detail::select_within<detail::as_written>(detail::time_limit{end}, cases...);
}
/// @}

#if defined(__cpp_lib_jthread)
/// @name Select, and wait for so long, or until a stop is requested
/// @{

/// As try_select_for and try_select_until, and answers `stopped` when a stop is requested while it waits.
template <class Rep, class Period, detail::select_case... Cases>
result<std::size_t> try_select_for(std::chrono::duration<Rep, Period> limit, std::stop_token token, Cases&&... cases) {
  return detail::select_within<detail::by_chance>(detail::stop_limit{token, detail::time_limit{detail::after(limit)}},
                                                  cases...);
}
template <class Clock, class Duration, detail::select_case... Cases>
result<std::size_t> try_select_until(std::chrono::time_point<Clock, Duration> end, std::stop_token token,
                                     Cases&&... cases) {
  return detail::select_within<detail::by_chance>(detail::stop_limit{token, detail::time_limit{end}}, cases...);
}
/// @}
#endif

/// @name Select, and never wait
/// @{

/// Never waits: the number of the case that has run, or `empty`, `busy`, or `closed` where every case is closed.
template <detail::select_case... Cases>
result<std::size_t> try_select(Cases&&... cases) {
  return detail::select_within<detail::by_chance>(detail::no_wait{}, cases...);
}
template <detail::select_case... Cases>
result<std::size_t> try_select_in_order(Cases&&... cases) {
  return detail::select_within<detail::as_written>(detail::no_wait{}, cases...);
}
/// @}

}}  // namespace kew::KEW_NAMESPACE
