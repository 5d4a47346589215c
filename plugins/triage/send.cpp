// SPDX-License-Identifier: Apache-2.0
#include "send.hpp"

#include <stdexcept>
#include <utility>

#include "names_text.hpp"

namespace triage {
namespace {

using timmy::Json;

// What is sent, and as what; not the typed calls, which do not tell a dry run from a real one.
std::pair<const char*, Json> request(const Step& step) {
  switch (step.what) {
    case Step::What::assign: return {"gitea/1.add_assignees", {{"logins", step.names}}};
    case Step::What::label: return {"gitea/1.add_labels", {{"labels", step.names}}};
    case Step::What::unlabel: return {"gitea/1.remove_label", {{"label", step.names.front()}}};
    // Kept by the rule's name, not by the job's: whatever became of an earlier try, there is one.
    case Step::What::comment:
      return {"gitea/1.keep_comment",
              {{"body", step.text}, {"name", "rule " + step.rules.front()}}};
    case Step::What::close: return {"gitea/1.set_issue_state", {{"open", false}}};
  }
  throw std::logic_error("no such step");
}

void must_show(const Snapshot& issue, const Step& step, const Names& there) {
  for (const auto& name : step.names)
    if (step.what == Step::What::assign ? !has_login(there, name) : !contains(there, name))
      throw timmy::Retryable("not_applied", issue.name() + " does not show " + in_quotes(name) +
                                                " after it was added");
}

}  // namespace

Sent send(timmy::Context& ctx, const Snapshot& issue, const Step& step, timmy::Time now) {
  auto [method, params] = request(step);
  params["repo"] = issue.repo;
  params["number"] = issue.number;
  Json reply = ctx.call(method, params);
  Sent sent{.dry_run = reply.value("dry_run", false)};
  if (step.what == Step::What::label) must_show(issue, step, reply.value("labels", Names()));
  if (step.what != Step::What::assign && step.what != Step::What::close) return sent;
  Snapshot shown = Snapshot::of(issue.repo, timmy::Issue::from(std::move(reply)), now);
  if (step.what == Step::What::assign) must_show(issue, step, shown.assignees);
  if (!sent.dry_run) sent.issue = std::move(shown);
  return sent;
}

}  // namespace triage
