#include <iostream>
#include <string>
#include <thread>
#include <utility>

import kew;

int main() {
  auto [tx, rx] = kew::make_channel_over<kew::metered_ring<std::string, kew::spsc_ring>>(1);
  std::thread producer([](auto out) { static_cast<void>(out.push("imported")); }, std::move(tx));
  std::string all;
  for (const std::string& message : rx) all += message;
  producer.join();
  kew::mpmc_ring<int, 2> ring;
  const bool sent = ring.try_push(42) == kew::status::success;
  return all == "imported" && rx.metrics().popped == 1 && sent && ring.try_pop().value() == 42 ? 0 : 1;
}
