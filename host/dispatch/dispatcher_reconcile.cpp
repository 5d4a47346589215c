// SPDX-License-Identifier: Apache-2.0
#include "dispatch/dispatcher_reconcile.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace host::dispatch {
namespace {

bool among(const std::vector<std::string>& logins, const std::string& login) {
  return std::any_of(logins.begin(), logins.end(),
                     [&](const std::string& each) { return same_name(each, login); });
}

std::optional<std::string> why_assigned_elsewhere(const Item& item, const Issue& issue) {
  for (const auto& login : issue.assignees)
    if (!among(item.assignees, login) && !same_name(login, item.own_login))
      return fmt::format("{} was assigned to it", login);
  for (const auto& login : item.assignees)
    if (!among(issue.assignees, login)) return fmt::format("{} was taken off it", login);
  return std::nullopt;
}

PlaybookVerdict verdict_on(const Item& item, const Issue& issue, const DispatchRules::Entry& entry,
                           const Lanes& lanes) {
  OfferedPlaybook one = offer(entry);
  // Whether it is on is the operator's to say, and no word of the forge's.
  one.enabled = true;
  return choose_playbook(facts_of(issue, item.repository, item.own_login), {one}, lanes).front();
}

}  // namespace

bool is_foreign(const Item& item, const Issue& issue) {
  return item.repository_id != 0 && issue.repo_id != 0 && item.repository_id != issue.repo_id;
}

ItemFacts facts_of(const Issue& issue, const std::string& repository,
                   const std::string& own_login) {
  ItemFacts facts;
  facts.repository = repository;
  facts.number = issue.number;
  facts.title = issue.title;
  for (const auto& label : issue.labels) facts.labels.push_back(label.name);
  facts.author = issue.user;
  facts.open = issue.state == "open";
  facts.assignees = issue.assignees;
  facts.is_pull = issue.is_pull;
  facts.own_login = own_login;
  facts.repository_id = issue.repo_id;
  return facts;
}

bool fits_no_more(const Item& item, const Issue& issue, const DispatchRules::Entry& entry,
                  const Lanes& lanes) {
  return item.matched &&
         verdict_on(item, issue, entry, lanes).kind != PlaybookVerdict::Kind::chosen;
}

std::optional<std::string> why_stop(const Item& item, const Issue& issue,
                                    const DispatchRules::Entry& entry, const Lanes& lanes,
                                    bool still_matching) {
  if (is_foreign(item, issue))
    return fmt::format("{} is another repository at the forge now", item.repository);
  if (issue.state != "open") return "it was closed";
  if (auto why = why_assigned_elsewhere(item, issue)) return why;
  if (!item.matched || !still_matching) return std::nullopt;
  const auto verdict = verdict_on(item, issue, entry, lanes);
  if (verdict.kind == PlaybookVerdict::Kind::chosen) return std::nullopt;
  return fmt::format("playbook {} takes it no longer: {}", item.playbook,
                     fmt::join(verdict.reasons, "; "));
}

}  // namespace host::dispatch
