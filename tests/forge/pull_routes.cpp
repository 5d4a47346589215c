// SPDX-License-Identifier: Apache-2.0
//
// Pull requests and merging them. There are no forks.
#include <fmt/format.h>

#include <algorithm>

#include "forge/exchange.hpp"

namespace host::forge {
namespace {

struct Found {
  Issue& issue;
  Pull& pull;
};

Found find(const Exchange& exchange) {
  Issue* issue = exchange.issue(2);
  const auto at =
      issue == nullptr ? exchange.repo->pulls.end() : exchange.repo->pulls.find(issue->number);
  if (at == exchange.repo->pulls.end()) throw not_found(exchange.state);
  return {*issue, at->second};
}

Json shown(const Exchange& exchange, const Issue& issue, const Pull& pull) {
  return pull_json(exchange.state, *exchange.repo, issue, pull, exchange.doer);
}

// A state that it does not know, or none, is all of them. Only `base_branch` is a filter here.
ServerResponse list_pulls(Exchange& exchange) {
  const auto state = exchange.query("state"), base = exchange.query("base_branch"),
             order = exchange.query("sort");
  std::vector<const Issue*> all;
  for (const auto& [number, pull] : exchange.repo->pulls) {
    const Issue& issue = exchange.repo->issues.at(number);
    if ((state == "open" && issue.closed) || (state == "closed" && !issue.closed)) continue;
    if (base.empty() || pull.base == base) all.push_back(&issue);
  }
  std::sort(all.begin(), all.end(), [&](const Issue* a, const Issue* b) {
    if (order == "oldest") return a->id < b->id;
    if (order == "recentupdate") return std::tie(b->updated, b->id) < std::tie(a->updated, a->id);
    return a->id > b->id;
  });
  return paged(
      exchange, all,
      [&](const Issue* issue) {
        return shown(exchange, *issue, exchange.repo->pulls.at(issue->number));
      },
      true);
}

ServerResponse get_pull(Exchange& exchange) {
  const auto [issue, pull] = find(exchange);
  auto response = json_reply(200, shown(exchange, issue, pull));
  if (pull.checks > 0) --pull.checks;
  return response;
}

void must_exist(const Exchange& exchange, const std::string& branch) {
  if (!exchange.repo->branches.contains(branch))
    throw not_found(exchange.state, "", "ref \"" + branch + "\" does not exist");
}

ServerResponse create_pull(Exchange& exchange) {
  auto& state = exchange.state;
  const Bound body(exchange, "CreatePullRequestOption");
  const auto head = body.required("head", "Head"), base = body.required("base", "Base");
  const auto title = body.required("title", "Title");
  if (head == base)
    throw refused(state, 422,
                  "Invalid PullRequest: There are no changes between the head and the base");
  must_exist(exchange, base);
  must_exist(exchange, head);
  Repo& repo = *exchange.repo;
  for (const auto& [number, pull] : repo.pulls)
    if (pull.head == head && pull.base == base && !repo.issues.at(number).closed)
      throw refused(state, 409,
                    fmt::format("pull request already exists for these targets [id: {}, issue_id: "
                                "{}, head_repo_id: {}, base_repo_id: {}, head_branch: {}, "
                                "base_branch: {}]",
                                number + 1000, number, repo.id, repo.id, head, base));
  Pull& made = state.add_pull(repo, exchange.doer->login, title, head, base);
  Issue& issue = repo.issues.at(repo.last_number);
  issue.body = body.text("body").value_or("");
  return json_reply(201, shown(exchange, issue, made));
}

ServerResponse edit_pull(Exchange& exchange) {
  auto& state = exchange.state;
  const Bound body(exchange, "EditPullRequestOption");
  const auto [issue, pull] = find(exchange);
  if (!exchange.writer() && issue.login != exchange.doer->login) throw Refused{empty_reply(403)};
  if (const auto title = body.text("title"); title && !title->empty()) issue.title = *title;
  if (const auto text = body.text("body")) issue.body = *text;
  issue.updated = state.now();
  if (const auto wanted = body.text("state")) {
    if (!pull.merged_as.empty())
      throw refused(state, 412, "cannot change state of this pull request, it was already merged");
    if (*wanted != "open" && *wanted != "closed")
      throw refused(state, 412, "unknown state: " + *wanted);
    issue.closed = *wanted == "closed";
    issue.closed_at = issue.closed ? std::optional(state.now()) : std::nullopt;
  }
  return json_reply(201, shown(exchange, issue, pull));
}

ServerResponse list_files(Exchange& exchange) {
  const auto [issue, pull] = find(exchange);
  const auto changed = ForgeState::changed_files(*exchange.repo, pull);
  const std::vector<std::pair<std::string, std::string>> all(changed.begin(), changed.end());
  return paged(
      exchange, all,
      [](const auto& file) {
        return Json{{"filename", file.first},
                    {"status", "added"},
                    {"additions", 1},
                    {"deletions", 0},
                    {"changes", 1}};
      },
      true);
}

ServerResponse list_commits(Exchange& exchange) {
  const auto [issue, pull] = find(exchange);
  return paged(
      exchange, ForgeState::commits_of(*exchange.repo, pull),
      [&](const std::string& hash) {
        const auto& commit = exchange.repo->commits.at(hash);
        const Json who{{"name", commit.author}, {"email", commit.author + "@localhost"}};
        return Json{{"sha", hash},
                    {"commit", {{"message", commit.message}, {"author", who}, {"committer", who}}}};
      },
      true);
}

// In the order of the checks of Gitea; a real conflict and one that was not looked for yet answer
// the same.
void must_merge(const Exchange& exchange, const Issue& issue, const Pull& pull,
                const std::string& style) {
  auto& state = exchange.state;
  const auto no = [&](const std::string& why) { return refused(state, 405, why); };
  if (!pull.merged_as.empty()) throw no("The PR is already merged");
  if (issue.closed) throw not_found(state);
  if (!exchange.writer()) throw no("User not allowed to merge PR");
  if (is_draft(issue)) throw no("Work in progress PRs cannot be merged");
  if (pull.checks > 0 || !ForgeState::merged_files(*exchange.repo, pull))
    throw no("Please try again later");
  for (const auto number : issue.blocked_by)
    if (!exchange.repo->issues.at(number).closed) throw refused(state, 500, "");
  const auto& allowed = exchange.repo->merge_styles;
  if (std::find(allowed.begin(), allowed.end(), style) == allowed.end())
    throw no(style + " is not allowed an allowed merge style for this repository");
}

ServerResponse merge(Exchange& exchange) {
  auto& state = exchange.state;
  const Bound body(exchange, "MergePullRequestForm");
  const auto style = body.required("Do", "Do");
  const bool known = std::any_of(std::begin(kStyleFields), std::end(kStyleFields),
                                 [&](const auto& each) { return each.second == style; });
  if (!known) throw refused(state, 422, "[Do]: In");
  Repo& repo = *exchange.repo;
  const auto [issue, pull] = find(exchange);
  must_merge(exchange, issue, pull, style);
  const auto head = ForgeState::head_of(repo, pull);
  const auto expected = body.text("head_commit_id").value_or("");
  if (!expected.empty() && expected != head) throw refused(state, 409, "head out of date");
  pull.last_head = head;
  pull.merged_as =
      state.store(repo, {repo.branches.at(pull.base), head}, *ForgeState::merged_files(repo, pull));
  pull.merged_by = exchange.doer->login;
  pull.merged_at = issue.closed_at = issue.updated = state.now();
  issue.closed = true;
  repo.branches[pull.base] = pull.merged_as;
  if (body.flag("delete_branch_after_merge").value_or(false)) repo.branches.erase(pull.head);
  return empty_reply(200);
}

ServerResponse is_merged(Exchange& exchange) {
  if (find(exchange).pull.merged_as.empty()) throw not_found(exchange.state);
  return empty_reply(204);
}

// Any state, no order: closed ones too.
ServerResponse find_by_branches(Exchange& exchange) {
  for (const auto& [number, pull] : exchange.repo->pulls)
    if (pull.base == exchange.parameter(2) && pull.head == exchange.parameter(3))
      return json_reply(200, shown(exchange, exchange.repo->issues.at(number), pull));
  throw not_found(exchange.state);
}

}  // namespace

const std::vector<Route>& pull_routes() {
  constexpr unsigned kWrite = kRepo | kToken;
  static const std::vector<Route> kRoutes = {
      {"GET", "/repos/{}/{}/pulls", "repository", kRepo, list_pulls},
      {"POST", "/repos/{}/{}/pulls", "repository", kWrite | kNotArchived, create_pull},
      {"GET", "/repos/{}/{}/pulls/{}", "repository", kRepo, get_pull},
      {"PATCH", "/repos/{}/{}/pulls/{}", "repository", kWrite, edit_pull},
      {"GET", "/repos/{}/{}/pulls/{}/files", "repository", kRepo, list_files},
      {"GET", "/repos/{}/{}/pulls/{}/commits", "repository", kRepo, list_commits},
      {"GET", "/repos/{}/{}/pulls/{}/merge", "repository", kRepo, is_merged},
      {"POST", "/repos/{}/{}/pulls/{}/merge", "repository", kWrite | kNotArchived, merge},
      {"GET", "/repos/{}/{}/pulls/{}/*", "repository", kRepo, find_by_branches},
  };
  return kRoutes;
}

}  // namespace host::forge
