// Breaks the rule of a ring's single side on purpose: `misuse SIDE`. A build with checks must name the ring and
// the rule, and abort.
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <utility>

#include <kew/mpsc_ring.hpp>
#include <kew/spmc_ring.hpp>
#include <kew/spsc_ring.hpp>

namespace {

/// Its constructor runs what it is given, in the middle of a push.
struct busy_message {
  template <class F>
  explicit busy_message(F&& meanwhile) {
    std::forward<F>(meanwhile)();
  }
};

template <class F>
void in_another_thread(F&& f) {
  std::thread(std::forward<F>(f)).join();
}

template <class Ring>
void push_twice_at_once() {
  Ring ring(4);
  const auto nothing = [] {};
  static_cast<void>(ring.try_emplace([&] { in_another_thread([&] { static_cast<void>(ring.try_emplace(nothing)); }); }));
}

template <class Ring>
void pop_twice_at_once() {
  Ring ring(4);
  const auto nothing = [] {};
  static_cast<void>(ring.try_emplace(nothing));
  static_cast<void>(ring.try_emplace(nothing));
  const auto ignore = [](busy_message&) {};
  static_cast<void>(ring.try_consume([&](busy_message&) { in_another_thread([&] { static_cast<void>(ring.try_consume(ignore)); }); }));
}

}  // namespace

int main(int, char** argv) {
  // The test runner takes an abort for a failure whatever was printed before.
  std::signal(SIGABRT, [](int) { std::_Exit(EXIT_FAILURE); });
  if (std::strcmp(argv[1], "spsc_push") == 0) push_twice_at_once<kew::spsc_ring<busy_message>>();
  if (std::strcmp(argv[1], "spsc_pop") == 0) pop_twice_at_once<kew::spsc_ring<busy_message>>();
  if (std::strcmp(argv[1], "spmc_push") == 0) push_twice_at_once<kew::spmc_ring<busy_message>>();
  if (std::strcmp(argv[1], "mpsc_pop") == 0) pop_twice_at_once<kew::mpsc_ring<busy_message>>();
}
