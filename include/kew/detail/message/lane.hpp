// The two lanes of a queue of messages.
#pragma once

#include <cstddef>

#include <kew/config.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// The queue itself, or its dead letters.
enum class lane : unsigned char { live, dead };

/// For arrays that have something for each.
constexpr std::size_t index(lane of) noexcept { return static_cast<std::size_t>(of); }

}}}  // namespace kew::KEW_NAMESPACE::detail
