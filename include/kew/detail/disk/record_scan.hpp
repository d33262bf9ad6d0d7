// Reads the records of a file of the log one after the other, with no more of it in memory than fits into the nearest
// caches; and what a replay needs to know of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <kew/config.hpp>
#include <kew/detail/disk/file.hpp>
#include <kew/detail/disk/file_bytes.hpp>
#include <kew/detail/disk/record.hpp>
#include <kew/detail/machine/min_max.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// Why a message cannot be decoded, or null; or no function, where every message can be.
using refusal_check = std::unique_ptr<const std::string> (*)(std::string_view message);

/// A good record without the message that is in it.
struct checked_record {
  checked_record() = default;
  explicit checked_record(const record_view& record, refusal_check refusal)
      : id(record.head.id),
        offset(record.offset),
        size(record.end - record.offset),
        kind(record.head.kind),
        body(record.body) {
    if (kind != record_kind::message) return;
    const std::string_view message = message_in(record);
    body.remove_suffix(message.size());
    if (refusal != nullptr) refused = refusal(message);
  }

  std::uint64_t id = 0;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;  ///< Of the whole record.
  record_kind kind{};
  std::string_view body{};                       ///< Without the message: its state, where it has one.
  std::unique_ptr<const std::string> refused{};  ///< Why the message cannot be decoded.
};

/// Those of a file, to be handed from one thread to another.
class checked_records {
 public:
  void clear() noexcept {
    all_.clear();
    bodies_.clear();
    refusals_.clear();
  }
  void add(checked_record record) {
    if (record.refused) refusals_.emplace_back(all_.size(), std::move(record.refused));
    all_.push_back(
        {record.id, record.offset, record.size, static_cast<std::uint32_t>(record.body.size()), record.kind});
    bodies_ += record.body;
  }
  /// Calls `use(checked_record)` for each.
  template <class Use>
  void for_each(Use use) {
    std::string_view bodies = bodies_;
    auto refused = refusals_.begin();
    for (std::size_t i = 0; i < all_.size(); ++i) {
      const place& each = all_[i];
      checked_record record;
      record.id = each.id;
      record.offset = each.offset;
      record.size = each.size;
      record.kind = each.kind;
      record.body = bodies.substr(0, each.body);
      bodies.remove_prefix(each.body);
      if (refused != refusals_.end() && refused->first == i) record.refused = std::move(refused++->second);
      use(std::move(record));
    }
  }

 private:
  struct place {
    std::uint64_t id;
    std::uint64_t offset;
    std::uint64_t size;
    std::uint32_t body;
    record_kind kind;
  };

  std::vector<place> all_{};
  std::string bodies_{};
  std::vector<std::pair<std::size_t, std::unique_ptr<const std::string>>> refusals_{};
};

struct file_to_read {
  std::string path;
  std::uint64_t identity;  ///< Of its records.
  std::uint64_t end;       ///< Of its records.
};

class record_scan {
 public:
  /// How far it came.
  struct outcome {
    int error = 0;                ///< Of the file system.
    std::uint64_t at = 0;         ///< Where the last good record ends.
    std::uint64_t file_size = 0;  ///< In bytes.
  };

  /// Calls `use(record_view)` for each record, until the end or one that is not good.
  template <class Use>
  outcome read(const file_to_read& from, Use use) {
    outcome so_far;
    open_file file;
    if ((so_far.error = file.open(from.path, file_use::read)) != 0) return so_far;
    if ((so_far.error = file_size(file.get(), so_far.file_size)) != 0) return so_far;
    so_far.at = begin_ = header_size;
    size_ = 0;
    for (std::uint64_t wanted = sizeof(record_head);; wanted = wanted_at(so_far.at, from.identity)) {
      if (so_far.at == from.end || wanted == 0) return so_far;
      std::size_t got = 0;
      if ((so_far.error = read_more(file, so_far.at, wanted, from.end, got)) != 0 || got == 0) return so_far;
      for (record_view record; so_far.at != from.end && read_record(view(), so_far.at, from.identity, record, begin_);
           so_far.at = record.end)
        use(record);
    }
  }

 private:
  static constexpr std::size_t a_piece = std::size_t{1} << 18;

  std::string_view view() const noexcept { return std::string_view(bytes_).substr(0, size_); }

  /// How many bytes from there on are needed to know more; 0 where all is known, and the record is bad.
  std::uint64_t wanted_at(std::uint64_t offset, std::uint64_t identity) const noexcept {
    const std::string_view bytes = view().substr(static_cast<std::size_t>(offset - begin_));
    record_head head;
    if (bytes.size() < sizeof(head)) return sizeof(head);
    std::memcpy(&head, bytes.data(), sizeof(head));
    if (head.magic != record_magic || head.head_crc != crc_of_head(head, identity, offset)) return 0;
    return record_size(head.size) > bytes.size() ? record_size(head.size) : 0;
  }

  /// Leaves what is before `offset`, and has at least so many bytes from there on, unless the records end before.
  int read_more(const open_file& file, std::uint64_t offset, std::uint64_t wanted, std::uint64_t end,
                std::size_t& got) {
    const std::size_t done = static_cast<std::size_t>(offset - begin_);
    size_ -= done;
    std::memmove(bytes_.data(), bytes_.data() + done, size_);
    begin_ = offset;
    wanted = min(max<std::uint64_t>(wanted, a_piece), end - offset);
    if (bytes_.size() < wanted) bytes_.resize(static_cast<std::size_t>(wanted));
    const std::size_t more = static_cast<std::size_t>(wanted) - size_;
    const int error = more > 0 ? file_read(file.get(), begin_ + size_, bytes_.data() + size_, more, got) : 0;
    size_ += got;
    return error;
  }

  std::string bytes_{};      ///< Of the file,
  std::size_t size_ = 0;     ///< so many,
  std::uint64_t begin_ = 0;  ///< from this offset on.
};

}}}  // namespace kew::KEW_NAMESPACE::detail
