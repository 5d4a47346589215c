# SPDX-License-Identifier: Apache-2.0
#
# Has systemd read the units (systemd-analyze verify) and rate what they leave open (security, 0 to 10,
# without a running systemd), and looks for what neither knows.
find_program(ANALYZE systemd-analyze)
if(NOT ANALYZE)
  message(STATUS "SKIPPED: there is no systemd-analyze, so no unit was looked at")
  return()
endif()

file(REMOVE_RECURSE ${WORK})
file(MAKE_DIRECTORY ${WORK})
# Programs that are installed nowhere yet are no fault of the unit.
foreach(unit ${UNITS} ${EXAMPLE})
  get_filename_component(name ${unit} NAME)
  string(REPLACE .example "" name ${name})
  file(READ ${unit} text)
  string(REPLACE ${BIN}/timmy-host /bin/true text "${text}")
  string(REPLACE ${LIBEXEC}/timmy-host/timmy-runner /bin/true text "${text}")
  string(REPLACE /usr/local/bin/hermes-agent /bin/true text "${text}")
  file(WRITE ${WORK}/${name} "${text}")
  list(APPEND copies ${WORK}/${name})
endforeach()

execute_process(COMMAND ${ANALYZE} verify --man=no ${copies}
  RESULT_VARIABLE status OUTPUT_VARIABLE out ERROR_VARIABLE out)
# It also tells about other units of this machine.
string(REGEX MATCHALL "[^\n]*(timmy-|hermes-agent)[^\n]*" complaints "${out}")
if(NOT status EQUAL 0 OR complaints)
  message(FATAL_ERROR "systemd-analyze verify (${status}): ${out}")
endif()

# Agents need more than host and deadman; docs/runs.md says what, and how much that comes to.
set(most_timmy-host 15)
set(most_timmy-deadman 15)
set(most_timmy-runner 35)
foreach(name timmy-host timmy-deadman timmy-runner)
  execute_process(COMMAND ${ANALYZE} security --offline=yes --threshold=${most_${name}} --no-pager
    ${WORK}/${name}.service RESULT_VARIABLE status OUTPUT_VARIABLE out ERROR_VARIABLE out)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR
      "${name}.service leaves more open than ${most_${name}} tenths (${status}): ${out}")
  endif()
  string(REGEX MATCH "Overall exposure level[^\n]*" level "${out}")
  message(STATUS "${level}")
endforeach()

function(expect name pattern why)
  file(READ ${WORK}/${name} text)
  if(NOT text MATCHES "\n${pattern}")
    message(FATAL_ERROR "${name} has no \"${pattern}\": ${why}")
  endif()
endfunction()
function(forbid name pattern why)
  file(READ ${WORK}/${name} text)
  if(text MATCHES "\n${pattern}")
    message(FATAL_ERROR "${name} has \"${pattern}\": ${why}")
  endif()
endfunction()
expect(timmy-host.service "OOMPolicy=continue" "one worker that is killed would stop the host")
expect(timmy-host.service "WatchdogSec=" "nobody would see a hang")
expect(timmy-host.service "SystemCallFilter=[^\n]*landlock_restrict_self[^\n]* seccomp"
  "the workers could not be caged")
foreach(name timmy-host timmy-deadman)
  forbid(${name}.service "ProcSubset=pid" "it hides the name of the boot")
  forbid(${name}.service "PrivateUsers=yes" "it hides whose a stamp is")
  expect(${name}.service "ProtectHome=read-only" "host and one-shot would not see the same stamps")
endforeach()
# A look that hangs at each stamp there may be has a thread each; beside them run an alert or systemctl.
file(READ ${CMAKE_CURRENT_LIST_DIR}/../host/deadman/settings.cpp text)
if(NOT text MATCHES "kMostWatches = ([0-9]+);")
  message(FATAL_ERROR "host/deadman/settings.cpp does not say how many watches there may be")
endif()
math(EXPR least "${CMAKE_MATCH_1} + 50")
foreach(name timmy-host timmy-deadman)
  file(READ ${WORK}/${name}.service text)
  if(NOT text MATCHES "\nTasksMax=([0-9]+)\n" OR CMAKE_MATCH_1 LESS least)
    message(FATAL_ERROR "${name}.service leaves less than ${least} tasks: looks at stamps that hang "
      "would keep it from restarting and telling")
  endif()
  # A limit of memory would end the deadman, or a host with its workers, where OOMPolicy= can't help.
  forbid(${name}.service "MemoryMax=" "it would end the whole unit for one that grows")
endforeach()
forbid(timmy-deadman.service "PrivateUsers=" "it hides whose a stamp is")
forbid(timmy-deadman.service "RuntimeDirectory=" "the host's socket would go with each look")
forbid(timmy-deadman.service "SuccessExitStatus=" "nobody would see that it no longer looks")
expect(timmy-deadman.service "ReadWritePaths=-/run/timmy-host"
  "it could not mark that somebody was told of a full disk")
expect(timmy-host.service "RuntimeDirectoryPreserve=yes"
  "the deadman's mark would go with a host that dies")
expect(timmy-host.service "StartLimitIntervalSec=5min"
  "systemd would still refuse starts when the host is dead for the deadman, after 10 minutes")
expect(timmy-deadman.timer "WantedBy=timmy-host.service"
  "a host that was disabled would be started again after a boot")
expect(timmy-deadman.timer "PartOf=timmy-host.service"
  "a host that a person stops would be started again")
expect(timmy-runner.service "Delegate=memory pids" "no run would have a cgroup")
expect(timmy-runner.service "KillMode=mixed" "runs would be ended without a word of it")
expect(timmy-runner.service "OOMPolicy=continue" "one run's memory would end all others")
foreach(line RestrictNamespaces= ProtectControlGroups=yes ProtectKernelTunables=yes ProtectKernelLogs=yes
    ProtectProc= ProcSubset= MemoryDenyWriteExecute=yes)
  forbid(timmy-runner.service ${line} "runs could not be caged, or agents not work")
endforeach()
expect(timmy-runner.socket "SocketMode=0600" "others could have agents started")
