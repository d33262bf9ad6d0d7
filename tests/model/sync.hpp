// The explorer's version of what kew takes from the machine: same names, but every atomic, fence, system call and clock
// belongs to the explorer. Build with KEW_SYNC_HEADER="model/sync.hpp".
#pragma once

#include "explorer.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <type_traits>

#include <kew/config.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

using ::explorer::site;
namespace engine = ::explorer::engine;

inline constexpr auto relaxed = std::memory_order_relaxed;
inline constexpr auto acquire = std::memory_order_acquire;
inline constexpr auto release = std::memory_order_release;
inline constexpr auto acq_rel = std::memory_order_acq_rel;
inline constexpr auto seq_cst = std::memory_order_seq_cst;

/// An atomic whose every operation is a step of the explorer. `where` is the line that calls it.
template <class T>
class alignas(sizeof(T) < 4 ? 4 : sizeof(T)) atomic {
  static_assert(sizeof(T) <= 8 && std::is_trivially_copyable_v<T>);
  using arithmetic = engine::arithmetic;

 public:
  using value_type = T;
  static constexpr bool is_always_lock_free = true;

  atomic() noexcept : atomic(T{}) {}
  // NOLINTNEXTLINE: std::atomic converts as well.
  atomic(T value) noexcept : at_(engine::make_atomic(bits(value))) {}
  atomic(const atomic&) = delete;
  atomic& operator=(const atomic&) = delete;
  ~atomic() { engine::destroy_atomic(at_); }

  T load(std::memory_order order = seq_cst, site where = site::current()) const noexcept {
    return value(engine::load(at_, order, where));
  }
  void store(T to, std::memory_order order = seq_cst, site where = site::current()) noexcept {
    engine::store(at_, bits(to), order, where);
  }
  T exchange(T to, std::memory_order order = seq_cst, site where = site::current()) noexcept {
    return modify(arithmetic::exchange, bits(to), order, where);
  }
  T fetch_add(T by, std::memory_order order = seq_cst, site where = site::current()) noexcept
    requires std::is_integral_v<T>
  {
    return modify(arithmetic::add, bits(by), order, where);
  }
  T fetch_sub(T by, std::memory_order order = seq_cst, site where = site::current()) noexcept
    requires std::is_integral_v<T>
  {
    return modify(arithmetic::subtract, bits(by), order, where);
  }
  T fetch_or(T by, std::memory_order order = seq_cst, site where = site::current()) noexcept
    requires std::is_integral_v<T>
  {
    return modify(arithmetic::bit_or, bits(by), order, where);
  }
  T fetch_and(T by, std::memory_order order = seq_cst, site where = site::current()) noexcept
    requires std::is_integral_v<T>
  {
    return modify(arithmetic::bit_and, bits(by), order, where);
  }

  bool compare_exchange_weak(T& expected, T desired, std::memory_order order = seq_cst,
                             site where = site::current()) noexcept {
    return compare_exchange(expected, desired, {order, failing(order), false}, true, where);
  }
  bool compare_exchange_weak(T& expected, T desired, std::memory_order success, std::memory_order failure,
                             site where = site::current()) noexcept {
    return compare_exchange(expected, desired, {success, failure, true}, true, where);
  }
  bool compare_exchange_strong(T& expected, T desired, std::memory_order order = seq_cst,
                               site where = site::current()) noexcept {
    return compare_exchange(expected, desired, {order, failing(order), false}, false, where);
  }
  bool compare_exchange_strong(T& expected, T desired, std::memory_order success, std::memory_order failure,
                               site where = site::current()) noexcept {
    return compare_exchange(expected, desired, {success, failure, true}, false, where);
  }

  engine::location at() const noexcept { return at_; }

 private:
  static std::uint64_t bits(T value) noexcept {
    if constexpr (std::is_pointer_v<T>)
      return reinterpret_cast<std::uintptr_t>(value);
    else
      return static_cast<std::uint64_t>(value) & mask;
  }
  static T value(std::uint64_t bits) noexcept {
    if constexpr (std::is_pointer_v<T>)
      return reinterpret_cast<T>(static_cast<std::uintptr_t>(bits));
    else
      return static_cast<T>(bits);
  }
  static constexpr std::memory_order failing(std::memory_order order) noexcept {
    return order == acq_rel ? acquire : order == release ? relaxed : order;
  }
  T modify(arithmetic how, std::uint64_t operand, std::memory_order order, const site& where) noexcept {
    return value(engine::modify(at_, how, operand, mask, order, where));
  }
  bool compare_exchange(T& expected, T desired, engine::exchange_orders orders, bool weak, const site& where) noexcept {
    std::uint64_t seen = bits(expected);
    const bool done = engine::compare_exchange(at_, seen, bits(desired), orders, weak, where);
    expected = value(seen);
    return done;
  }

  static constexpr std::uint64_t mask = ~std::uint64_t{0} >> (64 - 8 * sizeof(T));

  engine::location at_;
};

/// The explorer's time: it stands still while threads run. Its points are of a type of their own, so that no
/// code can compare them with the machine's time.
struct clock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<clock>;
  static constexpr bool is_steady = true;
  static time_point now() noexcept { return time_point(duration(engine::now())); }
};
using time_point = clock::time_point;
inline constexpr time_point never = time_point::max();
inline time_point now() noexcept { return clock::now(); }
inline time_point coarse_now() noexcept { return now(); }
inline std::chrono::nanoseconds coarse_resolution() noexcept { return std::chrono::nanoseconds::zero(); }

inline void prefetch_for_reading(std::uintptr_t) noexcept {}
inline void prefetch_for_writing(std::uintptr_t) noexcept {}

/// Always the first value. What a hint can change is how often somebody looks, and when: the explorer chooses that
/// anyway.
template <class T>
class hint {
 public:
  T get() const noexcept { return {}; }
  void set(T) noexcept {}
};
/// Either value, by the explorer's choice.
template <>
class hint<bool> {
 public:
  bool get() const noexcept { return ::explorer::choose(2) != 0; }
  void set(bool) noexcept {}
};

inline std::uint32_t random_below(std::uint32_t bound) noexcept { return ::explorer::choose(bound); }
inline std::uint32_t even_below(std::uint32_t bound) noexcept { return ::explorer::choose(bound); }

inline std::uintptr_t thread_token() noexcept { return static_cast<std::uintptr_t>(::explorer::this_thread()) + 1; }

/// One for each thread and execution.
template <class T>
T& of_this_thread() noexcept {
  static T all[engine::max_threads];
  static std::uint64_t execution = 0;
  if (execution != engine::execution()) {
    execution = engine::execution();
    for (T& each : all) each = T{};
  }
  return all[::explorer::this_thread()];
}

inline void cpu_relax(site where = site::current()) noexcept { engine::relax(where); }
inline void yield(site where = site::current()) noexcept { engine::relax(where); }
inline void nap(unsigned, site where = site::current()) noexcept { engine::relax(where); }

inline void full_fence(site where = site::current()) noexcept { engine::fence(seq_cst, where); }
inline void compiler_fence(site where = site::current()) noexcept { engine::compiler_fence(where); }
inline bool register_membarrier() noexcept { return engine::register_membarrier(); }
inline bool membarrier(site where = site::current()) noexcept { return engine::membarrier(where); }
inline void outlast_store_buffers(site where = site::current()) noexcept { engine::outlast_store_buffers(where); }

/// kew's own fences, each call of which can be left out by a mutant.
/// @{
template <class Fence>
void fence_light(const Fence& with, site where = site::current()) noexcept {
  if (!engine::begin_fence(::explorer::operation::light_fence, where)) return;
  with.light();
  engine::end_fence();
}
template <class Fence>
void fence_heavy(Fence& with, site where = site::current()) noexcept {
  if (!engine::begin_fence(::explorer::operation::heavy_fence, where)) return;
  with.heavy();
  engine::end_fence();
}
template <class Fence, class Each>
void fence_heavy_of_all(Each each, site where = site::current()) noexcept {
  if (!engine::begin_fence(::explorer::operation::heavy_fence, where)) return;
  Fence::heavy_of_all(each);
  engine::end_fence();
}
/// @}

using futex_word = atomic<std::uint32_t>;

inline int futex_wait_call(futex_word& word, std::uint32_t expected, const timespec* deadline,
                           site where = site::current()) noexcept {
  std::int64_t until = engine::no_deadline;
  if (deadline != nullptr) {
    constexpr std::int64_t second = 1'000'000'000;
    if (deadline->tv_sec < 0 || deadline->tv_nsec < 0 || deadline->tv_nsec >= second)
      ::explorer::fail("a time that the futex refuses");
    if (deadline->tv_sec < until / second) until = deadline->tv_sec * second + deadline->tv_nsec;
  }
  return engine::futex_wait(word.at(), expected, until, where);
}
inline void futex_wake(futex_word& word, int count, site where = site::current()) noexcept {
  engine::futex_wake(word.at(), count, where);
}

/// What poll() waits for. The kernel orders what comes before set() before what comes after a poll that sees it.
class kernel_event {
 public:
  using handle = kernel_event*;

  handle native() const noexcept { return const_cast<kernel_event*>(this); }
  void set() noexcept {
    if (word_.exchange(1, acq_rel) != 0) ::explorer::fail("an event is written to that is readable already");
    engine::futex_wake(word_.at(), 1000, site::current());
  }
  void reset() noexcept {
    if (word_.exchange(0, acq_rel) != 1) ::explorer::fail("an event is read although nothing was written");
  }

  bool readable() const noexcept { return word_.load(acquire) != 0; }
  void poll() noexcept {
    while (!readable()) engine::futex_wait(word_.at(), 0, engine::no_deadline, site::current());
  }

 private:
  atomic<std::uint32_t> word_{0};
};

}}}  // namespace kew::KEW_NAMESPACE::detail
