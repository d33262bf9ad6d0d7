// blocking_queue: waiting, timeouts and closing over any ring.
//
// Use when     a thread should sleep until something comes, or until there is room; the ring below says how many
//              threads may push and pop.
// Avoid when   a thread must never enter the kernel (an audio callback): use the ring itself, or the try_ operations
//              with spin_wait on both sides. When it should be known which threads are still there: channel.hpp.
// Threads      pushes: as many at a time as the ring has producers; pops: as many as it has consumers. close,
//              is_closed, capacity, size_approx: any.
// Progress     push and pop wait; a wait ends with the push, pop or close that it waits for, also where the thread that
//              made that call was stopped before it could wake the sleeper and another call came after it. The try_
//              operations are the ring's, and enter the kernel for two reasons: to wake a sleeper, and to make one
//              membarrier(2) call where an spsc or spmc queue is found closed and empty. A call that waits enters it to
//              sleep (after polling, as Wait says), to yield before that where threads outnumber the cores (wait.hpp),
//              and to yield and nap beside a thread that was stopped in the middle of its own call (`busy`); such naps
//              grow to 10 ms. With yield_wait each look enters the kernel.
// Ordering     the ring's. Each push either succeeds, and its element is popped exactly once or destroyed with the
//              queue, or answers `closed` and leaves its argument untouched. A push that begins after close() has
//              returned answers `closed`; one that overlaps it may do either. A pop answers `closed` only when no
//              element is inside and none will come any more. A call that is told `closed` sees what was done before
//              close().
// Memory       the ring's and 128 to 256 bytes; none is allocated after the construction.
// Source       detail/wait/wait_point.hpp for sleeping; detail/wait/gated_ring.hpp and detail/ring/slot_ring.hpp for
//              closing.
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

#include <kew/concepts.hpp>
#include <kew/config.hpp>
#include <kew/detail/wait/pop_half.hpp>
#include <kew/detail/wait/push_half.hpp>
#include <kew/detail/wait/queue_core.hpp>
#include <kew/mpmc_ring.hpp>
#include <kew/status.hpp>
#include <kew/wait.hpp>

namespace kew { inline namespace KEW_NAMESPACE {

/// Elements of type T in a Ring, with pushes and pops that wait as Wait says. blocking_queue.hpp says when to use it,
/// how many threads may push and pop, and what is promised about closing. Neither copyable nor movable; to be destroyed
/// when no thread is inside any of its calls.
template <class T, class Ring = mpmc_ring<T>, class Wait = adaptive_wait>
class blocking_queue : public detail::push_half<blocking_queue<T, Ring, Wait>, T>,
                       public detail::pop_half<blocking_queue<T, Ring, Wait>, T> {
 public:
  using value_type = T;    ///< What is passed on.
  using ring_type = Ring;  ///< What holds it.
  /// How many threads may push at the same time.
  static constexpr cardinality producers = many_producers<Ring> ? cardinality::many : cardinality::one;
  /// How many threads may pop at the same time.
  static constexpr cardinality consumers = many_consumers<Ring> ? cardinality::many : cardinality::one;

  /// `capacity` elements at most, exactly. What follows the capacity goes to the ring's constructor too. Throws what
  /// that throws: with kew's rings std::invalid_argument for 0, std::length_error for what cannot be addressed,
  /// std::bad_alloc.
  template <class... A>
    requires std::is_constructible_v<Ring, std::size_t, A...>
  explicit blocking_queue(std::size_t capacity, A&&... more) : core_(capacity, std::forward<A>(more)...) {}

  /// Over a ring of fixed capacity.
  blocking_queue()
    requires std::is_default_constructible_v<Ring>
  {}

  blocking_queue(const blocking_queue&) = delete;  // a queue stays where its threads know it: share a pointer to it
  blocking_queue& operator=(const blocking_queue&) = delete;

  /// Ends the stream: from now on pushes answer `closed`, and so do pops once the queue is drained. Wakes every waiter.
  /// Any thread, any number of times.
  void close() noexcept { core_.close(); }
  /// Whether it was closed; elements may still be inside. Once true, always true. Any thread.
  bool is_closed() const noexcept { return core_.is_closed(); }
  /// How many elements fit. Any thread.
  std::size_t capacity() const noexcept { return core_.capacity(); }
  /// How many elements are inside, as far as another thread can know: from 0 to the capacity, always. Any thread.
  std::size_t size_approx() const noexcept { return core_.size_approx(); }

  /// Over a metered_ring: its figures. Any thread.
  auto metrics() const noexcept
    requires has_metrics<Ring>
  {
    return core_.metrics();
  }

 private:
  friend detail::push_half<blocking_queue, T>;
  friend detail::pop_half<blocking_queue, T>;
  friend detail::core_access;

  detail::queue_core<T, Ring, Wait>* core() noexcept { return &core_; }

  detail::queue_core<T, Ring, Wait> core_;
};

}}  // namespace kew::KEW_NAMESPACE
