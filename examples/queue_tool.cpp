// Looks into the folder of a durable_queue, whatever its messages are, and moves them out and in as lines of JSON.
#include <kew/durable_folder.hpp>
#include <kew/durable_queue.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <unistd.h>

namespace {

constexpr const char* help =
    R"(usage: queue_tool inspect FOLDER    says what is in the folder
       queue_tool verify FOLDER     reads all of it, and says what is damaged or torn
       queue_tool export FOLDER     writes its messages to standard output, a line of JSON each
       queue_tool import FOLDER     publishes such lines from standard input, into a new folder or one of the same type
       queue_tool repair FOLDER     opens a damaged folder without what cannot be read; the damaged files are kept

The first line of an export is {"type":"..."}. Bytes that are no printable ASCII go as "base64". No durable_queue may
have the folder open. Import keeps dead letters and their reasons, but not how often a message was handed over.

Exit status: 0; 1 if the folder is damaged or cannot be read or written; 2 if the command line makes no sense.
)";

struct bad_usage : std::runtime_error {
  using runtime_error::runtime_error;
};

/// A bar on a terminal, for what takes longer than a moment.
class progress_bar {
 public:
  explicit progress_bar(const char* doing) : doing_(doing) {}
  progress_bar(const progress_bar&) = delete;
  progress_bar& operator=(const progress_bar&) = delete;
  ~progress_bar() {
    if (shown_) std::fputs("\r\033[K", stderr);
  }

  void at(std::uint64_t done, std::uint64_t all) {
    const auto now = std::chrono::steady_clock::now();
    if (!terminal_ || now < due_ || all == 0) return;
    constexpr std::uint64_t width = 40;
    const auto full = static_cast<std::size_t>(std::min(width, width * done / all));
    std::fprintf(stderr, "\r\033[K%s [%s%s] %3llu %%", doing_, std::string(full, '#').c_str(),
                 std::string(static_cast<std::size_t>(width) - full, ' ').c_str(),
                 static_cast<unsigned long long>(100 * done / all));
    shown_ = true;
    due_ = now + std::chrono::milliseconds(100);
  }

 private:
  const char* doing_;
  bool terminal_ = isatty(STDERR_FILENO) == 1;
  bool shown_ = false;
  std::chrono::steady_clock::time_point due_ = std::chrono::steady_clock::now() + std::chrono::milliseconds(500);
};

kew::durable_folder read(const std::string& folder, kew::on_damage what) {
  progress_bar bar("reading");
  return kew::durable_folder(folder, what, [&](std::uint64_t done, std::uint64_t all) { bar.at(done, all); });
}

// ---- JSON -----------------------------------------------------------------------------------------

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char code[7];
      std::snprintf(code, sizeof(code), "\\u%04x", static_cast<unsigned>(static_cast<unsigned char>(c)));
      out += code;
    } else {
      out += c;
    }
  }
  return out + '"';
}

constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::string to_base64(std::string_view bytes) {
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t three = 0;
    for (std::size_t k = 0; k < 3; ++k)
      three = three << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    for (std::size_t k = 0; k < 4; ++k) out += i + k > bytes.size() ? '=' : digits[three >> (18 - 6 * k) & 63];
  }
  return out;
}

std::string from_base64(std::string_view text) {
  std::string out;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    if (c == '=') break;
    const std::size_t digit = digits.find(c);
    if (digit == std::string_view::npos) throw std::runtime_error("bad base64");
    bits = bits << 6 | static_cast<std::uint32_t>(digit);
    if ((count += 6) >= 8) out += static_cast<char>(bits >> (count -= 8) & 0xff);
  }
  return out;
}

/// The members of one flat object; strings without their quotes, anything else as it stands.
std::map<std::string, std::string> parse_object(std::string_view line) {
  std::map<std::string, std::string> members;
  std::size_t at = 0;
  const auto wrong = [&] { return std::runtime_error("no JSON object at column " + std::to_string(at + 1)); };
  const auto skip = [&] {
    while (at < line.size() && std::strchr(" \t\r", line[at]) != nullptr) ++at;
  };
  const auto take = [&](char c) {
    skip();
    if (at >= line.size() || line[at] != c) return false;
    ++at;
    return true;
  };
  const auto value = [&] {
    std::string text;
    if (!take('"')) {
      while (at < line.size() && std::strchr(",} \t", line[at]) == nullptr) text += line[at++];
      return text;
    }
    for (; at < line.size() && line[at] != '"'; ++at) {
      if (line[at] != '\\') {
        text += line[at];
        continue;
      }
      if (++at >= line.size()) throw wrong();
      if (line[at] == 'n') {
        text += '\n';
      } else if (line[at] == 't') {
        text += '\t';
      } else if (line[at] == 'u') {
        const unsigned long code = std::stoul(std::string(line.substr(at + 1, 4)), nullptr, 16);
        if (code >= 0x80) throw std::runtime_error("only ASCII has \\u here");
        text += static_cast<char>(code);
        at += 4;
      } else {
        text += line[at];
      }
    }
    if (!take('"')) throw wrong();
    return text;
  };
  if (!take('{')) throw wrong();
  if (take('}')) return members;
  do {
    skip();
    const std::string name = value();
    if (!take(':')) throw wrong();
    skip();
    members[name] = value();
  } while (take(','));
  if (!take('}')) throw wrong();
  return members;
}

// ---- The commands ---------------------------------------------------------------------------------

int inspect(const std::string& folder) {
  const kew::durable_folder what = read(folder, kew::on_damage::leave_out);
  std::size_t dead = 0;
  std::size_t outstanding = 0;
  std::uint64_t bytes = 0;
  for (const kew::durable_record& each : what.messages()) {
    dead += each.dead;
    outstanding += each.outstanding && !each.dead;
    bytes += each.bytes.size();
  }
  std::printf("type           %s\nmessages       %zu\n  outstanding  %zu\ndead letters   %zu\nbytes of both  %llu\n",
              what.type().empty() ? "(no log)" : what.type().c_str(), what.messages().size() - dead, outstanding, dead,
              static_cast<unsigned long long>(bytes));
  std::printf("files          %zu\nbytes of them  %llu\n", what.sizes().files,
              static_cast<unsigned long long>(what.sizes().bytes));
  for (const kew::recovery& each : what.findings()) std::printf("%s\n", each.text.c_str());
  return 0;
}

int verify(const std::string& folder) {
  const kew::durable_folder what = read(folder, kew::on_damage::leave_out);
  bool damaged = false;
  for (const kew::recovery& each : what.findings()) {
    damaged |= each.what == kew::recovery::kind::damage;
    std::printf("%s\n", each.text.c_str());
  }
  if (!damaged) std::printf("%zu messages, all of them readable\n", what.messages().size());
  return damaged ? 1 : 0;
}

int export_lines(const std::string& folder) {
  const kew::durable_folder what = read(folder, kew::on_damage::refuse);
  std::printf("{\"type\":%s}\n", json_string(what.type()).c_str());
  for (const kew::durable_record& each : what.messages()) {
    const bool printable =
        std::all_of(each.bytes.begin(), each.bytes.end(), [](char c) { return (c >= ' ' && c <= '~') || c == '\n'; });
    std::printf("{\"number\":%llu,\"attempts\":%u,\"dead\":%s,\"reason\":%s,\"%s\":%s}\n",
                static_cast<unsigned long long>(each.number), each.attempts, each.dead ? "true" : "false",
                json_string(each.reason).c_str(), printable ? "text" : "base64",
                json_string(printable ? each.bytes : to_base64(each.bytes)).c_str());
  }
  if (std::fflush(stdout) != 0) throw std::runtime_error("cannot write");
  return 0;
}

kew::durable_options options(std::string type) {
  kew::durable_options how;
  how.type = std::move(type);
  how.capacity = SIZE_MAX;
  how.sync = kew::sync::interval(std::chrono::seconds(1));
  return how;
}

int import_lines(const std::string& folder) {
  using bytes = std::vector<std::byte>;
  std::string line;
  if (!std::getline(std::cin, line)) throw std::runtime_error("the input is empty");
  std::size_t number = 1;
  std::size_t count = 0;
  try {
    const auto head = parse_object(line);
    if (!head.contains("type")) throw std::runtime_error("no type");
    kew::durable_queue<bytes> queue(folder, options(head.at("type")));
    std::vector<bytes> batch;
    const auto send = [&] {
      if (queue.publish_n(batch) != batch.size()) throw std::runtime_error("not published");
      batch.clear();
    };
    std::vector<std::pair<bytes, std::string>> dead;
    while (std::getline(std::cin, line)) {
      ++number;
      const auto members = parse_object(line);
      const bool as_text = members.contains("text");
      if (!as_text && !members.contains("base64")) throw std::runtime_error("neither text nor base64");
      const std::string raw = as_text ? members.at("text") : from_base64(members.at("base64"));
      bytes message(raw.size());
      std::memcpy(message.data(), raw.data(), raw.size());
      ++count;
      if (const auto is_dead = members.find("dead"); is_dead != members.end() && is_dead->second == "true") {
        const auto reason = members.find("reason");
        dead.emplace_back(std::move(message), reason == members.end() ? "" : reason->second);
      } else {
        batch.push_back(std::move(message));
        if (batch.size() == 1000) send();
      }
    }
    send();
    // A rejection gives a dead letter its reason. Those that were there before are held meanwhile, and go back.
    auto& letters = queue.dead_letters();
    const std::uint64_t before = letters.counts().ready;
    for (auto& [message, reason] : dead)
      if (!letters.publish(std::move(message))) throw std::runtime_error("not published");
    std::vector<kew::delivery<bytes>> held;
    while (!dead.empty() && held.size() < before + dead.size()) held.push_back(*letters.try_receive());
    for (std::size_t i = 0; i < held.size(); ++i)
      if (!(i < before ? held[i].requeue() : held[i].reject(dead[i - before].second)))
        throw std::runtime_error("no reason given");
    queue.flush();
  } catch (const kew::durable_error&) {
    throw;
  } catch (const std::exception& failure) {
    throw std::runtime_error("line " + std::to_string(number) + ": " + failure.what());
  }
  std::printf("imported %zu\n", count);
  return 0;
}

int repair(const std::string& folder) {
  const std::string type = read(folder, kew::on_damage::leave_out).type();
  kew::durable_options how = options(type);
  how.repair = true;
  how.on_recovery = [](const kew::recovery& what) { std::printf("%s\n", what.text.c_str()); };
  kew::durable_queue<std::vector<std::byte>> queue(folder, how);
  std::printf("%llu messages and %llu dead letters are left\n",
              static_cast<unsigned long long>(queue.counts().published),
              static_cast<unsigned long long>(queue.dead_letters().counts().published));
  return 0;
}

int run(const std::vector<std::string>& arguments) {
  const std::map<std::string, int (*)(const std::string&)> commands = {
      {"inspect", inspect}, {"verify", verify}, {"export", export_lines}, {"import", import_lines}, {"repair", repair}};
  if (arguments.size() == 1 && arguments[0] == "--help") {
    std::fputs(help, stdout);
    return 0;
  }
  if (arguments.size() != 2) throw bad_usage("a command and a folder are needed");
  const auto command = commands.find(arguments[0]);
  if (command == commands.end()) throw bad_usage("unknown command: " + arguments[0]);
  return command->second(arguments[1]);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run({argv + 1, argv + argc});
  } catch (const bad_usage& wrong) {
    std::fprintf(stderr, "queue_tool: %s (--help says more)\n", wrong.what());
    return 2;
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "queue_tool: %s\n", failure.what());
    return 1;
  }
}
