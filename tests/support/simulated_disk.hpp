// A disk below kew (KEW_FILE_HEADER) whose power can be cut at every call.
//
//   write        is seen by reads at once. On the disk it is only after a sync, until then each of its sectors of 512
//                bytes may be there or not, in any combination; of a sector that was written several times, any of its
//                contents.
//   size         of a file: as a write.
//   names        what is made, renamed or removed is on the disk only after a sync of the folder; until then each of
//                these may be there or not.
//   failed sync  of what it should have written, any sectors are there and the others are not and never will be, while
//                reads go on to show all of it. The next sync succeeds.
//
// When the power is cut, the call that it happens in has begun and not ended, and it and all later calls answer EIO.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <kew/config.hpp>

namespace kew_test {

/// Chooses one of `n`, from 0 on.
using chooser = std::function<std::size_t(std::size_t n)>;

class simulated_disk {
 public:
  static constexpr std::size_t sector = 512;
  static constexpr std::size_t never = SIZE_MAX;

  /// The number of calls so far.
  std::size_t calls() const { return calls_; }
  /// At the call of this number the power goes.
  void cut_at(std::size_t call) { cut_at_ = call; }
  bool is_cut() const { return cut_; }

  /// Asked at each call, by its name and the path; what it answers is the call's error.
  std::function<int(const std::string& call, const std::string& path)> fault;
  /// How many bytes may be reserved in all.
  std::uint64_t room = UINT64_MAX;

  /// The disk after the power came back: what was not on it yet is there as `choose` says.
  simulated_disk after_power_cut(const chooser& choose) const {
    simulated_disk next;
    std::map<std::string, std::shared_ptr<inode>> names = synced_names_;
    for (const name_change& change : name_changes_)
      if (choose(2) == 1) apply(change, names);
    for (const auto& [path, file] : names) {
      auto copy = std::make_shared<inode>();
      copy->synced = file->synced;
      std::size_t size = file->sizes[choose(file->sizes.size())];
      for (const auto& [number, contents] : file->unsynced) {
        const std::size_t which = choose(contents.size() + 1);
        if (which > 0) put(copy->synced, number * sector, contents[which - 1]);
      }
      copy->synced.resize(size);
      copy->cached = copy->synced;
      copy->sizes = {size};
      next.names_[path] = copy;
    }
    next.synced_names_ = next.names_;
    next.folders_ = folders_;
    return next;
  }

  /// In how many ways that can come out; no more than `most`.
  std::size_t ways(std::size_t most) const {
    std::size_t product = 1;
    const auto times = [&](std::size_t n) { product = std::min(most, product * n); };
    for (std::size_t i = 0; i < name_changes_.size(); ++i) times(2);
    for (const std::shared_ptr<inode>& file : reachable()) {
      times(file->sizes.size());
      for (const auto& [number, contents] : file->unsynced) times(contents.size() + 1);
    }
    return product;
  }

  /// The disk as the operating system shows it when the process has died; nothing more of it is on the disk than was.
  simulated_disk after_kill() const {
    simulated_disk next = *this;
    next.files_.clear();
    std::map<const inode*, std::shared_ptr<inode>> copies;
    const auto copy = [&](std::shared_ptr<inode>& file) {
      std::shared_ptr<inode>& made = copies[file.get()];
      if (!made) {
        made = std::make_shared<inode>(*file);
        made->locked = false;
      }
      file = made;
    };
    for (auto& [path, file] : next.names_) copy(file);
    for (auto& [path, file] : next.synced_names_) copy(file);
    for (name_change& change : next.name_changes_)
      if (change.file) copy(change.file);
    next.cut_ = false;
    next.cut_at_ = never;
    next.calls_ = 0;
    next.fault = nullptr;
    return next;
  }

  /// For tests that damage a file: what is in it, seen and on disk.
  std::string& bytes(const std::string& path) { return names_.at(path)->cached; }
  void store(const std::string& path) {
    names_.at(path)->synced = names_.at(path)->cached;
    names_.at(path)->sizes = {names_.at(path)->cached.size()};
  }
  bool has(const std::string& path) const { return names_.count(path) > 0; }
  void make(const std::string& path, std::string content) {
    auto file = std::make_shared<inode>();
    file->cached = file->synced = std::move(content);
    file->sizes = {file->cached.size()};
    names_[path] = synced_names_[path] = file;
  }
  void remove(const std::string& path) {
    names_.erase(path);
    synced_names_.erase(path);
  }
  std::vector<std::string> paths() const {
    std::vector<std::string> all;
    for (const auto& [path, file] : names_) all.push_back(path);
    return all;
  }
  std::uint64_t bytes_in_use() const {
    std::uint64_t sum = 0;
    for (const auto& [path, file] : names_) sum += file->cached.size();
    return sum;
  }
  std::size_t open_files() const { return files_.size(); }

  // ---- The calls -------------------------------------------------------------------------------------------------

  enum class use : unsigned char { read, change, create, lock };

  int open(const std::string& path, use how, int& number) {
    bool now = false;
    if (const int error = begin("open", path, now); error != 0 && !now) return error;
    const auto found = names_.find(path);
    std::shared_ptr<inode> file = found == names_.end() ? nullptr : found->second;
    if (!file && (how == use::read || how == use::change)) return now ? EIO : ENOENT;
    if (!file) {
      file = std::make_shared<inode>();
      change({path, "", file});
    } else if (how == use::create) {
      file->cached.clear();
      file->sizes.push_back(0);
    }
    if (now) return EIO;
    for (number = 3; files_.count(number) > 0;) ++number;
    files_[number] = {file, path};
    return 0;
  }
  void close(int number) {
    const auto file = files_.find(number);
    if (file == files_.end()) return;
    if (file->second.locks) file->second.file->locked = false;
    files_.erase(file);
  }
  int lock(int number) {
    bool now = false;
    if (const int error = begin("lock", path_of(number), now); error != 0) return error;
    opened& file = files_.at(number);
    if (file.file->locked) return EWOULDBLOCK;
    file.locks = file.file->locked = true;
    return 0;
  }
  int size(int number, std::uint64_t& bytes) {
    bool now = false;
    if (const int error = begin("size", path_of(number), now); error != 0) return error;
    bytes = files_.at(number).file->cached.size();
    return 0;
  }
  int reserve(int number, std::uint64_t bytes) {
    bool now = false;
    if (const int error = begin("reserve", path_of(number), now); error != 0 && !now) return error;
    inode& file = *files_.at(number).file;
    if (bytes_in_use() - file.cached.size() + bytes > room) return ENOSPC;
    return resize(file, static_cast<std::size_t>(bytes), now);
  }
  int shorten(int number, std::uint64_t bytes) {
    bool now = false;
    if (const int error = begin("shorten", path_of(number), now); error != 0 && !now) return error;
    return resize(*files_.at(number).file, static_cast<std::size_t>(bytes), now);
  }
  int read(int number, std::uint64_t offset, char* into, std::size_t bytes, std::size_t& got) {
    bool now = false;
    got = 0;
    if (const int error = begin("read", path_of(number), now); error != 0) return error;
    const std::string& content = files_.at(number).file->cached;
    if (offset >= content.size()) return 0;
    got = std::min(bytes, content.size() - static_cast<std::size_t>(offset));
    std::memcpy(into, content.data() + offset, got);
    return 0;
  }
  int write(int number, std::uint64_t offset, const char* from, std::size_t bytes) {
    bool now = false;
    if (const int error = begin("write", path_of(number), now); error != 0 && !now) return error;
    inode& file = *files_.at(number).file;
    put(file.cached, static_cast<std::size_t>(offset), std::string_view(from, bytes));
    if (file.cached.size() != file.sizes.back()) file.sizes.push_back(file.cached.size());
    if (bytes > 0)
      for (std::size_t i = offset / sector; i <= (offset + bytes - 1) / sector; ++i)
        file.unsynced[i].push_back(file.cached.substr(i * sector, sector));
    return now ? EIO : 0;
  }
  int sync(int number) {
    bool now = false;
    const int error = begin("sync", path_of(number), now);
    if (now || cut_) return EIO;
    inode& file = *files_.at(number).file;
    if (error != 0) {
      // Every other sector made it.
      bool written = false;
      for (const auto& [i, contents] : file.unsynced)
        if ((written = !written)) put(file.synced, i * sector, contents.back());
      file.unsynced.clear();
      return error;
    }
    file.synced = file.cached;
    file.sizes = {file.cached.size()};
    file.unsynced.clear();
    return 0;
  }
  int rename(const std::string& from, const std::string& to) {
    bool now = false;
    if (const int error = begin("rename", from, now); error != 0 && !now) return error;
    if (names_.count(from) == 0) return now ? EIO : ENOENT;
    change({to, from, names_.at(from)});
    return now ? EIO : 0;
  }
  int unlink(const std::string& path) {
    bool now = false;
    if (const int error = begin("unlink", path, now); error != 0 && !now) return error;
    if (names_.count(path) == 0) return now ? EIO : ENOENT;
    change({path, "", nullptr});
    return now ? EIO : 0;
  }
  int make_folder(const std::string& path) {
    bool now = false;
    if (const int error = begin("make_folder", path, now); error != 0) return error;
    if (!folders_.emplace(path, true).second) return EEXIST;
    return 0;
  }
  int list(const std::string& folder, std::vector<std::string>& names) {
    bool now = false;
    names.clear();
    if (const int error = begin("list", folder, now); error != 0) return error;
    for (const auto& [path, file] : names_)
      if (path.substr(0, path.rfind('/')) == folder) names.push_back(path.substr(path.rfind('/') + 1));
    return 0;
  }
  int sync_folder(const std::string& folder) {
    bool now = false;
    if (const int error = begin("sync_folder", folder, now); error != 0) return error;
    synced_names_ = names_;
    name_changes_.clear();
    return 0;
  }

 private:
  struct inode {
    std::string cached;  // what reads show
    std::string synced;  // what is on the disk
    std::map<std::size_t, std::vector<std::string>>
        unsynced{};                     // by sector: what has been written there since the last sync
    std::vector<std::size_t> sizes{0};  // that it may have on the disk; the last is what reads show
    bool locked = false;
  };
  struct opened {
    std::shared_ptr<inode> file;
    std::string path;
    bool locks = false;
  };
  /// Something gets a name, maybe instead of another one, or loses it.
  struct name_change {
    std::string path;
    std::string instead_of;
    std::shared_ptr<inode> file;
  };

  static void apply(const name_change& change, std::map<std::string, std::shared_ptr<inode>>& names) {
    if (!change.file) {
      names.erase(change.path);
      return;
    }
    if (!change.instead_of.empty()) names.erase(change.instead_of);
    names[change.path] = change.file;
  }
  void change(const name_change& what) {
    apply(what, names_);
    name_changes_.push_back(what);
  }

  static void put(std::string& into, std::size_t offset, std::string_view bytes) {
    if (into.size() < offset + bytes.size()) into.resize(offset + bytes.size());
    std::copy(bytes.begin(), bytes.end(), into.begin() + static_cast<std::ptrdiff_t>(offset));
  }

  static int resize(inode& file, std::size_t bytes, bool now) {
    file.cached.resize(bytes);
    file.sizes.push_back(bytes);
    return now ? EIO : 0;
  }

  std::vector<std::shared_ptr<inode>> reachable() const {
    std::vector<std::shared_ptr<inode>> all;
    const auto add = [&](const std::shared_ptr<inode>& file) {
      if (file && std::find(all.begin(), all.end(), file) == all.end()) all.push_back(file);
    };
    for (const auto& [path, file] : synced_names_) add(file);
    for (const name_change& change : name_changes_) add(change.file);
    return all;
  }

  std::string path_of(int number) const {
    const auto file = files_.find(number);
    return file == files_.end() ? "" : file->second.path;
  }

  /// `now`: the power goes in this very call.
  int begin(const char* call, const std::string& path, bool& now) {
    if (cut_) return EIO;
    now = calls_++ == cut_at_;
    if (now) {
      cut_ = true;
      return EIO;
    }
    return fault ? fault(call, path) : 0;
  }

  std::map<std::string, std::shared_ptr<inode>> names_{};
  std::map<std::string, std::shared_ptr<inode>> synced_names_{};
  std::vector<name_change> name_changes_{};  // since the last sync of a folder
  std::map<std::string, bool> folders_{};
  std::map<int, opened> files_{};
  std::size_t calls_ = 0;
  std::size_t cut_at_ = never;
  bool cut_ = false;
};

/// The disk that kew sees.
inline simulated_disk* disk = nullptr;

}  // namespace kew_test

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

using file_use = kew_test::simulated_disk::use;

/// Threads call one after the other.
inline std::mutex one_call_at_a_time;

template <class Call>
auto on_disk(Call call) {
  const std::lock_guard alone(one_call_at_a_time);
  return call(*kew_test::disk);
}

inline int file_open(const std::string& path, file_use use, int& file) {
  return on_disk([&](auto& disk) { return disk.open(path, use, file); });
}
inline void file_close(int file) {
  on_disk([&](auto& disk) { disk.close(file); });
}
inline int file_lock(int file) {
  return on_disk([&](auto& disk) { return disk.lock(file); });
}
inline int file_size(int file, std::uint64_t& size) {
  return on_disk([&](auto& disk) { return disk.size(file, size); });
}
inline int file_reserve(int file, std::uint64_t size) {
  return on_disk([&](auto& disk) { return disk.reserve(file, size); });
}
inline int file_shorten(int file, std::uint64_t size) {
  return on_disk([&](auto& disk) { return disk.shorten(file, size); });
}
inline int file_read(int file, std::uint64_t offset, char* into, std::size_t size, std::size_t& got) {
  return on_disk([&](auto& disk) { return disk.read(file, offset, into, size, got); });
}
inline void file_prepare_read(const std::string&) {}
inline int file_write(int file, std::uint64_t offset, const char* from, std::size_t size) {
  return on_disk([&](auto& disk) { return disk.write(file, offset, from, size); });
}
inline int file_sync(int file) {
  return on_disk([&](auto& disk) { return disk.sync(file); });
}
inline int file_rename(const std::string& from, const std::string& to) {
  return on_disk([&](auto& disk) { return disk.rename(from, to); });
}
inline int file_remove(const std::string& path) {
  return on_disk([&](auto& disk) { return disk.unlink(path); });
}
inline int folder_make(const std::string& path) {
  return on_disk([&](auto& disk) { return disk.make_folder(path); });
}
inline int folder_list(const std::string& path, std::vector<std::string>& names) {
  return on_disk([&](auto& disk) { return disk.list(path, names); });
}
inline int folder_sync(const std::string& path) {
  return on_disk([&](auto& disk) { return disk.sync_folder(path); });
}
inline std::uint64_t random_identity() { return 0x5eed'5eed'5eed'5eed; }

}}}  // namespace kew::KEW_NAMESPACE::detail
