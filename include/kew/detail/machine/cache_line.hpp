// What two threads write must be this far apart, or each slows the other.
#pragma once

#include <cstddef>

#include <kew/config.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

#if defined(KEW_CACHE_LINE)
inline constexpr std::size_t cache_line = KEW_CACHE_LINE;
#elif defined(__APPLE__) && defined(__aarch64__)
inline constexpr std::size_t cache_line = 128;
#else
// Not std::hardware_destructive_interference_size: with GCC it follows -mtune, so that two translation
// units of one program could disagree about the layout of a ring.
inline constexpr std::size_t cache_line = 64;
#endif

static_assert(cache_line >= 16 && (cache_line & (cache_line - 1)) == 0, "KEW_CACHE_LINE is a power of two");

}}}  // namespace kew::KEW_NAMESPACE::detail
