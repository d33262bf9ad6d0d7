# Builds and runs the outside project in WORK, where kew comes in the given WAY from SOURCE or, installed, from
# the build in BINARY. What is installed is moved first, and may not be written to: it shows that kew neither
# remembers where it was installed nor leaves anything there.
function(run)
  execute_process(COMMAND ${ARGV} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "${ARGV}\n${output}")
  endif()
endfunction()

set(prefix "${WORK}/moved here")

# Who is root may write everywhere, so the permissions alone show nothing.
function(list_installed result)
  file(GLOB_RECURSE paths RELATIVE "${prefix}" "${prefix}/*")
  set(listing "")
  foreach(path IN LISTS paths)
    file(SHA256 "${prefix}/${path}" sum)
    string(APPEND listing "${sum} ${path}\n")
  endforeach()
  set(${result} "${listing}" PARENT_SCOPE)
endfunction()

function(allow)
  if(EXISTS "${prefix}")
    file(CHMOD_RECURSE "${prefix}" FILE_PERMISSIONS OWNER_READ OWNER_WRITE
      DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE)
  endif()
endfunction()

allow() # a run that has failed may have left it read-only
file(REMOVE_RECURSE ${WORK})

if(WAY STREQUAL "find_package" OR WAY STREQUAL "pkg_config")
  run(${CMAKE_COMMAND} --install ${BINARY} --prefix ${WORK}/installed)
  file(RENAME ${WORK}/installed "${prefix}")
  file(CHMOD_RECURSE "${prefix}" FILE_PERMISSIONS OWNER_READ DIRECTORY_PERMISSIONS OWNER_READ OWNER_EXECUTE)
  list_installed(before)
endif()

run(${CMAKE_COMMAND} -S ${PROJECT} -B ${WORK}/build -D CMAKE_CXX_COMPILER=${COMPILER} -D WAY=${WAY}
  -D KEW_SOURCE=${SOURCE} -D FETCHCONTENT_SOURCE_DIR_KEW=${SOURCE} "-DCMAKE_PREFIX_PATH=${prefix}")
run(${CMAKE_COMMAND} --build ${WORK}/build)
run(${WORK}/build/consumer)

list_installed(after)
if(NOT "${before}" STREQUAL "${after}")
  message(FATAL_ERROR "the installed tree was\n${before}and became\n${after}")
endif()
allow()
