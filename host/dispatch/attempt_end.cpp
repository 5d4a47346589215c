// SPDX-License-Identifier: Apache-2.0
#include "dispatch/attempt_end.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/utf8.hpp"
#include "dispatch/dispatcher_facts.hpp"
#include "dispatch/template_quote.hpp"
#include "dispatch/verify_tree_file.hpp"
#include "runs/run_output.hpp"
#include "workspaces/clone_remove.hpp"

namespace host::dispatch {
namespace {

using Kind = runs::RunEnding::Kind;

constexpr std::size_t kMostReport = kQuotedText;
constexpr std::size_t kMostTail = 16 * 1024;
constexpr std::size_t kMostFacts = 256 * 1024;

RunEnd end_of(const runs::RunEnding& ending, const std::optional<AgentEnd>& judged) {
  switch (ending.kind) {
    case Kind::exited:
      if (!judged) return ending.number == kTryLater ? RunEnd::rate_limited : RunEnd::exited;
      if (judged->kind == AgentEnd::Kind::rate_limited) return RunEnd::rate_limited;
      if (judged->kind == AgentEnd::Kind::not_usable) return RunEnd::not_usable;
      return RunEnd::exited;
    case Kind::signalled: return RunEnd::crashed;
    case Kind::deadline: return RunEnd::deadline;
    case Kind::stalled: return RunEnd::stalled;
    case Kind::memory:
    case Kind::processes:
    case Kind::disk:
    case Kind::output: return RunEnd::limit;
    case Kind::cancelled: return RunEnd::cancelled;
    case Kind::lost: return RunEnd::interrupted;
    case Kind::not_started: return RunEnd::not_started;
  }
  return RunEnd::interrupted;
}

bool is_there_still(const std::filesystem::path& path) {
  struct stat there {};
  return ::lstat(path.c_str(), &there) == 0;
}

std::vector<std::string> keep_noted(const AttemptFolders& folders) {
  if (!is_there_still(folders.kept_list())) return {};
  std::vector<std::filesystem::path> kept;
  const auto noted = parse_json(read_file(folders.kept_list(), kMostFacts), "what is to be kept");
  for (const auto& path : noted) kept.emplace_back(path.get<std::string>());
  return keep(folders.scratch, kept, folders.run);
}

Json evidence_of(const runs::RunEnding& ending, const std::optional<AgentEnd>& judged,
                 const ItemAccount& account) {
  const auto& usage = ending.usage;
  const auto seconds = [](Duration time) { return std::chrono::duration<double>(time).count(); };
  Json evidence{{"ending", runs::name(ending.kind)},
                {"wall", seconds(usage.wall)},
                {"cpu", seconds(usage.cpu)},
                {"peak_memory", usage.peak_memory},
                {"peak_processes", usage.peak_processes},
                {"output", usage.output},
                {"killed", ending.killed},
                {"calls", account.calls},
                {"bypassable", ending.in_force.bypassable()}};
  for (const auto& [name, layer] : ending.in_force.layers())
    if (!layer->in_force) evidence["not_in_force"].push_back(name);
  if (judged && !judged->session.empty()) evidence["session"] = judged->session;
  return evidence;
}

}  // namespace

RunFacts facts_of_end(const std::string& run, const runs::RunEnding& ending,
                      const std::optional<AgentEnd>& judged, const TokensRefused& refused,
                      const ItemAccount& account) {
  RunFacts facts;
  facts.run = run;
  facts.how = end_of(ending, judged);
  facts.status = ending.number;
  facts.reason = ending.evidence;
  if (ending.kind == Kind::exited && judged) facts.reason = judged->reason;
  // An agent that takes the meter's word for a server's asks to be tried again; that would end the
  // same way, for ever.
  const bool in_vain = facts.how == RunEnd::rate_limited && refused.final;
  if (in_vain || (facts.how == RunEnd::cancelled && refused.ended)) facts.how = RunEnd::budget;
  facts.refused = refused.why;
  facts.renews = refused.renews;
  facts.tokens = account.tokens;
  facts.evidence = evidence_of(ending, judged, account);
  return facts;
}

AgentExit exit_of(const runs::RunEnding& ending, const AttemptFolders& folders) {
  AgentExit exit;
  exit.signalled = ending.kind == Kind::signalled;
  exit.number = ending.number;
  exit.ended_by_host = ending.kind != Kind::exited && ending.kind != Kind::signalled;
  const auto from = ending.usage.output - std::min<std::uint64_t>(ending.usage.output, kMostTail);
  const auto tail = attempt([&] { return runs::read_output(folders.run, from, kMostTail).text; });
  if (tail.ok()) exit.tail = tail.value();
  return exit;
}

void note_kept(const AgentLaunch& launch, const AttemptFolders& folders) {
  if (launch.kept.empty()) return;
  Json list = Json::array();
  for (const auto& path : launch.kept) list.push_back(path.string());
  write_atomically(folders.kept_list(), to_text(list), 0600);
}

RunFacts settle_facts(RunFacts facts, const AttemptFolders& folders) {
  const auto kept = attempt([&] { return keep_noted(folders); });
  const auto not_kept = kept.ok() ? kept.value() : std::vector{kept.error().message()};
  if (!not_kept.empty()) facts.evidence["not_kept"] = not_kept;
  // Another host life may have cleared it away already.
  const auto report = attempt(
      [&] { return read_below(folders.scratch, folders.report_file().filename(), kMostReport); });
  if (report.ok() && report.value()) facts.report = plain_text(*report.value());
  write_atomically(folders.facts(), to_text(to_json(facts)), 0600);
  // What can't be removed now goes with what no run has in hand any more.
  (void)attempt([&] { clear_scratch(folders); });
  return facts;
}

void clear_scratch(const AttemptFolders& folders) {
  workspaces::remove_tree(folders.scratch);
  std::filesystem::remove(folders.kept_list());
}

std::optional<RunFacts> written_facts(const AttemptFolders& folders) {
  if (!is_there_still(folders.facts())) return std::nullopt;
  return run_facts_from(parse_json(read_file(folders.facts(), kMostFacts), "facts.json"));
}

}  // namespace host::dispatch
