// The words of a durable_queue: how it is opened, when it syncs, what it says when it is opened after a crash, and the
// exception that names a file and an error.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include <kew/config.hpp>

namespace kew { inline namespace KEW_NAMESPACE {

/// When publish and a verdict are answered: see durable_queue.hpp, "When a power cut comes".
class sync {
 public:
  /// When what they wrote is on disk.
  static const sync each;
  /// When the operating system has it, which syncs at least so often. A power cut may take back what is younger; the end
  /// of the process takes back nothing. Up to 0 means each.
  static constexpr sync interval(std::chrono::nanoseconds time) noexcept {
    return sync(time > std::chrono::nanoseconds::zero() ? time : std::chrono::nanoseconds::zero());
  }

  /// The interval; 0 for each.
  constexpr std::chrono::nanoseconds time() const noexcept { return time_; }

  /// Whether two say the same.
  friend constexpr bool operator==(sync, sync) noexcept = default;

 private:
  constexpr explicit sync(std::chrono::nanoseconds time) noexcept : time_(time) {}

  std::chrono::nanoseconds time_;
};

inline constexpr sync sync::each{std::chrono::nanoseconds::zero()};

/// The folder of a durable_queue cannot be opened, read or written. what() names the file and says what can be done.
class durable_error : public std::runtime_error {
 public:
  /// `what` went wrong with `file`; `code` is 0 where the system had no error.
  durable_error(const std::string& what, std::string file, std::error_code code)
      : runtime_error(what), file_(std::move(file)), code_(code) {}

  /// The file or folder that it is about.
  const std::string& file() const noexcept { return file_; }
  /// The system's error; 0 for damage, a folder of another type or version, or a message that is too long.
  std::error_code code() const noexcept { return code_; }

 private:
  std::string file_;
  std::error_code code_;
};

/// What was found when a folder was opened.
struct recovery {
  /// What it is.
  enum class kind : unsigned char {
    torn_tail,   ///< The end of the log, which was being written when a crash came: nothing that had been confirmed.
    damage,      ///< With durable_options::repair: bytes that had been confirmed and cannot be read. They are left out.
    undecodable  ///< A message that its codec refuses. It is a dead letter now.
  };

  kind what;             ///< What it is.
  std::string file;      ///< Where it is.
  std::uint64_t offset;  ///< Where in the file.
  std::uint64_t size;    ///< How many bytes.
  std::string text;      ///< All of that, and the reason, as a sentence.
};

/// What a durable_queue takes on disk.
struct durable_sizes {
  std::size_t files = 0;    ///< Of the log.
  std::uint64_t bytes = 0;  ///< Of these files.
  std::uint64_t kept = 0;   ///< Of that, records of messages that are not acknowledged.
  std::uint64_t syncs = 0;  ///< How often it has synced since it was opened; each for all that waited.
};

/// How a durable_queue is opened.
struct durable_options {
  /// As in queue_options: how many messages there may be.
  std::size_t capacity = 1024;
  /// As in queue_options: after so many failures a message is dead.
  unsigned max_attempts = 5;
  /// As in queue_options: how long a delivery may take.
  std::chrono::nanoseconds visibility_timeout = std::chrono::seconds(30);
  /// When publish and a verdict are answered.
  kew::sync sync = kew::sync::each;
  /// The size of a file of the log, in bytes; at least 4096. So much is reserved on disk at a time.
  std::uint64_t segment_size = std::uint64_t{64} << 20;
  /// Called by the constructor for each thing that it had to cut off or leave out; if empty, a line is printed on
  /// standard error.
  std::function<void(const recovery&)> on_recovery{};
  /// Open a damaged folder with what can be read of it. The damaged files are renamed, to *.damaged, and kept.
  bool repair = false;
  /// The name of the type of message that the folder is recorded with; if empty, the codec's.
  std::string type{};
};

}}  // namespace kew::KEW_NAMESPACE
