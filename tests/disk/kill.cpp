// A process that publishes and acknowledges by several threads is killed, again and again, and what it was told is there.
//
// It reports to its parent what it is about to do and what it was answered. So the parent knows of each message whether
// it must be there, must not, or may be either, because the process was killed inside the call or before its report.
#include <kew/durable_queue.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include "support/catch.hpp"
#include "support/environment.hpp"
#include "support/temporary_folder.hpp"

namespace kew_test { namespace {

/// The number of a message says which thread has published it, and as which of its own.
using number = std::uint64_t;
constexpr number thread_of(number message) { return message >> 48; }

struct report {
  enum kind : std::uint32_t {
    publishing,
    published,
    received,
    acknowledging,
    acknowledged,
    rejecting,
    rejected,
    failed
  };
  kind what;
  std::uint32_t attempt;
  number message;
};

constexpr int publishers = 2;
constexpr int consumers = 2;

kew::durable_options options(bool by_interval) {
  kew::durable_options how;
  how.segment_size = 65536;
  how.capacity = 500;
  how.max_attempts = 1'000'000;
  how.sync = by_interval ? kew::sync::interval(std::chrono::milliseconds(5)) : kew::sync::each;
  how.on_recovery = [](const kew::recovery&) {};
  return how;
}

/// The life of the process; it ends by being killed.
class victim {
 public:
  explicit victim(const std::string& folder, bool by_interval, std::uint64_t seed, const std::array<number, 2>& next,
                  int pipe)
      : folder_(folder), how_(options(by_interval)), seed_(seed), next_(next), pipe_(pipe) {}

  void live() {
    try {
      kew::durable_queue<number> queue(folder_, how_);
      std::vector<std::thread> threads;
      for (int i = 0; i < consumers; ++i)
        threads.emplace_back([this, &queue, i] { guarded([&] { consume(queue, i); }); });
      for (int i = 0; i < publishers; ++i)
        threads.emplace_back([this, &queue, i] { guarded([&] { publish(queue, i); }); });
      for (std::thread& each : threads) each.join();
    } catch (const std::exception& failure) {
      std::fprintf(stderr, "%s\n", failure.what());
    }
    say(report::failed, 0);
    _exit(1);
  }

 private:
  template <class F>
  void guarded(F f) {
    try {
      f();
    } catch (const std::exception& failure) {
      std::fprintf(stderr, "%s\n", failure.what());
      say(report::failed, 0);
      _exit(1);
    }
  }

  void say(report::kind what, number message, unsigned attempt = 0) const {
    const report one{what, attempt, message};
    if (write(pipe_, &one, sizeof(one)) != static_cast<ssize_t>(sizeof(one))) _exit(2);
  }

  void publish(kew::durable_queue<number>& queue, int thread) {
    random_source random(seed_ + static_cast<std::uint64_t>(thread));
    number next = next_[static_cast<std::size_t>(thread)];
    for (;;) {
      std::vector<number> batch(random.one_in(4) ? 1 + random.below(10) : 1);
      for (number& each : batch) {
        each = next++;
        say(report::publishing, each);
      }
      const std::vector<number> sent = batch;
      const std::size_t safe = batch.size() > 1 ? queue.publish_n(batch)
                                                : static_cast<std::size_t>(static_cast<bool>(queue.publish(batch[0])));
      for (std::size_t i = 0; i < safe; ++i) say(report::published, sent[i]);
    }
  }
  void consume(kew::durable_queue<number>& queue, int thread) {
    random_source random(seed_ + 100 + static_cast<std::uint64_t>(thread));
    for (;;) {
      if (random.one_in(4)) acknowledge_dead_letter(queue);
      auto got = queue.receive();
      say(report::received, **got, got->attempt());
      const number message = **got;
      switch (random.below(8)) {
        case 0: break;  // no verdict
        case 1: static_cast<void>(got->requeue()); break;
        case 2:
          say(report::rejecting, message);
          if (got->reject("for " + std::to_string(message))) say(report::rejected, message);
          break;
        default:
          say(report::acknowledging, message);
          if (got->ack()) say(report::acknowledged, message);
      }
    }
  }

  /// So that they do not become more and more.
  void acknowledge_dead_letter(kew::durable_queue<number>& queue) const {
    auto got = queue.dead_letters().try_receive();
    if (!got) return;
    const number message = **got;
    say(report::acknowledging, message);
    if (got->ack()) say(report::acknowledged, message);
  }

  const std::string folder_;
  const kew::durable_options how_;
  const std::uint64_t seed_;
  const std::array<number, 2> next_;
  const int pipe_;
};

/// What the parent knows.
struct told {
  bool published = false;
  bool leaving = false;  // acknowledging, and no answer
  bool gone = false;
  bool dying = false;
  bool dead = false;
  std::uint32_t attempts = 0;
};

class parent {
 public:
  explicit parent(bool by_interval, std::uint64_t seed) : by_interval_(by_interval), random_(seed) {
    for (std::size_t i = 0; i < next_.size(); ++i) next_[i] = (i + 1) << 48;
  }

  /// One life and death of the process. Says what is wrong.
  std::string round() {
    int ends[2];
    if (pipe(ends) != 0) return "no pipe";
    const std::uint64_t seed = random_();
    const std::size_t last = 20 + random_.below(1500);
    const pid_t child = fork();
    if (child == 0) {
      close(ends[0]);
      victim(folder_.path().string(), by_interval_, seed, next_, ends[1]).live();
    }
    close(ends[1]);
    bool failed = false;
    std::size_t reports = 0;
    for (report one; read(ends[0], &one, sizeof(one)) == static_cast<ssize_t>(sizeof(one));) {
      failed |= one.what == report::failed;
      note(one);
      if (++reports == last) kill(child, SIGKILL);  // what is in the pipe still counts
    }
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    if (failed || !WIFSIGNALED(status)) return "the process failed by itself";
    return compare();
  }

  std::size_t known() const { return messages_.size(); }

 private:
  void note(const report& one) {
    told& message = messages_[one.message];
    switch (one.what) {
      case report::publishing: next_[thread_of(one.message) - 1] = one.message + 1; break;
      case report::published: message.published = true; break;
      case report::received: message.attempts = std::max(message.attempts, one.attempt); break;
      case report::acknowledging: message.leaving = true; break;
      case report::acknowledged: message.gone = true; break;
      case report::rejecting: message.dying = true; break;
      case report::rejected: message.dead = true; break;
      case report::failed: messages_.erase(0); break;
    }
  }

  std::string compare() {
    const bool ahead = random_.one_in(2);
    kew::detail::replay log({.folder = folder_.path().string(),
                             .type = kew::codec<number>::name(),
                             .read_ahead_from = ahead ? 0 : UINT64_MAX});
    std::map<number, const kew::detail::backlog::state*> there;
    std::vector<number> never_returned;
    std::optional<number> twice;
    kew::detail::record_reader reader;
    log.messages().for_each([&](std::uint64_t, const kew::detail::record_place& place) {
      const auto record = reader.read(folder_.path().string(), *log.segments()[place.segment()].kept, place);
      const number message = kew::codec<number>::decode(message_in(record));
      const kew::detail::backlog::state& found = log.messages().state_at(place);
      if (!there.emplace(message, &found).second) twice = message;
      if (found.kept.order == 0) never_returned.push_back(message);
      return !twice;
    });
    if (twice) return complain("a message twice", *twice);
    number last[publishers + 1] = {};
    for (const number message : never_returned) {
      number& before = last[thread_of(message)];
      if (before >= message) return complain("a message against the order", message);
      before = message;
    }
    for (const auto& [message, state] : there) {
      const kew::detail::record_state& found = state->kept;
      const auto known = messages_.find(message);
      if (known == messages_.end()) return complain("a message that was never published", message);
      told& one = known->second;
      if (one.gone) return complain("a message that was acknowledged", message);
      if (one.dead && found.dead == 0) return complain("a dead letter alive", message);
      if (found.dead != 0 && !one.dying) return complain("a dead letter that was not rejected", message);
      if (found.dead != 0 && (!state->reason || *state->reason != "for " + std::to_string(message)))
        return complain("another reason", message);
      if (found.dead == 0 && found.attempts < one.attempts) return complain("fewer attempts", message);
      // Now it is known.
      one.published = true;
      one.leaving = false;
      one.dying = one.dead = found.dead != 0;
    }
    for (auto it = messages_.begin(); it != messages_.end();) {
      if (there.count(it->first) > 0) {
        ++it;
        continue;
      }
      if (it->second.published && !it->second.leaving && !it->second.gone) return complain("lost", it->first);
      it = messages_.erase(it);
    }
    return {};
  }

  static std::string complain(const char* what, number message) {
    return std::string(what) + ": " + std::to_string(thread_of(message)) + '/' +
           std::to_string(message & ((number{1} << 48) - 1));
  }

  const bool by_interval_;
  random_source random_;
  const temporary_folder folder_{folder_place::on_disk};
  std::array<number, publishers> next_{};
  std::map<number, told> messages_;
};

TEST_CASE("what a process was told before it was killed is exactly what is there", "[kill]") {
  for (const bool by_interval : {false, true}) {
    parent over(by_interval, run_seed());
    std::size_t kills = 0;
    for (std::size_t i = 0; i < scaled(40); ++i) {
      INFO("round " << i << (by_interval ? ", by interval" : ", sync each"));
      REQUIRE(over.round() == "");
      ++kills;
    }
    std::printf("%zu kills, %s\n", kills, by_interval ? "by interval" : "sync each");
  }
}

}}  // namespace kew_test
