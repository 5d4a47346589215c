# SPDX-License-Identifier: Apache-2.0
#
# Takes every block of YAML out of the documents and fails unless `--check-config` is content with it:
# status 0, and no warning but that a host has no entry of its own. A block that begins with
# `plugins:` is a part of `defaults`.
set(pages README.md)
file(GLOB more RELATIVE ${ROOT} ${ROOT}/docs/*.md ${ROOT}/plugins/*/README.md ${ROOT}/sdk/*.md)
list(APPEND pages ${more})
file(MAKE_DIRECTORY ${WORK})
set(checked 0)

function(check page number block)
  if(block MATCHES "^plugins:")
    string(REPLACE "\n" "\n  " block "defaults:\n${block}")
  endif()
  set(file ${WORK}/host.yaml)
  file(WRITE ${file} "${block}")
  execute_process(
    COMMAND ${CMAKE_COMMAND} -E env --unset=GITEA_URL TIMMY_HOME=${WORK} HERMES_HOME=${WORK}
      ${HOST} --check-config --config ${file} --host somewhere --plugin-dir ${PLUGINS}
    RESULT_VARIABLE status OUTPUT_VARIABLE out ERROR_VARIABLE err)
  string(REGEX REPLACE "warning: [^\n]*has no entry under `hosts` and runs the defaults\n" "" rest
    "${out}")
  if(NOT status EQUAL 0 OR rest MATCHES "warning:" OR NOT err STREQUAL "")
    message(FATAL_ERROR "${page}, block ${number} of YAML is refused (${status}):\n${out}${err}\n${block}")
  endif()
endfunction()

foreach(page ${pages})
  file(READ ${ROOT}/${page} text)
  set(number 0)
  string(FIND "${text}" "```yaml\n" at)
  while(NOT at EQUAL -1)
    math(EXPR at "${at} + 8")
    string(SUBSTRING "${text}" ${at} -1 text)
    string(FIND "${text}" "```" end)
    string(SUBSTRING "${text}" 0 ${end} block)
    math(EXPR number "${number} + 1")
    math(EXPR checked "${checked} + 1")
    check(${page} ${number} "${block}")
    string(SUBSTRING "${text}" ${end} -1 text)
    string(FIND "${text}" "```yaml\n" at)
  endwhile()
endforeach()
if(checked LESS 4)
  message(FATAL_ERROR "only ${checked} blocks of YAML were found")
endif()
message(STATUS "${checked} examples of host.yaml are right")
