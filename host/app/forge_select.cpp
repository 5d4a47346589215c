// SPDX-License-Identifier: Apache-2.0
#include "app/forge_select.hpp"

#include <algorithm>
#include <cctype>
#include <map>
#include <memory>

#include "plugins/grants.hpp"

namespace host {
namespace {

using Repos = std::vector<Repository>;

// The server compares names without case.
std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char byte) { return static_cast<char>(std::tolower(byte)); });
  return text;
}

// Patterns by the owner whose repositories they are looked for in; "": in the user's own.
using Patterns = std::map<std::string, std::vector<std::string>>;

class Select : public std::enable_shared_from_this<Select> {
 public:
  Select(Gitea& gitea, std::function<void(Selection)> reply)
      : gitea_(&gitea), reply_(std::move(reply)) {}

  void take(std::string name, const std::string& owner) {
    if (name.find('/') == std::string::npos && !owner.empty()) name = owner + "/" + name;
    const auto slash = name.find('/');
    if (name.find('*') == std::string::npos) {
      repos_.try_emplace(lower(name), Selected{parse_repo_name(name)});
    } else if (slash == std::string::npos && name != "*") {
      throw Error(Code::usage, "\"" + name + "\" names no repository",
                  "Write owner/name, or give --owner.");
    } else {
      const auto whose = name.substr(0, std::min(slash, name.size()));
      const bool one_owner = whose.find('*') == std::string::npos;
      if (one_owner) (void)parse_repo_name(whose + "/any");
      patterns_[one_owner ? whose : ""].push_back(name);
    }
  }

  void start() {
    left_ = patterns_.size();
    if (left_ == 0) return finish();
    for (const auto& [owner, patterns] : patterns_) {
      const auto found = [self = shared_from_this(), &patterns = patterns](Result<Repos> repos) {
        self->found(patterns, std::move(repos));
        if (--self->left_ == 0) self->finish();
      };
      if (owner.empty())
        gitea_->list_my_repos(found);
      else
        gitea_->list_repos(owner, found);
    }
  }

 private:
  void found(const std::vector<std::string>& patterns, const Result<Repos>& repos) {
    for (const auto& pattern : patterns) {
      if (!repos.ok()) {
        selection_.failed.push_back({pattern, repos.error()});
        continue;
      }
      bool any = false;
      for (const auto& repo : repos.value()) {
        if (repo.archived || !glob_matches(lower(pattern), lower(repo.full_name))) continue;
        any = true;
        const auto name = parse_repo_name(repo.full_name);
        repos_[lower(repo.full_name)] = {name, repo.has_issues, repo.has_pulls};
      }
      if (!any)
        selection_.failed.push_back(
            {pattern, Error(Code::not_found, "it fits no repository that is not archived",
                            "Check the name, and what the token's user may see.")});
    }
  }

  void finish() {
    for (auto& [name, repo] : repos_) selection_.repos.push_back(std::move(repo));
    std::sort(selection_.failed.begin(), selection_.failed.end(),
              [](const auto& a, const auto& b) { return a.what < b.what; });
    reply_(std::move(selection_));
  }

  Gitea* gitea_;
  std::function<void(Selection)> reply_;
  Patterns patterns_;
  std::map<std::string, Selected> repos_;  // by name in lower case
  Selection selection_;
  std::size_t left_ = 0;
};

}  // namespace

void select_repos(Gitea& gitea, const std::vector<std::string>& names, const std::string& owner,
                  std::function<void(Selection)> reply) {
  const auto select = std::make_shared<Select>(gitea, std::move(reply));
  for (const auto& name : names) select->take(name, owner);
  if (names.empty()) select->take(owner.empty() ? "*" : owner + "/*", owner);
  select->start();
}

}  // namespace host
