// The declarations that kew uses of macOS 14.4's header of this name, after its documentation, and what they do by
// Linux's futex: so that detail/futex_apple.hpp can be compiled, and run, where there is no macOS.
#pragma once

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

typedef uint32_t os_sync_wait_on_address_flags_t;
typedef uint32_t os_sync_wake_by_address_flags_t;
typedef uint32_t os_clockid_t;
enum : uint32_t { OS_SYNC_WAIT_ON_ADDRESS_NONE = 0 };
enum : uint32_t { OS_SYNC_WAKE_BY_ADDRESS_NONE = 0 };
enum : uint32_t { OS_CLOCK_MACH_ABSOLUTE_TIME = 32 };

inline int os_sync_wait_on_address(void* address, uint64_t value, size_t size, os_sync_wait_on_address_flags_t) {
  if (size != 4) return errno = EINVAL, -1;
  const long error = syscall(SYS_futex, address, FUTEX_WAIT_PRIVATE, static_cast<uint32_t>(value), nullptr, nullptr, 0);
  return error == 0 ? 0 : -1;
}

inline int os_sync_wait_on_address_with_timeout(void* address, uint64_t value, size_t size, os_sync_wait_on_address_flags_t,
                                                os_clockid_t clock, uint64_t nanoseconds) {
  if (size != 4 || clock != OS_CLOCK_MACH_ABSOLUTE_TIME || nanoseconds == 0) return errno = EINVAL, -1;
  timespec span{};
  span.tv_sec = static_cast<time_t>(nanoseconds / 1'000'000'000);
  span.tv_nsec = static_cast<long>(nanoseconds % 1'000'000'000);
  const long error = syscall(SYS_futex, address, FUTEX_WAIT_PRIVATE, static_cast<uint32_t>(value), &span, nullptr, 0);
  return error == 0 ? 0 : -1;
}

inline int os_sync_wake_by_address_any(void* address, size_t, os_sync_wake_by_address_flags_t) {
  if (syscall(SYS_futex, address, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0) > 0) return 0;
  return errno = ENOENT, -1;
}

inline int os_sync_wake_by_address_all(void* address, size_t, os_sync_wake_by_address_flags_t) {
  if (syscall(SYS_futex, address, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0) > 0) return 0;
  return errno = ENOENT, -1;
}
