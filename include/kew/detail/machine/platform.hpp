// The part of the seam that differs from one system to another in a line or two: which of them this is, and the words
// for its atomics and its scheduler. The others take it from sync.hpp.
//
// On Windows it has been compiled and run with MinGW-w64 and Wine only; on macOS not at all.
#pragma once

#include <kew/config.hpp>

#ifndef KEW_SYNC_HEADER

#include <atomic>
#include <cstdint>

#if defined(_WIN32)
#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif
#ifndef NOMINMAX
#define NOMINMAX
#endif
#include <windows.h>
#if defined(min) || defined(max)
#error "kew: define NOMINMAX before <windows.h>, whose min and max are macros otherwise"
#endif
#else
#include <ctime>

#include <sched.h>
#endif

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

template <class T>
using atomic = std::atomic<T>;

inline constexpr auto relaxed = std::memory_order_relaxed;
inline constexpr auto acquire = std::memory_order_acquire;
inline constexpr auto release = std::memory_order_release;
inline constexpr auto acq_rel = std::memory_order_acq_rel;
inline constexpr auto seq_cst = std::memory_order_seq_cst;

/// Tells the core that this is a polling loop.
inline void cpu_relax() noexcept {
#if defined(_WIN32)
  YieldProcessor();
#elif defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
  asm volatile("yield");
#endif
}

/// Asks for the line of an address, to be read soon. The address need not be valid.
inline void prefetch_for_reading(std::uintptr_t address) noexcept {
#if defined(__GNUC__)
  // NOLINTNEXTLINE(performance-no-int-to-ptr): an address beyond an array is a number, not a pointer
  __builtin_prefetch(reinterpret_cast<const void*>(address));
  // g++ 12 takes a function that does nothing but this for one without effects, and leaves out calls of it.
  asm volatile("");
#else
  static_cast<void>(address);
#endif
}

/// Asks for the line of an address, to be written soon. The address need not be valid.
inline void prefetch_for_writing(std::uintptr_t address) noexcept {
#if defined(__x86_64__)
  // The builtin would fetch for reading, unless every processor of the target is known to have this instruction; those
  // that have not do nothing.
  // NOLINTNEXTLINE(performance-no-int-to-ptr): as above
  asm volatile("prefetchw %0" : : "m"(*reinterpret_cast<const char*>(address)));
#elif defined(__GNUC__)
  __builtin_prefetch(reinterpret_cast<const void*>(address), 1);
  asm volatile("");  // as above
#else
  static_cast<void>(address);
#endif
}

/// Lets another thread have the core, if one wants it.
inline void yield() noexcept {
#if defined(_WIN32)
  SwitchToThread();
#else
  sched_yield();
#endif
}

/// Gives the core away for about so many microseconds, less than a second, also to threads of lower priority.
inline void nap(unsigned microseconds) noexcept {
#if defined(_WIN32)
  Sleep((microseconds + 999) / 1000);  // its shortest that is not a yield is 1
#else
  const timespec pause{.tv_sec = 0, .tv_nsec = static_cast<long>(microseconds) * 1000};
  nanosleep(&pause, nullptr);
#endif
}

}}}  // namespace kew::KEW_NAMESPACE::detail

#endif
