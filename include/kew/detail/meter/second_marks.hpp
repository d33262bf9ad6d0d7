// Where a count stood when a second began: from that, how much of it is recent.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <kew/config.hpp>
#include <kew/detail/machine/min_max.hpp>
#include <kew/detail/machine/sync.hpp>
#include <kew/detail/meter/counts.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

class second_marks {
 public:
  static constexpr std::uint64_t second = 1'000'000'000;  // in nanoseconds

  /// `before`: the count at `now`, or before a change of it that takes place now.
  void note(std::uint64_t now, std::uint64_t before) noexcept {
    atomic<std::uint64_t>& mark = marks_[place_of(now / second)];
    const std::uint64_t mine = now / second << 32;
    // The first note of a second marks it. Later seconds are greater numbers.
    if (mark.load(relaxed) < mine) raise_to(mark, mine | (before & lower_half));
  }

  /// How much of the count is of the second that `now` is in and of the one before.
  std::uint64_t since_the_last(std::uint64_t now, std::uint64_t count) const noexcept {
    const std::uint64_t current = now / second;
    for (std::uint64_t each = current - min<std::uint64_t>(current, 1); each <= current; ++each) {
      const std::uint64_t mark = marks_[place_of(each)].load(relaxed);
      if (mark >> 32 == each) return (count - mark) & lower_half;
    }
    return 0;
  }

 private:
  static constexpr std::uint64_t lower_half = 0xffff'ffff;  // of a mark: the count; the upper half is the second

  static constexpr std::size_t marks = 4;  // two more than are of interest, so that a late reader still finds them
  static std::size_t place_of(std::uint64_t number) noexcept { return static_cast<std::size_t>(number % marks); }

  std::array<atomic<std::uint64_t>, marks> marks_{};
};

}}}  // namespace kew::KEW_NAMESPACE::detail
