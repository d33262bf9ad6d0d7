// A broker at work, watched: a table of every queue that is drawn anew each second, while producers, slow consumers and a
// handler that sometimes throws run. Where its output is no terminal, plain lines.
//
//     monitor [--seconds=N] [--plain]      keys: 1 to 4 pause and resume a consumer, q quits
#include <kew/broker.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <clocale>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <iostream>
#include <mutex>
#include <optional>
#include <random>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <langinfo.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

// ---- What is watched --------------------------------------------------------------------------------------------

/// A shop: orders come in bursts, each order is billed, mailed and logged, and pictures are scaled.
class shop {
 public:
  shop() {
    broker_.declare<int>("billing", {.capacity = 10'000});
    broker_.declare<int>("mail", {.capacity = 10'000});
    broker_.declare<int>("audit", {.capacity = 10'000});
    broker_.declare<std::string>("pictures", {.capacity = 200, .max_attempts = 3});
    broker_.declare_exchange("orders", kew::exchange::topic);
    broker_.bind("orders", "order.#", "billing");
    broker_.bind("orders", "order.*.large", "mail");
    broker_.bind("orders", "#", "audit");
    broker_.on_error([this](const kew::handler_error& error) {
      std::string what = "something";
      try {
        std::rethrow_exception(error.exception);
      } catch (const std::exception& thrown) {
        what = thrown.what();
      } catch (...) {
      }
      const std::lock_guard lock(mutex_);
      last_error_ = error.queue + ", attempt " + std::to_string(error.attempt) + ": " + what;
    });

    consumers_ = {[this] { return broker_.consume<int>("audit", [](const int&) {}, {.prefetch = 16}); },
                  [this] { return broker_.consume<int>("billing", busy(2ms), {.threads = 3}); },
                  [this] { return broker_.consume<int>("mail", busy(15ms), {.threads = 2}); },
                  [this] {
                    return broker_.consume<std::string>("pictures", [work = busy(8ms)](const std::string& name) {
                      work(0);
                      if (name.ends_with('7')) throw std::runtime_error(name + ".png is no picture");
                    });
                  }};
    for (const auto& consume : consumers_) subscriptions_.emplace_back(consume());
    producers_.emplace_back([this](const std::stop_token& stop) { take_orders(stop); });
    producers_.emplace_back([this](const std::stop_token& stop) { upload_pictures(stop); });
  }
  ~shop() {
    for (auto& each : producers_) each.request_stop();
    broker_.stop();  // a producer may wait for room
  }

  kew::broker_metrics metrics() { return broker_.metrics(); }
  bool is_paused(std::size_t which) const { return !subscriptions_[which].has_value(); }
  void pause_or_resume(std::size_t which) {
    if (auto& each = subscriptions_[which])
      each.reset();  // lets the handler finish, and gives back what was prefetched
    else
      each.emplace(consumers_[which]());
  }
  std::string last_error() const {
    const std::lock_guard lock(mutex_);
    return last_error_;
  }

 private:
  /// Stands for work.
  static std::function<void(int)> busy(std::chrono::milliseconds time) {
    return [time](int) { std::this_thread::sleep_for(time); };
  }

  void take_orders(const std::stop_token& stop) {
    std::mt19937 random;  // the same each time
    for (int order = 0; !stop.stop_requested(); ++order) {
      const bool large = random() % 8 == 0;
      const std::string key = std::string("order.") + (order % 2 == 0 ? "web" : "shop") + (large ? ".large" : "");
      if (const auto queues = broker_.publish_to("orders", key, order); !queues) return;
      const bool burst = order / 900 % 2 == 1;
      std::this_thread::sleep_for(burst ? 1ms : 3ms);
    }
  }
  void upload_pictures(const std::stop_token& stop) {
    for (int picture = 0; !stop.stop_requested(); ++picture) {
      if (!broker_.publish("pictures", "picture " + std::to_string(picture))) return;
      std::this_thread::sleep_for(picture / 150 % 2 == 0 ? 7ms : 13ms);
    }
  }

  mutable std::mutex mutex_;
  std::string last_error_;
  kew::broker broker_;
  std::vector<std::function<kew::subscription()>> consumers_;  // sorted as the queues are
  std::vector<std::optional<kew::subscription>> subscriptions_;
  std::vector<std::jthread> producers_;
};

// ---- Words ------------------------------------------------------------------------------------------------------

std::string text(const char* format, double value, const char* unit) {
  char room[32];
  std::snprintf(room, sizeof room, format, value);
  return std::string(room) + unit;
}

std::string of_time(std::chrono::duration<double> time) {
  const double seconds = time.count();
  if (seconds <= 0) return "-";
  const auto in = [&](double value, const char* unit) {
    return text(value < 9.995 ? "%.2f" : value < 99.95 ? "%.1f" : "%.0f", value, unit);
  };
  return seconds < 999.5e-6 ? in(seconds * 1e6, " us")
         : seconds < 0.9995 ? in(seconds * 1e3, " ms")
                            : in(seconds, " s");
}

std::string of_count(double count) {
  if (count < 9999.5) return text("%.0f", count, "");
  return count < 999.5e3 ? text("%.1f", count / 1e3, "k") : text("%.1f", count / 1e6, "M");
}

/// The length of a queue, a second a column, the last one on the right.
std::string sparkline(const std::deque<std::size_t>& lengths, std::size_t width, bool utf8) {
  static constexpr std::array<const char*, 9> blocks = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  static constexpr std::array<const char*, 9> letters = {" ", ".", ":", "-", "=", "+", "*", "%", "#"};
  const std::size_t shown = std::min(width, lengths.size());
  const std::size_t highest =
      std::max<std::size_t>(1, *std::max_element(lengths.end() - static_cast<std::ptrdiff_t>(shown), lengths.end()));
  std::string line(width - shown, ' ');
  for (auto at = lengths.end() - static_cast<std::ptrdiff_t>(shown); at != lengths.end(); ++at)
    line += (utf8 ? blocks : letters)[(*at * 8 + highest - 1) / highest];
  return line;
}

struct row {
  std::string name;
  kew::metrics now;
  std::deque<std::size_t> lengths;
  bool paused = false;
};

struct column {
  const char* title;
  const char* short_title;
  int width;  // of its figures
  int rank;   // the highest goes first where the terminal is too narrow
  std::string (*figure)(const row&);
  const char* (*colour)(const row&);
};

const char* plain(const row&) { return ""; }
const char* red(const row& r) { return r.now.dead > 0 ? "\033[31m" : ""; }
const char* yellow(const row& r) { return r.now.redelivered > 0 ? "\033[33m" : ""; }
const char* bright(const row& r) { return r.paused ? "\033[7m" : "\033[1m"; }

const std::vector<column>& columns() {
  static const std::vector<column> all = {
      {"msg/s", "msg/s", 6, 1, [](const row& r) { return of_count(r.now.recent_throughput); }, plain},
      {"p50", "p50", 7, 5, [](const row& r) { return of_time(r.now.time_in_queue.p50); }, plain},
      {"p99", "p99", 7, 3, [](const row& r) { return of_time(r.now.time_in_queue.p99); }, plain},
      {"length", "length", 6, 0, [](const row& r) { return of_count(static_cast<double>(r.now.length)); }, bright},
      {"outstanding", "outst", 5, 4, [](const row& r) { return of_count(static_cast<double>(r.now.outstanding)); },
       plain},
      {"redelivered", "redel", 5, 6, [](const row& r) { return of_count(static_cast<double>(r.now.redelivered)); },
       yellow},
      {"dead", "dead", 5, 2, [](const row& r) { return of_count(static_cast<double>(r.now.dead)); }, red},
  };
  return all;
}

// ---- The screen -------------------------------------------------------------------------------------------------

int signal_pipe[2];
extern "C" void on_signal(int number) {
  const int before = errno;
  const char byte = static_cast<char>(number);
  static_cast<void>(!write(signal_pipe[1], &byte, 1));
  errno = before;
}

/// The terminal without echo and line by line, with a screen of our own, until it is left.
class terminal {
 public:
  terminal() { enter(); }
  terminal(const terminal&) = delete;
  terminal& operator=(const terminal&) = delete;
  ~terminal() { leave(); }

  void enter() {
    tcgetattr(STDIN_FILENO, &before_);
    termios raw = before_;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw);
    put("\033[?1049h\033[?25l");  // another screen, no cursor
  }
  void leave() {
    put("\033[0m\033[?25h\033[?1049l");
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }
  static void put(std::string_view text) {
    while (!text.empty()) {
      const ssize_t written = write(STDOUT_FILENO, text.data(), text.size());
      if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
      if (written < 0 && errno != EINTR) return;
    }
  }
  static std::pair<std::size_t, std::size_t> columns_and_lines() {
    winsize size{};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return {80, 24};
    return {size.ws_col, size.ws_row};
  }

 private:
  termios before_{};
};

/// A line that knows how many columns it takes, whatever its colours and its letters cost in bytes.
class line {
 public:
  line(std::size_t most, bool colours) : most_(most), colours_(colours) {}

  line& add(std::string_view words, std::size_t width, bool right = false, std::string_view colour = "") {
    width = std::min(width, most_ - used_);
    std::string fitting;
    std::size_t count = 0;
    for (std::size_t i = 0; i < words.size(); ++i) {
      const bool begins_letter = (static_cast<unsigned char>(words[i]) & 0xc0) != 0x80;
      if (begins_letter && count++ == width) {
        count = width;
        break;
      }
      fitting += words[i];
    }
    const std::string room(width - std::min(width, count), ' ');
    if (colours_ && !colour.empty())
      text_.append(right ? room : "").append(colour).append(fitting).append("\033[0m").append(right ? "" : room);
    else
      text_.append(right ? room : "").append(fitting).append(right ? "" : room);
    used_ += width;
    return *this;
  }
  line& gap(std::size_t width = 2) { return add("", width); }
  std::size_t left() const { return most_ - used_; }
  const std::string& text() const { return text_; }

 private:
  std::size_t most_;
  bool colours_;
  std::size_t used_ = 0;
  std::string text_;
};

std::string table(const std::vector<row>& rows, std::chrono::seconds up, const std::string& error, bool colours,
                  bool utf8) {
  const auto [width, height] = terminal::columns_and_lines();
  const bool wide = width >= 100;
  constexpr std::size_t name_width = 10;
  const auto width_of = [&](const column& each) {
    return std::max<std::size_t>(static_cast<std::size_t>(each.width),
                                 std::string_view(wide ? each.title : each.short_title).size());
  };
  // As many columns as fit, the most important first; what is left is for the picture.
  std::size_t used = 3 + name_width;
  int rank = -1;
  for (bool fits = true; fits && rank + 1 < static_cast<int>(columns().size());) {
    const auto next = std::ranges::find(columns(), rank + 1, &column::rank);
    fits = used + 2 + width_of(*next) <= width;
    if (fits) used += 2 + width_of(*next), ++rank;
  }
  const std::size_t picture = width > used + 2 + 4 ? std::min<std::size_t>(width - used - 2, 60) : 0;
  const auto full = [width = width, colours] { return line(width, colours); };

  std::vector<std::string> lines;
  const std::string uptime = text("up %.0f s", static_cast<double>(up.count()), "");
  lines.push_back(full()
                      .add("kew monitor", 11, false, "\033[1m")
                      .gap()
                      .add(std::to_string(rows.size()) + " queues, " + uptime, 30)
                      .text());
  lines.push_back("");
  line titles = full();
  titles.add("", 3).add("queue", name_width, false, "\033[1m");
  for (const column& each : columns())
    if (each.rank <= rank) titles.gap().add(wide ? each.title : each.short_title, width_of(each), true, "\033[1m");
  if (picture > 0) titles.gap().add(picture >= 16 ? "length, by second" : "length", picture, false, "\033[1m");
  lines.push_back(titles.text());
  std::string rule;
  for (std::size_t i = 0; i < used + (picture > 0 ? 2 + picture : 0) && i < width; ++i) rule += utf8 ? "─" : "-";
  lines.push_back(rule);

  for (std::size_t i = 0; i < rows.size(); ++i) {
    const row& r = rows[i];
    line next = full();
    next.add(std::to_string(i + 1), 3, false, "\033[2m").add(r.name, name_width, false, r.paused ? "\033[7m" : "");
    for (const column& each : columns())
      if (each.rank <= rank) next.gap().add(each.figure(r), width_of(each), true, each.colour(r));
    if (picture > 0) next.gap().add(sparkline(r.lengths, picture, utf8), picture, false, "\033[36m");
    lines.push_back(next.text());
  }
  lines.push_back(rule);
  std::string paused;
  for (const row& r : rows)
    if (r.paused) paused += (paused.empty() ? "paused: " : ", ") + r.name;
  lines.push_back(full().add(paused.empty() ? "every consumer runs" : paused, width).text());
  lines.push_back(error.empty() ? "" : full().add("last error: " + error, width, false, "\033[33m").text());
  lines.push_back("");
  lines.push_back(
      full().add("1-" + std::to_string(rows.size()) + " pause or resume   q quit", width, false, "\033[2m").text());

  std::string screen = "\033[H";
  for (std::size_t i = 0; i < lines.size() && i < height; ++i) screen += (i > 0 ? "\n" : "") + lines[i] + "\033[K";
  return screen + "\033[J";
}

std::string plain_lines(const std::vector<row>& rows, std::chrono::seconds up) {
  std::string lines;
  for (const row& r : rows) {
    lines += std::to_string(up.count()) + " s  " + r.name;
    for (const column& each : columns()) lines.append("  ").append(each.title).append(" ").append(each.figure(r));
    lines += '\n';
  }
  return lines;
}

// ---- The loop ---------------------------------------------------------------------------------------------------

/// Waits for a key or a signal until `deadline`; 0 for none, 'q' where the program is to end.
char next_key(clock::time_point deadline, std::optional<terminal>& screen, bool keys) {
  std::array<pollfd, 2> events = {{{signal_pipe[0], POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}}};
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - clock::now()).count();
  if (poll(events.data(), keys ? 2 : 1, static_cast<int>(std::max<long long>(left, 0))) <= 0) return 0;
  char byte = 0;
  if (events[0].revents != 0 && read(signal_pipe[0], &byte, 1) == 1) {
    if (byte == SIGWINCH || byte == SIGCONT) return 'r';
    if (byte != SIGTSTP) return 'q';
    if (screen) screen->leave();
    raise(SIGSTOP);
    if (screen) screen->enter();
    return 'r';
  }
  if (!keys || events[1].revents == 0) return 0;
  return read(STDIN_FILENO, &byte, 1) == 1 ? byte : 'q';  // a terminal that has gone ends it, too
}

int run(std::chrono::seconds most, bool plain) {
  const auto environment = [](const char* name) {
    return std::string_view(std::getenv(name) ? std::getenv(name) : "");
  };
  const bool shown = !plain && isatty(STDOUT_FILENO) && isatty(STDIN_FILENO) && environment("TERM") != "dumb";
  const bool colours = environment("NO_COLOR").empty();
  std::setlocale(LC_CTYPE, "");
  const bool utf8 = std::string_view(nl_langinfo(CODESET)) == "UTF-8";

  if (pipe(signal_pipe) != 0) return 1;
  struct sigaction action{};
  action.sa_handler = on_signal;
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) sigaction(number, &action, nullptr);
  if (shown)
    for (const int number : {SIGWINCH, SIGTSTP, SIGCONT}) sigaction(number, &action, nullptr);

  shop watched;
  std::optional<terminal> screen;
  if (shown) screen.emplace();
  std::vector<row> rows;
  const auto begin = clock::now();
  auto tick = begin;
  for (char key = 0; key != 'q';) {
    const auto now = clock::now();
    const bool second_over = now >= tick;
    const kew::broker_metrics all = watched.metrics();
    rows.resize(all.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      rows[i].name = all.begin()[i].first;
      rows[i].now = all.begin()[i].second;
      rows[i].paused = watched.is_paused(i);
      if (second_over) rows[i].lengths.push_back(rows[i].now.length);
      if (rows[i].lengths.size() > 60) rows[i].lengths.pop_front();
    }
    const auto up = std::chrono::duration_cast<std::chrono::seconds>(now - begin);
    if (shown)
      terminal::put(table(rows, up, watched.last_error(), colours, utf8));
    else if (second_over)
      std::cout << plain_lines(rows, up) << std::flush;
    if (second_over) tick += 1s;
    if (up >= most) break;
    key = next_key(tick, screen, shown);
    if (const auto which = static_cast<std::size_t>(key - '1'); key >= '1' && which < rows.size())
      watched.pause_or_resume(which);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  auto most = std::chrono::seconds::max();
  bool plain = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    constexpr std::string_view seconds = "--seconds=";
    int number = 0;
    if (argument == "--plain") {
      plain = true;
    } else if (argument.starts_with(seconds) &&
               std::from_chars(argument.data() + seconds.size(), argument.data() + argument.size(), number).ptr ==
                   argument.data() + argument.size() &&
               number > 0) {
      most = std::chrono::seconds(number);
    } else {
      std::cerr << "usage: monitor [--seconds=N] [--plain]\n";
      return 2;
    }
  }
  return run(most, plain);
}
