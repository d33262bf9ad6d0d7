// The part of the seam that gives each thread an object of its own; queues that are used by threads alone do without.
#pragma once

#include <kew/detail/machine/platform.hpp>

#ifndef KEW_SYNC_HEADER

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// The calling thread's T. Shared libraries may each have a T of their own for the same thread.
// Never inlined, because a compiler may keep the address while a coroutine moves from one thread to another.
template <class T>
[[gnu::noinline]] T& of_this_thread() noexcept {
  thread_local T mine{};
  return mine;
}

}}}  // namespace kew::KEW_NAMESPACE::detail

#endif
