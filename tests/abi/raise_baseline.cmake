# SPDX-License-Identifier: Apache-2.0
#
# Writes BASELINE anew: the types of timmy/abi.h as the release VERSION had them.
include(${CMAKE_CURRENT_LIST_DIR}/compare.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/release.cmake)
if(NOT ABIDIFF)
  message(FATAL_ERROR "no baseline without abidw and abidiff")
endif()
timmy_extract_release(${WORK}/release)
if(NOT EXISTS ${WORK}/release)
  message(FATAL_ERROR "no baseline without the release that it is of")
endif()
timmy_compile_types(${WORK}/release/sdk/include ${WORK}/types.so)
execute_process(COMMAND ${ABIDW} --no-architecture --no-corpus-path --no-comp-dir-path --no-show-locs
  --no-elf-needed --out-file ${BASELINE} ${WORK}/types.so COMMAND_ERROR_IS_FATAL ANY)
message(STATUS "${BASELINE} is release ${VERSION} now")
