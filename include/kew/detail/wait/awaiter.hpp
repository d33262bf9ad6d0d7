// A coroutine's wait at a wait point. The awaiter is the entry in the list, so a wait takes no memory.
//
// A told coroutine has been promised nothing: it looks again when it goes on, and if another thread was faster, it is
// suspended once more, before its own code has noticed anything. So a message stays in its queue until the coroutine
// that gets it runs. One that is destroyed at any moment before that has nothing that could be lost but the
// notification, which it passes on.
//
//     await_ready     the first look: claims a message that is there, in its slot
//     await_suspend   prepares the entry, looks again, commits the entry: from then on it may be told at any moment
//     told            by a notifier or a stop: calls schedule, or lets the coroutine go on in this thread
//     go on           looks again; resumes the coroutine, or prepares the entry anew
//     await_resume    the answer: moves out what was claimed, or what was found later
//
// What schedule gets is a handle whose resumption is `go on` (coroutine_frame.hpp), because what an awaiter's
// await_resume finds it can only return.
#pragma once

#include <concepts>
#include <coroutine>
#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>
#include <version>

#if defined(__cpp_lib_jthread)
#include <stop_token>
#endif

#include <kew/config.hpp>
#include <kew/detail/machine/coroutine_frame.hpp>
#include <kew/detail/machine/this_thread.hpp>
#include <kew/detail/ring/slots.hpp>
#include <kew/detail/wait/backoff.hpp>
#include <kew/detail/wait/ends.hpp>
#include <kew/detail/wait/outcome.hpp>
#include <kew/detail/wait/queue_core.hpp>
#include <kew/detail/wait/ready_coroutines.hpp>
#include <kew/detail/wait/wait_point.hpp>
#include <kew/status.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

// ---- What is waited for --------------------------------------------------------------------------------------------
//
// `place()` is where, `attempt()` a look, whose outcome is of type `answer`. The first look, most often the only one, is
// made in two steps, so that an element is moved once, from its slot to where the coroutine wants it: `look()`, and where
// that is a success `take()` makes the answer of the `claim` that it has left, or `drop()` ends that. There is a core,
// unless the handle has been moved from.

template <class Source>
class async_pop_operation {
  using T = typename Source::value_type;
  using Core = core_of<Source>;
  /// A queue always has a core; a handle that was moved from has none.
  static constexpr bool may_have_none = std::is_move_constructible_v<Source>;

 public:
  using answer = result<T>;
  /// Where the ring does not pop in two steps, what it has popped.
  using claim = std::conditional_t<Core::claims, typename Core::pop_claim, result<T>>;

  explicit async_pop_operation(Core* core) noexcept : core_(core) {}

  /// Where `left` points to there is room for a claim, and after a success there is one.
  [[gnu::always_inline]] status look(claim* left) {
    if (is_gone()) [[unlikely]]
      return status::closed;
    if constexpr (Core::claims) {
      return core_->claim_pop(*::new (static_cast<void*>(left)) claim);
    } else {
      ::new (static_cast<void*>(left)) result<T>(core_->try_pop());
      const status found = left->status();
      if (!found) std::destroy_at(left);
      return found;
    }
  }
  [[gnu::always_inline]] answer take(claim& left) {
    if constexpr (Core::claims) {
      return core_->take(left);
    } else {
      const destroyed_on_exit<result<T>> gone{left};
      return answer(std::in_place, *std::move(left));
    }
  }
  void drop(claim& left) noexcept {
    if constexpr (Core::claims)
      core_->drop(left);
    else
      std::destroy_at(&left);
  }

  wait_point& place() noexcept { return core_->items(); }
  result<T> attempt() {
    if (is_gone()) [[unlikely]]
      return status::closed;
    return core_->try_pop();
  }
  static void count(status) noexcept {}

 private:
  bool is_gone() const noexcept { return may_have_none && core_ == nullptr; }

  Core* core_;
};

/// `Value` is a reference: T&& for what is moved in, const T& for what is copied, or to something that becomes a T.
template <class Core, class Value>
class async_push_operation {
 public:
  using answer = status;
  struct claim {};

  async_push_operation(Core* core, Value value) noexcept : core_(core), value_(static_cast<Value>(value)) {}
  async_push_operation(const async_push_operation& other) noexcept
      : core_(other.core_), value_(static_cast<Value>(other.value_)) {}
  async_push_operation& operator=(const async_push_operation&) = delete;

  status look(claim*) { return attempt(); }
  static status take(const claim&) noexcept { return status::success; }
  static void drop(const claim&) noexcept {}

  wait_point& place() noexcept { return core_->room(); }
  status attempt() { return core_ != nullptr ? core_->try_push(static_cast<Value>(value_)) : status::closed; }
  void count(status given) noexcept {
    if (!given && core_ != nullptr) [[unlikely]]
      core_->count_refused(1);
  }

 private:
  Core* core_;
  Value value_;
};

// ---- What else may end the wait: a stop has `requested()`, and a callback that calls a function object -------------

struct never_stops {
  static constexpr bool requested() noexcept { return false; }
  template <class F>
  struct callback {
    callback(const never_stops&, F) noexcept {}
  };
};

#if defined(__cpp_lib_jthread)

struct stops_on_token {
  std::stop_token token;

  bool requested() const noexcept { return token.stop_requested(); }
  template <class F>
  struct callback {
    callback(const stops_on_token& stop, F f) noexcept : registered(stop.token, f) {}
    std::stop_callback<F> registered;
  };
};

#endif

// ---- Where the coroutine goes on -----------------------------------------------------------------------------------

/// In the thread that made it ready.
struct goes_on_there {};

template <class S>
concept scheduler = std::copy_constructible<S> && std::invocable<S&, std::coroutine_handle<>>;

/// A call of a schedule, on the stack of the thread that makes it. Learns when it has resumed the coroutine itself, which
/// may have ended since.
class schedule_call {
 public:
  explicit schedule_call(const void* wait) noexcept : wait_(wait), outer_(innermost()) { innermost() = this; }
  schedule_call(const schedule_call&) = delete;
  schedule_call& operator=(const schedule_call&) = delete;
  ~schedule_call() { innermost() = outer_; }

  /// Its coroutine has gone on inside of it.
  bool is_over() const noexcept { return wait_ == nullptr; }
  static void end(const void* wait) noexcept {
    schedule_call* each = innermost();
    while (each->wait_ != wait) each = each->outer_;
    each->wait_ = nullptr;
  }

 private:
  struct innermost_call {
    schedule_call* call;
  };
  static schedule_call*& innermost() noexcept { return of_this_thread<innermost_call>().call; }

  const void* wait_;
  schedule_call* outer_;
};

/// Calls `work`, and `otherwise` where that throws.
template <class Work, class Otherwise>
void call_or(Work work, [[maybe_unused]] Otherwise otherwise) {
#if defined(__cpp_exceptions)
  try {
    work();
  } catch (...) {
    otherwise();
  }
#else
  work();
#endif
}

// ---- The wait ------------------------------------------------------------------------------------------------------

template <class Operation, class Stop, class Schedule>
class [[nodiscard("it does nothing until it is awaited: co_await it")]] awaiter {
  using answer = typename Operation::answer;
  using claim = typename Operation::claim;

 public:
  awaiter(const Operation& operation, Stop stop, Schedule schedule)
      : operation_(operation), stop_(std::move(stop)), schedule_(std::move(schedule)) {}
  /// For coroutine types that pass on what is awaited, before it is; else it stays where it is.
  awaiter(awaiter&& other)
      : operation_(other.operation_), stop_(std::move(other.stop_)), schedule_(std::move(other.schedule_)) {}
  awaiter& operator=(awaiter&&) = delete;
  ~awaiter() {
    if (state_ != state::idle) [[unlikely]]
      clean_up();
  }

  [[gnu::always_inline]] bool await_ready() {
    if (state_ != state::idle) [[unlikely]]
      return true;
    const status found = operation_.look(&claim_);
    if (found) [[likely]] {
      state_ = state::claims;
      return true;
    }
    return is_over(found);
  }

  // Not inlined into the coroutine, whose frame may be gone when this returns: clang has kept temporaries there
  // (LLVM issue 56301).
  [[gnu::noinline]] bool await_suspend(std::coroutine_handle<> coroutine) {
    if (state_ != state::idle) return false;
    ::new (static_cast<void*>(&answer_)) answer(status::empty);
    ::new (static_cast<void*>(&wait_)) wait(*this, coroutine);
    state_ = state::waits;
    return wait_.suspend();
  }

  [[gnu::always_inline]] answer await_resume() {
    if (state_ != state::claims) [[unlikely]]
      return resume_later();
    const idle_on_exit idle{*this};
    return operation_.take(claim_);
  }

 private:
  class wait;

  enum class state : unsigned char {
    idle,
    claims,  ///< From an await_ready that was a success until await_resume returns: there is a claim.
    closed,  ///< From one that was told so until then.
    waits    ///< From await_suspend until then: there is a wait, and an answer.
  };

  struct idle_on_exit {
    awaiter& of;
    [[gnu::always_inline]] ~idle_on_exit() { of.state_ = state::idle; }
  };

  static bool is_final(status found) noexcept { return found || found == status::closed || found == status::stopped; }

  // What only a coroutine needs that waits, or has waited, is out of line, so that an await that is ready saves no
  // registers for it. But none of these calls returns a result that travels in registers: g++ would make it there also
  // where there was no wait, and ask it again whether it has a value.

  /// Whether a first look that was no success is the end of it.
  [[gnu::noinline]] bool is_over(status found) noexcept {
    if (found != status::closed) return false;
    state_ = state::closed;
    return true;
  }
  [[gnu::always_inline]] answer resume_later() {
    if constexpr (std::is_same_v<answer, status>) {
      return end_wait();
    } else if constexpr (std::is_trivially_copyable_v<answer>) {
      const status given = end_wait();
      if (given) return answer(std::in_place, *answer_);
      return given;
    } else {
      return move_answer();
    }
  }
  [[gnu::noinline]] answer move_answer() {
    static_cast<void>(end_wait());
    const destroyed_on_exit<answer> gone{answer_};
    return std::move(answer_);
  }
  /// What is left is an answer.
  [[gnu::noinline]] status end_wait() {
    if (std::exchange(state_, state::idle) == state::closed) {
      ::new (static_cast<void*>(&answer_)) answer(status::closed);
    } else {
      [[maybe_unused]] const std::exception_ptr error = wait_.error();
      std::destroy_at(&wait_);
#if defined(__cpp_exceptions)
      if (error) {
        std::destroy_at(&answer_);
        std::rethrow_exception(error);
      }
#endif
    }
    operation_.count(status_of(answer_));
    return status_of(answer_);
  }
  [[gnu::noinline]] void clean_up() noexcept {
    switch (state_) {
      case state::idle: break;
      case state::claims: operation_.drop(claim_); break;
      case state::closed: break;
      case state::waits:
        std::destroy_at(&wait_);
        std::destroy_at(&answer_);
        break;
    }
  }

  Operation operation_;
  [[no_unique_address]] Stop stop_;
  [[no_unique_address]] Schedule schedule_;
  state state_ = state::idle;
  // In unions, because a message that is there at once should not pay for what is made for a wait.
  union {
    claim claim_;
    answer answer_;
  };
  union {
    wait wait_;
  };
};

/// There from the moment where the first look was in vain. `coroutine_frame` is what a scheduler's handle points to.
template <class Operation, class Stop, class Schedule>
class awaiter<Operation, Stop, Schedule>::wait : private coroutine_frame, private wait_entry, private ready_coroutine {
 public:
  wait(awaiter& of, std::coroutine_handle<> coroutine)
      : coroutine_frame{resume, destroy},
        wait_entry(tell),
        ready_coroutine(go_on_here),
        of_(of),
        coroutine_(coroutine),
        stop_(std::in_place, of.stop_, stopper{*this}) {}
  wait(const wait&) = delete;
  wait& operator=(const wait&) = delete;
  ~wait() {
    // First: it may be about to tell the entry. By another thread; from inside itself it is not waited for.
    stop_.reset();
    ready_coroutines::forget(*this);
    if (is_entered_) leave();
  }

  /// Returns true when the coroutine is suspended: then it may go on in another thread at any moment, and neither this
  /// object nor the queue may be touched any more.
  bool suspend() {
    for (;;) {
      is_entered_ = true;
      place().prepare(*this);
      place().settle();
      if (is_decided()) {
        leave();
        return false;
      }
      if (place().commit(*this)) return true;
      if (is_decided()) {
        end();
        return false;
      }
    }
  }

  const std::exception_ptr& error() const noexcept { return error_; }

 private:
  struct stopper {
    wait& of;
    void operator()() const noexcept { of.place().tell_one(of); }
  };
  using stop_callback = typename Stop::template callback<stopper>;

  wait_point& place() noexcept { return of_.operation_.place(); }
  status found() const noexcept { return status_of(of_.answer_); }

  /// Makes the answer in its place; should that throw, there is none.
  template <class Make>
  void replace_answer(Make make) {
    struct restored_on_exit {
      answer& place;
      bool is_replaced = false;
      ~restored_on_exit() {
        if (!is_replaced) std::construct_at(&place, status::empty);
      }
    };
    std::destroy_at(&of_.answer_);
    restored_on_exit restored{of_.answer_};
    ::new (static_cast<void*>(&of_.answer_)) answer(make());
    restored.is_replaced = true;
  }

  /// A look; and another one for as long as a third thread is in the middle of its own call, of which nothing announces
  /// the end.
  bool is_decided() {
    backoff held_up;
    for (;;) {
      replace_answer([this]() -> answer { return of_.operation_.attempt(); });
      if (is_final(found())) return true;
      if (of_.stop_.requested()) {
        replace_answer([]() -> answer { return status::stopped; });
        return true;
      }
      if (found() != status::busy) return false;
      held_up.pause();
    }
  }

  /// For one that was told: it has what it was told of, unless it gives up.
  void end() noexcept {
    if (found() == status::stopped) return leave();
    is_entered_ = false;
  }
  /// It takes nothing that it may have been told of: then another one is told.
  void leave() noexcept {
    is_entered_ = false;
    if (!place().remove(*this)) place().notify();
  }

  // ---- Being told: in another thread, or inside a call of the coroutine's own ------------------------------------

  static void tell(wait_entry& entry) noexcept {
    wait& self = static_cast<wait&>(entry);
    if constexpr (std::is_same_v<Schedule, goes_on_there>)
      ready_coroutines::run(self);
    else
      self.call_schedule();
  }

  void call_schedule() noexcept {
    schedule_call here(this);
    const auto call = [this] {
      // A copy, because the coroutine may be gone before the call is over, and all that is in this object.
      Schedule schedule(of_.schedule_);
      std::invoke(schedule, handle());
    };
    call_or(call, [this, &here] {
      // The exception is the coroutine's, and nothing is left that could take it.
      if (here.is_over()) std::terminate();
      place().detach(*this);
      error_ = std::current_exception();
      leave();
      ready_coroutines::run(*this);
    });
  }

  // ---- Going on ---------------------------------------------------------------------------------------------------

  static void KEW_FRAME_CALL resume(coroutine_frame* frame) {
    wait& self = static_cast<wait&>(*frame);
    if (self.goes_on()) self.coroutine_.resume();
  }
  static void KEW_FRAME_CALL destroy(coroutine_frame* frame) { static_cast<wait&>(*frame).coroutine_.destroy(); }
  static void go_on_here(ready_coroutine& ready) noexcept {
    wait& self = static_cast<wait&>(ready);
    if (self.goes_on()) self.coroutine_.resume();
  }

  /// False: it was told in vain, and waits again; this object must not be touched any more.
  bool goes_on() noexcept {
    if (error_) return true;
    [[maybe_unused]] const bool is_inside = place().detach(*this) == call_under_way::here;
    if constexpr (!std::is_same_v<Schedule, goes_on_there>)
      if (is_inside) schedule_call::end(this);
    bool suspended = false;
    const auto look = [this, &suspended] {
      if (is_decided())
        end();
      else
        suspended = suspend();
    };
    call_or(look, [this] {
      // What the element's constructor throws comes out of the co_await.
      error_ = std::current_exception();
      leave();
    });
    return !suspended;
  }

  awaiter& of_;
  std::coroutine_handle<> coroutine_;
  std::exception_ptr error_{};
  bool is_entered_ = false;
  std::optional<stop_callback> stop_;
};

}}}  // namespace kew::KEW_NAMESPACE::detail
