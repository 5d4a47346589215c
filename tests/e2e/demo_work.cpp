// SPDX-License-Identifier: Apache-2.0
#include "e2e/demo_work.hpp"

#include "base/file.hpp"
#include "forge/sample.hpp"

namespace host::e2e {
namespace {

constexpr const char* kPlaybook = R"(name: typo-fixer
description: Mends a word, once triage has labelled the issue.
lane: demo
matching:
  labels: { all: [documentation] }
  title: "(?i)typo"
limits: { attempts: 2, tokens: 10000, wall: 1m, stall: 20s }
gates:
  commands: [{ name: verify, run: [.timmy/verify], timeout: 30s }]
  diff: { files: 1, lines: 4 }
  tests: [{ command: verify, pattern: "[1-9][0-9]* passed" }]
prompt: |
  Mend what issue {{issue.number}} is about, and commit it.

  {{issue.body}}
)";

// Where an agent with a model would think.
constexpr const char* kAgent = R"(#!/bin/sh
set -e
echo "looking for the word"
sed -i s/recieve/receive/ README.md
git commit --quiet --all --message 'Spell receive'
echo 'The readme spells it "receive" now.' > "$TIMMY_REPORT_FILE"
)";

}  // namespace

Json write_demo_work(const Paths& paths, const std::filesystem::path& agent) {
  make_directories(paths.playbooks(), 0700);
  make_directories(agent, 0755);
  const auto program = agent / "agent";
  write_atomically(program, kAgent, 0755);
  write_atomically(paths.playbooks() / "typo-fixer.yaml", kPlaybook, 0644);
  const Json lanes{
      {"version", 1},
      {"lanes", {{"demo", {{"agent", {{"kind", "command"}, {"program", program.string()}}}}}}}};
  write_atomically(paths.playbooks() / "agent-lanes.json", lanes.dump(2) + "\n", 0644);
  // No tokens without a budget, and no agent without tokens, whatever it does with them.
  write_atomically(paths.hermes_home / "token_budget.json", "{ \"day\": { \"tokens\": 100000 } }\n",
                   0644);
  return {{"typo-fixer", {{"enabled", true}, {"repositories", {forge::kSampleRepo}}}}};
}

}  // namespace host::e2e
