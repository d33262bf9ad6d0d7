// A queue of tokens limits a rate: a clock puts one in at each tick, a request takes one out. The queue's capacity is
// the burst that is allowed after a quiet time.
#include <kew/blocking_queue.hpp>
#include <kew/spsc_ring.hpp>

#include <atomic>
#include <chrono>
#include <iostream>
#include <stop_token>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

struct token {};

class rate_limit {
 public:
  rate_limit(std::size_t burst, std::chrono::microseconds tick)
      : tokens_(burst), clock_([this, tick](std::stop_token stop) {
          kew::blocking_queue<token, kew::spsc_ring<token>> never(1);  // a wait that only a stop or the time can end
          while (never.try_pop_for(tick, stop).status() != kew::status::stopped)
            static_cast<void>(tokens_.try_push(token{}));  // full: the burst is as large as it may get
          tokens_.close();
        }) {
    while (tokens_.try_push(token{})) {
    }
  }

  /// Waits for a token; false when the limit is being taken down.
  bool pass() { return tokens_.pop().has_value(); }

 private:
  kew::blocking_queue<token> tokens_;
  std::jthread clock_;
};

int main() {
  rate_limit limit(5, 1ms);
  std::atomic<int> sent{0};
  {
    std::vector<std::jthread> clients;
    for (int client = 0; client < 4; ++client)
      clients.emplace_back([&] {
        for (int i = 0; i < 10; ++i)
          if (limit.pass()) ++sent;
      });
  }
  std::cout << "sent " << sent << " requests, each with a token\n";
}
