# SPDX-License-Identifier: Apache-2.0
#
# `plugins new`, as a contributor: makes a project in each language, builds it against an installed
# SDK with CXX_COMPILER and C_COMPILER, tests it, and has it checked.
function(run)
  execute_process(COMMAND ${ARGN} WORKING_DIRECTORY ${WORK} OUTPUT_VARIABLE text
    ERROR_VARIABLE errors RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${ARGN} failed:\n${text}\n${errors}")
  endif()
  set(output "${text}" PARENT_SCOPE)
endfunction()

file(REMOVE_RECURSE ${WORK})
file(MAKE_DIRECTORY ${WORK})
run(${CMAKE_COMMAND} --install ${BUILD} --component sdk --prefix ${WORK}/prefix)
foreach(language c++ c)
  string(REPLACE "+" "x" name "made-in-${language}")
  set(build ${WORK}/${name}/build)
  run(${HOST} plugins new ${name} --lang ${language})
  run(${CMAKE_COMMAND} -S ${name} -B ${build} -DCMAKE_BUILD_TYPE=Release
    -DCMAKE_CXX_COMPILER=${CXX_COMPILER} -DCMAKE_C_COMPILER=${C_COMPILER}
    -DCMAKE_PREFIX_PATH=${WORK}/prefix
    "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Wpedantic -Werror"
    "-DCMAKE_C_FLAGS=-Wall -Wextra -Wpedantic -Werror" --no-warn-unused-cli)
  run(${CMAKE_COMMAND} --build ${build})
  run(${CMAKE_CTEST_COMMAND} --test-dir ${build} --output-on-failure)
  run(${HOST} plugins check ${build}/${name}.so --json)
  string(JSON passed GET "${output}" passed)
  if(NOT passed OR output MATCHES "\"result\": \"(warn|fail|crash)\"")
    message(FATAL_ERROR "${name}, built by ${CXX_COMPILER}:\n${output}")
  endif()
  string(REPLACE "-" "_" task ${name})
  run(${HOST} plugins run ${build}/${name}.so ${task} --json)
  string(JSON verdict GET "${output}" verdict)
  if(NOT verdict STREQUAL "completed")
    message(FATAL_ERROR "${name} ran with the verdict ${verdict}:\n${output}")
  endif()
endforeach()
