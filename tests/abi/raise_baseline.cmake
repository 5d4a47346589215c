# SPDX-License-Identifier: Apache-2.0
#
# Writes BASELINE anew: the types of timmy/abi.h as the release VERSION had them, unless that breaks
# the release before.
include(${CMAKE_CURRENT_LIST_DIR}/compare.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/release.cmake)
if(NOT ABIDIFF)
  message(FATAL_ERROR "no baseline without abidw and abidiff")
endif()
timmy_extract_release(${WORK}/release)
if(NOT EXISTS ${WORK}/release)
  message(FATAL_ERROR "no baseline without the release that it is of")
endif()
set(headers ${WORK}/release/sdk/include)
if(EXISTS ${BASELINE})
  timmy_abi_report(${BASELINE} ${headers} report)
  timmy_abi_break("${report}" break)
  if(break)
    message(FATAL_ERROR "release ${VERSION} breaks the one before:\n${break}\n\n${report}")
  endif()
endif()
timmy_compile_types(${headers} ${WORK}/types.so)
execute_process(COMMAND ${ABIDW} --no-architecture --no-corpus-path --no-comp-dir-path --no-show-locs
  --no-elf-needed --type-id-style hash --out-file ${BASELINE} ${WORK}/types.so COMMAND_ERROR_IS_FATAL ANY)
message(STATUS "${BASELINE} is release ${VERSION} now")
