// Numbers by chance, where no side of a choice is to be favoured. Not for secrets.
#pragma once

#include <kew/detail/machine/platform.hpp>
#include <kew/detail/machine/sync.hpp>
#include <kew/detail/machine/tuning.hpp>

#ifndef KEW_SYNC_HEADER

#include <cstdint>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// A thread's own sequences. A shared library may have a state of its own: that does no harm.
class chance {
 public:
  static chance& of_this_thread() noexcept {
    thread_local chance mine;
    return mine;
  }

  /// A linear congruential generator (D. Knuth, MMIX), of which the upper half is used.
  std::uint32_t random() noexcept {
    if (state_ == 0) [[unlikely]]
      state_ = thread_token();
    state_ = state_ * 6364136223846793005U + 1442695040888963407U;
    return static_cast<std::uint32_t>(state_ >> 32);
  }

  /// Multiples of the golden ratio: as evenly spread, whatever part of the sequence is looked at, and a processor
  /// predicts the branches that depend on it. Now and then the sequence begins elsewhere, by chance, so that it keeps no
  /// step with what else goes round. Each number comes several times in a row.
  std::uint32_t even() noexcept {
    if (++calls_ % tuning::same_choices == 0) [[unlikely]]
      next_even();
    return static_cast<std::uint32_t>(place_ >> 32);
  }

 private:
  [[gnu::noinline]] void next_even() noexcept {
    place_ += 0x9e3779b97f4a7c15U;
    if (state_ == 0 || (place_ >> 16) % 64 == 0) [[unlikely]]
      place_ = std::uint64_t{random()} << 32 | random();
  }

  std::uint64_t state_ = 0;
  std::uint64_t place_ = 0;
  unsigned calls_ = tuning::same_choices - 1;
};

inline std::uint32_t scaled_below(std::uint32_t bound, std::uint32_t fraction) noexcept {
  return static_cast<std::uint32_t>(std::uint64_t{fraction} * bound >> 32);
}

/// A number from 0 to `bound` - 1, each equally often; `bound` is not 0. For a choice that is made once a call:
/// cheaper, and from one call to the next not independent.
inline std::uint32_t even_below(std::uint32_t bound) noexcept {
  return scaled_below(bound, chance::of_this_thread().even());
}
/// … and for any choice.
inline std::uint32_t random_below(std::uint32_t bound) noexcept {
  return scaled_below(bound, chance::of_this_thread().random());
}

}}}  // namespace kew::KEW_NAMESPACE::detail

#endif
