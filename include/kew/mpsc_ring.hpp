// mpsc_ring: a bounded FIFO from many threads to one.
//
// Use when   events from many threads meet in one: a logger, an actor's mailbox, a reducer.
// Avoid when two threads may pop (mpmc_ring), or only one ever pushes (spsc_ring is several times
//            faster). Where a thread should sleep until something comes: blocking_queue, channel.
// Threads    try_push…, try_emplace, seal: any number at a time. try_pop…, try_consume: one at a time. capacity,
//            size_approx, is_sealed: any.
// Progress   no call waits for another thread, pauses on purpose, yields or naps: a push is repeated only where another
//            producer has succeeded in the meantime, a pop never, and alone a call takes a bounded number of steps. But
//            a producer that is held up between taking its position and filling its slot makes pops answer `busy` when
//            they come to that slot, if a later push has finished; and pushes a lap later. So the ring as a whole is
//            not lock-free in the literature's sense. While an element is constructed by a constructor that may throw
//            (try_emplace, try_push_n), other pushes answer `busy`; try_push never does that where T moves without
//            throwing.
// Ordering   linearizable; FIFO. `full` and `empty` each held at an instant of their own call.
// Memory     256 bytes and, for each element, 5.333 (int), 9.143 (void*), 64 (std::string), 128 (64 bytes).
// Source     D. Vyukov, "Bounded MPMC queue", 1024cores.net; see detail/ring/slot_ring.hpp for what is different here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include <kew/concepts.hpp>
#include <kew/detail/ring/slot_ring.hpp>

namespace kew { inline namespace KEW_NAMESPACE {

/// A bounded FIFO: many producers, one consumer. mpsc_ring.hpp says when to use it, who may call what, and what is
/// promised. With a Capacity in its type it lives without the heap.
template <class T, std::size_t Capacity = dynamic_capacity, class Allocator = std::allocator<T>>
class mpsc_ring : public detail::slot_ring<T, cardinality::many, cardinality::one, Capacity, Allocator, std::uint64_t> {
  using detail::slot_ring<T, cardinality::many, cardinality::one, Capacity, Allocator, std::uint64_t>::slot_ring;
};

}}  // namespace kew::KEW_NAMESPACE
