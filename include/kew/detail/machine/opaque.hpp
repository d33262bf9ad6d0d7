// A value as the compiler may not know it.
#pragma once

#include <kew/config.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// The same value, of which the compiler does not know that it is. Where two values were found equal, compilers put one
/// in the place of the other; and what is calculated from one that was loaded has to wait for the load, although the
/// processor had guessed how the comparison ends.
template <class Integer>
inline Integer opaque(Integer value) noexcept {
#if defined(__GNUC__)
  asm("" : "+r"(value));
#endif
  return value;
}

}}}  // namespace kew::KEW_NAMESPACE::detail
