// SPDX-License-Identifier: Apache-2.0
//
// What the forge of a test holds. Part of timmy/testing/forge.hpp.
#pragma once

#include <timmy/failure.hpp>
#include <timmy/job.hpp>

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace timmy::testing {

class ForgeWorld {
 public:
  // Since SDK 1.1, as all that says nothing else.
  struct Comment {
    std::int64_t id = 0;
    std::string body;  // without the invisible line
    std::string user;
    std::string marker;  // empty: somebody else's
    Time created_at{};
    Time updated_at{};
  };
  // Since SDK 1.0 but for the last six.
  struct Issue {
    std::int64_t number = 0;
    std::string title;
    std::string body;
    std::vector<std::string> labels;
    std::string state = "open";
    std::string user = "alice";
    Time updated_at{};
    std::vector<std::string> assignees{};
    std::vector<Comment> comments{};
    bool is_pull = false;
    Time created_at{};
    std::string milestone{};
    std::string marker{};  // by which keep_issue finds it; empty: somebody else's
  };
  struct Commit {
    std::string sha;
    std::string message;
    std::string name = "Alice";  // of its author and committer
    std::string email = "alice@example.org";
  };
  struct File {
    std::string name;
    std::string status = "changed";
    std::int64_t additions = 1;
    std::int64_t deletions = 0;
  };
  struct Review {
    std::int64_t id = 0;
    std::string user;
    std::string state;  // "APPROVED", "REQUEST_CHANGES", "COMMENT"
    std::string body;
    std::string sha;
    std::string marker;  // empty: somebody else's
    bool official = true;
    bool stale = false;
    bool dismissed = false;
  };
  // What a pull request has besides its issue, which has the same number.
  struct Pull {
    std::string head;
    std::string base = "main";
    std::string sha;
    bool draft = false;
    bool merged = false;
    bool mergeable = true;
    std::vector<std::string> requested_reviewers;
    std::vector<File> files;
    std::vector<Review> reviews;
    std::vector<Commit> commits;  // newest first
  };
  struct Status {
    std::string context;
    std::string state;
    std::string description;
    std::string target_url;
  };
  // Since SDK 1.0 but for the last six.
  struct Repository {
    std::set<std::string> labels;  // that exist
    std::vector<Issue> issues;
    bool archived = false;
    bool has_issues = true;
    std::vector<std::string> assignable{"timmy", "alice"};
    std::map<std::string, std::string> permissions{};  // by login: "write"; others have "none"
    std::map<std::int64_t, Pull> pulls{};
    // The newest of each context, by commit or branch.
    std::map<std::string, std::map<std::string, Status>> statuses{};
    // Of its labels, those that take the place of another of their scope ("kind/bug", "kind/wish").
    std::set<std::string> exclusive{};
    std::int64_t id = 0;  // stays, whatever its name becomes
  };

  std::string login = "timmy";  // the host's user. Since SDK 1.0
  int writes = 0;  // requests that would have changed something, or tried to. Since SDK 1.0
  // By organisation and name: logins.
  std::map<std::string, std::map<std::string, std::vector<std::string>>> teams;

  // Whether the host's token has the scope read:organization, without which teams are denied, and
  // LabelNames::complete is false.
  bool reads_organisations = true;

  // Since SDK 1.0.
  void add_repo(const std::string& name, const std::set<std::string>& labels = {}) {
    auto& repo = repos_[name];
    repo.labels = labels;
    if (repo.id == 0) repo.id = ++last_repo_;
  }
  // Its old name is one that no repository has then, and may be given to another. Throws
  // std::out_of_range without it.
  void rename_repo(const std::string& name, const std::string& to) {
    Repository moved = std::move(repos_.at(name));
    repos_.erase(name);
    repos_[to] = std::move(moved);
  }
  // Returns its number. Throws std::out_of_range without the repository. Since SDK 1.0.
  std::int64_t add_issue(const std::string& repo, const std::string& title,
                         const std::string& body = {},
                         const std::vector<std::string>& labels = {}) {
    auto& issues = repos_.at(repo).issues;
    Issue issue;
    issue.number = static_cast<std::int64_t>(issues.size()) + 1;
    issue.title = title;
    issue.body = body;
    issue.labels = labels;
    issue.updated_at = issue.created_at = now_;
    return issues.emplace_back(std::move(issue)).number;
  }
  // An open pull request that can be merged. Returns its number. Throws likewise.
  std::int64_t add_pull(const std::string& repo, const std::string& title, const std::string& head,
                        const std::string& base = "main") {
    const auto number = add_issue(repo, title);
    issue(repo, number).is_pull = true;
    Pull& made = repos_.at(repo).pulls[number];
    made.head = head;
    made.base = base;
    made.sha = std::string(39, 'a') + std::to_string(number % 10);
    return number;
  }
  // Somebody's comment. Throws likewise.
  Comment& add_comment(const std::string& repo, std::int64_t number, const std::string& body,
                       const std::string& user = "alice") {
    return comment_on(issue(repo, number), body, user, "");
  }
  // For looking and for changing; change updated_at as well where the forge would. They throw
  // std::out_of_range for what is not there, and are good until the next one is added. The first
  // two since SDK 1.0.
  [[nodiscard]] Repository& repo(const std::string& name) { return repos_.at(name); }
  [[nodiscard]] Issue& issue(const std::string& repo, std::int64_t number) {
    return repos_.at(repo).issues.at(static_cast<std::size_t>(number - 1));
  }
  [[nodiscard]] Pull& pull(const std::string& repo, std::int64_t number) {
    return repos_.at(repo).pulls.at(number);
  }

  // What updated_at is set to by changes from now on. The world calls it. Since SDK 1.0.
  void set_now(Time now) { now_ = now; }
  // The key of the job whose run calls from now on. Likewise.
  void set_job(const std::string& key) { job_ = key; }

 protected:
  [[nodiscard]] std::map<std::string, Repository>& repos() { return repos_; }
  [[nodiscard]] Time now() const { return now_; }
  [[nodiscard]] std::int64_t next_id() { return ++last_id_; }

  Repository& find_repo(const Json& params) {
    const auto found = repos_.find(params.at("repo").get<std::string>());
    if (found == repos_.end())
      throw Permanent("not_found",
                      "no repository \"" + params.at("repo").get<std::string>() + "\"");
    return found->second;
  }
  Repository& writable(const Json& params) {
    auto& repo = find_repo(params);
    if (repo.archived) throw Permanent("conflict", "the repository is archived");
    return repo;
  }
  Issue& find_issue(const Json& params) {
    auto& issues = find_repo(params).issues;
    const auto number = params.at("number").get<std::int64_t>();
    if (number < 1 || number > static_cast<std::int64_t>(issues.size()))
      throw Permanent("not_found", "no issue " + std::to_string(number));
    return issues[static_cast<std::size_t>(number - 1)];
  }
  Pull& find_pull(const Json& params) {
    auto& pulls = find_repo(params).pulls;
    const auto found = pulls.find(params.at("number").get<std::int64_t>());
    if (found == pulls.end()) throw Permanent("not_found", "no such pull request");
    return found->second;
  }
  // What a list is to hold, by the parameters `state` and `since`.
  struct Filter {
    std::string state;
    std::optional<Time> since;
    explicit Filter(const Json& params)
        : state(params.value("state", "open")), since(parse_time(params.value("since", ""))) {}
    [[nodiscard]] bool matches(const Issue& issue) const {
      return (state == "all" || issue.state == state) && !(since && issue.updated_at < *since);
    }
  };
  Comment& comment_on(Issue& issue, const std::string& body, const std::string& user,
                      const std::string& marker) {
    issue.updated_at = now_;
    Comment comment;
    comment.id = next_id();
    comment.body = body;
    comment.user = user;
    comment.marker = marker;
    comment.created_at = comment.updated_at = now_;
    return issue.comments.emplace_back(std::move(comment));
  }

  static std::string text(Time time) {
    return format_time(std::chrono::floor<std::chrono::seconds>(time));
  }
  static Json to_json(const std::string& name, const Repository& repo) {
    return {{"id", repo.id},
            {"full_name", name},
            {"archived", repo.archived},
            {"has_issues", repo.has_issues}};
  }
  static Json to_json(const Issue& issue) {
    return {{"number", issue.number},
            {"title", issue.title},
            {"body", issue.body},
            {"labels", issue.labels},
            {"assignees", issue.assignees},
            {"milestone", issue.milestone},
            {"state", issue.state},
            {"user", issue.user},
            {"is_pull", issue.is_pull},
            {"comments", issue.comments.size()},
            {"created_at", text(issue.created_at)},
            {"updated_at", text(issue.updated_at)}};
  }
  // As an element of a list that was asked for with `body_limit`.
  static Json cut(Json json, const Json& params) {
    std::string body = json.at("body");
    auto most = static_cast<std::size_t>(params.value("body_limit", std::int64_t{INT64_MAX}));
    if (body.size() <= most) return json;
    while (most > 0 && (static_cast<unsigned char>(body[most]) & 0xC0) == 0x80) --most;
    json["body"] = body.substr(0, most);
    json["body_cut"] = true;
    return json;
  }
  // Our own with its invisible line, as the host hands it over.
  static Json to_json(const Comment& comment, std::int64_t number) {
    const auto line = comment.marker.empty() ? "" : "\n\n<!-- timmy:" + comment.marker + " -->";
    return {{"id", comment.id},
            {"number", number},
            {"body", comment.body + line},
            {"user", comment.user},
            {"created_at", text(comment.created_at)},
            {"updated_at", text(comment.updated_at)}};
  }
  static Json to_json(const Issue& issue, const Pull& pull, const Json& params) {
    Json json = to_json(issue);
    json.update(
        {{"draft", pull.draft},
         {"merged", pull.merged},
         {"mergeable", pull.mergeable},
         {"requested_reviewers", pull.requested_reviewers},
         {"base", {{"branch", pull.base}, {"sha", ""}, {"repo", params.at("repo")}}},
         {"head", {{"branch", pull.head}, {"sha", pull.sha}, {"repo", params.at("repo")}}}});
    return json;
  }
  static Json to_json(const Review& review) {
    return {{"id", review.id},       {"user", review.user},          {"state", review.state},
            {"body", review.body},   {"commit_sha", review.sha},     {"official", review.official},
            {"stale", review.stale}, {"dismissed", review.dismissed}};
  }
  static Json to_json(const Status& status) {
    return {{"context", status.context},
            {"state", status.state},
            {"description", status.description},
            {"target_url", status.target_url}};
  }

  std::string job_;

 private:
  std::map<std::string, Repository> repos_;
  Time now_{};
  std::int64_t last_id_ = 100;
  std::int64_t last_repo_ = 0;
};

}  // namespace timmy::testing
