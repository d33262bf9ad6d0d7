# A failure is replayed from what was printed: kew is made wrong on purpose, and what the checker then says must lead
# back to the same failure, at once.
#
#   cmake -DCHECK=<path of model_check> -P replay.cmake
function(run expected)
  execute_process(COMMAND ${CHECK} ${ARGN} OUTPUT_VARIABLE output RESULT_VARIABLE code)
  if(NOT code EQUAL expected)
    message(FATAL_ERROR "${ARGN}: ended with ${code} instead of ${expected}\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

# The last lines of a trace: from the first step to the failure.
function(trace_of output to)
  if(NOT output MATCHES "( +[0-9]+  T[0-9]  .*FAILED: [^\n]*)")
    message(FATAL_ERROR "no trace of a failure in:\n${output}")
  endif()
  set(${to} "${CMAKE_MATCH_1}" PARENT_SCOPE)
endfunction()

set(wrong --plant "store: release -> relaxed")
set(scenario --only "spsc_ring: push and pop, capacity 1")
foreach(search depth-first random priorities)
  run(1 ${wrong} ${scenario} --search ${search})
  trace_of("${output}" found)
  string(REGEX MATCH "again: model_check ([^\n]*)" ignored "${output}")
  separate_arguments(again UNIX_COMMAND "${CMAKE_MATCH_1}")
  string(REGEX MATCH "seed ([0-9]+)" ignored "${output}")
  set(seed ${CMAKE_MATCH_1})

  run(1 ${again})
  trace_of("${output}" replayed)
  if(NOT replayed STREQUAL found)
    message(FATAL_ERROR "${again}: another failure\n${replayed}\ninstead of\n${found}")
  endif()

  # The path harms only the kew that is wrong.
  list(FIND again --plant at)
  list(REMOVE_AT again ${at})
  list(REMOVE_AT again ${at})
  run(0 ${again})

  if(search STREQUAL "random")
    run(1 ${wrong} ${scenario} --search random --seed ${seed})
    trace_of("${output}" first)
    if(NOT first STREQUAL found OR NOT output MATCHES "execution 1, seed ${seed},")
      message(FATAL_ERROR "seed ${seed} does not lead back at its first execution:\n${output}")
    endif()
  endif()
endforeach()
message(STATUS "replayed from path and seed")
