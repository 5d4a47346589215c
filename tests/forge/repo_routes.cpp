// SPDX-License-Identifier: Apache-2.0
#include "forge/exchange.hpp"

namespace host::forge {
namespace {

constexpr const char* kNameLetters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

using Repos = std::vector<const Repo*>;

// Ascending ids, which is the order in which they were made.
void sort_by_id(Repos& repos) {
  std::sort(repos.begin(), repos.end(), [](const Repo* a, const Repo* b) { return a->id < b->id; });
}

bool visible(const Exchange& exchange, const Repo& repo) {
  return exchange.state.access(exchange.doer, repo) != Access::none;
}

// Hidden ones are counted and take their place on a page for whoever is signed in, and only then
// left out. So a page may be short, or empty, without being the last.
ServerResponse list_owned(Exchange& exchange, const std::string& owner) {
  Repos all;
  for (const auto& [name, repo] : exchange.state.repos)
    if (lower(repo.owner) == lower(owner) && (exchange.doer != nullptr || !repo.hidden))
      all.push_back(&repo);
  sort_by_id(all);
  const auto page = page_of(exchange.state, exchange.request);
  Json shown = Json::array();
  for (auto i = page.first; i < all.size() && i < page.first + page.count; ++i)
    if (visible(exchange, *all[i]))
      shown.push_back(repo_json(exchange.state, *all[i], exchange.doer));
  auto response = json_reply(200, shown);
  add_counts(response, exchange.state, exchange.request, page, all.size(), true);
  return response;
}

ServerResponse list_of_user(Exchange& exchange) {
  const auto& login = exchange.parameter(0);
  if (exchange.state.user(login) == nullptr)
    throw refused(exchange.state, 404, "user redirect does not exist [name: " + login + "]");
  return list_owned(exchange, login);
}

ServerResponse list_of_organisation(Exchange& exchange) {
  const auto& login = exchange.parameter(0);
  const User* found = exchange.state.user(login);
  if (found == nullptr || !found->organisation)
    throw not_found(exchange.state, "user redirect does not exist [name: " + login + "]",
                    "GetOrgByName");
  return list_owned(exchange, login);
}

// What one owns or works in, by an organisation too; not what anybody may read.
ServerResponse list_mine(Exchange& exchange) {
  Repos all;
  for (const auto& [name, repo] : exchange.state.repos)
    if (exchange.state.access(exchange.doer, repo) >= Access::write) all.push_back(&repo);
  sort_by_id(all);
  return paged(
      exchange, all,
      [&](const Repo* repo) { return repo_json(exchange.state, *repo, exchange.doer); }, true);
}

ServerResponse search(Exchange& exchange) {
  const auto wanted = lower(exchange.query("q"));
  const auto owner = path_number(exchange.query("uid"));
  Repos all;
  for (const auto& [name, repo] : exchange.state.repos) {
    const User* user = exchange.state.user(repo.owner);
    if (visible(exchange, repo) && lower(repo.name).find(wanted) != std::string::npos &&
        (owner == 0 || user->id == owner))
      all.push_back(&repo);
  }
  std::sort(all.begin(), all.end(), [](const Repo* a, const Repo* b) { return a->name < b->name; });
  const auto page = page_of(exchange.state, exchange.request);
  Json shown = Json::array();
  for (auto i = page.first; i < all.size() && i < page.first + page.count; ++i)
    shown.push_back(repo_json(exchange.state, *all[i], exchange.doer));
  auto response = json_reply(200, {{"ok", true}, {"data", shown}});
  add_counts(response, exchange.state, exchange.request, page, all.size(), true);
  return response;
}

ServerResponse get_repo(Exchange& exchange) {
  return json_reply(200, repo_json(exchange.state, *exchange.repo, exchange.doer));
}

ServerResponse create(Exchange& exchange, const std::string& owner) {
  const Bound body(exchange, "CreateRepoOption");
  const auto name = body.required("name", "Name");
  if (name.find_first_not_of(kNameLetters) != std::string::npos)
    throw refused(exchange.state, 422, "[Name]: AlphaDashDot");
  const auto full_name = owner + "/" + name;
  if (exchange.state.repo(full_name) != nullptr)
    throw refused(exchange.state, 409, "The repository with the same name already exists.");
  Repo& made = exchange.state.add_repo(full_name, body.text("description").value_or(""));
  made.hidden = body.flag("private").value_or(false);
  made.default_branch = body.text("default_branch").value_or(made.default_branch);
  if (body.flag("auto_init").value_or(false))
    exchange.state.add_commit(made, made.default_branch, "README.md", made.name);
  return json_reply(201, repo_json(exchange.state, made, exchange.doer));
}

ServerResponse create_mine(Exchange& exchange) { return create(exchange, exchange.doer->login); }

ServerResponse create_of_organisation(Exchange& exchange) {
  const auto& login = exchange.parameter(0);
  const User* found = exchange.state.user(login);
  if (found == nullptr || !found->organisation)
    throw not_found(exchange.state, "user redirect does not exist [name: " + login + "]",
                    "GetOrgByName");
  return create(exchange, found->login);
}

void must_administer(const Exchange& exchange) {
  if (exchange.access < Access::admin)
    throw refused(exchange.state, 403,
                  "user should be an owner or a collaborator with admin write "
                  "of a repository");
}

ServerResponse edit_repo(Exchange& exchange) {
  must_administer(exchange);
  const Bound body(exchange, "EditRepoOption");
  Repo& repo = *exchange.repo;
  repo.archived = body.flag("archived").value_or(repo.archived);
  repo.hidden = body.flag("private").value_or(repo.hidden);
  repo.issues_on = body.flag("has_issues").value_or(repo.issues_on);
  repo.description = body.text("description").value_or(repo.description);
  for (const auto& [field, style] : kStyleFields)
    if (const auto allowed = body.flag(field)) {
      std::erase(repo.merge_styles, style);
      if (*allowed) repo.merge_styles.emplace_back(style);
    }
  repo.updated = exchange.state.now();
  const auto name = body.text("name").value_or(repo.name);
  if (name != repo.name) exchange.state.rename_repo(repo.full_name(), name);
  return json_reply(200, repo_json(exchange.state, repo, exchange.doer));
}

ServerResponse delete_repo(Exchange& exchange) {
  must_administer(exchange);
  exchange.state.repos.erase(lower(exchange.repo->full_name()));
  return empty_reply(204);
}

}  // namespace

const std::vector<Route>& repo_routes() {
  static const std::vector<Route> kRoutes = {
      {"GET", "/user/repos", "user repository", kToken, list_mine},
      {"POST", "/user/repos", "user repository", kToken, create_mine},
      {"GET", "/users/{}/repos", "user repository", 0, list_of_user},
      {"GET", "/orgs/{}/repos", "organization", 0, list_of_organisation},
      {"POST", "/orgs/{}/repos", "organization", kToken, create_of_organisation},
      {"GET", "/repos/search", "repository", 0, search},
      {"GET", "/repos/{}/{}", "repository", kRepo, get_repo},
      {"PATCH", "/repos/{}/{}", "repository", kRepo | kToken, edit_repo},
      {"DELETE", "/repos/{}/{}", "repository", kRepo | kToken, delete_repo},
  };
  return kRoutes;
}

}  // namespace host::forge
