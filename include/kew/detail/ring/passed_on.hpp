// How a call passes its arguments on to what it keeps out of line.
#pragma once

#include <type_traits>

#include <kew/config.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// `A` is how an argument came in, for an element of type T. An element that fits into a register is copied: a reference
/// would keep the caller's in memory, also where the call succeeds at once.
template <class T, class A>
using passed_on = std::conditional_t<std::is_same_v<std::remove_cvref_t<A>, T> && std::is_trivially_copyable_v<T> &&
                                         std::is_trivially_copy_constructible_v<T> && sizeof(T) <= sizeof(void*),
                                     T, A&&>;

}}}  // namespace kew::KEW_NAMESPACE::detail
