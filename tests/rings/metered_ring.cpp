// metered_ring.hpp, metrics.hpp and the meter below them: figures held against others that were computed in another way.
#include <kew/metered_ring.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <map>
#include <numeric>
#include <random>
#include <set>
#include <sstream>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <kew/blocking_queue.hpp>
#include <kew/channel.hpp>
#include <kew/mpmc_ring.hpp>
#include <kew/mpsc_ring.hpp>
#include <kew/spmc_ring.hpp>
#include <kew/spsc_ring.hpp>

#include "support/catch.hpp"
#include "support/environment.hpp"

namespace kew_test { namespace {

using std::chrono::nanoseconds;

bool within(double figure, double expected, double share) { return std::abs(figure - expected) <= share * expected; }

/// The quantiles that metrics shows, from a histogram and from the sorted samples themselves.
template <class Distribution>
void check_quantiles(Distribution distribution, random_source& random) {
  std::mt19937_64 engine(random());
  std::vector<std::uint64_t> samples(200'000);
  kew::detail::histogram_reading histogram;
  for (std::uint64_t& sample : samples) {
    sample = static_cast<std::uint64_t>(std::max(0.0, static_cast<double>(distribution(engine))));
    histogram.add(kew::detail::histogram_scale::bucket_of(sample), 1);
  }
  std::sort(samples.begin(), samples.end());
  for (const double share : {0.01, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(samples.size())));
    const auto exact = static_cast<double>(samples[rank - 1]);
    CAPTURE(share, exact);
    CHECK(within(static_cast<double>(histogram.quantile(share)), exact, 0.02));
  }
}

struct two_humps {
  std::normal_distribution<double> low{800, 60}, high{900'000, 40'000};
  std::bernoulli_distribution which{0.2};
  double operator()(std::mt19937_64& engine) { return which(engine) ? high(engine) : low(engine); }
};

template <class Ring>
void check_counts(int producers, int consumers) {
  const auto each = static_cast<std::uint64_t>(scaled(20'000));
  kew::blocking_queue<std::uint64_t, Ring> queue(64);
  std::atomic<int> left = producers;
  {
    std::vector<std::jthread> threads;
    for (int p = 0; p < producers; ++p)
      threads.emplace_back([&] {
        for (std::uint64_t i = 0; i < each; ++i)
          if (!queue.push(i)) return;
        if (--left == 0) queue.close();
      });
    for (int c = 0; c < consumers; ++c)
      threads.emplace_back([&] {
        std::uint64_t batch[7];
        while (queue.pop() || queue.pop_n(batch, 7) > 0) {
          const kew::metrics m = queue.metrics();
          if (m.popped > m.pushed || m.length > m.capacity || m.highest_length > m.capacity) std::abort();
        }
      });
  }
  const kew::metrics m = queue.metrics();
  const std::uint64_t all = each * static_cast<std::uint64_t>(producers);
  CHECK(m.pushed == all);
  CHECK(m.popped == all);
  CHECK(m.length == 0);
  CHECK(m.capacity == 64);
  CHECK(m.highest_length >= 1);
  CHECK(m.highest_length <= 64);
  CHECK(m.time_in_queue.p50 <= m.time_in_queue.p99);
  CHECK(m.time_in_queue.p99 <= m.time_in_queue.p999);
  CHECK(m.time_in_queue.p999 <= m.time_in_queue.max);
  CHECK(m.time_in_queue.mean <= m.time_in_queue.max);
  CHECK(m.time_in_queue.count <= all);
  CHECK(m.time_in_queue.count + 63 * static_cast<std::uint64_t>(producers) >= all);
}

TEST_CASE("percentiles are within 2 % of exact ones", "[metered_ring]") {
  random_source random(run_seed());
  SECTION("uniform") { check_quantiles(std::uniform_int_distribution<std::uint64_t>(1, 5'000'000), random); }
  SECTION("exponential") { check_quantiles(std::exponential_distribution<double>(1.0 / 40'000), random); }
  SECTION("lognormal") { check_quantiles(std::lognormal_distribution<double>(9, 2), random); }
  SECTION("two humps") { check_quantiles(two_humps{}, random); }
}

TEST_CASE("every duration has a bucket whose middle is within 2 % of it", "[metered_ring]") {
  using scale = kew::detail::histogram_scale;
  random_source random(run_seed());
  std::size_t before = 0;
  for (std::uint64_t value = 0; value < (std::uint64_t{1} << 44); value += 1 + value / 100) {
    const std::size_t bucket = scale::bucket_of(value);
    REQUIRE(bucket < scale::buckets);
    REQUIRE(bucket >= before);
    before = bucket;
    REQUIRE(within(static_cast<double>(scale::middle_of(bucket)), static_cast<double>(value), 0.02));
  }
  CHECK(scale::bucket_of(UINT64_MAX) == scale::buckets - 1);
}

TEST_CASE("what goes through a metered ring is counted, whatever the cardinality", "[metered_ring]") {
  SECTION("spsc") { check_counts<kew::metered_ring<std::uint64_t, kew::spsc_ring>>(1, 1); }
  SECTION("mpsc") { check_counts<kew::metered_ring<std::uint64_t, kew::mpsc_ring>>(3, 1); }
  SECTION("spmc") { check_counts<kew::metered_ring<std::uint64_t, kew::spmc_ring>>(1, 3); }
  SECTION("mpmc") { check_counts<kew::metered_ring<std::uint64_t, kew::mpmc_ring>>(3, 3); }
}

TEST_CASE("threads that share their counts lose none", "[metered_ring]") {
  // The first eight threads own their counts. The others share four shards, so of any five two share one.
  constexpr int owners = 8;
  constexpr int sharing = 12;
  const auto each = static_cast<std::uint64_t>(scaled(100'000));
  kew::metered_ring<std::uint64_t, kew::mpmc_ring> ring(4);
  std::atomic<int> missing = sharing;
  std::atomic<std::uint64_t> calls = 0;
  std::atomic<std::uint64_t> popped = 0;
  {
    std::vector<std::jthread> all;
    for (int i = 0; i < owners + sharing; ++i) {
      std::atomic<bool> counted = false;
      all.emplace_back([&, i] {
        std::uint64_t called = 0;
        std::uint64_t got = 0;
        const auto call = [&] {
          static_cast<void>(ring.try_push(1));
          got += ring.try_pop() ? 1 : 0;
          ++called;
        };
        call();
        counted = true;
        if (i >= owners) --missing;
        // All are alive until the last has begun: a thread may have the token of one that has ended.
        while (missing > 0) std::this_thread::yield();
        while (i >= owners && called < each) call();
        calls += called;
        popped += got;
      });
      while (!counted) std::this_thread::yield();
    }
  }
  const kew::metrics m = ring.metrics();
  const std::uint64_t lost = (calls - m.pushed - m.refused) + (popped - m.popped);
  CHECK(lost == 0);
  CHECK(m.length == m.pushed - m.popped);
  CHECK(m.time_in_queue.count <= popped);
}

TEST_CASE("a single thread's figures are exact", "[metered_ring]") {
  kew::metered_ring<int, kew::mpmc_ring, 3> ring;
  int three[] = {1, 2, 3};
  REQUIRE(ring.try_push_n(three, 3) == 3);
  REQUIRE(ring.try_push(4) == kew::status::full);
  REQUIRE(ring.try_push_n(three, 2) == 0);
  REQUIRE(ring.try_pop());
  const kew::metrics m = ring.metrics();
  CHECK(m.pushed == 3);
  CHECK(m.popped == 1);
  CHECK(m.refused == 3);
  CHECK(m.length == 2);
  CHECK(m.highest_length == 3);
  CHECK(m.capacity == 3);
  CHECK(m.mean_length > 0);
  CHECK(m.mean_length <= 3);
}

TEMPLATE_TEST_CASE("the highest length is exact for a single thread", "[metered_ring]",
                   (kew::metered_ring<int, kew::spsc_ring>), (kew::metered_ring<int, kew::mpmc_ring>)) {
  random_source random(run_seed());
  for (int walk = 0; walk < 50; ++walk) {
    TestType ring(30);
    std::size_t length = 0;
    std::size_t highest = 0;
    int batch[3] = {};
    for (int step = 0; step < 200; ++step) {
      if (random.one_in(2))
        length += ring.try_push_n(batch, 1 + random.below(3));
      else
        length -= ring.try_pop_n(batch, 1 + random.below(3));
      highest = std::max(highest, length);
      REQUIRE(ring.metrics().highest_length == highest);
    }
  }
}

TEST_CASE("lately is this second and the one before", "[metered_ring]") {
  constexpr std::uint64_t second = kew::detail::second_marks::second;
  kew::detail::second_marks marks;
  std::uint64_t count = 0;
  const auto at = [&](double seconds, std::uint64_t times) {
    for (std::uint64_t i = 0; i < times; ++i) marks.note(static_cast<std::uint64_t>(seconds * second), count++);
  };
  const auto lately = [&](double seconds) {
    return marks.since_the_last(static_cast<std::uint64_t>(seconds * second), count);
  };
  CHECK(lately(0) == 0);
  at(0.1, 5);
  at(0.9, 2);
  CHECK(lately(0.95) == 7);
  CHECK(lately(1.5) == 7);
  at(1.6, 4);
  CHECK(lately(1.9) == 11);
  CHECK(lately(2.0) == 4);
  CHECK(lately(3.0) == 0);
  // Nothing happens for so long that marks of old come by again.
  CHECK(lately(5.0) == 0);
  at(5.5, 3);
  CHECK(lately(5.9) == 3);
  at(6.5, 1);
  at(5.9, 1);  // looked at the clock, and was held up
  CHECK(lately(6.9) == 5);
  // The lower half of the count overflows.
  kew::detail::second_marks late;
  late.note(5 * second, 0xffff'fffe);
  CHECK(late.since_the_last(5 * second, 0x1'0000'0003) == 5);
}

TEST_CASE("what is still inside counts for the mean length", "[metered_ring]") {
  kew::metered_ring<int, kew::spsc_ring> ring(8);
  REQUIRE(ring.try_push(1));
  const double early = ring.metrics().mean_length;
  // As time passes, the mean of a length that is 1 ever since approaches 1.
  kew::metrics m = ring.metrics();
  const nanoseconds start = m.elapsed;
  while (m.elapsed < 20 * start) m = ring.metrics();
  CHECK(m.mean_length >= early);
  CHECK(m.mean_length > 0.9);
  CHECK(m.mean_length <= 1);
}

TEST_CASE("queues and handles show the figures of the ring below them", "[metered_ring]") {
  using ring = kew::metered_ring<std::string, kew::spsc_ring>;
  auto [tx, rx] = kew::make_channel_over<ring>(std::size_t{4});
  REQUIRE(tx.push("a"));
  CHECK(tx.metrics().pushed == 1);
  CHECK(rx.metrics().length == 1);
  auto moved = std::move(tx);
  CHECK(tx.metrics().pushed == 0);
  CHECK(moved.metrics().capacity == 4);
  STATIC_REQUIRE(!kew::has_metrics<kew::blocking_queue<int>>);
}

TEST_CASE("to_string gives two lines", "[metered_ring]") {
  kew::metrics m;
  m.pushed = 12'345;
  m.throughput = 1'234'567;
  m.time_in_queue.mean = nanoseconds(1'534);
  m.time_in_queue.p50 = nanoseconds(999);
  m.time_in_queue.max = std::chrono::milliseconds(12);
  const std::string text = to_string(m);
  CHECK(std::count(text.begin(), text.end(), '\n') == 2);
  CHECK(text.find("12345 pushed") != std::string::npos);
  CHECK(text.find("1.23 M/s") != std::string::npos);
  CHECK(text.find("mean 1.53 µs") != std::string::npos);
  CHECK(text.find("p50 999 ns") != std::string::npos);
  CHECK(text.find("max 12.0 ms") != std::string::npos);
}

// ---- The exposition --------------------------------------------------------------------------------------------

/// What a Prometheus server reads: each sample's value by its name and labels. Breaks of the format are in `errors`.
struct exposition {
  explicit exposition(const std::string& text) {
    if (text.empty() || text.back() != '\n') errors.push_back("the last line does not end");
    std::istringstream stream(text);
    std::string family;
    std::set<std::string> families;
    for (std::string line; std::getline(stream, line);) {
      if (line.starts_with("# HELP ")) {
        family = line.substr(7, line.find(' ', 7) - 7);
        if (!families.insert(family).second) errors.push_back("a second HELP: " + line);
      } else if (line.starts_with("# TYPE ")) {
        if (line.substr(7, line.find(' ', 7) - 7) != family) errors.push_back("a TYPE that follows no HELP: " + line);
        types[family] = line.substr(line.rfind(' ') + 1);
      } else {
        read_sample(line, family);
      }
    }
  }

  std::map<std::string, double> samples;
  std::map<std::string, std::string> types;
  std::vector<std::string> errors;

 private:
  void read_sample(const std::string& line, const std::string& family) {
    const std::size_t brace = line.find('{');
    std::size_t at = brace + 1;
    while (at < line.size() && line[at] != '}') {
      at = line.find("=\"", at);
      if (at == std::string::npos) break;
      for (at += 2; at < line.size() && line[at] != '"'; ++at)
        if (line[at] == '\\' && std::string("\\\"n").find(line[++at]) == std::string::npos)
          errors.push_back("no such escape: " + line);
      if (++at < line.size() && line[at] == ',') ++at;
    }
    if (at >= line.size() || line.substr(at, 2) != "} ") {
      errors.push_back("no sample: " + line);
      return;
    }
    const std::string name = line.substr(0, brace);
    const bool summary = types[family] == "summary";
    if (name != family && !(summary && (name == family + "_sum" || name == family + "_count")))
      errors.push_back("not of the family " + family + ": " + line);
    if ((types[family] == "counter") != name.ends_with("_total")) errors.push_back("a counter's name: " + line);
    std::size_t read = 0;
    const double value = std::stod(line.substr(at + 2), &read);
    if (at + 2 + read != line.size()) errors.push_back("no number: " + line);
    if (!samples.emplace(line.substr(0, at + 1), value).second) errors.push_back("twice: " + line);
  }
};

/// Whether Prometheus' own tool has nothing to say against `text`; true where it is not installed.
bool promtool_accepts([[maybe_unused]] const std::string& text) {
#ifdef KEW_PROMTOOL
  std::FILE* tool = popen("'" KEW_PROMTOOL "' check metrics 2>&1", "w");
  if (tool == nullptr) return false;
  std::fwrite(text.data(), 1, text.size(), tool);
  return pclose(tool) == 0;
#else
  return true;
#endif
}

TEST_CASE("to_prometheus follows the text exposition format", "[metered_ring]") {
  kew::metered_ring<int, kew::mpmc_ring> ring(4);
  REQUIRE(ring.try_push(1));
  REQUIRE(ring.try_pop());
  const std::string text = to_prometheus(ring.metrics(), "a \"job\"\\\n");
  CAPTURE(text);
  const exposition read(text);
  CHECK(read.errors.empty());
  CHECK(promtool_accepts(text));
  CHECK(read.samples.at("kew_popped_total{queue=\"a \\\"job\\\"\\\\\\n\"}") == 1);
  CHECK(read.types.at("kew_time_in_queue_seconds") == "summary");
}

TEST_CASE("one exposition shows several queues", "[metered_ring]") {
  std::vector<std::pair<std::string, kew::metrics>> queues(3);
  queues[0] = {"in", {}};
  queues[1] = {"out", {}};
  queues[2] = {"dead", {}};
  for (std::size_t i = 0; i < queues.size(); ++i) {
    queues[i].second.pushed = 10 + i;
    queues[i].second.time_in_queue.count = 100 + i;
  }
  const std::string text = kew::to_prometheus(queues);
  CAPTURE(text);
  const exposition read(text);
  CHECK(read.errors.empty());
  CHECK(promtool_accepts(text));
  for (std::size_t i = 0; i < queues.size(); ++i) {
    const std::string label = "{queue=\"" + queues[i].first + "\"}";
    CHECK(read.samples.at("kew_pushed_total" + label) == static_cast<double>(10 + i));
    CHECK(read.samples.at("kew_time_in_queue_seconds_count" + label) == static_cast<double>(100 + i));
  }
  CHECK(exposition(text + text).errors.size() > 0);
}

/// Whether some sample that may only grow has fallen from `before` to `after`.
bool has_fallen(const exposition& before, const exposition& after) {
  for (const auto& [sample, value] : after.samples) {
    const std::string name = sample.substr(0, sample.find('{'));
    if (!name.ends_with("_total") && !name.ends_with("_sum") && !name.ends_with("_count")) continue;
    if (const auto old = before.samples.find(sample); old != before.samples.end() && value < old->second) return true;
  }
  return false;
}

TEST_CASE("every _total, _sum and _count only grows, whatever the threads do", "[metered_ring]") {
  using ring_type = kew::metered_ring<kew::mpmc_ring<int>>;
  ring_type ring(3);
  std::atomic<int> working = 4;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i)
      threads.emplace_back([&] {
        int batch[3] = {};
        for (std::size_t step = 0; step < scaled(100'000); ++step) {
          static_cast<void>(ring.try_push(1));
          static_cast<void>(ring.try_push_n(batch, 2));
          static_cast<void>(ring.try_pop());
          static_cast<void>(ring.try_pop_n(batch, 3));
        }
        --working;
      });
    exposition before(to_prometheus(ring.metrics(), "jobs"));
    int fallen = 0;
    while (working > 0) {
      exposition after(to_prometheus(ring.metrics(), "jobs"));
      fallen += has_fallen(before, after) ? 1 : 0;
      before = std::move(after);
    }
    CHECK(fallen == 0);
  }
}

// ---- Times, on a clock of the test's own ------------------------------------------------------------------------

struct fake_clock {
  using time_point = std::chrono::time_point<fake_clock, nanoseconds>;
  static time_point now() { return time_point(nanoseconds(time)); }
  static inline std::int64_t time = 0;
};

/// A queue that is nothing but its meter, beside the exact waits.
template <kew::cardinality Producers = kew::cardinality::one, kew::cardinality Consumers = kew::cardinality::one>
class simulated {
 public:
  using meter_type = kew::detail::meter<Producers, Consumers, fake_clock>;

  void push(std::size_t n = 1) {
    typename meter_type::push call(meter_);
    for (std::size_t i = 0; i < n; ++i) inside_.push_back({call.next_stamp(), fake_clock::time});
    call.success(n, *this);
  }
  void pop() {
    typename meter_type::pop call(meter_);
    call.success(inside_.front().first);
    waits.push_back(static_cast<double>(fake_clock::time - inside_.front().second));
    inside_.pop_front();
  }
  void find_nothing() { typename meter_type::pop(meter_).none(); }

  std::size_t capacity() const { return 1'000'000; }
  std::size_t size_approx() const { return inside_.size(); }
  kew::metrics metrics() const { return meter_.metrics(*this); }

  /// Pushes at these times, takes these times to work on each message, and returns when all are popped.
  void run(const std::vector<std::int64_t>& arrivals, const std::vector<std::int64_t>& services) {
    std::int64_t free_at = 0;
    std::size_t pushed = 0;
    for (std::size_t popped = 0; popped < arrivals.size(); ++popped) {
      // A message is popped when it is there and the one before it is done with.
      const std::int64_t pop_at = std::max(free_at, arrivals[popped]);
      while (pushed < arrivals.size() && arrivals[pushed] <= pop_at) {
        fake_clock::time = arrivals[pushed++];
        push();
      }
      fake_clock::time = pop_at;
      pop();
      free_at = pop_at + services[popped];
    }
  }

  std::vector<double> waits;

 private:
  std::deque<std::pair<std::uint64_t, std::int64_t>> inside_;
  meter_type meter_;
};

/// The figures of times, within what sampling one in 32 may make of them: five standard deviations, so that no seed in a
/// million fails.
void check_times(const kew::metrics& m, std::vector<double> waits) {
  std::sort(waits.begin(), waits.end());
  const auto all = static_cast<double>(waits.size());
  const double sum = std::accumulate(waits.begin(), waits.end(), 0.0);
  const double timed = all / 32;
  double squares = 0;
  for (const double wait : waits) squares += (wait - sum / all) * (wait - sum / all);
  const auto& times = m.time_in_queue;
  const auto exact = [&](double share) {
    return waits[static_cast<std::size_t>(std::clamp(share * all, 0.0, all - 1))];
  };
  for (const auto& [share, shown] :
       {std::pair(0.5, times.p50), std::pair(0.99, times.p99), std::pair(0.999, times.p999)}) {
    const double off = 5 * std::sqrt(2 * share * (1 - share) / timed);
    CAPTURE(share, off, shown, exact(share));
    CHECK(static_cast<double>(shown.count()) >= 0.98 * exact(share - off) - 1);
    CHECK(static_cast<double>(shown.count()) <= 1.02 * exact(share + off) + 1);
  }
  CHECK(std::abs(times.mean.count() - sum / all) <= 5 * std::sqrt(2 * squares / all / timed));
  CHECK(static_cast<double>(times.max.count()) <= waits.back());
  CHECK(times.count <= waits.size());
  CHECK(times.count + 63 >= waits.size());
  // Little's law: the mean length is all waits by all time.
  CHECK(within(m.mean_length, sum / static_cast<double>(m.elapsed.count()), 0.05));
}

TEST_CASE("the times of a fast stream are within 2 % and the error of sampling", "[metered_ring]") {
  random_source random(run_seed());
  std::mt19937_64 engine(random());
  fake_clock::time = 0;
  const std::size_t messages = scaled(2'000'000);
  std::vector<std::int64_t> arrivals;
  std::vector<std::int64_t> services;
  SECTION("at random") {
    std::exponential_distribution<double> arrival(1.0 / 40), service(1.0 / 32);
    double at = 0;
    for (std::size_t i = 0; i < messages; ++i) {
      arrivals.push_back(static_cast<std::int64_t>(at += arrival(engine)));
      services.push_back(static_cast<std::int64_t>(service(engine)));
    }
  }
  SECTION("in bursts as long as the distance of the timed") {
    for (std::size_t i = 0; i < messages; ++i) {
      arrivals.push_back(static_cast<std::int64_t>(i / 32 * 1'500 + 1));
      services.push_back(40);
    }
  }
  SECTION("that stops, and begins again") {
    for (std::size_t i = 0; i < messages; ++i) {
      arrivals.push_back(static_cast<std::int64_t>(i * 20 + i / 10'000 * 2'000'000));
      services.push_back(i / 10'000 % 2 == 0 ? 21 : 25);
    }
  }
  simulated<> queue;
  queue.run(arrivals, services);
  check_times(queue.metrics(), queue.waits);
}

TEST_CASE("the times of an unhurried stream are exact", "[metered_ring]") {
  random_source random(run_seed());
  fake_clock::time = 0;
  std::vector<std::int64_t> arrivals;
  std::vector<std::int64_t> services;
  std::int64_t at = 0;
  for (std::size_t i = 0; i < 20'000; ++i) {
    arrivals.push_back(at += 1'000 + static_cast<std::int64_t>(random.below(2'000)));
    services.push_back(static_cast<std::int64_t>(random.below(4'000)));
  }
  simulated<> queue;
  queue.run(arrivals, services);
  const kew::metrics m = queue.metrics();
  const double sum = std::accumulate(queue.waits.begin(), queue.waits.end(), 0.0);
  CHECK(m.time_in_queue.count == queue.waits.size());
  CHECK(m.time_in_queue.sum.count() == sum);
  CHECK(m.time_in_queue.mean.count() == sum / static_cast<double>(queue.waits.size()));
  CHECK(static_cast<double>(m.time_in_queue.max.count()) == *std::max_element(queue.waits.begin(), queue.waits.end()));
  CHECK(within(m.mean_length, sum / static_cast<double>(m.elapsed.count()), 1e-9));
}

TEST_CASE("a sum of waits does not fall when a short one is added", "[metered_ring]") {
  fake_clock::time = 0;
  simulated<> queue;
  for (int i = 0; i < 1'000'000; ++i) {
    fake_clock::time += 1'000;
    queue.push();
    fake_clock::time += 100;
    queue.pop();
  }
  const exposition before(to_prometheus(queue.metrics(), "jobs"));
  fake_clock::time += 1'000;
  queue.push();
  fake_clock::time += 10;
  queue.pop();
  const kew::metrics m = queue.metrics();
  CHECK_FALSE(has_fallen(before, exposition(to_prometheus(m, "jobs"))));
  CHECK(m.time_in_queue.sum.count() == 100'000'010);
  CHECK(m.time_in_queue.mean.count() > 99.9);
}

TEST_CASE("no percentile exceeds the maximum", "[metered_ring]") {
  fake_clock::time = 0;
  simulated<> queue;
  queue.push();
  fake_clock::time = 1 << 20;  // the least of its bucket
  queue.pop();
  const auto times = queue.metrics().time_in_queue;
  CHECK(times.max == nanoseconds(1 << 20));
  CHECK(times.p999 == times.max);
}

TEST_CASE("waits of years are summed without overflow", "[metered_ring]") {
  fake_clock::time = 0;
  simulated<> queue;
  constexpr std::int64_t day = 86'400'000'000'000;
  queue.push(1'000);
  fake_clock::time = 100 * day;
  queue.push(1'000);
  for (int i = 0; i < 2'000; ++i) queue.pop();
  const kew::metrics m = queue.metrics();
  CHECK(within(m.time_in_queue.sum.count(), 1'000.0 * 100 * static_cast<double>(day), 0.07));
  CHECK(within(m.mean_length, 1'000, 0.07));
}

TEST_CASE("what a stopped queue holds counts for the mean length", "[metered_ring]") {
  fake_clock::time = 0;
  simulated<> queue;
  for (int i = 0; i < 100'000; ++i) {
    fake_clock::time += 20;
    queue.push();
    if (queue.size_approx() == 11) queue.pop();
  }
  const std::int64_t stopped = fake_clock::time;
  CHECK(within(queue.metrics().mean_length, 10, 0.05));
  fake_clock::time = 1'000 * stopped;
  CHECK(within(queue.metrics().mean_length, 10, 0.05));
}

TEST_CASE("rare messages after a fast stream are in their second", "[metered_ring]") {
  fake_clock::time = 0;
  simulated<> queue;
  for (int i = 0; i < 1'000'000; ++i) {
    fake_clock::time += 20;
    queue.push();
    queue.pop();
  }
  // From now on a message every half second, and a consumer that looks in vain before it sleeps.
  for (int i = 0; i < 30; ++i) {
    fake_clock::time += 500'000'000;
    queue.find_nothing();
    queue.push();
    queue.pop();
    if (i >= 20) CHECK(within(queue.metrics().recent_throughput, 2, 0.5));
  }
}

TEST_CASE("consumers that raise the longest wait together keep the longest", "[metered_ring]") {
  const std::uint64_t each = scaled(1'000'000);
  kew::detail::figure longest{0};
  std::atomic<int> begun = 0;
  std::atomic<std::uint64_t> fallen = 0;
  {
    std::vector<std::jthread> threads;
    for (std::uint64_t i = 0; i < 2; ++i)
      threads.emplace_back([&, i] {
        for (++begun; begun < 2;) std::this_thread::yield();
        for (std::uint64_t wait = 1; wait <= each; ++wait) {
          kew::detail::raise_to(longest, 2 * wait - i);
          if (longest < 2 * wait - i) ++fallen;
        }
      });
  }
  CHECK(fallen == 0);
  CHECK(longest == 2 * each);
}

// ---- Refusals ---------------------------------------------------------------------------------------------------

TEMPLATE_TEST_CASE("a push that waits for room is not refused", "[metered_ring]",
                   kew::metered_ring<kew::spsc_ring<int>>, kew::metered_ring<kew::mpmc_ring<int>>) {
  auto channel = kew::make_channel_over<TestType>(std::size_t{4});
  auto& tx = channel.first;
  auto& rx = channel.second;
  std::atomic<bool> done = false;
  int popped = 0;
  {
    std::jthread consumer([&] {
      // It lets the queue become full before each pop, so that the producer has to wait.
      while (popped < 100)
        if (rx.size_approx() == 4 || done)
          popped += rx.try_pop() ? 1 : 0;
        else
          std::this_thread::yield();
    });
    int batch[10] = {};
    for (int i = 0; i < 90; ++i) CHECK(tx.push(i));
    CHECK(tx.push_n(batch, 10) == 10);
    done = true;
  }
  const kew::metrics m = tx.metrics();
  CHECK(m.pushed == 100);
  CHECK(m.popped == 100);
  CHECK(m.refused == 0);
  CHECK(m.highest_length == 4);
}

TEMPLATE_TEST_CASE("each message that a caller could not push counts as refused once", "[metered_ring]",
                   kew::metered_ring<kew::spsc_ring<int>>, kew::metered_ring<kew::mpmc_ring<int>>) {
  kew::blocking_queue<int, TestType> queue(2);
  const auto refused = [&queue] { return queue.metrics().refused; };
  int batch[5] = {};
  REQUIRE(queue.try_push_n(batch, 5) == 2);
  CHECK(refused() == 3);
  REQUIRE(queue.try_push(1) == kew::status::full);
  REQUIRE(queue.try_emplace(1) == kew::status::full);
  CHECK(refused() == 5);
  REQUIRE(queue.try_push_for(1, std::chrono::microseconds(1)) == kew::status::full);
  CHECK(refused() == 6);
  std::stop_source stopped;
  stopped.request_stop();
  REQUIRE(queue.push(1, stopped.get_token()) == kew::status::stopped);
  CHECK(refused() == 7);
  queue.close();
  REQUIRE(queue.push(1) == kew::status::closed);
  REQUIRE(queue.push_n(batch, 5) == 0);
  CHECK(refused() == 13);
  CHECK(queue.metrics().pushed == 2);
}

TEST_CASE("a ring is named by its type, or by its template", "[metered_ring]") {
  STATIC_REQUIRE(kew::ring<kew::metered_ring<kew::mpmc_ring<int>>>);
  STATIC_REQUIRE(kew::ring<kew::metered_ring<int, kew::mpmc_ring>>);
  STATIC_REQUIRE(kew::sealable_ring<kew::metered_ring<int, kew::mpmc_ring>>);
  STATIC_REQUIRE(kew::counts_refusals<kew::metered_ring<kew::mpmc_ring<int>>>);
  STATIC_REQUIRE_FALSE(kew::counts_refusals<kew::mpmc_ring<int>>);
  kew::metered_ring<kew::spsc_ring<int, 3>> fixed;
  CHECK(fixed.capacity() == 3);
  // The header says how much room a meter takes.
  CHECK(sizeof(kew::metered_ring<int, kew::mpmc_ring>) - sizeof(kew::mpmc_ring<int>) < 13'500);
  CHECK(sizeof(kew::metered_ring<int, kew::spsc_ring>) - sizeof(kew::spsc_ring<int>) < 11'000);
}

}}  // namespace kew_test
