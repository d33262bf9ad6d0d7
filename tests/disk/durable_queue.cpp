// durable_queue keeps the contract of every message_queue, also when it is opened again in the middle, and what it
// promises beyond that.
#include <kew/durable_queue.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "contract/messages.hpp"
#include "support/catch.hpp"
#include "support/take_all.hpp"
#include "support/temporary_folder.hpp"

namespace kew_test {
/// A message that can only be moved.
struct sealed {
  explicit sealed(int n) : number(n) {}
  sealed(sealed&&) noexcept = default;
  sealed& operator=(sealed&&) noexcept = default;
  int number;
};
template <>
inline sealed make<sealed>(int n) {
  return sealed(n);
}
inline int read(const sealed& value) { return value.number; }
}  // namespace kew_test

template <>
struct kew::codec<kew_test::sealed> {
  static constexpr std::string_view name = "sealed";
  static void encode(const kew_test::sealed& value, std::string& bytes) { bytes += std::to_string(value.number); }
  static kew_test::sealed decode(std::string_view bytes) { return kew_test::sealed(std::stoi(std::string(bytes))); }
};

namespace kew_test { namespace {

using kew::durable_error;
using kew::durable_options;
using kew::durable_queue;
using kew::recovery;

durable_options options_like(const kew::queue_options& options) {
  durable_options how;
  how.capacity = options.capacity;
  how.max_attempts = options.max_attempts;
  how.visibility_timeout = options.visibility_timeout;
  how.segment_size = 16384;
  return how;
}

/// With small files, which are made quickly.
durable_options small() { return options_like({}); }

/// In a folder of its own.
template <class T>
struct in_a_folder : temporary_folder, durable_queue<T> {
  explicit in_a_folder(const durable_options& how) : durable_queue<T>(this->path() / "queue", how) {}
};

template <class T>
struct durable_subject {
  using value_type = T;
  static std::unique_ptr<kew::message_queue<T>> make(const kew::queue_options& options) {
    return std::make_unique<in_a_folder<T>>(options_like(options));
  }
};

/// Opens its folder again before a call, whenever nothing is outstanding and no other call is under way.
template <class T>
class reopened final : public kew::message_queue<T> {
 public:
  explicit reopened(const durable_options& how) : how_(how) { open(); }

  void close() override {
    const std::shared_lock beside_others(mutex_);
    closed_ = true;
    queue_->close();
  }
  kew::message_queue<T>& dead_letters() override { return dead_; }
  kew::queue_counts counts() override { return all(false); }
  kew::queue_traits traits() override { return queue_->traits(); }

 private:
  using limit = kew::detail::any_limit;

  /// Calls what message_queue keeps for those that derive from it.
  struct face : kew::message_queue<T> {
    static status publish(kew::message_queue<T>& to, T& message, const limit& within) {
      return (to.*(&face::do_publish))(message, within);
    }
    static kew::result<kew::delivery<T>> receive(kew::message_queue<T>& from, const limit& within) {
      return (from.*(&face::do_receive))(within);
    }
  };

  class dead_letter_queue final : public kew::message_queue<T> {
   public:
    explicit dead_letter_queue(reopened& of) : of_(of) {}
    void close() override {
      const std::shared_lock beside_others(of_.mutex_);
      of_.closed_ = true;
      of_.queue_->dead_letters().close();
    }
    kew::message_queue<T>& dead_letters() override { return *this; }
    kew::queue_counts counts() override { return of_.all(true); }
    kew::queue_traits traits() override { return of_.traits(); }

   private:
    status do_publish(T& message, const limit& within) override {
      return of_.call([&] { return face::publish(of_.queue_->dead_letters(), message, within); });
    }
    kew::result<kew::delivery<T>> do_receive(const limit& within) override {
      return of_.call([&] { return face::receive(of_.queue_->dead_letters(), within); });
    }

    reopened& of_;
  };

  status do_publish(T& message, const limit& within) override {
    return call([&] { return face::publish(*queue_, message, within); });
  }
  kew::result<kew::delivery<T>> do_receive(const limit& within) override {
    return call([&] { return face::receive(*queue_, within); });
  }
  std::size_t do_publish_n(std::span<T> messages) override {
    return call([&] { return queue_->publish_n(messages); });
  }

  template <class F>
  auto call(F f) {
    if (std::unique_lock alone(mutex_, std::try_to_lock); alone.owns_lock() && !closed_) {
      const kew::queue_counts live = queue_->counts();
      const kew::queue_counts dead = queue_->dead_letters().counts();
      if (live.outstanding + dead.outstanding == 0) {
        queue_.reset();
        before_[0] = sum(before_[0], live);
        before_[1] = sum(before_[1], dead);
        open();
      }
    }
    const std::shared_lock beside_others(mutex_);
    return f();
  }
  void open() { queue_.emplace(folder_.path() / "queue", how_); }

  /// What is gone for good; the others are counted again.
  static kew::queue_counts sum(kew::queue_counts before, const kew::queue_counts& now) {
    before.published += now.published - now.ready - now.delayed;
    before.acked += now.acked;
    before.dead += now.dead;
    before.redelivered += now.redelivered;
    return before;
  }
  kew::queue_counts all(bool dead) {
    const std::shared_lock beside_others(mutex_);
    kew::queue_counts now = dead ? queue_->dead_letters().counts() : queue_->counts();
    const kew::queue_counts& before = before_[dead ? 1 : 0];
    now.published += before.published;
    now.acked += before.acked;
    now.dead += before.dead;
    now.redelivered += before.redelivered;
    return now;
  }

  temporary_folder folder_;
  const durable_options how_;
  std::shared_mutex mutex_;
  std::atomic<bool> closed_{false};
  std::optional<durable_queue<T>> queue_;
  kew::queue_counts before_[2];
  dead_letter_queue dead_{*this};
};

template <class T>
struct reopened_subject {
  using value_type = T;
  static std::unique_ptr<kew::message_queue<T>> make(const kew::queue_options& options) {
    return std::make_unique<reopened<T>>(options_like(options));
  }
};

using messages_of_all_kinds = std::tuple<int, std::string, sealed>;

TEMPLATE_LIST_TEST_CASE("durable_queue keeps the contract of a message_queue", "[durable_queue][contract]",
                        messages_of_all_kinds) {
  message_contract<durable_subject<TestType>>();
}

TEMPLATE_LIST_TEST_CASE("durable_queue keeps the contract when it is opened again between the calls",
                        "[durable_queue][contract]", messages_of_all_kinds) {
  message_contract<reopened_subject<TestType>>();
}

// ---- Beyond the contract -----------------------------------------------------------------------------------------

/// Publishes the strings.
void publish_all(kew::message_queue<std::string>& queue, std::vector<std::string> texts) {
  REQUIRE(queue.publish_n(texts) == texts.size());
}

TEST_CASE("what was not acknowledged comes back when the folder is opened again, in order", "[durable_queue]") {
  const temporary_folder folder;
  {
    durable_queue<std::string> queue(folder.path(), small());
    publish_all(queue, {"a", "b", "c", "d"});
    CHECK(queue.receive()->ack());
    auto held = *queue.receive();
    CHECK(held.requeue());
    CHECK(queue.receive()->reject("no such customer"));
  }
  durable_queue<std::string> queue(folder.path(), small());
  CHECK(counts_of(queue).published == 2);
  CHECK(counts_of(queue).ready == 2);
  auto first = *queue.receive();
  CHECK(*first == "d");
  CHECK(first.attempt() == 1);
  auto second = *queue.receive();
  CHECK(*second == "b");
  CHECK(second.attempt() == 2);
  auto dead = *queue.dead_letters().try_receive();
  CHECK(*dead == "c");
  CHECK(dead.reason() == "no such customer");
  CHECK(first.ack());
  CHECK(second.ack());
  CHECK(dead.ack());
}

TEST_CASE("the end of the queue while a message is out is a failure, and the last one makes it a dead letter",
          "[durable_queue]") {
  const temporary_folder folder;
  durable_options how = small();
  how.max_attempts = 3;
  {
    durable_queue<std::string> queue(folder.path(), how);
    publish_all(queue, {"poison"});
  }
  for (unsigned attempt = 1; attempt <= 3; ++attempt) {
    std::optional<kew::delivery<std::string>> held;
    durable_queue<std::string> queue(folder.path(), how);
    auto got = queue.try_receive();
    REQUIRE(got);
    CHECK(got->attempt() == attempt);
    held.emplace(*std::move(got));  // outlives the queue
  }
  durable_queue<std::string> queue(folder.path(), how);
  CHECK(queue.try_receive().status() == status::empty);
  CHECK(queue.dead_letters().receive()->reason() == "failed 3 times");
}

TEST_CASE("a delay is kept by the calendar, and a calendar that was set makes it no longer", "[durable_queue]") {
  const temporary_folder folder;
  const auto later = [&](std::int64_t due, std::chrono::nanoseconds delay) {
    kew::detail::journal log({.folder = folder.path().string(), .type = "text", .segment_size = 16384});
    for (const found_message& each : take_all(log))
      log.commit(log.returned(*each.kept, each.kept->state.attempts, 0, due, delay.count()));
  };
  {
    durable_queue<std::string> queue(folder.path(), small());
    publish_all(queue, {"a"});
    CHECK(queue.receive()->requeue(1h));
  }
  {
    durable_queue<std::string> queue(folder.path(), small());
    CHECK(counts_of(queue).delayed == 1);
    CHECK(queue.try_receive().status() == status::empty);
  }
  later(INT64_MAX, 1ms);  // as if the calendar had been set back by centuries
  {
    durable_queue<std::string> queue(folder.path(), small());
    auto got = queue.receive();
    REQUIRE(got);
    CHECK(got->requeue(1h));
  }
  later(1, 1h);  // as if it had been set forward
  durable_queue<std::string> queue(folder.path(), small());
  CHECK(counts_of(queue).ready == 1);
}

/// Refuses what begins with an x.
struct picky {
  std::string text;
};

}}  // namespace kew_test

template <>
struct kew::codec<kew_test::picky> {
  static constexpr std::string_view name = "text";
  static void encode(const kew_test::picky& value, std::string& bytes) {
    if (value.text == "throw") throw std::runtime_error("cannot be encoded");
    bytes += value.text;
  }
  static kew_test::picky decode(std::string_view bytes) {
    if (bytes.starts_with('x')) throw std::runtime_error("begins with an x");
    return {std::string(bytes)};
  }
};

namespace kew_test { namespace {

TEST_CASE("a message that its codec refuses is a dead letter with the reason, until a codec knows it",
          "[durable_queue]") {
  const temporary_folder folder;
  {
    durable_queue<std::string> queue(folder.path(), small());
    publish_all(queue, {"a", "x", "b"});
  }
  std::vector<recovery> said;
  durable_options how = small();
  how.on_recovery = [&](const recovery& what) { said.push_back(what); };
  for (int i = 0; i < 2; ++i) {
    durable_queue<picky> queue(folder.path(), how);
    CHECK(queue.counts().ready == 2);
    CHECK(queue.dead_letters().counts().dead == 1);
    CHECK(queue.dead_letters().try_receive().status() == status::empty);
  }
  REQUIRE(said.size() == 2);
  CHECK(said[0].what == recovery::kind::undecodable);
  CHECK_THAT(said[0].text, has_text("begins with an x"));
  durable_queue<std::string> queue(folder.path(), small());
  auto dead = queue.dead_letters().try_receive();
  REQUIRE(dead);
  CHECK(**dead == "x");
  CHECK(dead->reason() == "cannot be decoded: begins with an x");
}

/// Knows how many of it there are, and can be made to refuse what it has accepted before.
struct counted {
  explicit counted(int n) : number(n) { ++alive; }
  counted(const counted& other) : number(other.number) { ++alive; }
  counted& operator=(const counted&) = default;
  ~counted() { --alive; }

  int number;
  static inline int alive = 0;
  static inline int refused = -1;
};

}}  // namespace kew_test

template <>
struct kew::codec<kew_test::counted> {
  static constexpr std::string_view name = "counted";
  static void encode(const kew_test::counted& value, std::string& bytes) { bytes += std::to_string(value.number); }
  static kew_test::counted decode(std::string_view bytes) {
    const int number = std::stoi(std::string(bytes));
    if (number == kew_test::counted::refused) throw std::runtime_error("not any more");
    return kew_test::counted(number);
  }
};

namespace kew_test { namespace {

void publish_numbers(kew::message_queue<counted>& queue, int first, int behind) {
  for (int i = first; i < behind; ++i) REQUIRE(queue.publish(counted(i)));
}

TEST_CASE(
    "what was there when a folder was opened stays on disk until it is wanted, and is ready before what comes later",
    "[durable_queue]") {
  const temporary_folder folder;
  durable_options how = small();
  how.capacity = 10'000;
  how.sync = kew::sync::interval(1h);
  {
    durable_queue<counted> queue(folder.path(), how);
    publish_numbers(queue, 0, 1000);
    for (int i = 0; i < 100; ++i) CHECK(queue.receive()->reject(std::to_string(i)));
  }
  durable_queue<counted> queue(folder.path(), how);
  CHECK(counted::alive == 0);
  CHECK(counts_of(queue).ready == 900);
  CHECK(counts_of(queue.dead_letters()).ready == 100);
  publish_numbers(queue, 1000, 1010);
  {
    auto returned = *queue.receive();
    CHECK(returned->number == 100);
    CHECK(counted::alive < 100);
    CHECK(returned.requeue());
  }
  for (int i = 101; i < 1011; ++i) {
    auto got = *queue.receive();
    REQUIRE(got->number == (i < 1010 ? i : 100));
    CHECK(got.attempt() == (i < 1010 ? 1u : 2u));
    CHECK(got.ack());
  }
  CHECK(queue.try_receive().status() == status::empty);
  for (int i = 0; i < 100; ++i) {
    auto dead = *queue.dead_letters().receive();
    REQUIRE(dead->number == i);
    CHECK(dead.reason() == std::to_string(i));
    CHECK(dead.ack());
  }
  CHECK(counted::alive == 0);
}

TEST_CASE("a message that its codec refuses when it is wanted is a dead letter then, and the others are delivered",
          "[durable_queue]") {
  const temporary_folder folder;
  {
    durable_queue<counted> queue(folder.path(), small());
    publish_numbers(queue, 0, 100);
  }
  {
    durable_queue<counted> queue(folder.path(), small());
    counted::refused = 50;
    int received = 0;
    for (auto got = queue.try_receive(); got; got = queue.try_receive(), ++received) {
      CHECK((*got)->number != 50);
      CHECK(got->ack());
    }
    counted::refused = -1;
    CHECK(received == 99);
    CHECK(queue.counts().ready == 0);
    CHECK(queue.dead_letters().counts().dead == 1);
  }
  durable_queue<counted> queue(folder.path(), small());
  CHECK(queue.counts().published == 0);
  auto dead = *queue.dead_letters().receive();
  CHECK(dead->number == 50);
  CHECK(dead.reason() == "cannot be decoded: not any more");
}

TEST_CASE("a message that waits on disk and is damaged there is an error of receive, and stays", "[durable_queue]") {
  const temporary_folder folder;
  const std::string text(3000, 'a');
  {
    durable_queue<std::string> queue(folder.path(), small());
    publish_all(queue, {text, "b"});
  }
  durable_queue<std::string> queue(folder.path(), small());
  std::string file;
  for (const auto& each : std::filesystem::directory_iterator(folder.path()))
    if (each.path().extension() == ".kew") file = each.path().string();
  const auto put = [&](char byte) {
    std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
    bytes.seekp(4000).put(byte);
  };
  put('x');
  CHECK_THROWS_WITH(queue.try_receive(), has_text(file) && has_text("offset"));
  CHECK_THROWS_AS(queue.try_receive(), durable_error);
  CHECK(counts_of(queue).ready == 2);
  CHECK(queue.publish("c"));
  put('a');
  for (const std::string& expected : {text, std::string("b"), std::string("c")}) CHECK(**queue.receive() == expected);
}

TEST_CASE("what the codec throws leaves publish, and nothing is published", "[durable_queue]") {
  const temporary_folder folder;
  durable_queue<picky> queue(folder.path(), small());
  CHECK_THROWS_WITH(static_cast<void>(queue.publish({"throw"})), "cannot be encoded");
  std::vector<picky> batch{{"a"}, {"b"}, {"throw"}, {"c"}};
  CHECK(queue.publish_n(batch) == 2);
  CHECK(batch[2].text == "throw");
  CHECK(batch[3].text == "c");
  CHECK_THROWS_WITH(queue.publish_n(std::span(batch).subspan(2)), "cannot be encoded");
  CHECK(queue.counts().published == 2);
  CHECK(queue.counts().ready == 2);
}

TEST_CASE("a folder has one durable_queue at a time, and the refusal says so", "[durable_queue]") {
  const temporary_folder folder;
  const auto again = [&] { const durable_queue<std::string> queue(folder.path(), small()); };
  {
    const durable_queue<std::string> queue(folder.path(), small());
    CHECK_THROWS_AS(again(), durable_error);
    CHECK_THROWS_WITH(again(), has_text("open already") && has_text(folder.path().string()));
  }
  again();
}

TEST_CASE("a folder of another type of message is refused with both names", "[durable_queue]") {
  const temporary_folder folder;
  {
    const durable_queue<std::string> queue(folder.path(), small());
  }
  CHECK_THROWS_WITH(durable_queue<int>(folder.path()), has_text("'text'") && has_text("'signed 32'"));
  durable_options how = small();
  how.type = "text";
  const durable_queue<std::vector<std::byte>> queue(folder.path(), how);
}

TEST_CASE("a name of a type that has no room in a file is refused", "[durable_queue]") {
  const temporary_folder folder;
  durable_options how = small();
  how.type = std::string(1024, 'n');
  for (int i = 0; i < 2; ++i) const durable_queue<std::string> queue(folder.path() / "longest", how);
  how.type += 'n';
  CHECK_THROWS_AS(durable_queue<std::string>(folder.path() / "longer", how), std::invalid_argument);
}

TEST_CASE("a folder is made with those above it; what else is in one is left alone", "[durable_queue]") {
  const temporary_folder folder;
  const auto deep = folder.path() / "a" / "b" / "c";
  {
    const durable_queue<std::string> queue(deep, small());
  }
  std::ofstream(deep / "notes.txt") << "mine";
  std::ofstream(deep / "0.kew") << "no segment's name";
  {
    const durable_queue<std::string> queue(deep, small());
  }
  CHECK(std::filesystem::file_size(deep / "notes.txt") == 4);
  CHECK(std::filesystem::exists(deep / "0.kew"));
}

TEST_CASE("what cannot be a folder, and files that are none of ours, are refused by name", "[durable_queue]") {
  const temporary_folder folder;
  std::ofstream(folder.path() / "file") << "text";
  CHECK_THROWS_WITH(durable_queue<int>(folder.path() / "file"), has_text("file"));
  CHECK_THROWS_AS(durable_queue<int>(folder.path() / "file" / "below"), durable_error);
  const auto alien = folder.path() / "alien";
  std::filesystem::create_directory(alien);
  std::ofstream(alien / "0000000000000001.kew") << std::string(5000, 'x');
  CHECK_THROWS_WITH(durable_queue<int>(alien), has_text("0000000000000001.kew") && has_text("is no file of a kew log"));
  CHECK(std::filesystem::file_size(alien / "0000000000000001.kew") == 5000);
}

TEST_CASE("messages longer than a segment fit", "[durable_queue]") {
  const temporary_folder folder;
  durable_options how = small();
  how.segment_size = 4096;
  const std::string longest(100'000, 'y');
  {
    durable_queue<std::string> queue(folder.path(), how);
    publish_all(queue, {"a", longest, "b", longest});
    CHECK(queue.receive()->ack());
  }
  durable_queue<std::string> queue(folder.path(), how);
  for (const std::string& text : {longest, std::string("b"), longest}) {
    auto got = queue.receive();
    REQUIRE(got);
    CHECK(**got == text);
    CHECK(got->ack());
  }
}

TEST_CASE("a folder that holds more than the capacity is opened, and publish waits until there is room",
          "[durable_queue]") {
  const temporary_folder folder;
  {
    durable_queue<std::string> queue(folder.path(), small());
    publish_all(queue, {"a", "b", "c"});
  }
  durable_options how = small();
  how.capacity = 2;
  durable_queue<std::string> queue(folder.path(), how);
  CHECK(counts_of(queue).ready == 3);
  CHECK(queue.try_publish("d") == status::full);
  CHECK(queue.receive()->ack());
  CHECK(queue.try_publish("d") == status::full);
  CHECK(queue.receive()->ack());
  CHECK(queue.try_publish("d"));
}

TEST_CASE("with an interval everything is on disk after flush, and everything comes back", "[durable_queue]") {
  const temporary_folder folder;
  durable_options how = small();
  how.sync = kew::sync::interval(1ms);
  {
    durable_queue<std::string> queue(folder.path(), how);
    for (int i = 0; i < 100; ++i) publish_all(queue, {std::to_string(i)});
    queue.flush();
    for (int i = 0; i < 50; ++i) CHECK(queue.receive()->ack());
  }
  durable_queue<std::string> queue(folder.path(), how);
  CHECK(counts_of(queue).ready == 50);
  CHECK(**queue.receive() == "50");
}

TEST_CASE("several producers and consumers share the disk, and each message is acknowledged once", "[durable_queue]") {
  for (const kew::sync when : {kew::sync::each, kew::sync::interval(1ms)}) {
    const temporary_folder folder;
    durable_options how = small();
    how.sync = when;
    how.segment_size = 65536;
    how.capacity = 100;
    constexpr int producers = 4;
    const int messages = static_cast<int>(scaled(2000));
    std::vector<std::vector<int>> seen(3);
    {
      durable_queue<int> queue(folder.path(), how);
      const watchdog guard("producers and consumers over a disk");
      std::vector<std::thread> consumers;
      for (auto& mine : seen)
        consumers.emplace_back([&] {
          for (;;) {
            auto got = queue.receive();
            if (!got) break;
            if (**got % 7 == 0 && got->attempt() == 1) continue;  // no verdict
            const int number = **got;
            if (got->ack()) mine.push_back(number);
          }
        });
      std::vector<std::thread> publishers;
      for (int p = 0; p < producers; ++p)
        publishers.emplace_back([&, p] {
          for (int i = 0; i < messages; ++i) static_cast<void>(queue.publish(p * messages + i));
        });
      for (std::thread& each : publishers) each.join();
      queue.close();
      for (std::thread& each : consumers) each.join();
    }
    std::vector<int> all;
    for (const auto& mine : seen) all.insert(all.end(), mine.begin(), mine.end());
    std::sort(all.begin(), all.end());
    REQUIRE(all.size() == static_cast<std::size_t>(producers * messages));
    for (int i = 0; i < producers * messages; ++i) REQUIRE(all[static_cast<std::size_t>(i)] == i);
    durable_queue<int> queue(folder.path(), how);
    CHECK(queue.counts().published == 0);
    const auto files = std::filesystem::directory_iterator(folder.path());
    CHECK(std::distance(begin(files), end(files)) == 3);  // the lock, a segment, and a spare one
  }
}

TEST_CASE("verdicts of deliveries race the end of their queue: each counts and is kept, or is refused",
          "[durable_queue]") {
  const temporary_folder folder;
  std::size_t counted = 0;
  std::size_t published = 0;
  for (std::size_t round = 0; round < scaled(50); ++round) {
    auto queue = std::make_unique<durable_queue<int>>(folder.path(), small());
    std::vector<kew::delivery<int>> held;
    if (round == 0) {
      std::vector<int> batch(500);
      published = queue->publish_n(batch);
    }
    for (int i = 0; i < 4; ++i)
      if (auto got = queue->try_receive()) held.push_back(*std::move(got));
    std::atomic<std::size_t> true_answers{0};
    std::thread holder([&] {
      for (auto& each : held) true_answers += each.ack();
    });
    queue.reset();
    holder.join();
    counted += true_answers;
  }
  durable_queue<int> queue(folder.path(), small());
  CHECK(queue.counts().published + queue.dead_letters().counts().published == published - counted);
}

}}  // namespace kew_test
