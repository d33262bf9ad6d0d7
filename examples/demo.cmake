list(FILTER TEXT INCLUDE REGEX "c\\+\\+")
list(TRANSFORM TEXT APPEND "/*")
file(GLOB_RECURSE files LIST_DIRECTORIES false ${TEXT} ${CMAKE_CURRENT_LIST_DIR}/../include/*)
list(REMOVE_DUPLICATES files)
list(LENGTH files count)

function(show title)
  message("\n== ${title}\n")
  execute_process(COMMAND ${ARGN} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

show("hello" ${HELLO})
show("word_count: a pipeline over ${count} files of the C++ standard library, 10 times over, beside one thread"
  ${WORD_COUNT} --compare --repeat 10 ${files})
