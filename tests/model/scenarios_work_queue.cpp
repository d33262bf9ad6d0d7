#include "scenario.hpp"

#include <kew/detail/message/acknowledged.hpp>
#include <kew/detail/wait/condition.hpp>
#include <kew/detail/wait/mutex.hpp>
#include <kew/work_queue.hpp>

#include <memory>
#include <optional>
#include <stop_token>
#include <vector>

namespace scenarios {
namespace {

using kew::park_wait;
using kew::status;
using kew::detail::condition;
using kew::detail::never;
using kew::detail::now;

// ---- The mutex and its condition --------------------------------------------------------------------------------

/// What the mutex guards, watched by a probe.
class guarded {
 public:
  void add() {
    const kew::detail::mutex::guard held(mutex_);
    sum_ = probe(sum_.value() + 1);
  }
  bool try_add() {
    if (!mutex_.try_lock()) return false;
    sum_ = probe(sum_.value() + 1);
    mutex_.unlock();
    return true;
  }
  void take_over() {
    kew::detail::mutex::guard held(mutex_);
    held.unlock();
    held.lock();
    sum_ = probe(sum_.value() + 1);
  }
  int sum() const { return sum_.value(); }

 private:
  kew::detail::mutex mutex_{};
  probe sum_{0};
};

void two_lock() {
  guarded sum;
  together(
      [&] {
        sum.add();
        sum.add();
      },
      [&] {
        sum.add();
        sum.take_over();
      });
  expect(sum.sum() == 4, "nobody's work is lost");
}
void three_lock() {
  guarded sum;
  together([&] { sum.add(); }, [&] { sum.add(); }, [&] { sum.add(); });
  expect(sum.sum() == 3, "nobody's work is lost");
}
void one_tries_to_lock() {
  guarded sum;
  bool did = false;
  together(
      [&] {
        sum.add();
        sum.add();
      },
      [&] {
        did = sum.try_add();
        sum.add();
      });
  expect(sum.sum() == 3 + did, "nobody's work is lost");
}

/// Tokens that a mutex guards.
class guarded_tokens {
 public:
  void put(std::size_t n = 1) {
    kew::detail::mutex::guard held(mutex_);
    count_ = probe(count_.value() + static_cast<int>(n));
    const std::size_t granted = changed_.grant(n);
    held.unlock();
    changed_.wake(granted);
  }
  /// False once the deadline is over and there is no token, or a stop was asked for.
  bool take(kew::detail::time_point deadline = never) {
    kew::detail::mutex::guard held(mutex_);
    for (;;) {
      if (count_.value() > 0) {
        count_ = probe(count_.value() - 1);
        return true;
      }
      const condition::ticket ticket = changed_.enter();
      const bool over = (deadline != never && now() >= deadline) || stop_.load(kew::detail::relaxed);
      if (!over) {
        held.unlock();
        changed_.sleep(ticket, deadline);
        held.lock();
      }
      changed_.leave();
      if (over) return false;
    }
  }
  void stop() {
    stop_.store(true, kew::detail::relaxed);
    changed_.interrupt();
  }
  int count() const { return count_.value(); }
  void nobody_waits() { expect(!changed_.has_waiters(), "everybody is counted out"); }

 private:
  kew::detail::mutex mutex_{};
  condition changed_{};
  probe count_{0};
  kew::detail::atomic<bool> stop_{false};
};

void condition_one_waits() {
  guarded_tokens box;
  together(
      [&] {
        box.put();
        box.put();
      },
      [&] {
        static_cast<void>(box.take());
        static_cast<void>(box.take());
      });
  box.nobody_waits();
}
void condition_two_wait() {
  guarded_tokens box;
  together([&] { box.put(2); }, [&] { static_cast<void>(box.take()); }, [&] { static_cast<void>(box.take()); });
  box.nobody_waits();
}
void condition_one_gives_up() {
  guarded_tokens box;
  bool taken = false;
  together(
      [&] {
        box.put();
        box.put();
      },
      [&] { taken = box.take(now() + for_a_while); }, [&] { static_cast<void>(box.take()); });
  box.nobody_waits();
  expect(box.count() == !taken, "two tokens, neither lost nor taken twice");
}
void condition_is_interrupted() {
  guarded_tokens box;
  together([&] { box.stop(); }, [&] { expect(!box.take(), "there is no token"); });
  box.nobody_waits();
}
void condition_is_interrupted_beside_a_grant() {
  guarded_tokens box;
  bool taken = false;
  together(
      [&] {
        box.put();
        box.stop();
      },
      [&] { taken = box.take(); });
  box.nobody_waits();
  expect(box.count() == !taken, "one token, not lost");
}

// ---- The shards of those that acknowledge ---------------------------------------------------------------------------

struct place {
  probe value{0};
};

/// More than a shard has places for.
void shards_are_used_again() {
  kew::detail::acknowledged<place> shards;
  int sum = 0;
  int refused = 0;
  const auto add = [&](int value) {
    return shards.add([value](place& item) {
      item.value = probe(value);
      return true;
    });
  };
  together(
      [&] {
        for (int value = 1; value <= 4;)
          if (add(value))
            ++value;
          else
            kew::detail::yield();
      },
      [&] {
        while (sum < 1 + 2 + 3 + 4) {
          shards.take([&sum](const place& item) { sum += item.value.value(); });
          kew::detail::yield();
        }
        refused = !add(5);
      });
  shards.take([&sum](const place& item) { sum += item.value.value(); });
  expect(sum == 10 + (refused != 0 ? 0 : 5), "each item is taken once");
}
/// While they are shut nothing is added, and what they guard is the other thread's.
void shards_are_shut() {
  kew::detail::acknowledged<place> shards;
  probe guarded(0);
  int sum = 0;
  int added = 0;
  const auto count = [&sum](const place& item) { sum += item.value.value(); };
  const auto use = [&](place& item) {
    guarded = probe(guarded.value() + 1);
    item.value = probe(1);
    return true;
  };
  together(
      [&] {
        for (int i = 0; i < 3; ++i) added += shards.add(use);
      },
      [&] {
        for (int i = 0; i < 2; ++i) {
          shards.shut(count);
          guarded = probe(guarded.value() + 1);
          shards.open();
        }
      });
  shards.take(count);
  expect(sum == added && guarded.value() == added + 2, "each was added or refused");
}

// ---- The queue ----------------------------------------------------------------------------------------------------

using queue_type = kew::work_queue<probe, park_wait>;
using delivery_type = kew::delivery<probe>;

kew::queue_options options(std::size_t capacity, unsigned attempts = 100) {
  return {.capacity = capacity, .max_attempts = attempts, .visibility_timeout = for_a_while};
}
kew::queue_options untimed(std::size_t capacity) {
  return {.capacity = capacity, .max_attempts = 100, .visibility_timeout = std::chrono::nanoseconds::max()};
}

void balance(queue_type& queue) {
  const kew::queue_counts counts = queue.counts();
  expect(counts.published == counts.ready + counts.delayed + counts.outstanding + counts.acked + counts.dead,
         "the figures add up");
}

/// Acknowledges all that comes until the end; how many.
int ack_all(queue_type& queue) {
  int acked = 0;
  for (;;) {
    auto got = queue.receive();
    if (!got) {
      expect(got.status() == status::closed, "a receive without a limit ends with a message or closed");
      return acked;
    }
    acked += got->ack();
  }
}

/// When all threads are back: what is left, acknowledged.
int finish(queue_type& queue) {
  queue.close();
  balance(queue);
  const int left = ack_all(queue);
  balance(queue);
  return left;
}

void publish_and_acknowledge() {
  queue_type queue(untimed(1));
  int acked = 0;
  together(
      [&] {
        expect(static_cast<bool>(queue.publish(probe(1))), "it is open");
        expect(static_cast<bool>(queue.publish(probe(2))), "it is open");
        expect(static_cast<bool>(queue.publish(probe(3))), "it is open");
        queue.close();
      },
      [&] { acked = ack_all(queue); });
  expect(acked == 3, "each is acknowledged once");
  expect(queue.counts().acked == 3, "and counted");
}
void two_consumers() {
  queue_type queue(untimed(2));
  int first = 0;
  int second = 0;
  together(
      [&] {
        static_cast<void>(queue.publish(probe(1)));
        static_cast<void>(queue.publish(probe(2)));
        queue.close();
      },
      [&] { first = ack_all(queue); }, [&] { second = ack_all(queue); });
  expect(first + second == 2, "each is acknowledged once");
}
/// After the first publish there is room that is lent, so the next ones go by the inbox.
void arrivals_wake_a_consumer() {
  queue_type queue(untimed(4));
  static_cast<void>(queue.publish(probe(1)));
  expect(queue.receive()->ack(), "it is in time");
  together(
      [&] {
        static_cast<void>(queue.publish(probe(2)));
        static_cast<void>(queue.publish(probe(3)));
      },
      [&] {
        auto first = queue.receive();
        expect(**first == 2 && first->ack(), "in the order of their arrival");
        auto second = queue.receive();
        expect(**second == 3 && second->ack(), "in the order of their arrival");
      });
  expect(finish(queue) == 0 && queue.counts().acked == 3, "each was acknowledged once");
}
void two_arrive_and_two_wait() {
  queue_type queue(untimed(4));
  static_cast<void>(queue.publish(probe(1)));
  expect(queue.receive()->ack(), "it is in time");
  together([&] { static_cast<void>(queue.publish(probe(2))); }, [&] { static_cast<void>(queue.publish(probe(3))); },
           [&] { expect(queue.receive()->ack(), "it is in time"); },
           [&] { expect(queue.receive()->ack(), "it is in time"); });
  expect(finish(queue) == 0 && queue.counts().acked == 3, "each was acknowledged once");
}
void arrivals_against_close() {
  queue_type queue(untimed(4));
  static_cast<void>(queue.publish(probe(1)));
  status second = status::success;
  status third = status::success;
  int acked = 0;
  together(
      [&] {
        second = queue.publish(probe(2));
        third = queue.publish(probe(3));
      },
      [&] { queue.close(); }, [&] { acked = ack_all(queue); });
  expect(second || !third, "closed for good");
  expect(acked == 1 + static_cast<int>(static_cast<bool>(second)) + static_cast<int>(static_cast<bool>(third)),
         "what was published is acknowledged once");
  balance(queue);
}
void a_return_beside_arrivals() {
  queue_type queue(untimed(4));
  static_cast<void>(queue.publish(probe(1)));
  auto held = queue.receive();
  kew::detail::atomic<bool> arrived{false};
  bool arrived_first = false;
  together(
      [&] {
        static_cast<void>(queue.publish(probe(2)));
        arrived.store(true, kew::detail::release);
      },
      [&] {
        arrived_first = arrived.load(kew::detail::acquire);
        expect(held->requeue(), "it is in time");
      });
  auto front = queue.receive();
  expect(!arrived_first || **front == 2, "behind what is ready");
  expect(front->ack() && finish(queue) == 1, "each is acknowledged once");
}
void delivery_against_close() {
  queue_type queue(untimed(1));
  static_cast<void>(queue.publish(probe(1)));
  status pushed = status::success;
  int acked = 0;
  together([&] { acked += queue.receive()->ack(); }, [&] { pushed = queue.publish(probe(2)); }, [&] { queue.close(); });
  acked += finish(queue);
  expect(acked == 1 + static_cast<int>(static_cast<bool>(pushed)), "what was published is acknowledged once");
}
void a_return_against_close() {
  queue_type queue(untimed(1));
  static_cast<void>(queue.publish(probe(1)));
  int acked = 0;
  together(
      [&] {
        auto got = queue.receive();
        if (got) expect(got->requeue(), "it is in time");
      },
      [&] {
        queue.close();
        acked += ack_all(queue);
      });
  expect(acked == 1, "closed is not said while something may come back");
}
void delivery_against_timeout() {
  queue_type queue(options(1));
  static_cast<void>(queue.publish(probe(1)));
  auto held = queue.receive();
  int acked = 0;
  int acked_by_other = 0;
  together([&] { acked = held->ack(); },
           [&] {
             auto got = queue.try_receive_for(2 * for_a_while);
             if (got) acked_by_other = got->ack();
           });
  const int left = finish(queue);
  expect(acked + acked_by_other + left == 1, "one message, acknowledged once");
}
void verdict_against_verdict() {
  queue_type queue(untimed(1));
  static_cast<void>(queue.publish(probe(1)));
  auto late = queue.receive();
  expect(late->extend(std::chrono::seconds(0)), "it is in time");
  auto next = queue.receive();
  bool late_counts = false;
  bool next_counts = false;
  together([&] { late_counts = late->reject("late"); }, [&] { next_counts = next->requeue(); });
  expect(!late_counts, "a verdict about an older hand-over is refused");
  const int left = finish(queue);
  expect(next_counts && left == 1 && queue.counts().dead == 0, "and that of the holder counts");
}
void extend_against_timeout() {
  queue_type queue(options(1));
  static_cast<void>(queue.publish(probe(1)));
  auto held = queue.receive();
  bool extended = false;
  bool acked = false;
  bool other = false;
  together(
      [&] {
        extended = held->extend(std::chrono::nanoseconds::max());
        acked = held->ack();
      },
      [&] {
        auto got = queue.try_receive_for(2 * for_a_while);
        other = got && got->ack();
      });
  expect(extended == acked, "what was extended in time is not taken away");
  const int left = finish(queue);
  expect(acked + other + left == 1, "one message, acknowledged once");
}
void a_rejection_makes_room() {
  queue_type queue(untimed(1));
  static_cast<void>(queue.publish(probe(1)));
  auto held = queue.receive();
  together([&] { static_cast<void>(queue.publish(probe(2))); }, [&] { expect(held->reject("no"), "it is in time"); });
  expect(finish(queue) == 1, "the second one is there");
}
void the_last_failure_makes_room() {
  queue_type queue(options(1, 1));
  static_cast<void>(queue.publish(probe(1)));
  auto held = queue.receive();
  together([&] { static_cast<void>(queue.publish(probe(2))); },
           [&] { expect(queue.dead_letters().receive().has_value(), "what has failed for good is a dead letter"); });
  expect(!held->ack(), "too late");
  expect(finish(queue) == 1, "the second one is there");
}
void a_delay_ends() {
  queue_type queue(untimed(1));
  static_cast<void>(queue.publish(probe(1)));
  auto held = queue.receive();
  together([&] { expect(held->requeue(for_a_while), "it is in time"); },
           [&] { expect(queue.receive()->ack(), "the receive waits for the end of the delay"); });
  expect(queue.counts().acked == 1, "acknowledged once");
}
/// The first to wait keeps the time; it gives up before there is anything, and the second has to take over.
void the_timekeeper_leaves() {
  queue_type queue(untimed(1));
  static_cast<void>(queue.publish(probe(1)));
  expect(queue.receive()->requeue(3 * for_a_while), "it is in time");
  together(
      [&] {
        auto got = queue.try_receive_for(for_a_while);
        if (got) expect(got->requeue(), "it is in time");
      },
      [&] { expect(queue.receive()->ack(), "somebody waits for the end of the delay"); });
}
/// A consumer sleeps without a timer; then a holder sets one, and goes.
void a_timer_is_set_while_others_sleep() {
  queue_type queue(untimed(2));
  std::optional<kew::result<delivery_type>> held;
  together(
      [&] {
        static_cast<void>(queue.publish(probe(1)));
        held.emplace(queue.try_receive());
        if (*held) static_cast<void>((*held)->extend(for_a_while));
      },
      [&] { static_cast<void>(queue.receive()->requeue()); });
  held.reset();
  expect(finish(queue) == 1, "acknowledged once");
}
void receive_until_stopped() {
  queue_type queue(untimed(1));
  std::stop_source source;
  int acked = 0;
  together(
      [&] {
        for (;;) {
          auto got = queue.receive(source.get_token());
          if (!got) break;
          acked += got->ack();
        }
      },
      [&] {
        static_cast<void>(queue.publish(probe(1)));
        explorer::all_learn(1);  // Nobody sees a stop by an atomic of the explorer's.
        source.request_stop();
      });
  expect(acked + finish(queue) == 1, "one message, not lost");
}
/// An acknowledgement without the mutex, whose publisher sleeps, or is about to.
void an_acknowledgement_makes_room() {
  queue_type queue(untimed(1));
  static_cast<void>(queue.publish(probe(1)));
  auto held = queue.receive();
  together([&] { expect(static_cast<bool>(queue.publish(probe(2))), "it is open"); },
           [&] { expect(held->ack(), "it is in time"); });
  expect(finish(queue) == 1, "the second one is there");
}
void two_acknowledge_and_one_looks() {
  queue_type queue(untimed(3));
  for (int message = 1; message <= 3; ++message) static_cast<void>(queue.publish(probe(message)));
  auto first = queue.receive();
  auto second = queue.receive();
  kew::detail::atomic<int> acked{0};
  const auto ack = [&](auto& held) {
    expect(held->ack(), "it is in time");
    acked.fetch_add(1, kew::detail::release);
  };
  together([&] { ack(first); }, [&] { ack(second); },
           [&] {
             const auto before = static_cast<std::uint64_t>(acked.load(kew::detail::acquire));
             const kew::queue_counts counts = queue.counts();
             expect(counts.acked >= before, "what has been acknowledged is counted");
             expect(counts.published == counts.ready + counts.outstanding + counts.acked, "the figures add up");
             expect(before == 0 || queue.try_publish(probe(4)), "and its room is there");
           });
  static_cast<void>(finish(queue));
  expect(queue.counts().acked == queue.counts().published, "each was acknowledged once");
}
/// The consumer sleeps on a closed queue whose last message another one holds.
void the_last_acknowledgement_ends_a_wait() {
  queue_type queue(untimed(1));
  static_cast<void>(queue.publish(probe(1)));
  auto held = queue.receive();
  together([&] { expect(held->ack(), "it is in time"); }, [&] { queue.close(); },
           [&] { expect(queue.receive().status() == status::closed, "there is no other message"); });
  expect(queue.counts().acked == 1, "acknowledged once");
}
/// More messages than slots, and entries that are used again.
void slots_are_used_again() {
  queue_type queue(untimed(3));
  int next = 1;
  together(
      [&] {
        for (int message = 1; message <= 5; ++message) expect(static_cast<bool>(queue.publish(probe(message))), "open");
        queue.close();
      },
      [&] {
        for (auto got = queue.receive(); got; got = queue.receive()) {
          expect(**got == next++, "in the order of their arrival");
          expect(got->ack(), "it is in time");
        }
      });
  expect(next == 6, "each came once");
}
void a_batch_against_a_receive() {
  queue_type queue(untimed(4));
  static_cast<void>(queue.publish(probe(1)));
  std::vector<probe> batch;
  for (int message = 2; message <= 4; ++message) batch.emplace_back(message);
  together([&] { expect(queue.publish_n(batch) == 3, "there is room"); },
           [&] {
             for (int message = 1; message <= 3; ++message) {
               auto got = queue.receive();
               expect(**got == message && got->ack(), "in the order of their publishing");
             }
           });
  expect(finish(queue) == 1, "each was acknowledged once");
}
void a_delivery_outlives_its_queue() {
  auto queue = std::make_unique<queue_type>(untimed(2));
  static_cast<void>(queue->publish(probe(1)));
  static_cast<void>(queue->publish(probe(2)));
  auto first = queue->receive();
  std::optional<kew::result<delivery_type>> second(queue->receive());
  together([&] { static_cast<void>(first->ack()); }, [&] { second.reset(); }, [&] { queue.reset(); });
  expect(!first->ack() && **first == 1, "the message is the holder's even so");
}

}  // namespace

std::vector<scenario> of_work_queue() {
  constexpr reach two{3, 2, 1};
  constexpr reach wide{2, 1, 1};
  constexpr reach queue{2, 1, 0};
  return {
      {"mutex: two lock", two_lock, 2, two},
      {"mutex: three lock", three_lock, 3, wide},
      {"mutex: one tries to lock", one_tries_to_lock, 2, two},
      {"condition: one waits", condition_one_waits, 2, two},
      {"condition: two wait for two", condition_two_wait, 3, wide},
      {"condition: one gives up", condition_one_gives_up, 3, wide},
      {"condition: an interrupt", condition_is_interrupted, 2, two},
      {"condition: an interrupt beside a grant", condition_is_interrupted_beside_a_grant, 2, two},
      {"acknowledged: a shard's places are used again", shards_are_used_again, 2, two},
      {"acknowledged: the shards are shut", shards_are_shut, 2, two},
      {"work_queue: publish and acknowledge", publish_and_acknowledge, 2, queue},
      {"work_queue: two consumers", two_consumers, 3, queue},
      {"work_queue: arrivals wake a consumer", arrivals_wake_a_consumer, 2, queue},
      {"work_queue: two arrive and two wait", two_arrive_and_two_wait, 4, queue},
      {"work_queue: arrivals against close", arrivals_against_close, 3, queue},
      {"work_queue: a return beside arrivals", a_return_beside_arrivals, 2, queue},
      {"work_queue: delivery against close", delivery_against_close, 3, queue},
      {"work_queue: a return against close", a_return_against_close, 2, queue},
      {"work_queue: delivery against timeout", delivery_against_timeout, 2, {2, 1, 1}},
      {"work_queue: verdict against verdict", verdict_against_verdict, 2, queue},
      {"work_queue: extend against timeout", extend_against_timeout, 2, {2, 1, 1}},
      {"work_queue: a rejection makes room", a_rejection_makes_room, 2, queue},
      {"work_queue: the last failure makes room", the_last_failure_makes_room, 2, queue},
      {"work_queue: a delay ends", a_delay_ends, 2, queue},
      {"work_queue: the timekeeper leaves", the_timekeeper_leaves, 2, queue},
      {"work_queue: a timer is set while others sleep", a_timer_is_set_while_others_sleep, 2, queue},
      {"work_queue: receive until stopped", receive_until_stopped, 2, queue},
      {"work_queue: an acknowledgement makes room", an_acknowledgement_makes_room, 2, queue},
      {"work_queue: two acknowledge and one looks", two_acknowledge_and_one_looks, 3, queue},
      {"work_queue: the last acknowledgement ends a wait", the_last_acknowledgement_ends_a_wait, 3, queue},
      {"work_queue: slots are used again", slots_are_used_again, 2, queue},
      {"work_queue: a batch against a receive", a_batch_against_a_receive, 2, queue},
      {"work_queue: a delivery outlives its queue", a_delivery_outlives_its_queue, 3, queue},
  };
}

}  // namespace scenarios
