// Coroutine types and an executor for tests, each as small as such things can be.
#pragma once

#include <coroutine>
#include <cstddef>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace kew_test {

/// A coroutine that starts at once and belongs to an object, which destroys it wherever it stands then. What leaves it
/// as an exception ends the program.
class task {
 public:
  struct promise_type {
    task get_return_object() noexcept { return task(std::coroutine_handle<promise_type>::from_promise(*this)); }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_always final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    void unhandled_exception() const noexcept { std::terminate(); }
  };

  task() noexcept = default;
  task(task&& other) noexcept : mine_(std::exchange(other.mine_, nullptr)) {}
  task& operator=(task&& other) noexcept {
    std::swap(mine_, other.mine_);
    return *this;
  }
  ~task() { destroy(); }

  /// Whether it has ended, or was destroyed.
  bool done() const noexcept { return !mine_ || mine_.done(); }
  void destroy() noexcept {
    if (mine_) std::exchange(mine_, nullptr).destroy();
  }
  /// Leaves it to another one to destroy it.
  void release() noexcept { mine_ = nullptr; }

 private:
  explicit task(std::coroutine_handle<> mine) noexcept : mine_(mine) {}

  std::coroutine_handle<> mine_{};
};

/// A coroutine that starts when it is told to, and whose promise hands on what is awaited, by value.
class lazy {
 public:
  struct promise_type {
    lazy get_return_object() noexcept { return lazy(std::coroutine_handle<promise_type>::from_promise(*this)); }
    std::suspend_always initial_suspend() const noexcept { return {}; }
    std::suspend_always final_suspend() const noexcept { return {}; }
    template <class Awaitable>
    Awaitable await_transform(Awaitable awaitable) const noexcept {
      return awaitable;
    }
    void return_void() const noexcept {}
    void unhandled_exception() const noexcept { std::terminate(); }
  };

  lazy(lazy&& other) noexcept : mine_(std::exchange(other.mine_, nullptr)) {}
  lazy& operator=(lazy&&) = delete;
  ~lazy() {
    if (mine_) mine_.destroy();
  }

  void start() const { mine_.resume(); }

 private:
  explicit lazy(std::coroutine_handle<> mine) noexcept : mine_(mine) {}

  std::coroutine_handle<> mine_;
};

/// Resumes coroutines, where its run() is called.
class run_loop {
 public:
  auto schedule() noexcept {
    return [this](std::coroutine_handle<> ready) {
      const std::lock_guard lock(mutex_);
      ready_.push_back(ready);
    };
  }

  std::size_t size() {
    const std::lock_guard lock(mutex_);
    return ready_.size();
  }
  /// Until nothing is left.
  void run() {
    for (auto all = take(); !all.empty(); all = take())
      for (const std::coroutine_handle<> each : all) each.resume();
  }
  template <class Done>
  void run_until(Done done) {
    while (!done()) {
      run();
      std::this_thread::yield();
    }
  }
  void destroy_all() {
    for (const std::coroutine_handle<> each : take()) each.destroy();
  }
  /// What is left was destroyed.
  void forget() { take(); }

 private:
  std::vector<std::coroutine_handle<>> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(ready_, {});
  }

  std::mutex mutex_;
  std::vector<std::coroutine_handle<>> ready_;
};

}  // namespace kew_test
