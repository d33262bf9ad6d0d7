// A histogram of durations with a bounded relative error in bounded room.
//
// Source     G. Tene's HdrHistogram: each power of two is divided into equal buckets, so that a bucket is at most
//            1/32 of its values wide, and its middle within 1/64 (1.6 %) of all of them.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include <kew/config.hpp>
#include <kew/detail/machine/tuning.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

class histogram_scale {
  static constexpr int divisions_log2 = tuning::histogram_divisions_log2;
  static constexpr std::uint64_t divisions = 1 << divisions_log2;
  static constexpr int largest_log2 = tuning::histogram_largest_log2;

 public:
  static constexpr std::size_t buckets = (largest_log2 - divisions_log2 + 1) * divisions;

  static constexpr std::size_t bucket_of(std::uint64_t value) noexcept {
    value = std::min(value, (std::uint64_t{1} << largest_log2) - 1);
    const int shift = std::max(0, static_cast<int>(std::bit_width(value)) - 1 - divisions_log2);
    return static_cast<std::size_t>(static_cast<std::uint64_t>(shift) * divisions + (value >> shift));
  }

  static constexpr std::uint64_t middle_of(std::size_t bucket) noexcept {
    const auto shift = bucket < 2 * divisions ? 0 : bucket / divisions - 1;
    const std::uint64_t lowest = (bucket - shift * divisions) << shift;
    return lowest + ((std::uint64_t{1} << shift) >> 1);
  }
};

/// What one reading of all counts found.
class histogram_reading {
 public:
  void add(std::size_t bucket, std::uint64_t count) noexcept {
    counts_[bucket] += count;
    total_ += count;
  }

  /// The value that this share of all does not exceed; 0 where there is none.
  std::uint64_t quantile(double share) const noexcept {
    const double rank = share * static_cast<double>(total_);
    std::uint64_t seen = 0;
    for (std::size_t bucket = 0; bucket < counts_.size(); ++bucket) {
      seen += counts_[bucket];
      if (seen > 0 && static_cast<double>(seen) >= rank) return histogram_scale::middle_of(bucket);
    }
    return 0;
  }

 private:
  std::array<std::uint64_t, histogram_scale::buckets> counts_{};
  std::uint64_t total_ = 0;
};

}}}  // namespace kew::KEW_NAMESPACE::detail
