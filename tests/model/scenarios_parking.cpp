#include "scenario.hpp"
#include "tokens.hpp"

#include <kew/detail/wait/wait_point.hpp>

namespace scenarios {

KEW_MODEL_OPERATION(open, open());
KEW_MODEL_OPERATION(pass, pass());

namespace {

/// A condition that everybody waits for, as the closing of a queue is.
class gate {
 public:
  void open() {
    open_.store(true, release);
    place_.notify_all();
  }
  void pass() {
    sleeper waiting(place_);
    while (!open_.load(acquire)) wait_on(waiting);
    waiting.satisfied();
  }

 private:
  kew::detail::atomic<bool> open_{false};
  wait_point place_;
};

void timed_and_untimed() {
  tokens box;
  bool taken = false;
  together([&] { box.put(); }, [&] { taken = box.take(now() + for_a_while); }, [&] { box.take(); }, [&] { box.put(); });
  expect(box.try_take() == !taken, "two tokens, neither lost nor taken twice");
}
void timed_alone() {
  tokens box;
  bool taken = false;
  together([&] { box.put(); }, [&] { taken = box.take(now() + for_a_while); });
  expect(box.try_take() == !taken, "one token, neither lost nor taken twice");
}
void timed_twice() {
  tokens box;
  int taken = 0;
  together([&] { times<2, put>::run(box); },
           [&] {
             taken += box.take(now() + for_a_while);
             taken += box.take(now() + for_a_while);
           });
  while (box.try_take()) ++taken;
  expect(taken == 2, "two tokens, neither lost nor taken twice");
}

/// Waits at a place for nothing but an interrupt.
class interruption {
 public:
  explicit interruption(wait_point& place) : place_(place) {}
  void interrupt() {
    stop_.store(true, relaxed);
    place_.interrupt();
  }
  void wait() {
    sleeper waiting(place_);
    while (!stop_.load(relaxed)) wait_on(waiting);
  }

 private:
  wait_point& place_;
  kew::detail::atomic<bool> stop_{false};
};

/// Two wait for different things; an interrupt is about one of them, and takes nothing from the other.
void interrupted() {
  tokens box;
  interruption stop(box.place());
  together([&] { stop.interrupt(); }, [&] { stop.wait(); }, [&] { box.take(); }, [&] { box.put(); });
}
void interrupted_alone() {
  wait_point place;
  interruption stop(place);
  together([&] { stop.interrupt(); }, [&] { stop.wait(); });
}

}  // namespace

std::vector<scenario> of_parking() {
  // Two threads: everything at once. More of them: either three preemptions, or the most of all else.
  constexpr reach two{3, 2, 1};
  constexpr reach wide{2, 2, 1};
  constexpr reach far{3, 1, 0};
  constexpr reach farthest{3, 0, 0};
  return {
      {"parking: one waits", threads_at<tokens, put, take>, 2, two},
      {"parking: one waits again and again", threads_at<tokens, times<3, put>, times<3, take>>, 2, two},
      {"parking: two wait for two", threads_at<tokens, times<2, put>, take, take>, 3, wide, far},
      {"parking: two wait for two at once", threads_at<tokens, put_two_at_once, take, take>, 3, wide, far},
      {"parking: two notify one", threads_at<tokens, put, put, times<2, take>>, 3, wide, far},
      {"parking: one changes its mind", threads_at<tokens, put, change_of_mind, take>, 3, wide, far},
      // Did the one that was woken not see at once what for, it would prepare to wait anew and keep its permit.
      {"parking: one finds a token and leaves it", threads_at<tokens, put, find, take>, 3, wide, farthest},
      {"parking: one of two changes its mind", threads_at<tokens, times<2, put>, does<change_of_mind, take>, take>, 3,
       wide, farthest},
      // A thread that finds a token without having been woken for it leaves the permit to the one that was woken, which
      // may go away and then has to pass it on.
      {"parking: one of three changes its mind", threads_at<tokens, times<2, put>, take, change_of_mind, take>, 4, wide,
       farthest},
      {"parking: a timed wait", timed_alone, 2, two},
      {"parking: timed waits again and again", timed_twice, 2, two},
      {"parking: a timed wait beside an untimed one", timed_and_untimed, 4, wide, farthest},
      {"parking: two notify two", threads_at<tokens, put, put, take, take>, 4, wide, farthest},
      {"parking: three wait for three", threads_at<tokens, does<put_two_at_once, put>, take, take, take>, 4, wide,
       farthest},
      {"parking: an interrupt", interrupted_alone, 2, two},
      {"parking: an interrupt beside a notification", interrupted, 4, wide, farthest},
      {"parking: notify_all wakes one", threads_at<gate, open, pass>, 2, two},
      {"parking: notify_all wakes three", threads_at<gate, open, pass, pass, pass>, 4, wide, farthest},
      {"parking: notify_all by two", threads_at<gate, open, open, pass, pass>, 4, wide, farthest},
      {"parking: an entry", threads_at<tokens, put, take_by_entry>, 2, two},
      {"parking: an entry again and again", threads_at<tokens, times<2, put>, times<2, take_by_entry>>, 2, two},
      {"parking: an entry changes its mind", threads_at<tokens, put, change_of_mind_by_entry, take_by_entry>, 3, wide,
       farthest},
      {"parking: an entry changes its mind beside a sleeper", threads_at<tokens, put, change_of_mind_by_entry, take>, 3,
       wide, farthest},
      {"parking: a sleeper changes its mind beside an entry", threads_at<tokens, put, change_of_mind, take_by_entry>, 3,
       wide, farthest},
      {"parking: an entry and a sleeper", threads_at<tokens, times<2, put>, take_by_entry, take>, 3, wide, farthest},
      {"parking: an entry and a sleeper at once", threads_at<tokens, put_two_at_once, take_by_entry, take>, 3, wide,
       farthest},
      {"parking: two entries", threads_at<tokens, times<2, put>, take_by_entry, take_by_entry>, 3, wide, farthest},
      // An entry that watches is told of what comes after it has looked, and takes nothing from others.
      {"parking: an entry that watches", threads_at<tokens, put_seen, watch>, 2, two},
      {"parking: an entry that watches beside a sleeper", threads_at<tokens, put_seen, watch, take>, 3, wide, farthest},
      {"parking: an entry that watches beside an entry", threads_at<tokens, put_seen, watch, take_by_entry>, 3, wide,
       farthest},
  };
}

}  // namespace scenarios
