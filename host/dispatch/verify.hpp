// SPDX-License-Identifier: Apache-2.0
//
// The gate `verify`: what the host finds out about work that was imported. Each check is a function
// of facts to a Check; the facts come from the mirror, which no agent can write, and from commands
// that the host runs itself, on a tree of its own. Nothing that an agent says is looked at.
//
// A check that fails is the work's fault, and goes back to the agent. What is the host's (no cage,
// a mirror that is damaged, a disk that is full) is thrown as Error.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/redactor.hpp"
#include "dispatch/lanes.hpp"
#include "dispatch/playbook.hpp"
#include "tokens/banned.hpp"
#include "workspaces/clone_bundle.hpp"
#include "workspaces/mirror.hpp"

namespace host::dispatch {

// One thing that was checked.
struct Check {
  enum class State { passed, failed, not_run };
  std::string name;  // "size", "paths", "secrets", "command verify", "proof of verify"
  State state = State::passed;
  std::string summary;   // the host's own words, one line: "3 files, 40 lines; 20 and 600 at most"
  std::string evidence;  // what shows it: paths, lines, the end of an output. As it came, so of
                         // whoever wrote it; bounded by kMostEvidence
  bool operator==(const Check&) const = default;
};
// "passed", "failed", "not run".
[[nodiscard]] std::string_view name(Check::State state) noexcept;

inline constexpr std::size_t kMostEvidence = 4096;  // bytes of one check

struct WorkVerdict {
  std::vector<Check> checks;       // in the order in which they were made
  std::vector<std::string> notes;  // for whoever reviews it, a line each; no check fails by them

  // Whether there is a check and none that failed or was not run.
  [[nodiscard]] bool passed() const;
};
[[nodiscard]] Json to_json(const WorkVerdict& verdict);
// What to_json() made. Throws Error{invalid}.
[[nodiscard]] WorkVerdict parse_verdict(const Json& json);

// {{gates.feedback}}: what failed, the weightiest first, with evidence; fits into the quotation
// that the template makes of it. Empty when nothing failed.
[[nodiscard]] std::string feedback(const WorkVerdict& verdict);
// {{gates.results}}: a table in Markdown of every check, in the host's words alone.
[[nodiscard]] std::string results_table(const WorkVerdict& verdict);

// A model that the run's calls went to, as the ledger has it.
struct UsedModel {
  std::string provider;  // of the route
  std::string model;
  bool operator==(const UsedModel&) const = default;
};
// Which of them model.banned refuses as it is now, and by what, a line each.
[[nodiscard]] std::vector<std::string> banned_models(const std::vector<UsedModel>& models,
                                                     const BannedModels& banned);

// What is verified. What is pointed to outlives the call.
struct VerifyRequest {
  const Playbook* playbook = nullptr;
  const Lane* lane = nullptr;
  const workspaces::Mirror* mirror = nullptr;  // fetched just before
  std::string repository;                      // "owner/name"
  std::int64_t number = 0;                     // of the issue
  workspaces::ObjectId base;                   // the clone's: what the work began from
  workspaces::ObjectId head;                   // as imported
  std::string base_branch;                     // at the forge
  // A checkout of `head` in which nothing of the agent's has run (VerifyClone): the agent's own
  // tree may hold files that are in no commit, and programs that say what they are to say.
  std::filesystem::path tree;
  std::string author = "timmy-host@localhost";  // whose commits the clone makes: the address
  std::vector<UsedModel> models;
  const BannedModels* banned = nullptr;               // model.banned of host.yaml; null: nothing is
  const Redactor* redactor = nullptr;                 // the host's own secrets; null: it has none
  std::string path = "/usr/local/bin:/usr/bin:/bin";  // where commands without '/' are looked for
};

// All checks of a playbook whose report is a pull request. First what can be read in the mirror,
// all of it; then setup and commands, in `tree`, each on what the ones before it left: after one
// that failed the rest is not run. `cage` runs them as the item's agent was, without a model; both
// streams go to the sink, or the errors into the ending. Blocks. Throws Error; {not_found} for a
// command that neither the machine nor the base has.
[[nodiscard]] WorkVerdict verify_work(const VerifyRequest& request, workspaces::CagedRunner& cage);

// The checks of a playbook whose report is a comment: there is a report, nothing in it looks like a
// credential, and it holds nothing banned.
[[nodiscard]] WorkVerdict verify_report(const Playbook& playbook, const std::string& report,
                                        const Redactor* redactor);

// There are no commits.
[[nodiscard]] WorkVerdict no_work();

}  // namespace host::dispatch
