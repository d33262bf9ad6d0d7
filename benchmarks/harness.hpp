// What every benchmark shares: the items, the way of waiting, pinned threads behind one gate, and the counting of what
// went in and what came out.
//
// A contender is a small class, a "port", made from a capacity and a shape:
//   try_push(item), try_pop(item) -> bool       a ring: the harness polls it
//   push(item), pop(item) -> bool               a queue that waits by itself; pop may say false after close()
//   producer(), consumer()                      where each thread has a handle or token of its own: these have the calls
//   …_n(items, n) -> count                      batches; who has none gets the items of a batch one by one
//   static fits(shape)                          the shapes in which it can be used
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <kew/detail/machine/sync.hpp>

#include "machine.hpp"

namespace bench {

using clock = std::chrono::steady_clock;
using std::chrono::nanoseconds;

inline double seconds_between(clock::time_point from, clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

/// How many threads push and how many pop.
struct shape {
  int producers;
  int consumers;
  int threads() const { return producers + consumers; }
  std::string name() const { return std::to_string(producers) + "p" + std::to_string(consumers) + "c"; }
};

inline bool has_core_for_each(shape s) { return s.threads() <= static_cast<int>(cores().size()); }

// ---- Contenders ----------------------------------------------------------------------------------

/// A name as a template argument.
template <std::size_t N>
struct text {
  char value[N]{};
  constexpr text(const char (&characters)[N]) { std::copy_n(characters, N, value); }
};

template <class... Ports>
struct contenders {};

template <class... Lists>
struct join;
template <class... A>
struct join<contenders<A...>> {
  using type = contenders<A...>;
};
template <class... A, class... B, class... Rest>
struct join<contenders<A...>, contenders<B...>, Rest...> : join<contenders<A..., B...>, Rest...> {};
template <class... Lists>
using joined = typename join<Lists...>::type;

/// Calls `f.operator()<Port>()` for each port of the list that fits the shape.
template <class... Ports, class F>
void for_each(contenders<Ports...>, shape s, F f) {
  const auto one = [&]<class Port>(std::type_identity<Port>) {
    if constexpr (requires { Port::fits(s); })
      if (!Port::fits(s)) return;
    f.template operator()<Port>();
  };
  (one(std::type_identity<Ports>{}), ...);
}

template <class Port>
decltype(auto) producer_of(Port& port) {
  if constexpr (requires { port.producer(); })
    return port.producer();
  else
    return (port);
}
template <class Port>
decltype(auto) consumer_of(Port& port) {
  if constexpr (requires { port.consumer(); })
    return port.consumer();
  else
    return (port);
}

// ---- Items ---------------------------------------------------------------------------------------

template <std::size_t Bytes>
struct message {
  std::uint64_t number;
  std::array<std::byte, Bytes - sizeof(number)> payload;
};

/// Its text is on the heap: the producer allocates it, the consumer frees it.
inline constexpr std::size_t string_length = 32;

/// Numbers of items begin at 1: some queues use a zero for "nothing".
inline constexpr std::uint64_t end_of_stream = UINT64_MAX;

template <class T>
T make_item(std::uint64_t number) {
  if constexpr (std::is_same_v<T, std::string>) {
    std::string item(string_length, '.');
    std::memcpy(item.data(), &number, sizeof(number));
    return item;
  } else if constexpr (std::is_integral_v<T>) {
    return number;
  } else {
    return {number, {}};
  }
}

template <class T>
std::uint64_t number_of(const T& item) {
  if constexpr (std::is_same_v<T, std::string>) {
    std::uint64_t number = 0;
    std::memcpy(&number, item.data(), sizeof(number));
    return number;
  } else if constexpr (std::is_integral_v<T>) {
    return item;
  } else {
    return item.number;
  }
}

/// Makes `item` the one with this number. A message stays in memory, and its beginning is written by one store as wide as
/// the loads of a copy. A load of what several stores have written waits until these have left the store buffer, behind all
/// stores to lines that another core has; which contender had such loads was up to the compiler, and made 15 or 84 million
/// messages of 64 bytes a second of one and the same library.
template <class T>
[[gnu::always_inline]] inline void renumber(T& item, std::uint64_t number) {
  if constexpr (requires { item.payload; }) {
    using beginning [[gnu::vector_size(16)]] = std::uint64_t;
    const beginning words{number, 0};
    std::memcpy(&item, &words, sizeof(words));
    asm volatile("" : "+m"(item));
  } else {
    item = make_item<T>(number);
  }
}

/// Makes the compiler bring all of an item out of the queue. It leaves out what nothing reads, and a consumer that takes 8
/// of an item's 64 bytes has half of its lines to wait for.
template <class T>
[[gnu::always_inline]] inline void read_whole(const T& item) {
  if constexpr (!std::is_integral_v<T>) asm volatile("" : : "m"(item));
}

// ---- Waiting -------------------------------------------------------------------------------------

/// Whether threads have to share cores.
inline bool crowded = false;

/// How everybody waits who has no waiting of his own: 64 tries with a pause instruction between them, about as long as
/// a few messages take from core to core, and then yields. Where threads share cores, one yield, and then naps: whom the
/// scheduler has put among those that he waits for would lose his turn with each yield. This and what calls it is inlined
/// whatever the compiler thinks of it: among so many contenders it gives up at some of them.
template <class Attempt>
[[gnu::always_inline]] inline void poll(const Attempt& attempt) {
  constexpr int patient = 64;
  for (int tries = 0; !attempt(); ++tries) {
    if (tries < patient) {
      kew::detail::cpu_relax();
    } else if (tries == patient || !crowded) {
      kew::detail::yield();
    } else {
      kew::detail::nap(50);
      tries = patient;
    }
  }
}

template <class Producer, class T>
[[gnu::always_inline]] inline void send(Producer& to, T& item) {
  if constexpr (requires { to.push(item); })
    to.push(item);
  else
    poll([&] { return to.try_push(item); });
}

/// False when the stream has ended. `ended`: every push is done.
template <class Consumer, class T>
[[gnu::always_inline]] inline bool receive(Consumer& from, T& item, const std::atomic<bool>& ended) {
  if constexpr (requires { from.pop(item); }) {
    return from.pop(item) && number_of(item) != end_of_stream;
  } else {
    // What fails after the end of all pushes has found nothing left. There is one call only, so that it is inlined.
    bool received = false, last_try = false;
    poll([&] {
      received = from.try_pop(item);
      return received || std::exchange(last_try, ended.load(std::memory_order_acquire));
    });
    return received;
  }
}

template <class Producer, class T>
void send_n(Producer& to, T* items, std::size_t n) {
  if constexpr (requires { to.push_n(items, n); }) {
    to.push_n(items, n);
  } else if constexpr (requires { to.try_push_n(items, n); }) {
    poll([&] {
      const std::size_t sent = to.try_push_n(items, n);
      items += sent;
      return (n -= sent) == 0;
    });
  } else {
    for (std::size_t i = 0; i < n; ++i) send(to, items[i]);
  }
}

/// How many, 0 when the stream has ended. An item that says so is counted with the others and known by its number.
template <class Consumer, class T>
std::size_t receive_n(Consumer& from, T* items, std::size_t n, const std::atomic<bool>& ended) {
  if constexpr (requires { from.pop_n(items, n); }) {
    return from.pop_n(items, n);
  } else if constexpr (requires { from.try_pop_n(items, n); }) {
    std::size_t received = 0;
    bool last_try = false;
    poll([&] {
      received = from.try_pop_n(items, n);
      return received > 0 || std::exchange(last_try, ended.load(std::memory_order_acquire));
    });
    return received;
  } else {
    return receive(from, *items, ended) ? 1 : 0;
  }
}

// ---- Threads -------------------------------------------------------------------------------------

/// What one thread has pushed or popped. Items are numbered, so that a lost one and a repeated one show in the sum even
/// where they make up for each other in the count.
struct alignas(64) tally {
  std::uint64_t count = 0;
  std::uint64_t sum = 0;
  tally& operator+=(const tally& other) {
    count += other.count;
    sum += other.sum;
    return *this;
  }
  bool operator==(const tally&) const = default;
};

struct account {
  std::vector<tally> pushed;
  std::vector<tally> popped;
  double seconds = 0;  // from the opening of the gate until the last consumer has the last item

  tally all_pushed() const { return total(pushed); }
  tally all_popped() const { return total(popped); }

  /// What is wrong, or nothing.
  std::string complaint() const {
    const tally in = all_pushed(), out = all_popped();
    if (in == out) return {};
    if (in.count == out.count) return "items came out changed or repeated: the sum of their numbers is wrong";
    const bool lost = in.count > out.count;
    return (lost ? "lost " : "repeated ") + std::to_string(lost ? in.count - out.count : out.count - in.count) +
           " of " + std::to_string(in.count) + " items";
  }

 private:
  static tally total(const std::vector<tally>& all) {
    tally sum;
    for (const tally& one : all) sum += one;
    return sum;
  }
};

/// On lines of its own: a thread looks at `ended` each time it finds nothing, and takes whatever shares the line from the
/// thread that writes it. The count of round trips did: 1.3 times the time for every contender that is polled.
struct alignas(128) signals {
  std::atomic<bool> go{false};
  std::atomic<bool> stop{false};   // producers: finish
  std::atomic<bool> ended{false};  // consumers: nothing comes any more
};

/// Runs `produce(handle, index, stop)` and `consume(handle, index, ended)`, which return tallies, in a thread each for
/// about `time`; ends the stream; counts what consumers have left. Producers stand on the first cores, consumers on the
/// next ones, if there is a core for each.
template <class Port, class Produce, class Consume>
account run(Port& port, shape s, nanoseconds time, const Produce& produce, const Consume& consume) {
  using T = typename Port::value_type;
  crowded = !has_core_for_each(s);
  account result{std::vector<tally>(static_cast<std::size_t>(s.producers)),
                 std::vector<tally>(static_cast<std::size_t>(s.consumers))};
  signals signal;
  std::atomic<int> ready{0};
  std::atomic<int> consuming{s.consumers};
  std::vector<clock::time_point> finished(result.popped.size());

  const auto thread = [&](int place, auto work) {
    return std::jthread([&, place, work] {
      pin(place, s.threads());
      ++ready;
      while (!signal.go.load(std::memory_order_acquire)) std::this_thread::yield();
      work();
    });
  };
  std::vector<std::jthread> producers;
  std::vector<std::jthread> consumers;
  for (int i = 0; i < s.producers; ++i)
    producers.push_back(thread(i, [&, i] {
      auto&& handle = producer_of(port);
      result.pushed[static_cast<std::size_t>(i)] = produce(handle, i, signal.stop);
    }));
  for (int i = 0; i < s.consumers; ++i)
    consumers.push_back(thread(s.producers + i, [&, i] {
      auto&& handle = consumer_of(port);
      result.popped[static_cast<std::size_t>(i)] = consume(handle, i, signal.ended);
      finished[static_cast<std::size_t>(i)] = clock::now();
      --consuming;
    }));

  while (ready < s.threads()) std::this_thread::yield();
  const auto begin = clock::now();
  signal.go.store(true, std::memory_order_release);
  std::this_thread::sleep_for(time);
  signal.stop = true;
  producers.clear();
  signal.ended.store(true, std::memory_order_release);
  if constexpr (requires { port.close(); }) {
    port.close();
  } else if constexpr (requires(T& item) { consumer_of(port).pop(item); }) {
    // Who cannot be closed is sent an item that says so, again and again: a batch may swallow several of them.
    auto&& handle = producer_of(port);
    while (consuming > 0) {
      T last = make_item<T>(end_of_stream);
      if (!handle.try_push(last)) std::this_thread::yield();
      std::this_thread::sleep_for(std::chrono::microseconds(20));
    }
  }
  consumers.clear();
  result.seconds = seconds_between(begin, std::ranges::max(finished));

  if constexpr (requires(T& item) { consumer_of(port).try_pop(item); }) {
    auto&& handle = consumer_of(port);
    for (T item = make_item<T>(0); handle.try_pop(item);)
      if (number_of(item) != end_of_stream) result.popped[0] += {1, number_of(item)};
  }
  return result;
}

}  // namespace bench
