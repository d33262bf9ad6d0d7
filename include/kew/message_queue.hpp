// message_queue and delivery: messages that are not lost, behind one face that memory, disk and brokers share.
//
// Use when     a message stands for work that must be done, also where the thread that took it throws, hangs or gives
//              up: receive() lends a message, and only ack() takes it out of the queue. For code that should not care
//              where its messages are kept.
// Avoid when   an element that was popped may be lost with its consumer: blocking_queue.hpp and channel.hpp are faster.
// Threads      a message_queue: any number, any call. A delivery belongs to one thread at a time, any thread; its verdict
//              need not be given by the thread that received it.
// Delivery     at least once. A message is handed over again after a delivery that ended without a verdict (by a throw,
//              say), after its timeout, and after requeue(); so a handler may meet the same message twice.
// Failures     max_attempts counts failures: a delivery destroyed without a verdict, a timeout, a crash. requeue() is the
//              holder's own wish and none. attempt() counts deliveries, whatever the reason.
// Ordering     first in, first out, as far as traits().ordered says so: a message that comes back goes behind those that
//              are ready, and so does one whose delay is over.
// Progress     publish waits for room and receive for a message. Both wake for timers too, so no thread of the queue's
//              own is needed where somebody waits; where nobody does, the next call of any kind does what is due.
// Errors       a status, or false of a verdict that comes too late. Exceptions: std::bad_alloc, and what T's copy or move
//              throws; then the message is where it was, unless the implementation's header says otherwise.
// Beware       a consumer that waits in receive() for `closed` while it holds a delivery itself waits for that one until
//              its timeout: give the verdict first, or ask by try_receive_for.
//
// What T is delivered: where T can be copied, each delivery has a copy of its own, and what comes back is as it was
// published, whatever the holder did with its copy. A T that can only be moved is moved into the delivery and back; so
// after a timeout it comes back only when the late holder lets go of it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <version>

#if defined(__cpp_lib_jthread)
#include <stop_token>
#endif

#include <kew/concepts.hpp>
#include <kew/config.hpp>
#include <kew/detail/machine/clock.hpp>
#include <kew/detail/message/any_limit.hpp>
#include <kew/detail/message/delivery_owner.hpp>
#include <kew/detail/wait/limits.hpp>
#include <kew/queue_options.hpp>
#include <kew/status.hpp>

namespace kew { inline namespace KEW_NAMESPACE {

namespace detail {

/// For what extends a delivery beside its holder, or ends it without a verdict.
struct delivery_access {
  template <class Delivery>
  static auto& owner(Delivery& of) noexcept {
    return *of.owner_;
  }
  template <class Delivery>
  static const delivery_ticket& ticket(const Delivery& of) noexcept {
    return of.ticket_;
  }
  /// The owner will be told of its end by the caller.
  template <class Delivery>
  static const delivery_ticket& release(Delivery& of) noexcept {
    of.owner_ = nullptr;
    return of.ticket_;
  }
};

}  // namespace detail

/// A message, and the duty to say what became of it: ack(), requeue() or reject(), once. Destroyed without one of them,
/// the message goes back, and that is a failure of its attempt. May outlive its queue; then verdicts answer false.
/// Move-only; belongs to one thread at a time.
template <class T>
class [[nodiscard("without a verdict the message goes back as a failure")]] delivery {
  template <class Rep, class Period>
  using duration = std::chrono::duration<Rep, Period>;

 public:
  using value_type = T;  ///< What is delivered.

  /// For implementations of message_queue: from now on `owner` is told of this delivery by `ticket`. `why` says why it
  /// is a dead letter, or is null. The message is made from `arguments`; if that throws, the owner is not told.
  template <class... A>
    requires std::is_constructible_v<T, A...>
  explicit delivery(detail::delivery_owner<T>& owner, const detail::delivery_ticket& ticket, unsigned attempt,
                    std::unique_ptr<const std::string> why, A&&... arguments)
      : message_(std::forward<A>(arguments)...),
        ticket_(ticket),
        owner_(&owner),
        why_(std::move(why)),
        attempt_(attempt) {}

  /// Takes over the message and the duty.
  delivery(delivery&& other) noexcept(std::is_nothrow_move_constructible_v<T>)
      : message_(std::move(other.message_)),
        ticket_(other.ticket_),
        owner_(std::exchange(other.owner_, nullptr)),
        why_(std::move(other.why_)),
        attempt_(other.attempt_) {}
  /// The same; what was held before goes back first, as by the destructor.
  delivery& operator=(delivery&& other) noexcept(std::is_nothrow_move_assignable_v<T>)
    requires std::is_move_assignable_v<T>
  {
    if (this == &other) return *this;
    give_back();
    message_ = std::move(other.message_);
    ticket_ = other.ticket_;
    owner_ = std::exchange(other.owner_, nullptr);
    why_ = std::move(other.why_);
    attempt_ = other.attempt_;
    return *this;
  }
  /// Without a verdict: the message goes back, and that is a failure.
  ~delivery() { give_back(); }

  /// The message.
  /// @{
  T& operator*() & noexcept { return message_; }
  const T& operator*() const& noexcept { return message_; }
  T&& operator*() && noexcept { return std::move(message_); }
  T* operator->() noexcept { return std::addressof(message_); }
  const T* operator->() const noexcept { return std::addressof(message_); }
  /// @}

  /// 1 for the first delivery of this message, 2 for the next …
  unsigned attempt() const noexcept { return attempt_; }

  /// Of a dead letter: the reason that was given to reject(), or "failed 5 times". Else empty. Valid as long as this
  /// delivery is.
  std::string_view reason() const noexcept { return why_ ? std::string_view(*why_) : std::string_view(); }

  /// @name Verdicts
  /// False where it is too late, or one was given already. One that throws was not given.
  /// @{

  /// The work is done: the message leaves the queue.
  bool ack() { return settle({detail::verdict_kind::ack, {}, {}}); }
  /// Not now: the message goes back, behind those that are ready. Not a failure.
  bool requeue() { return settle({detail::verdict_kind::requeue, {}, {}}); }
  /// The same, and the message is not ready before `delay` from now is over. The largest never ends.
  template <class Rep, class Period>
  bool requeue(duration<Rep, Period> delay) {
    return settle({detail::verdict_kind::requeue, detail::to_nanoseconds(delay), {}});
  }
  /// Never: the message goes to the dead letters, with this reason.
  bool reject(std::string_view reason = "") { return settle({detail::verdict_kind::reject, {}, reason}); }
  /// @}

  /// @name While the work goes on
  /// @{

  /// Moves the timeout to `longer` from now, be that later or earlier; the largest duration lets it never end. False
  /// where it is too late. No verdict.
  template <class Rep, class Period>
  bool extend(duration<Rep, Period> longer) {
    return owner_ != nullptr && owner_->extend(ticket_, detail::to_nanoseconds(longer));
  }
  /// @}

 private:
  friend detail::delivery_access;

  bool settle(const detail::verdict& given) {
    if (owner_ == nullptr) return false;
    const bool counts = owner_->settle(ticket_, given, message_);
    owner_ = nullptr;  // if that threw, the duty stays
    return counts;
  }
  void give_back() noexcept {
    if (owner_ != nullptr) std::exchange(owner_, nullptr)->give_back(ticket_, message_);
  }

  T message_;
  detail::delivery_ticket ticket_;
  detail::delivery_owner<T>* owner_;
  std::unique_ptr<const std::string> why_;
  unsigned attempt_;
};

/// A queue of messages, each of which is there until it is acknowledged or dead. message_queue.hpp says what is promised
/// of every one; work_queue.hpp is the one in memory. Neither copyable nor movable; to be destroyed when no thread is
/// inside any of its calls, and deliveries may outlive it.
template <class T>
class message_queue {
  static_assert(detail::element_requirements<T>::met);
  static_assert(std::is_move_constructible_v<T>, "kew: a message is moved into its queue");

  template <class Rep, class Period>
  using duration = std::chrono::duration<Rep, Period>;

 public:
  using value_type = T;  ///< What is passed on.

  message_queue(const message_queue&) = delete;  // a queue stays where its threads know it: share a pointer to it
  message_queue& operator=(const message_queue&) = delete;
  virtual ~message_queue() = default;

  /// @name Publish
  /// @{

  /// Waits for room: `success`, and then the message is kept as safely as traits() says; or `closed`.
  status publish(T message) { return do_publish(message, {}); }
#if defined(__cpp_lib_jthread)
  /// The same, or `stopped` when a stop is requested while it waits.
  status publish(T message, std::stop_token token) {
    detail::any_limit limit;
    limit.token = &token;
    return do_publish(message, limit);
  }
#endif
  /// Never waits: `success`, `full` or `closed`. What is no success has left `message` untouched.
  status try_publish(T&& message) {
    detail::any_limit limit;
    limit.at_once = true;
    return do_publish(message, limit);
  }
  /// Waits for room so long: `success`, `full` or `closed`. What is no success has left `message` untouched.
  template <class Rep, class Period>
  status try_publish_for(T&& message, duration<Rep, Period> longest) {
    detail::any_limit limit;
    limit.end = detail::after(longest);
    return do_publish(message, limit);
  }
  /// Waits for room for each: how many from the front are safe, and moved from; fewer than there are where the queue was
  /// closed.
  std::size_t publish_n(std::span<T> messages) { return do_publish_n(messages); }
  /// @}

  /// @name Receive
  /// @{

  /// Waits for a message; `closed` where the queue is closed and none is ready, delayed or outstanding.
  result<delivery<T>> receive() { return do_receive({}); }
#if defined(__cpp_lib_jthread)
  /// The same, or `stopped` when a stop is requested while it waits.
  result<delivery<T>> receive(std::stop_token token) {
    detail::any_limit limit;
    limit.token = &token;
    return do_receive(limit);
  }
#endif
  /// Never waits: a delivery, `empty` or `closed`.
  result<delivery<T>> try_receive() {
    detail::any_limit limit;
    limit.at_once = true;
    return do_receive(limit);
  }
  /// Waits for so long: a delivery, `empty` or `closed`. Measured on the steady clock; a time that is over already means
  /// one look; the largest duration never ends.
  template <class Rep, class Period>
  result<delivery<T>> try_receive_for(duration<Rep, Period> longest) {
    detail::any_limit limit;
    limit.end = detail::after(longest);
    return do_receive(limit);
  }
  /// @}

  /// Ends publishing: from now on it answers `closed`. receive answers `closed` when nothing is ready, delayed or
  /// outstanding any more. Any number of times.
  virtual void close() = 0;

  /// Where messages go that were rejected, or failed max_attempts times. The same object each time, which lives as long
  /// as this queue. Its own dead letters are itself: what is rejected there goes behind the others, with the new reason.
  virtual message_queue<T>& dead_letters() = 0;

  /// A reading in which published = ready + delayed + outstanding + acked + dead.
  virtual queue_counts counts() = 0;

  /// What this implementation can do: always the same.
  virtual queue_traits traits() = 0;

 protected:
  message_queue() = default;

  /// What an implementation writes. `message` is moved from only where the answer is success.
  /// @{
  virtual status do_publish(T& message, const detail::any_limit& limit) = 0;
  virtual result<delivery<T>> do_receive(const detail::any_limit& limit) = 0;
  virtual std::size_t do_publish_n(std::span<T> messages) {
    std::size_t count = 0;
    while (count < messages.size() && do_publish(messages[count], {})) ++count;
    return count;
  }
  /// @}
};

}}  // namespace kew::KEW_NAMESPACE
