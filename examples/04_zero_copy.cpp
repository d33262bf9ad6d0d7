// A synthesizer writes its samples into the ring itself, and a sound card reads them where they lie.
// Neither side ever waits, allocates or copies: what an audio callback asks for.
#include <kew/spsc_ring.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iostream>
#include <thread>

constexpr std::size_t second = 48'000;  // samples
constexpr std::size_t block = 128;

float wave(std::size_t n) { return 0.5F * std::sin(static_cast<float>(n % 100) * 0.0628318F); }

int main() {
  kew::spsc_ring<float, 1'000> ring;  // a fixed capacity lives inside the object: no heap

  std::jthread synthesizer([&ring] {
    for (std::size_t made = 0; made < second;) {
      auto room = ring.try_claim(std::min(block, second - made));
      const std::size_t before = made;
      for (auto part : {room.first(), room.second()})  // two parts where the ring wraps around
        for (float& sample : part) sample = wave(made++);
      room.commit(made - before);
      if (made == before) std::this_thread::yield();  // full: the sound card is behind
    }
  });

  std::size_t played = 0;
  std::size_t wrong = 0;
  float peak = 0;
  while (played < second) {
    auto ready = ring.try_peek(block);
    const std::size_t before = played;
    for (auto part : {ready.first(), ready.second()})
      for (float sample : part) {
        wrong += sample != wave(played++);
        peak = std::max(peak, sample);
      }
    ready.release(played - before);
    if (played == before) std::this_thread::yield();  // empty: here a sound card would play silence
  }

  std::cout << "played " << played << " samples, " << wrong << " of them wrong, peak " << peak << '\n';
  return wrong == 0 ? 0 : 1;
}
