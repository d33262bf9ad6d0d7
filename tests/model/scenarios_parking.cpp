#include "scenario.hpp"
#include "tokens.hpp"

#include <kew/detail/wait/wait_point.hpp>

namespace scenarios {
namespace {

void one_waits() {
  tokens box;
  together([&] { box.put(); }, [&] { box.take(); });
}
void one_waits_again_and_again() {
  tokens box;
  together(
      [&] {
        box.put();
        box.put();
        box.put();
      },
      [&] {
        box.take();
        box.take();
        box.take();
      });
}
void two_wait_for_two() {
  tokens box;
  together(
      [&] {
        box.put();
        box.put();
      },
      [&] { box.take(); }, [&] { box.take(); });
}
void two_wait_for_two_at_once() {
  tokens box;
  together([&] { box.put(2); }, [&] { box.take(); }, [&] { box.take(); });
}
void three_wait_for_three() {
  tokens box;
  together(
      [&] {
        box.put(2);
        box.put();
      },
      [&] { box.take(); }, [&] { box.take(); }, [&] { box.take(); });
}
void two_notify_two() {
  tokens box;
  together([&] { box.put(); }, [&] { box.put(); }, [&] { box.take(); }, [&] { box.take(); });
}
void two_notify_one() {
  tokens box;
  together([&] { box.put(); }, [&] { box.put(); },
           [&] {
             box.take();
             box.take();
           });
}
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
  together(
      [&] {
        box.put();
        box.put();
      },
      [&] {
        taken += box.take(now() + for_a_while);
        taken += box.take(now() + for_a_while);
      });
  while (box.try_take()) ++taken;
  expect(taken == 2, "two tokens, neither lost nor taken twice");
}
void one_changes_its_mind() {
  tokens box;
  together([&] { box.put(); }, [&] { box.change_of_mind(); }, [&] { box.take(); });
}
/// Did the one that was woken not see at once what for, it would prepare to wait anew and keep its permit to itself.
void one_finds_and_leaves() {
  tokens box;
  together([&] { box.put(); }, [&] { box.find(); }, [&] { box.take(); });
}
void one_of_two_changes_its_mind() {
  tokens box;
  together(
      [&] {
        box.put();
        box.put();
      },
      [&] {
        box.change_of_mind();
        box.take();
      },
      [&] { box.take(); });
}
/// A thread that finds a token without having been woken for it leaves the permit to the one that was woken, which may go
/// away and then has to pass it on.
void one_of_three_changes_its_mind() {
  tokens box;
  together(
      [&] {
        box.put();
        box.put();
      },
      [&] { box.take(); }, [&] { box.change_of_mind(); }, [&] { box.take(); });
}

/// A condition that everybody waits for, as the closing of a queue is.
class gate {
 public:
  void open() {
    open_.store(true, release);
    place_.notify_all();
  }
  void pass() {
    sleeper waiting(place_);
    while (!open_.load(acquire)) {
      if (waiting.prepared())
        waiting.sleep(never);
      else
        waiting.prepare();
    }
    waiting.satisfied();
  }

 private:
  kew::detail::atomic<bool> open_{false};
  wait_point place_;
};

void notify_all_wakes_one() {
  gate door;
  together([&] { door.open(); }, [&] { door.pass(); });
}
void notify_all_wakes_three() {
  gate door;
  together([&] { door.open(); }, [&] { door.pass(); }, [&] { door.pass(); }, [&] { door.pass(); });
}
void notify_all_by_two() {
  gate door;
  together([&] { door.open(); }, [&] { door.open(); }, [&] { door.pass(); }, [&] { door.pass(); });
}

/// Two wait for different things; an interrupt is about one of them, and takes nothing from the other.
void interrupted() {
  tokens box;
  kew::detail::atomic<bool> stop(false);
  together(
      [&] {
        stop.store(true, relaxed);
        box.place().interrupt();
      },
      [&] {
        sleeper waiting(box.place());
        while (!stop.load(relaxed)) {
          if (waiting.prepared())
            waiting.sleep(never);
          else
            waiting.prepare();
        }
      },
      [&] { box.take(); }, [&] { box.put(); });
}
void interrupted_alone() {
  wait_point place;
  kew::detail::atomic<bool> stop(false);
  together(
      [&] {
        stop.store(true, relaxed);
        place.interrupt();
      },
      [&] {
        sleeper waiting(place);
        while (!stop.load(relaxed)) {
          if (waiting.prepared())
            waiting.sleep(never);
          else
            waiting.prepare();
        }
      });
}

// ---- Entries, which are told ------------------------------------------------------------------------------------

void an_entry() {
  tokens box;
  together([&] { box.put(); }, [&] { box.take_by_entry(); });
}
void an_entry_again_and_again() {
  tokens box;
  together(
      [&] {
        box.put();
        box.put();
      },
      [&] {
        box.take_by_entry();
        box.take_by_entry();
      });
}
void an_entry_changes_its_mind() {
  tokens box;
  together([&] { box.put(); }, [&] { box.change_of_mind_by_entry(); }, [&] { box.take_by_entry(); });
}
void an_entry_changes_its_mind_beside_a_sleeper() {
  tokens box;
  together([&] { box.put(); }, [&] { box.change_of_mind_by_entry(); }, [&] { box.take(); });
}
void a_sleeper_changes_its_mind_beside_an_entry() {
  tokens box;
  together([&] { box.put(); }, [&] { box.change_of_mind(); }, [&] { box.take_by_entry(); });
}
void an_entry_and_a_sleeper() {
  tokens box;
  together(
      [&] {
        box.put();
        box.put();
      },
      [&] { box.take_by_entry(); }, [&] { box.take(); });
}
void an_entry_and_a_sleeper_at_once() {
  tokens box;
  together([&] { box.put(2); }, [&] { box.take_by_entry(); }, [&] { box.take(); });
}
void two_entries() {
  tokens box;
  together(
      [&] {
        box.put();
        box.put();
      },
      [&] { box.take_by_entry(); }, [&] { box.take_by_entry(); });
}

// ---- Entries that watch ------------------------------------------------------------------------------------------

/// Is told of what comes after it has looked, and takes nothing from others.
void an_entry_watches() {
  tokens box;
  together([&] { box.put_seen(); }, [&] { box.watch(); });
}
void an_entry_watches_beside_a_sleeper() {
  tokens box;
  together([&] { box.put_seen(); }, [&] { box.watch(); }, [&] { box.take(); });
}
void an_entry_watches_beside_an_entry() {
  tokens box;
  together([&] { box.put_seen(); }, [&] { box.watch(); }, [&] { box.take_by_entry(); });
}

}  // namespace

std::vector<scenario> of_parking() {
  // Two threads: everything at once. More of them: either three preemptions, or the most of all else.
  constexpr reach two{3, 2, 1};
  constexpr reach wide{2, 2, 1};
  constexpr reach far{3, 1, 0};
  constexpr reach farthest{3, 0, 0};
  return {
      {"parking: one waits", one_waits, 2, two},
      {"parking: one waits again and again", one_waits_again_and_again, 2, two},
      {"parking: two wait for two", two_wait_for_two, 3, wide, far},
      {"parking: two wait for two at once", two_wait_for_two_at_once, 3, wide, far},
      {"parking: two notify one", two_notify_one, 3, wide, far},
      {"parking: one changes its mind", one_changes_its_mind, 3, wide, far},
      {"parking: one finds a token and leaves it", one_finds_and_leaves, 3, wide, farthest},
      {"parking: one of two changes its mind", one_of_two_changes_its_mind, 3, wide, farthest},
      {"parking: one of three changes its mind", one_of_three_changes_its_mind, 4, wide, farthest},
      {"parking: a timed wait", timed_alone, 2, two},
      {"parking: timed waits again and again", timed_twice, 2, two},
      {"parking: a timed wait beside an untimed one", timed_and_untimed, 4, wide, farthest},
      {"parking: two notify two", two_notify_two, 4, wide, farthest},
      {"parking: three wait for three", three_wait_for_three, 4, wide, farthest},
      {"parking: an interrupt", interrupted_alone, 2, two},
      {"parking: an interrupt beside a notification", interrupted, 4, wide, farthest},
      {"parking: notify_all wakes one", notify_all_wakes_one, 2, two},
      {"parking: notify_all wakes three", notify_all_wakes_three, 4, wide, farthest},
      {"parking: notify_all by two", notify_all_by_two, 4, wide, farthest},
      {"parking: an entry", an_entry, 2, two},
      {"parking: an entry again and again", an_entry_again_and_again, 2, two},
      {"parking: an entry changes its mind", an_entry_changes_its_mind, 3, wide, farthest},
      {"parking: an entry changes its mind beside a sleeper", an_entry_changes_its_mind_beside_a_sleeper, 3, wide,
       farthest},
      {"parking: a sleeper changes its mind beside an entry", a_sleeper_changes_its_mind_beside_an_entry, 3, wide,
       farthest},
      {"parking: an entry and a sleeper", an_entry_and_a_sleeper, 3, wide, farthest},
      {"parking: an entry and a sleeper at once", an_entry_and_a_sleeper_at_once, 3, wide, farthest},
      {"parking: two entries", two_entries, 3, wide, farthest},
      {"parking: an entry that watches", an_entry_watches, 2, two},
      {"parking: an entry that watches beside a sleeper", an_entry_watches_beside_a_sleeper, 3, wide, farthest},
      {"parking: an entry that watches beside an entry", an_entry_watches_beside_an_entry, 3, wide, farthest},
  };
}

}  // namespace scenarios
