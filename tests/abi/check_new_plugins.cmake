# SPDX-License-Identifier: Apache-2.0
#
# Plugins that are built by today's SDK use what came after a release where they find it, in today's
# WORKER, and do without under the harness of that release, in RELEASE.
include(${CMAKE_CURRENT_LIST_DIR}/release_build.cmake)
if(NOT EXISTS ${RELEASE})
  message("skipped: release ${VERSION} could not be built")
  return()
endif()
timmy_build_plugins(${ROOT}/sdk ${WORK} pioneer pioneer_c)

# What a host of that release knows of what came after 1.0.
set(batch 10)
if(VERSION VERSION_GREATER_EQUAL 1.1)
  set(batch 100)
endif()

function(runs plugin on_new on_old)
  timmy_expect("completed ${on_new}" ${RUN_IN_WORKER} ${WORKER}
    ${CMAKE_CURRENT_LIST_DIR}/answers.json ${WORK}/${plugin}.so ${plugin})
  timmy_expect("completed ${on_old}" ${RELEASE}/build/run_in_harness ${WORK}/${plugin}.so ${plugin})
endfunction()

runs(pioneer "{\"batch\":100,\"greeting\":\"hello from a later service\"}"
  "{\"batch\":${batch},\"greeting\":\"hello without a service\"}")
runs(pioneer_c "{\"batch\":100,\"greets\":true}" "{\"batch\":${batch},\"greets\":false}")
