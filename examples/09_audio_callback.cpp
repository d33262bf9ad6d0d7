// An audio callback plays a wave that another thread replaces while it plays. The callback takes the new one from a
// ring and gives the old one back through another, because it may neither wait nor allocate nor free.
#include <kew/spsc_ring.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <iostream>
#include <memory>
#include <span>
#include <thread>
#include <utility>

constexpr int waves = 5;

struct wave {
  explicit wave(int tone) : samples{} { samples.fill(static_cast<float>(tone)); }
  std::array<float, 256> samples;
};

class player {
 public:
  /// What the driver calls, on its own thread, every few milliseconds.
  void callback(std::span<float> out) {
    // A wave that could not be given back is kept, and the next one is left where it is.
    if (!old_ || retired.try_push(std::move(old_)))
      if (auto next = fresh.try_pop()) old_ = std::exchange(current_, *std::move(next));
    if (current_) std::copy_n(current_->samples.begin(), out.size(), out.begin());
  }

  kew::spsc_ring<std::unique_ptr<wave>, 4> fresh;    // to the callback
  kew::spsc_ring<std::unique_ptr<wave>, 4> retired;  // from the callback

 private:
  std::unique_ptr<wave> current_;
  std::unique_ptr<wave> old_;
};

int main() {
  player sound;
  std::jthread driver([&sound](std::stop_token stop) {  // in place of a sound card's
    std::array<float, 64> block{};
    while (!stop.stop_requested()) {
      sound.callback(block);
      std::this_thread::yield();
    }
  });

  int sent = 0;
  int freed = 0;
  while (freed < waves - 1) {  // the last one goes on playing
    if (sent < waves && sound.fresh.try_push(std::make_unique<wave>(sent))) ++sent;
    if (auto old = sound.retired.try_pop()) ++freed;  // and is destroyed here
    std::this_thread::yield();
  }
  std::cout << "sent " << sent << " waves, freed " << freed << " outside of the callback\n";
}
