// SPDX-License-Identifier: Apache-2.0
#include "dispatch/attempt_prompt.hpp"

#include <fmt/format.h>

namespace host::dispatch {
namespace {

std::string labels_of(const Issue& issue) {
  std::string text;
  for (const auto& label : issue.labels) text += (text.empty() ? "" : ", ") + label.name;
  return text;
}

std::string comments_of(const std::vector<Comment>& comments) {
  std::string text;
  for (const auto& comment : comments)
    text += fmt::format("{}{}, {}:\n{}\n", text.empty() ? "" : "\n", comment.user,
                        comment.created_at ? format_utc(*comment.created_at) : "", comment.body);
  return text;
}

std::string rules_of(const Playbook& playbook) {
  std::string text;
  for (const auto& rule : gate_rules(playbook)) text += (text.empty() ? "- " : "\n- ") + rule;
  return text;
}

}  // namespace

std::string attempt_prompt(const AttemptOrder& order, const std::filesystem::path& report_file) {
  const auto& [item, playbook, lane, agent, issue, comments] = order.work;
  return playbook->prompt.render({
      {"gates.feedback", order.feedback},
      {"gates.rules", rules_of(*playbook)},
      {"issue.author", issue.user},
      {"issue.body", issue.body},
      {"issue.comments", comments_of(comments)},
      {"issue.kind", issue.is_pull ? "pull request" : "issue"},
      {"issue.labels", labels_of(issue)},
      {"issue.number", std::to_string(issue.number)},
      {"issue.title", issue.title},
      {"issue.url", issue.html_url},
      {"lane.name", item.lane},
      {"limits.attempts", std::to_string(playbook->limits.attempts)},
      {"limits.tokens", std::to_string(playbook->limits.tokens)},
      {"limits.wall", format_duration(playbook->limits.wall)},
      {"playbook.name", playbook->name},
      {"repository.name", item.repository},
      {"run.attempt", std::to_string(order.attempt)},
      {"run.id", order.run},
      {"run.report_file", report_file.string()},
      {"workspace.base", order.workspace.base_branch},
      {"workspace.branch", order.workspace.branch},
  });
}

}  // namespace host::dispatch
