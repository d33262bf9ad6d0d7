// A machine below kew (KEW_SYNC_HEADER) that counts how often a thread pauses, yields or naps. The rest of it is the
// real one, except that its prefetches do nothing.
#pragma once

#include <atomic>
#include <cstdint>

#include <kew/config.hpp>

#include "support/real_atomics.hpp"

namespace kew_test {
inline std::atomic<long> waits{0};
inline std::atomic<long> yields{0};        // among the waits
inline std::atomic<unsigned> last_nap{0};  // in microseconds; 0: none yet
}  // namespace kew_test

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

inline void cpu_relax() noexcept { ++kew_test::waits; }
inline void yield() noexcept {
  ++kew_test::waits;
  ++kew_test::yields;
}
inline void nap(unsigned microseconds) noexcept {
  ++kew_test::waits;
  kew_test::last_nap = microseconds;
}
inline void prefetch_for_reading(std::uintptr_t) noexcept {}
inline void prefetch_for_writing(std::uintptr_t) noexcept {}

}}}  // namespace kew::KEW_NAMESPACE::detail
