# Fails unless PROGRAM exits with 0 and its whole output matches the regular expression OUTPUT.
execute_process(COMMAND ${PROGRAM} OUTPUT_VARIABLE output RESULT_VARIABLE result)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "exit status ${result}\n${output}")
elseif(NOT output MATCHES "^${OUTPUT}$")
  message(FATAL_ERROR "unexpected output:\n${output}")
endif()
