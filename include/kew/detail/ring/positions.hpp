// Positions in the endless sequence of a ring's slots, lap after lap, each one word.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>

#include <kew/detail/machine/min_max.hpp>
#include <kew/detail/machine/sync.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// For tests: the positions start so many laps before they overflow.
struct before_overflow {
  std::uint64_t laps;
};

/// A word is `lap … | flags | index`. So the slot is found without a division, whatever the capacity, and the
/// same slot a lap later is another word: a full ring is told from an empty one without a spare slot. Laps wrap
/// round. Flags are for others to use; here they are 0.
template <class Index, int Flags>
class positions {
 public:
  explicit constexpr positions(std::size_t capacity) noexcept
      : last_(static_cast<Index>(capacity - 1)), mask_(static_cast<Index>(std::bit_ceil(capacity) - 1)) {}

  constexpr std::size_t capacity() const noexcept { return static_cast<std::size_t>(last_) + 1; }
  constexpr std::size_t index(Index word) const noexcept { return static_cast<std::size_t>(word & mask_); }
  constexpr Index flag(int number) const noexcept {
    return static_cast<Index>(static_cast<Index>(mask_ + 1) << number);
  }
  constexpr Index lap() const noexcept { return flag(Flags); }

  constexpr Index next(Index position) const noexcept {
    return static_cast<Index>(index(position) == last_ ? position - last_ + lap() : position + 1);
  }
  constexpr Index previous(Index position) const noexcept {
    return static_cast<Index>(index(position) == 0 ? position + last_ - lap() : position - 1);
  }
  /// `n` positions on, `n` ≤ capacity.
  constexpr Index next(Index position, std::size_t n) const noexcept {
    const std::size_t to_end = capacity() - index(position);
    return static_cast<Index>(n < to_end ? position + n : position + lap() + n - capacity());
  }

  /// How many elements lie between; 0 where the two were read at different times and seem to have crossed.
  constexpr std::size_t distance(Index popped, Index pushed) const noexcept {
    const auto laps = static_cast<Index>(static_cast<Index>(pushed - index(pushed) - popped + index(popped)) >>
                                         std::countr_zero(lap()));
    const auto size = static_cast<Index>(laps * static_cast<Index>(capacity()) + index(pushed) - index(popped));
    return size <= capacity() ? static_cast<std::size_t>(size) : 0;
  }

  constexpr Index before(before_overflow start) const noexcept { return static_cast<Index>(0 - start.laps * lap()); }

  /// The largest capacity: it leaves bits for the flags and for 4 laps.
  static constexpr std::size_t most =
      std::size_t{1} << (min(std::numeric_limits<Index>::digits, std::numeric_limits<std::size_t>::digits) - 2 - Flags);

 private:
  Index last_;
  Index mask_;
};

}}}  // namespace kew::KEW_NAMESPACE::detail
