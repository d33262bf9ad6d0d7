// The machine: which cores there are, how far apart they are, and how to stay on one.
#pragma once

#include <atomic>
#include <chrono>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <pthread.h>
#include <sched.h>

namespace bench {

/// The processors that this process may use, one of each physical core first.
inline const std::vector<int>& cores() {
  static const std::vector<int> all = [] {
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    sched_getaffinity(0, sizeof(allowed), &allowed);
    std::vector<int> first, siblings;
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (!CPU_ISSET(cpu, &allowed)) continue;
      std::ifstream file("/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/thread_siblings_list");
      int leader = cpu;
      file >> leader;
      (leader == cpu || !CPU_ISSET(leader, &allowed) ? first : siblings).push_back(cpu);
    }
    first.insert(first.end(), siblings.begin(), siblings.end());
    return first;
  }();
  return all;
}

inline void stay_on(const std::vector<int>& where) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int cpu : where) CPU_SET(cpu, &set);
  pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

/// Keeps this thread on the core of its place, if there is a core for each of the threads.
inline void pin(int place, int threads) {
  if (threads <= static_cast<int>(cores().size())) stay_on({cores()[static_cast<std::size_t>(place)]});
}

/// Nanoseconds for one cache line from the first core to the second and back; 0 if there is only one core.
inline double bare_round_trip() {
  if (cores().size() < 2) return 0;
  constexpr int trips = 20'000;
  alignas(64) std::atomic<int> ball{0};
  const auto play = [&ball](int place, int mine) {
    pin(place, 2);
    for (int i = 0; i < trips; ++i) {
      while (ball.load(std::memory_order_acquire) != mine) {
      }
      ball.store(1 - mine, std::memory_order_release);
    }
  };
  const auto begin = std::chrono::steady_clock::now();
  {
    const std::jthread one(play, 0, 0);
    const std::jthread other(play, 1, 1);
  }
  return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - begin).count() / trips;
}

/// Nanoseconds for a look at the clock.
inline double clock_cost() {
  constexpr int looks = 20'000;
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < looks - 1; ++i) static_cast<void>(std::chrono::steady_clock::now());
  return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - begin).count() / looks;
}

inline std::string processor() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "processor unknown";
}

}  // namespace bench
