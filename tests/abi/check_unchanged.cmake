# SPDX-License-Identifier: Apache-2.0
#
# Fails unless the timmy/abi.h of HEADERS has all of BASELINE, the last release, as it was there.
include(${CMAKE_CURRENT_LIST_DIR}/compare.cmake)
if(NOT ABIDIFF)
  return()
endif()
timmy_abi_report(${BASELINE} ${HEADERS} report)
timmy_abi_break("${report}" break)
if(break)
  message(FATAL_ERROR "timmy/abi.h breaks plugins that were released:\n${break}\n\n${report}\n"
    "Within a major only fields at the end of a struct may be added. See docs/abi.md.")
endif()
message(STATUS "nothing that was released has changed\n${report}")
