// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <timmy/failure.hpp>
#include <timmy/job.hpp>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace timmy::testing {

// A forge in memory that answers gitea/1 as the host does: lists are whole, newest first and
// without pull requests; a label that does not exist is refused; adding one that is there changes
// nothing. What holds for all of timmy/testing.hpp holds here.
class Forge {
 public:
  struct Issue {
    std::int64_t number = 0;
    std::string title;
    std::string body;
    std::vector<std::string> labels;
    std::string state = "open";
    std::string user = "alice";
    Time updated_at{};
  };
  struct Repository {
    std::set<std::string> labels;  // that exist
    std::vector<Issue> issues;
    bool archived = false;
    bool has_issues = true;
  };

  std::string login = "timmy";  // the host's user
  int writes = 0;               // requests that would have changed something, or tried to

  void add_repo(const std::string& name, const std::set<std::string>& labels = {}) {
    repos_[name].labels = labels;
  }
  // Returns its number. Throws std::out_of_range without the repository.
  std::int64_t add_issue(const std::string& repo, const std::string& title,
                         const std::string& body = {},
                         const std::vector<std::string>& labels = {}) {
    auto& issues = repos_.at(repo).issues;
    const auto number = static_cast<std::int64_t>(issues.size()) + 1;
    issues.push_back({number, title, body, labels, "open", "alice", now_});
    return number;
  }
  // For looking and for changing; change updated_at as well where the forge would. They throw
  // std::out_of_range for what is not there, and are good until the next one is added.
  [[nodiscard]] Repository& repo(const std::string& name) { return repos_.at(name); }
  [[nodiscard]] Issue& issue(const std::string& repo, std::int64_t number) {
    return repos_.at(repo).issues.at(static_cast<std::size_t>(number - 1));
  }

  // Answers a method of gitea/1. Throws what a caller in a plugin would see.
  [[nodiscard]] Json answer(std::string_view method, const Json& params) {
    if (method == "whoami") return {{"login", login}, {"id", 1}};
    if (method == "version") return {{"version", "1.26.4"}};
    if (method == "list_repos") return list_repos(params.at("owner"));
    if (method == "list_issues") return list_issues(params);
    if (method == "get_issue") return to_json(find_issue(params));
    if (method == "list_labels") return {{"labels", find_repo(params).labels}};
    if (method == "add_labels") return add_labels(params);
    throw Permanent("usage", "gitea/1 has no method \"" + std::string(method) + "\"");
  }

  // What updated_at is set to by changes from now on. The world calls it.
  void set_now(Time now) { now_ = now; }

 private:
  static Json to_json(const Issue& issue) {
    return {
        {"number", issue.number},
        {"title", issue.title},
        {"body", issue.body},
        {"labels", issue.labels},
        {"state", issue.state},
        {"user", issue.user},
        {"updated_at", format_time(std::chrono::floor<std::chrono::seconds>(issue.updated_at))}};
  }

  Repository& find_repo(const Json& params) {
    const auto found = repos_.find(params.at("repo").get<std::string>());
    if (found == repos_.end())
      throw Permanent("not_found",
                      "no repository \"" + params.at("repo").get<std::string>() + "\"");
    return found->second;
  }

  Issue& find_issue(const Json& params) {
    auto& issues = find_repo(params).issues;
    const auto number = params.at("number").get<std::int64_t>();
    if (number < 1 || number > static_cast<std::int64_t>(issues.size()))
      throw Permanent("not_found", "no issue " + std::to_string(number));
    return issues[static_cast<std::size_t>(number - 1)];
  }

  Json list_repos(const std::string& owner) const {
    Json all = Json::array();
    for (const auto& [name, repo] : repos_)
      if (name.starts_with(owner + "/"))
        all.push_back(
            {{"full_name", name}, {"archived", repo.archived}, {"has_issues", repo.has_issues}});
    return {{"repos", all}};
  }

  Json list_issues(const Json& params) {
    const std::string state = params.value("state", "open");
    const auto since = parse_time(params.value("since", ""));
    auto& issues = find_repo(params).issues;
    Json all = Json::array();
    for (auto issue = issues.rbegin(); issue != issues.rend(); ++issue) {
      if (state != "all" && issue->state != state) continue;
      if (since && issue->updated_at < *since) continue;
      all.push_back(to_json(*issue));
    }
    return {{"issues", all}};
  }

  Json add_labels(const Json& params) {
    ++writes;
    const auto& repo = find_repo(params);
    if (repo.archived) throw Permanent("conflict", "the repository is archived");
    auto& issue = find_issue(params);
    for (const std::string label : params.at("labels")) {
      if (!repo.labels.contains(label))
        throw Permanent("not_found", "no label \"" + label + "\" in the repository");
      if (std::find(issue.labels.begin(), issue.labels.end(), label) != issue.labels.end())
        continue;
      issue.labels.push_back(label);
      issue.updated_at = now_;
    }
    return {{"labels", issue.labels}};
  }

  std::map<std::string, Repository> repos_;
  Time now_{};
};

}  // namespace timmy::testing
