# The documentation, for `cmake --build build --target docs`. Every public entity has to be documented; a warning is an
# error.
find_package(Doxygen QUIET)

if(NOT DOXYGEN_FOUND)
  return()
endif()

set(DOXYGEN_USE_MDFILE_AS_MAINPAGE ${PROJECT_SOURCE_DIR}/README.md)
set(DOXYGEN_STRIP_FROM_PATH ${PROJECT_SOURCE_DIR})
set(DOXYGEN_STRIP_FROM_INC_PATH ${PROJECT_SOURCE_DIR}/include)
set(filter "sed -f ${CMAKE_CURRENT_LIST_DIR}/headers.sed")
set(DOXYGEN_FILTER_PATTERNS "\"spsc_ring.hpp=${filter}\"" "\"channel.hpp=${filter}\""
  "\"*.hpp=${filter} -f ${CMAKE_CURRENT_LIST_DIR}/hide_details.sed\"")

# Of the details only those whose members are public in the rings and the handles.
set(DOXYGEN_RECURSIVE NO)
set(DOXYGEN_INLINE_INHERITED_MEMB YES)
set(DOXYGEN_EXCLUDE_SYMBOLS kew::detail::stamped_ring::source kew::detail::stamped_ring::sink)
foreach(name *_room *_side channel_state first_handles flagged_positions rebound_ring side_counter slot_ring::anybody
    slot_spans stamped)
  list(APPEND DOXYGEN_EXCLUDE_SYMBOLS kew::detail::${name})
endforeach()

# The pages are readable in the dark and on a telephone.
set(DOXYGEN_HTML_EXTRA_STYLESHEET ${CMAKE_CURRENT_LIST_DIR}/site.css)
set(DOXYGEN_HTML_OUTPUT site)
set(DOXYGEN_IMAGE_PATH ${PROJECT_SOURCE_DIR}/benchmarks)
set(DOXYGEN_EXAMPLE_PATH ${PROJECT_SOURCE_DIR}/examples)

# What depends on the library's age is there.
set(DOXYGEN_PREDEFINED __cpp_lib_jthread=201911L)

# One comment for all overloads between @{ and @}.
set(DOXYGEN_DISTRIBUTE_GROUP_DOC YES)
set(DOXYGEN_SUBGROUPING NO)
set(DOXYGEN_SHOW_INCLUDE_FILES NO)
set(DOXYGEN_BUILTIN_STL_SUPPORT YES)
set(DOXYGEN_JAVADOC_AUTOBRIEF YES)
set(DOXYGEN_GENERATE_LATEX NO)
set(DOXYGEN_HAVE_DOT NO)
set(DOXYGEN_CLASS_GRAPH NO)
set(DOXYGEN_QUIET YES)
set(DOXYGEN_WARN_AS_ERROR FAIL_ON_WARNINGS)
doxygen_add_docs(docs
  ${PROJECT_SOURCE_DIR}/README.md
  ${PROJECT_SOURCE_DIR}/docs/guide.md
  ${PROJECT_SOURCE_DIR}/examples/README.md
  ${PROJECT_SOURCE_DIR}/examples/coming_from.md
  ${PROJECT_SOURCE_DIR}/packaging/README.md
  ${PROJECT_SOURCE_DIR}/CHANGELOG.md
  ${PROJECT_SOURCE_DIR}/CONTRIBUTING.md
  ${PROJECT_SOURCE_DIR}/benchmarks/README.md
  ${PROJECT_SOURCE_DIR}/tests/README.md
  ${PROJECT_SOURCE_DIR}/tests/bugs/README.md
  ${PROJECT_SOURCE_DIR}/include/kew
  ${PROJECT_SOURCE_DIR}/include/kew/detail/meter/stamped_ring.hpp
  ${PROJECT_SOURCE_DIR}/include/kew/detail/ring/slot_ring.hpp
  ${PROJECT_SOURCE_DIR}/include/kew/detail/wait/pop_half.hpp
  ${PROJECT_SOURCE_DIR}/include/kew/detail/wait/push_half.hpp)

# The guide, the cookbook, the reference and the charts as static files, in build/site.
add_custom_target(site sh ${CMAKE_CURRENT_LIST_DIR}/site.sh ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}/site VERBATIM)
add_dependencies(site docs)
