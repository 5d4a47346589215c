// SPDX-License-Identifier: Apache-2.0
//
// The host's own commit on top of an agent's. Trailers in the agent's commits would give these
// other names than those that the gates saw, and anybody could have written them there; a commit of
// the host's says whose they are, and changes nothing.
#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/failpoint.hpp"
#include "dispatch/report.hpp"
#include "workspaces/git_error.hpp"

namespace host::dispatch {
namespace {

using workspaces::Mirror;
using workspaces::ObjectId;
using workspaces::one_line;

std::string models_in(const ReportFacts& facts) {
  std::string text;
  for (const auto& used : facts.models)
    text += (text.empty() ? "" : ", ") + used.provider + " " + used.model;
  return text.empty() ? "none" : text;
}

std::string gates_in(const WorkVerdict& verdict) {
  std::string text;
  for (const auto& check : verdict.checks)
    text += fmt::format("{}{}={}", text.empty() ? "" : ", ", check.name, name(check.state));
  return text;
}

void check_identity(const CommitIdentity& identity) {
  for (const auto* each : {&identity.name, &identity.address})
    if (each->empty() || std::any_of(each->begin(), each->end(), [](unsigned char c) {
          return c < ' ' || c == 0x7f || c == '<' || c == '>';
        }))
      throw Error(Code::invalid, "\"" + one_line(*each) + "\" is no name or address for a commit");
}

ObjectId id_in(std::string text) {
  while (text.ends_with('\n')) text.pop_back();
  const auto id = ObjectId::parse(text);
  if (!id) throw Error(Code::corrupt, "git commit-tree prints what it should not");
  return *id;
}

}  // namespace

std::string trailer_message(const Playbook& playbook, const ReportFacts& facts,
                            const ObjectId& verified) {
  const auto trailer = [](std::string_view key, std::string_view value) {
    return fmt::format("Timmy-{}: {}\n", key, one_line(value));
  };
  const auto issue = fmt::format("{}#{}", facts.repository, facts.issue.number);
  std::string text = fmt::format(
      "Verify the work on {}\n\nThe commits before this one are an agent's, as the "
      "host's gates saw them.\nThis one changes nothing.\n\n",
      issue);
  text += trailer("Run", facts.run);
  text += trailer("Playbook", playbook.name);
  text += trailer("Issue", issue);
  text += trailer("Agent", facts.agent);
  text += trailer("Model", models_in(facts));
  text += trailer("Gates", gates_in(facts.verdict));
  text +=
      trailer("Tokens", fmt::format("{}{}", facts.tokens, facts.tokens_whole ? "" : " at most"));
  text += trailer("Verified", verified.text());
  return text;
}

ObjectId seal_work(const Mirror& mirror, const ObjectId& verified, const std::string& branch,
                   const std::string& message, const CommitIdentity& identity, WallTime at) {
  workspaces::check_branch(branch, "the branch");
  check_identity(identity);
  const auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(at.time_since_epoch()).count();
  const auto date = fmt::format("{} +0000", seconds);
  const auto lock = mirror.lock();
  auto commit = mirror.command(
      {"commit-tree", "-p", verified.text(), "-m", message, verified.text() + "^{tree}"});
  commit.held = lock.fd();
  commit.environment = {{"GIT_AUTHOR_NAME", identity.name},
                        {"GIT_AUTHOR_EMAIL", identity.address},
                        {"GIT_AUTHOR_DATE", date},
                        {"GIT_COMMITTER_NAME", identity.name},
                        {"GIT_COMMITTER_EMAIL", identity.address},
                        {"GIT_COMMITTER_DATE", date}};
  const auto sealed = id_in(mirror.git().must(commit, "sealing the work on " + branch));
  TIMMY_FAILPOINT("dispatch.commit_made");
  // Without a ref git may clear it away before it is pushed.
  auto keep =
      mirror.command({"update-ref", "--no-deref", Mirror::sealed_ref(branch), sealed.text()});
  keep.held = lock.fd();
  (void)mirror.git().must(keep, "sealing the work on " + branch);
  return sealed;
}

}  // namespace host::dispatch
