// The part of the seam that tells the date: for what outlives the program. Everything else goes by the steady clock.
#pragma once

#include <kew/config.hpp>

#ifndef KEW_SYNC_HEADER

#include <chrono>
#include <cstdint>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// Nanoseconds since 1970. May be set forwards and backwards at any time.
inline std::int64_t calendar_now() noexcept {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(since).count();
}

}}}  // namespace kew::KEW_NAMESPACE::detail

#endif
