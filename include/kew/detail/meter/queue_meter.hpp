// What a queue of messages counts and times where somebody wants its figures: each message, from its publication until
// it is acknowledged or dead.
//
// Use          by one thread at a time: the queue's own mutex guards it. So each message is timed, all figures are of the
//              same instant, and mean and maximum are exact.
// Cost         a look at the clock a message, and 10.5 KB a queue for the percentiles.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include <kew/config.hpp>
#include <kew/detail/machine/clock.hpp>
#include <kew/detail/machine/min_max.hpp>
#include <kew/detail/meter/histogram.hpp>
#include <kew/detail/meter/second_marks.hpp>
#include <kew/metrics.hpp>
#include <kew/queue_options.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// Of a queue without figures.
struct no_meter {
  struct stamp {};
  static constexpr void look_at_clock(time_point) noexcept {}
  static constexpr stamp entered(std::uint64_t) noexcept { return {}; }
  static constexpr void left(stamp) noexcept {}
};

class queue_meter {
 public:
  /// When a message came in, in nanoseconds since the meter was made.
  using stamp = std::uint64_t;

  /// A look at the clock that serves for what comes after it.
  void look_at_clock(time_point now) noexcept { now_ = max(now_, instant(now)); }

  /// A message has come in; now so many are inside.
  stamp entered(std::uint64_t inside) noexcept {
    look_at_clock(now());
    highest_ = max(highest_, inside);
    instants_ += coarse(now_);
    return now_;
  }

  /// A message has left.
  void left(stamp came) noexcept {
    const std::uint64_t stayed = now_ - came;
    ++waits_[histogram_scale::bucket_of(stayed)];
    stays_ += static_cast<double>(stayed);
    longest_ = max(longest_, stayed);
    seconds_.note(now_, left_++);
    instants_ -= coarse(came);
  }

  /// The figures; `counts` are the queue's.
  kew::metrics metrics(const queue_counts& counts, std::size_t capacity) noexcept {
    using std::chrono::nanoseconds;
    look_at_clock(now());
    kew::metrics m;
    m.elapsed = nanoseconds(static_cast<std::int64_t>(now_));
    m.pushed = counts.published;
    m.popped = counts.acked + counts.dead;
    m.length = static_cast<std::size_t>(counts.ready + counts.delayed + counts.outstanding);
    m.highest_length = static_cast<std::size_t>(highest_);
    m.capacity = capacity;
    m.acknowledges = true;
    m.outstanding = static_cast<std::size_t>(counts.outstanding);
    m.delayed = static_cast<std::size_t>(counts.delayed);
    m.redelivered = counts.redelivered;
    m.acked = counts.acked;
    m.dead = counts.dead;

    histogram_reading reading;
    for (std::size_t bucket = 0; bucket < waits_.size(); ++bucket) reading.add(bucket, waits_[bucket]);
    // The middle of a bucket may exceed all that is in it.
    const auto quantile = [&](double share) {
      return nanoseconds(static_cast<std::int64_t>(min(reading.quantile(share), longest_)));
    };
    metrics::distribution& stays = m.time_in_queue;
    stays.count = left_;
    stays.sum = metrics::distribution::exact_nanoseconds(stays_);
    if (left_ > 0) stays.mean = stays.sum / static_cast<double>(left_);
    stays.p50 = quantile(0.5);
    stays.p99 = quantile(0.99);
    stays.p999 = quantile(0.999);
    stays.max = nanoseconds(static_cast<std::int64_t>(longest_));

    if (now_ > 0) {
      const auto elapsed = static_cast<double>(now_);
      constexpr std::uint64_t second = second_marks::second;
      const std::uint64_t recent = now_ < second ? now_ : second + now_ % second;
      m.throughput = static_cast<double>(left_) * 1e9 / elapsed;
      m.recent_throughput =
          static_cast<double>(seconds_.since_the_last(now_, left_)) * 1e9 / static_cast<double>(recent);
      // What all messages together have spent inside, those that are still there too. The difference is taken modulo
      // 2^64, as the sum was.
      const std::uint64_t ages = m.length * coarse(now_) - instants_;
      m.mean_length = (stays_ + static_cast<double>(ages) * (1 << coarse_unit)) / elapsed;
    }
    return m;
  }

 private:
  // In units in which all instants of a full queue can be added up.
  static constexpr int coarse_unit = 10;
  static constexpr std::uint64_t coarse(std::uint64_t instant) noexcept { return instant >> coarse_unit; }

  std::uint64_t instant(time_point at) const noexcept {
    return static_cast<std::uint64_t>(std::chrono::nanoseconds(detail::max(at, start_) - start_).count());
  }

  const time_point start_ = detail::now();
  std::uint64_t now_ = 0;
  std::uint64_t left_ = 0;
  std::uint64_t highest_ = 0;
  std::uint64_t longest_ = 0;
  std::uint64_t instants_ = 0;  ///< The sum of those at which the messages came that are inside, modulo 2^64.
  double stays_ = 0;            ///< The sum of all times, in nanoseconds; not rounded below 2^53.
  second_marks seconds_{};
  std::array<std::uint64_t, histogram_scale::buckets> waits_{};
};

}}}  // namespace kew::KEW_NAMESPACE::detail
