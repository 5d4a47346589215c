# SPDX-License-Identifier: Apache-2.0
#
# Rebuilds what release VERSION built, in RELEASE: its examples, a fixture, and a program on its harness,
# which hands a plugin the tables that a host of its time did.
include(${CMAKE_CURRENT_LIST_DIR}/release.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/release_build.cmake)
timmy_extract_release(${RELEASE})
if(NOT EXISTS ${RELEASE})
  return()
endif()
set(HARNESS ${CMAKE_CURRENT_LIST_DIR}/run_in_harness.cpp)
timmy_build_plugins(${RELEASE}/sdk ${RELEASE}/build hello plain_c stale veteran)
