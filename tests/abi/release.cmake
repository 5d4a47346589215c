# SPDX-License-Identifier: Apache-2.0
#
# timmy_extract_release(folder) puts the SDK of release VERSION, as it was at COMMIT of the repository
# ROOT, into folder/sdk.
# Where the clone does not reach back so far, says "skipped" and leaves no folder.
function(timmy_extract_release folder)
  file(REMOVE_RECURSE ${folder})
  execute_process(COMMAND ${GIT} -C ${ROOT} cat-file -e ${COMMIT}^{commit}
    RESULT_VARIABLE status OUTPUT_QUIET ERROR_QUIET)
  if(NOT status EQUAL 0)
    message("skipped: release ${VERSION}, commit ${COMMIT}, is not in this clone")
    return()
  endif()
  file(MAKE_DIRECTORY ${folder})
  execute_process(COMMAND ${GIT} -C ${ROOT} archive --output=${folder}/sdk.tar ${COMMIT} sdk
    COMMAND_ERROR_IS_FATAL ANY)
  file(ARCHIVE_EXTRACT INPUT ${folder}/sdk.tar DESTINATION ${folder})
endfunction()
