// The seam between kew and the machine: atomics, their orders, hints, the token of a thread; and by inclusion the pause
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
#include <cstdint>

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

/// Different for any two threads that live at the same time, never 0. Shared libraries may each have a copy of this;
/// then a thread has several tokens, and still none in common with another thread.
inline std::uintptr_t thread_token() noexcept {
  // A value, not only the address, which a compiler may keep while a coroutine moves from one thread to another.
  thread_local std::uintptr_t mine = 0;
  if (mine == 0) [[unlikely]]
    mine = reinterpret_cast<std::uintptr_t>(&mine);
  return mine;
}

}}}  // namespace kew::KEW_NAMESPACE::detail

#endif
