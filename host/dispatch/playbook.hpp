// SPDX-License-Identifier: Apache-2.0
//
// A playbook: which work an agent takes, what it is told, what it may use, and what its work must
// pass. Its form is dispatch/playbook.schema.json; what each key means is docs/playbooks.md.
#pragma once

#include <re2/re2.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "config/document.hpp"
#include "dispatch/playbook_agent.hpp"
#include "dispatch/template.hpp"

namespace host::dispatch {

// Which items a playbook takes: open ones that fit all of this.
struct Matching {
  bool issues = true;
  bool pulls = false;
  std::vector<std::string> repositories;  // globs of owner/name; host.yaml's count instead
  std::vector<std::string> all_labels;    // exact names
  std::vector<std::string> any_label;     // empty: no matter
  std::vector<std::string> no_label;
  std::vector<std::string> authors;    // logins; "*": anybody; empty: no matter, a label decides
  std::vector<std::string> assignees;  // besides nobody and the host's own user; "*": anybody
  std::shared_ptr<const RE2> title;    // somewhere in it; null: no matter
};

// A program that is run in the clone. No shell reads it.
struct Step {
  std::string name;  // of a gate; empty: of the setup
  std::vector<std::string> run;
  Duration timeout{};
};

struct WorkspaceSettings {
  // A branch; empty: the repository's default. What the work goes to is branch_of(item) of
  // workspaces/git_name.hpp, whatever the playbook.
  std::string base;
  std::vector<Step> setup;
};

enum class Network { meter_only, open };

// What a run may use.
struct RunLimits {
  Duration wall{};           // of an attempt
  Duration stall{};          // without output and without a model's answer
  std::int64_t tokens = 0;   // of all attempts together
  int attempts = 0;          // the first included
  std::uint64_t memory = 0;  // bytes, of all processes
  int processes = 0;         // and threads
  std::uint64_t disk = 0;    // bytes, of clone and scratch
};

// What a change may be, against the base.
struct DiffRules {
  int files = 0;
  int lines = 0;
  std::vector<std::string> denied;  // patterns: those of the playbook and those that it left locked

  // The pattern that denies this path, "src/main.c" as git names it; empty: none.
  [[nodiscard]] std::string denying(std::string_view path) const;
  // The pattern that denies what a link or submodule at this path would bring; empty: none.
  [[nodiscard]] std::string denying_below(std::string_view path) const;
};

// Says that tests have run: a pattern in a gate's output or in a file.
struct TestProof {
  std::string command;  // name of a gate; empty: `file` is meant
  std::string file;     // from the top of the clone
  std::shared_ptr<const RE2> pattern;
};

struct GateSettings {
  std::vector<Step> commands;
  DiffRules diff;
  bool secrets = true;              // what looks like a credential is refused
  std::vector<std::string> banned;  // texts, whatever their case
  bool clean_merge = true;
  std::vector<TestProof> tests;
};

enum class ReportKind { pull_request, comment };

struct ReportSettings {
  ReportKind kind = ReportKind::pull_request;
  Template title;  // of a pull request
  Template body;
  std::vector<std::string> labels;     // of the pull request; with a comment: of the item
  std::vector<std::string> reviewers;  // logins
  bool merge = false;                  // when it is approved and its checks are green
};

// A plain value; copies share what is large. Any thread.
struct Playbook {
  std::string name;
  std::string description;
  int priority = 100;  // lower first
  Matching matching;
  std::string lane;
  WorkspaceSettings workspace;
  AgentSettings agent;  // over the lane's
  Network network = Network::meter_only;
  RunLimits limits;
  GateSettings gates;
  ReportSettings report;
  Template prompt;

  Json settings;      // the file, its defaults filled in
  Document document;  // where each key of the file stands
};

// Throws ConfigError with every problem, each with its place. `file` is the name for positions; its
// last part must be the playbook's name and ".yaml".
[[nodiscard]] Playbook parse_playbook(std::string_view text, const std::string& file);

// The published schema of a playbook, as text.
[[nodiscard]] std::string_view playbook_schema_text();

// What the playbook's gates will check, in words, a line each: {{gates.rules}}.
[[nodiscard]] std::vector<std::string> gate_rules(const Playbook& playbook);

}  // namespace host::dispatch
