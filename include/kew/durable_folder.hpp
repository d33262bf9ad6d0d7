// durable_folder: what is in the folder of a durable_queue, for any type of message, and without changing anything.
//
// Use when     a tool inspects, checks or copies a folder. For the messages themselves: durable_queue.hpp.
// Avoid when   a durable_queue has the folder open: the constructor refuses then.
// Threads      one at a time.
// Progress     the constructor reads all of it, from 128 MB on with a second thread, and holds all messages in memory.
// Errors       durable_error, as from a durable_queue: for a folder that cannot be read, and for damage, unless it is
//              asked to go on.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <kew/config.hpp>
#include <kew/detail/disk/backlog.hpp>
#include <kew/detail/disk/disk_error.hpp>
#include <kew/detail/disk/file.hpp>
#include <kew/detail/disk/file_bytes.hpp>
#include <kew/detail/disk/record.hpp>
#include <kew/detail/disk/record_reader.hpp>
#include <kew/detail/disk/replay.hpp>
#include <kew/durable_options.hpp>
#include <kew/error.hpp>

namespace kew { inline namespace KEW_NAMESPACE {

/// What became of a damaged folder when it was read.
enum class on_damage : unsigned char {
  refuse,    ///< The constructor throws.
  leave_out  ///< What cannot be read is in findings().
};

/// A message that is kept in a folder.
struct durable_record {
  std::uint64_t number = 0;  ///< In the order of publishing.
  unsigned attempts = 0;     ///< How often it was handed over.
  unsigned failures = 0;     ///< How often that failed; an open hand-over is not counted.
  bool outstanding = false;  ///< Its last hand-over has not ended.
  bool dead = false;         ///< Whether it is a dead letter.
  std::string reason{};      ///< Why.
  std::string bytes{};       ///< As its codec has made them.
};

/// What is in a folder. durable_folder.hpp says when to use it.
class durable_folder {
 public:
  /// Reads it. `progress` is told now and then how many bytes of how many have been read.
  explicit durable_folder(const std::filesystem::path& folder, on_damage what = on_damage::refuse,
                          std::function<void(std::uint64_t done, std::uint64_t all)> progress = {}) {
    const std::string path = folder.string();
    detail::open_file lock;
    // A copy may have none.
    if (lock.open(detail::path_in(path, "lock"), detail::file_use::read) == 0 &&
        detail::file_lock(lock.get()) == EWOULDBLOCK)
      detail::raise_error(durable_error("kew: " + path + " is open, in this process or in another one", path,
                                        std::make_error_code(std::errc::operation_would_block)));
    detail::replay log(
        {.folder = path, .type = {}, .repair = what == on_damage::leave_out, .progress = std::move(progress)});
    findings_ = log.findings();
    for (const detail::replayed_segment& each : log.segments()) {
      type_ = each.header.type;
      ++sizes_.files;
      sizes_.bytes += each.file_size;
    }
    // The bytes of a message are read when it is known that it is still there.
    std::vector<std::uint64_t> ids;
    log.messages().for_each([&](std::uint64_t id, const detail::record_place&) {
      ids.push_back(id);
      return true;
    });
    std::sort(ids.begin(), ids.end(),
              [&](std::uint64_t a, std::uint64_t b) { return log.messages().order(a) < log.messages().order(b); });
    messages_.reserve(ids.size());
    detail::record_reader reader;
    for (const std::uint64_t id : ids) {
      const detail::record_place& place = *log.messages().find(id);
      const detail::backlog::state& known = log.messages().state_at(place);
      const detail::record_view record = reader.read(path, *log.segments()[place.segment()].kept, place);
      sizes_.kept += place.size();
      messages_.push_back({id, known.kept.attempts, known.kept.failures, known.kept.handed != 0, known.kept.dead != 0,
                           known.reason ? *known.reason : std::string(), std::string(detail::message_in(record))});
    }
  }

  /// The name of the type of message that it is recorded with; empty where there is no log in the folder.
  const std::string& type() const noexcept { return type_; }
  /// In the order in which they are delivered.
  const std::vector<durable_record>& messages() const noexcept { return messages_; }
  /// What opening it would cut off or, with durable_options::repair, leave out.
  const std::vector<recovery>& findings() const noexcept { return findings_; }
  /// Its size; `syncs` is 0.
  const durable_sizes& sizes() const noexcept { return sizes_; }

 private:
  std::string type_{};
  std::vector<durable_record> messages_{};
  std::vector<recovery> findings_{};
  durable_sizes sizes_{};
};

}}  // namespace kew::KEW_NAMESPACE
