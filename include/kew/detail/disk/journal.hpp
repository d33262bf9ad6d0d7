// The log of a durable queue: what was published, and what became of it, in files of a folder. Knows nothing of T.
//
// Write        every call appends a record to a buffer and returns its position. write() hands the buffer to the
//              operating system, which keeps it when the process is killed; commit() also waits until it is on disk,
//              unless the log syncs by interval. The thread that syncs covers everything that was appended before it
//              began, others wait for it, and so no timer is needed for a group. It syncs for those that came too late, too,
//              a few times; then one of them leads.
// Files        segments of a fixed size, reserved when they are made, so that a full disk is found then, when nothing has
//              been written yet. For what is not a new message a part of each is kept, and one more file: so on a full
//              disk, and even when opened on one, messages can still be acknowledged, which makes room. To have enough of
//              it, hand-overs are not counted on a full disk.
// Old files    go from the oldest on, when no message in it is left. So a record is never there without the message
//              that it is about being either there or gone with all its records. A few old messages do not keep much
//              behind them: when the log is much larger than what it holds, they are written again at its end.
// Opening      always begins a new segment, which says where the one before ends; what was not known to be on disk is
//              written into it again. So bytes behind a torn end are never taken for records, and nothing depends on
//              what the memory of the operating system shows after a failed sync. Where all of the last segment is
//              written again, the new one takes its name.
// Backlog      what was there when the log was opened stays on disk until the queue takes it, one message after the other.
//              Until then it is copied and kept with the others.
// Errors       a write or a sync that failed, and a folder that cannot be synced, are final: this and every later call
//              throws durable_error. A segment that cannot be made (a full disk) is not: the call has done nothing.
// Threads      any number. Records about the same message are ordered by the caller.
#pragma once

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <iterator>
#include <memory>
#include <stdexcept>
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
#include <kew/detail/disk/message_block.hpp>
#include <kew/detail/disk/record.hpp>
#include <kew/detail/disk/record_reader.hpp>
#include <kew/detail/disk/record_scan.hpp>
#include <kew/detail/disk/replay.hpp>
#include <kew/detail/machine/clock.hpp>
#include <kew/detail/machine/futex.hpp>
#include <kew/detail/machine/min_max.hpp>
#include <kew/detail/machine/sync.hpp>
#include <kew/detail/machine/thread.hpp>
#include <kew/detail/machine/tuning.hpp>
#include <kew/detail/message/lane.hpp>
#include <kew/detail/wait/mutex.hpp>
#include <kew/detail/wait/wait_point.hpp>
#include <kew/durable_options.hpp>
#include <kew/error.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

class journal {
 public:
  struct options {
    std::string folder{};
    std::string type{};
    std::chrono::nanoseconds interval{0};  ///< 0: sync each.
    std::uint64_t segment_size = std::uint64_t{64} << 20;
    bool repair = false;
    std::function<void(const recovery&)> on_recovery{};
    std::uint64_t read_ahead_from = tuning::read_ahead_from;  ///< As in replay::options.
    refusal_check refusal = nullptr;                          ///< The same.
  };

  /// So many bytes were appended before, in this and all earlier segments.
  using position = std::uint64_t;

  /// A message that is on disk only. The payload is good until the next one is looked at.
  struct waiting_message {
    journal_message& message;
    const std::string* reason;  ///< Of a dead letter; null where it has none.
    std::string_view payload;
  };

  explicit journal(options how) : how_(std::move(how)) {
    how_.segment_size = min(max(how_.segment_size, smallest_segment), largest_segment);
    if (how_.type.size() > most_type_name)
      raise_error(std::invalid_argument("kew: the name of a type of message has " + std::to_string(how_.type.size()) +
                                        " characters, more than " + std::to_string(most_type_name) +
                                        ": give it a shorter one, codec<T>::name"));
    make_folder(how_.folder);
    lock_folder();
    open_log();
    if (by_interval()) flusher_ = thread([this] { flush(); });
  }
  journal(const journal&) = delete;
  journal& operator=(const journal&) = delete;

  /// Syncs what is left.
  ~journal() {
    if (flusher_.joinable()) {
      {
        const mutex::guard locked(mutex_);
        stopping_ = true;
      }
      idle_.notify_all();
      flusher_.join();
    }
    const mutex::guard locked(mutex_);
    if (!syncing_) sync_here();
  }

  // ---- The backlog: what was in the folder, and stays on disk until it is wanted ---------------------------------

  /// How many there are in that lane.
  std::size_t waiting(lane of) noexcept {
    const mutex::guard locked(mutex_);
    return backlog_.waiting(of);
  }

  /// The first one of a lane that is not empty. Throws durable_error where it cannot be read. By one thread at a time, as
  /// take().
  waiting_message peek(lane of) {
    const mutex::guard locked(mutex_);
    journal_message*& next = candidates_[index(of)];
    if (next == nullptr) next = &messages_.take();
    next->id = backlog_.first(of);
    const record_place& place = *backlog_.find(next->id);
    const backlog::state& known = backlog_.state_at(place);
    next->state = known.kept;
    return {*next, known.reason.get(), message_in(read(readers_[index(of)], place))};
  }
  /// The one that peek() has shown leaves the backlog, and is like any other from now on.
  void take(lane of) noexcept {
    const mutex::guard locked(mutex_);
    adopt(*std::exchange(candidates_[index(of)], nullptr));
    if (backlog_.waiting(of) > 0) return;
    readers_[index(of)].close();
    if (backlog_.is_empty()) backlog_ = {};
  }

  /// Takes those of the backlog for which `is_wanted(backlog::state)`, in order, and calls `use(waiting_message, refusal)`
  /// for each, with null where it can be decoded. Only what is not as it was published is asked about. Before other threads
  /// call anything.
  template <class Wanted, class Use>
  void take_early(Wanted is_wanted, Use use) {
    for (const std::uint64_t id : backlog_.with_state()) {
      record_place& place = *backlog_.find(id);
      if (!is_wanted(backlog_.state_at(place))) continue;
      const std::unique_ptr<const std::string> refusal = std::move(backlog_.state_of(place).refusal);
      const lane in = backlog_.state_at(place).in();
      journal_message& message = messages_.take();
      message.id = id;
      message.state = backlog_.state_at(place).kept;
      const std::string_view payload = message_in(read(readers_[index(in)], place));
      adopt(message);
      use(waiting_message{message, message.reason.get(), payload}, refusal.get());
    }
    for (record_reader& each : readers_) each.close();
  }

  // ---- Records ---------------------------------------------------------------------------------------------------

  /// To be committed. If it throws, the message is not in the log.
  position publish(std::string_view payload, journal_message*& added) {
    check_size(payload.size());
    const std::uint32_t crc = crc32c().add(payload).value();
    mutex::guard locked(mutex_);
    return publish(locked, payload, crc, added);
  }

  /// The same for all of the block. `added`, which has room for them, gets those that are in the log, up to `end`; after
  /// an exception, too.
  void publish_n(message_block& block, std::vector<journal_message*>& added, position& end) {
    mutex::guard locked(mutex_);
    for (std::size_t first = 0; first < block.size();) {
      make_room(locked, block.record(first).size(), true);
      const std::size_t behind = fitting(block, first);
      const std::string_view records = block.records(first, behind);
      messages_.reserve(behind - first);
      pending_.reserve(pending_.size() + mark_size + records.size());
      begin_batch();
      journal_segment& here = *segments_.back();
      for (; first < behind; ++first) {
        journal_message& message = messages_.take();
        message.id = next_id_++;
        message.offset = offset_of(appended_);
        message.size = block.record(first).size();
        block.complete(first, message.id, here.identity, message.offset);
        appended_ += message.size;
        here.add(message);
        added.push_back(&message);
      }
      pending_ += records;
      end = appended();
    }
  }

  /// publish and commit.
  void publish_and_commit(std::string_view payload, journal_message*& added) {
    check_size(payload.size());
    const std::uint32_t crc = crc32c().add(payload).value();
    mutex::guard locked(mutex_);
    commit(locked, publish(locked, payload, crc, added));
  }

  /// The same as publish, for a message that is a dead letter from the beginning.
  position publish_dead(std::string_view payload, journal_message*& added) {
    check_size(payload.size());
    mutex::guard locked(mutex_);
    const std::uint64_t size = size_with_state({}, payload);
    make_room(locked, size, true);
    journal_message& message = messages_.take();
    message.state.dead = 1;
    message.size = size;
    message.id = next_id_++;
    begin_batch();
    message.offset = offset_of(appended_);
    append_message(pending_, *segments_.back(), message.offset, message.id, message.state, {}, payload);
    appended_ += size;
    return add(message, added);
  }

  /// The message is handed over, for so many times in all. Not on disk before the next commit of whatever comes after
  /// it; after a power cut it may not have been. Not in the log at all on a full disk.
  position handed(journal_message& message, unsigned attempts, unsigned failures) {
    mutex::guard locked(mutex_);
    record_state next = message.state;
    next.attempts = attempts;
    next.failures = failures;
    next.handed = 1;
    next.due = next.delay = 0;
    if (full_) {
      message.state = next;
      return written_;
    }
    return change(locked, message, record_kind::handed, next, {});
  }

  /// The message came back, to be ready at that time of the calendar or now, behind those that are ready.
  position returned(journal_message& message, unsigned attempts, unsigned failures, std::int64_t due,
                    std::int64_t delay) {
    mutex::guard locked(mutex_);
    record_state next = message.state;
    next.attempts = attempts;
    next.failures = failures;
    next.handed = 0;
    next.order = next_id_++;
    next.due = due;
    next.delay = delay;
    return change(locked, message, record_kind::returned, next, {});
  }

  /// The message is a dead letter now, or is one again, handed over as such so many times. Behind the others.
  position died(journal_message& message, std::string_view reason, unsigned attempts, unsigned failures) {
    mutex::guard locked(mutex_);
    record_state next;
    next.dead = 1;
    next.attempts = attempts;
    next.failures = failures;
    next.order = next_id_++;
    auto why = reason.empty() ? nullptr : std::make_unique<const std::string>(reason);
    const position end = change(locked, message, record_kind::dead, next, reason);
    message.reason = std::move(why);
    return end;
  }

  /// The message has left the queue. Afterwards the journal_message is gone.
  position settled(journal_message& message) {
    mutex::guard locked(mutex_);
    make_room(locked, record_size(0), false);
    append({0, crc32c().value(), 0, 0, record_kind::settled, 0, message.id}, {}, {});
    message.segment->remove(message);
    messages_.give_back(message);
    return appended();
  }

  // ---- Where it is kept ------------------------------------------------------------------------------------------

  /// Returns when everything up to `end` outlives the process.
  void write(position end) {
    mutex::guard locked(mutex_);
    write_until(end);
  }

  /// Returns when everything up to `end` is on disk; with an interval, when it outlives the process.
  void commit(position end) {
    mutex::guard locked(mutex_);
    commit(locked, end);
  }

  /// Returns when everything is on disk.
  void sync() {
    mutex::guard locked(mutex_);
    sync_until(locked, appended_);
  }

  /// Throws where the log has failed.
  void check() {
    const mutex::guard locked(mutex_);
    if (failed()) raise_failure();
  }

  durable_sizes measure() {
    const mutex::guard locked(mutex_);
    durable_sizes all{segments_.size(), 0, alive(), syncs_};
    for (const auto& segment : segments_) all.bytes += segment->size;
    return all;
  }

  const std::string& folder() const noexcept { return how_.folder; }

  static void say(const std::function<void(const recovery&)>& to, const recovery& what) {
    if (to)
      to(what);
    else
      std::fprintf(stderr, "%s\n", what.text.c_str());
  }

 private:
  static constexpr std::uint64_t smallest_segment = 4096;
  static constexpr std::uint64_t largest_segment = record_place::most_offset / 2;

  bool by_interval() const noexcept { return how_.interval > std::chrono::nanoseconds::zero(); }
  std::string path_of(std::uint64_t number) const { return path_in(how_.folder, segment_name(number)); }

  // ---- The backlog ---------------------------------------------------------------------------------------------

  journal_segment& segment_of(const record_place& place) noexcept { return *segments_[place.segment() - removed_]; }

  record_view read(record_reader& reader, const record_place& place) {
    return reader.read(how_.folder, segment_of(place), place);
  }

  void move_waiting(record_place& place, journal_segment& into, const record_place& to) noexcept {
    segment_of(place).remove_waiting(place.size());
    backlog::move(place, to);
    into.add_waiting(place.size());
  }

  void adopt(journal_message& message) noexcept {
    record_place& place = *backlog_.find(message.id);
    message.offset = place.offset();
    message.size = place.size();
    message.reason = backlog_.take_reason(place);
    journal_segment& here = segment_of(place);
    here.remove_waiting(message.size);
    here.add(message);
    backlog_.erase(message.id);
  }

  // ---- Opening ---------------------------------------------------------------------------------------------------

  static void make_folder(const std::string& folder) {
    int error = folder_make(folder);
    const std::size_t slash = folder.find_last_of('/');
    const std::string above = slash == std::string::npos ? "." : folder.substr(0, max<std::size_t>(slash, 1));
    if (error == ENOENT && above != folder && above != ".") {
      make_folder(above);
      error = folder_make(folder);
    }
    if (error == EEXIST) return;
    if (error == 0) error = folder_sync(above);
    if (error != 0) raise_disk_error(folder, error, "make the folder");
  }

  void lock_folder() {
    const std::string path = path_in(how_.folder, "lock");
    if (const int error = lock_.open(path, file_use::lock); error != 0) raise_disk_error(path, error, "write");
    const int error = file_lock(lock_.get());
    if (error == EWOULDBLOCK)
      raise_error(durable_error("kew: " + how_.folder +
                                    " is open already, in this process or in another one: a folder "
                                    "has one durable_queue at a time",
                                how_.folder, std::error_code(error, std::generic_category())));
    if (error != 0) raise_disk_error(path, error, "lock");
  }

  void open_log() {
    replay log({.folder = how_.folder,
                .type = how_.type,
                .repair = how_.repair,
                .read_ahead_from = how_.read_ahead_from,
                .refusal = how_.refusal});
    for (const recovery& finding : log.findings()) say(how_.on_recovery, finding);
    backlog_ = std::move(log.messages());

    std::uint64_t alive = 0;
    std::uint64_t all = 0;
    for (replayed_segment& each : log.segments()) {
      all += each.end;
      alive += each.kept->alive;
      segments_.push_back(std::move(each.kept));
    }

    // Either all that is alive is written again, or only what may not have been on disk. The latter is in a file that
    // nothing else is in, if a queue was opened and then did nothing: the new one takes its place, or such files would be
    // as many as there were openings.
    const std::size_t before = segments_.size();
    const bool anew = log.damaged() || alive <= how_.segment_size / 8 || all > most_garbage * alive ||
                      before > few_files + most_garbage * all / how_.segment_size;
    const bool replaces = !anew && log.on_disk() == header_size;
    const std::size_t here = replaces ? before - 1 : before;
    segment_header header;
    header.number = before == 0 ? 1 : segments_.back()->number + (replaces ? 0 : 1);
    header.identity = identity_ = before == 0 ? random_identity() : log.segments().back().header.identity;
    header.previous_end = before == 0 ? 0 : replaces ? log.segments().back().header.previous_end : log.on_disk();
    header.oldest = anew || before == 0 ? header.number : segments_.front()->number;
    next_id_ = log.next_id();

    auto next = std::make_unique<journal_segment>();
    next->number = header.number;
    next->identity = identity_of_records(header);
    std::string records;
    if (anew)
      write_all_again(*next, before, alive, records);
    else
      copy_tail(log, *next, here, records);
    open_file file;
    if (const problem wrong = make_segment(header, *next, records, file, true); wrong.error != 0)
      raise_disk_error(wrong.file, wrong.error, wrong.doing);
    if (replaces) segments_.pop_back();
    begin_segment(std::move(next), file, header_size + records.size());

    clean_up(log, anew, here);
    full_ = make_spare() != 0;
  }

  static std::string_view text_of(const std::unique_ptr<const std::string>& reason) noexcept {
    return reason ? std::string_view(*reason) : std::string_view();
  }

  /// All that is alive.
  void write_all_again(journal_segment& next, std::size_t number, std::uint64_t alive, std::string& records) {
    records.reserve(static_cast<std::size_t>(alive));
    record_reader reader;
    backlog_.for_each([&](std::uint64_t id, record_place& place) {
      const std::uint64_t offset = header_size + records.size();
      const backlog::state& known = backlog_.state_at(place);
      append_message(records, next, offset, id, known.kept, text_of(known.reason), message_in(read(reader, place)));
      move_waiting(place, next, record_place(number, offset, header_size + records.size() - offset));
      return true;
    });
  }

  /// What was read from the end of the log, and is not known to be on disk.
  void copy_tail(replay& log, journal_segment& next, std::size_t number, std::string& records) {
    if (segments_.empty()) return;
    const std::string bytes = log.last_bytes();
    const journal_segment& last = *segments_.back();
    record_view record;
    for (std::uint64_t at = log.on_disk(); read_record(bytes, at, last.identity, record, log.on_disk());
         at = record.end) {
      if (record.head.kind == record_kind::mark) continue;
      const std::uint64_t offset = header_size + records.size();
      append_record(records, next, offset, record.head, record.body, {});
      if (record.head.kind != record_kind::message) continue;
      record_place* const place = backlog_.find(record.head.id);
      if (place != nullptr && &segment_of(*place) == &last && place->offset() == at)
        move_waiting(*place, next, record_place(number, offset, place->size()));
    }
  }

  /// The first segments up to `before` are older than the new one.
  void clean_up(replay& log, bool anew, std::size_t before) {
    for (const std::string& path : log.leftovers()) remove_or_raise(path);
    if (anew) {
      for (const replayed_segment& each : log.segments()) {
        if (!each.damaged) {
          remove_or_raise(each.path);
        } else if (const int error = file_rename(each.path, each.path + ".damaged"); error != 0) {
          raise_disk_error(each.path, error, "rename");
        }
      }
      segments_.erase(segments_.begin(), segments_.begin() + static_cast<std::ptrdiff_t>(before));
      removed_ = before;
    } else if (before == log.segments().size() && before > 0) {
      // What the file had reserved and not used.
      open_file file;
      if (file.open(log.segments().back().path, file_use::change) == 0) file_shorten(file.get(), log.on_disk());
      segments_[before - 1]->size = log.on_disk();
    }
    if (anew || !log.leftovers().empty())
      if (const int error = folder_sync(how_.folder); error != 0) raise_disk_error(how_.folder, error, "sync");
    while (segments_.size() > 1 && segments_.front()->is_settled()) {
      const problem wrong = remove_oldest();
      if (wrong.error != 0) raise_disk_error(wrong.file, wrong.error, wrong.doing);
    }
  }

  static void remove_or_raise(const std::string& path) {
    if (const int error = file_remove(path); error != 0 && error != ENOENT) raise_disk_error(path, error, "remove");
  }

  // ---- Segments --------------------------------------------------------------------------------------------------

  struct problem {
    int error = 0;
    std::string file{};
    const char* doing = "";
    bool final = false;
  };

  /// Makes a file with a header and records, on disk and under its name.
  problem make_segment(segment_header header, journal_segment& segment, std::string_view records, open_file& file,
                       bool with_spare) {
    const std::string path = path_in(how_.folder, replay::unfinished_name);
    const std::string name = path_of(header.number);
    header.first_id = next_id_;
    header.filled = header_size + records.size();
    header.type = how_.type;
    segment.size = max(segment.size, max(how_.segment_size, header.filled + least_room));
    const std::string head = encode_header(header);
    // Until it has its name, nothing depends on it.
    const auto given_up = [&](int error, const char* doing) {
      file.close();
      file_remove(path);
      return problem{error, name, doing, false};
    };
    if (const int error = file.open(path, file_use::create); error != 0) return {error, name, "make", false};
    if (const int error = file_reserve(file.get(), segment.size); error != 0)
      if (!with_spare || !take_spare(path, header.filled + least_room, segment.size, file))
        return given_up(error, "reserve room on disk for");
    if (const int error = file_write(file.get(), 0, head.data(), head.size()); error != 0)
      return given_up(error, "write");
    if (const int error = file_write(file.get(), header_size, records.data(), records.size()); error != 0)
      return given_up(error, "write");
    if (const int error = file_sync(file.get()); error != 0) return given_up(error, "sync");
    if (const int error = file_rename(path, name); error != 0) return {error, name, "name", true};
    if (const int error = folder_sync(how_.folder); error != 0) return {error, how_.folder, "sync", true};
    return {};
  }

  std::string spare_path() const { return path_in(how_.folder, "spare.tmp"); }

  /// Keeps a file for a full disk. 0, or an error where that is full already.
  int make_spare() {
    if (has_spare_) return 0;
    open_file file;
    if (const int error = file.open(spare_path(), file_use::create); error != 0) return error;
    const int error = file_reserve(file.get(), how_.segment_size);
    has_spare_ = error == 0;
    if (!has_spare_) file_remove(spare_path());
    return error;
  }

  /// Opens the file that was kept, in the place of the one that is open. Nothing was ever written into it.
  bool take_spare(const std::string& path, std::uint64_t needed, std::uint64_t& size, open_file& file) {
    std::uint64_t kept = 0;
    if (file.open(spare_path(), file_use::change) != 0 || file_size(file.get(), kept) != 0 || kept < needed)
      return false;
    has_spare_ = false;
    size = kept;
    return file_rename(spare_path(), path) == 0;
  }

  /// From now on records go there.
  void begin_segment(std::unique_ptr<journal_segment> segment, open_file& file, std::uint64_t filled) {
    segments_.push_back(std::move(segment));
    file_.swap(file);
    begins_ = appended_ - filled;
    filled_until_ = filled;
    marked_ = 0;
    written_ = appended_;
    set_synced(appended_);
  }

  std::uint64_t offset_of(position at) const noexcept { return at - begins_; }

  /// Makes sure that the segment has room for a record of that size, by a new segment if it must. Throws where that is
  /// not to be had.
  void make_room(mutex::guard& locked, std::uint64_t size, bool is_message) {
    for (;;) {
      if (failed()) raise_failure();
      const journal_segment& here = *segments_.back();
      const std::uint64_t kept = is_message ? kept_room(here.size) : 0;
      const std::uint64_t needed = size + (pending_.empty() ? mark_size : 0) + kept;
      if (offset_of(appended_) + needed <= here.size) {
        pending_.reserve(pending_.size() + mark_size + static_cast<std::size_t>(size));
        return;
      }
      if (syncing_) {
        if (await_sync(locked, appended_)) locked.lock();
        continue;
      }
      next_segment(size, is_message);
    }
  }

  /// Room that new messages leave for what becomes of the others.
  static constexpr std::uint64_t kept_room(std::uint64_t segment_size) noexcept { return segment_size / 16; }

  /// With nobody syncing: everything goes to disk, and a new segment is begun.
  void next_segment(std::uint64_t size, bool is_message) {
    sync_here();
    if (failed()) raise_failure();

    const journal_segment& last = *segments_.back();
    segment_header header;
    header.number = last.number + 1;
    header.identity = identity_;
    header.previous_end = offset_of(appended_);
    header.oldest = segments_.front()->number;
    auto next = std::make_unique<journal_segment>();
    next->number = header.number;
    next->identity = identity_of_records(header);
    const std::uint64_t least = header_size + mark_size + size + least_room;
    next->size = max(how_.segment_size, least + kept_room(2 * least));
    open_file file;
    full_ = true;
    if (is_message)
      if (const int error = make_spare(); error != 0)
        raise_disk_error(path_of(header.number), error, "reserve room on disk for");
    if (problem wrong = make_segment(header, *next, {}, file, !is_message); wrong.error != 0) {
      if (wrong.final) {
        fail(std::move(wrong));
        raise_failure();
      }
      raise_disk_error(wrong.file, wrong.error, wrong.doing);
    }
    full_ = !has_spare_;
    begin_segment(std::move(next), file, header_size);
    copy_forward();
    remove_settled();
    full_ = make_spare() != 0;
  }

  std::uint64_t alive() const noexcept {
    std::uint64_t sum = 0;
    for (const auto& segment : segments_) sum += segment->alive;
    return sum;
  }

  /// Everything to disk, by a thread that goes on holding the mutex. Nobody else is syncing.
  void sync_here() {
    write_pending();
    if (failed() || synced_ == written_) return;
    if (const int error = file_sync(file_.get()); error != 0)
      return fail({error, path_of(segments_.back()->number), "sync", true});
    set_synced(written_);
    unsynced_since_ = never;
    wake_all();
  }

  /// Where the log is much larger than what it holds, writes messages of the oldest segment again, into half of the new
  /// one at most.
  void copy_forward() {
    std::uint64_t all = 0;
    for (const auto& segment : segments_) all += segment->size;
    const std::uint64_t most = most_garbage * alive() + few_segments * how_.segment_size;
    while (all > most && segments_.size() > 1) {
      journal_segment& oldest = *segments_.front();
      journal_segment& here = *segments_.back();
      file_bytes bytes;
      std::uint64_t size = 0;
      if (!oldest.is_settled())
        if (const int error = bytes.read(path_of(oldest.number), oldest.size, size); error != 0)
          return fail({error, path_of(oldest.number), "read", true});
      while (journal_message* const message = oldest.first) {
        const record_place to = copy(bytes.view(), message->offset, message->id, message->state, message->reason);
        if (to.is_empty()) return sync_here();
        oldest.remove(*message);
        message->offset = to.offset();
        message->size = to.size();
        here.add(*message);
      }
      if (oldest.waiting > 0)
        backlog_.for_each([&](std::uint64_t id, record_place& place) {
          if (&segment_of(place) != &oldest) return true;
          const backlog::state& known = backlog_.state_at(place);
          const record_place to = copy(bytes.view(), place.offset(), id, known.kept, known.reason);
          if (to.is_empty()) return false;
          move_waiting(place, here, to);
          return oldest.waiting > 0;
        });
      if (oldest.waiting > 0) return sync_here();
      // Copies are on disk before what they were made from goes.
      sync_here();
      if (failed()) return;
      all -= oldest.size;
      if (problem wrong = remove_oldest(); wrong.error != 0) return fail(std::move(wrong));
    }
  }

  /// Writes the message at that offset of the oldest segment, whose bytes these are, into the last one. Where it is then;
  /// empty where there is no room for it, or the log has failed.
  record_place copy(std::string_view bytes, std::uint64_t from, std::uint64_t id, const record_state& state,
                    const std::unique_ptr<const std::string>& why) {
    const journal_segment& oldest = *segments_.front();
    const journal_segment& here = *segments_.back();
    record_view record;
    if (!read_record(bytes, from, oldest.identity, record)) {
      fail({EIO, path_of(oldest.number), "read a record in", true});
      return {};
    }
    const std::string_view payload = message_in(record);
    const std::string_view reason = text_of(why);
    const std::uint64_t needed = size_with_state(reason, payload);
    if (offset_of(appended_) + mark_size + needed > (header_size + here.size) / 2) return {};
    begin_batch();
    const std::uint64_t offset = offset_of(appended_);
    append_message(pending_, here, offset, id, state, reason, payload);
    appended_ += needed;
    return record_place(removed_ + segments_.size() - 1, offset, needed);
  }

  problem remove_oldest() {
    const std::string path = path_of(segments_.front()->number);
    if (const int error = file_remove(path); error != 0) return {error, path, "remove", true};
    // Before the next one: a segment must not come back without the one behind it, where its verdicts are.
    if (const int error = folder_sync(how_.folder); error != 0) return {error, how_.folder, "sync", true};
    for (record_reader& each : readers_) each.leave(segments_.front()->number);
    segments_.pop_front();
    ++removed_;
    return {};
  }

  void remove_settled() {
    while (!failed() && segments_.size() > 1 && segments_.front()->is_settled()) {
      if (problem wrong = remove_oldest(); wrong.error != 0) fail(std::move(wrong));
      if (full_) full_ = make_spare() != 0;
    }
  }

  // ---- Appending -------------------------------------------------------------------------------------------------

  static void append_record(std::string& to, const journal_segment& segment, std::uint64_t offset, record_head head,
                            std::string_view a, std::string_view b) {
    const std::size_t begin = to.size();
    to.resize(begin + sizeof(record_head));
    write_head(to.data() + begin, head, segment.identity, offset);
    to += a;
    to += b;
    to.resize(begin + static_cast<std::size_t>(record_size(a.size() + b.size())));
  }

  static void append_message(std::string& to, const journal_segment& segment, std::uint64_t offset, std::uint64_t id,
                             const record_state& state, std::string_view reason, std::string_view payload) {
    std::string before;
    append_plain(before, state);
    append_plain(before, static_cast<std::uint32_t>(reason.size()));
    before += reason;
    record_head head;
    head.body_crc = crc32c().add(before).add(payload).value();
    head.size = static_cast<std::uint32_t>(before.size() + payload.size());
    head.kind = record_kind::message;
    head.flags = flag_state;
    head.id = id;
    append_record(to, segment, offset, head, before, payload);
  }

  static std::uint64_t size_with_state(std::string_view reason, std::string_view payload) noexcept {
    return record_size(sizeof(record_state) + sizeof(std::uint32_t) + reason.size() + payload.size());
  }

  /// Up to which message of a block they fit into the segment, from one on that does.
  std::size_t fitting(const message_block& block, std::size_t first) const noexcept {
    const std::uint64_t size = segments_.back()->size;
    const std::uint64_t before = offset_of(appended_) + mark_size + kept_room(size);
    std::size_t behind = first + 1;
    while (behind < block.size() && before + block.records(first, behind + 1).size() <= size) ++behind;
    return behind;
  }

  position publish(mutex::guard& locked, std::string_view payload, std::uint32_t crc, journal_message*& added) {
    record_head head;
    head.body_crc = crc;
    head.size = static_cast<std::uint32_t>(payload.size());
    head.kind = record_kind::message;
    make_room(locked, record_size(payload.size()), true);
    journal_message& message = messages_.take();
    message.size = record_size(payload.size());
    head.id = message.id = next_id_++;
    message.offset = append(head, payload, {});
    return add(message, added);
  }

  position add(journal_message& message, journal_message*& added) {
    segments_.back()->add(message);
    added = &message;
    return appended();
  }

  /// Leaves room for the mark that stands before each write.
  void begin_batch() {
    if (!pending_.empty()) return;
    // Where room is scarce, one now and then is enough: it only finds damage.
    pending_has_mark_ = !full_ || offset_of(appended_) - marked_ >= 16 * mark_size;
    if (!pending_has_mark_) return;
    marked_ = offset_of(appended_);
    pending_.resize(mark_size);
    appended_ += mark_size;
  }

  /// make_room has been called. Returns the offset of the record.
  std::uint64_t append(const record_head& head, std::string_view a, std::string_view b) {
    begin_batch();
    const std::uint64_t offset = offset_of(appended_);
    append_record(pending_, *segments_.back(), offset, head, a, b);
    appended_ += record_size(head.size);
    return offset;
  }

  position change(mutex::guard& locked, journal_message& message, record_kind kind, const record_state& next,
                  std::string_view reason) {
    std::string_view state(reinterpret_cast<const char*>(&next), sizeof(next));
    make_room(locked, record_size(state.size() + reason.size()), false);
    append({0, crc32c().add(state).add(reason).value(), static_cast<std::uint32_t>(state.size() + reason.size()), 0,
            kind, 0, message.id},
           state, reason);
    message.state = next;
    return appended();
  }

  position appended() {
    if (by_interval() && unsynced_since_ == never) {
      unsynced_since_ = now();
      idle_.notify();
    }
    return appended_;
  }

  // ---- Writing and syncing ---------------------------------------------------------------------------------------

  /// Where calls wait for a sync: those for which the one under way is enough, and those that need the next.
  struct turn {
    futex_word word{0};
    std::size_t waiting = 0;               ///< Guarded by the mutex.
    atomic<bool> wakes_the_others{false};  ///< What the first one that is woken has to do.

    /// With the mutex held. False where there is nobody to wake.
    bool end() noexcept {
      if (std::exchange(waiting, 0) == 0) return false;
      wakes_the_others.store(true, relaxed);  // seen by those that see seen_, or are woken
      word.fetch_add(1, relaxed);             // a thread that is about to sleep does not
      return true;
    }
    /// Wakes one, which wakes the others.
    void wake_first() noexcept { futex_wake(word, 1); }
    void wake_all() noexcept {
      wakes_the_others.store(false, relaxed);
      futex_wake(word, INT_MAX);
    }
    void pass_on() noexcept {
      if (wakes_the_others.load(relaxed) && wakes_the_others.exchange(false, relaxed)) futex_wake(word, INT_MAX);
    }
    /// For one that finds its records not synced.
    void wake_leader() noexcept {
      word.fetch_add(1, relaxed);
      futex_wake(word, 1);
    }
  };

  turn& turn_of(std::size_t number) noexcept { return turns_[number % std::size(turns_)]; }

  bool failed() const noexcept { return failure_.error != 0; }

  void fail(problem what) {
    if (failed()) return;
    failure_ = std::move(what);
    wake_all();
  }

  [[noreturn]] void raise_failure() const {
    const std::error_code code(failure_.error, std::generic_category());
    raise_error(durable_error("kew: cannot " + std::string(failure_.doing) + ' ' + failure_.file + ": " +
                                  code.message() + "; the queue has stopped, and goes on where it is opened again",
                              failure_.file, code));
  }

  /// Hands what was appended to the operating system. Under the mutex, because it takes less time than a wait for it.
  void write_pending() {
    if (pending_.empty() || failed()) return;
    const position begin = appended_ - pending_.size();
    const std::uint64_t offset = offset_of(begin);
    if (pending_has_mark_) {
      const std::uint64_t on_disk = offset_of(synced_);
      record_head mark;
      mark.body_crc = crc32c().add(&on_disk, sizeof(on_disk)).value();
      mark.size = sizeof(on_disk);
      mark.kind = record_kind::mark;
      write_head(pending_.data(), mark, segments_.back()->identity, offset);
      std::memcpy(pending_.data() + sizeof(record_head), &on_disk, sizeof(on_disk));
    }
    if (const int error = file_write(file_.get(), offset, pending_.data(), pending_.size()); error != 0)
      return fail({error, path_of(segments_.back()->number), "write", true});
    written_ = appended_;
    pending_.clear();
    if (!by_interval() && offset_of(written_) > filled_until_) write_zeros();
  }

  /// Room that is only reserved has to be marked as used when it is written, so the sync of each write into it takes half
  /// as long again as in room that was written before. So zeros are written over the zeros that it reads as, for many
  /// writes at a time.
  void write_zeros() {
    static constexpr char zeros[4096]{};
    const std::uint64_t size = segments_.back()->size;
    filled_until_ = offset_of(written_);
    if (size < fill_ahead) return;
    const std::uint64_t until = min(filled_until_ + fill_ahead, size);
    for (std::uint64_t more = 0; filled_until_ < until; filled_until_ += more) {
      more = min<std::uint64_t>(sizeof(zeros), until - filled_until_);
      if (const int error = file_write(file_.get(), filled_until_, zeros, static_cast<std::size_t>(more)); error != 0)
        return fail({error, path_of(segments_.back()->number), "write", true});
    }
  }

  void commit(mutex::guard& locked, position end) {
    if (segments_.size() > 1 && segments_.front()->is_settled()) remove_settled();
    if (by_interval())
      write_until(end);
    else
      sync_until(locked, end);
  }

  void write_until(position end) {
    if (written_ < end) write_pending();
    if (written_ < end) raise_failure();
  }

  /// May return without the mutex.
  void sync_until(mutex::guard& locked, position end) {
    while (synced_ < end) {
      if (failed()) raise_failure();
      if (!syncing_)
        lead_sync(locked);
      else if (await_sync(locked, end))
        return;
    }
  }

  /// Writes and syncs for all that wait; then for those that came meanwhile, so that the disk need not wait until one of
  /// them is awake. But a limited number of times, as the caller waits, too.
  void lead_sync(mutex::guard& locked) {
    turn* done = nullptr;
    for (unsigned in_a_row = 1;; ++in_a_row) {
      write_pending();
      if (failed()) break;
      syncing_ = true;
      ++turn_;
      syncing_until_ = written_;
      unsynced_since_ = never;
      ++syncs_;
      const int file = file_.get();
      locked.unlock();
      if (done != nullptr) done->wake_first();
      const int error = file_sync(file);
      locked.lock();
      syncing_ = false;
      if (error != 0) return fail({error, path_of(segments_.back()->number), "sync", true});
      turn& here = turn_of(turn_);
      done = here.end() ? &here : nullptr;
      set_synced(syncing_until_);
      if (in_a_row == most_syncs_in_a_row || turn_of(turn_ + 1).waiting == 0 || synced_ == appended_) break;
    }
    hand_on(locked, done);
  }

  /// One of those that came too late leads the next sync, while the others get up.
  void hand_on(mutex::guard& locked, turn* done) {
    turn& next = turn_of(turn_ + 1);
    const bool is_awaited = next.waiting > 0;
    locked.unlock();
    if (is_awaited) next.wake_leader();
    if (done != nullptr) done->wake_all();
    locked.lock();
  }

  /// Everything is on disk, or nothing will be any more.
  void wake_all() {
    for (turn& each : turns_)
      if (each.end()) each.wake_all();
  }

  void set_synced(position until) noexcept {
    synced_ = until;
    seen_.store(until, release);  // Edge "synced": a thread that sees it knows that its records are on disk.
  }

  /// Waits for the sync that is under way, or where that began too early, for the next one. True: that is done, and the
  /// caller does not have the mutex.
  bool await_sync(mutex::guard& locked, position end) {
    turn& mine = turn_of(end <= syncing_until_ ? turn_ : turn_ + 1);
    ++mine.waiting;
    const std::uint32_t before = mine.word.load(relaxed);  // relaxed: changed with the mutex held or after it
    locked.unlock();
    futex_wait(mine.word, before, never);
    const bool is_done = seen_.load(acquire) >= end;  // Edge "synced"
    mine.pass_on();
    if (is_done) return true;
    locked.lock();
    return false;
  }

  // ---- The interval ----------------------------------------------------------------------------------------------

  /// Of the thread that syncs by interval.
  void flush() {
    mutex::guard locked(mutex_);
    while (!stopping_ && !failed()) {
      const time_point due = unsynced_since_ == never ? never : unsynced_since_ + how_.interval;
      if (due <= now()) {
        if (!syncing_)
          lead_sync(locked);
        else if (await_sync(locked, syncing_until_))
          locked.lock();
        continue;
      }
      wait_point::ticket before = 0;
      if (!idle_.prepare_wait(before)) continue;
      idle_.settle();
      locked.unlock();
      idle_.commit_wait(before, due);
      locked.lock();
    }
  }

  /// A log may be so many times as large as what it holds, and so many segments more, before old messages are copied.
  static constexpr std::uint64_t most_garbage = 2;
  static constexpr std::uint64_t few_segments = 4;
  /// So many small files, of short lives, are left as they are.
  static constexpr std::uint64_t few_files = 64;
  /// So many bytes are written with zeros at a time, where that pays.
  static constexpr std::uint64_t fill_ahead = std::uint64_t{1} << 20;
  /// So often a thread leads a sync before another one does.
  static constexpr unsigned most_syncs_in_a_row = 4;
  /// The least that a new segment has room for behind what it begins with.
  static constexpr std::uint64_t least_room = 1024;

  options how_;
  open_file lock_{};
  mutex mutex_{};

  std::deque<std::unique_ptr<journal_segment>> segments_{};  ///< The last one is being written.
  open_file file_{};                                         ///< Of the last segment.
  std::size_t removed_ = 0;  ///< How many are gone that were there when the log was opened.
  journal_messages messages_{};
  backlog backlog_{};
  journal_message* candidates_[2] = {nullptr, nullptr};  ///< By lane: what the first one of the backlog will be.
  record_reader readers_[2]{};                           ///< By lane, of the backlog.
  std::uint64_t identity_ = 0;                           ///< Of the log.
  std::uint64_t next_id_ = 1;

  bool has_spare_ = false;
  bool full_ = false;  ///< There was no room for another file the last time.

  std::string pending_{};  ///< Appended and not written: the last bytes up to appended_.
  position begins_ = 0;    ///< Where the last segment begins; may have wrapped around below 0.
  position appended_ = header_size;
  position written_ = 0;
  position synced_ = 0;
  bool pending_has_mark_ = false;
  std::uint64_t marked_ = 0;        ///< The offset of the last mark.
  std::uint64_t filled_until_ = 0;  ///< Up to this offset the file was written, be it with zeros.
  bool syncing_ = false;
  position syncing_until_ = 0;
  std::uint64_t syncs_ = 0;
  problem failure_{};

  std::size_t turn_ = 0;      ///< The number of syncs that have begun.
  turn turns_[4]{};           ///< More than two, so that those that are being woken are in nobody's way.
  atomic<position> seen_{0};  ///< synced_, for threads without the mutex.

  bool stopping_ = false;
  time_point unsynced_since_ = never;
  wait_point idle_{};
  thread flusher_{};
};

}}}  // namespace kew::KEW_NAMESPACE::detail
