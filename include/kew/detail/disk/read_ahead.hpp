// Reads the files of a log one after the other by a thread of its own, and checks their records, while the caller applies
// those that were found to be good. Whether a record is good depends on nothing but the bytes of its file.
//
// Threads    the caller's and its own. It is one file ahead at most, and has memory for two.
// Errors     of the file system: those of file_bytes. std::system_error where there is no thread to be had.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include <kew/config.hpp>
#include <kew/detail/disk/file.hpp>
#include <kew/detail/disk/file_bytes.hpp>
#include <kew/detail/disk/record.hpp>
#include <kew/detail/machine/clock.hpp>
#include <kew/detail/machine/thread.hpp>
#include <kew/detail/wait/condition.hpp>
#include <kew/detail/wait/mutex.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

struct file_to_read {
  std::string path;
  std::uint64_t identity;  ///< Of its records.
  std::uint64_t end;       ///< Of its records; 0 where that is not known.
  std::uint64_t size;      ///< So many bytes at most are read.
};

class read_ahead {
 public:
  struct progress {
    std::uint64_t good = header_size;  ///< Up to here there are good records.
    bool is_complete = false;          ///< There is no more to come.
  };

  explicit read_ahead(std::vector<file_to_read> files) : files_(std::move(files)) {
    std::uint64_t largest = 0;
    for (const file_to_read& each : files_) largest = std::max(largest, each.size);
    for (place& each : places_) each.bytes.reserve(static_cast<std::size_t>(largest));
    reader_ = thread([this] { read_all(); });
  }
  read_ahead(const read_ahead&) = delete;
  read_ahead& operator=(const read_ahead&) = delete;
  ~read_ahead() {
    change([this] { stopping_ = true; });
    reader_.join();
  }

  /// Of the file that the caller is at, the first one at first. No more than the memory, before it is complete.
  file_bytes& bytes() noexcept { return place_of(taken_).bytes; }
  /// Waits until records behind `at` are good, or there is no more to come.
  progress wait(std::uint64_t at) noexcept {
    mutex::guard locked(mutex_);
    const place& here = place_of(taken_);
    while (here.so_far.good <= at && !here.so_far.is_complete) sleep(locked);
    return here.so_far;
  }
  /// Of what is complete: the error that ended it, or 0, and the size of the file.
  int error(std::uint64_t& file_size) noexcept {
    file_size = place_of(taken_).file_size;
    return place_of(taken_).error;
  }
  /// The caller goes on with the next file, and its memory is used for the one after that.
  void next() noexcept {
    change([this] { place_of(taken_++).so_far = {}; });
  }

 private:
  struct place {
    file_bytes bytes{};
    progress so_far{};
    int error = 0;
    std::uint64_t file_size = 0;
  };

  place& place_of(std::size_t file) noexcept { return places_[file % std::size(places_)]; }

  void sleep(mutex::guard& locked) noexcept {
    const condition::ticket before = changed_.enter();
    locked.unlock();
    changed_.sleep(before, never);
    locked.lock();
    changed_.leave();
  }

  void read_all() noexcept {
    for (std::size_t i = 0; i < files_.size(); ++i) {
      {
        mutex::guard locked(mutex_);
        while (i >= taken_ + std::size(places_) && !stopping_) sleep(locked);
        if (stopping_) return;
      }
      read(i);
    }
  }

  void read(std::size_t number) noexcept {
    const file_to_read& file = files_[number];
    file_bytes& bytes = place_of(number).bytes;
    if (number + 1 < files_.size()) file_prepare_read(files_[number + 1].path);
    progress so_far;
    std::uint64_t file_size = 0;
    int error = bytes.begin(file.path, file.size, file_size);
    while (error == 0 && !bytes.is_complete()) {
      error = bytes.read_more();
      for (record_view record;
           so_far.good != file.end && read_record(bytes.view(), so_far.good, file.identity, record);)
        so_far.good = record.end;
      if (!tell(number, so_far)) return;
    }
    so_far.is_complete = true;
    place_of(number).error = error;
    place_of(number).file_size = file_size;
    tell(number, so_far);
  }
  /// False: the caller goes, and waits for nothing more.
  bool tell(std::size_t number, const progress& so_far) noexcept {
    return change([&] { place_of(number).so_far = so_far; });
  }

  /// Makes `what` known to the other thread. False: the caller was going already, and nothing was done.
  template <class What>
  bool change(What what) noexcept {
    std::size_t woken = 0;
    {
      const mutex::guard locked(mutex_);
      if (stopping_) return false;
      what();
      woken = changed_.grant(all_of_them);
    }
    changed_.wake(woken);
    return true;
  }

  static constexpr std::size_t all_of_them = SIZE_MAX;

  const std::vector<file_to_read> files_;
  mutex mutex_{};
  condition changed_{};
  place places_[2]{};      ///< Of the file that the caller is at, and the next.
  std::size_t taken_ = 0;  ///< How many files the caller has done with.
  bool stopping_ = false;
  thread reader_{};
};

}}}  // namespace kew::KEW_NAMESPACE::detail
