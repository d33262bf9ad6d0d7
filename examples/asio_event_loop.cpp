// A worker thread feeds a Boost.Asio event loop: a coroutine of the loop waits for the queue beside timers and sockets.
#include <kew/async.hpp>
#include <kew/channel.hpp>

#include <boost/asio.hpp>

#include <chrono>
#include <coroutine>
#include <exception>
#include <iostream>
#include <string>
#include <thread>
#include <utility>

namespace asio = boost::asio;

/// A coroutine that starts at once and goes when it has ended.
struct in_loop {
  struct promise_type {
    in_loop get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
};

/// Each message arrives in the loop's own thread, whatever thread has pushed it.
in_loop print_lines(asio::io_context& loop, kew::consumer<std::string> lines) {
  const auto stay = asio::make_work_guard(loop);  // the loop has something to wait for until the stream ends
  const auto in_the_loop = [&loop](std::coroutine_handle<> ready) {
    asio::post(loop, [ready]() mutable { ready.resume(); });
  };
  while (const auto line = co_await kew::async_pop(lines, in_the_loop)) std::cout << *line << '\n';
  std::cout << "the worker has gone\n";
}

int main() {
  asio::io_context loop;
  auto [tx, rx] = kew::make_channel<std::string>(4);

  asio::steady_timer heart(loop, std::chrono::milliseconds(1));
  heart.async_wait([](const boost::system::error_code&) { std::cout << "the loop beats\n"; });

  print_lines(loop, std::move(rx));
  std::jthread worker([lines = std::move(tx)]() mutable {
    for (int i = 1; i <= 3; ++i) static_cast<void>(lines.push("line " + std::to_string(i)));
  });
  loop.run();
}
