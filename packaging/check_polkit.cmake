# SPDX-License-Identifier: Apache-2.0
if(NOT NODE)
  message(STATUS "SKIPPED: there is no node, so the polkit rule was not run")
  return()
endif()
execute_process(COMMAND ${NODE} ${ROOT}/rules_test.js ${ROOT}/50-timmy-deadman.rules
  RESULT_VARIABLE status ERROR_VARIABLE out)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${out}")
endif()
