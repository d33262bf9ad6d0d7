// Reads and checks the files of a log; where they are large, by a second thread, too, which reads every second file while
// the caller reads the others. Whether a record is good
// depends on nothing but the bytes of its file; what is good is applied by the caller, in order.
//
// How        the second thread keeps what it finds until the caller comes to that file; it is two of its files ahead at most.
// Threads    the caller's and its own.
// Errors     of the file system, and std::bad_alloc, when the caller comes to that file. std::system_error where there is no
//            thread to be had.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <new>
#include <utility>
#include <vector>

#include <kew/config.hpp>
#include <kew/detail/disk/file.hpp>
#include <kew/detail/disk/record_scan.hpp>
#include <kew/detail/machine/clock.hpp>
#include <kew/detail/machine/thread.hpp>
#include <kew/detail/wait/condition.hpp>
#include <kew/detail/wait/mutex.hpp>
#include <kew/error.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

class read_ahead {
 public:
  /// `threads` with the caller: 1 or 2.
  explicit read_ahead(std::vector<file_to_read> files, refusal_check refusal, unsigned threads)
      : files_(std::move(files)), refusal_(refusal) {
    if (threads > 1) reader_ = thread([this] { read_all(); });
  }
  read_ahead(const read_ahead&) = delete;
  read_ahead& operator=(const read_ahead&) = delete;
  ~read_ahead() {
    if (!reader_.joinable()) return;
    change([this] { stopping_ = true; });
    reader_.join();
  }

  /// Calls `use(checked_record)` for the good records of the next file, from the first one on.
  template <class Use>
  record_scan::outcome next(Use use) {
    const std::size_t number = at_;
    if (!is_read_ahead(number)) {
      const record_scan::outcome outcome = scan(number, use);
      change([this] { ++at_; });
      return outcome;
    }
    place& here = place_of(number);
    {
      mutex::guard locked(mutex_);
      while (!here.is_complete) sleep(locked);
    }
    if (here.is_out_of_memory) raise_error(std::bad_alloc());
    here.found.for_each(use);
    const record_scan::outcome outcome = here.outcome;
    change([&] {
      here.is_complete = false;
      ++at_;
    });
    return outcome;
  }

 private:
  struct place {
    bool is_complete = false;
    bool is_out_of_memory = false;
    record_scan::outcome outcome{};
    checked_records found{};
  };

  bool is_read_ahead(std::size_t number) const noexcept { return reader_.joinable() && number % 2 == 1; }
  place& place_of(std::size_t number) noexcept { return places_[number / 2 % std::size(places_)]; }

  template <class Use>
  record_scan::outcome scan(std::size_t number, Use use) {
    if (number + 1 < files_.size()) file_prepare_read(files_[number + 1].path);
    return scans_[number % 2].read(files_[number],
                                   [&](const record_view& record) { use(checked_record(record, refusal_)); });
  }

  void read_all() noexcept {
    for (std::size_t i = 1; i < files_.size(); i += 2) {
      place& here = place_of(i);
      {
        mutex::guard locked(mutex_);
        while (i >= at_ + 2 * std::size(places_) && !stopping_) sleep(locked);
        if (stopping_) return;
      }
      read(i, here);
      if (!change([&] { here.is_complete = true; })) return;
    }
  }
  void read(std::size_t number, place& into) noexcept {
    const auto read = [&] {
      into.found.clear();
      into.outcome = scan(number, [&](checked_record record) { into.found.add(std::move(record)); });
    };
#if defined(__cpp_exceptions)
    try {
      read();
    } catch (...) {
      into.is_out_of_memory = true;
    }
#else
    read();
#endif
  }

  void sleep(mutex::guard& locked) noexcept {
    const condition::ticket before = changed_.enter();
    locked.unlock();
    changed_.sleep(before, never);
    locked.lock();
    changed_.leave();
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
  const refusal_check refusal_;
  mutex mutex_{};
  condition changed_{};
  place places_[2]{};
  record_scan scans_[2]{};  ///< Of the caller's files, and of the others.
  std::size_t at_ = 0;      ///< The file that the caller is at.
  bool stopping_ = false;
  thread reader_{};
};

}}}  // namespace kew::KEW_NAMESPACE::detail
