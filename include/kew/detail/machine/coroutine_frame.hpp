// The part of the seam that stands between a std::coroutine_handle<> and what it resumes. No part of a queue that is
// used by threads alone.
#pragma once

#include <coroutine>

#include <kew/config.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

// How a compiler calls the two functions at the head of a frame; only clang on 32-bit x86 does it in a way of its own.
#if defined(__clang__) && defined(__i386__)
#define KEW_FRAME_CALL __attribute__((fastcall))
#else
#define KEW_FRAME_CALL
#endif

/// The head of a coroutine's frame, for something that is resumed and destroyed through a handle and is no coroutine:
/// so it needs no memory of its own, and resuming it need not resume anybody's coroutine.
///
/// The standard does not say what a handle points to. But g++, clang and MSVC all begin a frame with these two pointers,
/// have to for programs that are linked from parts of two compilers, and g++'s own std::noop_coroutine() is made so.
struct coroutine_frame {
  using function = void(KEW_FRAME_CALL*)(coroutine_frame*);

  function resume;
  function destroy;

  std::coroutine_handle<> handle() noexcept { return std::coroutine_handle<>::from_address(this); }
};

}}}  // namespace kew::KEW_NAMESPACE::detail
