// SPDX-License-Identifier: Apache-2.0
#include "forge/git_http.hpp"

#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace host::forge {
namespace {

namespace fs = std::filesystem;

// "owner/name" of "/owner/name.git/info/refs".
std::string repository_of(const ServerRequest& request) {
  return request.path.substr(1, request.path.find(".git/") - 1);
}

bool may_write(ForgeState& state, const ServerRequest& request) {
  const auto token = state.tokens.find(workspaces::password_of(request));
  const auto* repo = state.repo(repository_of(request));
  if (token == state.tokens.end() || repo == nullptr) return false;
  return state.access(state.user(token->second.login), *repo) >= Access::write;
}

std::vector<std::vector<std::string>> words_of(const std::string& text) {
  std::vector<std::vector<std::string>> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    std::istringstream parts(line);
    auto& words = lines.emplace_back();
    for (std::string word; parts >> word;) words.push_back(word);
  }
  return lines;
}

}  // namespace

bool is_git_path(const ServerRequest& request) {
  return request.path.find(".git/") != std::string::npos;
}

ServerResponse answer_git(ForgeState& state, const fs::path& root, const ServerRequest& request) {
  if (!may_write(state, request)) return workspaces::ask_for_password();
  auto response = workspaces::serve_git(root, request);
  if (request.path.ends_with("/git-receive-pack"))
    take_branches(state, root, repository_of(request));
  return response;
}

void take_branches(ForgeState& state, const fs::path& root, const std::string& full_name) {
  auto* repo = state.repo(full_name);
  if (repo == nullptr) throw Error(Code::usage, "there is no repository " + full_name);
  const std::map<std::string, std::string> at{{"GIT_DIR", (root / (full_name + ".git")).string()}};
  for (const auto& ids : words_of(git({"rev-list", "--parents", "--branches"}, at))) {
    if (repo->commits.contains(ids.at(0))) continue;
    auto& commit = repo->commits[ids.at(0)];
    commit.parents.assign(ids.begin() + 1, ids.end());
    commit.message = git({"log", "-1", "--format=%B", ids.at(0)}, at);
    for (const auto& entry : words_of(git({"ls-tree", "-r", ids.at(0)}, at)))
      commit.files[entry.at(3)] = entry.at(2);
  }
  repo->branches.clear();
  for (const auto& branch : words_of(
           git({"for-each-ref", "--format=%(refname:lstrip=2) %(objectname)", "refs/heads"}, at)))
    repo->branches[branch.at(0)] = branch.at(1);
}

}  // namespace host::forge
