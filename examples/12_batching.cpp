// Messages are written in batches: a batch is done when it is full, or when its first message has waited long enough.
#include <kew/channel.hpp>

#include <chrono>
#include <cstddef>
#include <iostream>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

struct batch {
  std::vector<int> messages;
  kew::status why = kew::status::success;  // success: it is full
};

/// Waits for a first message as long as it takes, and for the others until `patience` is over.
batch collect(auto& from, std::size_t most, std::chrono::milliseconds patience) {
  batch result;
  auto message = from.pop();
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (message) {
    result.messages.push_back(*message);
    if (result.messages.size() == most) return result;
    message = from.try_pop_until(deadline);  // takes what is there, also when the time is over
  }
  result.why = message.status();
  return result;
}

int main() {
  auto [tx, rx] = kew::make_spsc_channel<int>(1000);
  auto [flushed_in, flushed_out] = kew::make_spsc_channel<std::size_t>(10);

  for (int i = 0; i < 250; ++i) static_cast<void>(tx.push(i));
  std::jthread writer(
      [](auto from, auto flushed) {
        for (;;) {
          const batch next = collect(from, 100, 5ms);
          if (!next.messages.empty()) std::cout << "wrote " << next.messages.size() << ", ";
          std::cout << (next.why ? "full" : next.why == kew::status::closed ? "the end" : "time is up") << '\n';
          if (next.why == kew::status::closed || !flushed.push(next.messages.size())) return;
        }
      },
      std::move(rx), std::move(flushed_in));

  std::size_t safe = 0;
  while (safe < 250) safe += flushed_out.pop().value();
  tx.close();
}
