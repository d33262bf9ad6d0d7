// The figures that say how well a queue works, as values and as text.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <ratio>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <kew/config.hpp>

namespace kew { inline namespace KEW_NAMESPACE {

/// One reading of a metered queue. Each figure was right at some instant of the reading; figures of threads
/// that go on meanwhile need not be of the same instant.
struct metrics {
  /// Of a time; the pNN are percentiles: 99 % of all took no longer than p99, 99.9 % no longer than p999.
  struct distribution {
    using exact_nanoseconds = std::chrono::duration<double, std::nano>;  ///< Whole ones up to 2^53.

    std::uint64_t count = 0;          ///< Of how many messages. It only grows.
    exact_nanoseconds sum{};          ///< Of all their times: not rounded below 2^53 ns. It only grows.
    exact_nanoseconds mean{};         ///< The sum divided by the count.
    std::chrono::nanoseconds p50{};   ///< Within 2 %, as every percentile; no percentile exceeds the maximum.
    std::chrono::nanoseconds p99{};   ///< Within 2 %.
    std::chrono::nanoseconds p999{};  ///< Within 2 %.
    std::chrono::nanoseconds max{};   ///< Of the messages that were timed.
  };

  /// Since the queue was made.
  std::chrono::nanoseconds elapsed{};

  std::uint64_t pushed = 0;   ///< Messages that went in.
  std::uint64_t popped = 0;   ///< Messages that came out.
  std::uint64_t refused = 0;  ///< Messages that a caller could not push: full, busy, closed, expired or stopped.

  std::size_t length = 0;          ///< Messages inside now.
  double mean_length = 0;          ///< Messages inside, on average over time.
  std::size_t highest_length = 0;  ///< Messages inside, at most: exact where one thread pushes.
  std::size_t capacity = 0;        ///< Messages that there can be inside.

  double throughput = 0;         ///< Messages popped a second, since the start.
  double recent_throughput = 0;  ///< Messages popped a second, in the last one to two seconds.

  /// From the push of a message to its pop. In a fast stream only some messages are timed, each of which then counts
  /// for those since the one before: metered_ring.hpp says which, and how far that may be off.
  distribution time_in_queue;

  /// Whether its messages are acknowledged, as those of a broker's queues are. Then a message is pushed when it is
  /// published and popped when it is acknowledged or dead, the times end there, and what follows has a meaning. Else it
  /// is 0.
  bool acknowledges = false;

  std::size_t outstanding = 0;    ///< Messages inside that were handed over and have no verdict.
  std::size_t delayed = 0;        ///< Messages inside that wait for the end of a delay.
  std::uint64_t redelivered = 0;  ///< Hand-overs that were not the first of their message.
  std::uint64_t acked = 0;        ///< Messages that were acknowledged.
  std::uint64_t dead = 0;         ///< Messages that went to the dead letters.
};

namespace detail {

/// "1.23 µs" and the like: three significant digits.
inline std::string human(std::chrono::duration<double, std::nano> time) {
  static constexpr struct {
    double nanoseconds;
    const char* name;
  } units[] = {{1e9, "s"}, {1e6, "ms"}, {1e3, "µs"}, {1, "ns"}};
  const double count = time.count();
  for (const auto& unit : units)
    if (count >= unit.nanoseconds || unit.nanoseconds <= 1) {
      const double value = count / unit.nanoseconds;
      char text[32];
      std::snprintf(text, sizeof text, "%.*f %s",
                    value >= 100 || unit.nanoseconds <= 1 ? 0
                    : value >= 10                         ? 1
                                                          : 2,
                    value, unit.name);
      return text;
    }
  return {};
}

/// "12.3 M" and the like.
inline std::string human(double count) {
  static constexpr struct {
    double factor;
    const char* name;
  } units[] = {{1e9, " G"}, {1e6, " M"}, {1e3, " k"}};
  char text[32];
  for (const auto& unit : units)
    if (count >= unit.factor) {
      const double value = count / unit.factor;
      std::snprintf(text, sizeof text, "%.*f%s", value >= 100 ? 0 : value >= 10 ? 1 : 2, value, unit.name);
      return text;
    }
  std::snprintf(text, sizeof text, "%.0f", count);
  return text;
}

}  // namespace detail

/// Two lines for a person, with units; of a queue whose messages are acknowledged, three. Throws std::bad_alloc, as what
/// returns a string does.
inline std::string to_string(const metrics& m) {
  using detail::human;
  char lengths[128];
  std::snprintf(lengths, sizeof lengths, "length %zu, mean %.1f, highest %zu of %zu", m.length, m.mean_length,
                m.highest_length, m.capacity);
  std::string deliveries;
  if (m.acknowledges)
    for (const auto& [count, name] : {std::pair<std::uint64_t, const char*>(m.outstanding, " outstanding, "),
                                      {m.delayed, " delayed, "},
                                      {m.redelivered, " redelivered, "},
                                      {m.acked, " acknowledged, "},
                                      {m.dead, " dead\n"}})
      deliveries.append(std::to_string(count)).append(name);
  return std::to_string(m.pushed) + " pushed, " + std::to_string(m.popped) + " popped, " + std::to_string(m.refused) +
         " refused; " + human(m.throughput) + "/s, lately " + human(m.recent_throughput) + "/s; " + lengths + "\n" +  //
         "time in queue: mean " + human(m.time_in_queue.mean) + ", p50 " + human(m.time_in_queue.p50) + ", p99 " +    //
         human(m.time_in_queue.p99) + ", p99.9 " + human(m.time_in_queue.p999) + ", max " + human(m.time_in_queue.max) +
         "\n" + deliveries;
}

/// One exposition of several queues in the Prometheus text format, version 0.0.4, times in seconds. The string beside
/// each reading becomes the label `queue` of its samples, and is one of its own for each. Throws std::bad_alloc, as
/// what returns a string does.
inline std::string to_prometheus(std::span<const std::pair<std::string, metrics>> queues) {
  std::string text;
  const auto family = [&text](const char* name, const char* type, const char* help) {
    for (const char* part : {"# HELP ", name, " ", help, "\n# TYPE ", name, " ", type, "\n"}) text += part;
  };
  const auto sample = [&text](const std::string& queue, const char* name, const char* more, double value) {
    text.append(name).append("{queue=\"");
    for (const char c : queue) {
      // The format's own escapes for a label value.
      if (c == '\\' || c == '"')
        (text += '\\') += c;
      else if (c == '\n')
        text += "\\n";
      else
        text += c;
    }
    char number[40];
    std::snprintf(number, sizeof number, "%.17g", value);
    text.append("\"").append(more).append("} ").append(number).append("\n");
  };
  const auto each = [&](const char* name, const char* type, const char* help, auto figure) {
    family(name, type, help);
    for (const auto& [queue, m] : queues) sample(queue, name, "", static_cast<double>(std::invoke(figure, m)));
  };

  each("kew_pushed_total", "counter", "Messages that went into the queue.", &metrics::pushed);
  each("kew_popped_total", "counter", "Messages that came out of the queue.", &metrics::popped);
  each("kew_refused_total", "counter", "Messages that a caller could not push.", &metrics::refused);
  each("kew_length", "gauge", "Messages in the queue now.", &metrics::length);
  each("kew_length_mean", "gauge", "Messages in the queue, mean over time.", &metrics::mean_length);
  each("kew_length_highest", "gauge", "Messages in the queue, highest.", &metrics::highest_length);
  each("kew_capacity", "gauge", "Messages that the queue can hold.", &metrics::capacity);
  each("kew_throughput", "gauge", "Messages a second, since the start.", &metrics::throughput);
  each("kew_throughput_recent", "gauge", "Messages a second, lately.", &metrics::recent_throughput);

  bool acknowledges = false;
  for (const auto& [queue, m] : queues) acknowledges |= m.acknowledges;
  if (acknowledges) {
    const auto each_acknowledging = [&](const char* name, const char* type, const char* help, auto figure) {
      family(name, type, help);
      for (const auto& [queue, m] : queues)
        if (m.acknowledges) sample(queue, name, "", static_cast<double>(std::invoke(figure, m)));
    };
    each_acknowledging("kew_outstanding", "gauge", "Messages handed over that have no verdict.", &metrics::outstanding);
    each_acknowledging("kew_delayed", "gauge", "Messages that wait for the end of a delay.", &metrics::delayed);
    each_acknowledging("kew_redelivered_total", "counter", "Hand-overs that were not the first of their message.",
                       &metrics::redelivered);
    each_acknowledging("kew_acked_total", "counter", "Messages that were acknowledged.", &metrics::acked);
    each_acknowledging("kew_dead_total", "counter", "Messages that went to the dead letters.", &metrics::dead);
  }

  family("kew_time_in_queue_seconds", "summary", "From the push of a message to its pop.");
  for (const auto& [queue, m] : queues) {
    const metrics::distribution& time = m.time_in_queue;
    const auto seconds = [](std::chrono::duration<double> of) { return of.count(); };
    const auto quantile = [&, &name = queue](const char* label, std::chrono::nanoseconds value) {
      sample(name, "kew_time_in_queue_seconds", label, seconds(value));
    };
    quantile(",quantile=\"0.5\"", time.p50);
    quantile(",quantile=\"0.99\"", time.p99);
    quantile(",quantile=\"0.999\"", time.p999);
    quantile(",quantile=\"1\"", time.max);
    sample(queue, "kew_time_in_queue_seconds_sum", "", seconds(time.sum));
    sample(queue, "kew_time_in_queue_seconds_count", "", static_cast<double>(time.count));
  }
  return text;
}

/// The same of one queue.
inline std::string to_prometheus(const metrics& m, std::string_view name) {
  const std::pair<std::string, metrics> one(name, m);
  return to_prometheus(std::span(&one, 1));
}

}}  // namespace kew::KEW_NAMESPACE
