// What stands in a file of the log: a header, and records one after the other.
//
//   segment_header   magic · number, identity · where the segment before ends · oldest segment · first id · how much was
//                    written before the file got its name · the name of the type · CRC
//   record           head: CRC of the head · CRC of the body · size of the body · magic · kind · flags · id; then the body,
//                    then zeros up to a multiple of 8
//
// The CRC of a head covers the identity of its segment and its own offset, so neither stale bytes nor a record that was
// moved can pass. All numbers are in the byte order of the machine, whose order the magic shows.
//
// A `mark` stands before the records of each write. It says up to where the segment was on disk at that time, so a bad
// record before that offset had been confirmed once: that is damage. A bad record behind it was being written.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include <kew/config.hpp>
#include <kew/detail/disk/crc32c.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// Of the format. A folder of another one is refused.
inline constexpr std::uint32_t disk_version = 1;

template <class T>
void append_plain(std::string& bytes, const T& value) {
  static_assert(std::is_trivially_copyable_v<T>);
  char raw[sizeof(T)];
  std::memcpy(raw, &value, sizeof(T));
  bytes.append(raw, sizeof(T));
}

/// Takes a T from the front of `bytes`; false where they are too few.
template <class T>
bool take_plain(std::string_view& bytes, T& value) noexcept {
  static_assert(std::is_trivially_copyable_v<T>);
  if (bytes.size() < sizeof(T)) return false;
  std::memcpy(&value, bytes.data(), sizeof(T));
  bytes.remove_prefix(sizeof(T));
  return true;
}

// ---- Segments --------------------------------------------------------------------------------------------------

struct segment_header {
  std::uint64_t number = 0;
  std::uint64_t identity = 0;
  /// Where the records of segment number - 1 end; 0 where there is none.
  std::uint64_t previous_end = 0;
  /// Segments below this number are not part of the log any more.
  std::uint64_t oldest = 0;
  /// Above every id that was given before.
  std::uint64_t first_id = 0;
  /// Up to where the segment was written before it got its name.
  std::uint64_t filled = 0;
  std::string type;
};

inline constexpr std::uint64_t segment_magic = 0x6b65'772d'6c6f'6701;  // "kew-log" and a byte that shows the order
inline constexpr std::size_t most_type_name = 1024;
/// Records begin here.
inline constexpr std::uint64_t header_size = 2048;

inline std::string encode_header(const segment_header& header) {
  std::string bytes;
  append_plain(bytes, segment_magic);
  append_plain(bytes, disk_version);
  append_plain(bytes, header.number);
  append_plain(bytes, header.identity);
  append_plain(bytes, header.previous_end);
  append_plain(bytes, header.oldest);
  append_plain(bytes, header.first_id);
  append_plain(bytes, header.filled);
  append_plain(bytes, static_cast<std::uint32_t>(header.type.size()));
  bytes += header.type;
  append_plain(bytes, crc32c().add(bytes).value());
  bytes.resize(header_size);
  return bytes;
}

/// Nothing where `bytes` is a header of this version; else what is wrong with it.
inline const char* decode_header(std::string_view bytes, segment_header& header) {
  const std::string_view all = bytes;
  std::uint64_t magic = 0;
  std::uint32_t version = 0;
  std::uint32_t length = 0;
  std::uint32_t crc = 0;
  if (!take_plain(bytes, magic) || magic != segment_magic) return "is no file of a kew log";
  if (!take_plain(bytes, version) || version != disk_version) return "was written by another version of kew";
  if (!take_plain(bytes, header.number) || !take_plain(bytes, header.identity) ||
      !take_plain(bytes, header.previous_end) || !take_plain(bytes, header.oldest) ||
      !take_plain(bytes, header.first_id) || !take_plain(bytes, header.filled) || !take_plain(bytes, length) ||
      length > most_type_name || bytes.size() < length)
    return "has a damaged header";
  header.type = bytes.substr(0, length);
  bytes.remove_prefix(length);
  const std::size_t covered = all.size() - bytes.size();
  if (!take_plain(bytes, crc) || crc != crc32c().add(all.substr(0, covered)).value()) return "has a damaged header";
  return nullptr;
}

inline constexpr std::string_view segment_ending = ".kew";

inline std::string segment_name(std::uint64_t number) {
  char digits[17];
  std::snprintf(digits, sizeof(digits), "%016llx", static_cast<unsigned long long>(number));
  return digits + std::string(segment_ending);
}

/// Where a file of the folder is.
inline std::string path_in(const std::string& folder, const std::string& name) { return folder + '/' + name; }

/// The number in the name of a segment's file; nothing for another name.
inline std::optional<std::uint64_t> number_of_segment(std::string_view name) noexcept {
  constexpr std::size_t digits = 16;
  if (name.size() != digits + segment_ending.size() || !name.ends_with(segment_ending)) return {};
  std::uint64_t number = 0;
  for (const char c : name.substr(0, digits)) {
    if (c >= '0' && c <= '9')
      number = number << 4 | static_cast<std::uint64_t>(c - '0');
    else if (c >= 'a' && c <= 'f')
      number = number << 4 | static_cast<std::uint64_t>(c - 'a' + 10);
    else
      return {};
  }
  return number;
}

// ---- Records ---------------------------------------------------------------------------------------------------

enum class record_kind : std::uint8_t {
  mark = 1,      // body: up to which offset the segment was on disk
  message = 2,   // body: the message; with flag_state, the state of it before
  handed = 3,    // a hand-over; body: record_state
  returned = 4,  // a requeue; body: record_state
  dead = 5,      // body: record_state, reason
  settled = 6    // the message has left the queue
};

/// In record_head::flags: the body of a message begins with record_state, the size of the reason, and the reason.
inline constexpr std::uint8_t flag_state = 1;

struct record_head {
  std::uint32_t head_crc = 0;
  std::uint32_t body_crc = 0;
  std::uint32_t size = 0;
  std::uint16_t magic = 0;
  record_kind kind{};
  std::uint8_t flags = 0;
  std::uint64_t id = 0;
};
static_assert(sizeof(record_head) == 24 && std::is_trivially_copyable_v<record_head>);

inline constexpr std::uint16_t record_magic = 0x776b;
/// The longest message, in bytes.
inline constexpr std::uint64_t most_record = 0xf000'0000;

/// What the log knows of a message besides its bytes.
struct record_state {
  std::uint32_t attempts = 0;  // hand-overs
  std::uint32_t failures = 0;
  std::uint8_t handed = 0;  // the last hand-over has not ended
  std::uint8_t dead = 0;
  std::uint8_t unused[6] = {};
  std::uint64_t order = 0;  // what came back goes behind those with a lower one; 0 for the id
  std::int64_t due = 0;     // in nanoseconds of the calendar: the message is delayed until then
  std::int64_t delay = 0;   // what was asked for, so that a calendar that was set cannot make it longer

  friend bool operator==(const record_state&, const record_state&) = default;
};
static_assert(sizeof(record_state) == 40 && std::is_trivially_copyable_v<record_state>);

constexpr std::uint64_t padded(std::uint64_t size) noexcept { return (size + 7) & ~std::uint64_t{7}; }

/// How many bytes a record with such a body takes.
constexpr std::uint64_t record_size(std::uint64_t body) noexcept { return sizeof(record_head) + padded(body); }

inline constexpr std::uint64_t mark_size = record_size(sizeof(std::uint64_t));

/// The four bytes at offset 12 of a head, and the eight around them: in whole words, because a load that spans several
/// stores waits for them.
/// @{
inline std::uint32_t words_in_one(std::uint16_t first, std::uint8_t second, std::uint8_t third) noexcept {
  if constexpr (std::endian::native == std::endian::little)
    return first | std::uint32_t{second} << 16 | std::uint32_t{third} << 24;
  else
    return std::uint32_t{first} << 16 | std::uint32_t{second} << 8 | third;
}
inline std::uint64_t words_in_one(std::uint32_t first, std::uint32_t second) noexcept {
  if constexpr (std::endian::native == std::endian::little)
    return first | std::uint64_t{second} << 32;
  else
    return std::uint64_t{first} << 32 | second;
}
inline std::uint64_t middle_of(const record_head& head) noexcept {
  return words_in_one(head.size, words_in_one(head.magic, static_cast<std::uint8_t>(head.kind), head.flags));
}
/// @}

inline std::uint32_t crc_of_head(const record_head& head, std::uint64_t identity, std::uint64_t offset) noexcept {
  return crc32c().add(identity, offset, head.body_crc, middle_of(head), head.id).value();
}

/// Completes a head for its place, over 24 bytes at `to`.
inline void write_head(char* to, record_head head, std::uint64_t identity, std::uint64_t offset) noexcept {
  head.magic = record_magic;
  const std::uint64_t words[] = {words_in_one(crc_of_head(head, identity, offset), head.body_crc), middle_of(head),
                                 head.id};
  static_assert(sizeof(words) == sizeof(head));
  std::memcpy(to, words, sizeof(words));
}

/// A record in the bytes of a segment. The views are into those.
struct record_view {
  record_head head;
  std::string_view body;
  std::uint64_t offset = 0;
  std::uint64_t end = 0;
};

/// The record at `offset` of a segment, if a whole one is there. `bytes` are those of the segment from `begin` on.
inline bool read_record(std::string_view bytes, std::uint64_t offset, std::uint64_t identity, record_view& record,
                        std::uint64_t begin = 0) noexcept {
  const std::uint64_t at = offset - begin;
  if (bytes.size() < sizeof(record_head) || at > bytes.size() - sizeof(record_head)) return false;
  std::memcpy(&record.head, bytes.data() + at, sizeof(record_head));
  if (record.head.magic != record_magic) return false;
  if (record.head.head_crc != crc_of_head(record.head, identity, offset)) return false;
  record.offset = offset;
  record.end = offset + record_size(record.head.size);
  if (record.end - begin > bytes.size()) return false;
  record.body = bytes.substr(at + sizeof(record_head), record.head.size);
  return record.head.body_crc == crc32c().add(record.body).value();
}

/// What stands before the message in a body with flag_state, which is taken from it; false where it is not all there.
inline bool take_state(std::string_view& body, record_state& state, std::string_view& reason) noexcept {
  std::uint32_t size = 0;
  if (!take_plain(body, state) || !take_plain(body, size) || size > body.size()) return false;
  reason = body.substr(0, size);
  body.remove_prefix(size);
  return true;
}

/// The message in the record of one.
inline std::string_view message_in(const record_view& record) noexcept {
  std::string_view body = record.body;
  record_state state;
  std::string_view reason;
  if ((record.head.flags & flag_state) != 0) take_state(body, state, reason);
  return body;
}

}}}  // namespace kew::KEW_NAMESPACE::detail
