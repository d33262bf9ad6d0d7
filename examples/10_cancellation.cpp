// Four ways for a call to end without a message, and the answer that tells them apart.
#include <kew/blocking_queue.hpp>

#include <chrono>
#include <iostream>
#include <stop_token>
#include <string>
#include <thread>

using namespace std::chrono_literals;

/// Works until the stream ends, until its time is up, or until it is told to stop, whichever comes first.
std::string work(kew::blocking_queue<int>& queue, std::stop_token stop, std::chrono::milliseconds patience) {
  int done = 0;
  for (;;) {
    auto message = queue.try_pop_for(patience, stop);
    if (message) {
      ++done;
      continue;
    }
    switch (message.status().code()) {
      case kew::status::stopped.code(): return "told to stop after " + std::to_string(done);
      case kew::status::closed.code(): return "all " + std::to_string(done) + " done";
      default: return "nothing came any more after " + std::to_string(done);  // empty, or busy
    }
  }
}

int main() {
  std::string ended;
  {
    kew::blocking_queue<int> queue(8);
    std::jthread worker([&](std::stop_token stop) { ended = work(queue, stop, 1h); });
  }  // std::jthread asks its thread to stop before it joins it
  std::cout << ended << '\n';

  kew::blocking_queue<int> queue(8);
  for (int i = 0; i < 3; ++i) static_cast<void>(queue.push(i));
  std::cout << work(queue, {}, 1ms) << '\n';

  for (int i = 0; i < 5; ++i) static_cast<void>(queue.push(i));
  queue.close();
  std::cout << work(queue, {}, 1h) << '\n';
  std::cout << "a push after close is answered with " << queue.push(0).name() << '\n';
}
