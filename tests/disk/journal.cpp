// The log of a durable queue on a disk whose power is cut at every call, and whose calls fail.
#define KEW_NAMESPACE simulated
#define KEW_FILE_HEADER "support/simulated_disk.hpp"
#include <kew/detail/disk/journal.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/environment.hpp"
#include "support/simulated_disk.hpp"
#include "support/take_all.hpp"

namespace kew_test { namespace {

using kew::durable_error;
using kew::recovery;
using kew::detail::journal;
using kew::detail::journal_message;
using kew::detail::lane;

using namespace std::chrono_literals;

/// What the caller of a log knows of a message: what it asked for, and what of that it was told to be on disk.
struct message_record {
  std::string payload;
  bool published = false;  // on disk
  bool ack_begun = false;
  bool acked = false;  // on disk
  bool death_begun = false;
  bool died = false;  // on disk
  unsigned handed = 0;
  unsigned handed_on_disk = 0;
  bool outstanding = false;
  bool settled_state = false;  // nothing was asked for since the last sync
  journal_message* kept = nullptr;
};

/// A caller that does what comes into its mind, as long as the log does not fail.
class caller {
 public:
  /// `commits_confirm`: what is committed survives what the test does, and not only what is synced.
  explicit caller(std::uint64_t seed, bool commits_confirm = true) : commits_confirm_(commits_confirm), random_(seed) {}
  /// A caller that knows the same and has no log.
  caller(const caller& other)
      : messages(other.messages),
        leaves_old_ones(other.leaves_old_ones),
        disk_was_full(other.disk_was_full),
        commits_confirm_(other.commits_confirm_),
        random_(other.random_),
        openings_(other.openings_) {}
  caller& operator=(const caller&) = delete;

  std::vector<message_record> messages;
  /// Old messages stay, and are long, so that the log has to copy them.
  bool leaves_old_ones = false;

  /// Hand-overs may not have been counted.
  bool disk_was_full = false;

  /// Opens the log in what is there, now and then by a thread that reads ahead, and compares; or leaves what is there on
  /// disk, to be taken later. An error of the disk leaves it closed.
  bool open(journal::options how, bool compares = true) {
    log_.reset();
    if (++openings_ % 4 == 0) how.read_ahead_from = 0;
    try {
      log_ = std::make_unique<journal>(how);
      last_[0] = last_[1] = 0;
      for (message_record& each : messages) each.kept = nullptr;
      if (compares) compare();
    } catch (const durable_error& failure) {
      if (failure.code().value() != 0) return false;
      wrong_ = failure.what();
      return false;
    }
    return true;
  }
  void close() { log_.reset(); }
  journal& log() { return *log_; }

  /// What is wrong with what was found, or nothing.
  const std::string& wrong() const { return wrong_; }

  void live(std::size_t steps) {
    try {
      for (std::size_t i = 0; i < steps; ++i) step();
    } catch (const durable_error&) {
    }
  }

  void step() {
    if (log_->waiting(lane::live) + log_->waiting(lane::dead) > 0 && random_.one_in(3)) return take_one();
    switch (random_.below(12)) {
      case 0:
      case 1:
      case 2: publish(1); break;
      case 3: publish(1 + random_.below(5)); break;
      case 4:
      case 5: hand_over(); break;
      case 6: give_back(); break;
      case 7: die(); break;
      case 8: log_->sync(), synced(); break;
      default: ack(); break;
    }
  }

 private:
  // A call of the log that throws has done nothing; one that does not may have, whatever commit says.
  void publish(std::size_t n) {
    journal::position end = 0;
    if (n == 1) {
      message_record& added = next_message();
      end = log_->publish(added.payload, added.kept);
    } else {
      kew::detail::message_block block;
      for (std::size_t i = 0; i < n; ++i) block.add([&](std::string& bytes) { bytes += next_message().payload; });
      std::vector<journal_message*> kept;
      kept.reserve(n);
      const auto note = [&] {
        for (std::size_t i = 0; i < kept.size(); ++i) messages[messages.size() - n + i].kept = kept[i];
      };
      try {
        log_->publish_n(block, kept, end);
      } catch (const durable_error&) {
        note();
        throw;
      }
      note();
    }
    commit(end);
  }
  message_record& next_message() {
    message_record& added = messages.emplace_back();
    added.payload = std::to_string(messages.size()) +
                    std::string(random_.one_in(leaves_old_ones ? 3 : 10) ? 700 : random_.below(60), 'x');
    return added;
  }
  void hand_over() {
    message_record* const chosen = any();
    if (chosen == nullptr || chosen->outstanding || chosen->death_begun) return;
    const auto end = log_->handed(*chosen->kept, chosen->handed + 1, 0);
    touch(*chosen);
    ++chosen->handed;
    chosen->outstanding = true;
    log_->write(end);
  }
  void give_back() {
    message_record* const chosen = any();
    if (chosen == nullptr || !chosen->outstanding) return;
    const auto end = log_->returned(*chosen->kept, chosen->handed, 0, 0, 0);
    touch(*chosen);
    chosen->outstanding = false;
    commit(end);
  }
  void die() {
    message_record* const chosen = any();
    if (chosen == nullptr || chosen->death_begun) return;
    const auto end = log_->died(*chosen->kept, "because of " + chosen->payload, 0, 0);
    touch(*chosen);
    chosen->death_begun = true;
    chosen->outstanding = false;
    commit(end);
  }
  void ack() {
    message_record* const chosen = any();
    if (chosen == nullptr) return;
    const auto end = log_->settled(*chosen->kept);
    chosen->kept = nullptr;
    chosen->ack_begun = true;
    commit(end);
  }

  void touch(message_record& one) { one.settled_state = false; }
  message_record* any() {
    if (leaves_old_ones && !random_.one_in(20)) {
      for (auto each = messages.rbegin(); each != messages.rend(); ++each)
        if (each->kept != nullptr && messages.rend() - each > 4) return &*each;
      return nullptr;
    }
    // The oldest more often than others, so that segments become empty.
    std::size_t at = random_.one_in(3) ? random_.below(messages.size() + 1) : 0;
    for (; at < messages.size(); ++at)
      if (messages[at].kept != nullptr) return &messages[at];
    return nullptr;
  }

  void commit(journal::position end) {
    log_->commit(end);
    if (commits_confirm_) synced();
  }
  void synced() {
    for (message_record& each : messages) {
      if (each.kept != nullptr) each.published = true;
      each.acked |= each.ack_begun;
      each.died |= each.death_begun;
      each.handed_on_disk = each.handed;
      each.settled_state = true;
    }
  }

  void take_one() {
    const lane from = log_->waiting(lane::dead) > 0 && random_.one_in(2) ? lane::dead : lane::live;
    if (log_->waiting(from) > 0) meet(take_first(*log_, from), last_[index(from)]);
  }

  void compare() {
    std::uint64_t last = 0;
    for (const found_message& each : take_all(*log_)) meet(each, last);
    for (message_record& each : messages) {
      if (each.kept != nullptr) continue;
      if (each.published && !each.ack_begun) return complain("a message that was published is lost", each.payload);
      each.ack_begun = each.acked = true;  // gone for good
    }
  }
  /// One that was there, behind the one whose order was `last`.
  void meet(const found_message& found, std::uint64_t& last) {
    const std::string& payload = found.payload;
    const journal_message& kept = *found.kept;
    const auto known = std::find_if(messages.begin(), messages.end(),
                                    [&](const message_record& each) { return each.payload == payload; });
    if (known == messages.end()) return complain("a message that was never published", payload);
    message_record& one = *known;
    if (one.kept != nullptr) return complain("a message twice", payload);
    if (found.order() <= last) return complain("a message against the order", payload);
    last = found.order();
    if (one.acked) return complain("a message that was acknowledged", payload);
    if (one.died && kept.state.dead == 0) return complain("a dead letter alive", payload);
    if (!one.death_begun && kept.state.dead != 0) return complain("a dead letter that had not died", payload);
    if (kept.state.dead != 0 && (!kept.reason || *kept.reason != "because of " + payload))
      return complain("another reason", payload);
    if (kept.state.dead == 0 &&
        ((kept.state.attempts < one.handed_on_disk && !disk_was_full) || kept.state.attempts > one.handed))
      return complain("another number of attempts", payload);
    if (one.settled_state && kept.state.dead == 0 && !disk_was_full && (kept.state.handed != 0) != one.outstanding)
      return complain("another answer to whether it was handed over", payload);
    one.kept = found.kept;
    one.ack_begun = false;
    one.published = true;
    one.death_begun = one.died = kept.state.dead != 0;
    one.handed = one.handed_on_disk = kept.state.attempts;
    one.outstanding = kept.state.handed != 0;
    one.settled_state = true;
  }
  void complain(const char* what, const std::string& payload) {
    if (wrong_.empty()) wrong_ = std::string(what) + ": " + payload;
  }

  bool commits_confirm_;
  random_source random_;
  std::size_t openings_ = 0;
  std::unique_ptr<journal> log_;
  std::uint64_t last_[2] = {0, 0};  // by lane, the order of what was taken last
  std::string wrong_;
};

journal::options small_log() {
  journal::options how;
  how.folder = "/q";
  how.type = "text";
  how.segment_size = 4096;
  how.on_recovery = [](const recovery&) {};
  return how;
}

/// Counts through all ways to choose, or chooses at random where they are too many.
class ways_out {
 public:
  ways_out(std::size_t ways, std::size_t most, random_source& random)
      : all_(ways <= most), left_(all_ ? SIZE_MAX : most), random_(random) {}

  bool next() {
    if (!all_) return left_-- > 0;
    if (first_) {
      first_ = false;
      return true;
    }
    while (!digits_.empty() && digits_.back().first + 1 == digits_.back().second) digits_.pop_back();
    if (digits_.empty()) return false;
    ++digits_.back().first;
    return true;
  }
  chooser choose() {
    return [this, at = std::size_t{0}](std::size_t n) mutable -> std::size_t {
      if (!all_) return random_.below(n);
      if (at == digits_.size()) digits_.emplace_back(0, n);
      return digits_[at++].first;
    };
  }

 private:
  bool all_;
  bool first_ = true;
  std::size_t left_;
  random_source& random_;
  std::vector<std::pair<std::size_t, std::size_t>> digits_{};
};

/// Opens what a crash has left, twice, and goes on for a while, with another cut now and then. Says what is wrong.
std::string check(simulated_disk crashed, const caller& knowing, const journal::options& how, random_source& random,
                  int lives, std::size_t& cuts) {
  simulated_disk after = std::move(crashed);
  caller user(knowing);
  for (;; --lives) {
    ++cuts;
    disk = &after;
    for (const char* const when : {"", " (opened again)"}) {
      user.close();
      const bool opened = user.open(how);
      if (!user.wrong().empty()) return user.wrong() + when;
      if (!opened) return std::string("it does not open") + when;
    }
    if (lives == 0) break;
    if (random.one_in(2)) {
      user.close();
      if (!user.open(how, false)) return "it does not open once more";
    }
    after.cut_at(after.calls() + random.below(40));
    user.live(20);
    if (!user.wrong().empty()) return user.wrong() + " (later)";
    user.close();
    after = after.after_power_cut([&](std::size_t n) { return random.below(n); });
  }
  return {};
}

/// A life of `steps` steps on a new disk, whose power goes at that call.
struct life {
  life(std::uint64_t seed, std::size_t steps, const journal::options& how, std::size_t cut_at,
       bool commits_confirm = true, bool leaves_old_ones = false)
      : user(seed, commits_confirm) {
    user.leaves_old_ones = leaves_old_ones;
    disk = &before;
    before.cut_at(cut_at);
    if (user.open(how)) user.live(steps);
    user.close();
  }

  simulated_disk before;
  caller user;
};

constexpr std::size_t most_ways = 4096;  // 12 sectors, there or not

std::size_t cut_everywhere(std::uint64_t seed, std::size_t steps, const journal::options& how, bool commits_confirm,
                           std::size_t most, std::size_t samples, bool leaves_old_ones = false) {
  random_source random(seed);
  std::size_t cuts = 0;
  const std::size_t calls =
      life(seed, steps, how, simulated_disk::never, commits_confirm, leaves_old_ones).before.calls();
  for (std::size_t call = 0; call < calls; ++call) {
    life lived(seed, steps, how, call, commits_confirm, leaves_old_ones);
    const std::size_t ways = lived.before.ways(most + 1);
    ways_out out(ways, ways <= most ? most : samples, random);
    while (out.next()) {
      const int lives = random.one_in(8) ? 2 : 0;
      const std::string wrong = check(lived.before.after_power_cut(out.choose()), lived.user, how, random, lives, cuts);
      INFO("seed " << seed << ", power cut at call " << call << " of " << calls);
      REQUIRE(wrong == "");
    }
  }
  return cuts;
}

TEST_CASE("a power cut at any call, with any of the unsynced sectors and names, breaks no promise", "[journal]") {
  const std::uint64_t seed = run_seed();
  const std::size_t wanted = scaled(10'000);
  std::size_t cuts = 0;
  for (std::uint64_t i = 0; cuts < wanted; ++i) cuts += cut_everywhere(seed + i, 60, small_log(), true, most_ways, 64);
  std::printf("%zu power cuts\n", cuts);
}

TEST_CASE("a power cut while old messages are copied breaks no promise", "[journal]") {
  const std::uint64_t seed = run_seed();
  for (const bool each : {true, false}) {
    journal::options how = small_log();
    if (!each) how.interval = 1h;
    std::size_t cuts = 0;
    for (std::uint64_t i = 0; cuts < scaled(5'000); ++i) cuts += cut_everywhere(seed + i, 150, how, each, 64, 8, true);
  }
}

TEST_CASE("a power cut while room is filled ahead of the records breaks no promise", "[journal]") {
  const std::uint64_t seed = run_seed();
  journal::options how = small_log();
  how.segment_size = 5 * std::uint64_t{1} << 18;  // one and a quarter of what is filled at a time
  std::size_t cuts = 0;
  for (std::uint64_t i = 0; cuts < scaled(300); ++i) cuts += cut_everywhere(seed + i, 20, how, true, 1, 1);
}

TEST_CASE("a power cut while a log is opened, and opened again, breaks no promise", "[journal]") {
  const std::uint64_t seed = run_seed();
  const journal::options how = small_log();
  std::size_t cuts = 0;
  for (std::uint64_t i = 0; cuts < scaled(3'000); ++i) {
    random_source random(seed + i);
    const auto choose = [&](std::size_t n) { return random.below(n); };
    // What is there was left by a power cut, or in order.
    const std::size_t calls = life(seed + i, 60, how, simulated_disk::never, true, i % 2 == 0).before.calls();
    const life lived(seed + i, 60, how, i % 3 == 0 ? simulated_disk::never : random.below(calls), true, i % 2 == 0);
    simulated_disk there = i % 3 == 0 ? lived.before.after_kill() : lived.before.after_power_cut(choose);
    caller knowing(lived.user);
    for (int opening = 0; opening < 3; ++opening) {
      bool opened = false;
      for (std::size_t call = 0; !opened; ++call) {
        simulated_disk cut = there.after_kill();
        disk = &cut;
        cut.cut_at(call);
        caller user(knowing);
        opened = user.open(how) && !cut.is_cut();
        user.close();
        INFO("seed " << seed + i << ", opening " << opening << ", power cut at call " << call);
        REQUIRE(user.wrong() == "");
        for (int sample = 0; sample < 4; ++sample)
          REQUIRE(check(cut.after_power_cut(choose), knowing, how, random, 0, cuts) == "");
      }
      simulated_disk next = there.after_kill();
      disk = &next;
      caller user(knowing);
      REQUIRE(user.open(how));
      user.close();
      REQUIRE(user.wrong() == "");
      there = next.after_kill();
      knowing.messages = user.messages;
    }
  }
}

TEST_CASE("a power cut of a log that syncs by interval takes back nothing that was synced", "[journal]") {
  const std::uint64_t seed = run_seed();
  const std::size_t wanted = scaled(2'000);
  journal::options how = small_log();
  how.interval = 1h;
  std::size_t cuts = 0;
  for (std::uint64_t i = 0; cuts < wanted; ++i) cuts += cut_everywhere(seed + i, 40, how, false, 64, 16);
}

TEST_CASE("the death of the process takes back nothing that was committed, by interval either", "[journal]") {
  const std::uint64_t seed = run_seed();
  journal::options how = small_log();
  how.interval = 1h;
  std::size_t cuts = 0;
  for (std::uint64_t i = 0; cuts < scaled(1'000); ++i) {
    random_source random(seed + i);
    const std::size_t calls = life(seed + i, 60, how, simulated_disk::never).before.calls();
    for (std::size_t call = 0; call < calls; ++call) {
      const life lived(seed + i, 60, how, call);
      const std::string wrong = check(lived.before.after_kill(), lived.user, how, random, 0, cuts);
      INFO("seed " << seed + i << ", killed at call " << call << " of " << calls);
      REQUIRE(wrong == "");
    }
  }
}

TEST_CASE("a call that fails breaks no promise, whether the log goes on or not", "[journal]") {
  const std::uint64_t seed = run_seed();
  std::size_t cuts = 0;
  for (std::uint64_t i = 0; cuts < scaled(2'000); ++i) {
    random_source random(seed + i);
    const std::size_t calls = life(seed + i, 60, small_log(), simulated_disk::never).before.calls();
    for (std::size_t call = 0; call < calls; ++call) {
      simulated_disk failing;
      disk = &failing;
      const int error = random.one_in(2) ? EIO : random.one_in(2) ? ENOSPC : EDQUOT;
      failing.fault = [&, n = std::size_t{0}](const std::string&, const std::string&) mutable {
        return n++ == call ? error : 0;
      };
      caller user(seed + i);
      user.disk_was_full = true;
      if (user.open(small_log())) {
        user.live(60);
        user.live(20);  // a full disk is no end
      }
      user.close();
      failing.fault = nullptr;
      INFO("seed " << seed + i << ", error " << error << " of call " << call << " of " << calls);
      REQUIRE(check(failing.after_kill(), user, small_log(), random, 0, cuts) == "");
      const auto choose = [&](std::size_t n) { return random.below(n); };
      REQUIRE(check(failing.after_power_cut(choose), user, small_log(), random, 0, cuts) == "");
    }
  }
}

// ---- Damage ------------------------------------------------------------------------------------------------------

/// A log with one segment: what it held after each commit, by where that ended in the file.
struct known_log {
  explicit known_log(std::uint64_t seed) {
    disk = &written;
    journal::options how = small_log();
    how.segment_size = 65536;
    journal log(how);
    random_source random(seed);
    std::map<std::string, journal_message*> inside;
    states[kew::detail::header_size] = {};
    for (int i = 0; i < 40; ++i) {
      journal::position end = 0;
      if (inside.empty() || random.below(3) > 0) {
        const std::string payload = std::to_string(100 + i) + std::string(random.below(40), 'x');
        end = log.publish(payload, inside[payload]);
      } else {
        const auto gone = inside.begin();
        end = log.settled(*gone->second);
        inside.erase(gone);
      }
      log.commit(end);
      std::vector<std::string>& state = states[end];  // the first segment begins where positions do
      for (const auto& [payload, kept] : inside) state.push_back(payload);
    }
    confirmed = std::prev(states.end(), 2)->first;
  }

  simulated_disk written;
  std::map<std::uint64_t, std::vector<std::string>> states;
  std::uint64_t confirmed = 0;  // a mark says that everything before was on disk
};

constexpr const char* only_segment = "/q/0000000000000001.kew";

std::vector<std::string> payloads(journal& log) {
  std::vector<std::string> all;
  for (found_message& each : take_all(log)) all.push_back(std::move(each.payload));
  return all;
}

TEST_CASE("a log that ends at any byte holds what had been written whole", "[journal]") {
  const known_log known(run_seed());
  for (std::uint64_t end = kew::detail::header_size; end <= std::prev(known.states.end())->first; ++end) {
    for (const bool shortened : {true, false}) {
      simulated_disk cut = known.written.after_kill();
      disk = &cut;
      std::string& bytes = cut.bytes(only_segment);
      if (shortened)
        bytes.resize(static_cast<std::size_t>(end));
      else
        std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(end), bytes.end(), '\0');
      std::size_t said = 0;
      journal::options how = small_log();
      how.on_recovery = [&](const recovery& what) {
        REQUIRE(what.what == recovery::kind::torn_tail);
        ++said;
      };
      if (end % 2 == 0) how.read_ahead_from = 0;
      journal log(how);
      INFO("the end is byte " << end);
      // The last bytes of a record are zeros that fill it up.
      const std::vector<std::string> found = payloads(log);
      const bool as_written = found == std::prev(known.states.upper_bound(end))->second;
      const bool filled_up = !shortened && found == std::prev(known.states.upper_bound(end + 7))->second;
      REQUIRE((as_written || filled_up));
      REQUIRE(said <= 1);
    }
  }
}

TEST_CASE("a bit that has changed where everything was on disk is damage: refused by file and offset, or left out",
          "[journal]") {
  const known_log known(run_seed());
  const std::vector<std::string>& all = std::prev(known.states.end())->second;
  std::size_t refused = 0;
  random_source random(run_seed());
  for (std::uint64_t at = 0; at < known.confirmed; at += at < 200 || random.one_in(4) ? 1u : 7u) {
    simulated_disk damaged = known.written.after_kill();
    disk = &damaged;
    char& byte = damaged.bytes(only_segment)[static_cast<std::size_t>(at)];
    byte = static_cast<char>(byte ^ 1 << random.below(8));
    damaged.store(only_segment);
    const std::string before = damaged.bytes(only_segment);
    INFO("byte " << at);
    journal::options how = small_log();
    if (random.one_in(2)) how.read_ahead_from = 0;
    try {
      journal log(how);
      REQUIRE(payloads(log) == all);  // padding, which nothing depends on
      continue;
    } catch (const durable_error& refusal) {
      ++refused;
      REQUIRE_THAT(refusal.what(), has_text(only_segment));
      REQUIRE(refusal.file() == only_segment);
      REQUIRE(damaged.bytes(only_segment) == before);
      if (at < kew::detail::header_size) continue;  // the only header there was
      REQUIRE_THAT(refusal.what(), has_text("offset") && has_text("repair"));
    }
    journal::options repair = how;
    repair.repair = true;
    std::size_t damages = 0;
    repair.on_recovery = [&](const recovery& what) { damages += what.what == recovery::kind::damage; };
    std::vector<std::string> left;
    {
      journal log(repair);
      left = payloads(log);
      REQUIRE(damages == 1);
    }
    // At most one record is gone, be it a message or the end of one.
    std::size_t others = 0;
    for (const std::string& each : left) others += std::find(all.begin(), all.end(), each) == all.end();
    REQUIRE(left.size() - others + 1 >= all.size());
    REQUIRE(others <= 1);
    journal log(small_log());
    REQUIRE(payloads(log) == left);
    REQUIRE(damaged.has(std::string(only_segment) + ".damaged"));
  }
  CHECK(refused > 500);
}

TEST_CASE("zeros where the last segment had been written are damage, and zeros behind that are none", "[journal]") {
  const known_log known(run_seed());
  const std::vector<std::string>& all = std::prev(known.states.end())->second;
  simulated_disk again = known.written.after_kill();
  disk = &again;
  // Opening writes all of it into a new file, which says how far that goes.
  {
    const journal log(small_log());
  }
  std::string last;
  for (const std::string& path : again.paths())
    if (path.ends_with(".kew")) last = path;
  std::string& bytes = again.bytes(last);
  const std::size_t end = bytes.find_last_not_of('\0') + 1;
  for (std::size_t from = kew::detail::header_size; from < end + 16; from += 8) {
    simulated_disk zeroed = again.after_kill();
    disk = &zeroed;
    std::string& some = zeroed.bytes(last);
    std::fill(some.begin() + static_cast<std::ptrdiff_t>(from), some.end(), '\0');
    zeroed.store(last);
    bool refused = false;
    try {
      journal log(small_log());
      REQUIRE(payloads(log) == all);
    } catch (const durable_error&) {
      refused = true;
    }
    INFO(last << " is zero from byte " << from << " of " << end << " on");
    REQUIRE(refused == (from < end));
  }
}

TEST_CASE("bytes of another place, another segment or another log are no records", "[journal]") {
  using namespace kew::detail;
  const known_log known(run_seed());
  const std::uint64_t end = std::prev(known.states.end())->first;
  const std::vector<std::string>& all = std::prev(known.states.end())->second;
  // What a file that was used before could hold behind the end: a whole record, made for the place, the segment and the
  // log that `made_for` and `at` say.
  const auto opens_as_before = [&](const segment_header& made_for, std::uint64_t at) {
    simulated_disk stale = known.written.after_kill();
    disk = &stale;
    const std::string payload = "stale";
    record_head head;
    head.body_crc = crc32c().add(payload).value();
    head.size = static_cast<std::uint32_t>(payload.size());
    head.kind = record_kind::message;
    head.id = 1'000'000;
    std::string& bytes = stale.bytes(only_segment);
    write_head(bytes.data() + end, head, identity_of_records(made_for), at);
    bytes.replace(static_cast<std::size_t>(end) + sizeof(head), payload.size(), payload);
    stale.store(only_segment);
    journal log(small_log());
    return payloads(log) == all;
  };
  simulated_disk whole = known.written.after_kill();
  disk = &whole;
  segment_header right;
  REQUIRE(decode_header(std::string_view(whole.bytes(only_segment)).substr(0, header_size), right) == nullptr);
  CHECK_FALSE(opens_as_before(right, end));  // so the others are refused for what they say, and for nothing else
  CHECK(opens_as_before(right, end - 8));
  segment_header other = right;
  ++other.number;
  CHECK(opens_as_before(other, end));
  other = right;
  other.identity ^= 1;
  CHECK(opens_as_before(other, end));
}

TEST_CASE("a segment that is missing, renamed, of another queue or with a damaged header is refused, or left out",
          "[journal]") {
  simulated_disk whole;
  disk = &whole;
  journal::options how = small_log();
  std::size_t files = 0;
  {
    journal log(how);
    journal_message* ignored = nullptr;
    for (int i = 0; i < 40; ++i) log.commit(log.publish(std::to_string(i) + std::string(500, 'x'), ignored));
    files = log.measure().files;
  }
  REQUIRE(files > 5);
  const std::string second = "/q/0000000000000002.kew";
  const std::string third = "/q/0000000000000003.kew";
  const auto refused = [&](const std::string& words, auto change) {
    simulated_disk changed = whole.after_kill();
    change(changed);
    disk = &changed;
    CHECK_THROWS_WITH(journal(how), has_text(words));
    journal::options repair = how;
    repair.repair = true;
    std::size_t left = 0;
    {
      journal log(repair);
      left = payloads(log).size();
      CHECK(left >= 30);  // of 40; all where the records of a damaged header can be read
    }
    journal log(how);
    CHECK(payloads(log).size() == left);
  };
  refused("comes after a file that is missing", [&](simulated_disk& d) { d.remove(third); });
  refused("has been renamed", [&](simulated_disk& d) { d.make(third, d.bytes(second)); });
  refused("damaged header", [&](simulated_disk& d) {
    d.bytes(third)[30] ^= 1;
    d.store(third);
  });
  refused("is no file of a kew log", [&](simulated_disk& d) { d.make(third, ""); });
  refused("another version", [&](simulated_disk& d) {
    d.bytes(third)[8] ^= 2;
    d.store(third);
  });
  disk = nullptr;
}

TEST_CASE("a file that cannot be read is an error that names it, also for the thread that reads ahead", "[journal]") {
  simulated_disk whole;
  disk = &whole;
  const journal::options how = small_log();
  {
    journal log(how);
    journal_message* ignored = nullptr;
    for (int i = 0; i < 40; ++i) log.commit(log.publish(std::to_string(i) + std::string(500, 'x'), ignored));
  }
  for (const bool ahead : {false, true})
    for (int number = 1; number <= 3; ++number) {
      const std::string file = "/q/000000000000000" + std::to_string(number) + ".kew";
      simulated_disk failing = whole.after_kill();
      disk = &failing;
      REQUIRE(failing.has(file));
      // Its header has been read already.
      failing.fault = [&, reads = 0](const std::string& call, const std::string& path) mutable {
        return call == "read" && path == file && ++reads > 1 ? EIO : 0;
      };
      journal::options reading = how;
      if (ahead) reading.read_ahead_from = 0;
      INFO(file << (ahead ? ", ahead" : ""));
      int error = 0;
      std::string named;
      try {
        journal log(reading);
      } catch (const durable_error& failure) {
        error = failure.code().value();
        named = failure.file();
      }
      CHECK(named == file);
      CHECK(error == EIO);
      failing.fault = nullptr;
      journal log(reading);
      CHECK(payloads(log).size() == 40);
    }
  disk = nullptr;
}

// ---- How large it grows ------------------------------------------------------------------------------------------

TEST_CASE("a few old messages keep no log behind them, and nor does an empty queue", "[journal]") {
  simulated_disk bounded;
  disk = &bounded;
  journal::options how = small_log();
  how.interval = 1h;
  std::uint64_t kept = 0;
  {
    journal log(how);
    journal_message* straggler = nullptr;
    journal_message* passing = nullptr;
    std::uint64_t most = 0;
    std::size_t most_open = 0;
    for (std::size_t i = 0; i < scaled(20'000); ++i) {
      if (i % 1000 == 0) log.commit(log.publish("straggler " + std::to_string(i), straggler));
      log.commit(log.publish(std::string(100, 'x'), passing));
      log.commit(log.settled(*passing));
      most = std::max(most, bounded.bytes_in_use());
      most_open = std::max(most_open, bounded.open_files());
    }
    kept = log.measure().kept;
    CHECK(most <= 10 * how.segment_size + 5 * kept);  // half of so small a file is its header
    CHECK(most_open <= 4);
    CHECK(kept >= scaled(20));
  }
  journal log(how);
  CHECK(payloads(log).size() == (scaled(20'000) + 999) / 1000);
  CHECK(bounded.bytes_in_use() <= 4 * how.segment_size + 2 * kept);
}

TEST_CASE("what waits on disk is copied with the rest, and found where it is then", "[journal]") {
  const std::uint64_t seed = run_seed();
  for (std::uint64_t i = 0; i < scaled(200); ++i) {
    random_source random(seed + i);
    INFO("seed " << seed + i);
    simulated_disk moving;
    disk = &moving;
    journal::options how = small_log();
    how.interval = 1h;
    std::vector<std::pair<std::string, unsigned>> expected;  // and how often it was handed over
    {
      journal log(how);
      journal_message* added = nullptr;
      const auto put = [&](const std::string& payload) {
        const auto end = log.publish(payload, added);
        log.commit(end);
        return payload;
      };
      while (expected.size() < 30) {
        expected.emplace_back(put(std::to_string(expected.size()) + std::string(random.below(300), 'x')),
                              random.below(3));
        for (unsigned n = 1; n <= expected.back().second; ++n) log.commit(log.handed(*added, n, 0));
        for (std::size_t n = random.below(8); n > 0; --n) {
          put(std::string(300, 'y'));
          log.commit(log.settled(*added));
        }
      }
    }
    // Some are taken, which changes nothing of them; the others wait, while messages that pass make the log longer.
    for (const bool takes_all : {false, true}) {
      journal log(how);
      std::vector<std::pair<std::string, unsigned>> found;
      journal_message* passing = nullptr;
      while (log.waiting(lane::live) > (takes_all ? 0u : 15u)) {
        const found_message first = take_first(log, lane::live);
        found.emplace_back(first.payload, first.kept->state.attempts);
        for (std::size_t n = random.below(60); n > 0; --n) {
          log.commit(log.publish(std::string(200, 'z'), passing));
          log.commit(log.settled(*passing));
        }
        REQUIRE(moving.bytes_in_use() <= 10 * how.segment_size + 5 * log.measure().kept);
      }
      REQUIRE(std::equal(found.begin(), found.end(), expected.begin()));
      REQUIRE((!takes_all || found == expected));
    }
  }
}

TEST_CASE("what waits on disk and cannot be read, or is not what it was, is an error that names the place, and stays",
          "[journal]") {
  simulated_disk there;
  disk = &there;
  journal::options how = small_log();
  how.segment_size = 65536;
  {
    journal log(how);
    journal_message* added = nullptr;
    for (int i = 0; i < 40; ++i) log.commit(log.publish(std::to_string(i) + std::string(1000, 'x'), added));
  }
  journal log(how);
  const std::size_t waiting = log.waiting(lane::live);
  REQUIRE(waiting == 40);
  there.fault = [](const std::string& call, const std::string&) { return call == "read" ? EIO : 0; };
  CHECK_THROWS_WITH(log.peek(lane::live), has_text(only_segment) && has_text("Input/output error"));
  there.fault = nullptr;
  std::string& bytes = there.bytes(only_segment);
  const std::size_t at = bytes.find("0xxxxx");
  bytes[at + 100] = 'y';
  CHECK_THROWS_WITH(log.peek(lane::live), has_text(only_segment) && has_text("offset 20") && has_text("repair"));
  CHECK(log.waiting(lane::live) == waiting);
  bytes[at + 100] = 'x';
  for (std::size_t i = 0; i < waiting; ++i)
    CHECK(take_first(log, lane::live).payload.starts_with(std::to_string(i) + 'x'));
}

TEST_CASE("records of all lengths are found, also those longer than what is read at a time", "[journal]") {
  const std::uint64_t seed = run_seed();
  random_source random(seed);
  simulated_disk there;
  disk = &there;
  journal::options how = small_log();
  how.segment_size = 1 << 20;
  std::vector<std::string> expected;
  {
    journal log(how);
    journal_message* added = nullptr;
    for (std::size_t bytes = 0; bytes < 8 << 20; bytes += expected.back().size()) {
      const std::size_t length = random.below(random.one_in(10) ? 700'000 : random.one_in(3) ? 70'000 : 200);
      expected.emplace_back(length, random.one_in(4) ? '\0' : 'x');
      log.commit(log.publish(expected.back(), added));
    }
  }
  for (const std::uint64_t ahead_from : {std::uint64_t{0}, UINT64_MAX}) {
    INFO("seed " << seed << ", a second thread from " << ahead_from << " bytes on");
    how.read_ahead_from = ahead_from;
    journal log(how);
    CHECK(payloads(log) == expected);
  }
  disk = nullptr;
}

TEST_CASE("a log that is opened again and again has no more files for it", "[journal]") {
  simulated_disk worn;
  disk = &worn;
  journal::options how = small_log();
  how.segment_size = 65536;
  journal_message* added = nullptr;
  const std::string payload(20'000, 'x');
  {
    journal log(how);
    for (int i = 0; i < 40; ++i) log.commit(log.publish(payload, added));
  }
  // The first time what was not known to be on disk has a file of its own, the second time nothing has.
  for (int i = 0; i < 2; ++i) const journal log(how);
  const std::size_t files = worn.paths().size();
  for (int i = 0; i < 100; ++i) {
    journal log(how);
    CHECK(payloads(log).size() == 40);
    CHECK(worn.paths().size() == files);
  }
  // A life that adds something has a file, until they are very many.
  std::size_t most = 0;
  for (std::size_t i = 0; i < 200; ++i) {
    journal log(how);
    CHECK(payloads(log).size() == 40 + i);
    log.commit(log.publish("one more", added));
    most = std::max(most, worn.paths().size());
  }
  CHECK(most > files + 40);
  CHECK(most < files + 90);
  disk = nullptr;
}

}}  // namespace kew_test
