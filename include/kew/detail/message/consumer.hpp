// The threads of one subscription: how they start, are asked to stop, and are waited for.
#pragma once

#include <version>

// libc++ before 20 has no std::stop_token, and then there is no broker.
#if defined(__cpp_lib_jthread)

#include <algorithm>
#include <memory>
#include <stop_token>
#include <string_view>
#include <vector>

#include <kew/config.hpp>
#include <kew/detail/machine/clock.hpp>
#include <kew/detail/machine/sync.hpp>
#include <kew/detail/machine/thread.hpp>
#include <kew/detail/wait/mutex.hpp>
#include <kew/detail/wait/wait_point.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// Waits until `holds()`, which is asked with the mutex held, and notifications of the wait point after changes.
template <class Condition>
void wait_until(mutex& guarding, wait_point& place, Condition holds) {
  sleeper waiting(place);
  for (;;) {
    {
      const mutex::guard locked(guarding);
      if (holds()) {
        waiting.satisfied();
        return;
      }
    }
    if (waiting.prepared())
      waiting.sleep(never);
    else if (!waiting.prepare())
      yield();
  }
}

/// Kept alive by its threads, by the subscription and by the broker, whichever goes last.
class consumer {
 public:
  consumer() = default;
  consumer(const consumer&) = delete;
  consumer& operator=(const consumer&) = delete;
  virtual ~consumer() = default;

  /// The name of the queue.
  virtual std::string_view queue() const noexcept = 0;

  /// To be called once. If a thread cannot be started, it throws what std::thread throws, and none is left running.
  static void start(const std::shared_ptr<consumer>& self, unsigned threads) {
    struct starting {
      consumer& whose;
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
      self->threads_.emplace_back([self] {
        self->work(self->stop_.get_token());
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
    std::vector<thread> ending;
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
  /// What each thread does until it is asked to stop, or there is nothing left to do.
  virtual void work(const std::stop_token& stopped) noexcept = 0;

  bool is_listed() const noexcept { return std::ranges::find(running_, this_thread()) != running_.end(); }

  void leave() noexcept {
    {
      const mutex::guard locked(mutex_);
      std::erase(running_, this_thread());
    }
    left_.notify_all();
  }

  std::stop_source stop_;
  mutex mutex_;
  wait_point left_;
  std::vector<thread> threads_;     ///< Those that no call has taken to wait for them.
  std::vector<thread_id> running_;  ///< Those that have not ended.
};

}}}  // namespace kew::KEW_NAMESPACE::detail

#endif
