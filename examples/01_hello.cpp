// A producer sends ten messages through a queue; a consumer prints them as they arrive.
#include <kew/channel.hpp>

#include <iostream>
#include <string>
#include <thread>
#include <utility>

int main() {
  auto [tx, rx] = kew::make_spsc_channel<std::string>(4);

  auto send = [](auto queue) {
    for (int i = 0; i < 10; ++i)
      if (!queue.push("Hello World " + std::to_string(i))) return;  // nobody listens any more
  };  // here the producer's handle goes, and with it the channel closes
  std::jthread producer(send, std::move(tx));

  for (std::string& message : rx) std::cout << " [x] Received " << message << '\n';
}
