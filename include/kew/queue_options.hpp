// What every message_queue is declared with, what it counts, and what it can do.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include <kew/config.hpp>

namespace kew { inline namespace KEW_NAMESPACE {

/// What a queue of messages is declared with.
struct queue_options {
  /// How many messages there may be: ready, delayed and outstanding. What comes back always has room. Not 0.
  std::size_t capacity = 1024;
  /// After so many failures a message goes to the dead letters. Not 0.
  unsigned max_attempts = 5;
  /// How long after its hand-over a delivery without a verdict is taken back, on the steady clock. Above 0; the largest
  /// never ends.
  std::chrono::nanoseconds visibility_timeout = std::chrono::seconds(30);

  /// Whether two queues are declared alike.
  friend bool operator==(const queue_options&, const queue_options&) noexcept = default;
};

/// Where the messages of a queue are: published = ready + delayed + outstanding + acked + dead.
struct queue_counts {
  std::uint64_t published = 0;    ///< Messages that were ever taken in.
  std::uint64_t ready = 0;        ///< Messages that wait for a receive.
  std::uint64_t delayed = 0;      ///< Messages that wait for the end of a delay.
  std::uint64_t outstanding = 0;  ///< Messages that were handed over and have no verdict.
  std::uint64_t acked = 0;        ///< Messages that were acknowledged.
  std::uint64_t dead = 0;         ///< Messages that went to the dead letters.

  std::uint64_t redelivered = 0;  ///< Hand-overs that were not the first of their message.

  /// Whether two readings are the same.
  friend bool operator==(const queue_counts&, const queue_counts&) noexcept = default;
};

/// What an implementation can do: for programs that care, and for the tests that all of them must pass.
struct queue_traits {
  bool persistent = false;       ///< What was published outlives the program.
  bool ordered = false;          ///< First in, first out, as far as messages do not come back.
  bool delayed_requeue = false;  ///< requeue(delay) keeps the delay; else the message comes back at once.
  bool counts_attempts = false;  ///< attempt() is exact; else it only tells 1 from more.
  bool extends = false;          ///< extend() moves the timeout; else it answers false.
  bool dead_letters = false;     ///< dead_letters() can be received from.

  /// Whether two implementations can do the same.
  friend bool operator==(const queue_traits&, const queue_traits&) noexcept = default;
};

}}  // namespace kew::KEW_NAMESPACE
