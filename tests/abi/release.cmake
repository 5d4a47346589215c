# SPDX-License-Identifier: Apache-2.0
#
# timmy_extract_release(folder parts...) puts the SDK of release VERSION, as it was at COMMIT of the
# repository ROOT, into folder/sdk, and further parts of the tree beside it.
# Where there can be no such commit, in a shallow clone or outside of one, says "skipped" and leaves no
# folder. In a whole clone it has to be there: a history that was rewritten must not switch the tests
# of its releases off.
function(timmy_extract_release folder)
  file(REMOVE_RECURSE ${folder})
  execute_process(COMMAND ${GIT} -C ${ROOT} rev-parse --is-shallow-repository --show-cdup
    RESULT_VARIABLE status OUTPUT_VARIABLE clone ERROR_QUIET)
  # "false", and no way up to some other repository that happens to be around.
  if(NOT status EQUAL 0 OR NOT clone MATCHES "^(true|false)\n\n?$")
    message("skipped: ${ROOT} is no clone, so it does not have release ${VERSION}")
    return()
  endif()
  execute_process(COMMAND ${GIT} -C ${ROOT} cat-file -e ${COMMIT}^{commit}
    RESULT_VARIABLE status OUTPUT_QUIET ERROR_QUIET)
  if(NOT status EQUAL 0 AND clone MATCHES "^true")
    message("skipped: release ${VERSION}, commit ${COMMIT}, is not in this shallow clone")
    return()
  elseif(NOT status EQUAL 0)
    message(FATAL_ERROR "release ${VERSION}, commit ${COMMIT} of tests/abi/releases.txt, is not in this "
      "clone, which is a whole one. If the history was rewritten, name the release's new commit.")
  endif()
  file(MAKE_DIRECTORY ${folder})
  execute_process(COMMAND ${GIT} -C ${ROOT} archive --output=${folder}/sdk.tar ${COMMIT} sdk ${ARGN}
    COMMAND_ERROR_IS_FATAL ANY)
  file(ARCHIVE_EXTRACT INPUT ${folder}/sdk.tar DESTINATION ${folder})
endfunction()
