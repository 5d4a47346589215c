# SPDX-License-Identifier: Apache-2.0
#
# The example in C, as it is built here, in today's worker.
include(${CMAKE_CURRENT_LIST_DIR}/release_build.cmake)
set(run ${RUN_IN_WORKER} ${WORKER} ${CMAKE_CURRENT_LIST_DIR}/answers.json ${PLUGIN})
timmy_expect("info counted\ncompleted {\"runs\": 1}" ${run} plain_c)
timmy_expect("completed {\"id\":1,\"login\":\"timmy\"}" ${run} plain_c_whoami)
