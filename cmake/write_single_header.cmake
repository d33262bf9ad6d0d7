# Writes OUTPUT, all of kew in one header, from ROOT: usage
#   cmake -D ROOT=… -D VERSION=… -D OUTPUT=… -P write.cmake
# Each header of kew comes before the first that includes it. What is included from elsewhere goes to the top, once, and
# so does a condition around a single include; under other conditions it stays where it is, unless it stands at the top
# anyway.

cmake_minimum_required(VERSION 3.25)

function(take header)
  get_property(taken GLOBAL PROPERTY taken)
  if("${header}" IN_LIST taken)
    return()
  endif()
  set_property(GLOBAL APPEND PROPERTY taken "${header}")

  file(READ "${ROOT}/include/kew/${header}" rest)
  set(text "")
  set(in_seam NO)
  set(conditions 0)
  while(NOT rest STREQUAL "")
    string(FIND "${rest}" "\n" end)
    math(EXPR end "${end} + 1") # every file ends with a line's end: a last line without one would be met for ever
    if(end EQUAL 0)
      message(FATAL_ERROR "${header}: the last line has no end")
    endif()
    string(SUBSTRING "${rest}" 0 ${end} line)
    string(SUBSTRING "${rest}" ${end} -1 rest)

    if(line MATCHES "^#pragma once")
      continue()
    elseif(line MATCHES "^#include <kew/([^>]+)>")
      if(conditions GREATER 0)
        message(FATAL_ERROR "${header}: includes ${CMAKE_MATCH_1} under a condition")
      endif()
      take("${CMAKE_MATCH_1}")
      continue()
    elseif(line MATCHES "^#include <([^>]+)>" AND conditions EQUAL 0)
      set_property(GLOBAL APPEND PROPERTY hoisted "${CMAKE_MATCH_1}")
      continue()
    elseif(line MATCHES "^#if" AND conditions EQUAL 0 AND rest MATCHES "^#include <[^>]+>\n#endif\n")
      set(block "${line}${CMAKE_MATCH_0}")
      string(LENGTH "${CMAKE_MATCH_0}" end)
      string(SUBSTRING "${rest}" ${end} -1 rest)
      get_property(blocks GLOBAL PROPERTY blocks)
      string(FIND "${blocks}" "${block}" place)
      if(place LESS 0)
        set_property(GLOBAL APPEND_STRING PROPERTY blocks "${block}")
      endif()
      continue()
    elseif(line MATCHES "^#ifndef KEW_SYNC_HEADER" AND conditions EQUAL 0)
      set(in_seam YES) # only a test of kew itself replaces the machine, and not by the single header
      continue()
    elseif(line MATCHES "^#endif" AND in_seam AND conditions EQUAL 0)
      set(in_seam NO)
      continue()
    elseif(line MATCHES "^# *if")
      math(EXPR conditions "${conditions} + 1")
    elseif(line MATCHES "^# *endif")
      math(EXPR conditions "${conditions} - 1")
    endif()
    string(APPEND text "${line}")
  endwhile()
  set_property(GLOBAL APPEND_STRING PROPERTY body "\n// ======== kew/${header}\n\n${text}")
endfunction()

take(kew.hpp)
get_property(body GLOBAL PROPERTY body)
get_property(hoisted GLOBAL PROPERTY hoisted)
get_property(blocks GLOBAL PROPERTY blocks)
list(REMOVE_DUPLICATES hoisted)
list(SORT hoisted)

set(includes "")
foreach(name IN LISTS hoisted)
  string(APPEND includes "#include <${name}>\n")
  string(REPLACE "#include <${name}>\n" "" body "${body}")
endforeach()
string(REGEX REPLACE "\n\n\n+" "\n\n" body "${body}")

file(READ "${ROOT}/LICENSE" licence)
string(REGEX REPLACE "(^|\n)([^\n]+)" "\\1// \\2" licence "${licence}")
string(REPLACE "\n\n" "\n//\n" licence "${licence}")

file(WRITE "${OUTPUT}" "// kew ${VERSION}: all of it in one header, written by a program; to be changed in its parts.
// SPDX-License-Identifier: MIT
//
${licence}
#pragma once

${includes}
${blocks}${body}")
