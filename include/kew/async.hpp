// async_pop, async_push: coroutines that wait for a queue, beside threads, selects and pop_events.
//
//     kew::result<order> next = co_await kew::async_pop(orders);
//     kew::status sent = co_await kew::async_push(replies, std::move(reply), stop_token, on_my_pool);
//
// Use when     a coroutine of any type has to wait for a message or for room.
// Avoid when   a thread can wait itself: pop and push cost less. For an event loop that waits on file descriptors:
//              pop_event.hpp. A queue with spin_wait or yield_wait wakes nobody, and is refused. Over-aligned elements:
//              the frame of a C++20 coroutine, which holds the answer, need not have their alignment.
// Where        A coroutine that has waited goes on where `schedule` says: a function object, called with a
//              std::coroutine_handle<> when the coroutine can go on; it is to be resumed once, or destroyed in its place.
//              The handle is not the coroutine's own, although resuming or destroying it does what it does there: it
//              has no promise, must not be asked done(), and stands for this wait only. Without schedule the
//              coroutine goes on in the thread that made it ready, inside that thread's push, pop, close or
//              request_stop. There a thread resumes one coroutine at a time: one that becomes ready inside another
//              one that goes on so waits until that has suspended or ended, so that no chain of them, however long,
//              makes the stack deeper. Therefore such a coroutine must not block its thread until another one has
//              answered.
// Threads      As pop and push: where the ring allows one consumer, one coroutine or thread at a time is it.
// schedule     is copied for each call, and what it refers to has to live on until the call is over. It may be called
//              more than once in a wait: where another thread was faster, the coroutine is suspended again before its
//              own code goes on. It may resume the handle itself. If it throws, it has not kept the handle: its
//              exception comes out of the co_await, in the thread that made the coroutine ready; the message stays
//              in the queue, and another waiter is told.
// Destroying   A coroutine may be destroyed while it waits, and loses nothing: the message is for the next one that
//              waits, else for the next pop. With schedule, that is so at any moment before it goes on, also when
//              schedule is being called by another thread: then the destructor waits until the call has returned,
//              and must hold no lock which schedule takes. After that the handle must not be resumed: so it is
//              destroyed where it would be resumed, by the executor's thread, or the executor forgets the handle.
//              Without schedule, it is destroyed by a thread that keeps all others from making it ready meanwhile.
// By hand      What async_pop returns claims a message that is there when await_ready is called, and await_resume moves it
//              out of its slot: once. In a co_await nothing comes between. Where something does, the pop is under way as
//              try_consume is while its function runs: that slot is taken, and where the ring allows one consumer, no
//              other pop may begin. Destroyed then, it is a pop whose result is thrown away: the message is gone, its
//              slot free, and a waiting push told.
// Lifetimes    The source or sink, its handle, and the value that is pushed are referred to until the wait ends; the
//              value is moved from only where the answer is success.
// Progress     A wait allocates nothing and uses no processor time. It ends with the push, pop, close or stop that it
//              waits for, unless the thread that makes that call is stopped before it has told the coroutine. A
//              coroutine that goes on and finds another thread in the middle of its own call of the queue pauses,
//              yields and naps until that has returned, as pop and push do; without schedule that happens inside the
//              call that made it ready. So without schedule no coroutine goes on inside try_consume's function, or an
//              element's constructor, that waits for the same queue.
// Cost         An await that finds a message takes at most 1.3 times as many instructions as try_pop, for integers and
//              strings; a test counts them.
// Ordering     As pop and push. Coroutines are told in the order in which they have begun to wait, in turn with
//              threads.
// Errors       What an element's constructor throws comes out of the co_await. A coroutine whose exception leaves its
//              resumption without schedule ends the program.
// Source       detail/wait/awaiter.hpp, detail/wait/wait_point.hpp.
#pragma once

#include <concepts>
#include <type_traits>
#include <utility>
#include <version>

#if defined(__cpp_lib_jthread)
#include <stop_token>
#endif

#include <kew/config.hpp>
#include <kew/detail/wait/awaiter.hpp>
#include <kew/detail/wait/ends.hpp>
#include <kew/status.hpp>

namespace kew { inline namespace KEW_NAMESPACE {

namespace detail {

/// What async_pop answers, for any kind of stop and of schedule.
template <class Source, class Stop, class Schedule>
auto make_async_pop(Source& source, Stop stop, Schedule schedule) {
  static_assert(pop_source<Source>, "kew: async_pop is for a blocking_queue or a consumer");
  static_assert(core_of<Source>::wakes, "kew: a queue with spin_wait or yield_wait wakes no coroutine");
  using operation = async_pop_operation<Source>;
  return awaiter<operation, Stop, Schedule>(operation(core_access::of(source)), std::move(stop), std::move(schedule));
}

/// What async_push answers.
template <class Sink, class U, class Stop, class Schedule>
auto make_async_push(Sink& sink, U&& value, Stop stop, Schedule schedule) {
  static_assert(push_sink<Sink>, "kew: async_push is for a blocking_queue or a producer");
  static_assert(core_of<Sink>::wakes, "kew: a queue with spin_wait or yield_wait wakes no coroutine");
  static_assert(
      std::is_convertible_v<U, typename Sink::value_type>,
      "kew: what async_push is given becomes an element; where that cannot be copied, pass it on by std::move");
  using operation = async_push_operation<core_of<Sink>, U&&>;
  return awaiter<operation, Stop, Schedule>(operation(core_access::of(sink), std::forward<U>(value)), std::move(stop),
                                            std::move(schedule));
}

}  // namespace detail

/// @name Pop, and let a coroutine wait
/// @{

/// `co_await` it: an element, or `closed` only when closed and drained. Refers to `source`, a blocking_queue or a
/// consumer, until the wait ends. async.hpp says where the coroutine goes on, and how it may be destroyed.
template <class Source>
auto async_pop(Source& source) {
  return detail::make_async_pop(source, detail::never_stops{}, detail::goes_on_there{});
}
/// The same, and the coroutine goes on where `schedule` says.
template <class Source, detail::scheduler Schedule>
auto async_pop(Source& source, Schedule schedule) {
  return detail::make_async_pop(source, detail::never_stops{}, std::move(schedule));
}
#if defined(__cpp_lib_jthread)
/// The same, and answers `stopped` when a stop is requested while it waits. Where an element is there at once, a stop
/// that was requested before changes nothing.
template <class Source>
auto async_pop(Source& source, std::stop_token token) {
  return detail::make_async_pop(source, detail::stops_on_token{std::move(token)}, detail::goes_on_there{});
}
/// The same, and the coroutine goes on where `schedule` says.
template <class Source, detail::scheduler Schedule>
auto async_pop(Source& source, std::stop_token token, Schedule schedule) {
  return detail::make_async_pop(source, detail::stops_on_token{std::move(token)}, std::move(schedule));
}
#endif
/// @}

/// @name Push, and let a coroutine wait
/// @{

/// `co_await` it, in the same expression: `success`, or `closed`. Refers to `sink`, a blocking_queue or a producer, and
/// to `value` until the wait ends; copies an lvalue, moves an rvalue, and leaves both untouched where it has not pushed.
/// async.hpp says where the coroutine goes on, and how it may be destroyed.
template <class Sink, class U>
auto async_push(Sink& sink, U&& value) {
  return detail::make_async_push(sink, std::forward<U>(value), detail::never_stops{}, detail::goes_on_there{});
}
/// The same, and the coroutine goes on where `schedule` says.
template <class Sink, class U, detail::scheduler Schedule>
auto async_push(Sink& sink, U&& value, Schedule schedule) {
  return detail::make_async_push(sink, std::forward<U>(value), detail::never_stops{}, std::move(schedule));
}
#if defined(__cpp_lib_jthread)
/// The same, and answers `stopped` when a stop is requested while it waits. Where there is room at once, a stop that was
/// requested before changes nothing.
template <class Sink, class U>
auto async_push(Sink& sink, U&& value, std::stop_token token) {
  return detail::make_async_push(sink, std::forward<U>(value), detail::stops_on_token{std::move(token)},
                                 detail::goes_on_there{});
}
/// The same, and the coroutine goes on where `schedule` says.
template <class Sink, class U, detail::scheduler Schedule>
auto async_push(Sink& sink, U&& value, std::stop_token token, Schedule schedule) {
  return detail::make_async_push(sink, std::forward<U>(value), detail::stops_on_token{std::move(token)},
                                 std::move(schedule));
}
#endif
/// @}

}}  // namespace kew::KEW_NAMESPACE
