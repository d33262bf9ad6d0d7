// The figures that say how well a queue works, as values and as text.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

#include <kew/config.hpp>

namespace kew { inline namespace KEW_NAMESPACE {

/// One reading of a metered queue. Each figure was right at some instant of the reading; figures of threads
/// that go on meanwhile need not be of the same instant.
struct metrics {
  /// Of a time; the pNN are percentiles: 99 % of all took no longer than p99, 99.9 % no longer than p999.
  struct distribution {
    std::chrono::nanoseconds mean{};  ///< Exact.
    std::chrono::nanoseconds p50{};   ///< Within 2 %, as every percentile.
    std::chrono::nanoseconds p99{};   ///< Within 2 %.
    std::chrono::nanoseconds p999{};  ///< Within 2 %.
    std::chrono::nanoseconds max{};   ///< Exact.
  };

  /// Since the queue was made.
  std::chrono::nanoseconds elapsed{};

  std::uint64_t pushed = 0;   ///< Messages that went in.
  std::uint64_t popped = 0;   ///< Messages that came out.
  std::uint64_t refused = 0;  ///< Pushes that were answered with something else than success.

  std::size_t length = 0;          ///< Messages inside now.
  double mean_length = 0;          ///< Messages inside, on average over time.
  std::size_t highest_length = 0;  ///< Messages inside, at most.
  std::size_t capacity = 0;        ///< Messages that there can be inside.

  double throughput = 0;         ///< Messages popped a second, since the start.
  double recent_throughput = 0;  ///< Messages popped a second, in the last one to two seconds.

  /// From the push of a message to its pop.
  distribution time_in_queue;
};

namespace detail {

/// "1.23 µs" and the like: three significant digits.
inline std::string human(std::chrono::nanoseconds time) {
  static constexpr struct {
    double nanoseconds;
    const char* name;
  } units[] = {{1e9, "s"}, {1e6, "ms"}, {1e3, "µs"}, {1, "ns"}};
  const auto count = static_cast<double>(time.count());
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

/// Two lines for a person, with units. Throws std::bad_alloc, as what returns a string does.
inline std::string to_string(const metrics& m) {
  using detail::human;
  char lengths[128];
  std::snprintf(lengths, sizeof lengths, "length %zu, mean %.1f, highest %zu of %zu", m.length, m.mean_length,
                m.highest_length, m.capacity);
  return std::to_string(m.pushed) + " pushed, " + std::to_string(m.popped) + " popped, " + std::to_string(m.refused) +
         " refused; " + human(m.throughput) + "/s, lately " + human(m.recent_throughput) + "/s; " + lengths + "\n" +  //
         "time in queue: mean " + human(m.time_in_queue.mean) + ", p50 " + human(m.time_in_queue.p50) + ", p99 " +    //
         human(m.time_in_queue.p99) + ", p99.9 " + human(m.time_in_queue.p999) + ", max " + human(m.time_in_queue.max) +
         "\n";
}

/// The Prometheus text exposition format, version 0.0.4, times in seconds; `name` becomes the label `queue` of every
/// sample. Throws std::bad_alloc, as what returns a string does.
inline std::string to_prometheus(const metrics& m, std::string_view name) {
  std::string label;
  for (const char c : name) {
    // The format's own escapes for a label value.
    if (c == '\\' || c == '"')
      (label += '\\') += c;
    else if (c == '\n')
      label += "\\n";
    else
      label += c;
  }

  std::string text;
  const auto sample = [&](const char* metric, const char* more, double value) {
    char number[40];
    std::snprintf(number, sizeof number, "%.17g", value);
    text.append(metric)
        .append("{queue=\"")
        .append(label)
        .append("\"")
        .append(more)
        .append("} ")
        .append(number)
        .append("\n");
  };
  const auto family = [&](const char* metric, const char* type, const char* help) {
    text.append("# HELP ")
        .append(metric)
        .append(" ")
        .append(help)
        .append("\n# TYPE ")
        .append(metric)
        .append(" ")
        .append(type)
        .append("\n");
  };
  const auto single = [&](const char* metric, const char* type, const char* help, double value) {
    family(metric, type, help);
    sample(metric, "", value);
  };
  const auto seconds = [](std::chrono::nanoseconds time) { return std::chrono::duration<double>(time).count(); };

  single("kew_pushed_total", "counter", "Messages that went into the queue.", static_cast<double>(m.pushed));
  single("kew_popped_total", "counter", "Messages that came out of the queue.", static_cast<double>(m.popped));
  single("kew_refused_total", "counter", "Pushes that did not succeed.", static_cast<double>(m.refused));
  single("kew_length", "gauge", "Messages in the queue now.", static_cast<double>(m.length));
  single("kew_length_mean", "gauge", "Messages in the queue, mean over time.", m.mean_length);
  single("kew_length_highest", "gauge", "Messages in the queue, highest.", static_cast<double>(m.highest_length));
  single("kew_capacity", "gauge", "Messages that the queue can hold.", static_cast<double>(m.capacity));
  single("kew_throughput", "gauge", "Messages a second, since the start.", m.throughput);
  single("kew_throughput_recent", "gauge", "Messages a second, lately.", m.recent_throughput);
  family("kew_time_in_queue_seconds", "summary", "From the push of a message to its pop.");
  sample("kew_time_in_queue_seconds", ",quantile=\"0.5\"", seconds(m.time_in_queue.p50));
  sample("kew_time_in_queue_seconds", ",quantile=\"0.99\"", seconds(m.time_in_queue.p99));
  sample("kew_time_in_queue_seconds", ",quantile=\"0.999\"", seconds(m.time_in_queue.p999));
  sample("kew_time_in_queue_seconds", ",quantile=\"1\"", seconds(m.time_in_queue.max));
  sample("kew_time_in_queue_seconds_sum", "", seconds(m.time_in_queue.mean) * static_cast<double>(m.popped));
  sample("kew_time_in_queue_seconds_count", "", static_cast<double>(m.popped));
  return text;
}

}}  // namespace kew::KEW_NAMESPACE
