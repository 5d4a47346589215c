// SPDX-License-Identifier: Apache-2.0
//
// Files, branches, and the statuses of commits.
#include <algorithm>

#include "forge/exchange.hpp"

namespace host::forge {
namespace {

void must_write(const Exchange& exchange) {
  if (!exchange.writer())
    throw refused(exchange.state, 403, "user should have a permission to write to a repo");
}

// Adds a file; on `new_branch`, from `branch`, where one is named. The content stays in base64.
ServerResponse create_file(Exchange& exchange) {
  must_write(exchange);
  const Bound body(exchange, "CreateFileOptions");
  const auto content = body.required("content", "ContentBase64");
  const auto from = body.text("branch").value_or(exchange.repo->default_branch);
  const auto branch = body.text("new_branch").value_or(from);
  Repo& repo = *exchange.repo;
  const auto at = repo.branches.find(from);
  if (at == repo.branches.end()) throw not_found(exchange.state);
  if (branch != from && repo.branches.contains(branch))
    throw refused(exchange.state, 422, "branch already exists [name: " + branch + "]");
  const auto& file = exchange.parameter(2);
  if (repo.commits.at(at->second).files.contains(file))
    throw refused(exchange.state, 422, "repository file already exists [path: " + file + "]");
  const auto hash = exchange.state.add_commit(repo, branch, file, content, from);
  repo.commits.at(hash).message = body.text("message").value_or("Add " + file);
  repo.commits.at(hash).author = exchange.doer->login;
  return json_reply(201, {{"content", {{"name", file}, {"path", file}}},
                          {"commit", {{"sha", hash}, {"message", ""}}}});
}

ServerResponse list_branches(Exchange& exchange) {
  const auto& branches = exchange.repo->branches;
  const std::vector<std::pair<std::string, std::string>> all(branches.begin(), branches.end());
  if (all.empty()) return json_reply(200, nullptr);
  return paged(
      exchange, all,
      [&](const auto& branch) {
        return branch_json(exchange.state, *exchange.repo, branch.first, branch.second,
                           exchange.doer);
      },
      false);
}

ServerResponse get_branch(Exchange& exchange) {
  const auto& branches = exchange.repo->branches;
  const auto at = branches.find(exchange.parameter(2));
  if (at == branches.end()) throw not_found(exchange.state);
  return json_reply(
      200, branch_json(exchange.state, *exchange.repo, at->first, at->second, exchange.doer));
}

ServerResponse delete_branch(Exchange& exchange) {
  must_write(exchange);
  Repo& repo = *exchange.repo;
  const auto& name = exchange.parameter(2);
  if (!repo.branches.contains(name)) throw not_found(exchange.state);
  if (name == repo.default_branch)
    throw refused(exchange.state, 403, "can not delete default or pull request target branch");
  repo.branches.erase(name);
  return empty_reply(204);
}

// The newest of each context: what the page has of them, and their sum over just that page.
ServerResponse combined_status(Exchange& exchange) {
  const Repo& repo = *exchange.repo;
  const auto& ref = exchange.parameter(2);
  const auto branch = repo.branches.find(ref);
  const auto hash = branch == repo.branches.end() ? ref : branch->second;
  if (!repo.commits.contains(hash))
    throw refused(exchange.state, 404, "object does not exist [id: " + ref + ", rel_path: ]");
  std::map<std::string, Status> newest;
  if (const auto at = repo.statuses.find(hash); at != repo.statuses.end())
    for (const auto& status : at->second) newest[status.context] = status;
  const auto page = page_of(exchange.state, exchange.request);
  Json shown = nullptr;  // none is null
  std::size_t place = 0, count = 0;
  std::string sum = newest.empty() ? "pending" : "success";
  for (const auto& [context, status] : newest) {
    if (place++ < page.first || count == page.count) continue;
    shown.push_back(status_json(exchange.state, repo, hash, status));
    ++count;
    const bool bad = status.state != "success" && status.state != "pending";
    if (bad) sum = "failure";
    if (status.state == "pending" && sum == "success") sum = "pending";
  }
  auto response = json_reply(200, {{"state", sum},
                                   {"sha", hash},
                                   {"total_count", count},
                                   {"statuses", shown},
                                   {"repository", repo_json(exchange.state, repo, exchange.doer)},
                                   {"commit_url", ""},
                                   {"url", ""}});
  add_counts(response, exchange.state, exchange.request, page, newest.size(), true);
  return response;
}

// Any state is taken; a commit that isn't there is an error of the server.
ServerResponse set_status(Exchange& exchange) {
  must_write(exchange);
  const Bound body(exchange, "CreateStatusOption");
  Repo& repo = *exchange.repo;
  const auto& hash = exchange.parameter(2);
  if (!repo.commits.contains(hash)) throw refused(exchange.state, 500, "");
  const auto context = body.text("context").value_or("");
  const auto& made = repo.statuses[hash].emplace_back(
      Status{exchange.state.next_id(), exchange.doer->login, context.empty() ? "default" : context,
             body.text("state").value_or(""), body.text("description").value_or(""),
             body.text("target_url").value_or(""), exchange.state.now()});
  return json_reply(201, status_json(exchange.state, repo, hash, made));
}

}  // namespace

const std::vector<Route>& code_routes() {
  constexpr unsigned kWrite = kRepo | kToken | kNotArchived;
  static const std::vector<Route> kRoutes = {
      {"POST", "/repos/{}/{}/contents/*", "repository", kWrite, create_file},
      {"GET", "/repos/{}/{}/branches", "repository", kRepo, list_branches},
      {"GET", "/repos/{}/{}/branches/*", "repository", kRepo, get_branch},
      {"DELETE", "/repos/{}/{}/branches/*", "repository", kWrite, delete_branch},
      {"GET", "/repos/{}/{}/commits/{}/status", "repository", kRepo, combined_status},
      {"POST", "/repos/{}/{}/statuses/{}", "repository", kRepo | kToken, set_status},
  };
  return kRoutes;
}

}  // namespace host::forge
