// metered_ring: any ring, with figures: how many messages, how long they waited, how many were inside.
//
//     kew::blocking_queue<job, kew::metered_ring<kew::mpmc_ring<job>>> jobs(1000);
//     std::cout << to_string(jobs.metrics());
//
// Use when   a program is to be understood, also in production: under a blocking_queue or a channel.
// Avoid when a push or a pop must not read the clock now and then, or comes from a signal handler.
// Threads    as the ring below; metrics: any thread.
// Progress   as the ring below. metrics() waits for no thread, and no thread for metrics().
// Ordering   as the ring below.
// Figures    pushed, popped, refused and length are exact. The highest length is exact where one thread pushes, and
//            where the queue was full; else a peak of a few dozen messages beside other producers may be missed.
//            Times: of a producer that pushes less than a million messages a second each message is timed, and then the
//            mean and the maximum are exact and percentiles within 2 %. Of a faster one each 32nd is timed on average,
//            at random distances, and the figures are estimates from n timed messages: a percentile p is that of a
//            rank within 2·√(2p(1−p)/n) of p, 19 times out of 20, so of a million messages p99 is between p98.8 and
//            p99.2 and p99.9 between p99.85 and p99.95; the maximum is that of the timed. Up to 63 messages of each
//            producer, its last, may be in no figure of times.
// Cost       two counts a message, and a word beside each element for its stamp. About 12 KB a ring: 10.5 KB for the
//            percentiles, up to 2.5 KB for counts.
// Source     detail/meter/histogram.hpp for the percentiles; the mean length is the time that all messages together
//            have spent inside, divided by the time that has passed (J. Little, "A Proof for the Queuing Formula
//            L = λW", 1961).
#pragma once

#include <cstddef>
#include <memory>

#include <kew/concepts.hpp>
#include <kew/config.hpp>
#include <kew/detail/meter/stamped_ring.hpp>

namespace kew { inline namespace KEW_NAMESPACE {

namespace detail {

/// Stands for "the first argument is the ring itself".
template <class T, std::size_t Capacity, class Allocator>
class no_ring;

template <class T, template <class, std::size_t, class> class Ring, std::size_t Capacity, class Allocator>
struct named_ring {
  using type = counting_ring<Ring<T, Capacity, Allocator>>;
};

}  // namespace detail

/// `metered_ring<mpmc_ring<job>>`: a ring that counts and times what goes through it. Its operations are those of the
/// ring in its argument, by the same threads, with the same answers; metered_ring.hpp says what counting costs and how
/// exact the figures are. `metered_ring<job, mpmc_ring>` is another way to write that.
template <class T, template <class, std::size_t, class> class Ring = detail::no_ring,
          std::size_t Capacity = dynamic_capacity, class Allocator = std::allocator<T>>
class metered_ring : public detail::named_ring<T, Ring, Capacity, Allocator>::type {
  using base = typename detail::named_ring<T, Ring, Capacity, Allocator>::type;

 public:
  using base::base;
};

/// The ring in the argument is any that builds and shows its elements in place: one of kew's, or a user's that is a
/// template of its element type, or has a member template `rebind`.
template <class R>
class metered_ring<R, detail::no_ring, dynamic_capacity, std::allocator<R>> : public detail::counting_ring<R> {
  using base = detail::counting_ring<R>;

 public:
  using base::base;
};

}}  // namespace kew::KEW_NAMESPACE
