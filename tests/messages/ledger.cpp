// The ledger of deliveries beside one that is kept in plain lists, at random, with a time that the test moves.
#include <kew/detail/message/ledger.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/environment.hpp"

namespace kew_test {
namespace {

using kew::detail::lane;
using kew::detail::never;
using kew::detail::time_point;
using ledger = kew::detail::ledger<int>;
using entry = ledger::entry;
using std::chrono::nanoseconds;

constexpr std::int64_t step_length = 1000;
constexpr nanoseconds timeout{100 * step_length};
constexpr unsigned most_attempts = 3;

time_point at(std::int64_t ticks) { return time_point(kew::detail::clock::duration(ticks)); }

/// One message, as the plain ledger keeps it.
struct plain {
  int message;
  lane in;
  unsigned attempts = 0;
  unsigned failures = 0;
  std::uint64_t hand_over = 0;
  time_point due = never;
};

/// The same books in lists that are searched from end to end.
class plain_ledger {
 public:
  std::deque<plain> ready[2];
  std::vector<plain> delayed;
  std::vector<plain> outstanding;
  kew::queue_counts counts[2];
  std::uint64_t hand_overs = 0;

  void add(lane in, int message) {
    ++counts[index(in)].published;
    ready[index(in)].push_back({message, in});
  }
  void hand_over(lane from, time_point now) {
    plain moved = ready[index(from)].front();
    ready[index(from)].pop_front();
    if (++moved.attempts > 1) ++counts[index(from)].redelivered;
    moved.hand_over = ++hand_overs;
    moved.due = now + timeout;
    outstanding.push_back(moved);
  }
  plain take(std::uint64_t hand_over) {
    const auto place =
        std::find_if(outstanding.begin(), outstanding.end(), [&](const plain& p) { return p.hand_over == hand_over; });
    plain taken = *place;
    outstanding.erase(place);
    return taken;
  }
  void make_ready(plain p) {
    p.due = never;
    ready[index(p.in)].push_back(p);
  }
  void fail(plain p) {
    if (p.in == lane::live && ++p.failures == most_attempts)
      bury(p);
    else
      make_ready(p);
  }
  void bury(plain p) {
    if (p.in == lane::live) {
      ++counts[0].dead;
      ++counts[1].published;
      p.in = lane::dead;
      p.attempts = 0;
    }
    make_ready(p);
  }
  time_point next_due() const {
    time_point first = never;
    for (const plain& p : delayed) first = std::min(first, p.due);
    for (const plain& p : outstanding) first = std::min(first, p.due);
    return first;
  }
  /// Does the one thing that is due at that time.
  void advance(time_point due) {
    const auto ends = [due](const plain& p) { return p.due == due; };
    if (const auto place = std::find_if(delayed.begin(), delayed.end(), ends); place != delayed.end()) {
      const plain p = *place;
      delayed.erase(place);
      make_ready(p);
    } else {
      fail(take(std::find_if(outstanding.begin(), outstanding.end(), ends)->hand_over));
    }
  }
  std::size_t inside() const {
    const auto live = [](const plain& p) { return p.in == lane::live; };
    return ready[0].size() + static_cast<std::size_t>(std::count_if(delayed.begin(), delayed.end(), live) +
                                                      std::count_if(outstanding.begin(), outstanding.end(), live));
  }

  static std::size_t index(lane of) { return static_cast<std::size_t>(of); }
};

}  // namespace

TEST_CASE("the ledger agrees with plain lists in every figure and every order", "[ledger]") {
  random_source random(run_seed());
  std::size_t timeouts = 0;
  for (std::size_t round = 0; round < scaled(300); ++round) {
    INFO("round " << round);
    constexpr std::size_t capacity = 8;
    ledger books(capacity, most_attempts, timeout);
    plain_ledger model;
    std::vector<kew::detail::delivery_ticket> tickets;  // of all that ever were outstanding
    int next_message = 0;
    std::int64_t now = 0;
    for (std::int64_t step = 1; step < step_length; ++step) {
      now += step_length * static_cast<std::int64_t>(1 + random.below(4));
      // No two things are due at the same time, so that their order is known.
      for (time_point due = books.next_due(); due <= at(now); due = books.next_due()) {
        REQUIRE(due == model.next_due());
        books.advance(due, [&](entry& late) {
          ++timeouts;
          books.fail(late);
        });
        model.advance(due);
      }
      REQUIRE(books.next_due() == model.next_due());

      const std::size_t what = random.below(8);
      if (what < 2) {
        REQUIRE(books.has_room() == (model.inside() < capacity));
        if (!books.has_room()) continue;
        books.add(lane::live, next_message);
        model.add(lane::live, next_message++);
      } else if (what < 4) {
        const lane from = random.one_in(4) ? lane::dead : lane::live;
        entry* const first = books.front(from);
        REQUIRE((first == nullptr) == model.ready[plain_ledger::index(from)].empty());
        if (first == nullptr) continue;
        REQUIRE(first->payload() == model.ready[plain_ledger::index(from)].front().message);
        tickets.push_back(books.next_ticket(*first));
        books.hand_over(*first, at(now));
        model.hand_over(from, at(now));
        REQUIRE(first->ticket().hand_over == tickets.back().hand_over);
        REQUIRE(books.hand_overs() == model.hand_overs);
      } else if (!tickets.empty()) {
        const auto ticket = tickets[random.below(tickets.size())];
        entry* const held = books.find(ticket);
        const auto place = std::find_if(model.outstanding.begin(), model.outstanding.end(),
                                        [&](const plain& p) { return p.hand_over == ticket.hand_over; });
        REQUIRE((held == nullptr) == (place == model.outstanding.end()));
        if (held == nullptr) continue;
        REQUIRE(held->payload() == place->message);
        REQUIRE(held->attempts() == place->attempts);
        REQUIRE(held->failures() == place->failures);
        const time_point later = at(now + step_length * static_cast<std::int64_t>(random.below(200)) + step);
        switch (random.below(6)) {
          case 0:
            ++model.counts[plain_ledger::index(place->in)].acked;
            model.outstanding.erase(place);
            books.acknowledge(*held);
            break;
          case 1:
            model.make_ready(model.take(ticket.hand_over));
            books.put_back(*held);
            break;
          case 2:
            model.delayed.push_back(model.take(ticket.hand_over));
            model.delayed.back().due = later;
            books.put_back_at(*held, later);
            break;
          case 3:
            REQUIRE(books.fails_for_good(*held) == (place->in == lane::live && place->failures + 1 == most_attempts));
            model.fail(model.take(ticket.hand_over));
            books.fail(*held);
            break;
          case 4:
            model.bury(model.take(ticket.hand_over));
            books.bury(*held, std::make_unique<const std::string>("no"));
            break;
          default: place->due = later; books.extend(*held, later);
        }
      }
      for (const lane of : {lane::live, lane::dead}) {
        kew::queue_counts counts = model.counts[plain_ledger::index(of)];
        const auto here = [of](const plain& p) { return p.in == of; };
        counts.ready = model.ready[plain_ledger::index(of)].size();
        counts.delayed = static_cast<std::uint64_t>(std::count_if(model.delayed.begin(), model.delayed.end(), here));
        counts.outstanding =
            static_cast<std::uint64_t>(std::count_if(model.outstanding.begin(), model.outstanding.end(), here));
        REQUIRE(books.counts(of) == counts);
      }
    }
  }
  CHECK(timeouts > 0);
}

TEST_CASE("the largest spans never end", "[ledger]") {
  CHECK(kew::detail::time_after(at(5), nanoseconds::max()) == never);
  CHECK(kew::detail::time_after(never - nanoseconds(1), nanoseconds(1)) == never);
  CHECK(kew::detail::time_after(at(5), nanoseconds(7)) == at(12));
  ledger books(1, most_attempts, nanoseconds::max());
  entry& only = books.add(lane::live, 0);
  books.hand_over(only, at(1));
  CHECK(books.next_due() == never);
  books.put_back_at(only, never);
  CHECK(books.next_due() == never);
  CHECK(books.counts(lane::live).delayed == 1);
}

TEST_CASE("what is due at one look comes in the order of its time, whatever it waited for", "[ledger]") {
  ledger books(4, most_attempts, timeout);
  entry* entries[4] = {};
  for (int i = 0; i < 4; ++i) {
    entries[i] = &books.add(lane::live, i);
    books.hand_over(*entries[i], at(10 * i));
  }
  books.extend(*entries[0], at(25) + timeout);
  books.put_back_at(*entries[3], at(15) + timeout);
  books.advance(at(100) + timeout, [&](entry& late) { books.fail(late); });
  for (const int message : {1, 3, 2, 0}) {
    entry* const next = books.front(lane::live);
    REQUIRE(next != nullptr);
    CHECK(next->payload() == message);
    books.hand_over(*next, at(200));
  }
}

TEST_CASE("a hand-over whose look at the clock came late does not end before the one before it", "[ledger]") {
  ledger books(2, most_attempts, timeout);
  entry& first = books.add(lane::live, 0);
  entry& second = books.add(lane::live, 1);
  books.hand_over(first, at(50));
  books.hand_over(second, at(40));
  std::vector<int> failed;
  books.advance(at(50) + timeout, [&](entry& late) {
    failed.push_back(late.payload());
    books.fail(late);
  });
  CHECK(failed == std::vector<int>{0, 1});
}

TEST_CASE("a hand-over that is undone has never been, and its message is the first again", "[ledger]") {
  ledger books(3, most_attempts, timeout);
  entry& first = books.add(lane::live, 0);
  entry& second = books.add(lane::live, 1);
  books.add(lane::live, 2);
  books.hand_over(first, at(0));
  books.hand_over(second, at(0));
  const kew::detail::delivery_ticket ticket = first.ticket();
  books.undo_hand_over(second);
  books.undo_hand_over(first);
  CHECK(books.find(ticket) == nullptr);
  CHECK(books.next_due() == never);
  CHECK(books.counts(lane::live).ready == 3);
  CHECK(books.counts(lane::live).outstanding == 0);
  for (const int message : {0, 1, 2}) {
    entry* const next = books.front(lane::live);
    REQUIRE(next != nullptr);
    CHECK(next->payload() == message);
    CHECK(next->attempts() == 0);
    books.hand_over(*next, at(1));
  }
  CHECK(books.counts(lane::live).redelivered == 0);
  // Also where it is the only one.
  books.undo_hand_over(second);
  CHECK(books.front(lane::live) == &second);
  books.hand_over(second, at(2));
  CHECK(books.front(lane::live) == nullptr);
}

}  // namespace kew_test
