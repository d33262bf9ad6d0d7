// What a durable_queue answers to errors of real system calls: a file system that is full or read-only, a limit on the size
// of files, and calls that libfiu lets fail. What the machine does not allow or have is skipped, and said.
#include <kew/durable_queue.hpp>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__linux__)
#include <dlfcn.h>
#include <sched.h>
#include <sys/mount.h>
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define KEW_SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define KEW_SANITIZED
#endif
#endif

#include "support/catch.hpp"
#include "support/environment.hpp"
#include "support/temporary_folder.hpp"

namespace kew_test { namespace {

using kew::durable_error;
using queue_type = kew::durable_queue<std::string>;

kew::durable_options small() {
  kew::durable_options how;
  how.segment_size = 65536;
  how.capacity = SIZE_MAX;
  how.max_attempts = 1'000'000;
  how.on_recovery = [](const kew::recovery&) {};
  return how;
}

/// In a process of its own, where Catch is of no use.
void require(bool well, const std::string& what) {
  if (!well) throw std::runtime_error(what);
}

/// A caller that remembers what it was told.
class caller {
 public:
  explicit caller(std::uint64_t seed) : random_(seed) {}

  /// Calls until one throws, so many times at most. The error; 0 if none did.
  int live(queue_type& queue, std::size_t calls, bool only_publishes = false) {
    for (; calls > 0; --calls) {
      const int error = error_of([&] { step(queue, only_publishes); });
      if (error != 0) return error;
    }
    return 0;
  }

  /// Takes and acknowledges so many. The error; 0 if none came.
  int acknowledge(queue_type& queue, std::size_t n) {
    for (; n > 0; --n)
      if (const int error = error_of([&] { acknowledge(queue); }); error != 0) return error;
    return 0;
  }

  /// That what it was told is there, and nothing else.
  void compare(queue_type& queue) {
    std::set<std::string> there;
    std::vector<kew::delivery<std::string>> all;
    for (auto got = queue.try_receive(); got; got = queue.try_receive()) {
      const std::string& text = **got;
      require(there.insert(text).second, "twice: " + start_of(text));
      require(gone_.count(text) == 0, "was acknowledged: " + start_of(text));
      require(kept_.count(text) + uncertain_.count(text) > 0, "never published: " + start_of(text));
      all.push_back(std::move(*got));
    }
    for (const std::string& each : kept_) require(there.count(each) > 0, "lost: " + start_of(each));
    for (kew::delivery<std::string>& each : all) require(each.requeue(), "requeue");
    kept_ = there;
    uncertain_.clear();
  }

  std::size_t kept() const { return kept_.size(); }

  /// The error of the disk that it throws, or 0.
  template <class F>
  static int error_of(F f) {
    try {
      f();
    } catch (const durable_error& failure) {
      require(failure.code().value() != 0 && !failure.file().empty(), failure.what());
      return failure.code().value();
    }
    return 0;
  }

 private:
  static std::string start_of(const std::string& text) { return text.substr(0, 10); }

  void step(queue_type& queue, bool only_publishes) {
    if (!only_publishes && random_.one_in(2)) return acknowledge(queue);
    const std::string text = std::to_string(++published_) + std::string(random_.below(3000), 'x');
    uncertain_.insert(text);
    require(static_cast<bool>(queue.publish(text)), "publish");
    kept_.insert(text);
    uncertain_.erase(text);
  }
  void acknowledge(queue_type& queue) {
    auto got = queue.try_receive();
    if (!got) return;
    const std::string text = **got;
    if (kept_.erase(text) > 0) uncertain_.insert(text);
    require(got->ack(), "ack");
    uncertain_.erase(text);
    gone_.insert(text);
  }

  random_source random_;
  std::uint64_t published_ = 0;
  std::set<std::string> kept_;
  std::set<std::string> uncertain_;  // a call about it threw
  std::set<std::string> gone_;
};

constexpr int skipped = 77;

/// Runs that in a process of its own, whose limits and mounts die with it. True where it went well, or was skipped.
bool in_a_process(const std::function<int()>& body) {
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    int answer = 1;
    try {
      answer = body();
    } catch (const std::exception& failure) {
      std::fprintf(stderr, "%s\n", failure.what());
    }
    std::fflush(nullptr);
    _exit(answer);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  return WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == skipped;
}

/// A file system of one megabyte, for this process alone. False where that is not allowed.
bool mount_small(const std::string& at) {
#if defined(__linux__)
  if (unshare(CLONE_NEWNS) == 0 && mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
      mount("tmpfs", at.c_str(), "tmpfs", 0, "size=1m") == 0)
    return true;
#endif
  std::printf("skipped: this user may not mount %s\n", at.c_str());
  return false;
}

TEST_CASE("on a file system that is full publish throws, and what is acknowledged makes room", "[system_errors]") {
  const std::uint64_t seed = run_seed();
  const temporary_folder place;
  CHECK(in_a_process([&] {
    const std::string folder = place.path().string();
    if (!mount_small(folder)) return skipped;
    caller user(seed);
    std::size_t kept = 0;
    for (int opening = 0; opening < 3; ++opening) {
      queue_type queue(folder + "/q", small());
      user.compare(queue);
      for (int lap = 0; lap < 5; ++lap) {
        require(user.live(queue, 100'000, true) == ENOSPC, "no ENOSPC from publish");
        require(lap > 0 || opening > 0 || user.kept() > 300, "full too soon");
        kept = user.kept();
        require(user.acknowledge(queue, kept / 2) == 0, "an error from ack on a full disk");
        require(user.live(queue, 50, true) == 0, "what was acknowledged made no room");
      }
    }
    queue_type queue(folder + "/q", small());
    user.compare(queue);
    return 0;
  }));
}

TEST_CASE("a file system that is read-only is refused, and goes on where it is writable again", "[system_errors]") {
#if defined(__linux__)
  const std::uint64_t seed = run_seed();
  const temporary_folder place;
  CHECK(in_a_process([&] {
    const std::string folder = place.path().string();
    if (!mount_small(folder)) return skipped;
    caller user(seed);
    {
      queue_type queue(folder + "/q", small());
      require(user.live(queue, 100) == 0, "an error on a disk that is well");
    }
    require(mount(nullptr, folder.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, "size=1m") == 0, "not read-only");
    require(caller::error_of([&] { const queue_type queue(folder + "/q", small()); }) == EROFS, "no EROFS");
    require(caller::error_of([&] { const queue_type queue(folder + "/other", small()); }) == EROFS, "no EROFS");
    require(mount(nullptr, folder.c_str(), nullptr, MS_REMOUNT, "size=1m") == 0, "not writable");
    queue_type queue(folder + "/q", small());
    user.compare(queue);
    return 0;
  }));
#endif
}

TEST_CASE("a limit on the size of files is an error of publish, and no end", "[system_errors]") {
  const std::uint64_t seed = run_seed();
  const temporary_folder place;
  CHECK(in_a_process([&] {
    std::signal(SIGXFSZ, SIG_IGN);
    caller user(seed);
    {
      queue_type queue(place.path() / "q", small());
      require(user.live(queue, 100) == 0, "an error without a limit");
      rlimit limit{};
      require(getrlimit(RLIMIT_FSIZE, &limit) == 0, "getrlimit");
      const rlim_t before = limit.rlim_cur;
      limit.rlim_cur = 32768;  // less than a file of the log
      require(setrlimit(RLIMIT_FSIZE, &limit) == 0, "setrlimit");
      require(user.live(queue, 100'000, true) == EFBIG, "no EFBIG");
      limit.rlim_cur = before;
      require(setrlimit(RLIMIT_FSIZE, &limit) == 0, "setrlimit");
    }
    queue_type queue(place.path() / "q", small());
    user.compare(queue);
    return 0;
  }));
}

// ---- Calls that libfiu lets fail ---------------------------------------------------------------------------------

#if defined(__linux__)

/// libfiu, where it was loaded before this program.
struct fault_injection {
  using enable_call = int(const char*, int, void*, unsigned, float);
  using disable_call = int(const char*);

  enable_call* enable = reinterpret_cast<enable_call*>(dlsym(RTLD_DEFAULT, "fiu_enable_random"));
  disable_call* disable = reinterpret_cast<disable_call*>(dlsym(RTLD_DEFAULT, "fiu_disable"));
};

TEST_CASE("what a caller was told is there whichever system call has failed", "[.under_libfiu]") {
  struct failing_call {
    const char* name;  // libfiu's
    int error;         // 0 where the call does less than it was asked for, which is no error
  };
  const fault_injection fiu;
  REQUIRE(fiu.enable != nullptr);
  REQUIRE(fiu.disable != nullptr);
  const std::uint64_t seed = run_seed();
  for (const auto& [name, error] :
       {failing_call{"posix/io/rw/pwrite", EIO}, failing_call{"posix/io/rw/pwrite", ENOSPC},
        failing_call{"posix/io/rw/pwrite", EDQUOT}, failing_call{"posix/io/rw/pwrite/reduce", 0},
        failing_call{"posix/io/sync/fdatasync", EIO}, failing_call{"posix/io/sync/fsync", EIO},
        failing_call{"posix/io/oc/open", EMFILE}, failing_call{"posix/io/rw/pread", EIO},
        failing_call{"posix/io/rw/pread/reduce", 0}, failing_call{"posix/io/dir/rename", EIO},
        failing_call{"posix/io/dir/unlink", EROFS}, failing_call{"posix/io/dir/opendir", ENOMEM}}) {
    INFO(name << ", error " << error << ", seed " << seed);
    const temporary_folder place;
    caller user(seed);
    std::size_t thrown = 0;
    for (std::size_t life = 0; life < scaled(40); ++life) {
      REQUIRE(fiu.enable(name, 1, reinterpret_cast<void*>(static_cast<std::intptr_t>(error)), 0,
                         life % 2 == 0 ? 0.5F : 0.02F) == 0);
      int seen = 0;
      {
        std::unique_ptr<queue_type> queue;
        seen = caller::error_of([&] { queue = std::make_unique<queue_type>(place.path() / "q", small()); });
        if (queue) seen = user.live(*queue, 200);
      }
      REQUIRE(fiu.disable(name) == 0);
      REQUIRE((seen == 0 || seen == error));
      thrown += seen != 0 ? 1 : 0;
      queue_type queue(place.path() / "q", small());
      REQUIRE_NOTHROW(user.compare(queue));
    }
    std::printf("%s, error %d: thrown in %zu of %zu lives\n", name, error, thrown, scaled(40));
    CHECK((thrown > 0) == (error != 0));
  }
}

TEST_CASE("system calls that fail break no promise", "[system_errors]") {
#ifdef KEW_SANITIZED
  std::printf("skipped: a sanitizer wants to be loaded first, and so does libfiu\n");
#else
  static_cast<void>(run_seed());
  const char* const libraries = "/usr/lib/fiu";
  if (!std::filesystem::exists(std::string(libraries) + "/fiu_posix_preload.so")) {
    std::printf("skipped: libfiu is not in %s\n", libraries);
    return;
  }
  CHECK(in_a_process([&] {
    const std::string own = std::filesystem::read_symlink("/proc/self/exe").string();
    setenv("KEW_SEED", std::to_string(run_seed()).c_str(), 1);
    execlp("fiu-run", "fiu-run", "-x", "-f", "", own.c_str(), "[.under_libfiu]", nullptr);
    std::printf("skipped: no fiu-run\n");
    return skipped;
  }));
#endif
}

#endif

}}  // namespace kew_test
