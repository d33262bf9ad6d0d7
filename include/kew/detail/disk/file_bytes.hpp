// Files of the log that are read: closed at the end, and piece by piece.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <kew/config.hpp>
#include <kew/detail/disk/file.hpp>
#include <kew/detail/machine/large_memory.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// Closes the file at the end.
class open_file {
 public:
  open_file() noexcept = default;
  open_file(const open_file&) = delete;
  open_file& operator=(const open_file&) = delete;
  ~open_file() { close(); }

  /// 0 or an error.
  int open(const std::string& path, file_use use) {
    close();
    const int error = file_open(path, use, file_);
    if (error != 0) file_ = none;
    return error;
  }
  void close() noexcept {
    if (file_ != none) file_close(std::exchange(file_, none));
  }
  void swap(open_file& other) noexcept { std::swap(file_, other.file_); }

  int get() const noexcept { return file_; }

 private:
  static constexpr int none = -1;

  int file_ = none;
};

/// Whether all of them are.
inline bool is_zero(std::string_view bytes) noexcept {
  // Each byte is as the one before it: the comparison of the library is many times as fast as a loop.
  return bytes.empty() || (bytes[0] == 0 && bytes.substr(1) == bytes.substr(0, bytes.size() - 1));
}

/// Whether all of a file is zero from there on. 0 or an error. What the file system says about holes is not asked: some
/// have called a hole what had been written a moment ago.
inline int file_is_zero(const std::string& path, std::uint64_t from, bool& zero) {
  open_file file;
  zero = true;
  if (const int error = file.open(path, file_use::read); error != 0) return error;
  std::string piece(std::size_t{1} << 18, '\0');
  for (std::size_t got = piece.size(); zero && got == piece.size(); from += got) {
    if (const int error = file_read(file.get(), from, piece.data(), piece.size(), got); error != 0) return error;
    zero = is_zero(std::string_view(piece).substr(0, got));
  }
  return 0;
}

/// The bytes of a file.
class file_bytes {
 public:
  file_bytes() = default;
  file_bytes(const file_bytes&) = delete;
  file_bytes& operator=(const file_bytes&) = delete;
  ~file_bytes() {
    if (bytes_ != nullptr) free_memory(bytes_, room_, alignof(char));
  }

  /// At most `most` of them, from the start. 0 or an error.
  int read(const std::string& path, std::uint64_t most, std::uint64_t& size) {
    int error = begin(path, most, size);
    while (error == 0 && !is_complete()) error = read_more(wanted_);
    return error;
  }

  /// The same, to be read piece by piece.
  int begin(const std::string& path, std::uint64_t most, std::uint64_t& size) {
    size_ = wanted_ = 0;
    if (const int error = file_.open(path, file_use::read); error != 0) return error;
    if (const int error = file_size(file_.get(), size); error != 0) return error;
    const auto wanted = static_cast<std::size_t>(std::min(size, most));
    if (wanted > room_) make_room(wanted);
    wanted_ = wanted;
    return 0;
  }
  /// The next piece, of so many bytes at most.
  int read_more(std::size_t most = a_piece) {
    const std::size_t size = std::min(most, wanted_ - size_);
    std::size_t got = 0;
    const int error = file_read(file_.get(), size_, bytes_ + size_, size, got);
    size_ += got;
    if (error != 0 || got < size) wanted_ = size_;
    if (is_complete()) file_.close();
    return error;
  }
  bool is_complete() const noexcept { return size_ == wanted_; }

  /// What has been read.
  std::string_view view() const noexcept { return {bytes_, size_}; }

 private:
  /// Small enough to be in the caches still when it is looked at.
  static constexpr std::size_t a_piece = std::size_t{1} << 18;

  /// What has been read is gone.
  void make_room(std::size_t size) {
    char* const memory = static_cast<char*>(allocate_memory(size, alignof(char)));
    if (bytes_ != nullptr) free_memory(bytes_, room_, alignof(char));
    bytes_ = memory;
    room_ = size;
  }

  open_file file_{};
  char* bytes_ = nullptr;
  std::size_t room_ = 0;
  std::size_t wanted_ = 0;
  std::size_t size_ = 0;
};

}}}  // namespace kew::KEW_NAMESPACE::detail
