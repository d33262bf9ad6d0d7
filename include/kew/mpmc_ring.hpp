// mpmc_ring: a bounded FIFO between any number of threads.
//
// Use when   several threads push and several pop, or it is not known how many will.
// Avoid when a side is known to be one thread: mpsc_ring, spmc_ring and, several times faster, spsc_ring.
//            Where a thread should sleep until something comes: blocking_queue, channel.
// Threads    everything: any number at a time.
// Progress   no call waits for another thread, pauses on purpose, yields or naps: it is repeated only where another one
//            on its side has succeeded in the meantime, and alone it takes a bounded number of steps. But a thread that
//            is held up between taking its position and finishing with its slot makes the other side answer `busy` when
//            it comes to that slot, if a later call of its own side has finished; and its own side a lap later. So the
//            ring as a whole is not lock-free in the literature's sense. While an element is constructed by a
//            constructor that may throw (try_emplace, try_push_n), other pushes answer `busy`; try_push never does that
//            where T moves without throwing.
// Ordering   linearizable; FIFO. `full` and `empty` each held at an instant of their own call.
// Memory     192 bytes and, for each element, 5.333 (int), 9.143 (void*), 64 (std::string), 128 (64 bytes).
// Source     D. Vyukov, "Bounded MPMC queue", 1024cores.net; see detail/ring/slot_ring.hpp for what is different here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include <kew/concepts.hpp>
#include <kew/detail/ring/slot_ring.hpp>

namespace kew { inline namespace KEW_NAMESPACE {

/// A bounded FIFO: many producers, many consumers. mpmc_ring.hpp says when to use it, who may call what, and what is
/// promised. With a Capacity in its type it lives without the heap.
template <class T, std::size_t Capacity = dynamic_capacity, class Allocator = std::allocator<T>>
class mpmc_ring
    : public detail::slot_ring<T, cardinality::many, cardinality::many, Capacity, Allocator, std::uint64_t> {
  using detail::slot_ring<T, cardinality::many, cardinality::many, Capacity, Allocator, std::uint64_t>::slot_ring;
};

}}  // namespace kew::KEW_NAMESPACE
