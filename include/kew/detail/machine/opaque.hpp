// What a compiler may not know of a value, so that the processor does not wait for it.
#pragma once

#include <kew/config.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// The same value, of which the compiler does not know that it is. Where two values were found equal, a compiler may put
/// one in the place of the other; and what is calculated from the one that was loaded waits for the load, although the
/// processor has guessed how the comparison ends.
template <class Integer>
inline Integer opaque(Integer value) noexcept {
#if defined(__GNUC__)
  asm("" : "+r"(value));
#endif
  return value;
}

/// The same, and the branch that this stands in stays a branch. A choice without one waits for both values.
template <class Integer>
inline Integer opaque_in_a_branch(Integer value) noexcept {
#if defined(__GNUC__)
  asm volatile("" : "+r"(value));
#endif
  return value;
}

}}}  // namespace kew::KEW_NAMESPACE::detail
