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
    int error = begin(path, most, size);
    while (error == 0 && !is_complete()) error = read_more(wanted_);
    return error;
  }

  /// The same, to be read piece by piece.
  int begin(const std::string& path, std::uint64_t most, std::uint64_t& size) {
    size_ = wanted_ = 0;
    if (const int error = file_.open(path, file_use::read); error != 0) return error;
    if (const int error = file_size(file_.get(), size); error != 0) return error;
    wanted_ = static_cast<std::size_t>(std::min(size, most));
    if (wanted_ > room_) {
      bytes_ = std::make_unique_for_overwrite<char[]>(wanted_);
      room_ = wanted_;
    }
    return 0;
  }
  /// The next piece, of so many bytes at most.
  int read_more(std::size_t most = a_piece) {
    const std::size_t size = std::min(most, wanted_ - size_);
    std::size_t got = 0;
    const int error = file_read(file_.get(), size_, bytes_.get() + size_, size, got);
    size_ += got;
    if (error != 0 || got < size) wanted_ = size_;
    if (is_complete()) file_.close();
    return error;
  }
  bool is_complete() const noexcept { return size_ == wanted_; }

  /// What has been read.
  std::string_view view() const noexcept { return {bytes_.get(), size_}; }

 private:
  /// Small enough to be in the caches still when it is looked at.
  static constexpr std::size_t a_piece = std::size_t{1} << 18;

  open_file file_{};
  std::unique_ptr<char[]> bytes_{};
  std::size_t room_ = 0;
  std::size_t wanted_ = 0;
  std::size_t size_ = 0;
};

/// A message that is in the log, and not settled.
struct replayed_message {
  std::uint64_t id = 0;
  record_state state{};
  std::unique_ptr<const std::string> reason{};  ///< Null where there is none.
  std::string payload{};
  std::size_t segment = 0;   ///< The index of the segment where its bytes are.
  std::uint64_t offset = 0;  ///< Of the record.
  std::uint64_t size = 0;    ///< Of the record.

  /// Where it is among the others: what came back is behind what was ready then.
  std::uint64_t order() const noexcept { return state.order != 0 ? state.order : id; }
};

/// The messages of a log by their ids, most of which are near each other, and come and go in their order.
class replayed_messages {
 public:
  /// Null where there is none.
  replayed_message* find(std::uint64_t id) noexcept {
    page* const where = page_of(id);
    return where != nullptr ? where->messages[id % in_a_page] : nullptr;
  }
  /// A new one, also where there was one.
  replayed_message& put(std::uint64_t id) {
    page* where = page_of(id);
    if (where == nullptr) {
      where = &pages_[id / in_a_page];
      last_number_ = id / in_a_page;
      last_ = where;
    }
    replayed_message*& place = where->messages[id % in_a_page];
    if (place == nullptr) {
      place = &unused();
      ++where->count;
      ++count_;
    }
    *place = {};
    place->id = id;
    return *place;
  }
  void erase(std::uint64_t id) noexcept {
    page* const where = page_of(id);
    if (where == nullptr || where->messages[id % in_a_page] == nullptr) return;
    replayed_message*& place = where->messages[id % in_a_page];
    place->payload.clear();
    place->reason.reset();
    unused_.push_back(std::exchange(place, nullptr));  // unused() has reserved it
    --count_;
    if (--where->count > 0) return;
    last_ = nullptr;
    pages_.erase(id / in_a_page);
  }

  /// In the order in which they are delivered.
  std::vector<replayed_message*> in_order() {
    std::vector<replayed_message*> all;
    all.reserve(count_);
    std::vector<std::uint64_t> numbers;
    numbers.reserve(pages_.size());
    for (const auto& [number, where] : pages_) numbers.push_back(number);
    std::sort(numbers.begin(), numbers.end());
    for (const std::uint64_t number : numbers)
      for (replayed_message* const each : pages_.find(number)->second.messages)
        if (each != nullptr) all.push_back(each);
    const auto earlier = [](const replayed_message* a, const replayed_message* b) { return a->order() < b->order(); };
    if (!std::is_sorted(all.begin(), all.end(), earlier)) std::sort(all.begin(), all.end(), earlier);
    return all;
  }

 private:
  static constexpr std::size_t in_a_page = 64;

  struct page {
    replayed_message* messages[in_a_page] = {};
    std::size_t count = 0;
  };

  page* page_of(std::uint64_t id) noexcept {
    const std::uint64_t number = id / in_a_page;
    if (last_ != nullptr && number == last_number_) return last_;
    const auto found = pages_.find(number);
    if (found == pages_.end()) return nullptr;
    last_number_ = number;
    return last_ = &found->second;
  }

  replayed_message& unused() {
    if (unused_.empty()) {
      chunks_.push_back(std::make_unique<replayed_message[]>(in_a_page));
      unused_.reserve(chunks_.size() * in_a_page);
      for (std::size_t i = in_a_page; i-- > 0;) unused_.push_back(&chunks_.back()[i]);
    }
    replayed_message& taken = *unused_.back();
    unused_.pop_back();
    return taken;
  }

  std::unordered_map<std::uint64_t, page> pages_{};
  std::uint64_t last_number_ = 0;
  page* last_ = nullptr;  ///< That of last_number_; its place in memory stays.
  std::size_t count_ = 0;
  std::vector<std::unique_ptr<replayed_message[]>> chunks_{};
  std::vector<replayed_message*> unused_{};
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
  /// In the order in which they are delivered.
  std::vector<replayed_message*> messages() { return messages_.in_order(); }
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
    if (!last) file_prepare_read(segments_[index + 1].path);
    if (const int error = bytes_.begin(here.path, said_end != 0 ? said_end : UINT64_MAX, here.file_size); error != 0)
      raise_disk_error(here.path, error, "read");
    const std::uint64_t identity = identity_of_records(here.header);
    std::uint64_t on_disk = std::max(header_size, here.header.filled);
    std::uint64_t at = header_size;
    record_view record;
    for (;;) {
      for (;;) {
        while (at != said_end && read_record(bytes_.view(), at, identity, record)) {
          apply(record, index, on_disk);
          at = record.end;
        }
        if (at == said_end || bytes_.is_complete()) break;
        if (const int error = bytes_.read_more(); error != 0) raise_disk_error(here.path, error, "read");
      }
      here.end = at;
      if (at == said_end) break;
      const std::string_view bytes = bytes_.view();
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
        replayed_message& message = messages_.put(id);
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
    replayed_message* const known = messages_.find(id);
    if (known == nullptr) return;
    replayed_message& message = *known;
    // Two threads may write about the same message against the order of its hand-overs.
    const bool newer = record.head.kind == record_kind::dead || state.dead > message.state.dead ||
                       (state.dead == message.state.dead &&
                        (state.attempts > message.state.attempts ||
                         (state.attempts == message.state.attempts && record.head.kind == record_kind::returned)));
    if (!newer) return;
    message.state = state;
    if (record.head.kind == record_kind::dead) message.reason = reason_of(body);
  }

  static std::unique_ptr<const std::string> reason_of(std::string_view text) {
    return text.empty() ? nullptr : std::make_unique<const std::string>(text);
  }

  static void take_state(std::string_view& body, record_state& state, std::unique_ptr<const std::string>& reason) {
    std::uint32_t size = 0;
    if (!take_plain(body, state) || !take_plain(body, size) || size > body.size()) return;
    reason = reason_of(body.substr(0, size));
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

  static bool is_zero(std::string_view bytes) noexcept {
    // Each byte is as the one before it: the comparison of the library is many times as fast as a loop.
    return bytes.empty() || (bytes[0] == 0 && bytes.substr(1) == bytes.substr(0, bytes.size() - 1));
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
  replayed_messages messages_{};
  std::vector<recovery> findings_{};
  std::vector<std::string> leftovers_{};
  std::uint64_t next_id_ = 1;
  std::uint64_t on_disk_ = 0;
  file_bytes bytes_{};
  std::uint64_t all_bytes_ = 0;
  std::uint64_t done_bytes_ = 0;
};

}}}  // namespace kew::KEW_NAMESPACE::detail
