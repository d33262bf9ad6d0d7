// The part of the seam that starts threads. Only what runs a user's handlers needs it.
#pragma once

#include <kew/config.hpp>

#ifndef KEW_SYNC_HEADER

#include <thread>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

using thread = std::thread;
using thread_id = std::thread::id;

inline thread_id this_thread() noexcept { return std::this_thread::get_id(); }

}}}  // namespace kew::KEW_NAMESPACE::detail

#endif
