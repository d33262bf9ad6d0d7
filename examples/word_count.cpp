// Counts words with a pipeline of threads, joined by two channels:
//
//                       text, spmc                    tallies, mpsc
//   reader (one) ────────────────────▶ tokenizers (N) ─────────────▶ reducer (one)
//
// Both channels are bounded, so a stage that is ahead waits for the next one, and memory stays small
// however large the input. The end needs no protocol: a stage that is through drops its handles, which
// closes the channel behind it. The same holds for a stage that throws.
#include <kew/channel.hpp>
#include <kew/metered_ring.hpp>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <functional>
#include <future>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace {

constexpr const char* help =
    R"(usage: word_count [option]... [file]...

Counts the words of the files, or of standard input if there is none or it is called "-".

A word is a longest run of the letters A-Z and a-z. Case does not matter; every other byte, and the end
of a file, separates words. For each file that makes the same counts as
  tr -cs 'A-Za-z' '\n' < file | tr 'A-Z' 'a-z' | sort | uniq -c
in the C locale, without the count of the empty line that tr may put first.

  --top N         print the N most frequent words (10)
  --counts        print only the count of every word, in the form and order of uniq -c
  --tokenizers N  count with N threads (one for each core), beside one that reads and one that sums up
  --sequential    do all the work in one thread
  --compare       do it both ways, three times each and in turn, and compare the best
  --repeat N      read the files N times over (1)
  --help          print this

Exit status: 0; 1 if something could not be read or written; 2 if the command line makes no sense.
)";

// ---- What travels ---------------------------------------------------------------------------------

/// A piece of text that neither begins nor ends inside a word.
struct block {
  explicit block(std::size_t room) : capacity(room), bytes(std::make_unique_for_overwrite<char[]>(room)) {}

  std::size_t capacity;
  std::size_t size = 0;
  std::unique_ptr<char[]> bytes;
};

/// How often some words occurred in some part of the text.
using tally = std::vector<std::pair<std::string, std::uint64_t>>;

constexpr std::size_t block_size = 128 * 1024;
constexpr std::size_t words_in_tally = 256;
constexpr std::size_t text_in_tallies = 4 * 1024 * 1024;  // a tokenizer hands on its counts after so many bytes
constexpr std::size_t text_capacity = 16;
constexpr std::size_t tally_capacity = 64;

// Rings that keep figures about themselves, for the report at the end.
using text_ring = kew::metered_ring<block, kew::spmc_ring>;
using tally_ring = kew::metered_ring<tally, kew::mpsc_ring>;

// ---- Reading --------------------------------------------------------------------------------------

constexpr bool is_letter(char c) {
  const auto lower = static_cast<unsigned char>(c | 0x20);
  return lower >= 'a' && lower <= 'z';
}

/// Shows on a terminal how far a long run has come.
class progress_line {
 public:
  progress_line() = default;
  progress_line(const progress_line&) = delete;
  progress_line& operator=(const progress_line&) = delete;
  ~progress_line() {
    if (shown_) std::fputs("\r\033[K", stderr);
  }

  void at(std::uint64_t bytes) {
    const auto now = std::chrono::steady_clock::now();
    if (!terminal_ || now < due_) return;
    const double seconds = std::chrono::duration<double>(now - start_).count();
    const double megabytes = static_cast<double>(bytes) / 1e6;
    std::fprintf(stderr, "\r\033[Kread %.0f MB, %.0f MB/s", megabytes, megabytes / seconds);
    shown_ = true;
    due_ = now + std::chrono::milliseconds(200);
  }

 private:
  bool terminal_ = isatty(STDERR_FILENO) == 1;
  bool shown_ = false;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point due_ = start_ + std::chrono::seconds(1);
};

struct reading {
  std::uint64_t bytes = 0;
  std::vector<std::string> failures;
};

/// A file that is open for reading; "-" is standard input.
class input {
 public:
  explicit input(const std::string& name)
      : standard_(name == "-"), file_(standard_ ? STDIN_FILENO : open(name.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (file_ < 0) throw std::runtime_error(std::strerror(errno));
  }
  input(const input&) = delete;
  input& operator=(const input&) = delete;
  ~input() {
    if (!standard_) close(file_);
  }

  /// Fills `into` but for one byte, which the end of a file needs. False at the end of the file.
  bool fill(block& into) {
    while (into.size + 1 < into.capacity) {
      const ssize_t got = read(file_, into.bytes.get() + into.size, into.capacity - into.size - 1);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) throw std::runtime_error(std::strerror(errno));
      if (got == 0) return false;
      into.size += static_cast<std::size_t>(got);
    }
    return true;
  }

 private:
  bool standard_;
  int file_;
};

/// Takes what stands behind the last full word of `text` into a block of its own. A block that is all one
/// word yields a larger one with everything, and keeps nothing.
block split(block& text) {
  std::size_t end = text.size;
  while (end > 0 && is_letter(text.bytes[end - 1])) --end;
  block rest(std::max(block_size, 2 * (text.size - end)));
  rest.size = text.size - end;
  std::memcpy(rest.bytes.get(), text.bytes.get() + end, rest.size);
  text.size = end;
  return rest;
}

/// Keeps what comes next from being read as the rest of a word.
void end_word(block& text) {
  if (text.size > 0 && is_letter(text.bytes[text.size - 1])) text.bytes[text.size++] = '\n';
}

/// Gives `sink` the text of all files block by block, until it answers false. Small files share a block.
template <class Sink>
reading read_all(const std::vector<std::string>& names, Sink sink) {
  reading done;
  progress_line progress;
  block text(block_size);
  for (const std::string& name : names) try {
      input file(name);
      for (bool more = true; more;) {
        const std::size_t before = text.size;
        more = file.fill(text);
        done.bytes += text.size - before;
        progress.at(done.bytes);
        if (!more) {
          end_word(text);
        } else if (block rest = split(text); text.size == 0 || sink(std::move(text))) {
          text = std::move(rest);
        } else {
          return done;
        }
      }
    } catch (const std::runtime_error& failure) {
      end_word(text);
      done.failures.push_back((name == "-" ? "standard input" : name) + ": " + failure.what());
    }
  sink(std::move(text));
  return done;
}

// ---- Counting -------------------------------------------------------------------------------------

/// Lets a map of strings be searched for a string_view.
struct text_hash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
};

using word_counts = std::unordered_map<std::string, std::uint64_t, text_hash, std::equal_to<>>;

void add(word_counts& counts, std::string_view word, std::uint64_t times) {
  if (const auto known = counts.find(word); known != counts.end())
    known->second += times;
  else
    counts.emplace(word, times);
}

/// Counts the words of a block, which it turns to lower case on the way.
void count_words(block& text, word_counts& counts) {
  char* at = text.bytes.get();
  char* const end = at + text.size;
  for (char* c = at; c != end; ++c) *c = is_letter(*c) ? static_cast<char>(*c | 0x20) : '\0';
  for (;;) {
    while (at != end && *at == '\0') ++at;
    if (at == end) return;
    const char* const word = at;
    while (at != end && *at != '\0') ++at;
    add(counts, {word, static_cast<std::size_t>(at - word)}, 1);
  }
}

// ---- The stages -----------------------------------------------------------------------------------

template <class Output>
reading read_stage(std::vector<std::string> names, Output text) {
  return read_all(names, [&](block&& next) { return static_cast<bool>(text.push(std::move(next))); });
}

/// Empties `counts` into messages. False if nobody takes them any more.
template <class Output>
bool hand_on(word_counts& counts, Output& tallies) {
  tally message;
  for (auto word = counts.begin(); word != counts.end();) {
    auto node = counts.extract(word++);
    message.emplace_back(std::move(node.key()), node.mapped());
    if (message.size() == words_in_tally && !tallies.push(std::exchange(message, {}))) return false;
  }
  return message.empty() || tallies.push(std::move(message));
}

/// The figures of its input, as they are at the end.
template <class Input, class Output>
kew::metrics tokenize_stage(Input text, Output tallies) {
  word_counts counts;
  std::size_t counted = 0;
  for (block& next : text) {
    count_words(next, counts);
    counted += next.size;
    if (counted < text_in_tallies) continue;
    if (!hand_on(counts, tallies)) return text.metrics();
    counted = 0;
  }
  hand_on(counts, tallies);
  return text.metrics();
}

template <class Input>
std::pair<word_counts, kew::metrics> reduce_stage(Input tallies) {
  word_counts counts;
  for (const tally& message : tallies)
    for (const auto& [word, times] : message) add(counts, word, times);
  return {std::move(counts), tallies.metrics()};
}

struct outcome {
  word_counts counts;
  reading read;
  kew::metrics text;
  kew::metrics tallies;
};

outcome count_in_pipeline(const std::vector<std::string>& names, unsigned tokenizers) {
  // Declared before the handles and so destroyed after them: a future waits for its stage, and the stage
  // for the handles of the next one.
  std::future<reading> reader;
  std::vector<std::future<kew::metrics>> pool;
  auto [text_in, text_out] = kew::make_channel_over<text_ring>(text_capacity);
  auto [tallies_in, tallies_out] = kew::make_channel_over<tally_ring>(tally_capacity);

  reader = std::async(std::launch::async, read_stage<decltype(text_in)>, names, std::move(text_in));
  auto start = [&pool, tokenizers](auto text, auto tallies) {
    for (unsigned i = 0; i < tokenizers; ++i)
      pool.push_back(std::async(std::launch::async, tokenize_stage<decltype(text), decltype(tallies)>, text, tallies));
  };
  start(std::move(text_out), std::move(tallies_in));  // the handles that were copied go when it returns

  outcome result;
  std::tie(result.counts, result.tallies) = reduce_stage(std::move(tallies_out));
  result.read = reader.get();
  for (auto& tokenizer : pool)
    if (const kew::metrics seen = tokenizer.get(); seen.popped >= result.text.popped) result.text = seen;
  return result;
}

outcome count_in_one_thread(const std::vector<std::string>& names) {
  outcome result;
  result.read = read_all(names, [&](block&& next) {
    count_words(next, result.counts);
    return true;
  });
  return result;
}

// ---- The command line and the report --------------------------------------------------------------

struct options {
  std::size_t top = 10;
  unsigned tokenizers = std::max(1U, std::thread::hardware_concurrency());
  bool counts_only = false;
  bool sequential = false;
  bool compare = false;
  unsigned repeat = 1;
  bool help = false;
  std::vector<std::string> files;
};

struct bad_usage : std::runtime_error {
  using runtime_error::runtime_error;
};

options parse(const std::vector<std::string>& arguments) {
  options chosen;
  bool options_over = false;
  for (auto argument = arguments.begin(); argument != arguments.end(); ++argument) {
    auto number = [&](auto least, auto most) {
      const std::string option = *argument;
      if (++argument == arguments.end()) throw bad_usage(option + " needs a number");
      auto value = least;
      const char* const end = argument->data() + argument->size();
      const auto [rest, error] = std::from_chars(argument->data(), end, value);
      if (error != std::errc{} || rest != end || value < least || value > most)
        throw bad_usage(option + ": not a number from " + std::to_string(least) + " to " + std::to_string(most) + ": " +
                        *argument);
      return value;
    };
    if (options_over || *argument == "-" || !argument->starts_with('-'))
      chosen.files.push_back(*argument);
    else if (*argument == "--")
      options_over = true;
    else if (*argument == "--top")
      chosen.top = number(std::size_t{0}, std::size_t{1'000'000'000});
    else if (*argument == "--tokenizers")
      chosen.tokenizers = number(1U, 1024U);
    else if (*argument == "--counts")
      chosen.counts_only = true;
    else if (*argument == "--sequential")
      chosen.sequential = true;
    else if (*argument == "--compare")
      chosen.compare = true;
    else if (*argument == "--repeat")
      chosen.repeat = number(1U, 1'000'000U);
    else if (*argument == "--help")
      chosen.help = true;
    else
      throw bad_usage("unknown option: " + *argument);
  }
  if (chosen.files.empty()) chosen.files.emplace_back("-");
  if ((chosen.compare || chosen.repeat > 1) && std::count(chosen.files.begin(), chosen.files.end(), "-") > 0)
    throw bad_usage("standard input can be read only once");
  const std::size_t once = chosen.files.size();
  chosen.files.reserve(once * chosen.repeat);
  for (unsigned i = 1; i < chosen.repeat; ++i)
    chosen.files.insert(chosen.files.end(), chosen.files.begin(),
                        chosen.files.begin() + static_cast<std::ptrdiff_t>(once));
  return chosen;
}

using entry = word_counts::value_type;

bool by_word(const entry* a, const entry* b) { return a->first < b->first; }
bool by_count(const entry* a, const entry* b) { return a->second != b->second ? a->second > b->second : by_word(a, b); }

void print_words(const word_counts& counts, const options& chosen) {
  std::vector<const entry*> words;
  words.reserve(counts.size());
  for (const entry& word : counts) words.push_back(&word);
  const std::size_t shown = chosen.counts_only ? words.size() : std::min(chosen.top, words.size());
  std::partial_sort(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(shown), words.end(),
                    chosen.counts_only ? by_word : by_count);
  for (std::size_t i = 0; i < shown; ++i) {
    std::printf("%7llu ", static_cast<unsigned long long>(words[i]->second));
    std::fwrite(words[i]->first.data(), 1, words[i]->first.size(), stdout);
    std::putchar('\n');
  }
}

void print_queue(const char* name, const kew::metrics& through) {
  const auto milliseconds = [](std::chrono::nanoseconds time) {
    return std::chrono::duration<double, std::milli>(time).count();
  };
  std::printf("%-22s %9llu %11.0f %10.1f %8zu %9zu %10.2f ms %7.2f ms\n", name,
              static_cast<unsigned long long>(through.popped), through.throughput, through.mean_length,
              through.highest_length, through.capacity, milliseconds(through.time_in_queue.p50),
              milliseconds(through.time_in_queue.p99));
}

/// The best time of each way; 0 for one that was not taken.
struct seconds_taken {
  double pipeline = 0;
  double one_thread = 0;
};

void print_figures(const outcome& result, const options& chosen, seconds_taken took) {
  std::uint64_t words = 0;
  for (const auto& [word, times] : result.counts) words += times;
  const double megabytes = static_cast<double>(result.read.bytes) / 1e6;
  std::printf("%llu words, %zu different, in %.1f MB\n", static_cast<unsigned long long>(words), result.counts.size(),
              megabytes);
  if (took.one_thread > 0) std::printf("%.3f s, %.0f MB/s, one thread\n", took.one_thread, megabytes / took.one_thread);
  if (took.pipeline == 0) return;
  std::printf("%.3f s, %.0f MB/s, %u tokenizer%s\n", took.pipeline, megabytes / took.pipeline, chosen.tokenizers,
              chosen.tokenizers == 1 ? "" : "s");
  if (chosen.compare)
    std::printf("the pipeline is %.2f times as fast as one thread\n", took.one_thread / took.pipeline);
  std::printf("\n%-22s %9s %11s %10s %8s %9s %13s %10s\n", "queue", "messages", "messages/s", "mean length", "highest",
              "capacity", "in queue: p50", "p99");
  print_queue("reader -> tokenizers", result.text);
  print_queue("tokenizers -> reducer", result.tallies);
}

int run(const options& chosen) {
  outcome result;
  seconds_taken took;
  const auto take = [&](double& best, auto count) {
    const auto start = std::chrono::steady_clock::now();
    outcome now = count();
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    best = best == 0 ? seconds : std::min(best, seconds);
    result = std::move(now);
  };
  for (int round = 0; round < (chosen.compare ? 3 : 1); ++round) {
    if (chosen.sequential || chosen.compare) take(took.one_thread, [&] { return count_in_one_thread(chosen.files); });
    if (!chosen.sequential || chosen.compare)
      take(took.pipeline, [&] { return count_in_pipeline(chosen.files, chosen.tokenizers); });
  }

  print_words(result.counts, chosen);
  if (!chosen.counts_only) {
    if (chosen.top > 0 && !result.counts.empty()) std::putchar('\n');
    print_figures(result, chosen, took);
  }
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
    throw std::runtime_error(std::string("cannot write: ") + std::strerror(errno));
  for (const std::string& failure : result.read.failures) std::fprintf(stderr, "word_count: %s\n", failure.c_str());
  return result.read.failures.empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const options chosen = parse({argv + 1, argv + argc});
    if (!chosen.help) return run(chosen);
    std::fputs(help, stdout);
    return 0;
  } catch (const bad_usage& wrong) {
    std::fprintf(stderr, "word_count: %s (--help says more)\n", wrong.what());
    return 2;
  } catch (const std::bad_alloc&) {
    std::fputs("word_count: out of memory: a single word may be as large as that\n", stderr);
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "word_count: %s\n", failure.what());
  }
  return 1;
}
