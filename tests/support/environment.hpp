// What the environment says to the tests, and the source of their randomness.
//
//   KEW_TEST_SCALE      how much of the randomised work to do: 1 for every commit, more for the long run
//   KEW_SEED            the seed to start from, as a failing run printed it
//   KEW_TEST_PATIENCE   for how many seconds a test may hang until its watchdog says so
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <utility>

namespace kew_test {

/// For loops over several.
using sizes = std::initializer_list<std::size_t>;

/// `work` at scale 1, proportionally more or less at another, never none.
inline std::size_t scaled(std::size_t work) {
  static const double scale = [] {
    const char* text = std::getenv("KEW_TEST_SCALE");
    return text == nullptr ? 1.0 : std::strtod(text, nullptr);
  }();
  const double wanted = static_cast<double>(work) * scale;
  return wanted < 1 ? 1 : static_cast<std::size_t>(wanted);
}

/// The seed of this run, printed once.
inline std::uint64_t run_seed() {
  static const std::uint64_t seed = [] {
    const char* text = std::getenv("KEW_SEED");
    const std::uint64_t chosen = text != nullptr ? std::strtoull(text, nullptr, 10) : std::random_device{}();
    std::printf("KEW_SEED=%llu\n", static_cast<unsigned long long>(chosen));
    std::fflush(stdout);
    return chosen;
  }();
  return seed;
}

/// SplitMix64 (G. Steele, D. Lea, C. Flood, OOPSLA 2014): small, and the same on every machine.
class random_source {
 public:
  explicit random_source(std::uint64_t seed) noexcept : state_(seed) {}

  std::uint64_t operator()() noexcept {
    std::uint64_t mixed = (state_ += 0x9e3779b97f4a7c15u);
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
    return mixed ^ (mixed >> 31);
  }

  /// A number in [0, bound).
  std::size_t below(std::size_t bound) noexcept { return static_cast<std::size_t>((*this)() % bound); }
  bool one_in(std::size_t n) noexcept { return below(n) == 0; }

 private:
  std::uint64_t state_;
};

/// A bound for the hopeless case, so generous that a loaded machine under a sanitizer never meets it, unless somebody
/// expects a hang.
inline std::chrono::seconds patience_with_hangs() {
  const char* text = std::getenv("KEW_TEST_PATIENCE");
  return std::chrono::seconds(text == nullptr ? 300 : std::strtoll(text, nullptr, 10));
}

/// Ends the program with a message if what it guards hangs.
class watchdog {
 public:
  explicit watchdog(std::string guarded, std::chrono::seconds patience = patience_with_hangs())
      : guarded_(std::move(guarded)), thread_([this, patience] {
          std::unique_lock lock(mutex_);
          if (done_.wait_for(lock, patience, [this] { return is_done_; })) return;
          std::fprintf(stderr, "\nHANG: %s did not end within %lld s; KEW_SEED=%llu\n", guarded_.c_str(),
                       static_cast<long long>(patience.count()), static_cast<unsigned long long>(run_seed()));
          std::fflush(stderr);
          std::abort();
        }) {}
  watchdog(const watchdog&) = delete;
  watchdog& operator=(const watchdog&) = delete;
  ~watchdog() {
    {
      const std::lock_guard lock(mutex_);
      is_done_ = true;
    }
    done_.notify_all();
    thread_.join();
  }

 private:
  std::string guarded_;
  std::mutex mutex_;
  std::condition_variable done_;
  bool is_done_ = false;
  std::thread thread_;
};

}  // namespace kew_test
