// SPDX-License-Identifier: Apache-2.0
//
// What became of an attempt, in facts: from how its run ended, from what the ledger has of it, and
// from the one file that its agent may leave.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "dispatch/agent.hpp"
#include "dispatch/dispatcher_outside.hpp"
#include "dispatch/item_account.hpp"
#include "runs/run.hpp"

namespace host::dispatch {

// Where an attempt's agent works besides its clone, and what stays of it.
struct AttemptFolders {
  std::filesystem::path run;      // runs/<run>: the Runner's
  std::filesystem::path scratch;  // the agent's own; gone when the facts are written

  [[nodiscard]] std::filesystem::path report_file() const { return scratch / "report.md"; }
  // Beside the scratch, where no agent can write: what is to be kept of it.
  [[nodiscard]] std::filesystem::path kept_list() const {
    return scratch.parent_path() / (scratch.filename().string() + ".kept");
  }
  [[nodiscard]] std::filesystem::path facts() const { return run / "facts.json"; }
};

// The last thing that the meter said to a run was that it gets no tokens.
struct TokensRefused {
  std::string why;     // which cap, and how much is left; empty: it said no such thing
  bool final = false;  // waiting does not help
  bool ended = false;  // the host ended the run for it
  std::optional<WallTime> renews = {};  // when a new run may get tokens, if waiting helps
};

// `judged`: the agent's adapter's word on an exit; nothing: it is not known any more.
[[nodiscard]] RunFacts facts_of_end(const std::string& run, const runs::RunEnding& ending,
                                    const std::optional<AgentEnd>& judged,
                                    const TokensRefused& refused, const ItemAccount& account);
// The agent's exit, as its adapter takes it, with the end of its output.
[[nodiscard]] AgentExit exit_of(const runs::RunEnding& ending, const AttemptFolders& folders);

// Notes AgentLaunch::kept for settle_facts(), which a later host may be the one to do. Before the
// run starts. Blocks. Throws Error{io}.
void note_kept(const AgentLaunch& launch, const AttemptFolders& folders);
// Adds the report, copies what is to be kept of the scratch into the run's folder, writes the facts
// down, and clears the scratch away. What could not be kept is in the evidence, as "not_kept".
// Blocks. Throws Error{io}.
[[nodiscard]] RunFacts settle_facts(RunFacts facts, const AttemptFolders& folders);
// Clears the scratch away, with what was noted. Blocks. Throws Error{io}.
void clear_scratch(const AttemptFolders& folders);
// As they were written down. Nothing: they were not. Throws Error{invalid}, {io}.
[[nodiscard]] std::optional<RunFacts> written_facts(const AttemptFolders& folders);

}  // namespace host::dispatch
