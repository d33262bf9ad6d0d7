// The seam between kew and the file system: the calls that detail/disk makes, and no other. No header outside
// detail/disk names files, so a program that defines KEW_FILE_HEADER puts its own versions in their place, as
// KEW_SYNC_HEADER does for the machine (the tests' simulated disk does). A replacement declares everything that this
// header declares in kew::detail; the program sets KEW_NAMESPACE.
//
// Each call answers 0 or an error number of <cerrno>. None of them throws anything but std::bad_alloc.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <kew/config.hpp>

#ifdef KEW_FILE_HEADER

#include KEW_FILE_HEADER

#else

#include <random>

#if !defined(_WIN32)
#include <cstdio>

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// How a file is opened: an existing one for reading or writing; a new one, or an old one emptied; a lock, which is
/// made where it is not there.
enum class file_use : unsigned char { read, change, create, lock };

#if !defined(_WIN32)

inline int file_open(const std::string& path, file_use use, int& file) {
  int flags = O_CLOEXEC;
  switch (use) {
    case file_use::read: flags |= O_RDONLY; break;
    case file_use::change: flags |= O_RDWR; break;
    case file_use::create: flags |= O_RDWR | O_CREAT | O_TRUNC; break;
    case file_use::lock: flags |= O_RDWR | O_CREAT; break;
  }
  do file = open(path.c_str(), flags, 0666);
  while (file < 0 && errno == EINTR);
  return file < 0 ? errno : 0;
}

inline void file_close(int file) noexcept { close(file); }

/// Takes the file for this process, until it closes it or dies. EWOULDBLOCK: another one has it.
inline int file_lock(int file) noexcept { return flock(file, LOCK_EX | LOCK_NB) == 0 ? 0 : errno; }

inline int file_size(int file, std::uint64_t& size) noexcept {
  struct stat status{};
  if (fstat(file, &status) != 0) return errno;
  size = static_cast<std::uint64_t>(status.st_size);
  return 0;
}

/// Makes room for `size` bytes, which read as zeros, so that a later write into it finds no full disk.
inline int file_reserve(int file, std::uint64_t size) noexcept {
#if defined(__linux__)
  int error = 0;
  do error = posix_fallocate(file, 0, static_cast<off_t>(size));
  while (error == EINTR);
  return error;
#else
  return ftruncate(file, static_cast<off_t>(size)) == 0 ? 0 : errno;
#endif
}

inline int file_shorten(int file, std::uint64_t size) noexcept {
  return ftruncate(file, static_cast<off_t>(size)) == 0 ? 0 : errno;
}

/// Reads `size` bytes, less at the end of the file: `got`.
inline int file_read(int file, std::uint64_t offset, char* into, std::size_t size, std::size_t& got) noexcept {
  for (got = 0; got < size;) {
    const ssize_t more = pread(file, into + got, size - got, static_cast<off_t>(offset + got));
    if (more < 0 && errno == EINTR) continue;
    if (more < 0) return errno;
    if (more == 0) break;
    got += static_cast<std::size_t>(more);
  }
  return 0;
}

/// The file will be read as a whole soon. No more than a hint.
inline void file_prepare_read([[maybe_unused]] const std::string& path) noexcept {
#if defined(POSIX_FADV_WILLNEED)
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return;
  posix_fadvise(file, 0, 0, POSIX_FADV_WILLNEED);
  close(file);
#endif
}

inline int file_write(int file, std::uint64_t offset, const char* from, std::size_t size) noexcept {
  for (std::size_t done = 0; done < size;) {
    const ssize_t more = pwrite(file, from + done, size - done, static_cast<off_t>(offset + done));
    if (more < 0 && errno == EINTR) continue;
    if (more < 0) return errno;
    if (more == 0) return ENOSPC;
    done += static_cast<std::size_t>(more);
  }
  return 0;
}

/// Returns when everything that was written is on the disk. An error is final: what was not written is gone, and a
/// second call would answer 0.
inline int file_sync(int file) noexcept {
#if defined(__APPLE__)
  return fcntl(file, F_FULLFSYNC) == 0 ? 0 : errno;
#elif defined(__linux__)
  return fdatasync(file) == 0 ? 0 : errno;
#else
  return fsync(file) == 0 ? 0 : errno;
#endif
}

inline int file_rename(const std::string& from, const std::string& to) noexcept {
  return std::rename(from.c_str(), to.c_str()) == 0 ? 0 : errno;
}

inline int file_remove(const std::string& path) noexcept { return unlink(path.c_str()) == 0 ? 0 : errno; }

/// Makes a folder. EEXIST: there is something of that name.
inline int folder_make(const std::string& path) noexcept { return mkdir(path.c_str(), 0777) == 0 ? 0 : errno; }

/// The names of what is in a folder.
inline int folder_list(const std::string& path, std::vector<std::string>& names) {
  names.clear();
  DIR* const folder = opendir(path.c_str());
  if (folder == nullptr) return errno;
  for (;;) {
    errno = 0;
    const dirent* const entry = readdir(folder);
    if (entry == nullptr) break;
    names.emplace_back(entry->d_name);
  }
  const int error = errno;
  closedir(folder);
  return error;
}

/// Returns when the names in a folder are on the disk: what was made, renamed, removed.
inline int folder_sync(const std::string& path) noexcept {
  const int folder = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return errno;
  const int error = fsync(folder) == 0 ? 0 : errno;
  close(folder);
  return error;
}

#else

// Nothing of it has been written for Windows: whatever is opened there answers "function not supported".
inline int file_open(const std::string&, file_use, int&) { return ENOSYS; }
inline void file_close(int) noexcept {}
inline int file_lock(int) noexcept { return ENOSYS; }
inline int file_size(int, std::uint64_t&) noexcept { return ENOSYS; }
inline int file_reserve(int, std::uint64_t) noexcept { return ENOSYS; }
inline int file_shorten(int, std::uint64_t) noexcept { return ENOSYS; }
inline int file_read(int, std::uint64_t, char*, std::size_t, std::size_t&) noexcept { return ENOSYS; }
inline void file_prepare_read(const std::string&) noexcept {}
inline int file_write(int, std::uint64_t, const char*, std::size_t) noexcept { return ENOSYS; }
inline int file_sync(int) noexcept { return ENOSYS; }
inline int file_rename(const std::string&, const std::string&) noexcept { return ENOSYS; }
inline int file_remove(const std::string&) noexcept { return ENOSYS; }
inline int folder_make(const std::string&) noexcept { return ENOSYS; }
inline int folder_list(const std::string&, std::vector<std::string>&) { return ENOSYS; }
inline int folder_sync(const std::string&) noexcept { return ENOSYS; }

#endif

/// A number that no other log has.
inline std::uint64_t random_identity() {
  std::random_device source;
  return std::uint64_t{source()} << 32 | source();
}

}}}  // namespace kew::KEW_NAMESPACE::detail

#endif
