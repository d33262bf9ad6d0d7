// Positions of a ring whose slots stand in groups: where the slot of a position is, and which state it should have.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>

#include <kew/config.hpp>
#include <kew/detail/machine/min_max.hpp>
#include <kew/detail/ring/positions.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// What a slot says of itself: the lowest bits of its lap, and two flags.
///
///     lap … | overtaken | filled
///
/// free          a producer may take it, or has taken it and is writing
/// filled        a consumer may take it, or has taken it and is reading
/// overtaken     the thread that has taken it is still inside, and a later one of its side has finished
///
/// Six bits of the lap are enough: a call that has looked at a slot believes what it saw only where its own side's
/// counter, which has all bits, has not moved on from there.
using slot_state = std::uint8_t;

/// A word is `lap … | held | sealed | group | place in the group`, and the flags are 0 in a position. So the slot is
/// found without a division, whatever the capacity and however many slots make a group, and the same slot a lap later
/// is another word: a full ring is told from an empty one without a spare slot. Laps wrap round.
template <class Index, std::size_t GroupSize>
class slot_positions {
  static constexpr Index stride = static_cast<Index>(std::bit_ceil(GroupSize));
  static constexpr int place_bits = std::countr_zero(std::bit_ceil(GroupSize));
  static constexpr Index gap = static_cast<Index>(stride - GroupSize);
  static constexpr int flags = 2;

 public:
  using index_type = Index;

  static constexpr slot_state filled = 1;
  static constexpr slot_state overtaken = 2;
  static constexpr slot_state one_lap = slot_state{1} << flags;

  explicit constexpr slot_positions(std::size_t capacity) noexcept
      : last_(index_of(capacity - 1)),
        mask_(static_cast<Index>(max(std::bit_ceil(static_cast<std::size_t>(last_) + 1), std::size_t{stride}) - 1)),
        bits_(static_cast<unsigned char>(std::countr_one(mask_))) {}

  constexpr std::size_t capacity() const noexcept { return ordinal(last_) + 1; }

  /// What of a position is the same in each lap.
  constexpr Index index(Index word) const noexcept { return static_cast<Index>(word & mask_); }
  static constexpr std::size_t place(Index word) noexcept { return static_cast<std::size_t>(word & (stride - 1)); }
  static constexpr bool is_first_in_group(Index word) noexcept { return place(word) == 0; }
  static constexpr std::size_t group(Index index) noexcept { return static_cast<std::size_t>(index >> place_bits); }

  /// In the producers' counter: no thread may push any more.
  constexpr Index sealed() const noexcept { return static_cast<Index>(mask_ + 1); }
  /// In the producers' counter: one of them is constructing an element, and may yet fail to.
  constexpr Index held() const noexcept { return static_cast<Index>(sealed() << 1); }
  constexpr Index without_flags(Index word) const noexcept { return static_cast<Index>(word & ~(sealed() | held())); }

  /// The state of the slot while it waits for the push at this position; slot_view has the others.
  constexpr slot_state free_at(Index position) const noexcept { return static_cast<slot_state>(position >> bits_); }
  /// The bits of a state that a position has: all, but for an index that is narrow, and laps that soon wrap round.
  constexpr slot_state states() const noexcept {
    return static_cast<slot_state>(std::numeric_limits<Index>::max() >> bits_);
  }
  static constexpr bool all_states = std::numeric_limits<Index>::digits >= 64;

  constexpr Index next(Index position) const noexcept { return next_to(position, index(position)); }
  /// The same, of a position whose index is known.
  constexpr Index next_to(Index position, Index its_index) const noexcept {
    if (its_index == last_) return static_cast<Index>(position - last_ + lap());
    if (gap > 0 && place(position) == GroupSize - 1) return static_cast<Index>(position + 1 + gap);
    return static_cast<Index>(position + 1);
  }
  /// `n` positions on, `n` ≤ capacity.
  constexpr Index next(Index position, std::size_t n) const noexcept {
    const std::size_t to = ordinal(index(position)) + n;
    const Index start = static_cast<Index>(position - index(position));
    return static_cast<Index>(to < capacity() ? start + index_of(to) : start + lap() + index_of(to - capacity()));
  }
  constexpr Index previous(Index position) const noexcept {
    if (index(position) == 0) return static_cast<Index>(position + last_ - lap());
    return static_cast<Index>(is_first_in_group(position) ? position - 1 - gap : position - 1);
  }

  /// How many elements lie between; 0 where the two were read at different times and seem to have crossed.
  constexpr std::size_t distance(Index popped, Index pushed) const noexcept {
    const auto laps = static_cast<Index>(static_cast<Index>(pushed - index(pushed) - popped + index(popped)) >>
                                         std::countr_zero(lap()));
    const auto size =
        static_cast<Index>(laps * static_cast<Index>(capacity()) + ordinal(index(pushed)) - ordinal(index(popped)));
    return size <= capacity() ? static_cast<std::size_t>(size) : 0;
  }

  /// How many positions lie before this one since the first; wraps round.
  constexpr std::size_t count(Index position) const noexcept {
    const auto laps = static_cast<Index>(static_cast<Index>(position - index(position)) >> std::countr_zero(lap()));
    return static_cast<std::size_t>(laps) * capacity() + ordinal(index(position));
  }

  constexpr Index before(before_overflow start) const noexcept { return static_cast<Index>(0 - start.laps * lap()); }

 private:
  constexpr Index lap() const noexcept { return static_cast<Index>((mask_ + Index{1}) << flags); }

  static constexpr Index index_of(std::size_t ordinal) noexcept {
    return static_cast<Index>(ordinal / GroupSize * stride + ordinal % GroupSize);
  }
  static constexpr std::size_t ordinal(Index index) noexcept {
    return static_cast<std::size_t>(index) - static_cast<std::size_t>(index >> place_bits) * gap;
  }

  // Leaves bits for the flags and for 4 laps; or for all states.
  static constexpr int bits_left = all_states ? std::numeric_limits<slot_state>::digits : 2 + flags;
  static constexpr std::size_t most_indices = std::size_t{1}
                                              << min(std::numeric_limits<Index>::digits - bits_left,
                                                     std::numeric_limits<std::size_t>::digits - 2 - flags);

 public:
  /// The largest capacity.
  static constexpr std::size_t most = most_indices / stride * GroupSize;
  static_assert(most > 0, "an index counts the slots of a group at least");

 private:
  Index last_;
  Index mask_;
  unsigned char bits_;  // of mask_
};

}}}  // namespace kew::KEW_NAMESPACE::detail
