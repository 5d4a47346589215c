#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The deadman on a real systemd: a container on this machine's own files, with what was built
# installed in it. The host is killed, stopped and made to crash again and again, an agent hangs, a
# person stops things, agents of a user's own systemd die, and the host's plugin looks as well as the
# timer; each time exactly the stated restarts must be in systemd's journal. In the end an agent works
# under the hardened units.
#
#   TIMMY_SYSTEMD=1 deaths.sh BUILD-FOLDER
#
# Needs root, systemd-nspawn and overlayfs; without them it says "SKIPPED: ..." and succeeds. Takes
# some ten minutes, nearly all of it waiting. docs/deadman-on-systemd.md is a run of it.
set -euo pipefail

build=$(realpath "$1")
here=$(dirname "$(realpath "$0")")
skip() { echo "SKIPPED: $*"; exit 0; }
[[ -n ${TIMMY_SYSTEMD:-} ]] || skip "takes ten minutes; ./dev faults --all runs it"
[[ $(id -u) == 0 ]] || skip "needs root to start a container"
for tool in systemd-nspawn nsenter busctl; do
  command -v "$tool" >/dev/null || skip "there is no $tool"
done
command -v pkaction >/dev/null || skip "there is no polkit"

work=$(mktemp -d /var/tmp/timmy-systemd.XXXXXX)
root=$work/root
nspawn=
finish() {
  [[ -z $nspawn ]] || { kill "$nspawn" && wait "$nspawn"; } 2>/dev/null || true
  umount "$root" "$work/layer" 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT

mkdir "$work/layer" "$root"
mount -t tmpfs tmpfs "$work/layer" || skip "no file system can be mounted here"
mkdir "$work/layer/upper" "$work/layer/work"
mount -t overlay overlay -o "lowerdir=/,upperdir=$work/layer/upper,workdir=$work/layer/work" "$root" ||
  skip "the kernel has no overlayfs"

# --- what is installed in it ----------------------------------------------------------------------

DESTDIR=$root cmake --install "$build" >/dev/null
: >"$root/etc/machine-id"
install -D -m 644 "$root"/usr/local/share/polkit-1/rules.d/50-timmy-deadman.rules \
  "$root"/etc/polkit-1/rules.d/50-timmy-deadman.rules

units=$root/etc/systemd/system
mkdir -p "$units"/{timmy-deadman.timer.d,timmy-deadman.service.d,timmy-host.service.d} "$root"/etc/timmy-host
# A look each two seconds, so that a run takes minutes, and none is refused for coming so often.
printf '[Unit]\nStartLimitIntervalSec=0\n' >"$units"/timmy-deadman.service.d/test.conf
cat >"$units"/timmy-deadman.timer.d/test.conf <<'UNIT'
[Timer]
OnCalendar=
OnCalendar=*:*:0/2
AccuracySec=100ms
UNIT
echo 'defaults: { plugins: {} }' >"$root"/etc/timmy-host/host.yaml
install -m 755 "$build/bin/timmy-forge" "$root"/usr/local/bin/
cat >"$root"/etc/timmy-host/deadman.yaml <<'YAML'
watch:
  host:
    host: true
    after: 12s
    pause: 1s
    healthy_after: 20s
    window: 10m
    restart: { unit: timmy-host.service }
  hermes:
    stamp: /var/lib/hermes-agent/stamps/hermes.stamp
    user: hermes
    after: 8s
    pause: 1s
    healthy_after: 20s
    window: 10m
    restart: { unit: hermes-agent.service }
YAML
cat >"$root"/usr/local/bin/hermes-agent <<'AGENT'
#!/bin/bash
[[ ! -e /var/lib/hermes-agent/broken ]] || exit 1
while sleep 1; do date +%s.%N >"$AGENT_STAMP.new" && mv "$AGENT_STAMP.new" "$AGENT_STAMP"; done
AGENT
chmod 755 "$root"/usr/local/bin/hermes-agent
sed 's/^Restart=.*/Restart=no/' "$root"/usr/local/share/timmy-host/examples/hermes-agent.service.example \
  >"$units"/hermes-agent.service
echo 'u hermes - "Hermes" /var/lib/hermes-agent' >"$root"/usr/lib/sysusers.d/hermes.conf

# Ada has agents and a deadman of her own, and no rights over the machine: one agent is a unit of her
# systemd, another is started anew by a command, and the command of a third one fails.
cat >"$root"/usr/local/bin/adas-agent <<'AGENT'
#!/bin/bash
[[ ! -e ~/broken ]] || exit 1
stamp=~/stamps/$1
while sleep 1; do date +%s.%N >"$stamp.new" && mv "$stamp.new" "$stamp"; done
AGENT
chmod 755 "$root"/usr/local/bin/adas-agent
adas=$root/etc/skel/.config/systemd/user
mkdir -p "$adas" "$root"/etc/skel/{.timmy,stamps} "$units"/user@.service.d
cat >"$adas"/agent@.service <<'UNIT'
[Unit]
Description=Ada's agent
[Service]
ExecStart=/usr/local/bin/adas-agent %i
UNIT
cat >"$adas"/deadman.service <<'UNIT'
[Unit]
Description=Ada's deadman
StartLimitIntervalSec=0
[Service]
Type=oneshot
ExecStart=/usr/local/bin/timmy-host deadman --once
UNIT
cat >"$adas"/deadman.timer <<'UNIT'
[Timer]
OnCalendar=*:*:0/2
AccuracySec=100ms
UNIT
watch() {
  echo "  $1: { stamp: /home/ada/stamps/$1, after: 8s, pause: 1s, healthy_after: 20s, window: 10m,"
  echo "    restart: { manager: user, $2 } }"
}
{
  echo 'watch:'
  watch moon 'command: [/usr/bin/systemctl, --user, restart, agent@moon.service]'
  watch tide 'unit: agent@tide.service'
  watch fog 'command: [/bin/sh, -c, exit 7]'
} >"$root"/etc/skel/.timmy/deadman.yaml
# As a login sets it, where there is one.
cat >"$units"/user@.service.d/test.conf <<'UNIT'
[Service]
Environment=XDG_RUNTIME_DIR=/run/user/%i
UNIT

# Nothing of this machine's own runs in it.
rm -rf "$units"/*.wants "$root"/etc/init.d/postgresql

# nspawn itself refuses what the workers' cage needs, which a machine does not.
systemd-nspawn --quiet --register=no --system-call-filter='landlock_create_ruleset landlock_add_rule landlock_restrict_self' \
  --keep-unit -M "timmy-$$" -D "$root" -b --console=pipe \
  >"$work"/boot.log 2>&1 </dev/null &
nspawn=$!

# shellcheck source=tests/systemd/words.sh
source "$here"/words.sh

for _ in $(seq 150); do
  init=$(pgrep -P "$nspawn" | head -1 || true)
  [[ -n $init ]] && ctl is-system-running 2>/dev/null | grep -Eq 'running|degraded' && break
  sleep 0.2
done
[[ -n $init ]] && ctl is-system-running 2>/dev/null | grep -Eq 'running|degraded' ||
  skip "no systemd comes up in a container here: $(tail -1 "$work"/boot.log)"
# A container shows a name of the boot of its own, but not to units that have a /proc to themselves, as
# ours do. On a machine there is one.
in_it umount /proc/sys/kernel/random/boot_id 2>/dev/null || true
echo "$(ctl --version | head -1), Linux $(uname -r)"

# --- what happens ---------------------------------------------------------------------------------

say "host, timer and agent run, and are seen alive"
ctl enable --quiet timmy-host.service timmy-deadman.timer
ctl start timmy-host.service hermes-agent.service
until_true 20 "host alive" stands host alive
until_true 20 "hermes alive" stands hermes alive

say "kill -9 of the host: systemd starts it once; the deadman has nothing to do"
mark
in_it kill -KILL "$(main_pid timmy-host)"
until_true 20 "it answers again" answers
sleep 14
expect_starts timmy-host 1
! recorded host died || fail "the deadman took a restart of systemd's for a death"

say "SIGSTOP of the host: systemd's watchdog starts it once"
drop_in WatchdogSec=4s
ctl restart timmy-host
until_true 20 "host alive" stands host alive
mark
in_it kill -STOP "$(main_pid timmy-host)"
until_true 30 "systemd saw it hang" bash -c "nsenter -t $init -a journalctl --no-pager -u timmy-host --since '$since' | grep -q 'Watchdog timeout'"
until_true 30 "it answers again" answers
expect_starts timmy-host 1
! recorded host died || fail "the deadman acted beside the watchdog"

say "SIGSTOP of a host without a watchdog: the deadman has it restarted once"
drop_in WatchdogSec=0
ctl restart timmy-host
until_true 20 "host alive" stands host alive
mark
in_it kill -STOP "$(main_pid timmy-host)"
until_true 40 "the deadman restarted it" recorded_after host restarted
until_true 30 "it answers again" answers
until_true 60 "and is well again" recorded_after host healthy
expect_starts timmy-host 1

say "a host that crashes at each start: systemd's two tries, three restarts by the deadman of two each, then hands off"
# The restart above would count.
deadman clear host
drop_in RestartSec=500ms 'ExecStart=' "ExecStart=/bin/sh -c 'kill -KILL \$\$\$\$'" '[Unit]' \
  StartLimitIntervalSec=6s StartLimitBurst=2
ctl reset-failed
mark
in_it kill -KILL "$(main_pid timmy-host)"
until_true 120 "hands off" recorded_after host handed_off
sleep 20
expect_starts timmy-host 8

say "a person mends it, starts it and clears: it is watched again"
drop_in
ctl reset-failed
ctl start timmy-host
deadman clear host
until_true 20 "host alive" stands host alive

say "a person stops the host: nobody starts it again, and the timer rests"
mark
ctl stop timmy-host
sleep 16
expect_starts timmy-host 0
! ctl is-active --quiet timmy-deadman.timer || fail "the timer goes on"
ctl start timmy-host
until_true 10 "the timer came back with it" ctl is-active --quiet timmy-deadman.timer

say "kill -9 of the agent, which systemd would leave dead: one restart"
until_true 20 "hermes alive" stands hermes alive
restarted_once KILL "the deadman"

say "SIGSTOP of the agent, which keeps its process and gives no sign: one restart"
restarted_once STOP "the deadman"

say "an agent that dies at each start: three restarts, then hands off"
# The restarts above would count.
deadman clear hermes
given_up_after_three

say "what polkit lets the deadman's user do: restart the named units, nothing else"
# So many starts in so short a time are past the agent's own limit.
ctl reset-failed
as_timmy() { in_it runuser -u timmy -- systemctl --no-ask-password "$@" >/dev/null 2>&1; }
as_timmy restart hermes-agent.service || fail "it may not restart the agent"
for refused in 'stop hermes-agent.service' 'restart systemd-journald.service' 'daemon-reload' \
  'stop timmy-host.service' 'kill hermes-agent.service'; do
  # shellcheck disable=SC2086
  ! as_timmy $refused || fail "it may: systemctl $refused"
  echo "refused: systemctl $refused"
done

! in_it runuser -u timmy -- systemd-run --no-ask-password --quiet /bin/true 2>/dev/null ||
  fail "it may have the machine's systemd run a command"
echo "refused: systemd-run"

say "the host looks, and no timer: kill -9 of the agent, one restart by the host's plugin"
# A look each two seconds, as the timer's.
cat >"$root"/etc/timmy-host/host.yaml <<'YAML'
defaults:
  plugins:
    deadman:
      enabled: true
      schedule: { deadman_switch: "every: 2s", deadman_forge: never }
      grants: { process.watch: ["*"], process.restart: [hermes] }
YAML
ctl stop timmy-deadman.timer timmy-deadman.service
ctl reload timmy-host
deadman clear hermes
until_true 20 "hermes alive" stands hermes alive
last_one_shot() { ctl show -P ExecMainStartTimestampMonotonic timmy-deadman.service; }
one_shot=$(last_one_shot)
restarted_once KILL "the host"
[[ $(last_one_shot) == "$one_shot" ]] || fail "a one-shot looked meanwhile"
in_it grep -q '/hermes-agent.service$' "/proc/$(main_pid hermes-agent)/cgroup" ||
  fail "the agent runs in another unit"

say "SIGSTOP of the agent: likewise"
restarted_once STOP "the host"
[[ $(last_one_shot) == "$one_shot" ]] || fail "a one-shot looked meanwhile"

say "host and timer look at an agent that dies at each start: three restarts in all, then hands off"
# The restarts above would count.
deadman clear hermes
ctl reset-failed
ctl start timmy-deadman.timer
until_true 10 "the timer looks, too" bash -c "[[ \$(nsenter -t $init -a systemctl show -P ExecMainStartTimestampMonotonic timmy-deadman.service) != $one_shot ]]"
given_up_after_three
# Whoever recorded it, it is in the audit once.
audited() { as_host /usr/local/bin/timmy-host audit --who deadman --limit 500 | grep -cE " deadman\.$1 +hermes " || true; }
in_history() { deadman history hermes --limit 500 | grep -cE " $1 " || true; }
for event in restarting restarted handed_off; do
  [[ $(audited $event) == "$(in_history $event)" ]] ||
    fail "$event: $(audited $event) times in the audit, $(in_history $event) in the history"
  echo "$event: $(audited $event) times, in the history as in the audit"
done

# shellcheck source=tests/systemd/hardened.sh
source "$here"/hardened.sh

say "a user's own systemd and deadman: agents run, and are seen alive"
in_it useradd --create-home ada
ada=$(in_it id -u ada)
ctl start "user@$ada.service"
adas start agent@moon agent@tide agent@fog deadman.timer
# shellcheck disable=SC2034 # of words.sh
whose=as_ada
until_true 20 "moon alive" stands moon alive
until_true 20 "tide alive" stands tide alive
until_true 20 "fog alive" stands fog alive

say "kill -9 of two: one is restarted as a unit, the other by its command, once each"
mark
for agent in moon tide; do in_it kill -KILL "$(adas show -P MainPID "agent@$agent")"; done
until_true 30 "the deadman restarted moon" recorded_after moon restarted
until_true 30 "and tide" recorded_after tide restarted
# None of it is a child of the deadman, with whose unit it would end.
for agent in moon tide; do
  in_it grep -q "/agent@$agent.service$" "/proc/$(adas show -P MainPID "agent@$agent")/cgroup" ||
    fail "$agent runs in another unit"
done
until_true 60 "moon is well again" recorded_after moon healthy
until_true 60 "and tide" recorded_after tide healthy
expect_adas_starts timmy-deadman-moon 1
expect_adas_starts agent@moon 1
expect_adas_starts agent@tide 1

say "they die at each start: three restarts each, then hands off; of one the command fails, which is recorded so"
# The restarts above would count.
deadman clear moon
deadman clear tide
mark
as_ada touch /home/ada/broken
for agent in moon tide fog; do in_it kill -KILL "$(adas show -P MainPID "agent@$agent")"; done
until_true 120 "hands off moon" recorded_after moon handed_off
until_true 30 "and tide" recorded_after tide handed_off
until_true 30 "and fog" recorded_after fog handed_off
sleep 20
expect_adas_starts timmy-deadman-moon 3
expect_adas_starts agent@moon 3
expect_adas_starts agent@tide 3
expect_adas_starts timmy-deadman-fog 3
expect_adas_starts agent@fog 0
[[ $(deadman history fog | grep -cE " restart_failed .*status 7") == 3 ]] || fail "fog: not three failures with their status"
! recorded fog restarted || fail "fog: a command that failed is taken for a restart"
deadman history fog | grep -q "3 restarts, all of which failed" || fail "fog: the hand-off does not say that all failed"
echo "fog: three failures, each with its status"

say "what Ada's deadman recorded"
deadman history
say "what the host's deadman recorded"
# shellcheck disable=SC2034 # of words.sh
whose=as_host
deadman history
echo
echo "passed"
