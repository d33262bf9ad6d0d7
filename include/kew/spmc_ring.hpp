// spmc_ring: a bounded FIFO from one thread to many.
//
// Use when   one thread hands out work: an acceptor and its workers, a reader and its parsers.
// Avoid when two threads may push (mpmc_ring), or only one ever pops (spsc_ring is several times
//            faster). Where a thread should sleep until something comes: blocking_queue, channel. It is no
//            broadcast: each element goes to one consumer.
// Threads    try_push…, try_emplace: one at a time. try_pop…, try_consume: any number at a time. capacity,
//            size_approx: any.
// Progress   no call waits for another thread, pauses on purpose, yields or naps: a push is never repeated, a pop only
//            where another consumer has succeeded in the meantime, and alone a call takes a bounded number of steps.
//            But a consumer that is held up between taking its position and emptying its slot (or in the function given
//            to try_consume) makes pushes answer `busy` when they come round to that slot, if a later pop has finished;
//            so the ring as a whole is not lock-free in the literature's sense.
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

/// A bounded FIFO: one producer, many consumers. spmc_ring.hpp says when to use it, who may call what, and what is
/// promised. With a Capacity in its type it lives without the heap.
template <class T, std::size_t Capacity = dynamic_capacity, class Allocator = std::allocator<T>>
class spmc_ring : public detail::slot_ring<T, cardinality::one, cardinality::many, Capacity, Allocator, std::uint64_t> {
  using detail::slot_ring<T, cardinality::one, cardinality::many, Capacity, Allocator, std::uint64_t>::slot_ring;
};

}}  // namespace kew::KEW_NAMESPACE
