# SPDX-License-Identifier: Apache-2.0
#
# The example in Rust, built with cargo and nothing from a network: one symbol, a manifest that
# survives strip, and in today's worker the results and failures that it should have.
include(${CMAKE_CURRENT_LIST_DIR}/release_build.cmake)
execute_process(COMMAND ${CARGO} --version RESULT_VARIABLE status OUTPUT_QUIET ERROR_QUIET)
if(NOT status EQUAL 0)
  message("skipped: there is no cargo here that works")
  return()
endif()

file(REMOVE_RECURSE ${WORK})
file(COPY ${ROOT}/sdk/examples/rust DESTINATION ${WORK} PATTERN target EXCLUDE)
timmy_run(_ ${CARGO} build --release --offline --locked --manifest-path ${WORK}/rust/Cargo.toml
  --target-dir ${WORK}/target)
set(plugin ${WORK}/target/release/librecall.so)

timmy_run(_ ${CMAKE_COMMAND} -DPLUGIN=${plugin} -DID=recall -DABI=1.0 -DREADELF=${READELF}
  -DSTRIP=${STRIP} -DOBJCOPY=${OBJCOPY} -DWORK=${WORK}/shape
  -P ${CMAKE_CURRENT_LIST_DIR}/../sdk/check_shape.cmake)

set(run ${RUN_IN_WORKER} ${WORKER} ${CMAKE_CURRENT_LIST_DIR}/answers.json ${plugin})
timmy_expect("info remembered this job\ncompleted {\"before\":{\"value\":41}}" ${run} recall)
timmy_expect(".*failed panic: nobody expected this \\(retryable\\)" ${run} recall_panic)
timmy_expect("failed unknown_task: other \\(permanent\\)" ${run} other)

# What a service refuses is the job's own failure.
file(WRITE ${WORK}/nothing.json "{}")
timmy_expect("failed unsupported: .*state/1.get \\(permanent\\)"
  ${RUN_IN_WORKER} ${WORKER} ${WORK}/nothing.json ${plugin} recall)
