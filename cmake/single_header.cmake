# All of kew in one header, for users that copy one file: cmake --build build --target single_header
set(single_header ${PROJECT_BINARY_DIR}/single_header/kew.hpp)
set(write_single_header ${CMAKE_CURRENT_LIST_DIR}/write_single_header.cmake)
add_custom_command(OUTPUT ${single_header}
  COMMAND ${CMAKE_COMMAND} -D ROOT=${PROJECT_SOURCE_DIR} -D VERSION=${PROJECT_VERSION}
    -D OUTPUT=${single_header} -P ${write_single_header}
  DEPENDS ${headers} ${write_single_header} LICENSE VERBATIM)
add_custom_target(single_header DEPENDS ${single_header})

# What is published as a version, in build/release: cmake --build build --target release
find_program(KEW_GIT git)
if(KEW_GIT)
  set(release ${PROJECT_BINARY_DIR}/release)
  add_custom_target(release
    COMMAND ${CMAKE_COMMAND} -E make_directory ${release}
    COMMAND ${KEW_GIT} -C ${PROJECT_SOURCE_DIR} archive --prefix=kew-${PROJECT_VERSION}/
      --output=${release}/kew-${PROJECT_VERSION}.tar.gz HEAD
    COMMAND ${CMAKE_COMMAND} -E copy ${single_header} ${release}/kew-${PROJECT_VERSION}.hpp
    DEPENDS ${single_header} VERBATIM)
endif()
