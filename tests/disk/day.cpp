// A day at 100,000 messages a second, on a simulated disk and clock: what is on disk, open and in memory is bounded while
// the consumers keep up.
//
// 8.64 thousand millions of messages are too many to be written one by one, so files and messages are both fewer by 1024:
// files of 64 KB for the usual 64 MB, and 98 messages for each second. So a day has all of its seconds, and as many files
// are made and removed as in a day at full speed. At KEW_TEST_SCALE=100 it is a day, at 1 a hundredth of one.
#define KEW_NAMESPACE simulated
#define KEW_SYNC_HEADER "support/simulated_time.hpp"
#define KEW_FILE_HEADER "support/simulated_disk.hpp"
#include <kew/durable_queue.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include "support/catch.hpp"
#include "support/environment.hpp"
#include "support/simulated_disk.hpp"
#include "support/simulated_time.hpp"

namespace kew_test { namespace {

using namespace std::chrono_literals;

/// In bytes, the simulated disk included; 0 where that cannot be asked.
std::size_t memory_in_use() {
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 33)
  return mallinfo2().uordblks;
#else
  return 0;
#endif
}

constexpr std::size_t messages_a_second = 98;

kew::durable_options options() {
  kew::durable_options how;
  how.segment_size = 65536;
  how.capacity = SIZE_MAX;
  how.visibility_timeout = 30s;
  how.on_recovery = [](const kew::recovery&) {};
  return how;
}

struct figures {
  std::uint64_t on_disk = 0;
  std::size_t files = 0;
  std::size_t open = 0;
  std::size_t memory = 0;

  void grow_to(const figures& other) {
    on_disk = std::max(on_disk, other.on_disk);
    files = std::max(files, other.files);
    open = std::max(open, other.open);
    memory = std::max(memory, other.memory);
  }
};

/// Publishers and consumers that keep up, second by second, with all that can become of a message.
class day {
 public:
  explicit day(std::uint64_t seed) : random_(seed) { reopen(); }

  void second() {
    simulated_time += 1s;
    std::vector<std::string> batch;
    while (published_ % messages_a_second != 0 || batch.empty()) {
      batch.assign(1 + random_.below(7), std::string(90 + random_.below(20), 'x'));
      if (published_ % messages_a_second + batch.size() > messages_a_second) batch.resize(1);
      published_ += batch.size();
      if (batch.size() == 1)
        REQUIRE(queue_->publish(std::move(batch[0])));
      else
        REQUIRE(queue_->publish_n(batch) == batch.size());
    }
    for (auto got = queue_->try_receive(); got; got = queue_->try_receive()) consume(*got);
    // Those have timed out, and are delivered to somebody else.
    while (!late_.empty() && late_.front().until <= simulated_time) late_.pop_front();
    for (auto got = queue_->dead_letters().try_receive(); got; got = queue_->dead_letters().try_receive())
      REQUIRE(got->ack());
  }

  /// As after a crash: with deliveries outstanding.
  void reopen() {
    queue_.reset();
    late_.clear();
    queue_ = std::make_unique<kew::durable_queue<std::string>>("/q", options());
  }

  std::uint64_t published() const { return published_; }
  kew::queue_counts counts() { return queue_->counts(); }
  figures now() { return {disk->bytes_in_use(), disk->paths().size(), disk->open_files(), memory_in_use()}; }

 private:
  struct held {
    kew::delivery<std::string> delivery;
    std::chrono::nanoseconds until;
  };

  void consume(kew::delivery<std::string>& got) {
    switch (random_.below(400)) {
      case 0: return late_.push_back({std::move(got), simulated_time + 40s});
      case 1:
        REQUIRE(got.extend(10min));
        return late_.push_back({std::move(got), simulated_time + 60s});  // and then no verdict
      case 2: REQUIRE(got.requeue(20s)); return;
      case 3: REQUIRE(got.requeue()); return;
      case 4: REQUIRE(got.reject("by chance")); return;
      case 5:
        if (random_.one_in(20)) REQUIRE(got.requeue(30min));
        return;  // a failure, or the long delay
      default: REQUIRE(got.ack());
    }
  }

  random_source random_;
  std::unique_ptr<kew::durable_queue<std::string>> queue_;
  std::deque<held> late_;
  std::uint64_t published_ = 0;
};

TEST_CASE("a day of 100,000 messages a second leaves no more on disk, open or in memory than its first part", "[day]") {
  simulated_disk place;
  disk = &place;
  const auto seconds = static_cast<std::uint64_t>(scaled(864));
  const std::uint64_t first_part = std::max<std::uint64_t>(seconds / 10, 200);
  const std::uint64_t opened_every = std::max<std::uint64_t>(seconds / 24, 36);
  figures first;
  figures later;
  {
    day here(run_seed());
    for (std::uint64_t second = 1; second <= seconds; ++second) {
      here.second();
      if (second % opened_every == 0) here.reopen();
      (second <= first_part ? first : later).grow_to(here.now());
    }
    const figures end = here.now();
    std::printf(
        "%llu seconds, %llu messages; at most %llu KB in %zu files, %zu open, %zu KB of memory; %zu KB at the end\n",
        static_cast<unsigned long long>(seconds), static_cast<unsigned long long>(here.published()),
        static_cast<unsigned long long>(std::max(first.on_disk, later.on_disk) / 1024),
        std::max(first.files, later.files), std::max(first.open, later.open),
        std::max(first.memory, later.memory) / 1024, end.memory / 1024);
  }
  CHECK(later.on_disk <= first.on_disk * 3 / 2);
  CHECK(later.on_disk <= 24 * options().segment_size);
  CHECK(later.files <= first.files * 3 / 2);
  CHECK(later.open <= first.open);
  CHECK(later.open <= 3);
  CHECK(later.memory <= first.memory * 3 / 2);
  disk = nullptr;
}

}}  // namespace kew_test
