// metered_ring.hpp, metrics.hpp and the histogram below them: figures held against others that were computed
// in another way.
#include <kew/metered_ring.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <random>
#include <regex>
#include <string>
#include <thread>
#include <vector>

#include <kew/blocking_queue.hpp>
#include <kew/channel.hpp>
#include <kew/mpmc_ring.hpp>
#include <kew/mpsc_ring.hpp>
#include <kew/spmc_ring.hpp>
#include <kew/spsc_ring.hpp>

#include "support/catch.hpp"
#include "support/environment.hpp"

namespace kew_test {
namespace {

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
  CHECK(static_cast<double>(m.time_in_queue.p999.count()) <= 1.02 * static_cast<double>(m.time_in_queue.max.count()) + 1);
  // Little's law: both sides count the same messages, one by the instants of pushes and pops, one by their waits.
  const double by_little = m.throughput * std::chrono::duration<double>(m.time_in_queue.mean).count();
  CAPTURE(m.mean_length, by_little);
  CHECK(within(m.mean_length, by_little, 0.05));
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
  // Threads are spread over 8 shards in their order, so the first and the ninth share one.
  constexpr int threads = 9;
  constexpr int sharing = 8;
  const auto each = static_cast<std::uint64_t>(scaled(200'000));
  kew::metered_ring<std::uint64_t, kew::mpmc_ring> ring(4);
  std::atomic<int> missing = 2;
  std::atomic<std::uint64_t> calls = 0;
  std::atomic<std::uint64_t> popped = 0;
  {
    std::vector<std::jthread> all;
    for (int i = 0; i < threads; ++i) {
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
        if (i % sharing == 0) {
          --missing;
          while (missing > 0) std::this_thread::yield();
          while (called < each) call();
        }
        calls += called;
        popped += got;
      });
      while (!counted) std::this_thread::yield();
    }
  }
  const kew::metrics m = ring.metrics();
  CHECK(m.pushed + m.refused == calls);
  CHECK(m.popped == popped);
  CHECK(m.length == m.pushed - m.popped);
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

TEMPLATE_TEST_CASE("the highest length is exact for a single thread", "[metered_ring]", (kew::metered_ring<int, kew::spsc_ring>),
                   (kew::metered_ring<int, kew::mpmc_ring>)) {
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
  const auto lately = [&](double seconds) { return marks.since_the_last(static_cast<std::uint64_t>(seconds * second), count); };
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

TEST_CASE("to_prometheus follows the text exposition format", "[metered_ring]") {
  kew::metered_ring<int, kew::mpmc_ring> ring(4);
  REQUIRE(ring.try_push(1));
  REQUIRE(ring.try_pop());
  const std::string text = to_prometheus(ring.metrics(), "a \"job\"\\\n");
  const std::regex line(R"(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+\{queue="a \\"job\\"\\\\\\n"(,quantile="[0-9.]+")?\} [-+0-9.e]+)");
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = text.find('\n', begin);
    REQUIRE(end != std::string::npos);
    const std::string one = text.substr(begin, end - begin);
    CAPTURE(one);
    CHECK(std::regex_match(one, line));
    begin = end + 1;
  }
  CHECK(text.find("kew_popped_total{queue=\"a \\\"job\\\"\\\\\\n\"} 1\n") != std::string::npos);
  CHECK(text.find("# TYPE kew_time_in_queue_seconds summary\n") != std::string::npos);
}

}  // namespace
}  // namespace kew_test
