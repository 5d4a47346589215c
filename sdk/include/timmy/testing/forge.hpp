// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <timmy/failure.hpp>
#include <timmy/job.hpp>
#include <timmy/testing/forge_world.hpp>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace timmy::testing {

// A forge in memory that answers gitea/1 as the host does: lists are whole, issues newest first and
// without pull requests; a label that does not exist is refused; a write that changes nothing
// leaves everything as it is; a job writes a comment or a review once, however often it runs (see
// JobOptions::key). What holds for all of timmy/testing.hpp holds here.
class Forge : public ForgeWorld {
 public:
  // Answers a method of gitea/1. Throws what a caller in a plugin would see.
  [[nodiscard]] Json answer(std::string_view method, const Json& params) {
    if (method == "whoami") return {{"login", login}, {"id", 1}};
    if (method == "version") return {{"version", "1.26.4"}};
    if (auto known = answer_repo(method, params)) return *known;
    if (auto known = answer_issue(method, params)) return *known;
    if (auto known = answer_pull(method, params)) return *known;
    throw Permanent("usage", "gitea/1 has no method \"" + std::string(method) + "\"");
  }

 private:
  using Known = std::optional<Json>;
  using Names = std::vector<std::string>;

  static bool has(const Names& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  }

  // Repositories, people and labels.

  Known answer_repo(std::string_view method, const Json& params) {
    if (method == "list_repos") return list_repos(params.at("owner"));
    if (method == "list_teams") return list_teams(params.at("owner"));
    if (method == "list_team_members") return list_team_members(params);
    if (method == "get_repo") return to_json(params.at("repo"), find_repo(params));
    if (method == "list_labels") return list_labels(params);
    if (method == "create_label") return create_label(params);
    if (method == "list_assignable") return Json{{"assignable", find_repo(params).assignable}};
    if (method == "user_permission") {
      const auto& all = find_repo(params).permissions;
      const auto found = all.find(params.at("login").get<std::string>());
      return Json{{"permission", found == all.end() ? "none" : found->second}};
    }
    if (method == "combined_status") return combined_status(params);
    if (method == "set_status") return set_status(params);
    return std::nullopt;
  }

  Json list_repos(const std::string& owner) {
    Json all = Json::array();
    for (const auto& [name, repo] : repos())
      if (name.starts_with(owner + "/")) all.push_back(to_json(name, repo));
    return {{"repos", all}};
  }

  // Their ids are their places.
  Json list_teams(const std::string& owner) {
    must_read_organisations();
    Json all = Json::array();
    for (const auto& [team, members] : teams[owner])
      all.push_back({{"id", all.size() + 1}, {"name", team}});
    return {{"teams", all}};
  }

  Json list_team_members(const Json& params) {
    must_read_organisations();
    const auto& all = teams[params.at("owner").get<std::string>()];
    const auto found = all.find(params.at("team").get<std::string>());
    if (found == all.end()) throw Permanent("not_found", "no such team");
    return {{"members", found->second}};
  }

  void must_read_organisations() const {
    if (!reads_organisations) throw Permanent("denied", "the token lacks read:organization");
  }

  Json list_labels(const Json& params) {
    const auto& repo = find_repo(params);
    Json all{{"labels", repo.labels}, {"exclusive", repo.exclusive}};
    if (params.value("organisation", false)) all["organisation"] = reads_organisations;
    return all;
  }

  // "kind" of an exclusive "kind/bug", else empty.
  static std::string scope(const Repository& repo, const std::string& label) {
    return repo.exclusive.contains(label) ? label.substr(0, label.find_last_of('/')) : "";
  }

  Json create_label(const Json& params) {
    ++writes;
    auto& repo = writable(params);
    if (repo.labels.insert(params.at("name").get<std::string>()).second &&
        params.value("exclusive", false))
      repo.exclusive.insert(params.at("name").get<std::string>());
    return {{"name", params.at("name")},
            {"color", params.value("color", "ededed")},
            {"description", params.value("description", "")},
            {"exclusive", params.value("exclusive", false)}};
  }

  Json combined_status(const Json& params) {
    Json all = Json::array();
    std::string sum = "none";
    for (const auto& [context, status] : find_repo(params).statuses[params.at("ref")]) {
      all.push_back(to_json(status));
      const auto& state = status.state;
      if (state == "error" || state == "failure" || state == "warning") sum = "failure";
      if (sum == "failure") continue;
      if (state != "success" && state != "skipped") sum = "pending";
      if (sum == "none") sum = "success";
    }
    return {{"state", sum}, {"statuses", all}};
  }

  Json set_status(const Json& params) {
    ++writes;
    Status status{params.at("context"), params.at("state"), params.value("description", ""),
                  params.value("target_url", "")};
    return to_json(writable(params).statuses[params.at("sha")][status.context] = status);
  }

  // Issues.

  Known answer_issue(std::string_view method, const Json& params) {
    if (method == "list_issues") return list_issues(params);
    if (method == "get_issue") return to_json(find_issue(params));
    if (method == "set_issue_state") return set_issue_state(params);
    if (method == "add_assignees") return add_assignees(params);
    if (method == "remove_assignees") return remove_assignees(params);
    if (method == "add_labels") return add_labels(params);
    if (method == "remove_label") return remove_label(params);
    if (method == "list_comments") return list_comments(params);
    if (method == "create_comment")
      return write_comment(params, "comment/" + job_ + "/" + params.value("name", ""), false);
    if (method == "keep_comment")
      return write_comment(params, "keep/" + params.at("name").get<std::string>(), true);
    if (method == "keep_issue") return keep_issue(params);
    return std::nullopt;
  }

  Json list_issues(const Json& params) {
    auto& issues = find_repo(params).issues;
    const Filter filter(params);
    Json all = Json::array();
    for (auto issue = issues.rbegin(); issue != issues.rend(); ++issue)
      if (!issue->is_pull && filter.matches(*issue)) all.push_back(cut(to_json(*issue), params));
    return {{"issues", all}};
  }

  Issue& for_writing(const Json& params) {
    ++writes;
    (void)writable(params);
    return find_issue(params);
  }

  Json set_issue_state(const Json& params) {
    auto& issue = for_writing(params);
    const std::string state = params.at("open").get<bool>() ? "open" : "closed";
    if (std::exchange(issue.state, state) != state) issue.updated_at = now();
    return to_json(issue);
  }

  Json add_assignees(const Json& params) {
    auto& issue = for_writing(params);
    const Names logins = params.at("logins");
    for (const auto& each : logins)
      if (!has(find_repo(params).assignable, each))
        throw Permanent("not_found", "nothing can be assigned to " + each);
    for (const auto& each : logins) {
      if (has(issue.assignees, each)) continue;
      issue.assignees.push_back(each);
      issue.updated_at = now();
    }
    return to_json(issue);
  }

  Json remove_assignees(const Json& params) {
    auto& issue = for_writing(params);
    const Names logins = params.at("logins");
    if (std::erase_if(issue.assignees, [&](const auto& each) { return has(logins, each); }) > 0)
      issue.updated_at = now();
    return to_json(issue);
  }

  // As a real one: an exclusive label takes the place of the others of its scope, of those that are
  // added with it, too; and the host then misses the one that is gone.
  Json add_labels(const Json& params) {
    auto& issue = for_writing(params);
    const auto& repo = find_repo(params);
    const auto refuse = [](const std::string& label) {
      throw Permanent("not_found", "no label \"" + label + "\" in the repository");
    };
    for (const std::string label : params.at("labels")) {
      if (!repo.labels.contains(label)) refuse(label);
      if (has(issue.labels, label)) continue;
      if (const auto mine = scope(repo, label); !mine.empty())
        std::erase_if(issue.labels, [&](const auto& each) { return scope(repo, each) == mine; });
      issue.labels.push_back(label);
      issue.updated_at = now();
    }
    for (const std::string label : params.at("labels"))
      if (!has(issue.labels, label)) refuse(label);
    return {{"labels", issue.labels}};
  }

  Json remove_label(const Json& params) {
    auto& issue = for_writing(params);
    if (std::erase(issue.labels, params.at("label").get<std::string>()) > 0)
      issue.updated_at = now();
    return Json::object();
  }

  Json list_comments(const Json& params) {
    const auto& issue = find_issue(params);
    Json all = Json::array();
    for (const auto& comment : issue.comments) all.push_back(to_json(comment, issue.number));
    return {{"comments", all}};
  }

  Json keep_issue(const Json& params) {
    ++writes;
    const std::string marker = params.at("name");
    const std::string title = params.at("title");
    auto& issues = writable(params).issues;
    auto found = std::find_if(issues.begin(), issues.end(), [&](const Issue& each) {
      return each.marker == marker && each.state == "open";
    });
    if (found == issues.end()) {
      (void)add_issue(params.at("repo"), title, params.at("body"));
      found = std::prev(issues.end());
      found->user = login;
      found->marker = marker;
    } else if (const std::string body = params.at("body");
               found->title != title || found->body != body) {
      found->title = title;
      found->body = body;
      found->updated_at = now();
    }
    return to_json(*found);
  }

  Json write_comment(const Json& params, const std::string& marker, bool keep) {
    auto& issue = for_writing(params);
    const std::string body = params.at("body");
    for (auto& comment : issue.comments) {
      if (comment.marker != marker) continue;
      if (keep && std::exchange(comment.body, body) != body)
        comment.updated_at = issue.updated_at = now();
      return to_json(comment, issue.number);
    }
    return to_json(comment_on(issue, body, login, marker), issue.number);
  }

  // Pull requests.

  Known answer_pull(std::string_view method, const Json& params) {
    if (method == "list_prs") return list_prs(params);
    if (method == "get_pr") return to_json(find_issue(params), find_pull(params), params);
    if (method == "list_pr_files") return list_files(find_pull(params));
    if (method == "list_pr_commits") return list_commits(find_pull(params));
    if (method == "list_reviews") return list_reviews(find_pull(params));
    if (method == "create_review") return create_review(params);
    if (method == "merge_pr") return merge_pr(params);
    return std::nullopt;
  }

  Json list_prs(const Json& params) {
    const Filter filter(params);
    Json all = Json::array();
    for (const auto& [number, pull] : find_repo(params).pulls) {
      const auto& issue = find_repo(params).issues.at(static_cast<std::size_t>(number - 1));
      if (filter.matches(issue) && params.value("base", pull.base) == pull.base &&
          params.value("head", pull.head) == pull.head)
        all.push_back(cut(to_json(issue, pull, params), params));
    }
    return {{"prs", all}};
  }

  static Json list_files(const Pull& pull) {
    Json all = Json::array();
    for (const auto& file : pull.files)
      all.push_back({{"name", file.name},
                     {"status", file.status},
                     {"additions", file.additions},
                     {"deletions", file.deletions}});
    return {{"files", all}};
  }

  static Json list_commits(const Pull& pull) {
    Json all = Json::array();
    for (const auto& commit : pull.commits) {
      const Json who{{"name", commit.name}, {"email", commit.email}};
      all.push_back(
          {{"sha", commit.sha}, {"message", commit.message}, {"author", who}, {"committer", who}});
    }
    return {{"commits", all}};
  }

  static Json list_reviews(const Pull& pull) {
    Json all = Json::array();
    for (const auto& review : pull.reviews) all.push_back(to_json(review));
    return {{"reviews", all}};
  }

  Json merge_pr(const Json& params) {
    auto& issue = for_writing(params);
    auto& pull = find_pull(params);
    const auto refuse = [](const char* why) { throw Permanent("conflict", why); };
    if (pull.merged) return to_json(issue, pull, params);
    if (issue.state != "open") refuse("it is closed");
    if (pull.draft) refuse("it is a draft");
    const std::string head = params.value("head_sha", "");
    if (!head.empty() && head != pull.sha)
      refuse("its head is no longer the one that was looked at");
    const std::string base = params.value("base", "");
    if (!base.empty() && base != pull.base)
      refuse("its base is no longer the one that was looked at");
    if (!pull.mergeable) refuse("it conflicts with its base");
    pull.merged = true, pull.mergeable = false;
    issue.state = "closed", issue.updated_at = now();
    return to_json(issue, pull, params);
  }

  Json create_review(const Json& params) {
    auto& issue = for_writing(params);
    auto& pull = find_pull(params);
    const std::string event = params.at("event");
    if (event != "approve" && event != "request_changes" && event != "comment")
      throw Permanent("usage", "\"" + event + "\" is no event of a review");
    const auto marker = "review/" + job_ + "/" + params.value("name", "");
    for (const auto& review : pull.reviews)
      if (review.marker == marker) return to_json(review);
    if (issue.user == login && event != "comment")
      throw Permanent("invalid", "one's own pull request");
    issue.updated_at = now();
    Review review;
    review.id = next_id();
    review.user = login;
    review.state = event == "approve"           ? "APPROVED"
                   : event == "request_changes" ? "REQUEST_CHANGES"
                                                : "COMMENT";
    review.body = params.value("body", "");
    review.sha = params.value("commit_sha", "");
    if (review.sha.empty()) review.sha = pull.sha;
    review.marker = marker;
    return to_json(pull.reviews.emplace_back(std::move(review)));
  }
};

}  // namespace timmy::testing
