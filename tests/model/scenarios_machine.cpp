// What kew makes of fences, membarrier(2) and futex(2), whatever the kernel answers.
#include "scenario.hpp"

#include <kew/detail/machine/fence.hpp>
#include <kew/detail/machine/futex.hpp>

namespace scenarios {
namespace {

using namespace kew::detail;

constexpr auto handshake = "of two threads that store and then look, one sees what the other has stored";

void light_against_heavy() {
  asymmetric_fence between;
  kew::detail::atomic<int> x(0), y(0);
  int a = -1, b = -1;
  together(
      [&] {
        x.store(1, relaxed);
        fence_light(between);
        a = y.load(relaxed);
      },
      [&] {
        y.store(1, relaxed);
        fence_heavy(between);
        b = x.load(relaxed);
      });
  expect(a == 1 || b == 1, handshake);
}
void light_against_two_heavy() {
  asymmetric_fence between;
  kew::detail::atomic<int> x(0), y(0), z(0);
  int a = -1, b = -1, c = -1, d = -1;
  together(
      [&] {
        x.store(1, relaxed);
        fence_light(between);
        a = y.load(relaxed);
        b = z.load(relaxed);
      },
      [&] {
        y.store(1, relaxed);
        fence_heavy(between);
        c = x.load(relaxed);
      },
      [&] {
        z.store(1, relaxed);
        fence_heavy(between);
        d = x.load(relaxed);
      });
  expect((a == 1 || c == 1) && (b == 1 || d == 1), handshake);
}
/// What a queue does again and again: the second time the kernel's answer of the first may be known, or not yet.
void light_against_heavy_twice() {
  asymmetric_fence between;
  kew::detail::atomic<int> x(0), y(0);
  int a = 0, b = 0;
  together(
      [&] {
        for (int i = 1; i <= 2; ++i) {
          x.store(i, relaxed);
          fence_light(between);
          a = y.load(relaxed);
        }
      },
      [&] {
        for (int i = 1; i <= 2; ++i) {
          y.store(i, relaxed);
          fence_heavy(between);
          b = x.load(relaxed);
        }
      });
  expect(a == 2 || b == 2, handshake);
}

void wait_until_woken() {
  futex_word word(0);
  together(
      [&] {
        while (word.load(acquire) == 0) futex_wait(word, 0, never);
      },
      [&] {
        word.store(1, release);
        futex_wake(word, 1);
      });
}
void two_wait_until_woken() {
  futex_word word(0);
  const auto wait = [&] {
    while (word.load(acquire) == 0) futex_wait(word, 0, never);
  };
  together(wait, wait, [&] {
    word.store(1, release);
    futex_wake(word, 2);
  });
}
void wake_before_the_wait() {
  futex_word word(0);
  word.store(1, release);
  futex_wake(word, 1);
  together([&] { expect(futex_wait(word, 0, never), "a wait for another value does not sleep"); });
}
void timed_wait() {
  futex_word word(0);
  together(
      [&] {
        const time_point deadline = now() + for_a_while;
        while (word.load(acquire) == 0)
          if (!futex_wait(word, 0, deadline))
            return expect(now() >= deadline, "false only when the deadline has passed");
      },
      [&] {
        word.store(1, release);
        futex_wake(word, 1);
      });
}
void timed_wait_for_nothing() {
  futex_word word(0);
  together([&] {
    const time_point deadline = now() + for_a_while;
    while (futex_wait(word, 0, deadline))
      expect(now() < deadline, "a wait that nobody ends says that its time has run out");
  });
}
void time_before_the_epoch() {
  futex_word word(0);
  together([&] {
    expect(!futex_wait(word, 0, time_point::min()), "a deadline that has passed long ago");
    expect(futex_wait(word, 1, time_point::min()), "the word comes before the deadline");
  });
}
void time_beyond_all_clocks() {
  futex_word word(0);
  together([&] { futex_wait(word, 0, never - clock::duration(1)); },
           [&] {
             word.store(1, release);
             futex_wake(word, 1);
           });
}

}  // namespace

std::vector<scenario> of_machine() {
  constexpr reach everything{explorer::unbounded, explorer::unbounded, 2};
  return {
      {"fence: light against heavy", light_against_heavy, 2, everything},
      {"fence: light against heavy, twice", light_against_heavy_twice, 2},
      {"fence: light against two heavy", light_against_two_heavy, 3},
      {"futex: a wait", wait_until_woken, 2, everything},
      {"futex: two waits", two_wait_until_woken, 3},
      {"futex: a wake before the wait", wake_before_the_wait, 1, everything},
      {"futex: a timed wait", timed_wait, 2, everything},
      {"futex: a timed wait for nothing", timed_wait_for_nothing, 1, everything},
      {"futex: a time before the epoch", time_before_the_epoch, 1, everything},
      {"futex: a time beyond all clocks", time_beyond_all_clocks, 2, everything},
  };
}

}  // namespace scenarios
