// Reads records of the log again that were found to be good when it was opened: those of messages that are wanted now.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include <kew/config.hpp>
#include <kew/detail/disk/backlog.hpp>
#include <kew/detail/disk/disk_error.hpp>
#include <kew/detail/disk/file.hpp>
#include <kew/detail/disk/file_bytes.hpp>
#include <kew/detail/disk/kept.hpp>
#include <kew/detail/disk/record.hpp>
#include <kew/detail/machine/min_max.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// Has one file open at a time, and many records of it in memory where they are read one after the other.
class record_reader {
 public:
  /// The record at that place of the segment. The view is good until the next call. Throws durable_error.
  record_view read(const std::string& folder, const journal_segment& from, const record_place& place) {
    if (from.number != number_) open(folder, from.number);
    if (place.offset() < begin_ || place.offset() + place.size() > begin_ + bytes_.size()) fetch(folder, place);
    record_view record;
    if (!read_record(bytes_, place.offset(), from.identity, record, begin_)) {
      bytes_.clear();  // so that it is read anew if it is asked for once more
      refuse_damage(path_in(folder, segment_name(number_)),
                    "has a bad record at offset " + std::to_string(place.offset()));
    }
    next_ = record.end;
    return record;
  }

  /// Leaves the file, if it is that one.
  void leave(std::uint64_t number) noexcept {
    if (number == number_) close();
  }
  void close() noexcept {
    file_.close();
    number_ = 0;
    bytes_ = {};
    begin_ = 0;
    next_ = header_size;
  }

 private:
  /// So much is read at a time where what is behind it will be wanted next,
  static constexpr std::uint64_t in_a_row = std::uint64_t{1} << 18;
  /// and so much elsewhere.
  static constexpr std::uint64_t alone = std::uint64_t{1} << 12;

  void open(const std::string& folder, std::uint64_t number) {
    close();
    const std::string path = path_in(folder, segment_name(number));
    if (const int error = file_.open(path, file_use::read); error != 0) raise_disk_error(path, error, "read");
    number_ = number;
  }
  void fetch(const std::string& folder, const record_place& place) {
    const bool goes_on = place.offset() >= next_ && place.offset() - next_ < in_a_row;
    bytes_.resize(static_cast<std::size_t>(max(place.size(), goes_on ? in_a_row : alone)));
    std::size_t got = 0;
    const int error = file_read(file_.get(), place.offset(), bytes_.data(), bytes_.size(), got);
    bytes_.resize(error == 0 ? got : 0);
    begin_ = place.offset();
    if (error != 0) raise_disk_error(path_in(folder, segment_name(number_)), error, "read");
  }

  open_file file_{};
  std::uint64_t number_ = 0;          ///< Of the segment whose file is open; 0 where none is.
  std::string bytes_{};               ///< Of the file,
  std::uint64_t begin_ = 0;           ///< from this offset on.
  std::uint64_t next_ = header_size;  ///< Where the record that was read last ends.
};

}}}  // namespace kew::KEW_NAMESPACE::detail
