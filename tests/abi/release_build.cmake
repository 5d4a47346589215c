# SPDX-License-Identifier: Apache-2.0
#
# timmy_build_plugins(SDK BUILD plugins...) builds plugins with an SDK, out of this tree; with HARNESS
# set, run_in_harness as well. timmy_run(out command...) runs what has to succeed.
function(timmy_run out)
  execute_process(COMMAND ${ARGN} OUTPUT_VARIABLE text ERROR_VARIABLE errors RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${ARGN} failed:\n${text}\n${errors}")
  endif()
  set(${out} "${text}" PARENT_SCOPE)
endfunction()

function(timmy_build_plugins sdk build)
  list(JOIN ARGN , plugins)
  set(launcher "")
  if(CCACHE)
    set(launcher -DCMAKE_C_COMPILER_LAUNCHER=${CCACHE} -DCMAKE_CXX_COMPILER_LAUNCHER=${CCACHE})
  endif()
  timmy_run(_ ${CMAKE_COMMAND} -S ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/plugins -B ${build} -G ${GENERATOR}
    -DSDK=${sdk} -DPLUGINS=${plugins} -DHARNESS=${HARNESS} ${launcher}
    -DCMAKE_C_COMPILER=${C_COMPILER} -DCMAKE_CXX_COMPILER=${CXX_COMPILER} --no-warn-unused-cli)
  timmy_run(_ ${CMAKE_COMMAND} --build ${build} --parallel 2)
endfunction()

# Fails unless `command` prints what matches `expected`.
function(timmy_expect expected)
  timmy_run(text ${ARGN})
  if(NOT text MATCHES "^${expected}\n$")
    message(SEND_ERROR "${ARGN}\nsaid\n${text}\nexpected\n${expected}")
  endif()
endfunction()
