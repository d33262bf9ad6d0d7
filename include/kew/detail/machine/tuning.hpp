// Every constant that was measured, with the experiment that it comes from; and the sizes that the explorer of memory
// orders shrinks (KEW_MODEL), so that a queue fits into an execution.
//
// Unless said otherwise an experiment is benchmarks/compare.cpp on virtual machines with two cores, whose round trip is
// 60 to 600 ns, contenders interleaved in one process, medians.
#pragma once

#include <cstddef>

#include <kew/config.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail { namespace tuning {

// ---- Waiting ---------------------------------------------------------------------------------------------------

/// How often adaptive_wait polls before it sleeps: for about as long as a sleep and a wake-up take, so that waiting
/// costs at most twice what the best choice in hindsight would have (A. Karlin et al., "Competitive snoopy caching",
/// 1988). Half as many polls made a round trip between two threads that are awake up to three times as long.
inline constexpr unsigned adaptive_polls = 512;

/// A wait for another thread in the middle of its own call: so many pauses, then so many yields, then naps. Most such
/// calls end within a pause or two; a thread that has lost its core needs a yield, one of lower real-time priority a nap.
inline constexpr unsigned backoff_pauses = 32;
inline constexpr unsigned backoff_yields = 256;
/// The naps, in microseconds, each twice as long as the one before. With naps of 50 µs for ever, a consumer beside a
/// producer that had stopped in the middle of a push burned 13 % of a core (9,000 switches a second); with these 0.1 %.
inline constexpr unsigned shortest_nap = 50;
inline constexpr unsigned longest_nap = 10'000;

// ---- Rings -----------------------------------------------------------------------------------------------------

#if defined(KEW_MODEL)
// So few that a ring of three has two lines, and the second of them no neighbour before it.
inline constexpr std::size_t most_slots_in_a_line = 2;
#else
/// As many as fit: 7 slots of 8 bytes instead of 4 made a stream 1.1 to 1.6 times as fast.
inline constexpr std::size_t most_slots_in_a_line = 64;
#endif

// ---- Metering --------------------------------------------------------------------------------------------------

#if defined(KEW_MODEL)
// So few that the figures fit into an execution, and that three threads share two shards.
inline constexpr int histogram_divisions_log2 = 0;
inline constexpr int histogram_largest_log2 = 1;
inline constexpr std::size_t meter_shards = 2;
#else
inline constexpr int histogram_divisions_log2 = 5;  // buckets in each power of two: a percentile is within 1/64
inline constexpr int histogram_largest_log2 = 45;   // in nanoseconds: almost ten hours
/// Over how many lines the threads of one side spread their counts. With one line for all, counting cost more than the
/// ring from three threads on.
inline constexpr std::size_t meter_shards = 8;
#endif

}}}}  // namespace kew::KEW_NAMESPACE::detail::tuning
