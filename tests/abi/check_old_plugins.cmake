# SPDX-License-Identifier: Apache-2.0
#
# Plugins that were built by the SDK of a release, in RELEASE, run in today's WORKER.
include(${CMAKE_CURRENT_LIST_DIR}/release_build.cmake)
if(NOT EXISTS ${RELEASE})
  message("skipped: release ${VERSION} could not be built")
  return()
endif()

function(runs plugin task payload config expected)
  timmy_expect("${expected}" ${RUN_IN_WORKER} ${WORKER} ${CMAKE_CURRENT_LIST_DIR}/answers.json
    ${RELEASE}/build/${plugin}.so ${task} ${payload} ${config})
endfunction()

runs(hello hello [[{"name":"Ada"}]] [[{"greeting":"ahoy"}]]
  "info ahoy, Ada!\ncompleted {\"greeted\":\"Ada\"}")
runs(plain_c plain_c {} {} "info counted\ncompleted {\"runs\": 1}")
runs(plain_c plain_c_whoami {} {} "completed {\"id\":1,\"login\":\"timmy\"}")
runs(stale stale_repo [[{"repo":"org/app"}]] [[{"repos":["org/app"]}]]
  "completed {\"labelled\":1}")
runs(stale stale_scan {} [[{"repos":["org/app"]}]] "completed {}")
runs(veteran veteran_serve {} {} "warn a thread of key-1 says sergeant\ncompleted {\"enqueued\":12,\"login\":\"timmy\",\"served\":42,\"status\":204}")
runs(veteran veteran_retreat {} {}
  "failed busy: come back later \\(retryable, not before 1500 ms\\)")
