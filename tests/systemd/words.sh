# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What deaths.sh says and asks of its container. Sourced by it.
# shellcheck disable=SC2034,SC2154

init=
since=
in_it() { nsenter -t "$init" -a "$@"; }
ctl() { in_it systemctl "$@"; }
as_host() { in_it env TIMMY_SYSTEM=1 HERMES_HOME=/var/lib/hermes "$@"; }
as_ada() {
  in_it runuser -u ada -- env -i HOME=/home/ada PATH=/usr/bin:/bin "XDG_RUNTIME_DIR=/run/user/$ada" "$@"
}
adas() { as_ada systemctl --user "$@"; }
whose=as_host
deadman() { "$whose" /usr/local/bin/timmy-host deadman "$@"; }
main_pid() { ctl show -P MainPID "$1"; }
say() { printf '\n== %s\n' "$*"; }
fail() {
  echo "FAILED: $*"
  deadman status || true
  deadman history || true
  in_it journalctl --no-pager -o short-monotonic -n 60 || true
  exit 1
}
# until_true SECONDS WHAT COMMAND...
until_true() {
  local limit=$1 what=$2 start=$SECONDS
  shift 2
  until "$@" >/dev/null 2>&1; do
    ((SECONDS - start < limit)) || fail "$what: not within $limit s"
    sleep 0.2
  done
  echo "$what (after $((SECONDS - start)) s)"
}
# How often systemd began to start a unit since the mark was set: UNIT [PATTERN]. A unit of
# Type=notify is "Starting" first, one of Type=simple "Started" at once.
mark() {
  since=$(in_it date +'%Y-%m-%d %H:%M:%S.%6N')
  before=$(count_records)
}
starts() {
  in_it journalctl --no-pager -o cat -u "$1" --since "$since" _PID=1 |
    grep -cE "^(Starting timmy-host|Started hermes-agent)" || true
}
expect_starts() {
  local seen
  seen=$(starts "$1")
  [[ $seen == "$2" ]] || fail "$1 was started $seen times, not $2"
  echo "$1: started $seen times"
}
# The same of a unit of Ada's systemd, in whose words each is "Started".
expect_adas_starts() {
  local seen
  seen=$(in_it journalctl --no-pager -o cat --since "$since" "USER_UNIT=$1.service" |
    grep -c "^Started $1" || true)
  [[ $seen == "$2" ]] || fail "$1 was started $seen times, not $2"
  echo "$1: started $seen times"
}
# The agent gets SIGNAL, and WHO restarts it, once.
restarted_once() {
  mark
  in_it kill "-$1" "$(main_pid hermes-agent)"
  until_true 30 "$2 restarted it" recorded_after hermes restarted
  until_true 60 "and it is well again" recorded_after hermes healthy
  expect_starts hermes-agent 1
}
# It dies, and again at each start.
given_up_after_three() {
  mark
  touch "$root"/var/lib/hermes-agent/broken
  in_it kill -KILL "$(main_pid hermes-agent)"
  until_true 120 "hands off" recorded_after hermes handed_off
  sleep 20
  expect_starts hermes-agent 3
  rm "$root"/var/lib/hermes-agent/broken
}
recorded() { deadman history "$1" | grep -qE " $2 "; }
# The same, since the mark: by how many there were, for records' times are whole seconds.
count_records() { deadman history --limit 500 | tail -n +2 | wc -l; }
recorded_after() {
  deadman history --limit 500 | tail -n +2 | head -n "$(($(count_records) - before))" |
    grep -qE " $1 +$2 "
}
stands() { deadman status | grep -qE "^$1 +$2 "; }
answers() { in_it env TIMMY_SYSTEM=1 /usr/local/bin/timmy-host status; }
# A change of the host's unit: LINE... in [Service], or as they name their section.
drop_in() {
  printf '%s\n' '[Service]' "$@" >"$units"/timmy-host.service.d/test.conf
  ctl daemon-reload
}
