// SPDX-License-Identifier: Apache-2.0
#include "services/gitea_scopes.hpp"

#include <algorithm>

#include "services/gitea_reads.hpp"
#include "services/gitea_writes.hpp"

namespace host {
namespace {

// Whether any repository can be meant: "whoami", which a plugin may be granted to be let in at all,
// is none.
bool covers_repositories(const Grants& grants, std::string_view grant) {
  const auto& globs = grants.values(grant);
  return std::any_of(globs.begin(), globs.end(), [](const std::string& glob) {
    return glob == "*" || glob.find('/') != std::string::npos;
  });
}

bool may_call(std::string_view method, const Grants& grants, bool writes) {
  if (method == "whoami" || method == "version") return may_ask_forge(grants);
  if (forge_reads().contains(method)) return covers_repositories(grants, "gitea.read");
  return writes &&
         covers_repositories(grants, method == "merge_pr" ? "gitea.merge" : "gitea.write");
}

}  // namespace

bool may_ask_forge(const Grants& grants) {
  return grants.has("gitea.read") || grants.has("gitea.write") || grants.has("gitea.merge");
}

const std::map<std::string_view, std::vector<std::string_view>>& forge_scopes() {
  static const std::map<std::string_view, std::vector<std::string_view>> all{
      {"whoami", {"read:user"}},
      {"version", {}},
      {"list_repos", {"read:repository", "read:user"}},
      {"get_repo", {"read:repository"}},
      {"user_permission", {"read:repository"}},
      {"list_assignable", {"read:repository"}},
      {"list_teams", {"read:organization"}},
      {"list_team_members", {"read:organization"}},
      {"list_issues", {"read:issue"}},
      {"get_issue", {"read:issue"}},
      // Those of an organisation take read:organization; without it they are left out.
      {"list_labels", {"read:issue"}},
      {"list_comments", {"read:issue"}},
      {"list_prs", {"read:repository"}},
      {"get_pr", {"read:repository"}},
      {"list_pr_files", {"read:repository"}},
      {"list_pr_commits", {"read:repository"}},
      {"list_reviews", {"read:repository"}},
      {"combined_status", {"read:repository"}},
      {"set_issue_state", {"write:issue"}},
      {"add_assignees", {"read:repository", "write:issue"}},
      {"remove_assignees", {"write:issue"}},
      {"create_label", {"write:issue"}},
      {"add_labels", {"write:issue"}},
      {"remove_label", {"write:issue"}},
      // Whose comment or review carries the marker is looked at: the token's user's.
      {"create_comment", {"read:user", "write:issue"}},
      {"keep_comment", {"read:user", "write:issue"}},
      {"keep_issue", {"read:user", "write:issue"}},
      {"create_review", {"read:user", "write:repository"}},
      {"set_status", {"write:repository"}},
      {"merge_pr", {"write:repository"}},
  };
  return all;
}

std::vector<MissingScope> missing_scopes(const Grants& grants, bool writes,
                                         const TokenScopes& token) {
  std::map<std::string, std::vector<std::string>> missing;
  for (const auto& [method, scopes] : forge_scopes())
    for (const auto scope : scopes)
      if (!token.has(scope) && may_call(method, grants, writes))
        missing[std::string(scope)].emplace_back(method);
  std::vector<MissingScope> all;
  for (auto& [scope, methods] : missing) all.push_back({scope, std::move(methods)});
  return all;
}

}  // namespace host
