// Histories recorded on real threads, for every ring and queue, at several capacities, judged by the checker
// of linearizability.hpp.
//
// A push or a pop that says busy claims nothing and is not part of a history. Batches are recorded as that
// many single operations over the time of the call; that fewer went in or out than asked for claims nothing.
// size_approx promises no more than its bounds and is not part of a history either.
#include "support/linearizability.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <iterator>
#include <numeric>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

#include <kew/async.hpp>
#include <kew/blocking_queue.hpp>
#include <kew/channel.hpp>
#include <kew/detail/machine/sync.hpp>
#include <kew/mpmc_ring.hpp>
#include <kew/mpsc_ring.hpp>
#include <kew/select.hpp>
#include <kew/spmc_ring.hpp>
#include <kew/spsc_ring.hpp>

#include "support/catch.hpp"
#include "support/coroutines.hpp"
#include "support/environment.hpp"

namespace kew_test {
namespace {

using kew::status;
using value = std::uint32_t;

/// The time, after everything that this thread has done and before everything that it will do. Without the
/// fence a store of the operation could still be on its way when the operation counts as over, and an empty
/// would look like a lie.
stamp now() noexcept {
#if KEW_TSAN
  thread_local std::atomic<int> fence{0};
  fence.exchange(0);
#else
  std::atomic_thread_fence(std::memory_order_seq_cst);
#endif
  const stamp read = std::chrono::steady_clock::now().time_since_epoch().count();
#if !KEW_TSAN
  std::atomic_thread_fence(std::memory_order_seq_cst);
#endif
  return read;
}

/// What one thread saw.
class recorder {
 public:
  explicit recorder(std::size_t most) { seen_.reserve(most); }

  /// What `call` answers, and the time that it took.
  template <class Call>
  auto during(Call&& call) {
    invoked_ = now();
    auto answer = call();
    answered_ = now();
    return answer;
  }
  void pushed(value first, std::size_t n) { add(operation::kind::push, first, n); }
  void popped(value what) {
    failures_ = 0;
    seen_.push_back({operation::kind::pop, what, invoked_, answered_});
  }

  /// `answer` of an attempt to push one.
  bool push(value what, status answer) {
    if (answer)
      add(operation::kind::push, what, 1);
    else if (answer == status::full)
      add_failure(operation::kind::push_full);
    return static_cast<bool>(answer);
  }
  void pop_failed(status answer) {
    if (answer == status::empty) add_failure(operation::kind::pop_empty);
  }

  const std::vector<operation>& seen() const noexcept { return seen_; }

 private:
  // A thread that waits for its turn would fill the history with failures. A right history stays right without
  // some of them.
  void add_failure(operation::kind kind) {
    if (++failures_ <= 4 || failures_ % 64 == 0) seen_.push_back({kind, 0, invoked_, answered_});
  }

  void add(operation::kind kind, value first, std::size_t n) {
    failures_ = 0;
    for (std::size_t i = 0; i < n; ++i) seen_.push_back({kind, first + static_cast<value>(i), invoked_, answered_});
  }

  std::vector<operation> seen_;
  stamp invoked_ = 0;
  stamp answered_ = 0;
  std::size_t failures_ = 0;
};

/// Becomes a value while its slot is already claimed, and now and then gives the others time to look at that.
/// One kind may throw, for all that the ring knows, and so takes the way of elements that may.
template <bool MayThrow>
struct slow_value {
  value what;
  bool dawdles;

  operator value() const noexcept(!MayThrow) {
    if (dawdles) std::this_thread::yield();
    return what;
  }
};

template <class End, class F>
concept consuming = requires(End& end, F f) { end.try_consume(f); };

/// A coroutine can wait there.
template <class End>
concept awaitable = (kew::detail::pop_source<End> || kew::detail::push_sink<End>) && kew::detail::core_of<End>::wakes;

/// Lets a coroutine wait for a moment in this thread; nothing where it has given up. `await(token, schedule)` is what it
/// awaits.
template <class Await>
auto wait_by_coroutine(Await await) {
  std::stop_source stop;
  run_loop loop;
  std::optional<decltype(await(stop.get_token(), loop.schedule()).await_resume())> answer;
  const auto wait = [&]() -> task { answer.emplace(co_await await(stop.get_token(), loop.schedule())); };
  const task running = wait();
  for (int i = 0; i < 10 && !answer; ++i) {
    std::this_thread::yield();
    loop.run();
  }
  stop.request_stop();
  loop.run_until([&answer] { return answer.has_value(); });
  return *answer;
}

/// Pushes `n` values from `first` on, by every means that does not wait.
template <class End>
void push_all(End& in, value first, std::size_t n, random_source random, recorder& record) {
  std::array<value, 4> batch;
  for (std::size_t i = 0; i < n;) {
    const std::size_t before = i;
    const value next = first + static_cast<value>(i);
    const auto pushed = [&](auto&& call) -> std::size_t { return record.push(next, record.during(call)) ? 1 : 0; };
    switch (random.below(8)) {
      case 0: {
        const std::size_t length = std::min(1 + random.below(4), n - i);
        std::iota(batch.begin(), batch.end(), next);
        const std::size_t went_in = record.during([&] { return in.try_push_n(batch.begin(), length); });
        record.pushed(next, went_in);
        i += went_in;
        break;
      }
      case 1: {
        const bool dawdles = random.one_in(16);
        const bool may_throw = random.one_in(2);
        i += pushed([&] {
          return may_throw ? in.try_emplace(slow_value<true>{next, dawdles})
                           : in.try_emplace(slow_value<false>{next, dawdles});
        });
        break;
      }
      case 2:
        if constexpr (requires { in.push(next); }) {
          i += pushed([&] { return in.push(next); });
          break;
        }
        [[fallthrough]];
      case 3:
        if constexpr (requires { in.try_push_for(next, std::chrono::microseconds(5)); }) {
          const status answer = record.during([&] { return in.try_push_for(next, std::chrono::microseconds(5)); });
          // A timed push that runs out says full for want of room or for a busy neighbour: no claim.
          if (answer) record.push(next, answer);
          i += answer ? 1 : 0;
          break;
        }
        [[fallthrough]];
      case 4:
        if constexpr (awaitable<End>) {
          i += pushed([&] {
            return wait_by_coroutine([&](std::stop_token token, auto schedule) {
              return kew::async_push(in, next, std::move(token), schedule);
            });
          });
          break;
        }
        [[fallthrough]];
      default: i += pushed([&] { return in.try_push(next); });
    }
    if (i == before) std::this_thread::yield();
  }
}

template <class End>
void pop_all(End& out, std::atomic<std::size_t>& left, random_source random, recorder& record) {
  std::vector<value> taken;
  const auto popped = [&](auto&& call) {
    const kew::result<value> element = record.during(call);
    if (element) taken.push_back(*element);
    return element.status();
  };
  while (left.load(std::memory_order_relaxed) > 0) {
    taken.clear();
    status answer = status::success;
    switch (random.below(8)) {
      case 0:
        record.during([&] {
          const std::size_t wanted = 1 + random.below(4);
          if (random.one_in(2)) return out.try_pop_n(std::back_inserter(taken), wanted);
          value batch[4];  // which cannot throw
          const std::size_t done = out.try_pop_n(batch, wanted);
          taken.insert(taken.end(), batch, batch + done);
          return done;
        });
        break;
      case 1: {
        const bool dawdles = random.one_in(16);
        const auto f = [&](value& element) {
          if (dawdles) std::this_thread::yield();
          taken.push_back(element);
        };
        if constexpr (consuming<End, decltype(f)>) {
          answer = record.during([&] { return out.try_consume(f); });
          break;
        }
        [[fallthrough]];
      }
      case 2: {
        value element = 0;
        answer = record.during([&] { return out.try_pop(element); });
        if (answer) taken.push_back(element);
        break;
      }
      case 3:
        if constexpr (requires { out.try_pop_for(std::chrono::microseconds(5)); }) {
          // As with pushes: what runs out of time claims nothing.
          static_cast<void>(popped([&] { return out.try_pop_for(std::chrono::microseconds(5)); }));
          break;
        }
        [[fallthrough]];
      case 4:
        if constexpr (awaitable<End>) {
          static_cast<void>(popped([&] {
            return wait_by_coroutine(
                [&](std::stop_token token, auto schedule) { return kew::async_pop(out, std::move(token), schedule); });
          }));
          break;
        }
        [[fallthrough]];
      default: answer = popped([&] { return out.try_pop(); });
    }
    for (const value element : taken) record.popped(element);
    record.pop_failed(answer);
    if (!taken.empty())
      left.fetch_sub(taken.size(), std::memory_order_relaxed);
    else
      std::this_thread::yield();
  }
}

struct tally {
  std::size_t histories = 0;
  std::size_t operations = 0;
  std::size_t fulls = 0;
  std::size_t empties = 0;
  std::size_t overlapping = 0;
};

/// Records one history and judges it.
template <class In, class Out>
verdict record_and_judge(In& in, Out& out, std::size_t producers, std::size_t consumers, std::size_t each,
                         std::uint64_t seed, tally& total, fifo_checker& check) {
  std::vector<recorder> records;
  for (std::size_t i = 0; i < producers + consumers; ++i) records.emplace_back(8 * each * producers);
  std::atomic<std::size_t> left{producers * each};
  std::atomic<std::size_t> missing{producers + consumers};
  const auto start = [&missing] {
    --missing;
    while (missing > 0) std::this_thread::yield();
  };
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < producers; ++i)
    threads.emplace_back([&, i] {
      start();
      push_all(in, static_cast<value>(i * each), each, random_source(seed + i), records[i]);
    });
  for (std::size_t i = 0; i < consumers; ++i)
    threads.emplace_back([&, i] {
      start();
      pop_all(out, left, random_source(seed + 100 + i), records[producers + i]);
    });
  for (std::thread& thread : threads) thread.join();

  std::vector<operation> history;
  for (const recorder& record : records) history.insert(history.end(), record.seen().begin(), record.seen().end());
  // The end of the story: whatever was swallowed shows by not being there when this says empty.
  recorder last(1);
  const status rest = last.during([&] { return out.try_pop().status(); });
  last.pop_failed(rest);
  if (rest != status::empty) return "something is left after all was popped";
  history.insert(history.end(), last.seen().begin(), last.seen().end());

  ++total.histories;
  total.operations += history.size();
  for (const operation& done : history) {
    total.fulls += done.what == operation::kind::push_full ? 1 : 0;
    total.empties += done.what == operation::kind::pop_empty ? 1 : 0;
  }
  std::ranges::sort(history, {}, &operation::invoked);
  for (std::size_t i = 1; i < history.size(); ++i)
    total.overlapping += history[i].invoked < history[i - 1].answered ? 1 : 0;
  return check(history, in.capacity());
}

template <class F>
void judge_histories(const char* name, std::size_t producers, std::size_t consumers, F&& with_queue) {
  const watchdog guard(name);
  tally total;
  fifo_checker check;
  for (const std::size_t capacity : sizes{1, 2, 3, 8, 64}) {
    const std::size_t histories = scaled(6);
    for (std::size_t i = 0; i < histories; ++i) {
      const std::uint64_t seed = run_seed() + 1000 * i + capacity;
      with_queue(capacity, [&](auto& in, auto& out) {
        const verdict wrong =
            record_and_judge(in, out, producers, consumers, capacity < 8 ? 1'000 : 3'000, seed, total, check);
        INFO(name << ", capacity " << capacity << ", KEW_SEED=" << run_seed());
        if (wrong != nullptr) FAIL_CHECK(wrong);
      });
    }
  }
  std::printf(
      "linearizability, %s: %zu histories, %zu operations (%zu full, %zu empty, %zu overlapping the one before)\n",
      name, total.histories, total.operations, total.fulls, total.empties, total.overlapping);
  CHECK(total.overlapping > 0);
}

template <class Queue>
void judge_whole(const char* name, std::size_t producers, std::size_t consumers) {
  judge_histories(name, producers, consumers, [](std::size_t capacity, auto&& judge) {
    Queue queue(capacity);
    judge(queue, queue);
  });
}

/// A queue whose consumers select between it and another one, to which nothing ever comes, so that a select that takes
/// nothing says of both that they were empty, or closed.
template <class Ring, class Wait>
class by_select {
 public:
  explicit by_select(std::size_t capacity) : queue_(capacity), other_(1) {}

  std::size_t capacity() const noexcept { return queue_.capacity(); }
  template <class It>
  std::size_t try_push_n(It first, std::size_t n) {
    return queue_.try_push_n(first, n);
  }
  status push(value what) {
    return select_push([&](auto&&... cases) { return kew::select(cases...); }, what);
  }
  status try_push(value what) {
    return select_push([&](auto&&... cases) { return kew::try_select(cases...); }, what);
  }
  template <class A>
  status try_emplace(A what) {
    return queue_.try_emplace(what);
  }

  kew::result<value> try_pop() {
    return select_pop([](auto&&... cases) { return kew::try_select(cases...); });
  }
  kew::result<value> try_pop_for(std::chrono::microseconds limit) {
    return select_pop([&](auto&&... cases) { return kew::try_select_for(limit, cases...); });
  }
  status try_pop(value& out) {
    const auto popped = select_pop([](auto&&... cases) { return kew::try_select_in_order(cases...); });
    if (popped) out = *popped;
    return popped.status();
  }
  template <class Out>
  std::size_t try_pop_n(Out out, std::size_t n) {
    return queue_.try_pop_n(out, n);
  }

 private:
  template <class Select>
  kew::result<value> select_pop(Select select) {
    value taken = 0;
    const auto answer = select(kew::on_pop(other_, [](value) {}), kew::on_pop(queue_, [&](value got) { taken = got; }));
    if (!answer) return answer.status();
    return taken;
  }
  template <class Select>
  status select_push(Select select, value what) {
    const auto answer = select(kew::on_pop(other_, [](value) {}), kew::on_push(queue_, what, [] {}));
    if (answer) return status::success;
    return answer.status() == status::empty ? status::full : answer.status();
  }

  kew::blocking_queue<value, Ring, Wait> queue_;
  kew::blocking_queue<value> other_;
};

template <class Ring>
void judge_channel(const char* name, std::size_t producers, std::size_t consumers) {
  judge_histories(name, producers, consumers, [](std::size_t capacity, auto&& judge) {
    auto [tx, rx] = kew::make_channel_over<Ring>(capacity);
    judge(tx, rx);
  });
}

using spsc = kew::spsc_ring<value>;
using mpsc = kew::mpsc_ring<value>;
using spmc = kew::spmc_ring<value>;
using mpmc = kew::mpmc_ring<value>;

}  // namespace

TEST_CASE("spsc_ring is linearizable", "[linearizability]") { judge_whole<spsc>("spsc_ring", 1, 1); }
TEST_CASE("mpsc_ring is linearizable", "[linearizability]") { judge_whole<mpsc>("mpsc_ring", 3, 1); }
TEST_CASE("spmc_ring is linearizable", "[linearizability]") { judge_whole<spmc>("spmc_ring", 1, 3); }
TEST_CASE("mpmc_ring is linearizable", "[linearizability]") {
  judge_whole<mpmc>("mpmc_ring", 2, 2);
  judge_whole<mpmc>("mpmc_ring, 1 to 1", 1, 1);
  judge_whole<mpmc>("mpmc_ring, 3 to 3", 3, 3);
}

TEST_CASE("blocking_queue is linearizable over every ring", "[linearizability]") {
  judge_whole<kew::blocking_queue<value, spsc>>("blocking_queue over spsc_ring", 1, 1);
  judge_whole<kew::blocking_queue<value, mpsc>>("blocking_queue over mpsc_ring", 2, 1);
  judge_whole<kew::blocking_queue<value, spmc>>("blocking_queue over spmc_ring", 1, 2);
  judge_whole<kew::blocking_queue<value, mpmc>>("blocking_queue over mpmc_ring", 2, 2);
  judge_whole<kew::blocking_queue<value, mpmc, kew::park_wait>>("blocking_queue over mpmc_ring, park_wait", 2, 2);
  judge_whole<kew::blocking_queue<value, mpmc, kew::yield_wait>>("blocking_queue over mpmc_ring, yield_wait", 2, 2);
}

TEST_CASE("a queue with selects among its users is linearizable", "[linearizability]") {
  judge_whole<by_select<mpmc, kew::park_wait>>("select over mpmc_ring, park_wait", 2, 2);
  judge_whole<by_select<mpmc, kew::adaptive_wait>>("select over mpmc_ring", 2, 2);
  judge_whole<by_select<spsc, kew::park_wait>>("select over spsc_ring, park_wait", 1, 1);
}

TEST_CASE("a channel is linearizable over every ring", "[linearizability]") {
  judge_channel<spsc>("channel over spsc_ring", 1, 1);
  judge_channel<mpmc>("channel over mpmc_ring", 1, 1);
}

}  // namespace kew_test
