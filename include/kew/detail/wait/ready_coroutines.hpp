// Coroutines that the calls of a thread have made ready, for those that go on in that thread.
//
// The outermost call of a thread that makes a coroutine ready resumes it, and then all that become ready meanwhile, one
// after the other. So a coroutine whose push makes the next one ready does not stand below it on the stack, however long
// the chain is.
#pragma once

#include <kew/config.hpp>
#include <kew/detail/machine/this_thread.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// Something that can go on, as a member of its thread's list. It may be gone when its function returns.
class ready_coroutine {
 public:
  using function = void (*)(ready_coroutine&) noexcept;

  explicit ready_coroutine(function go_on) noexcept : go_on_(go_on) {}
  ready_coroutine(const ready_coroutine&) = delete;
  ready_coroutine& operator=(const ready_coroutine&) = delete;

 private:
  friend class ready_coroutines;

  function go_on_;
  ready_coroutine* previous_ = nullptr;
  ready_coroutine* next_ = nullptr;
  bool listed_ = false;
};

/// The list of one thread, oldest first.
class ready_coroutines {
 public:
  /// Lets `each` go on in this thread: at once; or, from inside another one that goes on so, as soon as that one has
  /// suspended or ended.
  static void run(ready_coroutine& each) noexcept {
    ready_coroutines& mine = of_this_thread<ready_coroutines>();
    mine.append(each);
    if (mine.running_) return;
    mine.running_ = true;
    while (mine.first_ != nullptr) {
      ready_coroutine& next = *mine.first_;
      mine.erase(next);
      next.go_on_(next);
    }
    mine.running_ = false;
  }

  /// For one that is destroyed before it has gone on, in the thread that would have let it go on.
  static void forget(ready_coroutine& each) noexcept {
    if (each.listed_) of_this_thread<ready_coroutines>().erase(each);
  }

 private:
  void append(ready_coroutine& each) noexcept {
    each.previous_ = last_;
    each.next_ = nullptr;
    each.listed_ = true;
    (last_ ? last_->next_ : first_) = &each;
    last_ = &each;
  }
  void erase(ready_coroutine& each) noexcept {
    (each.previous_ ? each.previous_->next_ : first_) = each.next_;
    (each.next_ ? each.next_->previous_ : last_) = each.previous_;
    each.listed_ = false;
  }

  ready_coroutine* first_ = nullptr;
  ready_coroutine* last_ = nullptr;
  bool running_ = false;
};

}}}  // namespace kew::KEW_NAMESPACE::detail
