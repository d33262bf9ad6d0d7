# Writes the header that BUG is about to TO, with the bug in it. The text that it replaces must stand in the header of
# INCLUDE exactly once, so that a bug that does not fit any more is noticed.
include(${CMAKE_CURRENT_LIST_DIR}/bug.cmake)
read_bug(${BUG})

file(READ ${INCLUDE}/${bug_header} before)
string(FIND "${before}" "${bug_old}" first)
string(FIND "${before}" "${bug_old}" last REVERSE)
if(first EQUAL -1 OR NOT first EQUAL last)
  message(FATAL_ERROR "${BUG}: this has to stand in ${bug_header} exactly once:\n${bug_old}")
endif()
string(REPLACE "${bug_old}" "${bug_new}" after "${before}")
# What is the same already is left alone, so that it need not be compiled again.
set(there "")
if(EXISTS ${TO})
  file(READ ${TO} there)
endif()
if(NOT after STREQUAL there)
  file(WRITE ${TO} "${after}")
endif()
