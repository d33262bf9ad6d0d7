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

# DISTRIBUTE_GROUP_DOC: one comment for all overloads between @{ and @}.
foreach(option INLINE_INHERITED_MEMB DISTRIBUTE_GROUP_DOC BUILTIN_STL_SUPPORT JAVADOC_AUTOBRIEF QUIET)
  set(DOXYGEN_${option} YES)
endforeach()
foreach(option RECURSIVE SUBGROUPING SHOW_INCLUDE_FILES GENERATE_LATEX HAVE_DOT CLASS_GRAPH)
  set(DOXYGEN_${option} NO)
endforeach()
set(DOXYGEN_WARN_AS_ERROR FAIL_ON_WARNINGS)
set(pages README.md docs/guide.md examples/README.md examples/coming_from.md packaging/README.md CHANGELOG.md
  CONTRIBUTING.md benchmarks/README.md tests/README.md tests/bugs/README.md include/kew)
foreach(name meter/stamped_ring ring/slot_ring wait/pop_half wait/push_half)
  list(APPEND pages include/kew/detail/${name}.hpp)
endforeach()
list(TRANSFORM pages PREPEND ${PROJECT_SOURCE_DIR}/)
doxygen_add_docs(docs ${pages})

# The guide, the cookbook, the reference and the charts as static files, in build/site.
add_custom_target(site sh ${CMAKE_CURRENT_LIST_DIR}/site.sh ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}/site VERBATIM)
add_dependencies(site docs)
