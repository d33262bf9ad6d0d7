// A folder for one test, which is removed with all that is in it. In memory where that is to be had: what is tested in it
// is what kew does, and a disk is simulated or killed elsewhere.
#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>

namespace kew_test {

/// Where it is.
enum class folder_place { in_memory, on_disk };

class temporary_folder {
 public:
  explicit temporary_folder(folder_place where = folder_place::in_memory) {
    const std::filesystem::path in_memory = "/dev/shm";
    const bool there = where == folder_place::in_memory && std::filesystem::is_directory(in_memory);
    std::string name = ((there ? in_memory : std::filesystem::temp_directory_path()) / "kew-test-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder to be had");
    path_ = name;
  }
  temporary_folder(const temporary_folder&) = delete;
  temporary_folder& operator=(const temporary_folder&) = delete;
  ~temporary_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace kew_test
