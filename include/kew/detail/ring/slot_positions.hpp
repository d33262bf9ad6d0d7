// Positions of a ring whose slots stand in groups: where the slot of a position is, and which state it should have.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>

#include <kew/config.hpp>
#include <kew/detail/machine/min_max.hpp>
#include <kew/detail/machine/tuning.hpp>
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

enum class slot_operation : slot_state { push = 0, pop = 1 };

/// A word is `high bits of the lap | group | place in the group | state`, and its state the one in which the slot is
/// while it waits for the operation at this position: free for a push, filled for a pop. So a call finds the slot and
/// what it has to be with few instructions and without a division, whatever the capacity and however many slots make a
/// group; and the same slot a lap later is another word: a full ring is told from an empty one without a spare slot. Laps
/// wrap round.
template <class Index, std::size_t GroupSize>
class slot_positions {
  static constexpr int flags = 2;
  /// Of a narrow index, laps have two bits in all.
  static constexpr int state_bits =
      std::numeric_limits<Index>::digits > 8 ? std::numeric_limits<slot_state>::digits : 2 + flags;
  static constexpr int low_lap_bits = state_bits - flags;

  static constexpr int digits = std::numeric_limits<Index>::digits;
  static constexpr int fewest_place_bits = std::countr_zero(std::bit_ceil(GroupSize));

 public:
  /// Whether a word has a bit for must_look.
  static constexpr bool can_know_room =
      GroupSize >= tuning::smallest_run && digits - state_bits - fewest_place_bits >= 3;

 private:
  // A whole byte, where there are bits enough: a processor takes one out of a word by one instruction.
  static constexpr int place_bits = GroupSize > 1 && digits > 16 ? 8 : fewest_place_bits + (can_know_room ? 1 : 0);
  static constexpr Index stride = static_cast<Index>(Index{1} << place_bits);
  static constexpr Index gap = static_cast<Index>(stride - GroupSize);
  static constexpr Index one = static_cast<Index>(Index{1} << state_bits);  // from one place to the next
  static constexpr Index state_mask = static_cast<Index>(one - 1);
  static constexpr Index place_mask = static_cast<Index>((stride - 1) * one);

 public:
  using index_type = Index;

  static constexpr slot_state filled = 1;
  static constexpr slot_state overtaken = 2;
  static constexpr slot_state one_lap = slot_state{1} << flags;

  explicit constexpr slot_positions(std::size_t capacity) noexcept
      : last_(static_cast<Index>(index_of(capacity - 1) * one)),
        group_mask_(static_cast<Index>(
            (std::bit_ceil(max(index_of(capacity - 1) + std::size_t{1}, std::size_t{stride})) - stride) * one)) {}

  constexpr std::size_t capacity() const noexcept { return ordinal(last_) + 1; }

  /// By how many bytes the slot's group is away from the first, where each takes `size`.
  constexpr std::size_t group_offset(Index word, std::size_t size) const noexcept {
    constexpr int shift = state_bits + place_bits;
    const auto group = static_cast<Index>(word & group_mask_);
    // Only once, where that can be: the mask leaves no bits that would have to go.
    if (std::has_single_bit(size) && std::countr_zero(size) <= shift)
      return static_cast<std::size_t>(group >> (shift - std::countr_zero(size)));
    return static_cast<std::size_t>(group >> shift) * size;
  }
  static constexpr std::size_t place(Index word) noexcept {
    return static_cast<std::size_t>(word >> state_bits) & (std::size_t{stride} - 1);
  }
  static constexpr bool is_first_in_group(Index word) noexcept { return (word & place_mask) == 0; }

  // Two flags in the producers' counter. Each of them makes the state one that the slot at that position cannot have.
  /// One of them is constructing an element, and may yet fail to.
  static constexpr Index held = 1;
  /// No thread may push any more.
  static constexpr Index sealed = 2;
  /// A third one, above the places: a push has to look whether its slot is free, and whether the push before has finished.
  static constexpr Index must_look =
      can_know_room ? static_cast<Index>(Index{1} << (state_bits + place_bits - 1)) : Index{0};
  static_assert(!can_know_room || std::bit_ceil(GroupSize) * 2 <= stride);

  static constexpr Index without_must_look(Index word) noexcept { return static_cast<Index>(word & ~must_look); }

  /// The state of the slot while it waits for the operation at this position; slot_view has the others.
  static constexpr slot_state state_of(Index position) noexcept {
    return static_cast<slot_state>(position & state_mask);
  }

  /// The push of what the pop at this position takes.
  static constexpr Index as_push(Index position) noexcept { return static_cast<Index>(position & ~Index{filled}); }

  constexpr Index next(Index position) const noexcept {
    return place(position) == GroupSize - 1 || index(position) == last_ ? next_group(position) : next_place(position);
  }
  /// The same, of a position whose slot is not the last one in its group, or is.
  static constexpr Index next_place(Index position) noexcept { return static_cast<Index>(position + one); }
  constexpr Index next_group(Index position) const noexcept {
    if (((position ^ last_) & group_mask_) == 0) return next_lap(static_cast<Index>(position - last_));
    return static_cast<Index>(position + (gap + 1) * one);
  }
  /// `n` positions on, `n` ≤ capacity.
  constexpr Index next(Index position, std::size_t n) const noexcept {
    const std::size_t to = ordinal(index(position)) + n;
    const Index start = static_cast<Index>(position - index(position));
    if (to < capacity()) return static_cast<Index>(start + index_of(to) * one);
    return static_cast<Index>(next_lap(start) + index_of(to - capacity()) * one);
  }
  constexpr Index previous(Index position) const noexcept {
    if (index(position) == 0) return static_cast<Index>(lap_before(position) + last_);
    return static_cast<Index>(position - (is_first_in_group(position) ? gap + 1 : 1) * one);
  }

  /// How many elements lie between, flags or not; 0 where the two were read at different times and seem to have crossed.
  constexpr std::size_t distance(Index popped, Index pushed) const noexcept {
    const auto laps = static_cast<Index>(static_cast<Index>(lap(pushed) - lap(popped)) & (laps_there_are() - 1));
    const auto size =
        static_cast<Index>(laps * static_cast<Index>(capacity()) + ordinal(index(pushed)) - ordinal(index(popped)));
    return size <= capacity() ? static_cast<std::size_t>(size) : 0;
  }

  /// How many positions lie before this one; begins anew where the laps wrap round.
  constexpr std::size_t count(Index position) const noexcept {
    return static_cast<std::size_t>(lap(position)) * capacity() + ordinal(index(position));
  }

  constexpr Index before(before_overflow start, slot_operation which) const noexcept {
    const auto lap = static_cast<Index>(0 - start.laps);
    return static_cast<Index>((state_of(static_cast<Index>(lap << flags)) | static_cast<slot_state>(which)) +
                              (lap >> low_lap_bits) * high_lap());
  }

 private:
  /// What of a position is the same in each lap, where it stands in the word.
  constexpr Index index(Index word) const noexcept { return static_cast<Index>(word & (group_mask_ | place_mask)); }

  /// One of the laps that the high bits count; 0 where there are none.
  constexpr Index high_lap() const noexcept { return static_cast<Index>((group_mask_ | place_mask | state_mask) + 1); }
  constexpr Index laps_there_are() const noexcept {
    return static_cast<Index>(high_lap() == 0 ? Index{1} << low_lap_bits
                                              : (std::numeric_limits<Index>::max() / high_lap() + 1) << low_lap_bits);
  }
  constexpr Index lap(Index word) const noexcept {
    const Index low = static_cast<Index>((word & state_mask) >> flags);
    return static_cast<Index>(high_lap() == 0 ? low : low + ((word / high_lap()) << low_lap_bits));
  }
  /// Of positions with the index 0.
  constexpr Index next_lap(Index position) const noexcept {
    const slot_state low = state_of(static_cast<Index>(position + one_lap));
    return static_cast<Index>((position & ~state_mask) + (low < one_lap ? high_lap() : 0) + low);
  }
  constexpr Index lap_before(Index position) const noexcept {
    const slot_state low = state_of(position);
    return static_cast<Index>(position - low - (low < one_lap ? high_lap() : 0) +
                              state_of(static_cast<Index>(low - one_lap)));
  }

  /// By how many places the element of this number is away from the first.
  static constexpr std::size_t index_of(std::size_t ordinal) noexcept {
    return ordinal / GroupSize * stride + ordinal % GroupSize;
  }
  static constexpr std::size_t ordinal(Index index) noexcept {
    const auto places = static_cast<std::size_t>(index >> state_bits);
    return places - (places >> place_bits) * gap;
  }

  // On top of the state, and no more than size_approx can count in.
  static constexpr std::size_t most_places = std::size_t{1}
                                             << min(std::numeric_limits<Index>::digits - state_bits,
                                                    std::numeric_limits<std::size_t>::digits - 2 - flags);

 public:
  /// The largest capacity.
  static constexpr std::size_t most = most_places / stride * GroupSize;
  static_assert(most > 0, "an index counts the slots of a group at least");

 private:
  Index last_;
  Index group_mask_;
};

}}}  // namespace kew::KEW_NAMESPACE::detail
