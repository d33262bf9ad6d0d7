// The version of kew, its inline namespace, and the macros that a user may set before the first include, the same in
// every translation unit of a program:
//
//   KEW_CHECKED      1: misuse that a type cannot refuse prints the broken rule and aborts the program. 0: no checks.
//                    Unset, it follows NDEBUG, as assert does. Names and layouts are the same either way.
//   KEW_CACHE_LINE   how many bytes apart data of different threads is kept; a power of two. Unset, it is 64, or 128 on
//                    Apple silicon. Changes layouts, therefore also the inline namespace.
//   KEW_NO_FUTEX     sleeps on a mutex and a condition variable instead of the system's futex. Changes layouts,
//                    therefore also the inline namespace.
//
// This header includes nothing.
#pragma once

#define KEW_VERSION_MAJOR 0
#define KEW_VERSION_MINOR 1
#define KEW_VERSION_PATCH 0

#ifndef KEW_CHECKED
#ifdef NDEBUG
#define KEW_CHECKED 0
#else
#define KEW_CHECKED 1
#endif
#endif

// How threads sleep: each way has a header of its own in detail/machine, which is empty where another one is chosen.
#if defined(KEW_NO_FUTEX)
#define KEW_FUTEX_PORTABLE
#elif defined(__linux__)
#define KEW_FUTEX_LINUX
#elif defined(_WIN32)
#define KEW_FUTEX_WINDOWS
#elif defined(__ENVIRONMENT_MAC_OS_X_VERSION_MIN_REQUIRED__) && __ENVIRONMENT_MAC_OS_X_VERSION_MIN_REQUIRED__ >= 140400
#define KEW_FUTEX_APPLE
#else
#define KEW_FUTEX_PORTABLE
#endif

// The inline namespace. Translation units that were compiled with different layouts must not share a type or an inline
// function, so each choice that changes a layout is a part of every name. A test that replaces the machine below kew
// (KEW_SYNC_HEADER in detail/machine/sync.hpp) sets a name of its own.
#ifndef KEW_NAMESPACE
#define KEW_JOIN_AS_THEY_ARE(a, b) a##b
#define KEW_JOIN(a, b) KEW_JOIN_AS_THEY_ARE(a, b)
#if defined(KEW_FUTEX_PORTABLE)
#define KEW_PARKING v0_portable
#else
#define KEW_PARKING v0
#endif
#if defined(KEW_CACHE_LINE)
#define KEW_NAMESPACE KEW_JOIN(KEW_JOIN(KEW_PARKING, _line), KEW_CACHE_LINE)
#else
#define KEW_NAMESPACE KEW_PARKING
#endif
#endif
