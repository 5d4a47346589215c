// SPDX-License-Identifier: Apache-2.0
//
// gitea/1: the host's forge (Gitea or Forgejo), with the host's token. What holds for all of
// timmy/services.hpp holds here.
#pragma once

#include <timmy/caller.hpp>
#include <timmy/forge_types.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace timmy {

// Reading needs the grant gitea.read for the repository, writing gitea.write, merging gitea.merge.
// Lists are whole, not only a page. A write that changes nothing is fine, and so may be made again.
// In a dry run the host sends no write, and answers what it would have come to. A run may make so
// many writes (limits.mutations, 50); the next throws Permanent "too_large".
class Gitea {
 public:
  explicit Gitea(Caller caller) : caller_(caller) {}

  // Whom the host's token belongs to. Fails if the forge is away or refuses the token.
  [[nodiscard]] User whoami() const {
    const Json user = call("whoami", Json::object());
    return {user.value("id", std::int64_t{0}), user.at("login").get<std::string>()};
  }

  [[nodiscard]] std::string version() const {
    return call("version", Json::object()).at("version").get<std::string>();
  }

  // Repositories and people.

  // All repositories of a user or organisation that the host sees and the plugin may read.
  [[nodiscard]] std::vector<Repository> list_repos(const std::string& owner) const {
    return list<Repository>("list_repos", {{"owner", owner}}, "repos");
  }
  // Since SDK 1.1, as all below that says nothing else.
  [[nodiscard]] Repository get_repo(const std::string& repo) const {
    return Repository::from(call("get_repo", {{"repo", repo}}));
  }
  // What somebody may do in the repository: "none", "read", "write", "admin" or "owner". Permanent
  // "denied" unless that is the host's user, or it administers the repository.
  [[nodiscard]] std::string user_permission(const std::string& repo,
                                            const std::string& login) const {
    return call("user_permission", {{"repo", repo}, {"login", login}}).at("permission");
  }
  // Logins of whom issues can be assigned to.
  [[nodiscard]] std::vector<std::string> list_assignable(const std::string& repo) const {
    return call("list_assignable", {{"repo", repo}}).at("assignable");
  }
  // Teams of an organisation; needs gitea.read for any repository of it.
  [[nodiscard]] std::vector<Team> list_teams(const std::string& owner) const {
    return list<Team>("list_teams", {{"owner", owner}}, "teams");
  }
  // Logins; `team` is its name.
  [[nodiscard]] std::vector<std::string> list_team_members(const std::string& owner,
                                                           const std::string& team) const {
    return call("list_team_members", {{"owner", owner}, {"team", team}}).at("members");
  }

  // Issues. What takes an issue's number takes a pull request's too.

  // All issues, newest first; pull requests are none. Since SDK 1.0.
  [[nodiscard]] std::vector<Issue> list_issues(const std::string& repo,
                                               const IssueFilter& filter = {}) const {
    Json params{{"repo", repo}, {"state", filter.state}};
    put_since(params, filter.since);
    if (filter.body_limit) params["body_limit"] = *filter.body_limit;
    return list<Issue>("list_issues", params, "issues");
  }
  // Since SDK 1.0.
  [[nodiscard]] Issue get_issue(const std::string& repo, std::int64_t number) const {
    return Issue::from(call("get_issue", {{"repo", repo}, {"number", number}}));
  }
  // Each returns the issue as it is then.
  Issue set_issue_state(const std::string& repo, std::int64_t number, bool open) const {
    return Issue::from(
        call("set_issue_state", {{"repo", repo}, {"number", number}, {"open", open}}));
  }
  // Permanent "not_found" names somebody who can't be assigned; then nobody is added.
  Issue add_assignees(const std::string& repo, std::int64_t number,
                      const std::vector<std::string>& logins) const {
    return Issue::from(
        call("add_assignees", {{"repo", repo}, {"number", number}, {"logins", logins}}));
  }
  Issue remove_assignees(const std::string& repo, std::int64_t number,
                         const std::vector<std::string>& logins) const {
    return Issue::from(
        call("remove_assignees", {{"repo", repo}, {"number", number}, {"logins", logins}}));
  }

  // Labels.

  // The names of the repository's own labels; those of its organisation are not among them. Since
  // SDK 1.0.
  [[nodiscard]] std::vector<std::string> list_labels(const std::string& repo) const {
    return call("list_labels", {{"repo", repo}}).at("labels");
  }
  // Those of its organisation too, if the host's token may read them: see LabelNames::complete.
  [[nodiscard]] LabelNames list_usable_labels(const std::string& repo) const {
    return LabelNames::from(call("list_labels", {{"repo", repo}, {"organisation", true}}));
  }
  // Returns the one that has the name already, whatever its colour, if there is one.
  Label create_label(const std::string& repo, const Label& label) const {
    return Label::from(call("create_label", {{"repo", repo},
                                             {"name", label.name},
                                             {"color", label.color},
                                             {"description", label.description},
                                             {"exclusive", label.exclusive}}));
  }
  // Adds labels by name and returns all that the issue carries afterwards. Throws Permanent
  // "not_found" naming the label that does not exist. Since SDK 1.0.
  std::vector<std::string> add_labels(const std::string& repo, std::int64_t number,
                                      const std::vector<std::string>& labels) const {
    return call("add_labels", {{"repo", repo}, {"number", number}, {"labels", labels}})
        .at("labels");
  }
  // Fine if the issue does not carry it.
  void remove_label(const std::string& repo, std::int64_t number, const std::string& label) const {
    call("remove_label", {{"repo", repo}, {"number", number}, {"label", label}});
  }

  // Comments. The host adds an invisible line to those that it writes, by which it finds them.

  // Oldest first.
  [[nodiscard]] std::vector<Comment> list_comments(const std::string& repo,
                                                   std::int64_t number) const {
    return list<Comment>("list_comments", {{"repo", repo}, {"number", number}}, "comments");
  }
  // Writes a comment, once for this job: another run of it is handed the one that is there. `name`
  // tells several comments of one job on one issue apart.
  Comment create_comment(const std::string& repo, std::int64_t number, const std::string& body,
                         const std::string& name = {}) const {
    return Comment::from(call(
        "create_comment", {{"repo", repo}, {"number", number}, {"body", body}, {"name", name}}));
  }
  // The one comment of this plugin with this name on the issue: it says `body` then.
  Comment keep_comment(const std::string& repo, std::int64_t number, const std::string& body,
                       const std::string& name) const {
    return Comment::from(
        call("keep_comment", {{"repo", repo}, {"number", number}, {"body", body}, {"name", name}}));
  }

  // The one open issue of this plugin with this name in the repository: it says `title` and `body`
  // then. One that was closed stays so, and another is made.
  Issue keep_issue(const std::string& repo, const std::string& title, const std::string& body,
                   const std::string& name) const {
    return Issue::from(
        call("keep_issue", {{"repo", repo}, {"title", title}, {"body", body}, {"name", name}}));
  }

  // Pull requests.

  // Oldest first.
  [[nodiscard]] std::vector<PullRequest> list_prs(const std::string& repo,
                                                  const PullFilter& filter = {}) const {
    Json params{{"repo", repo}, {"state", filter.state}};
    if (!filter.base.empty()) params["base"] = filter.base;
    if (!filter.head.empty()) params["head"] = filter.head;
    put_since(params, filter.since);
    if (filter.body_limit) params["body_limit"] = *filter.body_limit;
    return list<PullRequest>("list_prs", params, "prs");
  }
  [[nodiscard]] PullRequest get_pr(const std::string& repo, std::int64_t number) const {
    return PullRequest::from(call("get_pr", {{"repo", repo}, {"number", number}}));
  }
  [[nodiscard]] std::vector<ChangedFile> list_pr_files(const std::string& repo,
                                                       std::int64_t number) const {
    return list<ChangedFile>("list_pr_files", {{"repo", repo}, {"number", number}}, "files");
  }
  // Those that it would add to its base, newest first.
  [[nodiscard]] std::vector<Commit> list_pr_commits(const std::string& repo,
                                                    std::int64_t number) const {
    return list<Commit>("list_pr_commits", {{"repo", repo}, {"number", number}}, "commits");
  }
  // Hands it over merged; fine if it is merged already. May wait half a minute for the forge to
  // find out whether it can be. Permanent "conflict", with the reason: it is closed, a draft,
  // conflicts, its head is not order.head_sha or its base not order.base, checks or approvals that
  // the forge asks for are missing. So it also ends, and says that it was merged though, where its
  // base was changed just before the order, which the forge does not compare.
  PullRequest merge_pr(const std::string& repo, std::int64_t number,
                       const MergeOrder& order = {}) const {
    return PullRequest::from(call("merge_pr", {{"repo", repo},
                                               {"number", number},
                                               {"style", order.style},
                                               {"title", order.title},
                                               {"message", order.message},
                                               {"delete_branch", order.delete_branch},
                                               {"head_sha", order.head_sha},
                                               {"base", order.base}}));
  }
  // Oldest first.
  [[nodiscard]] std::vector<Review> list_reviews(const std::string& repo,
                                                 std::int64_t number) const {
    return list<Review>("list_reviews", {{"repo", repo}, {"number", number}}, "reviews");
  }
  // Once for this job, as create_comment(). Permanent "invalid": it is the host's user's own, or
  // closed; then only comments are taken.
  Review create_review(const std::string& repo, std::int64_t number,
                       const NewReview& review) const {
    return Review::from(call("create_review", {{"repo", repo},
                                               {"number", number},
                                               {"event", word(review.event)},
                                               {"body", review.body},
                                               {"commit_sha", review.commit_sha},
                                               {"name", review.name}}));
  }

  // Statuses of a commit.

  // `ref`: a commit's hash, a branch or a tag.
  [[nodiscard]] CombinedStatus combined_status(const std::string& repo,
                                               const std::string& ref) const {
    return CombinedStatus::from(call("combined_status", {{"repo", repo}, {"ref", ref}}));
  }
  // Writes none where the newest of that context says the same.
  CommitStatus set_status(const std::string& repo, const std::string& sha,
                          const CommitStatus& status) const {
    return CommitStatus::from(call("set_status", {{"repo", repo},
                                                  {"sha", sha},
                                                  {"context", status.context},
                                                  {"state", status.state},
                                                  {"description", status.description},
                                                  {"target_url", status.target_url}}));
  }

 private:
  Json call(const std::string& method, const Json& params) const {
    return caller_.call("gitea/1." + method, params);
  }

  template <class T>
  [[nodiscard]] std::vector<T> list(const std::string& method, const Json& params,
                                    const char* key) const {
    Json answer = call(method, params);
    std::vector<T> all;
    for (Json& each : answer.at(key)) all.push_back(T::from(std::move(each)));
    return all;
  }

  static void put_since(Json& params, const std::optional<Time>& since) {
    if (since) params["since"] = format_time(std::chrono::floor<std::chrono::seconds>(*since));
  }

  Caller caller_;
};

}  // namespace timmy
