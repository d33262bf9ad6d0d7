// Messages a second through every queue, by shape, item, capacity and batch; and what one push with one pop costs a
// single thread, in nanoseconds and in instructions.
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <limits>

#include "peers/families.hpp"
#include "session.hpp"

namespace bench { namespace {

struct job {
  shape threads;
  std::size_t capacity;
  std::size_t batch;
};

/// Pushes and pops the capacity once, so that no page of the queue is new when the clock starts.
template <class Port>
void warm_up(Port& port, std::size_t capacity) {
  using T = typename Port::value_type;
  auto&& producer = producer_of(port);
  auto&& consumer = consumer_of(port);
  const std::atomic<bool> ended{false};
  if constexpr (requires { Port::whole_batch; })
    return;
  else
    for (int lap = 0; lap < 2; ++lap) {
      for (std::size_t i = 0; i < capacity; ++i) {
        T item = make_item<T>(1);
        send(producer, item);
      }
      T item = make_item<T>(1);
      for (std::size_t i = 0; i < capacity; ++i) receive(consumer, item, ended);
    }
}

template <class Port>
account transfer(job todo, nanoseconds time) {
  using T = typename Port::value_type;
  const auto port = std::make_unique<Port>(todo.capacity, todo.threads);
  warm_up(*port, todo.capacity);
  std::size_t batch = todo.batch;
  if constexpr (requires { Port::whole_batch; }) batch = Port::whole_batch;
  const auto producers = static_cast<std::uint64_t>(todo.threads.producers);

  const auto produce = [&](auto& to, int index, const std::atomic<bool>& stop) {
    std::uint64_t number = static_cast<std::uint64_t>(index) + 1;
    std::uint64_t count = 0;
    constexpr std::size_t between_looks = 256;  // nobody is slowed down by looking at `stop`
    std::vector<T> items(batch, make_item<T>(0));
    T single = make_item<T>(0);
    do {
      if (batch > 1) {
        for (T& item : items) renumber(item, std::exchange(number, number + producers));
        send_n(to, items.data(), batch);
        count += batch;
      } else if constexpr (!requires { Port::whole_batch; }) {
        for (std::size_t i = 0; i < between_looks; ++i) {
          renumber(single, std::exchange(number, number + producers));
          send(to, single);
        }
        count += between_looks;
      }
    } while (!stop.load(std::memory_order_relaxed));
    return tally{count, count * (static_cast<std::uint64_t>(index) + 1) + producers * (count * (count - 1) / 2)};
  };

  const auto consume = [&](auto& from, int, const std::atomic<bool>& ended) {
    tally popped;
    if (batch > 1) {
      std::vector<T> items(batch);
      for (bool more = true; more;) {
        const std::size_t n = receive_n(from, items.data(), batch, ended);
        more = n > 0;
        std::uint64_t sum = 0, ends = 0;
        for (std::size_t i = 0; i < n; ++i) {
          read_whole(items[i]);
          const std::uint64_t number = number_of(items[i]);
          const bool is_end = number == end_of_stream;
          ends += is_end;
          sum += is_end ? 0 : number;
        }
        popped += {n - ends, sum};
        if (ends > 0) more = false;
      }
    } else if constexpr (!requires { Port::whole_batch; }) {
      for (T item = make_item<T>(0); receive(from, item, ended);) {
        read_whole(item);
        popped += {1, number_of(item)};
      }
    }
    return popped;
  };
  return run(*port, todo.threads, time, produce, consume);
}

template <class Port>
void measure_throughput(benchmark::State& state, job todo, nanoseconds time) {
  for ([[maybe_unused]] auto _ : state) {
    const account result = transfer<Port>(todo, time);
    if (const std::string wrong = result.complaint(); !wrong.empty()) return refuse(state, wrong);
    state.SetIterationTime(result.seconds);
    state.SetItemsProcessed(static_cast<std::int64_t>(result.all_popped().count));
    if (todo.threads.producers > 1) {
      const auto [least, most] = std::ranges::minmax(result.pushed, {}, &tally::count);
      state.counters["slowest_producer"] = static_cast<double>(least.count) / static_cast<double>(most.count);
    }
  }
}

// ---- One thread ----------------------------------------------------------------------------------

template <class Port>
void push_and_pop(Port& port, std::uint64_t pairs) {
  auto&& producer = producer_of(port);
  auto&& consumer = consumer_of(port);
  const std::atomic<bool> ended{false};
  for (std::uint64_t i = 1; i <= pairs; ++i) {
    auto item = make_item<typename Port::value_type>(i);
    send(producer, item);
    receive(consumer, item, ended);
    benchmark::DoNotOptimize(item);
  }
}

/// Counts by single steps of a child, so that it needs neither a counter of the processor, which virtual machines hide,
/// nor a tool. Nothing where the system forbids it.
template <class Work>
std::optional<double> instructions_of(const Work& work) {
  const pid_t child = fork();
  if (child < 0) return std::nullopt;
  if (child == 0) {
    if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) _exit(1);
    raise(SIGSTOP);
    work();
    raise(SIGSTOP);
    _exit(0);
  }
  double steps = 0;
  int status = 0;
  waitpid(child, &status, 0);
  if (!WIFSTOPPED(status)) return std::nullopt;
  do {
    ++steps;
    ptrace(PTRACE_SINGLESTEP, child, nullptr, nullptr);
    waitpid(child, &status, 0);
  } while (WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  return steps;
}

template <class Port>
std::optional<double> instructions_of_a_pair() {
  const auto pairs = [](std::uint64_t n) {
    const auto port = std::make_unique<Port>(1024, shape{1, 1});
    push_and_pop(*port, 2048);
    return instructions_of([&] { push_and_pop(*port, n); });
  };
  stay_on({cores().front()});  // a step is a switch between parent and child, ten times dearer across cores
  const auto few = pairs(20), many = pairs(60);
  stay_on(cores());
  if (!few || !many) return std::nullopt;
  return (*many - *few) / 40;
}

template <class Port>
void measure_uncontended(benchmark::State& state) {
  const auto port = std::make_unique<Port>(1024, shape{1, 1});
  push_and_pop(*port, 2048);
  auto&& producer = producer_of(*port);
  auto&& consumer = consumer_of(*port);
  const std::atomic<bool> ended{false};
  auto item = make_item<typename Port::value_type>(1);
  for ([[maybe_unused]] auto _ : state) {
    send(producer, item);
    receive(consumer, item, ended);
    benchmark::DoNotOptimize(item);
  }
  static const std::optional<double> instructions = instructions_of_a_pair<Port>();
  if (instructions) state.counters["instructions"] = *instructions;
  if constexpr (requires { Port::object_size; })
    state.counters["object_lines"] = static_cast<double>(Port::object_size) / 64;
}

// ---- The rows ------------------------------------------------------------------------------------

/// Loses every millionth item: shows that a loss is seen. Runs long enough for some millions on a slow machine.
struct planted : ring_port<kew::spsc_ring<std::uint64_t>, "planted fault: one item in a million is lost"> {
  using ring_port::ring_port;
  bool try_pop(std::uint64_t& item) {
    if (++popped_ % 1'000'000 == 0) static_cast<void>(ring_port::try_pop(item));
    return ring_port::try_pop(item);
  }
  std::uint64_t popped_ = 0;
};

template <class T, class List>
void add_rows(const std::string& family, const std::string& item, const std::vector<shape>& shapes, List list) {
  for (const shape s : shapes)
    for (const std::size_t capacity : {64, 1024, 65536})
      for (const std::size_t batch : {1, 16, 64, 256}) {
        const std::string row = "throughput/" + family + '/' + s.name() + '/' + item +
                                "/capacity:" + std::to_string(capacity) + "/batch:" + std::to_string(batch);
        for_each(list, s, [&]<class Port>() {
          entries().push_back({row, Port::name, [=](benchmark::State& state) {
                                 measure_throughput<Port>(state, {s, capacity, batch}, session.round);
                               }});
        });
      }
}

template <class T>
void add_item(const std::string& item) {
  const std::vector<shape> one{{1, 1}}, many{{1, 1}, {2, 2}, {4, 4}, {1, 4}, {4, 1}};
  add_rows<T>("spsc", item, one, spsc<T>{});
  add_rows<T>("mpmc", item, many, mpmc<T>{});
  add_rows<T>("spsc_waiting", item, one, spsc_waiting<T>{});
  add_rows<T>("mpmc_waiting", item, many, mpmc_waiting<T>{});
}

template <class List>
void add_uncontended(const std::string& family, List list) {
  for_each(list, shape{1, 1}, [&]<class Port>() {
    if constexpr (!requires { Port::whole_batch; })
      entries().push_back({"uncontended/" + family, Port::name, measure_uncontended<Port>, 2, false});
  });
}

/// Whether equal producers get equal turns: a second long, because turns are what the scheduler gives.
template <class List>
void add_fairness(const std::string& family, List list) {
  for_each(list, shape{4, 4}, [&]<class Port>() {
    entries().push_back(
        {"fairness/" + family + "/4p4c", Port::name,
         [](benchmark::State& state) { measure_throughput<Port>(state, {{4, 4}, 1024, 1}, session.round * 30); }, 30});
  });
}

const bool added = [] {
  using word = std::uint64_t;
  add_item<word>("8B");
  add_item<message<64>>("64B");
  add_item<message<256>>("256B");
  add_item<std::string>("string");
  add_uncontended("spsc", spsc<word>{});
  add_uncontended("mpmc", mpmc<word>{});
  add_uncontended("spsc_waiting", spsc_waiting<word>{});
  add_uncontended("mpmc_waiting", mpmc_waiting<word>{});
  add_fairness("mpmc", mpmc<word>{});
  add_fairness("mpmc_waiting", mpmc_waiting<word>{});
  entries().push_back(
      {"throughput/spsc/1p1c/8B/capacity:1024/batch:1", planted::name,
       [](benchmark::State& state) { measure_throughput<planted>(state, {{1, 1}, 1024, 1}, session.round * 20); }, 20});
  return true;
}();

}}  // namespace bench
