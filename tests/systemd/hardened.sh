# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What the hardened units leave to a look, to workers and to runs. Sourced by deaths.sh.
# shellcheck disable=SC2154

say "under the hardened units a look may leave its files behind, and make no name space"
case $(uname -m) in
  x86_64) unshare=272 ;;
  aarch64) unshare=97 ;;
  *) fail "the number of unshare(2) is not known here" ;;
esac
for unit in timmy-host timmy-deadman; do
  mkdir -p "$units/$unit.service.d"
  # CLONE_FILES, CLONE_NEWUSER.
  printf '[Service]\nExecStartPre=%s\nExecStartPre=%s\n' \
    "/usr/bin/perl -e 'exit(syscall($unshare, 0x400) != 0)'" \
    "/usr/bin/perl -e 'exit(syscall($unshare, 0x10000000) == 0)'" >"$units/$unit.service.d/unshare.conf"
done
ctl daemon-reload
for unit in timmy-host timmy-deadman; do
  ctl restart "$unit" || fail "$unit does not start so"
  echo "$unit: so it is"
  rm "$units/$unit.service.d/unshare.conf"
done
ctl daemon-reload

say "under the hardened units an agent works, and the host's gates judge it"
in_it systemd-run --quiet --unit=forge /usr/local/bin/timmy-forge --seed --quiet --port 3456 \
  --token-file /var/lib/hermes/gitea_token --git /srv/git
until_true 10 "a forge runs" in_it chown timmy: /var/lib/hermes/gitea_token
cat >"$root"/usr/local/bin/demo-agent <<'AGENT'
#!/bin/sh
set -e
sed -i s/recieve/receive/ README.md
git commit --quiet --all --message 'Spell receive'
AGENT
chmod 755 "$root"/usr/local/bin/demo-agent
echo '{ "day": { "tokens": 100000 } }' >"$root"/var/lib/hermes/token_budget.json
mkdir -p "$root"/etc/timmy-host/playbooks
cat >"$root"/etc/timmy-host/playbooks/agent-lanes.json <<'JSON'
{ "version": 1, "lanes": { "demo": { "agent": { "kind": "command", "program": "/usr/local/bin/demo-agent" } } } }
JSON
cat >"$root"/etc/timmy-host/playbooks/typo-fixer.yaml <<'YAML'
name: typo-fixer
description: Mends a word.
lane: demo
matching: { title: "(?i)typo", authors: ["*"] }
limits: { attempts: 1, tokens: 10000, wall: 1m, stall: 20s }
gates:
  commands: [{ name: verify, run: [.timmy/verify], timeout: 30s }]
  tests: [{ command: verify, pattern: "[1-9][0-9]* passed" }]
prompt: Mend what issue {{issue.number}} is about, and commit it.
YAML
cat >"$root"/etc/timmy-host/host.yaml <<'YAML'
defaults:
  gitea: { url: "http://127.0.0.1:3456" }
  playbooks: { typo-fixer: { enabled: true, repositories: ["demo/*"] } }
YAML
ctl start timmy-runner.socket
ctl restart timmy-host
items() { as_host /usr/local/bin/timmy-host playbooks runs; }
item_is() { items | grep -qE " $1( |$)"; }
ended() { items | grep -qE ' (done|declined|failed|stopped)( |$)'; }
until_true 90 "the item has ended" ended
item_is "done" || { items; fail "its work is not done"; }
items
ctl is-active --quiet timmy-runner.service || fail "the agent ran beside timmy-runner"
as_host /usr/local/bin/timmy-host status | tee "$work"/status | grep '^!' || true
! grep -E 'no agent can be started|caged without.*(capabilities|seccomp)' "$work"/status ||
  fail "the hardened units are in the cage's way"
