// pop_event: a descriptor that is readable when something may be popped, for poll, epoll, libuv, Asio.
//
//     kew::pop_event event(source);
//     // watch event.native_handle() for reading; when it is readable:
//     event.clear();
//     while (auto message = source.try_pop()) …
//
// Use when     a thread waits in the kernel, for sockets say, and is to wait for a queue as well.
// Avoid when   the thread waits for nothing else: pop. When it waits for several queues: select. With spin_wait and
//              yield_wait, which wake no one: that does not compile.
// Threads      native_handle: any; a change of what it answers, that is clear, the constructor and the destructor: one
//              thread at a time. Several events may watch one queue, beside threads, coroutines and selects that wait;
//              an event takes no wake-up from them, and each event is told of every message.
// Protocol     clear first, then try_pop until it answers `empty` or `closed`: what comes later makes the event readable
//              again. A loop that stops before that, or at `busy`, comes back to the queue without being told. Where
//              other threads pop from the same queue, or in the moment of clear, it may be readable once for nothing.
//              When the queue is closed, also from a handle that was moved from, it is readable for good, as a socket is
//              at the end of its stream: stop watching it when a pop answers `closed`.
// Progress     a push that makes the event readable does so in one system call; it makes none while the event is
//              readable, whatever goes through the queue, and no event costs a queue anything that it does not watch.
//              clear reads where something was written, and else makes no call.
// Lifetime     the source, and with a channel that handle or another consumer of it, lives longer than the event. A
//              handle may be moved meanwhile: the event watches the channel.
// Ordering     what was pushed before the event became readable is there for the pops after clear.
// Errors       the constructor throws std::system_error, which names the call, where there is no descriptor left.
// Systems      Linux: an eventfd. Windows: an event, whose handle is for WaitForMultipleObjects. Elsewhere: a pipe.
// Source       detail/wait/wait_point.hpp: it is an entry there that watches.
#pragma once

#include <type_traits>

#include <kew/config.hpp>
#include <kew/detail/machine/kernel_event.hpp>
#include <kew/detail/machine/sync.hpp>
#include <kew/detail/wait/ends.hpp>
#include <kew/detail/wait/wait_point.hpp>

namespace kew { inline namespace KEW_NAMESPACE {

/// Readable when something may be popped from its source, or when that is closed; pop_event.hpp says how to use it.
/// Neither copyable nor movable.
class pop_event {
 public:
  /// What native_handle() answers: a descriptor, and on Windows a HANDLE.
  using native_handle_type = detail::kernel_event::handle;

  /// Watches `source`, a blocking_queue or a consumer, from now on; readable at once where something is inside. Throws
  /// std::system_error.
  template <detail::pop_source Source>
  explicit pop_event(Source& source) : pop_event(detail::core_access::of(source)) {}

  pop_event(const pop_event&) = delete;  // it stands in a list of its queue
  pop_event& operator=(const pop_event&) = delete;

  ~pop_event() {
    if (items_) items_->remove(entry_);
  }

  /// For poll and its like, to be watched for reading. Belongs to the event; the same for as long as that lives.
  native_handle_type native_handle() const noexcept { return event_.native(); }

  /// Makes it not readable, unless the queue is closed. Pop then until nothing is left.
  void clear() noexcept {
    // relaxed: a thread that has found the event readable knows it. Else nothing was written, and it is watching still.
    if (!told_.load(detail::relaxed) || is_closed()) return;
    items_->remove(entry_);  // waits for the notifier, so that what it writes is there
    event_.reset();
    told_.store(false, detail::relaxed);
    watch();
    if (is_closed()) be_readable();
  }

 private:
  struct watcher : detail::wait_entry {
    explicit watcher(pop_event& owner) noexcept
        : wait_entry([](wait_entry& entry) noexcept { static_cast<watcher&>(entry).event.set(); },
                     detail::attention::watches),
          event(owner) {}
    pop_event& event;
  };

  template <class Core>
  explicit pop_event(Core* queue)
      : queue_(queue),
        is_closed_([](const void* of) noexcept { return static_cast<const Core*>(of)->is_closed(); }),
        items_(queue ? &queue->items() : nullptr) {
    static_assert(Core::wait_type::parks,
                  "kew: a queue that waits by spin_wait or yield_wait wakes no one, so it tells no event");
    if (!items_) {
      set();
      return;
    }
    watch();
    if (queue->size_approx() > 0 || is_closed()) be_readable();
  }

  bool is_closed() const noexcept { return !queue_ || is_closed_(queue_); }

  /// What was pushed before is found by a look after this; what comes later tells the event.
  void watch() noexcept {
    items_->add(entry_);
    items_->settle();
  }

  /// Unless a notifier makes it so.
  void be_readable() noexcept {
    if (items_->remove(entry_)) set();
  }

  void set() noexcept {
    told_.store(true, detail::relaxed);  // before the write: a thread that sees what was written sees this
    event_.set();
  }

  const void* queue_;
  bool (*is_closed_)(const void* queue) noexcept;
  detail::wait_point* items_;
  detail::kernel_event event_;
  detail::atomic<bool> told_{false};  ///< It is readable, or about to be, and not in the list.
  watcher entry_{*this};
};

}}  // namespace kew::KEW_NAMESPACE
