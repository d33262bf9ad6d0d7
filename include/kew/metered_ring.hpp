// metered_ring: any of the rings, with figures: how many messages, how long they waited, how many were inside.
//
//     kew::blocking_queue<job, kew::metered_ring<job, kew::mpmc_ring>> jobs(1000);
//     std::cout << to_string(jobs.metrics());
//
// Use it     under a blocking_queue or a channel, in the program that is to be understood, also in production.
// Not        where an operation may not read the clock: each push and each pop does, and that costs more than the
//            ring itself.
// Threads    as the ring below; metrics: anyone.
// Progress   as the ring below. metrics() waits for nobody, and makes nobody wait.
// Ordering   as the ring below.
// Source     detail/meter/histogram.hpp for the percentiles; the mean length is the time that all messages together
// have
//            spent inside, divided by the time that has passed.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include <kew/concepts.hpp>
#include <kew/detail/machine/cache_line.hpp>
#include <kew/detail/machine/clock.hpp>
#include <kew/detail/machine/sync.hpp>
#include <kew/detail/machine/tuning.hpp>
#include <kew/detail/meter/histogram.hpp>
#include <kew/metrics.hpp>
#include <kew/status.hpp>

namespace kew { inline namespace KEW_NAMESPACE {

namespace detail {

/// Raises a count that one thread raises, or many. Returns what it was.
template <cardinality Threads>
std::uint64_t raise(atomic<std::uint64_t>& count, std::uint64_t by) noexcept {
  if constexpr (Threads == cardinality::one) {
    const std::uint64_t before = count.load(relaxed);
    count.store(before + by, relaxed);
    return before;
  } else {
    return count.fetch_add(by, relaxed);
  }
}

/// Raises a maximum, or anything that only grows, to `value`, if it is lower.
inline void raise_to(atomic<std::uint64_t>& highest, std::uint64_t value) noexcept {
  std::uint64_t before = highest.load(relaxed);
  while (before < value && !highest.compare_exchange_weak(before, value, relaxed, relaxed)) {
  }
}

/// Where a count stood when a second began, for as long as that is of interest.
class second_marks {
 public:
  static constexpr std::uint64_t second = 1'000'000'000;  // in nanoseconds

  /// At every change of the count; `before` is what it was.
  void note(std::uint64_t now, std::uint64_t before) noexcept {
    atomic<std::uint64_t>& mark = marks_[place_of(now / second)];
    const std::uint64_t mine = now / second << 32;
    // Whoever comes first in a second, marks it. Later seconds are greater numbers.
    if (mark.load(relaxed) < mine) raise_to(mark, mine | (before & lower_half));
  }

  /// How much of the count is of the second that `now` is in and of the one before.
  std::uint64_t since_the_last(std::uint64_t now, std::uint64_t count) const noexcept {
    const std::uint64_t current = now / second;
    for (std::uint64_t each = current - std::min<std::uint64_t>(current, 1); each <= current; ++each) {
      const std::uint64_t mark = marks_[place_of(each)].load(relaxed);
      if (mark >> 32 == each) return (count - mark) & lower_half;
    }
    return 0;
  }

 private:
  static constexpr std::uint64_t lower_half = 0xffff'ffff;  // of a mark: the count; the upper half is the second

  static constexpr std::size_t marks = 4;  // two more than are of interest, so that who looks late still finds them
  static std::size_t place_of(std::uint64_t number) noexcept { return static_cast<std::size_t>(number % marks); }

  std::array<atomic<std::uint64_t>, marks> marks_{};
};

/// What the threads of one side have counted: each in a shard that it shares with few, so that counting adds no
/// line that all of them fight for. Every access is relaxed, because no figure says anything about an element.
template <cardinality Threads, class Shard>
class shards {
 public:
  Shard& mine() noexcept {
    if constexpr (Threads == cardinality::one)
      return shards_[0];
    else
      return shards_[thread_number() % shards_.size()];
  }

  std::uint64_t sum(atomic<std::uint64_t> Shard::*count) const noexcept {
    std::uint64_t all = 0;
    for (const Shard& shard : shards_) all += (shard.*count).load(relaxed);
    return all;
  }
  std::uint64_t highest(atomic<std::uint64_t> Shard::*count) const noexcept {
    std::uint64_t most = 0;
    for (const Shard& shard : shards_) most = std::max(most, (shard.*count).load(relaxed));
    return most;
  }

  auto begin() const noexcept { return shards_.begin(); }
  auto end() const noexcept { return shards_.end(); }

 private:
  std::array<Shard, Threads == cardinality::one ? 1 : tuning::meter_shards> shards_{};
};

struct alignas(cache_line) push_shard {
  atomic<std::uint64_t> pushed{0};
  atomic<std::uint64_t> refused{0};
  atomic<std::uint64_t> instants{0};  // the sum of the times of all pushes, modulo 2^64
  atomic<std::uint64_t> highest_length{0};
  atomic<std::uint64_t> next_look{0};  // at how many pushed the length is looked at again
};

struct alignas(cache_line) pop_shard {
  atomic<std::uint64_t> popped{0};
  atomic<std::uint64_t> instants{0};  // the sum of the times of all pops, modulo 2^64
  atomic<std::uint64_t> waited{0};
  atomic<std::uint64_t> longest_wait{0};
  second_marks seconds;
  std::array<atomic<std::uint64_t>, histogram_scale::buckets> waits{};
};

}  // namespace detail

/// One of kew's rings by its name, as in `metered_ring<job, kew::mpmc_ring>`, that counts and times what goes through
/// it. Its operations are those of the ring below, by the same threads, with the same answers; metered_ring.hpp says
/// what counting costs.
template <class T, template <class, std::size_t, class> class Ring, std::size_t Capacity = dynamic_capacity,
          class Allocator = std::allocator<T>>
class metered_ring {
  /// An element, and when its push began.
  struct message {
    template <class... A>
    explicit message(std::uint64_t at, A&&... arguments) noexcept(std::is_nothrow_constructible_v<T, A...>)
        : pushed_at(at), value(std::forward<A>(arguments)...) {}
    template <class Source>
    explicit message(const Source& source) noexcept(noexcept(T(source.take()))) requires requires {
      source.take();
    } : pushed_at(source.pushed_at), value(source.take()) {
    }

    std::uint64_t pushed_at;
    T value;
  };

  using inner_allocator = typename std::allocator_traits<Allocator>::template rebind_alloc<message>;
  using inner_ring = Ring<message, Capacity, inner_allocator>;

 public:
  using value_type = T;  ///< What is passed on.
  /// How many threads may push at the same time.
  static constexpr cardinality producers = many_producers<inner_ring> ? cardinality::many : cardinality::one;
  /// How many threads may pop at the same time.
  static constexpr cardinality consumers = many_consumers<inner_ring> ? cardinality::many : cardinality::one;

  /// Of the fixed Capacity: without the heap.
  metered_ring() requires(Capacity != dynamic_capacity) = default;
  /// `capacity` elements at most, exactly. Throws std::invalid_argument for 0, std::length_error for what cannot be
  /// addressed, std::bad_alloc.
  explicit metered_ring(std::size_t capacity, const Allocator& allocator = {}) requires(Capacity == dynamic_capacity)
      : ring_(capacity, inner_allocator(allocator)) {}

  metered_ring(const metered_ring&) = delete;
  metered_ring& operator=(const metered_ring&) = delete;

  /// As the ring's; what is not a success counts as refused, and has left its argument untouched.
  /// @{
  status try_push(const T& value) noexcept(std::is_nothrow_copy_constructible_v<T>) { return try_emplace(value); }
  status try_push(T&& value) noexcept(std::is_nothrow_move_constructible_v<T>) { return try_emplace(std::move(value)); }

  template <class... A>
  status try_emplace(A&&... arguments) noexcept(std::is_nothrow_constructible_v<T, A...>) {
    const std::uint64_t at = instant();
    const status outcome = ring_.try_emplace(at, std::forward<A>(arguments)...);
    note_push(at, outcome ? 1 : 0, outcome ? 0 : 1);
    return outcome;
  }

  template <std::input_iterator It>
  std::size_t try_push_n(It first, std::size_t n) {
    const std::uint64_t at = instant();
    const std::size_t count = ring_.try_push_n(source<It>{std::move(first), at}, n);
    note_push(at, count, n - count);
    return count;
  }
  /// @}

  /// As the ring's. The time in the queue ends when the element is found, before it is moved or shown.
  /// @{
  result<T> try_pop() noexcept(std::is_nothrow_move_constructible_v<T>) {
    std::optional<result<T>> popped;
    const status outcome = try_consume([&popped](T& value) noexcept(std::is_nothrow_move_constructible_v<T>) {
      popped.emplace(std::in_place, std::move(value));
    });
    return outcome ? *std::move(popped) : result<T>(outcome);
  }
  status try_pop(T& out) noexcept(std::is_nothrow_move_assignable_v<T>) {
    return try_consume([&out](T& value) noexcept(std::is_nothrow_move_assignable_v<T>) { out = std::move(value); });
  }

  template <class F>
  status try_consume(F&& f) noexcept(std::is_nothrow_invocable_v<F, T&>) {
    return ring_.try_consume([this, &f](message& taken) noexcept(std::is_nothrow_invocable_v<F, T&>) {
      note_pop(taken.pushed_at, instant());
      std::forward<F>(f)(taken.value);
    });
  }

  template <class Out>
  std::size_t try_pop_n(Out out, std::size_t n) {
    return ring_.try_pop_n(sink<Out>{this, instant(), std::move(out)}, n);
  }
  /// @}

  /// As the ring's, where it has them: for a blocking_queue or a channel to close it.
  /// @{
  void seal() noexcept requires sealable_ring<inner_ring> { ring_.seal(); }
  bool is_sealed() const noexcept requires sealable_ring<inner_ring> { return ring_.is_sealed(); }
  /// @}

  /// How many elements fit. Any thread.
  std::size_t capacity() const noexcept { return ring_.capacity(); }
  /// How many elements are inside, as far as another thread can know: from 0 to the capacity, always. Any thread.
  std::size_t size_approx() const noexcept { return ring_.size_approx(); }

  /// The figures now; see kew::metrics. Any thread.
  kew::metrics metrics() const noexcept {
    using std::chrono::nanoseconds;
    kew::metrics m;
    // Pops before pushes, and both before the clock: what is seen popped has been pushed, and before now.
    const std::uint64_t pop_instants = pops_.sum(&detail::pop_shard::instants);
    m.popped = pops_.sum(&detail::pop_shard::popped);
    const std::uint64_t push_instants = pushes_.sum(&detail::push_shard::instants);
    m.pushed = std::max(m.popped, pushes_.sum(&detail::push_shard::pushed));
    m.refused = pushes_.sum(&detail::push_shard::refused);
    m.length = size_approx();
    m.capacity = capacity();
    m.highest_length =
        std::max(m.length, static_cast<std::size_t>(pushes_.highest(&detail::push_shard::highest_length)));

    const std::uint64_t now = instant();
    m.elapsed = nanoseconds(now);
    if (now > 0) {
      m.throughput = static_cast<double>(m.popped) * 1e9 / static_cast<double>(now);
      m.recent_throughput = recent_throughput(now);
      // Those that are out have spent their pop's time less their push's; the others, until now, now less theirs.
      const auto spent = static_cast<std::int64_t>(pop_instants - push_instants + (m.pushed - m.popped) * now);
      m.mean_length =
          std::clamp(static_cast<double>(spent) / static_cast<double>(now), 0.0, static_cast<double>(m.capacity));
    }

    detail::histogram_reading waits;
    for (const detail::pop_shard& shard : pops_)
      for (std::size_t bucket = 0; bucket < shard.waits.size(); ++bucket)
        if (const std::uint64_t count = shard.waits[bucket].load(detail::relaxed); count > 0) waits.add(bucket, count);
    const auto quantile = [&waits](double share) { return nanoseconds(waits.quantile(share)); };
    m.time_in_queue = {nanoseconds(m.popped > 0 ? pops_.sum(&detail::pop_shard::waited) / m.popped : 0), quantile(0.5),
                       quantile(0.99), quantile(0.999), nanoseconds(pops_.highest(&detail::pop_shard::longest_wait))};
    return m;
  }

 private:
  /// `first`, with the time of the push beside each element.
  template <class It>
  struct source {
    using iterator_concept = std::input_iterator_tag;
    using difference_type = std::ptrdiff_t;
    struct value_type {
      It* from;
      std::uint64_t pushed_at;
      decltype(auto) take() const noexcept(noexcept(**from)) { return **from; }
    };

    value_type operator*() const noexcept { return {std::addressof(first), pushed_at}; }
    source& operator++() noexcept(noexcept(++std::declval<It&>())) {
      ++first;
      return *this;
    }
    void operator++(int) { ++first; }

    mutable It first;
    std::uint64_t pushed_at;
  };

  /// `out`, which notes each message that goes through it.
  template <class Out>
  struct sink {
    struct place {
      sink& to;
      void operator=(message&& taken) const noexcept(noexcept(*to.out = std::move(taken.value))) {
        to.ring->note_pop(taken.pushed_at, to.at);
        *to.out = std::move(taken.value);
      }
    };
    place operator*() noexcept { return {*this}; }
    sink& operator++() noexcept(noexcept(++std::declval<Out&>())) {
      ++out;
      return *this;
    }

    metered_ring* ring;
    std::uint64_t at;
    Out out;
  };

  /// Nanoseconds since the ring was made.
  std::uint64_t instant() const noexcept {
    return static_cast<std::uint64_t>(std::chrono::nanoseconds(detail::now() - start_).count());
  }

  void note_push(std::uint64_t at, std::uint64_t pushed, std::uint64_t refused) noexcept {
    detail::push_shard& mine = pushes_.mine();
    if (refused > 0) detail::raise<producers>(mine.refused, refused);
    if (pushed == 0) return;
    const std::uint64_t all = detail::raise<producers>(mine.pushed, pushed) + pushed;
    detail::raise<producers>(mine.instants, pushed * at);

    // A look at the length takes the consumers' line from them, so there is none where it can find no new maximum.
    if (all < mine.next_look.load(detail::relaxed)) return;
    const std::size_t length = ring_.size_approx();
    detail::raise_to(mine.highest_length,
                     std::max<std::size_t>(length, 1));  // It may be out again by now, but was inside.
    const std::uint64_t highest = mine.highest_length.load(detail::relaxed);
    if (highest == capacity())
      mine.next_look.store(UINT64_MAX, detail::relaxed);
    else if constexpr (producers == cardinality::one)
      mine.next_look.store(all + (highest - length) + 1, detail::relaxed);
  }

  void note_pop(std::uint64_t pushed_at, std::uint64_t popped_at) noexcept {
    // A batch reads the clock once, before its last messages may have been pushed.
    const std::uint64_t waited = popped_at - std::min(popped_at, pushed_at);
    detail::pop_shard& mine = pops_.mine();
    const std::uint64_t before = detail::raise<consumers>(mine.popped, 1);
    detail::raise<consumers>(mine.instants, pushed_at + waited);
    detail::raise<consumers>(mine.waited, waited);
    detail::raise<consumers>(mine.waits[detail::histogram_scale::bucket_of(waited)], 1);
    detail::raise_to(mine.longest_wait, waited);
    mine.seconds.note(popped_at, before);
  }

  /// Messages popped a second, in this second and the one before.
  double recent_throughput(std::uint64_t now) const noexcept {
    constexpr std::uint64_t second = detail::second_marks::second;
    std::uint64_t popped = 0;
    for (const detail::pop_shard& shard : pops_)
      popped += shard.seconds.since_the_last(now, shard.popped.load(detail::relaxed));
    return static_cast<double>(popped) * second / static_cast<double>(now < second ? now : second + now % second);
  }

  const detail::time_point start_ = detail::now();
  inner_ring ring_;
  detail::shards<producers, detail::push_shard> pushes_;
  detail::shards<consumers, detail::pop_shard> pops_;
};

}}  // namespace kew::KEW_NAMESPACE
