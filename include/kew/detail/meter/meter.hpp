// What a metered queue counts and times, apart from the queue: any queue can hold a meter and tell it of each push and
// pop.
//
// Counts are exact. A look at the clock costs as much as a push, so in a fast stream only some messages are timed. A
// timed message carries its stamp: when its push began, and how many messages of its producer it stands for, which are
// itself and those since the one before that was timed. The distances are drawn at random, so that no rhythm of the
// stream hides behind them.
//
// Every access is relaxed: a stamp travels with its message, and no figure says anything about an element.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include <kew/concepts.hpp>
#include <kew/config.hpp>
#include <kew/detail/machine/cache_line.hpp>
#include <kew/detail/machine/clock.hpp>
#include <kew/detail/machine/min_max.hpp>
#include <kew/detail/machine/sync.hpp>
#include <kew/detail/machine/tuning.hpp>
#include <kew/detail/meter/counts.hpp>
#include <kew/detail/meter/histogram.hpp>
#include <kew/detail/meter/second_marks.hpp>
#include <kew/metrics.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// A number and, in its lowest bits, how many messages a timed one stands for:
///     as a stamp    when its push began, in nanoseconds since the meter was made
///     as a due      which message of a shard is timed next, the first being 1
/// A stamp of 0 is that of a message that is not timed.
class stamp {
 public:
  static constexpr int weight_bits = 6;
  static constexpr std::uint64_t most = (1 << weight_bits) - 1;
  static_assert(2 * tuning::timing_distance - 1 <= most);

  static constexpr std::uint64_t of(std::uint64_t number, std::uint64_t weight) noexcept {
    return number << weight_bits | weight;
  }
  static constexpr std::uint64_t number(std::uint64_t word) noexcept { return word >> weight_bits; }
  static constexpr std::uint64_t weight(std::uint64_t word) noexcept { return word & most; }
};

struct alignas(cache_line) push_shard {
  static constexpr std::uint64_t claimed = UINT64_MAX;  // a due that no message reaches

  figure pushed{0};
  figure refused{0};
  figure due{stamp::of(1, 1)};  ///< See stamp. Threads that share a shard claim it while they time a message.
  figure distance{1};           ///< How far apart the timed ones are, on average.
  figure last_stamp{0};         ///< When the last timed one was pushed.
  figure timed{0};              ///< The sum of the weights of all stamps that went in,
  figure instants{0};           ///< … and of their times × weights, in coarse units, modulo 2^64.
  figure next_look{0};          ///< At how many pushed the length is looked at again.
};
static_assert(sizeof(push_shard) == max<std::size_t>(cache_line, 64) || sizeof(figure) != 8);

struct alignas(cache_line) pop_shard {
  figure popped{0};
  figure looks{0};       ///< How many more looks may find nothing until the clock is read at the next pop.
  figure last_look{0};   ///< When the clock was read.
  figure last_stamp{0};  ///< When the last timed one was pushed.
  figure timed{0};       ///< The sum of the weights of all stamps that came out,
  figure instants{0};    ///< … and of their times × weights, in coarse units, modulo 2^64.
  // The waits × weights, in two parts that do not overflow in years, however long the queue is.
  figure waited{0};       ///< In units of 2^wait_unit ns,
  figure waited_rest{0};  ///< … and what is left of each, in nanoseconds.
  second_marks seconds;

  static constexpr int wait_unit = 12;
};

template <cardinality Producers, cardinality Consumers, class Clock = clock>
class meter {
  using push_shards = shards<Producers, push_shard>;
  using pop_shards = shards<Consumers, pop_shard>;

 public:
  /// A call that pushes one message or several. One that ends without success(), also by an exception, has pushed none.
  class push {
   public:
    explicit push(meter& to) noexcept
        : meter_(to),
          mine_(to.pushes_.mine()),
          pushed_(mine_.shard.pushed.load(relaxed)),
          due_(mine_.shard.due.load(relaxed)) {}
    push(const push&) = delete;
    push& operator=(const push&) = delete;
    ~push() {
      if (!mine_.owned && timing_) mine_.shard.due.store(claimed_, relaxed);
    }

    /// To be asked once for each message of the call that goes in, in order.
    std::uint64_t next_stamp() noexcept {
      ++offered_;
      if (pushed_ + offered_ < stamp::number(due_)) [[likely]]
        return 0;
      return time_one();
    }

    /// `n` messages are in; `queue` says how many are inside.
    void success(std::uint64_t n, const auto& queue) noexcept {
      push_shard& shard = mine_.shard;
      const std::uint64_t all = raise(shard.pushed, n, mine_.owned) + n;
      if (timing_) {
        raise(shard.timed, weight_, mine_.owned);
        raise(shard.instants, weight_ * coarse(at_), mine_.owned);
        shard.last_stamp.store(at_, relaxed);
        shard.distance.store(distance_, relaxed);
        shard.due.store(due_, relaxed);
        timing_ = false;
      }
      if (all >= shard.next_look.load(relaxed)) meter_.look_at_length(shard, all, queue);
    }

   private:
    std::uint64_t time_one() noexcept {
      push_shard& shard = mine_.shard;
      if (!timing_) {
        claimed_ = due_;
        if (!mine_.owned && !shard.due.compare_exchange_weak(due_, shard.claimed, relaxed, relaxed)) {
          due_ = shard.claimed;
          return 0;
        }
        timing_ = true;
        at_ = meter_.instant();
        const std::uint64_t passed = at_ - min(at_, shard.last_stamp.load(relaxed));
        distance_ = passed / tuning::unhurried_message >= stamp::weight(due_)
                        ? 1
                        : min(2 * shard.distance.load(relaxed), tuning::timing_distance);
      } else {
        distance_ = min(2 * distance_, tuning::timing_distance);
      }
      const std::uint64_t weight = stamp::weight(due_);
      weight_ += weight;
      const std::uint64_t next = 1 + mix(at_ ^ due_) % (2 * distance_ - 1);
      due_ = stamp::of(stamp::number(due_) + next, next);
      return stamp::of(at_, weight);
    }

    static std::uint64_t mix(std::uint64_t word) noexcept {
      word *= 0x9e37'79b9'7f4a'7c15;
      return (word ^ word >> 32) * 0xbf58'476d'1ce4'e5b9 >> 32;
    }

    meter& meter_;
    typename push_shards::share mine_;
    std::uint64_t pushed_;
    std::uint64_t due_;
    std::uint64_t offered_ = 0;
    bool timing_ = false;
    std::uint64_t claimed_ = 0;
    std::uint64_t at_ = 0;
    std::uint64_t distance_ = 1;
    std::uint64_t weight_ = 0;
  };

  /// A call that pops one message or several. It reads the clock once at most.
  class pop {
   public:
    explicit pop(meter& from) noexcept : meter_(from), mine_(from.pops_.mine()) {}

    /// A message is out, or about to be. One that throws on its way is out as well.
    void success(std::uint64_t its_stamp) noexcept {
      const std::uint64_t before = raise(mine_.shard.popped, 1, mine_.owned);
      if (its_stamp != 0 || mine_.shard.looks.load(relaxed) == 0) [[unlikely]]
        time_one(its_stamp, before);
    }

    /// There was none. Where that is so again and again, messages are rare, and few of them are timed if they were not
    /// before; so that it is known in which second they came, the clock is read at some of them.
    void none() noexcept {
      const std::uint64_t left = mine_.shard.looks.load(relaxed);
      if (left > 0) mine_.shard.looks.store(left - 1, relaxed);
    }

   private:
    void time_one(std::uint64_t its_stamp, std::uint64_t before) noexcept {
      pop_shard& shard = mine_.shard;
      if (!timed_) {
        timed_ = true;
        at_ = meter_.instant();
        const std::uint64_t passed = at_ - min(at_, shard.last_look.load(relaxed));
        shard.looks.store(passed >= tuning::clock_is_old ? 1 : tuning::idle_looks, relaxed);
        shard.last_look.store(at_, relaxed);
      }
      shard.seconds.note(at_, before);
      if (its_stamp == 0) return;

      const std::uint64_t pushed_at = stamp::number(its_stamp);
      const std::uint64_t weight = stamp::weight(its_stamp);
      // A batch may have read the clock before its last messages were pushed.
      const std::uint64_t wait = at_ - min(at_, pushed_at);
      // The longest first, so that no other figure exceeds it.
      raise_to(meter_.longest_wait_, wait);
      raise(meter_.waits_[histogram_scale::bucket_of(wait)], weight, Consumers == cardinality::one);
      raise(shard.waited, wait * weight >> shard.wait_unit, mine_.owned);
      raise(shard.waited_rest, wait * weight & ((1 << shard.wait_unit) - 1), mine_.owned);
      raise(shard.timed, weight, mine_.owned);
      raise(shard.instants, weight * coarse(pushed_at), mine_.owned);
      shard.last_stamp.store(pushed_at, relaxed);
    }

    meter& meter_;
    typename pop_shards::share mine_;
    bool timed_ = false;
    std::uint64_t at_ = 0;
  };

  /// Messages that a caller could not push.
  void refused(std::uint64_t n) noexcept {
    const auto mine = pushes_.mine();
    raise(mine.shard.refused, n, mine.owned);
  }

  /// A push has found the queue full.
  void full(std::size_t capacity) noexcept {
    if (highest_length_.load(relaxed) < capacity) raise_to(highest_length_, capacity);
  }

  kew::metrics metrics(const auto& queue) const noexcept;

 private:
  static constexpr std::uint64_t coarse(std::uint64_t instant) noexcept { return instant >> coarse_unit; }
  static constexpr int coarse_unit = 10;

  /// Nanoseconds since the meter was made.
  std::uint64_t instant() const noexcept {
    return static_cast<std::uint64_t>(std::chrono::nanoseconds(Clock::now() - start_).count());
  }

  /// A look takes the consumers' line from them, so there is none where it can find no new highest length; and where
  /// other producers push, too, not more often than a message is timed.
  void look_at_length(push_shard& shard, std::uint64_t pushed, const auto& queue) noexcept {
    const std::size_t capacity = queue.capacity();
    const std::uint64_t length = max<std::uint64_t>(queue.size_approx(), 1);  // it may be out by now, but was inside
    raise_to(highest_length_, length);
    const std::uint64_t highest = highest_length_.load(relaxed);
    const std::uint64_t safe = highest - length;  // so many more can be pushed
    shard.next_look.store(highest == capacity             ? UINT64_MAX
                          : Producers == cardinality::one ? pushed + safe + 1
                                                          : pushed + min(safe + 1, tuning::timing_distance),
                          relaxed);
  }

  /// For how long those have waited that are inside, on average.
  double age(std::uint64_t now) const noexcept {
    // First in, first out: whatever is inside was pushed after the last that was popped, and before the last push.
    const auto oldest = static_cast<double>(now - min(now, highest(pops_, &pop_shard::last_stamp)));
    const auto youngest = static_cast<double>(now - min(now, highest(pushes_, &push_shard::last_stamp)));
    const std::uint64_t out = sum(pops_, &pop_shard::timed);
    const std::uint64_t instants_out = sum(pops_, &pop_shard::instants);
    const std::uint64_t inside = sum(pushes_, &push_shard::timed) - out;
    if (inside == 0 || inside > INT64_MAX) return youngest;
    const std::uint64_t instants = sum(pushes_, &push_shard::instants) - instants_out;
    // Where threads push and pop meanwhile, the two sums may be of different messages; hence the bounds.
    const auto mean = static_cast<double>(static_cast<std::int64_t>(inside * coarse(now) - instants)) *
                      (1 << coarse_unit) / static_cast<double>(inside);
    return min(max(mean, youngest), max(oldest, youngest));
  }

  /// Messages popped a second, in this second and the one before.
  double recent_throughput(std::uint64_t now) const noexcept {
    constexpr std::uint64_t second = second_marks::second;
    std::uint64_t popped = 0;
    for (const pop_shard& shard : pops_) popped += shard.seconds.since_the_last(now, shard.popped.load(relaxed));
    return static_cast<double>(popped) * second / static_cast<double>(now < second ? now : second + now % second);
  }

  const typename Clock::time_point start_ = Clock::now();
  push_shards pushes_{};
  pop_shards pops_{};
  alignas(cache_line) figure highest_length_{0};
  alignas(cache_line) figure longest_wait_{0};  ///< Rarely written, as the highest length.
  std::array<figure, histogram_scale::buckets> waits_{};
};

template <cardinality Producers, cardinality Consumers, class Clock>
kew::metrics meter<Producers, Consumers, Clock>::metrics(const auto& queue) const noexcept {
  using std::chrono::nanoseconds;
  kew::metrics m;
  // Pops before pushes, and both before the clock: what is seen popped has been pushed, and before now.
  auto& waits = m.time_in_queue;
  waits.count = sum(pops_, &pop_shard::timed);
  waits.sum = std::chrono::duration<double, std::nano>(static_cast<double>(sum(pops_, &pop_shard::waited)) *
                                                           (1 << pop_shard::wait_unit) +
                                                       static_cast<double>(sum(pops_, &pop_shard::waited_rest)));
  m.popped = sum(pops_, &pop_shard::popped);
  m.pushed = max(m.popped, sum(pushes_, &push_shard::pushed));
  m.refused = sum(pushes_, &push_shard::refused);
  m.length = queue.size_approx();
  m.capacity = queue.capacity();
  m.highest_length = max(m.length, static_cast<std::size_t>(highest_length_.load(relaxed)));

  histogram_reading reading;
  for (std::size_t bucket = 0; bucket < waits_.size(); ++bucket) reading.add(bucket, waits_[bucket].load(relaxed));
  const std::uint64_t longest = longest_wait_.load(relaxed);
  // The middle of a bucket may exceed all that is in it.
  const auto quantile = [&](double share) {
    return nanoseconds(static_cast<std::int64_t>(min(reading.quantile(share), longest)));
  };
  waits.p50 = quantile(0.5);
  waits.p99 = quantile(0.99);
  waits.p999 = quantile(0.999);
  waits.max = nanoseconds(static_cast<std::int64_t>(longest));
  if (waits.count > 0 && waits.sum / static_cast<double>(waits.count) < waits.max)
    waits.mean = waits.sum / static_cast<double>(waits.count);
  else
    waits.mean = waits.max;

  const std::uint64_t now = instant();
  m.elapsed = nanoseconds(static_cast<std::int64_t>(now));
  if (now > 0) {
    m.throughput = static_cast<double>(m.popped) * 1e9 / static_cast<double>(now);
    m.recent_throughput = recent_throughput(now);
    const double spent =
        static_cast<double>(m.popped) * waits.mean.count() + static_cast<double>(m.pushed - m.popped) * age(now);
    m.mean_length = min(spent / static_cast<double>(now), static_cast<double>(m.capacity));
  }
  return m;
}

}}}  // namespace kew::KEW_NAMESPACE::detail
