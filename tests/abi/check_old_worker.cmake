# SPDX-License-Identifier: Apache-2.0
#
# Plugins that are built by today's SDK run in the worker of release VERSION, in OLD_HOST, and do without
# what it lacks.
include(${CMAKE_CURRENT_LIST_DIR}/release_build.cmake)
if(NOT EXISTS ${OLD_HOST})
  message("skipped: the worker of release ${VERSION} could not be built")
  return()
endif()
timmy_build_plugins(${ROOT}/sdk ${WORK} pioneer pioneer_c)
file(WRITE ${WORK}/no_services.json "{}")

# What a worker of that release knows of what came after 1.0.
set(batch 10)
if(VERSION VERSION_GREATER_EQUAL 1.1)
  set(batch 100)
endif()

function(runs plugin answers expected)
  timmy_expect("completed ${expected}" ${OLD_HOST}/build/bin/run_in_worker
    ${OLD_HOST}/build/bin/timmy-worker ${answers} ${WORK}/${plugin}.so ${plugin})
endfunction()
runs(pioneer ${WORK}/no_services.json
  "{\"batch\":${batch},\"greeting\":\"hello without a service\"}")
runs(pioneer ${CMAKE_CURRENT_LIST_DIR}/answers.json
  "{\"batch\":${batch},\"greeting\":\"hello from a later service\"}")
runs(pioneer_c ${WORK}/no_services.json "{\"batch\":${batch},\"greets\":false}")
