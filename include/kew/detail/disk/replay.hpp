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
#include <utility>
#include <vector>

#include <kew/config.hpp>
#include <kew/detail/disk/backlog.hpp>
#include <kew/detail/disk/disk_error.hpp>
#include <kew/detail/disk/file.hpp>
#include <kew/detail/disk/file_bytes.hpp>
#include <kew/detail/disk/kept.hpp>
#include <kew/detail/disk/read_ahead.hpp>
#include <kew/detail/disk/record.hpp>
#include <kew/detail/disk/record_scan.hpp>
#include <kew/detail/machine/tuning.hpp>
#include <kew/durable_options.hpp>
#include <kew/error.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

struct replayed_segment {
  segment_header header;
  std::string path;
  std::uint64_t file_size = 0;
  std::uint64_t end = 0;  ///< Where its records end, as far as it has been read.
  bool damaged = false;
  std::unique_ptr<journal_segment> kept = std::make_unique<journal_segment>();
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
    /// From how many bytes on a second thread reads and checks ahead.
    std::uint64_t read_ahead_from = tuning::read_ahead_from;
    std::function<void(std::uint64_t done, std::uint64_t all)> progress{};  ///< In bytes of files.
    refusal_check refusal = nullptr;
  };

  explicit replay(options how) : how_(std::move(how)) {
    list();
    read_headers();
    read_ahead reader(files_to_read(), how_.refusal, all_bytes_ >= how_.read_ahead_from ? 2 : 1);
    for (std::size_t i = 0; i < segments_.size(); ++i) read_segment(i, reader);
    messages_.arrange();
  }

  std::vector<replayed_segment>& segments() noexcept { return segments_; }
  /// Those that are not settled; the segments of their places are those of segments().
  backlog& messages() noexcept { return messages_; }
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
  /// The records of the last segment behind on_disk().
  std::string last_bytes() const {
    const replayed_segment& last = segments_.back();
    std::string bytes(static_cast<std::size_t>(last.end - on_disk_), '\0');
    open_file file;
    std::size_t got = 0;
    int error = file.open(last.path, file_use::read);
    if (error == 0) error = file_read(file.get(), on_disk_, bytes.data(), bytes.size(), got);
    if (error != 0) raise_disk_error(last.path, error, "read");
    bytes.resize(got);
    return bytes;
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

  /// Where the records of a segment end as the next one says. 0: nowhere, or its header is damaged.
  std::uint64_t said_end(std::size_t index) const noexcept {
    return index + 1 < segments_.size() ? segments_[index + 1].header.previous_end : 0;
  }

  std::vector<file_to_read> files_to_read() const {
    std::vector<file_to_read> all;
    for (std::size_t i = 0; i < segments_.size(); ++i)
      all.push_back({segments_[i].path, identity_of_records(segments_[i].header),
                     said_end(i) != 0 ? std::min(said_end(i), segments_[i].file_size) : segments_[i].file_size});
    return all;
  }

  void read_segment(std::size_t index, read_ahead& reader) {
    replayed_segment& here = segments_[index];
    here.kept->number = here.header.number;
    here.kept->identity = identity_of_records(here.header);
    std::uint64_t on_disk = std::max(header_size, here.header.filled);
    const record_scan::outcome found =
        reader.next([&](const checked_record& record) { apply(record, index, on_disk); });
    if (found.error != 0) raise_disk_error(here.path, found.error, "read");
    here.end = found.at;
    here.file_size = found.file_size;
    if (!is_end(index, on_disk)) read_rest(index, on_disk);
    here.kept->size = here.end;
    on_disk_ = std::min(on_disk, here.end);
    done_bytes_ += here.file_size;
    if (how_.progress) how_.progress(done_bytes_, all_bytes_);
  }

  /// Whether the records of a segment end where they should: in the last one, before room that was not used yet.
  bool is_end(std::size_t index, std::uint64_t on_disk) const {
    const replayed_segment& here = segments_[index];
    if (index + 1 < segments_.size()) return here.end == said_end(index);
    bool is_unused = false;
    if (here.end < on_disk) return false;
    if (const int error = file_is_zero(here.path, here.end, is_unused); error != 0)
      raise_disk_error(here.path, error, "read");
    return is_unused;
  }

  /// From its end, as far as it is known, on: with all of the file in memory, to look behind a bad record.
  void read_rest(std::size_t index, std::uint64_t& on_disk) {
    replayed_segment& here = segments_[index];
    const bool last = index + 1 == segments_.size();
    const std::uint64_t said_end = this->said_end(index);
    const std::uint64_t identity = here.kept->identity;
    if (const int error = bytes_.begin(here.path, said_end != 0 ? said_end : UINT64_MAX, here.file_size); error != 0)
      raise_disk_error(here.path, error, "read");
    for (std::uint64_t& at = here.end;;) {
      record_view record;
      for (;;) {
        for (; at != said_end && read_record(bytes_.view(), at, identity, record); at = record.end)
          apply(checked_record(record, how_.refusal), index, on_disk);
        if (at == said_end || bytes_.is_complete()) break;
        if (const int error = bytes_.read_more(); error != 0) raise_disk_error(here.path, error, "read");
      }
      if (at == said_end) return;
      const std::string_view bytes = bytes_.view();
      const std::uint64_t next = next_record(bytes, at, identity);
      if (last && !says_on_disk(bytes, at, next, identity, on_disk)) return torn(here, bytes, at, next);
      damage(here, at, (next != 0 ? next : std::max<std::uint64_t>(bytes.size(), said_end)) - at, "has a bad record");
      if (next == 0) return;
      at = next;
    }
  }

  void apply(const checked_record& record, std::size_t segment, std::uint64_t& on_disk) {
    next_id_ = std::max(next_id_, record.id + 1);
    switch (record.kind) {
      case record_kind::mark: {
        std::uint64_t until = 0;
        std::string_view body = record.body;
        if (take_plain(body, until) && until <= record.offset) on_disk = std::max(on_disk, until);
        return;
      }
      case record_kind::message: apply_message(record, segment); return;
      case record_kind::settled:
        if (const record_place* const place = messages_.find(record.id)) {
          leave(*place);
          messages_.erase(record.id);
        }
        return;
      case record_kind::handed:
      case record_kind::returned:
      case record_kind::dead: apply_state(record); return;
    }
  }

  void apply_message(const checked_record& record, std::size_t segment) {
    const record_place before = messages_.put(record.id, record_place(segment, record.offset, record.size));
    if (!before.is_empty()) leave(before);
    segments_[segment].kept->add_waiting(record.size);
    record_state state;
    std::string_view body = record.body;
    std::string_view reason;
    if (!body.empty() && take_state(body, state, reason) && state != record_state{}) {
      next_id_ = std::max(next_id_, state.order + 1);
      backlog::state& known = messages_.state_of(*messages_.find(record.id));
      known.kept = state;
      known.reason = reason_of(reason);
    }
    if (record.refused)
      messages_.state_of(*messages_.find(record.id)).refusal = std::make_unique<const std::string>(*record.refused);
  }
  void leave(const record_place& before) noexcept { segments_[before.segment()].kept->remove_waiting(before.size()); }

  void apply_state(const checked_record& record) {
    std::string_view body = record.body;
    record_state state;
    if (!take_plain(body, state)) return;
    next_id_ = std::max(next_id_, state.order + 1);
    record_place* const place = messages_.find(record.id);
    if (place == nullptr) return;
    backlog::state& known = messages_.state_of(*place);
    // Two threads may write about the same message against the order of its hand-overs.
    const bool newer = record.kind == record_kind::dead || state.dead > known.kept.dead ||
                       (state.dead == known.kept.dead &&
                        (state.attempts > known.kept.attempts ||
                         (state.attempts == known.kept.attempts && record.kind == record_kind::returned)));
    if (!newer) return;
    known.kept = state;
    if (record.kind == record_kind::dead) known.reason = reason_of(body);
  }

  static std::unique_ptr<const std::string> reason_of(std::string_view text) {
    return text.empty() ? nullptr : std::make_unique<const std::string>(text);
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
    if (next == 0 && is_zero(bytes.substr(std::min<std::size_t>(static_cast<std::size_t>(at), bytes.size()))))
      return;  // room that was not used yet
    std::size_t end = bytes.size();
    while (end > at && bytes[end - 1] == 0) --end;
    findings_.push_back({recovery::kind::torn_tail, where.path, at, end - at,
                         "kew: the end of " + where.path + ", " + std::to_string(end - at) + " bytes from offset " +
                             std::to_string(at) + ", was being written when it stopped, and is cut off"});
  }

  void damage(replayed_segment& where, std::uint64_t offset, std::uint64_t size, const std::string& what) {
    const std::string place = what + " at offset " + std::to_string(offset);
    if (!how_.repair) refuse_damage(where.path, place);
    where.damaged = true;
    findings_.push_back({recovery::kind::damage, where.path, offset, size,
                         "kew: " + where.path + ' ' + place + "; " + std::to_string(size) + " bytes are left out"});
  }

  options how_;
  std::vector<replayed_segment> segments_{};
  backlog messages_{};
  std::vector<recovery> findings_{};
  std::vector<std::string> leftovers_{};
  std::uint64_t next_id_ = 1;
  std::uint64_t on_disk_ = 0;
  file_bytes bytes_{};
  std::uint64_t all_bytes_ = 0;
  std::uint64_t done_bytes_ = 0;
};

}}}  // namespace kew::KEW_NAMESPACE::detail
