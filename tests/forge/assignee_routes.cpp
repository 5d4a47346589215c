// SPDX-License-Identifier: Apache-2.0
//
// Who can be assigned, who is, and what an issue depends on.
#include <algorithm>

#include "forge/exchange.hpp"

namespace host::forge {
namespace {

bool can_be_assigned(const Exchange& exchange, const User& user) {
  return !user.organisation && exchange.state.access(&user, *exchange.repo) >= Access::write;
}

// Not paged.
ServerResponse list_assignable(Exchange& exchange) {
  Json all = Json::array();
  for (const auto& [login, user] : exchange.state.users)
    if (can_be_assigned(exchange, user)) all.push_back(user_json(exchange.state, user));
  return json_reply(200, all);
}

Issue& find_issue(const Exchange& exchange) {
  Issue* found = exchange.issue(2);
  if (found == nullptr) throw not_found(exchange.state);
  return *found;
}

ServerResponse change(Exchange& exchange, bool add) {
  needs_newest(exchange);
  const Bound body(exchange, "IssueAssigneesOption");
  const auto names = body.texts("assignees").value_or(std::vector<std::string>{});
  Issue& issue = find_issue(exchange);
  if (!exchange.writer()) throw Refused{empty_reply(403)};
  for (const auto& name : names) {
    const User* user = exchange.state.user(name);
    if (user == nullptr)
      throw refused(exchange.state, 422, "user does not exist [uid: 0, name: " + name + "]");
    const auto before = issue.assignees.size();
    std::erase(issue.assignees, user->login);
    if (add) issue.assignees.push_back(user->login);
    if (issue.assignees.size() != before) issue.updated = exchange.state.now();
  }
  return json_reply(add ? 201 : 200, issue_json(exchange.state, *exchange.repo, issue));
}

ServerResponse add_assignees(Exchange& exchange) { return change(exchange, true); }
ServerResponse remove_assignees(Exchange& exchange) { return change(exchange, false); }

ServerResponse add_dependency(Exchange& exchange) {
  const Bound body(exchange, "IssueMeta");
  Issue& issue = find_issue(exchange);
  if (!exchange.writer()) throw refused(exchange.state, 403, "permission denied");
  const auto other = body.number("index").value_or(0);
  if (!exchange.repo->issues.contains(other)) throw not_found(exchange.state);
  issue.blocked_by.push_back(other);
  return json_reply(201, issue_json(exchange.state, *exchange.repo, issue));
}

std::string permission_of(const Exchange& exchange, const User& user) {
  switch (exchange.state.access(&user, *exchange.repo)) {
    case Access::none: return "none";
    case Access::read: return "read";
    case Access::write: return "write";
    case Access::admin: return "owner";
  }
  return "none";
}

// Who does not administer the repository learns only about oneself.
ServerResponse get_permission(Exchange& exchange) {
  const auto& login = exchange.parameter(2);
  if (exchange.access < Access::admin && lower(login) != lower(exchange.doer->login))
    throw refused(exchange.state, 403,
                  "Only admins can query all permissions, repo admins can query all repo "
                  "permissions, collaborators can query only their own");
  const User* user = exchange.state.user(login);
  if (user == nullptr)
    throw refused(exchange.state, 404, "user does not exist [uid: 0, name: " + login + "]");
  const auto permission = permission_of(exchange, *user);
  return json_reply(200, {{"permission", permission},
                          {"role_name", permission},
                          {"user", user_json(exchange.state, *user)}});
}

ServerResponse add_collaborator(Exchange& exchange) {
  if (exchange.access < Access::admin) throw refused(exchange.state, 403, "");
  const User* user = exchange.state.user(exchange.parameter(2));
  if (user == nullptr) throw refused(exchange.state, 422, "user does not exist");
  exchange.repo->writers.push_back(user->login);
  return empty_reply(204);
}

}  // namespace

const std::vector<Route>& assignee_routes() {
  constexpr unsigned kWrite = kRepo | kIssues | kToken;
  static const std::vector<Route> kRoutes = {
      {"GET", "/repos/{}/{}/assignees", "repository", kRepo | kToken, list_assignable},
      {"POST", "/repos/{}/{}/issues/{}/assignees", "issue", kWrite, add_assignees},
      {"DELETE", "/repos/{}/{}/issues/{}/assignees", "issue", kWrite, remove_assignees},
      {"POST", "/repos/{}/{}/issues/{}/dependencies", "issue", kWrite, add_dependency},
      {"GET", "/repos/{}/{}/collaborators/{}/permission", "repository", kRepo | kToken,
       get_permission},
      {"PUT", "/repos/{}/{}/collaborators/{}", "repository", kRepo | kToken, add_collaborator},
  };
  return kRoutes;
}

}  // namespace host::forge
