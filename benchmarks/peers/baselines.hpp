// What everybody knows, and what nobody can beat: a mutex with condition variables; whole blocks handed over with one
// flag each; a bare futex. The last two are limits, not queues, and are not ranked.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <type_traits>
#include <utility>

#include <kew/detail/machine/clock.hpp>
#include <kew/detail/machine/futex.hpp>

#include "../harness.hpp"

namespace bench {

/// As in every textbook; it notifies after unlocking.
template <class T>
class mutex_queue {
 public:
  using value_type = T;
  static constexpr auto name = "mutex + condition variables";

  mutex_queue(std::size_t capacity, shape) : capacity_(capacity) {}

  void push(T& item) {
    {
      std::unique_lock lock(mutex_);
      room_.wait(lock, [&] { return items_.size() < capacity_; });
      items_.push_back(std::move(item));
    }
    filled_.notify_one();
  }
  bool pop(T& item) {
    {
      std::unique_lock lock(mutex_);
      filled_.wait(lock, [&] { return !items_.empty() || closed_; });
      if (items_.empty()) return false;
      item = std::move(items_.front());
      items_.pop_front();
    }
    room_.notify_one();
    return true;
  }
  bool try_pop(T& item) {
    {
      const std::lock_guard lock(mutex_);
      if (items_.empty()) return false;
      item = std::move(items_.front());
      items_.pop_front();
    }
    room_.notify_one();
    return true;
  }
  void close() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    filled_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable room_;
  std::condition_variable filled_;
  std::deque<T> items_;
  std::size_t capacity_;
  bool closed_ = false;
};

/// Blocks of 4 KiB, each with a flag that says how many items are inside, on a line of its own.
template <class T>
class block_hand_over {
 public:
  using value_type = T;
  static constexpr auto name = "limit: whole 4 KiB blocks";
  static constexpr std::size_t whole_batch = 4096 / sizeof(T);

  block_hand_over(std::size_t capacity, shape)
      : count_(std::max<std::size_t>(2, capacity / whole_batch)), blocks_(std::make_unique<block[]>(count_)) {}

  std::size_t try_push_n(T* items, std::size_t n) {
    block& here = blocks_[filling_];
    if (here.filled.load(std::memory_order_acquire) != 0) return 0;
    std::copy_n(items, n, here.items);
    here.filled.store(n, std::memory_order_release);
    filling_ = filling_ + 1 == count_ ? 0 : filling_ + 1;
    return n;
  }
  std::size_t try_pop_n(T* items, std::size_t) {
    block& here = blocks_[emptying_];
    const std::size_t n = here.filled.load(std::memory_order_acquire);
    if (n == 0) return 0;
    std::copy_n(here.items, n, items);
    here.filled.store(0, std::memory_order_release);
    emptying_ = emptying_ + 1 == count_ ? 0 : emptying_ + 1;
    return n;
  }

 private:
  struct alignas(64) block {
    std::atomic<std::size_t> filled{0};
    alignas(64) T items[whole_batch];
  };

  std::size_t count_;
  std::unique_ptr<block[]> blocks_;
  alignas(64) std::size_t filling_ = 0;
  alignas(64) std::size_t emptying_ = 0;
};

/// One message at a time, asleep until it is there: what the kernel takes for any queue that sleeps.
template <class T>
class futex_mailbox {
 public:
  using value_type = T;
  static constexpr auto name = "limit: bare futex";

  futex_mailbox(std::size_t, shape) {}

  void push(T& item) {
    poll([&] { return full_.load(std::memory_order_acquire) == 0; });
    item_ = item;
    full_.store(1, std::memory_order_release);
    kew::detail::futex_wake(full_, 1);
  }
  bool pop(T& item) {
    while (full_.load(std::memory_order_acquire) == 0) kew::detail::futex_wait(full_, 0, kew::detail::never);
    item = item_;
    full_.store(0, std::memory_order_release);
    return true;
  }
  bool try_pop(T& item) { return full_.load(std::memory_order_acquire) != 0 && pop(item); }
  bool try_push(T& item) { return full_.load(std::memory_order_acquire) == 0 && (push(item), true); }

 private:
  std::atomic<std::uint32_t> full_{0};
  T item_{};
};

template <class T>
using block_limit = std::conditional_t<std::is_integral_v<T>, contenders<block_hand_over<T>>, contenders<>>;

}  // namespace bench
