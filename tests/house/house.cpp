// Checks what the words of the house claim about the source: usage `house ROOT`, where ROOT has include/kew,
// examples, README.md and .ci/commands. Each finding is a line `file:line: what is wrong`; the exit status is 1 if
// there is any. What is checked stands at each check_… function.
#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace {

namespace fs = std::filesystem;

/// The layers of detail/, lowest first. Each is a folder, and a header includes only what stands in its own or in a
/// lower one.
const std::vector<std::string> layers = {"machine", "ring", "wait", "meter", "message", "disk"};

/// The folder that alone names the machine.
const std::string seam = "detail/machine/";

/// The header that alone names files: it calls the system, too.
const std::string file_seam = "detail/disk/file.hpp";

/// What "files" are. A path is none.
const std::regex files(
    R"(<(fcntl|dirent|io)\.h>|<fstream>|<sys/(file|stat|uio|mman)\.h>)"
    R"(|\bstd::(fstream|ifstream|ofstream|fopen|rename|remove)\b|\b(fopen|pread|pwrite|fsync|fdatasync|mkdir|opendir|ftruncate)\()");

/// What "the machine" is: atomics, fences, the futex, the pause instruction, the clock, and other means to
/// wait for a thread.
const std::regex machine(
    R"(<(atomic|mutex|condition_variable|thread|semaphore|latch|barrier)>|<(linux|sys|os)/|<(sched|time|unistd|immintrin|windows)\.h>|<ctime>)"
    R"(|\bstd::(atomic\w*|memory_order\w*|mutex|condition_variable\w*|this_thread|thread|counting_semaphore|binary_semaphore|latch|barrier)\b)"
    R"(|\b(__atomic_\w+|__sync_\w+|_mm_pause|__builtin_ia32_\w+|asm|__asm__|volatile|syscall|SYS_futex|FUTEX_\w+)\b)"
    R"(|\b(sched_yield|nanosleep|clock_gettime|steady_clock|system_clock|high_resolution_clock)\b)");

struct finding {
  std::string file;
  std::size_t line;
  std::string text;
};

class report {
 public:
  void add(const std::string& file, std::size_t line, std::string text) {
    findings_.push_back({file, line, std::move(text)});
  }

  int print() {
    std::ranges::sort(findings_, {}, [](const finding& f) { return std::tie(f.file, f.line, f.text); });
    for (const finding& f : findings_) std::cout << f.file << ':' << f.line << ": " << f.text << '\n';
    return findings_.empty() ? EXIT_SUCCESS : EXIT_FAILURE;
  }

 private:
  std::vector<finding> findings_;
};

/// A source file, taken apart: what is code and what is comment, line by line. Strings count as neither.
struct source {
  std::string name;  // as in an include, without "kew/"
  std::vector<std::string> raw;
  std::vector<std::string> code;
  std::vector<std::string> comment;

  std::string path() const { return "include/kew/" + name; }

  std::string joined() const {
    std::string all;
    for (const std::string& line : code) all += line + '\n';
    return all;
  }
};

std::string read(const fs::path& path) {
  std::ifstream file(path);
  if (!file) {
    std::cerr << "house: cannot read " << path << '\n';
    std::exit(2);
  }
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

source take_apart(std::string name, const std::string& text) {
  source result{std::move(name), lines_of(text), {}, {}};
  bool in_block_comment = false;
  for (const std::string& line : result.raw) {
    std::string code;
    std::string comment;
    for (std::size_t i = 0; i < line.size(); ++i) {
      if (in_block_comment) {
        comment += line[i];
        if (line.compare(i, 2, "*/") == 0) {
          in_block_comment = false;
          ++i;
        }
      } else if (line.compare(i, 2, "//") == 0) {
        comment += line.substr(i);
        break;
      } else if (line.compare(i, 2, "/*") == 0) {
        in_block_comment = true;
        ++i;
      } else if (line[i] == '"' ||
                 (line[i] == '\'' && !(i > 0 && std::isalnum(static_cast<unsigned char>(line[i - 1]))))) {
        const char quote = line[i];
        code += quote;
        for (++i; i < line.size() && line[i] != quote; ++i)
          if (line[i] == '\\') ++i;
        code += quote;
      } else {
        code += line[i];
      }
    }
    result.code.push_back(code);
    result.comment.push_back(comment);
  }
  return result;
}

std::vector<source> read_headers(const fs::path& root) {
  std::vector<source> headers;
  const fs::path directory = root / "include" / "kew";
  for (const auto& entry : fs::recursive_directory_iterator(directory))
    if (entry.is_regular_file())
      headers.push_back(take_apart(fs::relative(entry.path(), directory).generic_string(), read(entry.path())));
  return headers;
}

// ---- Includes point down --------------------------------------------------------------------------

struct inclusion {
  std::string target;  // as in source::name, of a header of kew
  std::size_t line;
};
using graph = std::map<std::string, std::vector<inclusion>>;

/// Who includes whom among the headers of kew. What is included by a relative path is a finding.
graph read_inclusions(const std::vector<source>& headers, report& to) {
  static const std::regex include(R"(^\s*#\s*include\s*[<"](kew/)?([^>"]*)[>"])");
  graph all;
  for (const source& header : headers) {
    std::vector<inclusion>& here = all[header.name];
    for (std::size_t i = 0; i < header.raw.size(); ++i) {
      std::smatch match;
      if (!std::regex_search(header.raw[i], match, include)) continue;
      if (match[1].matched)
        here.push_back({match[2], i + 1});
      else if (header.raw[i].find('"') != std::string::npos)
        to.add(header.path(), i + 1, "includes by a relative path: " + match.str(2));
    }
  }
  return all;
}

/// Everything that a header includes, directly or not.
std::set<std::string> reached_from(const graph& inclusions, const std::string& header) {
  std::set<std::string> seen;
  std::vector<std::string> open = {header};
  while (!open.empty()) {
    const auto found = inclusions.find(open.back());
    open.pop_back();
    if (found == inclusions.end()) continue;
    for (const inclusion& next : found->second)
      if (seen.insert(next.target).second) open.push_back(next.target);
  }
  return seen;
}

bool in_detail(const std::string& header) { return header.starts_with("detail/"); }

/// Not for every program, so not under the umbrella.
bool on_demand(const std::string& header) {
  static const std::set<std::string> headers = {"async.hpp",           "codec.hpp",         "durable_folder.hpp",
                                                "durable_options.hpp", "durable_queue.hpp", "open.hpp",
                                                "pop_event.hpp",       "select.hpp"};
  return headers.contains(header) || header.starts_with("bridge/");
}

/// The number of the layer of a header in detail/, from 1 up; layers.size() + 1 where there is none of that name.
std::size_t layer_of(const std::string& header) {
  const std::size_t begin = std::string("detail/").size();
  const std::size_t end = header.find('/', begin);
  const std::string folder = end == std::string::npos ? "" : header.substr(begin, end - begin);
  return static_cast<std::size_t>(std::ranges::find(layers, folder) - layers.begin()) + 1;
}

/// The layer that a public header stands on: the highest that it reaches, 0 for words alone.
std::size_t layer_below(const graph& inclusions, const std::string& header) {
  std::size_t highest = 0;
  for (const std::string& reached : reached_from(inclusions, header))
    if (in_detail(reached)) highest = std::max(highest, layer_of(reached));
  return highest;
}

/// Includes point down and never round: a header in detail/ includes only its own folder, lower ones, and public
/// headers that stand on lower ones; no ring reaches what waits. The umbrella includes all others that are not details,
/// but for what is paid for by its includer alone.
void check_includes(const std::vector<source>& headers, report& to) {
  const graph inclusions = read_inclusions(headers, to);
  for (const auto& [header, included] : inclusions) {
    const std::string path = "include/kew/" + header;
    if (in_detail(header) && layer_of(header) > layers.size()) to.add(path, 1, "stands in no layer's folder");
    for (const auto& [target, line] : included) {
      if (target == header || reached_from(inclusions, target).contains(header))
        to.add(path, line, "includes " + target + ", which leads back here");
      if (!in_detail(header)) continue;
      if (in_detail(target) ? layer_of(target) > layer_of(header) : layer_below(inclusions, target) >= layer_of(header))
        to.add(path, line, "includes " + target + ", which does not stand below it");
    }
    if (header.ends_with("_ring.hpp") && !in_detail(header))
      for (const std::string& target : reached_from(inclusions, header))
        if (target.starts_with("detail/wait/"))
          to.add(path, 1, "reaches " + target + ", and a ring knows nothing of waiting");
  }
  const std::set<std::string> under_umbrella = reached_from(inclusions, "kew.hpp");
  for (const auto& [header, included] : inclusions)
    if (header != "kew.hpp" && !in_detail(header) && !on_demand(header) && !under_umbrella.contains(header))
      to.add("include/kew/kew.hpp", 1, "does not include " + header);
}

// ---- One seam to the machine -----------------------------------------------------------------------

bool in_seam(const source& header) { return header.name.starts_with(seam); }

/// Atomics, fences, futex, pause and clock are named in the seam alone, and so are files in theirs.
void check_seam(const std::vector<source>& headers, report& to) {
  for (const source& header : headers) {
    if (in_seam(header) || header.name == file_seam) continue;
    for (std::size_t i = 0; i < header.code.size(); ++i) {
      std::smatch match;
      if (std::regex_search(header.code[i], match, machine))
        to.add(header.path(), i + 1, "names " + match.str() + ", which is for " + seam);
      if (std::regex_search(header.code[i], match, files))
        to.add(header.path(), i + 1, "names " + match.str() + ", which is for " + file_seam);
    }
  }
}

// ---- Every edge has both ends ----------------------------------------------------------------------

struct ends {
  bool releases = false;
  bool acquires = false;
  bool light = false;
  bool heavy = false;

  bool both() const { return (releases && acquires) || (light && heavy); }
  void add(const ends& other) {
    releases |= other.releases;
    acquires |= other.acquires;
    light |= other.light;
    heavy |= other.heavy;
  }
};

struct operation {
  std::size_t first_line;
  std::size_t last_line;
  ends ends_here;
};

std::size_t line_at(const std::string& text, std::size_t place) {
  return static_cast<std::size_t>(std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(place), '\n'));
}

std::size_t closing_parenthesis(const std::string& text, std::size_t open) {
  int depth = 0;
  for (std::size_t i = open; i < text.size(); ++i) {
    if (text[i] == '(') ++depth;
    if (text[i] == ')' && --depth == 0) return i;
  }
  return text.size() - 1;
}

/// The operations of a header that order something. One that names no order at all is a finding, because
/// its order is seq_cst by default.
std::vector<operation> ordering_operations(const source& header, report& to) {
  static const std::regex call(
      R"(\b(fence_light|fence_heavy|fence_heavy_of_all)(?:<\w+>)?\s*(?=\()|[.>](load|store|exchange|compare_exchange_weak|compare_exchange_strong|fetch_\w+|test_and_set)\s*(?=\())");
  static const std::regex order(R"([(,]\s*(?:detail::)?(relaxed|acquire|release|acq_rel|seq_cst)\s*(?=[,)]))");
  const std::string text = header.joined();
  std::vector<operation> operations;
  for (std::sregex_iterator it(text.begin(), text.end(), call), none; it != none; ++it) {
    const auto begin = static_cast<std::size_t>(it->position());
    const std::size_t open = text.find('(', begin);
    const std::size_t close = closing_parenthesis(text, open);
    operation found{line_at(text, begin), line_at(text, close), {}};
    if ((*it)[1].matched) {
      (it->str(1) == "fence_light" ? found.ends_here.light : found.ends_here.heavy) = true;
      operations.push_back(found);
      continue;
    }
    const std::string name = it->str(2);
    const std::string arguments = text.substr(open, close - open + 1);
    std::vector<std::string> orders;
    for (std::sregex_iterator o(arguments.begin(), arguments.end(), order); o != none; ++o) orders.push_back(o->str(1));
    if (orders.empty()) {
      to.add(header.path(), found.first_line + 1, name + " does not say its memory order");
      continue;
    }
    for (const std::string& o : orders) {
      found.ends_here.acquires |= o == "acquire" || o == "acq_rel" || (o == "seq_cst" && name != "store");
      found.ends_here.releases |= o == "release" || o == "acq_rel" || (o == "seq_cst" && name != "load");
    }
    if (found.ends_here.acquires || found.ends_here.releases) operations.push_back(found);
  }
  return operations;
}

bool only_comment(const source& header, std::size_t line) {
  return !header.comment[line].empty() && header.code[line].find_first_not_of(" \t") == std::string::npos;
}

/// Where the comment stands that speaks of an operation: on its own lines, else the nearest one above.
/// Empty if there is none.
std::vector<std::size_t> comment_lines_of(const source& header, const operation& op) {
  std::vector<std::size_t> lines;
  for (std::size_t i = op.first_line; i <= op.last_line; ++i)
    if (!header.comment[i].empty()) lines.push_back(i);
  if (!lines.empty()) return lines;
  std::size_t line = op.first_line;
  while (line > 0 && header.comment[line - 1].empty()) --line;
  if (line == 0) return {};
  lines.push_back(--line);
  if (only_comment(header, line))
    while (line > 0 && only_comment(header, line - 1)) lines.push_back(--line);
  std::ranges::sort(lines);
  return lines;
}

/// Every operation that orders something names its edge in a comment; every edge has both ends; and no
/// comment names an edge where no operation is.
void check_edges(const std::vector<source>& headers, report& to) {
  static const std::regex edge(R"(Edge "([^"]*)\")");
  struct use {
    ends ends_here;
    std::size_t line = 0;
  };
  std::map<std::string, std::map<std::string, use>> edges;  // name → header → what it has of it

  for (const source& header : headers) {
    if (in_seam(header)) continue;
    std::set<std::size_t> spoken_for;
    for (const operation& op : ordering_operations(header, to)) {
      std::string comment;
      for (const std::size_t line : comment_lines_of(header, op)) {
        comment += header.comment[line] + '\n';
        spoken_for.insert(line);
      }
      std::sregex_iterator name(comment.begin(), comment.end(), edge);
      const std::sregex_iterator none;
      if (name == none) to.add(header.path(), op.first_line + 1, "orders memory, and no comment names its edge");
      for (; name != none; ++name) {
        use& here = edges[name->str(1)][header.name];
        if (here.line == 0) here.line = op.first_line + 1;
        here.ends_here.add(op.ends_here);
      }
    }
    for (std::size_t i = 0; i < header.comment.size(); ++i)
      if (std::regex_search(header.comment[i], edge) && !spoken_for.contains(i))
        to.add(header.path(), i + 1, "names an edge, but there is no operation that orders memory");
  }

  for (const auto& [name, uses] : edges) {
    // A header that has both ends is whole in itself, and lends none of them to others.
    ends across;
    for (const auto& [header, here] : uses)
      if (!here.ends_here.both()) across.add(here.ends_here);
    for (const auto& [header, here] : uses)
      if (!here.ends_here.both() && !across.both())
        to.add("include/kew/" + header, here.line, "edge \"" + name + "\" has only one end");
  }
}

// ---- The pages -------------------------------------------------------------------------------------

/// A page in Markdown, with the commands and the places that it names.
struct page {
  struct mention {
    std::string text;
    std::size_t line;
  };
  fs::path path;
  std::vector<mention> links;     // the targets of [words](target)
  std::vector<mention> spans;     // `between these`
  std::vector<mention> commands;  // lines of ```sh
  std::vector<mention> folders;   // what begins a line of a plain block and ends with a slash
};

page read_page(const fs::path& path) {
  static const std::regex link(R"(\]\(([^)\s]+)\))");
  static const std::regex span(R"(`([^`]+)`)");
  static const std::regex folder(R"(^([\w.-]+/)(\s|$))");
  page result{path, {}, {}, {}, {}};
  bool in_block = false;
  std::string language;
  const std::vector<std::string> lines = lines_of(read(path));
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::string& line = lines[i];
    const auto collect = [&](const std::regex& what, std::vector<page::mention>& into) {
      for (std::sregex_iterator it(line.begin(), line.end(), what), none; it != none; ++it)
        into.push_back({it->str(1), i + 1});
    };
    if (line.starts_with("```")) {
      in_block = !in_block;
      language = line.substr(3);
    } else if (!in_block) {
      collect(link, result.links);
      collect(span, result.spans);
    } else if (language == "sh") {
      result.commands.push_back({line, i + 1});
    } else if (language.empty()) {
      collect(folder, result.folders);
    }
  }
  return result;
}

/// All pages but those of a build or of a test of this program.
std::vector<page> read_pages(const fs::path& root) {
  std::vector<page> pages;
  for (auto it = fs::recursive_directory_iterator(root); it != fs::recursive_directory_iterator(); ++it) {
    const std::string name = it->path().filename().string();
    if (it->is_directory() && (name.starts_with("build") || name == ".git" || name == "bad"))
      it.disable_recursion_pending();
    else if (it->path().extension() == ".md")
      pages.push_back(read_page(it->path()));
  }
  return pages;
}

/// Every link of a page leads to a file, and every path that it names exists.
void check_paths(const fs::path& root, const std::vector<page>& pages, report& to) {
  static const std::regex path(R"([\w.-]*\w(/[\w.-]+)*(/|\.(hpp|cpp|cmake|awk|sh|py|bug|diff)))");
  const auto exists = [&](const fs::path& folder, const std::string& target) {
    return std::ranges::any_of(std::vector{folder, root, root / "include", root / "include/kew"},
                               [&](const fs::path& from) { return fs::exists(from / target); });
  };
  for (const page& each : pages) {
    const std::string name = fs::relative(each.path, root).generic_string();
    for (const auto& [target, line] : each.links) {
      const std::string file = target.substr(0, target.find('#'));
      if (!file.empty() && !file.starts_with("http") && !fs::exists(each.path.parent_path() / file))
        to.add(name, line, "links to " + file + ", which is not there");
    }
    std::vector<page::mention> named = each.folders;
    std::ranges::copy_if(each.spans, std::back_inserter(named), [&](const page::mention& span) {
      const bool known = fs::is_directory(root / span.text.substr(0, span.text.find('/'))) &&
                         std::regex_match(span.text, std::regex(R"([\w.-]+(/[\w.-]+)+)"));
      return !span.text.starts_with("build/") && (known || std::regex_match(span.text, path));
    });
    for (const auto& [target, line] : named)
      if (!exists(each.path.parent_path(), target)) to.add(name, line, "names " + target + ", which is not there");
  }
}

/// .ci/commands has every command that a page shows, so that .ci/run runs it, and no other.
void check_commands(const fs::path& root, const std::vector<page>& pages, report& to) {
  static const std::regex command(
      R"((\w+=\S+ )?(cmake --?\w|ctest |(tests|benchmarks|build)/\S+ ).*|(compare|throughput|latency|length) --.*)");
  std::map<std::string, std::size_t> listed;
  const std::vector<std::string> lines = lines_of(read(root / ".ci" / "commands"));
  for (std::size_t i = 0; i < lines.size(); ++i)
    if (!lines[i].empty() && !lines[i].starts_with('#') && !lines[i].starts_with(' ')) listed[lines[i]] = i + 1;
  std::set<std::string> shown;
  for (const page& each : pages) {
    std::vector<page::mention> all = each.commands;
    std::ranges::copy_if(each.spans, std::back_inserter(all), [&](const page::mention& span) {
      if (span.text == ".ci/run") return false;  // which runs the others
      const fs::path file = root / span.text;
      return std::regex_match(span.text, command) ||
             (fs::is_regular_file(file) && (fs::status(file).permissions() & fs::perms::owner_exec) != fs::perms::none);
    });
    for (const auto& [text, line] : all) {
      shown.insert(text);
      if (!listed.contains(text))
        to.add(fs::relative(each.path, root).generic_string(), line,
               "shows a command that .ci/commands does not have: " + text);
    }
  }
  for (const auto& [text, line] : listed)
    if (!shown.contains(text)) to.add(".ci/commands", line, "no page shows this command");
}

/// The first C++ of the README is the hello example, and each program there is one of the examples, to the letter.
void check_readme(const fs::path& root, report& to) {
  const std::string readme = read(root / "README.md");
  std::set<std::string> examples;
  for (const auto& entry : fs::directory_iterator(root / "examples"))
    if (entry.path().extension() == ".cpp") examples.insert(read(entry.path()));

  const std::string opening = "```cpp\n";
  bool is_first = true;
  for (std::size_t begin = 0; (begin = readme.find(opening, begin)) != std::string::npos; is_first = false) {
    const std::size_t line = line_at(readme, begin) + 1;
    begin += opening.size();
    const std::string snippet = readme.substr(begin, readme.find("```", begin) - begin);
    if (is_first && snippet != read(root / "examples" / "01_hello.cpp"))
      to.add("README.md", line, "the example is not examples/01_hello.cpp");
    else if (snippet.find("int main(") != std::string::npos && !examples.contains(snippet))
      to.add("README.md", line, "shows a program that is none of the examples");
  }
  if (is_first) to.add("README.md", 1, "has no C++ example");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: house ROOT\n";
    return 2;
  }
  const fs::path root = argv[1];
  const std::vector<source> headers = read_headers(root);
  report to;
  check_includes(headers, to);
  check_seam(headers, to);
  check_edges(headers, to);
  const std::vector<page> pages = read_pages(root);
  check_paths(root, pages, to);
  check_commands(root, pages, to);
  check_readme(root, to);
  return to.print();
}
