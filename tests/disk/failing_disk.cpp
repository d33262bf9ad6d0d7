// What a durable_queue answers when the disk is full, fails, or refuses.
#define KEW_NAMESPACE simulated
#define KEW_FILE_HEADER "support/simulated_disk.hpp"
#include <kew/durable_queue.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/environment.hpp"
#include "support/simulated_disk.hpp"

namespace kew_test { namespace {

using kew::durable_error;
using queue_type = kew::durable_queue<std::string>;

kew::durable_options small() {
  kew::durable_options how;
  how.segment_size = 8192;
  how.capacity = 100'000;
  how.on_recovery = [](const kew::recovery&) {};
  return how;
}

/// The error that a call throws: its number, and its message.
template <class F>
std::pair<int, std::string> error_of(F f) {
  try {
    f();
  } catch (const durable_error& failure) {
    return {failure.code().value(), failure.what()};
  }
  return {};
}

/// For a limited time.
struct fresh_disk : simulated_disk {
  fresh_disk() { disk = this; }
};

TEST_CASE("on a full disk publish throws, verdicts go on, and what they settle makes room", "[failing_disk]") {
  for (const int full : {ENOSPC, EDQUOT}) {
    fresh_disk place;
    queue_type queue("/q", small());
    std::size_t published = 0;
    place.fault = [&](const std::string& call, const std::string&) {
      return call == "reserve" && place.bytes_in_use() >= 10 * 8192 ? full : 0;
    };
    const auto fill = [&] {
      for (;;) {
        std::string text = std::to_string(published) + std::string(200, 'x');
        const auto [error, words] = error_of([&] { static_cast<void>(queue.try_publish(std::move(text))); });
        if (error != 0) {
          CHECK(error == full);
          CHECK_THAT(words, has_text("cannot reserve room on disk for /q/"));
          CHECK(text == std::to_string(published) + std::string(200, 'x'));
          return;
        }
        ++published;
      }
    };
    fill();
    CHECK(error_of([&] { static_cast<void>(queue.publish(std::string(200, 'y'))); }).first == full);
    std::vector<std::string> batch(3, std::string(200, 'y'));
    CHECK(error_of([&] { queue.publish_n(batch); }).first == full);
    CHECK(queue.counts().published == published);
    CHECK(published > 150);
    // As many as have room in what is kept for them, several times over.
    for (int lap = 0; lap < 4; ++lap) {
      for (int i = 0; i < 60; ++i) {
        auto got = queue.receive();
        REQUIRE(got);
        CHECK(got->ack());
      }
      const std::size_t before = published;
      fill();
      CHECK(published > before);
    }
    std::size_t left = 0;
    for (auto got = queue.try_receive(); got; got = queue.try_receive()) left += got->ack();
    CHECK(left + 240 == published);
  }
}

TEST_CASE("where the room for verdicts cannot be kept, publish throws the error of that", "[failing_disk]") {
  fresh_disk place;
  place.fault = [](const std::string& call, const std::string& path) {
    return call == "open" && path == "/q/spare.tmp" ? EMFILE : 0;
  };
  queue_type queue("/q", small());
  int error = 0;
  while (error == 0) error = error_of([&] { static_cast<void>(queue.try_publish(std::string(200, 'x'))); }).first;
  CHECK(error == EMFILE);
  CHECK(queue.receive()->ack());
  place.fault = nullptr;
  CHECK(queue.publish(std::string(200, 'y')));
}

TEST_CASE("a sync or a write that failed is final, and what was on disk goes on when the folder is opened again",
          "[failing_disk]") {
  for (const std::string failing : {"sync", "write"}) {
    fresh_disk place;
    {
      queue_type queue("/q", small());
      REQUIRE(queue.publish("safe"));
      REQUIRE(queue.publish("held"));
      auto first = *queue.receive();
      place.fault = [&](const std::string& call, const std::string&) { return call == failing ? EIO : 0; };
      const auto [error, words] = error_of([&] { static_cast<void>(queue.publish("unsafe")); });
      CHECK(error == EIO);
      CHECK_THAT(words, has_text("cannot " + failing + " /q/0000000000000001.kew") && has_text("opened again"));
      place.fault = nullptr;  // a second sync would succeed, and mean nothing
      CHECK(error_of([&] { static_cast<void>(queue.publish("unsafe too")); }).first == EIO);
      CHECK(error_of([&] { first.ack(); }).first == EIO);
      CHECK(error_of([&] { static_cast<void>(queue.receive()); }).first == EIO);
    }
    simulated_disk after = place.after_power_cut([](std::size_t) { return std::size_t{0}; });
    disk = &after;
    queue_type queue("/q", small());
    std::vector<std::string> left;
    for (auto got = queue.try_receive(); got; got = queue.try_receive()) {
      left.push_back(**got);
      CHECK(got->ack());
    }
    if (left.size() == 3) CHECK(left.back() == "unsafe");  // which may have reached the disk, for all that is known
    left.resize(2);
    CHECK(left == std::vector<std::string>{"safe", "held"});
    disk = &place;
  }
}

TEST_CASE("a folder that cannot be made, read, locked or written is refused with the system's words",
          "[failing_disk]") {
  struct refusal {
    const char* call;
    int error;
    const char* words;
  };
  for (const auto& [call, error, words] :
       {refusal{"make_folder", EROFS, "cannot make the folder /q"}, refusal{"open", EACCES, "cannot write /q/lock"},
        refusal{"lock", ENOLCK, "cannot lock /q/lock"}, refusal{"list", EIO, "cannot read the folder /q"},
        refusal{"reserve", ENOSPC, "cannot reserve room on disk for /q/0000000000000001.kew"},
        refusal{"rename", EROFS, "cannot name /q/0000000000000001.kew"}, refusal{"sync_folder", EIO, "/q"}}) {
    fresh_disk place;
    place.fault = [&, call = std::string(call), error = error](const std::string& here, const std::string&) {
      return here == call ? error : 0;
    };
    const auto [code, text] = error_of([] { const queue_type queue("/q", small()); });
    CHECK(code == error);
    CHECK_THAT(text, has_text(words) && has_text(std::generic_category().message(error)));
    place.fault = nullptr;
    const queue_type queue("/q", small());
  }
}

TEST_CASE("a day at full speed leaves no more on disk, in memory or open than a minute", "[failing_disk]") {
  fresh_disk place;
  kew::durable_options how = small();
  how.segment_size = 65536;
  how.sync = kew::sync::interval(std::chrono::hours(24));
  queue_type queue("/q", how);
  std::uint64_t most = 0;
  std::size_t most_open = 0;
  std::vector<std::string> batch;
  for (std::size_t i = 0; i < scaled(200); ++i) {
    batch.assign(500, std::string(100, 'x'));
    REQUIRE(queue.publish_n(batch) == 500);
    for (int k = 0; k < 500; ++k) REQUIRE(queue.receive()->ack());
    most = std::max(most, place.bytes_in_use());
    most_open = std::max(most_open, place.open_files());
  }
  CHECK(most <= 8 * how.segment_size);
  CHECK(most_open <= 3);
}

}}  // namespace kew_test
