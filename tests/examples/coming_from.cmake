# Writes OUTPUT, a program that compiles where the calls in PAGE do: usage
#   cmake -D PAGE=… -D OUTPUT=… -P extract.cmake
# A section of the page becomes a function: its C++ first, then what stands in the column `kew` of its tables, each by
# itself.
cmake_minimum_required(VERSION 3.25)

file(READ "${PAGE}" rest)

set(functions "")
set(calls 0)
set(section 0)
set(column 0)
set(in_code NO)
set(declared "")
set(body "")

macro(end_section)
  math(EXPR section "${section} + 1")
  string(APPEND functions "${title}void section_${section}() {\n${declared}${body}}\n\n")
  set(declared "")
  set(body "")
endmacro()

set(title "")
while(NOT rest STREQUAL "")
  string(FIND "${rest}" "\n" end)
  string(SUBSTRING "${rest}" 0 ${end} line)
  math(EXPR end "${end} + 1")
  string(SUBSTRING "${rest}" ${end} -1 rest)

  if(in_code)
    if(line STREQUAL "```")
      set(in_code NO)
    else()
      string(APPEND declared "  ${line}\n")
    endif()
  elseif(line STREQUAL "```cpp")
    set(in_code YES)
  elseif(line MATCHES "^## (.*)")
    set(heading "${CMAKE_MATCH_1}")
    end_section()
    set(title "// ${heading}\n")
  elseif(NOT line MATCHES "^[|]")
    set(column 0)
  elseif(column EQUAL 0)
    # A table's heading: in which column does kew stand?
    set(cells "${line}")
    set(number 0)
    while(cells MATCHES "^[|]([^|]*)([|].*)$")
      math(EXPR number "${number} + 1")
      set(cells "${CMAKE_MATCH_2}")
      string(STRIP "${CMAKE_MATCH_1}" cell)
      if(cell STREQUAL "kew")
        set(column ${number})
      endif()
    endwhile()
    if(column EQUAL 0)
      set(column -1)
    endif()
  elseif(column GREATER 0)
    set(cells "${line}")
    foreach(number RANGE 1 ${column})
      string(REGEX MATCH "^[|]([^|]*)([|].*)$" found "${cells}")
      set(cell "${CMAKE_MATCH_1}")
      set(cells "${CMAKE_MATCH_2}")
    endforeach()
    while(cell MATCHES "^[^`]*`([^`]+)`(.*)$")
      set(code "${CMAKE_MATCH_1}")
      set(cell "${CMAKE_MATCH_2}")
      math(EXPR calls "${calls} + 1")
      if(code MATCHES "^for ")
        string(APPEND body "  ${code} static_cast<void>(each);\n")
      elseif(code MATCHES "^while ")
        string(APPEND body "  ${code} {\n  }\n")
      elseif(code MATCHES "^(auto|kew::[a-z_]+<[^(]*>) ")
        string(APPEND body "  { [[maybe_unused]] ${code}; }\n")
      else()
        string(APPEND body "  static_cast<void>(${code});\n")
      endif()
    endwhile()
  endif()
endwhile()
end_section()

if(calls LESS 50)
  message(FATAL_ERROR "${PAGE}: found only ${calls} calls")
endif()

file(WRITE "${OUTPUT}" "// Written from coming_from.md; compiled, never run.
#include <chrono>
#include <cstddef>
#include <iterator>
#include <string>
#include <vector>

#include <kew/kew.hpp>

#if defined(__cpp_lib_jthread) // else kew has no calls that take a token

struct message {
  message() = default;
  explicit message(int number) : text(std::to_string(number)) {}
  std::string text;
};

extern message m, out;
extern std::vector<message> batch;
extern std::size_t n;
void f(message&);
extern std::stop_token token;
extern std::chrono::milliseconds t;
extern std::chrono::system_clock::time_point deadline;

${functions}#endif
")
message(STATUS "${calls} calls")
