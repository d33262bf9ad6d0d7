// Messages that are published together: encoded into their records, with all of each but its place in the log, before
// the log is locked.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <kew/config.hpp>
#include <kew/detail/disk/crc32c.hpp>
#include <kew/detail/disk/record.hpp>
#include <kew/error.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

inline void check_size(std::uint64_t payload) {
  if (payload > most_record)
    raise_error(std::length_error("kew: a message of " + std::to_string(payload) + " bytes is too long for the log"));
}

class message_block {
 public:
  void swap(message_block& other) noexcept {
    bytes_.swap(other.bytes_);
    ends_.swap(other.ends_);
  }
  /// Whether its memory is no more than most blocks need.
  bool is_worth_keeping() const noexcept { return bytes_.capacity() <= 2 * most_expected; }

  void clear() noexcept {
    bytes_.clear();
    ends_.clear();
  }
  /// Asks at once for the memory of so many messages that are as long as the first one, if that is not too much.
  void expect(std::size_t messages) {
    expected_ = messages;
    ends_.reserve(std::min<std::size_t>(messages, most_expected / sizeof(record_head)));
  }

  /// `encode(bytes)` appends a message. What it throws leaves the block as it was.
  template <class Encode>
  void add(Encode encode) {
    const std::size_t begin = end();
    const std::size_t body = begin + sizeof(record_head);
    bytes_.resize(body);
    encode(bytes_);
    record_head head;
    check_size(bytes_.size() - body);
    head.size = static_cast<std::uint32_t>(bytes_.size() - body);
    head.body_crc = crc32c().add(bytes_.data() + body, head.size).value();
    head.kind = record_kind::message;
    const std::size_t size = static_cast<std::size_t>(record_size(head.size));
    if (begin == 0 && size < most_expected / expected_) bytes_.reserve(expected_ * size);
    bytes_.resize(begin + size);
    std::memcpy(bytes_.data() + begin, &head, sizeof(head));
    ends_.push_back(begin + size);
  }

  /// How many messages there are.
  std::size_t size() const noexcept { return ends_.size(); }
  /// How many bytes they take.
  std::size_t bytes() const noexcept { return end(); }
  /// The records of those from `first` up to `behind`.
  std::string_view records(std::size_t first, std::size_t behind) const noexcept {
    return std::string_view(bytes_).substr(begin_of(first), begin_of(behind) - begin_of(first));
  }
  std::string_view record(std::size_t number) const noexcept { return records(number, number + 1); }
  /// The message alone.
  std::string_view payload(std::size_t number) const noexcept {
    return record(number).substr(sizeof(record_head), head_of(number).size);
  }

  /// Completes the record for its place.
  void complete(std::size_t number, std::uint64_t id, std::uint64_t identity, std::uint64_t offset) noexcept {
    record_head head = head_of(number);
    head.id = id;
    write_head(bytes_.data() + begin_of(number), head, identity, offset);
  }

 private:
  static constexpr std::size_t most_expected = std::size_t{1} << 16;

  std::size_t end() const noexcept { return ends_.empty() ? 0 : ends_.back(); }
  std::size_t begin_of(std::size_t number) const noexcept { return number == 0 ? 0 : ends_[number - 1]; }
  record_head head_of(std::size_t number) const noexcept {
    record_head head;
    std::memcpy(&head, bytes_.data() + begin_of(number), sizeof(head));
    return head;
  }

  std::string bytes_{};  ///< May have a part of a message that was not encoded, behind the others.
  std::vector<std::size_t> ends_{};
  std::size_t expected_ = 1;
};

}}}  // namespace kew::KEW_NAMESPACE::detail
