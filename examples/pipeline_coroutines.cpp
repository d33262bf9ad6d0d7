// A pipeline of coroutines: its stages wait without a thread, and run on a pool of two that is thirty lines long.
#include <kew/async.hpp>
#include <kew/blocking_queue.hpp>
#include <kew/channel.hpp>

#include <coroutine>
#include <exception>
#include <iostream>
#include <latch>
#include <thread>
#include <utility>
#include <vector>

/// Threads that resume coroutines. A queue of handles is all that it takes.
class thread_pool {
 public:
  explicit thread_pool(int threads) {
    for (int i = 0; i < threads; ++i)
      threads_.emplace_back([this] {
        while (const auto ready = ready_.pop()) ready->resume();
      });
  }
  ~thread_pool() { ready_.close(); }

  /// What async_pop and async_push call when a coroutine can go on.
  auto schedule() {
    return [this](std::coroutine_handle<> ready) { static_cast<void>(ready_.push(ready)); };
  }

  /// co_await it: from then on the coroutine runs here.
  auto enter() {
    struct awaiter : std::suspend_always {
      thread_pool& pool;
      // Not inlined: clang has kept temporaries of it in the frame, which may be gone by then (LLVM issue 56301).
      [[gnu::noinline]] void await_suspend(std::coroutine_handle<> coroutine) { pool.schedule()(coroutine); }
    };
    return awaiter{{}, *this};
  }

 private:
  kew::blocking_queue<std::coroutine_handle<>> ready_{64};  // as many as there are coroutines: no push waits
  std::vector<std::jthread> threads_;                       // last, so that they end before the queue does
};

/// A coroutine that starts at once and goes when it has ended.
struct stage {
  struct promise_type {
    stage get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
};

stage count_up(thread_pool& pool, kew::producer<long> out, long last) {
  co_await pool.enter();
  for (long n = 1; n <= last; ++n)
    if (!co_await kew::async_push(out, n, pool.schedule())) break;
}  // and with the last producer, the channel

stage square(thread_pool& pool, kew::consumer<long> in, kew::producer<long> out) {
  co_await pool.enter();
  while (const auto n = co_await kew::async_pop(in, pool.schedule()))
    if (!co_await kew::async_push(out, *n * *n, pool.schedule())) break;
}

stage add_up(thread_pool& pool, kew::consumer<long> in, long& sum, std::latch& done) {
  co_await pool.enter();
  while (const auto n = co_await kew::async_pop(in, pool.schedule())) sum += *n;
  done.count_down();
}

int main() {
  long sum = 0;
  std::latch done(1);
  {
    thread_pool pool(2);
    auto [numbers_in, numbers_out] = kew::make_channel<long>(8);
    auto [squares_in, squares_out] = kew::make_channel<long>(8);
    add_up(pool, std::move(squares_out), sum, done);
    for (int i = 0; i < 3; ++i) square(pool, numbers_out, squares_in);
    count_up(pool, std::move(numbers_in), 1000);
    {
      const auto gone = std::pair(std::move(numbers_out), std::move(squares_in));
    }  // the coroutines have theirs
    done.wait();
  }
  std::cout << "the squares up to 1000 add up to " << sum << '\n';
}
