# SPDX-License-Identifier: Apache-2.0
#
# Changes a copy of timmy/abi.h in each way that would break a plugin, and fails unless check_unchanged
# would refuse it; and in the ways that are growth, which it has to take. The header's own assertions
# are taken out of the copies: they are edited along with what they assert.
include(${CMAKE_CURRENT_LIST_DIR}/compare.cmake)
if(NOT ABIDIFF)
  return()
endif()
file(READ ${HEADERS}/timmy/abi.h header)
string(REGEX REPLACE "TIMMY_STATIC_ASSERT\\((sizeof|offsetof)[^\n]*\n" "" header "${header}")

# Sets `out` to what breaks when each first text of a pair becomes the second.
function(break_of out)
  set(copy "${header}")
  math(EXPR last "${ARGC} - 2")
  foreach(at RANGE 1 ${last} 2)
    math(EXPR next "${at} + 1")
    string(FIND "${copy}" "${ARGV${at}}" found)
    if(found EQUAL -1)
      message(FATAL_ERROR "timmy/abi.h has no longer: ${ARGV${at}}")
    endif()
    string(REPLACE "${ARGV${at}}" "${ARGV${next}}" copy "${copy}")
  endforeach()
  file(WRITE ${WORK}/headers/timmy/abi.h "${copy}")
  timmy_abi_report(${BASELINE} ${WORK}/headers report)
  timmy_abi_break("${report}" break)
  set(${out} "${break}" PARENT_SCOPE)
endfunction()

function(refuses what)
  break_of(break ${ARGN})
  if(NOT break)
    message(SEND_ERROR "taken, although it breaks plugins: ${what}")
  else()
    message(STATUS "refused: ${what}:${break}")
  endif()
endfunction()

function(takes what)
  break_of(break ${ARGN})
  if(break)
    message(SEND_ERROR "refused, although it breaks nothing: ${what}: ${break}")
  endif()
endfunction()

set(cancelled "  int32_t (*cancelled)(void *ctx)\;\n")
set(delay "  void (*delay)(void *ctx, int64_t milliseconds)\;\n")
set(nothing "/* a function is given no empty arguments */\n")
set(later "  int64_t (*later)(void *ctx)\;\n")

takes("nothing changed" "TIMMY_OK = 0" "TIMMY_OK = 0")
foreach(struct plugin host run reply)
  takes("a field at the end of timmy_${struct}" "} timmy_${struct}\;" "${later}} timmy_${struct}\;")
endforeach()
takes("a status after the last" "TIMMY_SNOOZE = 4" "TIMMY_SNOOZE = 4, TIMMY_LATER = 5")

refuses("a field in the middle" "${cancelled}" "${later}${cancelled}")
refuses("a field at the end of what is passed by value" "} timmy_str\;" "  void *later\;\n} timmy_str\;")
refuses("a removed field" "${cancelled}" "${nothing}")
refuses("a removed last field" "${delay}" "${nothing}")
refuses("a moved field" "${delay}" "${nothing}" "  void (*result)" "${delay}  void (*result)")
refuses("two fields of one type that changed places"
  "uint32_t reserved" "uint32_t swapped" "uint32_t size\;     /* sizeof(timmy_reply)"
  "uint32_t reserved\;     /* sizeof(timmy_reply)" "uint32_t swapped" "uint32_t size")
refuses("a renamed field" "(*cancelled)" "(*canceled)")
refuses("a field of another type" "uint32_t reserved" "int32_t reserved")
refuses("a function that returns another type" "${cancelled}" "  int64_t (*cancelled)(void *ctx)\;\n")
refuses("a parameter of another type" "int32_t level" "int64_t level")
refuses("one more parameter" "int32_t level" "int32_t level, int32_t colour")
refuses("a growth that hides a changed type"
  "${cancelled}" "  int64_t (*cancelled)(void *ctx)\;\n" "} timmy_run\;" "${later}} timmy_run\;")
refuses("a status of another type" "typedef int32_t timmy_status" "typedef int64_t timmy_status")
refuses("a status of another value" "TIMMY_SNOOZE = 4" "TIMMY_SNOOZE = 5")
refuses("a status before others" "TIMMY_CANCELLED = 3" "TIMMY_LATER = 3, TIMMY_CANCELLED = 4"
  "TIMMY_SNOOZE = 4" "TIMMY_SNOOZE = 5")
