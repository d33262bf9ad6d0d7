// What happens where kew would throw and the program is compiled without exceptions.
#pragma once

#include <cstdio>
#include <cstdlib>

#include <kew/config.hpp>

namespace kew { inline namespace KEW_NAMESPACE {

namespace detail {

/// What on_error is by default.
[[noreturn]] inline void print_and_abort(const char* message) noexcept {
  std::fputs(message, stderr);
  std::fputc('\n', stderr);
  std::abort();
}

/// For misuse that no type can refuse: `rule` names the call and the rule that was broken.
[[noreturn]] inline void break_off(const char* rule) noexcept { print_and_abort(rule); }

/// Breaks off where checks are on and the rule does not hold.
inline void require([[maybe_unused]] bool holds, [[maybe_unused]] const char* rule) noexcept {
#if KEW_CHECKED
  if (!holds) break_off(rule);
#endif
}

}  // namespace detail

/// Called with the message of the exception that would have been thrown, by the thread that would have thrown it. To
/// be set before any other thread uses kew; prints the message by default. If it returns, the program is aborted.
/// Without a meaning where exceptions are on.
inline void (*on_error)(const char* message) = detail::print_and_abort;

namespace detail {

/// Throws `error`, or says it to on_error.
template <class Exception>
[[noreturn]] void raise_error(const Exception& error) {
#if defined(__cpp_exceptions)
  throw error;
#else
  on_error(error.what());
  std::abort();
#endif
}

}  // namespace detail

}}  // namespace kew::KEW_NAMESPACE
