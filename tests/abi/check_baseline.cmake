# SPDX-License-Identifier: Apache-2.0
#
# Fails unless BASELINE is the types of the last release, VERSION: one that was raised without a
# release would let a break through.
include(${CMAKE_CURRENT_LIST_DIR}/compare.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/release.cmake)
if(NOT ABIDIFF)
  return()
endif()
timmy_extract_release(${WORK}/release)
if(NOT EXISTS ${WORK}/release)
  return()
endif()
timmy_abi_report(${BASELINE} ${WORK}/release/sdk/include report)
if(report)
  message(FATAL_ERROR "${BASELINE} is not what release ${VERSION} had:\n${report}\n"
    "Build the target abi_baseline, and look at what it changes.")
endif()
