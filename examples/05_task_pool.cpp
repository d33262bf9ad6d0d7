// A pool that runs any task, answers with a future, and finishes what it has accepted before it goes.
#include <kew/blocking_queue.hpp>

#include <future>
#include <iostream>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

class task_pool {
 public:
  explicit task_pool(int threads) {
    for (int i = 0; i < threads; ++i)
      threads_.emplace_back([this] {
        while (auto task = tasks_.pop()) (*task)();
      });
  }
  ~task_pool() { shut_down(); }  // the threads drain the queue and end; std::jthread joins them

  void shut_down() { tasks_.close(); }

  /// Waits while the queue is full. After shut_down() the task is dropped, and its future says so: broken_promise.
  template <class F>
  auto submit(F f) {
    std::packaged_task<decltype(f())()> task(std::move(f));
    auto result = task.get_future();
    static_cast<void>(tasks_.emplace([task = std::move(task)]() mutable { task(); }));
    return result;
  }

 private:
  kew::blocking_queue<std::packaged_task<void()>> tasks_{16};
  std::vector<std::jthread> threads_;  // last, so that they end before the queue does
};

int main() {
  task_pool pool(4);

  std::vector<std::future<long>> squares;
  for (long n = 1; n <= 1000; ++n) squares.push_back(pool.submit([n] { return n * n; }));
  auto failing = pool.submit([]() -> int { throw std::runtime_error("no such order"); });
  pool.shut_down();
  auto late = pool.submit([] { return 0; });

  long sum = 0;
  for (auto& square : squares) sum += square.get();
  std::cout << "the squares up to 1000 add up to " << sum << '\n';
  for (auto* result : {&failing, &late}) try {
      static_cast<void>(result->get());
    } catch (const std::future_error& error) {
      std::cout << "not accepted: " << (error.code() == std::future_errc::broken_promise ? "too late" : "?") << '\n';
    } catch (const std::exception& error) {
      std::cout << "it threw: " << error.what() << '\n';
    }
}
