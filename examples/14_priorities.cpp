// Urgent messages overtake the others: a ring for each priority, and one queue of permits to wait at. A permit goes in
// after its message, so that a consumer with a permit finds at least one message, and takes the most urgent.
#include <kew/blocking_queue.hpp>
#include <kew/mpmc_ring.hpp>

#include <array>
#include <cstddef>
#include <iostream>
#include <string>
#include <thread>
#include <utility>

enum class priority : std::size_t { urgent, normal, idle };

class priority_queue {
 public:
  /// success, or full where this priority has no room. Not to be called after close().
  kew::status push(priority how, std::string message) {
    if (auto outcome = lanes_[static_cast<std::size_t>(how)].try_push(std::move(message)); !outcome) return outcome;
    return permits_.push(permit{});
  }

  /// The most urgent message, or closed.
  kew::result<std::string> pop() {
    if (auto got = permits_.pop(); !got) return got.status();
    for (;;)
      for (auto& lane : lanes_)
        if (auto message = lane.try_pop()) return message;  // another consumer may have taken the one seen before
  }

  void close() { permits_.close(); }

 private:
  struct permit {};
  static constexpr std::size_t each = 64;

  std::array<kew::mpmc_ring<std::string, each>, 3> lanes_;
  kew::blocking_queue<permit> permits_{3 * each};
};

int main() {
  priority_queue queue;
  for (auto [how, message] : {std::pair(priority::idle, "sweep the floor"), std::pair(priority::normal, "bake bread"),
                              std::pair(priority::urgent, "fire!"), std::pair(priority::normal, "sell bread")})
    if (!queue.push(how, message)) return 1;

  std::jthread worker([&queue] {
    while (auto message = queue.pop()) std::cout << *message << '\n';
  });
  queue.close();
}
