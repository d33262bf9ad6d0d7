# Builds and runs the outside project in WORK, where kew comes in the given WAY from SOURCE or, installed, from
# the build in BINARY.
file(REMOVE_RECURSE ${WORK})

function(run)
  execute_process(COMMAND ${ARGV} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "${ARGV}\n${output}")
  endif()
endfunction()

if(WAY STREQUAL "find_package" OR WAY STREQUAL "pkg_config")
  run(${CMAKE_COMMAND} --install ${BINARY} --prefix ${WORK}/installed)
endif()

run(${CMAKE_COMMAND} -S ${PROJECT} -B ${WORK}/build -D CMAKE_CXX_COMPILER=${COMPILER} -D WAY=${WAY}
  -D KEW_SOURCE=${SOURCE} -D FETCHCONTENT_SOURCE_DIR_KEW=${SOURCE} -D CMAKE_PREFIX_PATH=${WORK}/installed)
run(${CMAKE_COMMAND} --build ${WORK}/build)
run(${WORK}/build/consumer)
