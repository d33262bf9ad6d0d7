# The table of README.md, from the files of the bugs. With -D CHECK=ON fails where README.md has another; without it
# writes it there.
include(${CMAKE_CURRENT_LIST_DIR}/bug.cmake)

set(table "| Bug | Class | Caught by | Words |\n|---|---|---|---|\n")
file(GLOB files ${CMAKE_CURRENT_LIST_DIR}/*.bug)
foreach(file IN LISTS files)
  get_filename_component(name ${file} NAME_WE)
  read_bug(${file})
  string(STRIP "${bug_program} ${bug_run}" run)
  string(APPEND table "| [`${name}`](${name}.bug) | ${bug_class} | `${run}` | `${bug_words}` |\n")
endforeach()

set(readme ${CMAKE_CURRENT_LIST_DIR}/README.md)
file(READ ${readme} text)
string(REGEX REPLACE "[|] Bug [|].*$" "" before "${text}")
if(NOT text STREQUAL "${before}${table}")
  if(CHECK)
    message(FATAL_ERROR "the table of ${readme} is not what the .bug files say; `cmake -P table.cmake` mends it")
  endif()
  file(WRITE ${readme} "${before}${table}")
endif()
