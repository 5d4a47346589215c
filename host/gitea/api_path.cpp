// SPDX-License-Identifier: Apache-2.0
#include "gitea/api_path.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace host {
namespace {

constexpr std::string_view kRepos = "/repos/";

// Where the name of the repository ends in a path that begins with kRepos.
std::size_t end_of_repo(std::string_view path) {
  const auto owner = path.find('/', kRepos.size());
  if (owner == std::string_view::npos) return path.size();
  return std::min(path.find('/', owner + 1), path.size());
}

}  // namespace

std::optional<RepoName> repo_in(std::string_view path) {
  if (!path.starts_with(kRepos)) return std::nullopt;
  path = path.substr(0, path.find('?'));
  try {
    return parse_repo_name(path.substr(kRepos.size(), end_of_repo(path) - kRepos.size()));
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::string object_in(std::string_view path) {
  path = path.substr(0, path.find('?'));
  if (!path.starts_with(kRepos)) return std::string(path);
  const auto end = end_of_repo(path);
  auto rest = path.substr(end);
  for (const std::string_view kind : {"/issues/", "/pulls/"}) {
    if (!rest.starts_with(kind)) continue;
    const auto number = rest.substr(kind.size(), rest.find('/', kind.size()) - kind.size());
    const bool digits = !number.empty() && std::all_of(number.begin(), number.end(),
                                                       [](char c) { return c >= '0' && c <= '9'; });
    if (digits) return std::string(path.substr(0, end)) + "#" + std::string(number);
  }
  return std::string(path);
}

}  // namespace host
