# SPDX-License-Identifier: Apache-2.0
#
# Installs all of BUILD into a prefix and works from there: the installed host says what it is, takes
# its own plugins, has no failing check, and does a round on the sample forge with the worker and the
# plugins that were installed.
function(run)
  execute_process(COMMAND ${ARGN} OUTPUT_VARIABLE text ERROR_VARIABLE errors RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${ARGN} ended with ${status}:\n${text}\n${errors}")
  endif()
  set(output "${text}" PARENT_SCOPE)
endfunction()

function(expect pattern)
  if(NOT output MATCHES "${pattern}")
    message(FATAL_ERROR "expected \"${pattern}\" in:\n${output}")
  endif()
endfunction()

set(prefix ${WORK}/prefix)
set(host ${CMAKE_COMMAND} -E env --unset=GITEA_URL TIMMY_HOME=${WORK}/t HERMES_HOME=${WORK}/h
  ${prefix}/bin/timmy-host)
file(REMOVE_RECURSE ${WORK})
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${prefix})

# Schemas for editors: of host.yaml, token_budget.json, consent, playbooks, lanes and plugins' manifests.
foreach(schema timmy-host/schemas/host timmy-host/schemas/budget timmy-host/schemas/deadman
    timmy-host/schemas/consent
    timmy-host/schemas/playbook timmy-host/schemas/lanes timmy-sdk/schemas/manifest)
  file(READ ${prefix}/share/${schema}.schema.json text)
  string(JSON title GET "${text}" title)
endforeach()

run(${host} --version)
expect("^timmy-host ${VERSION} ")
run(${host} --list-tasks --json)
foreach(task heartbeat gitea_issue_triage token_budget_enforcer deadman_switch deadman_forge
    provenance_ingest)
  expect("\"task\": \"${task}\"")
endforeach()
run(${host} plugins list)
expect("triage +[0-9.]+ +disabled[^\n]* ${prefix}/[^\n]*/triage.so")
run(${host} playbooks check)
expect("${prefix}/share/timmy-host/playbooks/bug-fixer.yaml: ok")
run(${host} --doctor --json)
expect("\"ok\": true")

run(${CMAKE_COMMAND} -E env --unset=GITEA_URL ${QUICKSTART} --once --bin ${prefix}/bin --forge ${FORGE}
  --folder ${WORK}/round)
expect("every expected label and the pull request are on the forge")
