// SPDX-License-Identifier: Apache-2.0
#include "forge/state.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace host::forge {
namespace {

Error usage(const std::string& message) { return {Code::usage, message}; }

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::any_of(names.begin(), names.end(),
                     [&](const std::string& n) { return lower(n) == lower(name); });
}

}  // namespace

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return result;
}

WallTime ForgeState::now() const {
  return std::chrono::floor<std::chrono::seconds>(clock_->wall());
}

User& ForgeState::add_user(std::string login, bool admin) {
  auto [at, added] = users.try_emplace(lower(login));
  if (!added) throw usage("user " + login + " is there already");
  at->second = {next_id(), std::move(login), admin, false, {}, now()};
  return at->second;
}

User& ForgeState::add_organisation(std::string login, std::vector<std::string> owners) {
  User& made = add_user(std::move(login));
  made.organisation = true;
  made.owners = std::move(owners);
  return made;
}

void ForgeState::add_token(std::string token, std::string login, std::vector<std::string> scopes) {
  if (user(login) == nullptr) throw usage("no user " + login + " to give a token to");
  tokens[std::move(token)] = {std::move(login), std::move(scopes)};
}

Repo& ForgeState::add_repo(std::string_view full_name, std::string description) {
  const auto slash = full_name.find('/');
  if (slash == std::string_view::npos) throw usage("a repository is owner/name");
  const User* owner = user(full_name.substr(0, slash));
  if (owner == nullptr) throw usage("no owner for " + std::string(full_name));
  auto [at, added] = repos.try_emplace(lower(full_name));
  if (!added) throw usage("repository " + std::string(full_name) + " is there already");
  Repo& made = at->second;
  made.id = next_id();
  made.owner = owner->login;
  made.name = full_name.substr(slash + 1);
  made.description = std::move(description);
  made.created = made.updated = now();
  renamed_repos.erase(lower(full_name));
  return made;
}

Label& ForgeState::add_label(Repo& repo, std::string name, std::string color) {
  return repo.labels.emplace_back(Label{next_id(), std::move(name), std::move(color), "", false});
}

Label& ForgeState::add_organisation_label(std::string_view login, std::string name) {
  const User* owner = user(login);
  if (owner == nullptr || !owner->organisation)
    throw usage("no organisation " + std::string(login));
  return org_labels[lower(login)].emplace_back(
      Label{next_id(), std::move(name), "ededed", "", false});
}

Issue& ForgeState::add_issue(Repo& repo, std::string login, std::string title, std::string body) {
  const auto number = ++repo.last_number;
  Issue& made = repo.issues[number];
  made.id = next_id();
  made.number = number;
  made.login = std::move(login);
  made.title = std::move(title);
  made.body = std::move(body);
  made.created = made.updated = repo.updated = now();
  return made;
}

Comment& ForgeState::add_comment(Repo& repo, Issue& issue, std::string login, std::string body) {
  issue.updated = repo.updated = now();
  return issue.comments.emplace_back(
      Comment{next_id(), std::move(login), std::move(body), now(), now()});
}

User* ForgeState::user(std::string_view login) {
  const auto at = users.find(lower(login));
  return at == users.end() ? nullptr : &at->second;
}

Repo* ForgeState::repo(std::string_view full_name) {
  const auto at = repos.find(lower(full_name));
  return at == repos.end() ? nullptr : &at->second;
}

Issue* ForgeState::issue(std::string_view full_name, std::int64_t number) {
  Repo* found = repo(full_name);
  if (found == nullptr) return nullptr;
  const auto at = found->issues.find(number);
  return at == found->issues.end() ? nullptr : &at->second;
}

const Label* ForgeState::label(const Repo& repo, std::int64_t id) const {
  for (const auto& label : repo.labels)
    if (label.id == id) return &label;
  const auto shared = org_labels.find(lower(repo.owner));
  if (shared == org_labels.end()) return nullptr;
  for (const auto& label : shared->second)
    if (label.id == id) return &label;
  return nullptr;
}

bool ForgeState::label_exists(std::int64_t id) const {
  return std::any_of(repos.begin(), repos.end(),
                     [&](const auto& entry) { return label(entry.second, id) != nullptr; });
}

std::vector<Label> ForgeState::labels_of(const Repo& repo, const Issue& issue) const {
  std::vector<Label> all;
  for (const auto id : issue.labels)
    if (const Label* found = label(repo, id)) all.push_back(*found);
  std::sort(all.begin(), all.end(), [](const Label& a, const Label& b) {
    return std::tie(a.name, a.id) < std::tie(b.name, b.id);
  });
  return all;
}

std::vector<std::string> ForgeState::label_names(std::string_view full_name, std::int64_t number) {
  std::vector<std::string> names;
  if (const Issue* found = issue(full_name, number))
    for (auto& label : labels_of(*repo(full_name), *found)) names.push_back(std::move(label.name));
  return names;
}

Access ForgeState::access(const User* user, const Repo& repo) const {
  if (user != nullptr) {
    const auto owner = users.find(lower(repo.owner));
    const bool owns = owner != users.end() && (lower(owner->second.login) == lower(user->login) ||
                                               contains(owner->second.owners, user->login));
    if (owns || user->admin) return Access::admin;
    if (contains(repo.writers, user->login)) return Access::write;
  }
  return repo.hidden ? Access::none : Access::read;
}

void ForgeState::rename_repo(std::string_view full_name, const std::string& name) {
  auto entry = repos.extract(lower(full_name));
  if (entry.empty()) throw usage("no repository " + std::string(full_name));
  const auto renamed = entry.mapped().owner + "/" + name;
  entry.mapped().name = name;
  entry.key() = lower(renamed);
  repos.insert(std::move(entry));
  for (auto& [old, target] : renamed_repos)
    if (lower(target) == lower(full_name)) target = renamed;
  renamed_repos[lower(full_name)] = renamed;
  renamed_repos.erase(lower(renamed));
}

}  // namespace host::forge
