# SPDX-License-Identifier: Apache-2.0
#
# What the timmy/abi.h of a folder of headers changes over a baseline, in abidiff's eyes. Needs
# ABIDIFF, C_COMPILER and WORK. Stops the script with "skipped" where there is no abidiff.
if(NOT ABIDIFF)
  message("skipped: there is no abidiff here; Debian has it in abigail-tools")
  return()
endif()

# Compiles the types that `headers` declare into the library `out`.
function(timmy_compile_types headers out)
  execute_process(COMMAND ${C_COMPILER} -std=c11 -g -O0 -fPIC -shared -I${headers} -o ${out}
    released_types.c WORKING_DIRECTORY ${CMAKE_CURRENT_FUNCTION_LIST_DIR}
    ERROR_VARIABLE errors RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${headers} do not compile:\n${errors}")
  endif()
endfunction()

# Sets `out` to abidiff's report, empty where nothing differs.
function(timmy_abi_report baseline headers out)
  file(MAKE_DIRECTORY ${WORK})
  timmy_compile_types(${headers} ${WORK}/types.so)
  execute_process(COMMAND ${ABIDIFF} --no-architecture --leaf-changes-only --harmless --redundant
    --show-bytes --show-dec --no-show-locs ${baseline} ${WORK}/types.so
    OUTPUT_VARIABLE report ERROR_VARIABLE errors RESULT_VARIABLE status)
  # Bits: 1 error, 2 usage, 4 something differs, 8 surely for the worse.
  if(NOT status MATCHES "^(0|4|12)$")
    message(FATAL_ERROR "${ABIDIFF} ended with ${status}:\n${report}${errors}")
  endif()
  if(status EQUAL 0)
    set(report "")
  endif()
  set(${out} "${report}" PARENT_SCOPE)
endfunction()

# Sets `out` to the first line of a report that says more than that a struct got fields at its end,
# which are there from the size on that was released, or that a value was added; else to nothing.
# Whatever isn't known to be harmless is a break. abidiff's suppressions can't say this: they would
# let a struct's other changes pass as well.
function(timmy_abi_break report out)
  set(released 0)
  string(REGEX REPLACE "[][;]" "" report "${report}")
  string(REPLACE "\n" ";" lines "${report}")
  foreach(line IN LISTS lines)
    if(line MATCHES "^  type size changed from ([0-9]+) to [0-9]+ \\(in bytes\\)$")
      set(released ${CMAKE_MATCH_1})
    elseif(line MATCHES "^    '.*', at offset ([0-9]+) \\(in bytes\\)"
           AND CMAKE_MATCH_1 GREATER_EQUAL released AND released GREATER 0)
      continue()
    elseif(line MATCHES "^'struct timmy_(plugin|host|run|reply)' changed:$")
      set(released 0)
    elseif(NOT line MATCHES
           "^$|^(Leaf changes|Changed leaf types) summary: |^  [0-9]+ data member insertions?:$|^Removed/Changed/Added (functions|variables) summary: 0 Removed, 0 Changed, |^[0-9]+ Added variables?:$|^  A 'const char timmy_value_of_")
      set(${out} "${line}" PARENT_SCOPE)
      return()
    endif()
  endforeach()
  set(${out} "" PARENT_SCOPE)
endfunction()
