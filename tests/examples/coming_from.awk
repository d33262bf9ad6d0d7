# Makes of examples/coming_from.md a program that compiles where its calls do. A section becomes a function: its C++ first,
# then what stands in the column `kew` of its tables, each by itself.
BEGIN {
  print "// Compiled, never run.\n#include <array>\n#include <chrono>\n#include <cstddef>\n#include <iterator>\n#include <string>\n#include <vector>"
  print "\n#include <kew/async.hpp>\n#include <kew/durable_queue.hpp>\n#include <kew/kew.hpp>\n#include <kew/pop_event.hpp>\n#include <kew/select.hpp>\n\n#if defined(__cpp_lib_jthread) // else kew has no calls that take a token"
  print "\nstruct message {\n  message() = default;\n  explicit message(int number) : text(std::to_string(number)) {}"
  print "  std::string text;\n};\n\nextern message m, out;\nextern std::vector<message> batch;\nextern std::size_t n;"
  print "void f(message&);\nvoid take(message&&);\nvoid take_from(message&&, std::size_t);\nvoid sent();\nextern std::stop_token token;\nextern std::chrono::milliseconds t;"
  print "extern std::chrono::system_clock::time_point deadline;"
}

function end_section() {
  if (declared body != "") print "\n// " title "\nvoid section_" ++sections "() {\n" declared body "}"
  declared = body = ""
}

function call(code) {
  ++calls
  if (code ~ /^for /) code = code " static_cast<void>(each);"
  else if (code ~ /^while /) code = code " {}"
  else if (code ~ /^(auto|kew::[a-z_]+(<[^(]*>)?) /) code = "{ [[maybe_unused]] " code "; }"
  else code = "static_cast<void>(" code ");"
  body = body "  " code "\n"
}

/^```/ { in_code = $0 == "```cpp"; next }
in_code { declared = declared "  " $0 "\n"; next }
/^## / { end_section(); title = substr($0, 4) }
!/^[|]/ { column = 0; next }

# A table's heading says in which column kew stands.
!column {
  column = -1
  for (i = 2; i < split($0, cells, "|"); ++i) if (cells[i] ~ /^ *kew *$/) column = i
  next
}
column > 0 {
  split($0, cells, "|")
  parts = split(cells[column], code, "`")
  for (i = 2; i < parts; i += 2) call(code[i])
}

END {
  end_section()
  print "\n#endif"
  if (calls < 50) { print "coming_from.md: found only " calls " calls" >"/dev/stderr"; exit 1 }
  print calls " calls" >"/dev/stderr"
}
