// The seam between kew and the machine: atomics, their orders, hints, the number of a thread; and by inclusion the pause
// instruction, yields, naps and prefetches (platform.hpp). Fences, the futex and the clock are behind the same seam
// (fence.hpp, futex.hpp, clock.hpp). No header above detail/machine names any of these, so a program that defines
// KEW_SYNC_HEADER puts its own versions in their place (the tests' explorer of memory orders does).
//
// The seam lies as low as it can: what calls the system and what decides what an answer of the system means stays kew's.
// A replacement header declares everything that the headers of detail/machine declare in kew::detail where
// KEW_SYNC_HEADER is not defined. The program sets KEW_NAMESPACE, the inline namespace that keeps its kew apart from any
// other kew in the same program.
#pragma once

#include <kew/detail/machine/platform.hpp>

#ifdef KEW_SYNC_HEADER

#include KEW_SYNC_HEADER

#else

#include <atomic>
#include <cstddef>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// A number that threads share for the sake of speed alone: whatever they read, what they do is right.
template <class T>
class hint {
 public:
  T get() const noexcept { return value_.load(relaxed); }
  void set(T value) noexcept { value_.store(value, relaxed); }

 private:
  atomic<T> value_{};
};

/// Threads count from 0, in the order in which they first ask.
inline std::size_t thread_number() noexcept {
  static atomic<std::size_t> next{0};
  thread_local const std::size_t mine = next.fetch_add(1, relaxed);
  return mine;
}

}}}  // namespace kew::KEW_NAMESPACE::detail

#endif
