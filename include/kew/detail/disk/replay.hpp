// Reads the log in a folder: what is in it, where it ends, and what is damaged. Changes nothing.
//
//   torn       a bad record at the end of the last segment, which no mark behind it says to have been on disk: it was
//              being written when a crash came, and nobody was told that it is there. Cut off.
//   damaged    any other bad record: it had been confirmed. Refused, or with `repair` left out.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <utility>
#include <vector>

#include <kew/config.hpp>
#include <kew/detail/disk/file.hpp>
#include <kew/detail/disk/record.hpp>
#include <kew/durable_options.hpp>
#include <kew/error.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

[[noreturn]] inline void raise_disk_error(const std::string& file, int error, const std::string& doing) {
  const std::error_code code(error, std::generic_category());
  std::string text = "kew: cannot " + doing + ' ' + file;
  if (error != 0) text += ": " + code.message();
  raise_error(durable_error(text, file, code));
}

/// For what no error number describes.
[[noreturn]] inline void refuse_folder(const std::string& file, const std::string& why) {
  raise_error(durable_error("kew: " + file + ' ' + why, file, {}));
}

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

/// The bytes of a file.
class file_bytes {
 public:
  /// At most `most` of them, from the start. 0 or an error.
  int read(const std::string& path, std::uint64_t most, std::uint64_t& size) {
    open_file file;
    if (const int error = file.open(path, file_use::read); error != 0) return error;
    if (const int error = file_size(file.get(), size); error != 0) return error;
    const auto wanted = static_cast<std::size_t>(std::min(size, most));
    if (wanted > room_) {
      bytes_ = std::make_unique_for_overwrite<char[]>(wanted);
      room_ = wanted;
    }
    return file_read(file.get(), 0, bytes_.get(), wanted, size_);
  }

  std::string_view view() const noexcept { return {bytes_.get(), size_}; }

 private:
  std::unique_ptr<char[]> bytes_{};
  std::size_t room_ = 0;
  std::size_t size_ = 0;
};

/// A message that is in the log, and not settled.
struct replayed_message {
  record_state state{};
  std::string reason{};
  std::string payload{};
  std::size_t segment = 0;   ///< The index of the segment where its bytes are.
  std::uint64_t offset = 0;  ///< Of the record.
  std::uint64_t size = 0;    ///< Of the record.
};

struct replayed_segment {
  segment_header header;
  std::string path;
  std::uint64_t file_size = 0;
  std::uint64_t end = 0;  ///< Where its records end.
  bool damaged = false;
};

/// A segment's records carry this, so that those of two segments never fit each other.
constexpr std::uint64_t identity_of_records(const segment_header& header) noexcept {
  return header.identity + header.number * 0x9e37'79b9'7f4a'7c15u;
}

class replay {
 public:
  /// How it reads.
  struct options {
    std::string folder{};
    std::string type{};  ///< What messages have to be; anything, if empty.
    bool repair = false;
    bool with_payloads = true;
    std::function<void(std::uint64_t done, std::uint64_t all)> progress{};  ///< In bytes of files.
  };

  explicit replay(options how) : how_(std::move(how)) {
    list();
    read_headers();
    for (std::size_t i = 0; i < segments_.size(); ++i) read_segment(i);
  }

  /// Where a file of the folder is.
  static std::string path_in(const std::string& folder, const std::string& name) { return folder + '/' + name; }

  std::vector<replayed_segment>& segments() noexcept { return segments_; }
  std::unordered_map<std::uint64_t, replayed_message>& messages() noexcept { return messages_; }
  /// What had to be cut off or left out.
  const std::vector<recovery>& findings() const noexcept { return findings_; }
  bool damaged() const noexcept {
    return std::any_of(segments_.begin(), segments_.end(), [](const replayed_segment& each) { return each.damaged; });
  }
  /// Files of this folder that are no part of the log any more.
  const std::vector<std::string>& leftovers() const noexcept { return leftovers_; }
  /// Above every id in the log.
  std::uint64_t next_id() const noexcept { return next_id_; }
  /// Up to where the last segment is known to have been on disk. What stands behind that may be in no better place than
  /// the memory of the operating system, so it is to be written again.
  std::uint64_t on_disk() const noexcept { return on_disk_; }
  /// The last segment from its beginning to its end.
  std::string_view last_bytes() const noexcept {
    return segments_.empty() ? std::string_view() : bytes_.view().substr(0, segments_.back().end);
  }

  /// What a folder's unfinished file is called.
  static constexpr const char* unfinished_name = "unfinished.tmp";

 private:
  void list() {
    std::vector<std::string> names;
    if (const int error = folder_list(how_.folder, names); error != 0)
      raise_disk_error(how_.folder, error, "read the folder");
    std::vector<std::uint64_t> numbers;
    for (const std::string& name : names) {
      if (const auto number = number_of_segment(name))
        numbers.push_back(*number);
      else if (name == unfinished_name)
        leftovers_.push_back(path_in(how_.folder, name));
    }
    std::sort(numbers.begin(), numbers.end());
    for (const std::uint64_t number : numbers) {
      replayed_segment& each = segments_.emplace_back();
      each.header.number = number;
      each.path = path_in(how_.folder, segment_name(number));
    }
  }

  void read_headers() {
    std::uint64_t oldest = 0;
    std::vector<const char*> wrong;
    const replayed_segment* good = nullptr;
    for (replayed_segment& each : segments_) {
      const std::uint64_t number = each.header.number;
      if (const int error = bytes_.read(each.path, header_size, each.file_size); error != 0)
        raise_disk_error(each.path, error, "read");
      all_bytes_ += each.file_size;
      segment_header header;
      const char* problem = decode_header(bytes_.view(), header);
      if (problem == nullptr && header.number != number) problem = "has been renamed";
      if (problem == nullptr && good != nullptr && header.identity != good->header.identity)
        problem = "belongs to another queue";
      if (problem == nullptr && !how_.type.empty() && header.type != how_.type)
        refuse_folder(each.path, "holds messages of the type '" + header.type + "', and '" + how_.type +
                                     "' is wanted: open it with that type, or choose another folder");
      wrong.push_back(problem);
      if (problem != nullptr) continue;
      oldest = std::max(oldest, header.oldest);
      next_id_ = std::max(next_id_, header.first_id);
      each.header = std::move(header);
      good = &each;
    }
    if (!segments_.empty() && good == nullptr)
      refuse_folder(segments_.front().path, std::string(wrong.front()) + ": the folder is left as it is");

    // What the log has left behind already.
    std::size_t behind = 0;
    while (behind < segments_.size() && segments_[behind].header.number < oldest)
      leftovers_.push_back(segments_[behind++].path);
    segments_.erase(segments_.begin(), segments_.begin() + static_cast<std::ptrdiff_t>(behind));
    wrong.erase(wrong.begin(), wrong.begin() + static_cast<std::ptrdiff_t>(behind));

    for (std::size_t i = 0; i < segments_.size(); ++i) {
      replayed_segment& each = segments_[i];
      if (wrong[i] != nullptr) {
        damage(each, 0, header_size, wrong[i]);
        each.header.identity = good->header.identity;
        each.header.type = good->header.type;
        each.header.filled = header_size;
      }
      if (i > 0 && each.header.number != segments_[i - 1].header.number + 1)
        damage(each, 0, 0, "comes after a file that is missing");
    }
  }

  void read_segment(std::size_t index) {
    replayed_segment& here = segments_[index];
    const bool last = index + 1 == segments_.size();
    // A damaged header behind this segment does not say where it ends.
    const std::uint64_t said_end = last ? 0 : segments_[index + 1].header.previous_end;
    if (const int error = bytes_.read(here.path, said_end != 0 ? said_end : UINT64_MAX, here.file_size); error != 0)
      raise_disk_error(here.path, error, "read");
    const std::string_view bytes = bytes_.view();
    const std::uint64_t identity = identity_of_records(here.header);
    std::uint64_t on_disk = std::max(header_size, here.header.filled);
    std::uint64_t at = header_size;
    record_view record;
    for (;;) {
      while (at != said_end && read_record(bytes, at, identity, record)) {
        apply(record, index, on_disk);
        at = record.end;
      }
      here.end = at;
      if (at == said_end) break;
      if (const std::uint64_t next = next_record(bytes, at, identity);
          last && !says_on_disk(bytes, at, next, identity, on_disk)) {
        torn(here, bytes, at, next);
        break;
      } else {
        damage(here, at, (next != 0 ? next : std::max<std::uint64_t>(bytes.size(), said_end)) - at, "has a bad record");
        if (next == 0) break;
        at = next;
      }
    }
    on_disk_ = std::min(on_disk, here.end);
    done_bytes_ += here.file_size;
    if (how_.progress) how_.progress(done_bytes_, all_bytes_);
  }

  void apply(const record_view& record, std::size_t segment, std::uint64_t& on_disk) {
    const std::uint64_t id = record.head.id;
    next_id_ = std::max(next_id_, id + 1);
    std::string_view body = record.body;
    switch (record.head.kind) {
      case record_kind::mark: {
        std::uint64_t until = 0;
        if (take_plain(body, until) && until <= record.offset) on_disk = std::max(on_disk, until);
        return;
      }
      case record_kind::message: {
        replayed_message& message = messages_[id];
        message = {};
        message.segment = segment;
        message.offset = record.offset;
        message.size = record.end - record.offset;
        if ((record.head.flags & flag_state) != 0) take_state(body, message.state, message.reason);
        next_id_ = std::max(next_id_, message.state.order + 1);
        if (how_.with_payloads) message.payload = body;
        return;
      }
      case record_kind::settled: messages_.erase(id); return;
      case record_kind::handed:
      case record_kind::returned:
      case record_kind::dead: apply_state(record, body); return;
    }
  }

  void apply_state(const record_view& record, std::string_view body) {
    const std::uint64_t id = record.head.id;
    record_state state;
    if (!take_plain(body, state)) return;
    next_id_ = std::max(next_id_, state.order + 1);
    const auto known = messages_.find(id);
    if (known == messages_.end()) return;
    replayed_message& message = known->second;
    // Two threads may write about the same message against the order of its hand-overs.
    const bool newer = record.head.kind == record_kind::dead || state.dead > message.state.dead ||
                       (state.dead == message.state.dead &&
                        (state.attempts > message.state.attempts ||
                         (state.attempts == message.state.attempts && record.head.kind == record_kind::returned)));
    if (!newer) return;
    message.state = state;
    if (record.head.kind == record_kind::dead) message.reason = body;
  }

  static void take_state(std::string_view& body, record_state& state, std::string& reason) {
    std::uint32_t size = 0;
    if (!take_plain(body, state) || !take_plain(body, size) || size > body.size()) return;
    reason = body.substr(0, size);
    body.remove_prefix(size);
  }

  /// The first good record behind a bad one; 0 where there is none.
  static std::uint64_t next_record(std::string_view bytes, std::uint64_t bad, std::uint64_t identity) noexcept {
    record_view record;
    for (std::uint64_t at = padded(bad + 1); at + sizeof(record_head) <= bytes.size(); at += 8)
      if (read_record(bytes, at, identity, record)) return at;
    return 0;
  }

  /// Whether a mark, before or behind, says that what stands at `bad` was on disk.
  static bool says_on_disk(std::string_view bytes, std::uint64_t bad, std::uint64_t next, std::uint64_t identity,
                           std::uint64_t on_disk) noexcept {
    if (on_disk > bad) return true;
    record_view record;
    while (next != 0 && read_record(bytes, next, identity, record)) {
      std::uint64_t until = 0;
      std::string_view body = record.body;
      if (record.head.kind == record_kind::mark && take_plain(body, until) && until > bad) return true;
      next = record.end;
      if (!read_record(bytes, next, identity, record)) next = next_record(bytes, next, identity);
    }
    return false;
  }

  void torn(const replayed_segment& where, std::string_view bytes, std::uint64_t at, std::uint64_t next) {
    const auto zero = [](char c) { return c == 0; };
    if (next == 0) {
      const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(at, bytes.size()));
      if (std::all_of(begin, bytes.end(), zero)) return;  // room that was not used yet
    }
    std::size_t end = bytes.size();
    while (end > at && bytes[end - 1] == 0) --end;
    findings_.push_back({recovery::kind::torn_tail, where.path, at, end - at,
                         "kew: the end of " + where.path + ", " + std::to_string(end - at) + " bytes from offset " +
                             std::to_string(at) + ", was being written when it stopped, and is cut off"});
  }

  void damage(replayed_segment& where, std::uint64_t offset, std::uint64_t size, const std::string& what) {
    const std::string place = what + " at offset " + std::to_string(offset);
    if (!how_.repair)
      refuse_folder(where.path, place +
                                    ", where everything had been on disk: restore the folder from a copy, or open it "
                                    "with durable_options::repair, which leaves out what cannot be read");
    where.damaged = true;
    findings_.push_back({recovery::kind::damage, where.path, offset, size,
                         "kew: " + where.path + ' ' + place + "; " + std::to_string(size) + " bytes are left out"});
  }

  options how_;
  std::vector<replayed_segment> segments_{};
  std::unordered_map<std::uint64_t, replayed_message> messages_{};
  std::vector<recovery> findings_{};
  std::vector<std::string> leftovers_{};
  std::uint64_t next_id_ = 1;
  std::uint64_t on_disk_ = 0;
  file_bytes bytes_{};
  std::uint64_t all_bytes_ = 0;
  std::uint64_t done_bytes_ = 0;
};

}}}  // namespace kew::KEW_NAMESPACE::detail
