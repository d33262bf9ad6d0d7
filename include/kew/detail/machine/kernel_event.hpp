// What poll(2) and its like wait for: an object of the kernel's that is readable while it is set. An eventfd on Linux, a
// pipe on other systems of the Unix family, on Windows an event, whose handle is for WaitForMultipleObjects.
#pragma once

#include <kew/detail/machine/platform.hpp>
#include <kew/detail/machine/sync.hpp>

#ifndef KEW_SYNC_HEADER

#include <cstdint>
#include <system_error>

#include <kew/error.hpp>

#if !defined(_WIN32)
#include <cerrno>

#include <fcntl.h>
#include <unistd.h>
#endif
#if defined(__linux__)
#include <sys/eventfd.h>
#endif

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

// Each of them has the same face. Made not set; set() and reset() may be called in any state and never wait. The caller
// lets one set() at most come before each reset(). Neither closes nor renews the handle.

[[noreturn]] inline void raise_system_error(int code, const char* what) {
  raise_error(std::system_error(code, std::system_category(), what));
}

#if defined(_WIN32)

class kernel_event {
 public:
  using handle = HANDLE;

  kernel_event() : event_(CreateEventW(nullptr, TRUE, FALSE, nullptr)) {
    if (!event_) raise_system_error(static_cast<int>(GetLastError()), "kew: a pop_event has no event: CreateEvent");
  }
  kernel_event(const kernel_event&) = delete;
  kernel_event& operator=(const kernel_event&) = delete;
  ~kernel_event() { CloseHandle(event_); }

  handle native() const noexcept { return event_; }
  void set() noexcept { SetEvent(event_); }
  void reset() noexcept { ResetEvent(event_); }

 private:
  HANDLE event_;
};

#else

class kernel_pipe {
 public:
  using handle = int;

  kernel_pipe() {
    if (pipe(ends_) != 0) raise_system_error(errno, "kew: a pop_event has no descriptor: pipe");
    for (const int end : ends_) {
      fcntl(end, F_SETFL, fcntl(end, F_GETFL) | O_NONBLOCK);
      fcntl(end, F_SETFD, FD_CLOEXEC);
    }
  }
  kernel_pipe(const kernel_pipe&) = delete;
  kernel_pipe& operator=(const kernel_pipe&) = delete;
  ~kernel_pipe() {
    for (const int end : ends_) close(end);
  }

  handle native() const noexcept { return ends_[0]; }
  // Neither can fail: there is room for the one byte, and the byte is there, unless the user has taken it.
  void set() noexcept {
    const char byte = 0;
    static_cast<void>(!write(ends_[1], &byte, 1));
  }
  void reset() noexcept {
    char byte = 0;
    static_cast<void>(!read(ends_[0], &byte, 1));
  }

 private:
  int ends_[2];
};

#if defined(__linux__)

class kernel_eventfd {
 public:
  using handle = int;

  kernel_eventfd() : descriptor_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    if (descriptor_ < 0) raise_system_error(errno, "kew: a pop_event has no descriptor: eventfd");
  }
  kernel_eventfd(const kernel_eventfd&) = delete;
  kernel_eventfd& operator=(const kernel_eventfd&) = delete;
  ~kernel_eventfd() { close(descriptor_); }

  handle native() const noexcept { return descriptor_; }
  // Neither can fail: the count is far from its limit, and not 0, unless the user has taken it.
  void set() noexcept {
    const std::uint64_t one = 1;
    static_cast<void>(!write(descriptor_, &one, sizeof(one)));
  }
  void reset() noexcept {
    std::uint64_t count = 0;
    static_cast<void>(!read(descriptor_, &count, sizeof(count)));
  }

 private:
  int descriptor_;
};

using kernel_event = kernel_eventfd;

#else

using kernel_event = kernel_pipe;

#endif
#endif

}}}  // namespace kew::KEW_NAMESPACE::detail

#endif
