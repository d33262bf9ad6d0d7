# Fails unless SOURCE compiles with KEW_ACCEPT defined, and without it does not, for the reason that its first
# line names.
file(STRINGS ${SOURCE} first LIMIT_COUNT 1)
string(REGEX REPLACE "^// rejected: " "" reason "${first}")
set(compile ${COMPILER} -std=c++20 -fsyntax-only -Wall -Wextra -Werror -I ${INCLUDE} ${SOURCE})

execute_process(COMMAND ${compile} -D KEW_ACCEPT RESULT_VARIABLE result ERROR_VARIABLE output)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "the control does not compile:\n${output}")
endif()

execute_process(COMMAND ${compile} RESULT_VARIABLE result ERROR_VARIABLE output)
if(result EQUAL 0)
  message(FATAL_ERROR "compiles")
endif()
string(FIND "${output}" "${reason}" place)
if(place EQUAL -1)
  message(FATAL_ERROR "the compiler does not say '${reason}':\n${output}")
endif()
