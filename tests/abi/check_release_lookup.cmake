# SPDX-License-Identifier: Apache-2.0
#
# A release's commit may be missing in a shallow clone and outside of a clone, and nowhere else.
if(NOT GIT)
  message("skipped: there is no git here")
  return()
endif()
file(REMOVE_RECURSE ${WORK})
file(MAKE_DIRECTORY ${WORK}/whole/sdk ${WORK}/none)

function(git)
  execute_process(COMMAND ${GIT} -c user.name=nobody -c user.email=nobody@localhost
    -c commit.gpgsign=false ${ARGN} OUTPUT_QUIET ERROR_QUIET COMMAND_ERROR_IS_FATAL ANY)
endfunction()
git(init ${WORK}/whole)
foreach(release first second)
  file(WRITE ${WORK}/whole/sdk/release ${release})
  git(-C ${WORK}/whole add sdk)
  git(-C ${WORK}/whole commit -m ${release})
endforeach()
git(clone --depth 1 file://${WORK}/whole ${WORK}/shallow)
execute_process(COMMAND ${GIT} -C ${WORK}/whole rev-parse HEAD~1 OUTPUT_VARIABLE first
  OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)

file(WRITE ${WORK}/extract.cmake "include(${CMAKE_CURRENT_LIST_DIR}/release.cmake)
timmy_extract_release(\${RELEASE})")
# looked_for(CLONE COMMIT STATUS SAYS): STATUS is a pattern, SAYS what is printed.
function(looked_for clone commit expected says)
  execute_process(COMMAND ${CMAKE_COMMAND} -DGIT=${GIT} -DROOT=${WORK}/${clone} -DVERSION=1.0
    -DCOMMIT=${commit} -DRELEASE=${WORK}/${clone}_release -P ${WORK}/extract.cmake
    RESULT_VARIABLE status OUTPUT_VARIABLE text ERROR_VARIABLE text)
  if(NOT status MATCHES "^(${expected})$" OR NOT text MATCHES "${says}")
    message(SEND_ERROR "${commit} in the clone \"${clone}\": ended with ${status} and said\n${text}")
  endif()
endfunction()
looked_for(whole ${first} 0 "^$")
file(READ ${WORK}/whole_release/sdk/release content)
if(NOT content MATCHES "^first$")
  message(SEND_ERROR "extracted \"${content}\"")
endif()
looked_for(whole 0123456789012345678901234567890123456789 "[1-9].*" "is not in this *clone, which is a")
looked_for(shallow ${first} 0 "skipped: release 1.0, commit ${first}, is not in this shallow clone")
looked_for(none ${first} 0 "skipped: .* is no clone")
