// Every constant that was measured, with the experiment that it comes from; and the sizes that the explorer of memory
// orders shrinks (KEW_MODEL), so that a queue fits into an execution.
//
// Unless said otherwise an experiment is benchmarks/compare.cpp on virtual machines with two cores, whose round trip is
// 60 to 600 ns, contenders interleaved in one process, medians.
#pragma once

#include <cstddef>
#include <cstdint>

#include <kew/config.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail { namespace tuning {

// ---- Waiting ---------------------------------------------------------------------------------------------------

/// How often adaptive_wait polls before it sleeps: for about as long as a sleep and a wake-up take, so that waiting
/// costs at most twice what the best choice in hindsight would have (A. Karlin et al., "Competitive snoopy caching",
/// 1988). Half as many polls made a round trip between two threads that are awake up to three times as long.
inline constexpr unsigned adaptive_polls = 512;

/// A push or a batch that has found the queue full goes on when there should be room for one element in so many of the
/// capacity: it polls once for each of these elements, but no more often than polls_for_room, looks how much has come out,
/// and polls on for as long as that says, most_polls_for_room in all. In M/s, capacity 1024, against a push that looked for a
/// single slot after 16 polls and a batch that went on at once: a consumer that works for 25, 40 and 60 ns on each element,
/// channel 17.7, 10.5, 9.2 and 19.0, 16.1, 12.0, over spsc_ring 24.5, 14.7, 11.5 and 30.9, 20.1, 15.1; batches of 64, channel
/// whose consumer pops one by one 22 and 55, over spsc_ring 179 and 287; streams of single elements the same. A look after
/// every 32 polls made 19 instead of 55.
inline constexpr std::size_t room_to_go_on = 16;
inline constexpr std::size_t polls_for_room = 64;
inline constexpr std::size_t most_polls_for_room = 256;

/// A thread that was woken in vain yields so often before it sleeps again, where that pays (wait/yield_record.hpp). One
/// producer and four consumers of an mpmc channel on two cores, and four and one, in M/s: 29 and 23 without; with 1 yield
/// 54 and 41, with 4 54 and 53, with 8 56 and 54.
#if defined(KEW_MODEL)
inline constexpr unsigned yields_before_sleep = 1;
inline constexpr std::uint32_t wake_ups_in_vain = 1;
#else
inline constexpr unsigned yields_before_sleep = 4;
inline constexpr std::uint32_t wake_ups_in_vain = 32;  // before the first yield
#endif
/// After a bad yield it takes twice as many wake-ups in vain until the next one, up to so many times in a row. A yield is
/// bad if it took longer than the elements are worth that came out of the ring meanwhile, by more than long_yield; both in
/// nanoseconds. Beside two threads that take all they get of both cores, one message each 100 µs to one of four
/// consumers, p50 and p99 in µs: 5 and 100 to 2,500 without yields; 5 to 15 and as much as that so; 16 and 200 to 3,800
/// where each wake-up in vain was followed by four yields; p50 3,800 of a round trip where each wait was.
inline constexpr int most_failures = 10;
inline constexpr std::int64_t element_is_worth = 1'000;
inline constexpr std::int64_t long_yield = 100'000;

/// A pop that may wait and has lost a position to another thread pauses so often before it looks for the next, so that the
/// other one goes on with lines that it has. Two consumers that drain a channel at the same time, in M/s: 7 without, 30
/// with 32. Polled, two that drain an mpmc_ring made 6 without and with 2, 7.5 with 4, 9 with 8, 27 with 32.
#if defined(KEW_MODEL)
inline constexpr unsigned pauses_after_a_race = 1;
#else
inline constexpr unsigned pauses_after_a_race = 32;
#endif

/// A wait for another thread in the middle of its own call: so many pauses, then so many yields, then naps. Most such
/// calls end within a pause or two; a thread that has lost its core needs a yield, one of lower real-time priority a
/// nap.
#if defined(KEW_MODEL)
// So few that an execution comes to the naps.
inline constexpr unsigned backoff_pauses = 1;
inline constexpr unsigned backoff_yields = 1;
#else
inline constexpr unsigned backoff_pauses = 32;
inline constexpr unsigned backoff_yields = 256;
#endif
/// The naps, in microseconds, each twice as long as the one before. With naps of 50 µs for ever, a consumer beside a
/// producer that had stopped in the middle of a push used 11 to 13 % of a core (7,000 to 9,000 switches a second); with
/// these 0.15 % (100 switches a second).
inline constexpr unsigned shortest_nap = 50;
inline constexpr unsigned longest_nap = 10'000;

/// A thread that finds a mutex taken looks so often, after so many pauses each, about ten microseconds; then it sleeps.
/// Four producers and four consumers of a work_queue, in messages a second: 1.3 M with 8 looks after one pause each,
/// 1.3–1.5 M with 128 pauses between them, 3.5 M with 512; one of each: 2.5, 3.4, 4.1 M.
#if defined(KEW_MODEL)
inline constexpr unsigned mutex_looks = 1;
inline constexpr unsigned mutex_pauses = 1;
#else
inline constexpr unsigned mutex_looks = 6;
inline constexpr unsigned mutex_pauses = 512;
#endif

/// How many selects of a thread in a row begin with the same of their queues. In a stream the producer follows the
/// consumer round a full queue; where that turns to another queue each time, two lines come across for each message. One
/// producer, over two queues and over eight, in M/s: 47 and 40 with 1; 71 and 45 with 4; 51 to 80 and 49 to 56 with 8; 58
/// to 73 and 68 with 16, which let a ready queue wait for twice as long. A pop of one queue made 50 to 65.
inline constexpr unsigned same_choices = 8;

// ---- Messages --------------------------------------------------------------------------------------------------

#if defined(KEW_MODEL)
// So few that all of them are used again.
inline constexpr std::size_t fewest_inbox_slots = 2;
inline constexpr std::size_t most_inbox_slots = 2;
inline constexpr std::uint64_t messages_until_room = 2;
inline constexpr std::size_t first_entries = 2;
inline constexpr std::size_t acknowledged_shards = 2;
inline constexpr std::size_t acknowledged_slots = 2;
#else
/// The slots of a work_queue's inbox: as many as fit into so many bytes, within these bounds.
inline constexpr std::size_t fewest_inbox_slots = 8;
inline constexpr std::size_t most_inbox_slots = 1024;
/// After so many hand-overs a consumer collects what was acknowledged, and gives its room to the publishers. One to one,
/// in messages a second, beside an acknowledgement that cost twice what it does: 18 M with 64 or 128, 16 M with 32, and 9 M
/// with 256, where the publisher gives up polling.
inline constexpr std::uint64_t messages_until_room = 64;
/// How many entries a ledger makes first; and then twice as many each time.
inline constexpr std::size_t first_entries = 64;
/// How many threads may acknowledge without the mutex, and how often until a consumer collects that.
inline constexpr std::size_t acknowledged_shards = 8;
inline constexpr std::size_t acknowledged_slots = 64;
#endif
inline constexpr std::size_t inbox_bytes = 16'384;
/// By how much, in nanoseconds, a timeout may end late, and the kernel's tick come late, which is read instead of the
/// clock: 6 ns instead of 25. And how many ticks that is at least; else the clock is read.
inline constexpr std::int64_t latest = 250'000'000;
inline constexpr std::int64_t ticks_late = 16;

// ---- Disk ------------------------------------------------------------------------------------------------------

/// From how many bytes on a log is read by two threads when it is opened; what is less is read in some ten milliseconds.
/// 1 GB, by one thread and by two, from memory and from a disk: messages of 1000 bytes 230 and 145, 680 and 620 ms; of 100
/// bytes 365 and 292, 680 and 620 ms.
inline constexpr std::uint64_t read_ahead_from = std::uint64_t{128} << 20;

// ---- Rings -----------------------------------------------------------------------------------------------------

#if defined(KEW_MODEL)
// So few that a ring of three has two lines, and the second of them no neighbour before it.
inline constexpr std::size_t most_slots_in_a_line = 2;
#else
/// As many as fit: with 7 slots of 8 bytes instead of 4 a stream made 0.8 to 1.7 times as much, more in most runs.
inline constexpr std::size_t most_slots_in_a_line = 64;
#endif

/// From how many slots in a line on a producer fills those of a free line without looking at them (slot_ring.hpp). Slots of
/// 8 bytes, of which there are 7: 1.0 to 1.7 times the stream, and 0.55 to 0.65 times the median latency at 10 million
/// messages a second. Of 16 and 24 bytes, of which there are 3 and 2: 0.7 to 0.8 times the stream.
#if defined(KEW_MODEL)
inline constexpr std::size_t smallest_run = 2;
#else
inline constexpr std::size_t smallest_run = 4;
#endif

/// A consumer that has found all elements of so many lines there when it came to them, one after the other, asks for the
/// next line before it needs it (slot_ring.hpp). Of seven rounds at 20 million messages a second spmc_ring could not keep up
/// in six or seven without that, in two so, in four after 64 lines. In M/s through mpmc_ring, one to one and one to four, and
/// through channels over it: 67, 65, 62 and 51 without; 64, 58, 71 and 58 so; 78, 72, 79 and 63 after 64 lines; in another
/// program 56, 52 without, 69, 60 so, 70, 58 after 64. After each complete line 54, 47, 60 and 55, because the next line is
/// the one that the producer is filling, where the ring is not far from empty. Two lines ahead made half as much: where the
/// ring is nearly full, the producer is a few lines behind, and its processor, which reads ahead of it, takes the lines
/// away again.
#if defined(KEW_MODEL)
inline constexpr unsigned lines_before_lookahead = 0;  // no count, which would lengthen each execution
#else
inline constexpr unsigned lines_before_lookahead = 16;
#endif

/// The sizes of element, in bytes, that spsc_ring publishes by a number in the slot (detail/ring/numbered_slots.hpp).
/// Against a count on a line of its own, 8-byte elements: round trip 270–283 ns instead of 384–411, median latency at 10
/// million messages a second 80 ns instead of 215; in a stream 415 M/s instead of 500–600 at capacity 1024, 690 instead
/// of 470–760 at 65536. In M/s at capacity 1024 and 16384, and ns there and back, with the slots below: 64 bytes 91, 139,
/// 360 instead of 31, 35, 410; 128 bytes 97, 98, 418 instead of 27, 108, 423; 184 bytes 86, 95, 472 instead of 24, 86,
/// 506; but 256 bytes 64, 70, 553 instead of 64, 22, 424.
inline constexpr std::size_t smallest_by_slot = 4;
inline constexpr std::size_t largest_by_slot = 184;

/// How far ahead, in bytes, spsc_ring asks for the lines of its slots. Numbered slots: half as far nearly halved a
/// stream, twice as far cut it to a third at capacity 1024; all lines of a slot must be asked for, for writing (64-byte
/// elements at capacity 1024: 85 to 94 M/s instead of 15). Plain ones: 512 was as fast, but in some runs a tenth of that,
/// because a consumer close behind takes the lines away again; and all lines of an element of 256 or 512 bytes instead of
/// its first made no difference.
#if defined(KEW_MODEL)
// So little that a ring of two has runs of pushes.
inline constexpr std::size_t lookahead_by_slot = 0;
#else
inline constexpr std::size_t lookahead_by_slot = 512;
#endif
inline constexpr std::size_t lookahead_by_count = 256;
/// How far ahead, in bytes, its consumer asks for the lines of numbered slots, where the producer is that far ahead; it
/// finds that out anew after each stretch of so many bytes. Against 512 bytes ahead of every pop but those just after an
/// empty ring, 8-byte elements: 1.6 to 1.9 times the stream at capacity 1024, 2.1 to 2.7 times at 65536; all the same with a
/// producer or a consumer of 3 ns, and 1.0 to 2.4 times with one of 6. 2048 bytes made 0.5 to 1 times as much as 1024 at
/// 65536; a stretch of 1024 bytes 0.9 and 0.4 times as much as one of 4096. A consumer that asks for nothing, elements of 40
/// and 64 bytes in slots of 64 and 128: 0.55 and 1.0 times the stream at 1024, 0.7 times at 65536.
#if defined(KEW_MODEL)
// So little that a ring of two has stretches, and a consumer in it is close behind its producer or is not. Slots with a
// narrow number have stretches of two, so that the first of them is not the last.
inline constexpr std::size_t read_lookahead = 0;
inline constexpr std::size_t read_stretch = 16;
#else
inline constexpr std::size_t read_lookahead = 1024;
inline constexpr std::size_t read_stretch = 4096;
#endif

/// From how many elements on spsc_ring puts a batch into its array, side by side, instead of into numbered slots; and how
/// far ahead, in bytes, its consumer asks for what is there. Batches of 256 elements of 8 bytes, against numbered slots: 1.2
/// to 1.5 times the stream at capacity 1024, 1.0 to 1.25 times at 65536, where they made 0.85 to 1.0 times as much without
/// asking ahead. Of 16: 0.4 times.
#if defined(KEW_MODEL)
// So few that the explorer's batches come to both.
inline constexpr std::size_t smallest_batch_in_array = 3;
#else
inline constexpr std::size_t smallest_batch_in_array = 64;
#endif
inline constexpr std::size_t lookahead_in_batch = 512;

/// The numbered slots that a ring has beside its capacity: one for so many elements, and no more than so many bytes.
/// Without them a consumer that was slower than its producer by up to 3 ns made 0.5 to 0.6 times as much at capacity 65536,
/// and 0.9 times at 1024; twice as many made no difference. Slots of 64 bytes: 0.5 times at 65536.
#if defined(KEW_MODEL)
// So many that a ring of three has one, and a ring of two has none: a spare slot hides what is done to a full ring's.
inline constexpr std::size_t elements_per_spare_slot = 3;
#else
inline constexpr std::size_t elements_per_spare_slot = 8;
#endif
inline constexpr std::size_t spare_bytes = 2048;

// ---- Metering --------------------------------------------------------------------------------------------------

#if defined(KEW_MODEL)
// So few that the figures fit into an execution, that most messages are timed, and that two of three threads share.
inline constexpr int histogram_divisions_log2 = 0;
inline constexpr int histogram_largest_log2 = 1;
inline constexpr std::size_t owned_shards = 1;
inline constexpr std::size_t shared_shards = 1;
inline constexpr std::uint64_t timing_distance = 2;
#else
inline constexpr int histogram_divisions_log2 = 5;  // buckets in each power of two: a percentile is within 1/64
inline constexpr int histogram_largest_log2 = 45;   // in nanoseconds: almost ten hours
/// The threads of one side that have counts of their own, which need no locked instruction; and over how many lines the
/// others spread theirs. A locked instruction waits until the stores before it are done, and those wait for the lines
/// of slots that come from another core.
inline constexpr std::size_t owned_shards = 8;
inline constexpr std::size_t shared_shards = 4;
/// How many messages lie between two of a fast producer that are timed, on average; at most 32. A look at the clock
/// takes 20 to 40 ns, as long as a push and a pop.
inline constexpr std::uint64_t timing_distance = 32;
#endif
/// In nanoseconds. A producer whose messages are further apart than this has each of them timed: that costs it 4 %.
inline constexpr std::uint64_t unhurried_message = 1'000;
/// A consumer that has found nothing this often looks at the clock at its next message; and already at the first, where
/// it has not looked for as many nanoseconds.
inline constexpr std::uint64_t idle_looks = 16;
inline constexpr std::uint64_t clock_is_old = 1'000'000;

}}}}  // namespace kew::KEW_NAMESPACE::detail::tuning
