// The threads of one subscription: how they start, are asked to stop, and are waited for.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>
#include <version>

#if defined(__cpp_lib_jthread)
#include <stop_token>
#endif

#include <kew/config.hpp>
#include <kew/detail/machine/clock.hpp>
#include <kew/detail/machine/thread.hpp>
#include <kew/detail/wait/condition.hpp>
#include <kew/detail/wait/mutex.hpp>

// libc++ before 20 has no std::stop_token, and then there is no broker.
#if defined(__cpp_lib_jthread)

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// Waits until `holds()`, which is asked with the mutex held, and granted wake-ups after each change.
template <class Holds>
void wait_until(mutex& guarding, condition& changed, Holds holds) {
  mutex::guard locked(guarding);
  while (!holds()) {
    const condition::ticket ticket = changed.enter();
    locked.unlock();
    changed.sleep(ticket, never);
    locked.lock();
    changed.leave();
  }
}

/// Kept alive by its threads, by the subscription and by the broker. What the threads do, and with that a user's handler,
/// is theirs alone: it is gone when they are.
class consumer_threads {
 public:
  /// Of the queue of this name.
  explicit consumer_threads(std::string queue) noexcept : queue_(std::move(queue)) {}
  consumer_threads(const consumer_threads&) = delete;
  consumer_threads& operator=(const consumer_threads&) = delete;

  const std::string& queue() const noexcept { return queue_; }

  /// Each thread calls `work->run(its number from 0, stop_token)`. To be called once. If a thread cannot be started, it throws what
  /// std::thread throws, and none is left running.
  template <class Work>
  static void start(const std::shared_ptr<consumer_threads>& self, unsigned threads,
                    const std::shared_ptr<Work>& work) {
    struct starting {
      consumer_threads& whose;
      bool done = false;
      ~starting() {
        if (done) return;
        whose.stop();
        whose.join();
      }
    } all{*self};
    for (unsigned i = 0; i < threads; ++i) {
      const mutex::guard locked(self->mutex_);
      self->threads_.reserve(threads);
      self->running_.reserve(threads);
      self->threads_.emplace_back([self, i, work = std::shared_ptr<Work>(work)]() mutable {
        work->run(i, self->stop_.get_token());
        work.reset();
        self->leave();
      });
      self->running_.push_back(self->threads_.back().get_id());
    }
    all.done = true;
  }

  /// Asks the threads to end after the message that each is at.
  void stop() noexcept { stop_.request_stop(); }

  /// Waits until the threads have ended. From one of them: until the others have, and it ends by itself.
  void join() {
    std::vector<detail::thread> ending;
    {
      const mutex::guard locked(mutex_);
      ending.swap(threads_);
    }
    for (thread& each : ending)
      if (each.get_id() == this_thread())
        each.detach();
      else
        each.join();
    // Another call may have taken the threads, and wait for them now.
    wait_until(mutex_, left_, [this] { return running_.size() == (is_listed() ? 1 : 0); });
  }

  /// Whether the caller is one of the threads.
  bool is_mine() noexcept {
    const mutex::guard locked(mutex_);
    return is_listed();
  }

 private:
  bool is_listed() const noexcept { return std::ranges::find(running_, this_thread()) != running_.end(); }

  void leave() noexcept {
    mutex::guard locked(mutex_);
    std::erase(running_, this_thread());
    const std::size_t granted = left_.grant(SIZE_MAX);
    locked.unlock();
    left_.wake(granted);
  }

  const std::string queue_;
  std::stop_source stop_;
  mutex mutex_;
  condition left_;
  std::vector<detail::thread> threads_;  ///< Those that no call has taken to wait for them.
  std::vector<thread_id> running_;       ///< Those that have not ended.
};

}}}  // namespace kew::KEW_NAMESPACE::detail

#endif
