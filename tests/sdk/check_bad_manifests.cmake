# SPDX-License-Identifier: Apache-2.0
#
# Configures CASES with each bad manifest, and fails unless the refusal names the file and the fault.
function(refuses manifest expected)
  execute_process(COMMAND ${CMAKE_COMMAND} -S ${CASES} -B ${WORK}/${manifest} -DSDK=${SDK}
    -DCMAKE_C_COMPILER=${C_COMPILER} -DMANIFEST=${CASES}/${manifest}
    OUTPUT_VARIABLE text ERROR_VARIABLE errors RESULT_VARIABLE status)
  if(status EQUAL 0)
    message(FATAL_ERROR "${manifest} was taken, expected: ${expected}")
  endif()
  string(REGEX REPLACE "[ \n]+" " " errors "${errors}")
  if(NOT errors MATCHES "${manifest}: ${expected}")
    message(FATAL_ERROR "${manifest}: expected \"${expected}\", got: ${errors}")
  endif()
endfunction()

file(REMOVE_RECURSE ${WORK})
refuses(comment.json "not JSON: .*Line 2")
refuses(list.json "expected a JSON object, got ARRAY")
refuses(no_tasks.json "lacks \"tasks\"")
refuses(empty_tasks.json "\"tasks\" is not a list of at least one task")
refuses(future_abi.json "\"abi\": {\"minimum\": 9} is not a minor of ABI 1.[0-9]")
refuses(absent.json "no such file")
