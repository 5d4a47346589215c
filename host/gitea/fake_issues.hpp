// SPDX-License-Identifier: Apache-2.0
//
// The half of the forge's in-memory twin (fake_gitea.hpp) that holds repositories, issues, labels,
// comments and teams.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "base/loop.hpp"
#include "base/utf8.hpp"
#include "gitea/client.hpp"

namespace host {

class FakeIssues : public Gitea {
 public:
  explicit FakeIssues(Loop& loop) : loop_(&loop) {}

  struct Repo {
    Repository about;
    std::vector<Label> labels;
    std::map<std::int64_t, Issue> issues;
    std::map<std::int64_t, std::vector<Comment>> comments;
    std::vector<std::string> assignable{"timmy"};   // logins
    std::map<std::string, Permission> permissions;  // by login; none for others
    std::vector<Branch> branches;
    // Of pull requests, which are issues too.
    std::map<std::int64_t, PullRequest> pulls;
    std::map<std::int64_t, std::vector<ChangedFile>> files;
    std::map<std::int64_t, std::vector<Commit>> commits;
    std::map<std::int64_t, std::vector<Review>> reviews;
    std::map<std::string, std::vector<CommitStatus>> statuses;  // by hash or branch, oldest first
  };

  User user{1, "timmy"};
  std::map<std::string, Repo> repos;                              // by full name
  std::map<std::string, std::vector<Team>> teams;                 // by organisation
  std::map<std::int64_t, std::vector<std::string>> team_members;  // logins, by team
  std::map<std::string, std::vector<Label>> organisation_labels;  // by organisation
  std::optional<Error> fail_organisation_labels;                  // of whichever organisation
  TokenScopes token_scopes{{"write:issue", "write:organization", "write:repository", "write:user"}};
  std::size_t calls = 0;   // of all methods
  std::size_t writes = 0;  // that changed something

  Repo& add_repo(const std::string& full_name, std::vector<std::string> labels = {}) {
    Repo& repo = repos[full_name];
    repo.about.id = ++last_repo_;
    repo.about.full_name = full_name;
    repo.about.default_branch = "main";
    for (auto& name : labels)
      repo.labels.push_back({++last_id_, std::move(name), "ededed", "", false});
    return repo;
  }
  Issue& add_issue(const std::string& full_name, std::string title, std::string body = "") {
    Repo& repo = repos.at(full_name);
    const auto number = static_cast<std::int64_t>(repo.issues.size()) + 1;
    Issue& issue = repo.issues[number];
    issue.number = number, issue.id = ++last_id_;
    issue.title = std::move(title), issue.body = std::move(body);
    issue.state = "open", issue.user = "reporter";
    issue.created_at = issue.updated_at = now(), issue.repo = full_name;
    issue.repo_id = repo.about.id;
    return issue;
  }
  // Calls by the old name are sent on, which is told, until another repository has that name.
  void rename_repo(const std::string& from, const std::string& to) {
    auto moved = repos.extract(from);
    moved.key() = to;
    moved.mapped().about.full_name = to;
    for (auto& [number, issue] : moved.mapped().issues) issue.repo = to;
    repos.insert(std::move(moved));
    sent_on_[from] = to;
  }

  // The next call fails with this; several are used up in order.
  void fail_next(Error error) { failures_.push_back(std::move(error)); }
  // Turns available() and tells the handler, as a breaker would. While false, calls fail.
  void set_available(bool available) {
    if (std::exchange(available_, available) != available && handler_)
      loop_->post([handler = handler_, available] { handler(available); });
  }
  void set_authorised(bool authorised) { authorised_ = authorised; }
  [[nodiscard]] bool waiting() const { return waiting_; }

  void whoami(Reply<User> reply) override {
    answer(std::move(reply), [this] { return user; });
  }
  void version(Reply<std::string> reply) override {
    answer(std::move(reply), [] { return std::string("1.26.4"); });
  }
  void scopes(Reply<TokenScopes> reply) override {
    answer(std::move(reply), [this] { return token_scopes; });
  }
  void get_repo(RepoName name, Reply<Repository> reply) override {
    answer(std::move(reply), [this, name] { return find(name).about; });
  }
  void list_repos(std::string owner, Reply<std::vector<Repository>> reply) override {
    answer(std::move(reply), [this, owner] {
      std::vector<Repository> all;
      for (const auto& [full, repo] : repos)
        if (full.starts_with(owner + "/")) all.push_back(repo.about);
      return all;
    });
  }
  void list_my_repos(Reply<std::vector<Repository>> reply) override {
    answer(std::move(reply), [this] {
      std::vector<Repository> all;
      for (const auto& [full, repo] : repos)
        if (repo.about.can_push) all.push_back(repo.about);
      return all;
    });
  }
  void user_permission(RepoName name, std::string login, Reply<Permission> reply) override {
    answer(std::move(reply), [this, name, login] {
      const auto& all = find(name).permissions;
      const auto at = all.find(login);
      return at == all.end() ? Permission::none : at->second;
    });
  }
  void list_branches(RepoName name, Reply<std::vector<Branch>> reply) override {
    answer(std::move(reply), [this, name] { return find(name).branches; });
  }
  void get_branch(RepoName name, std::string branch, Reply<Branch> reply) override {
    answer(std::move(reply), [this, name, branch] {
      for (const auto& each : find(name).branches)
        if (each.name == branch) return each;
      throw Error(Code::not_found, "no branch " + branch + " in " + name.full());
    });
  }
  void delete_branch(RepoName name, std::string branch, Reply<Done> reply) override {
    answer(std::move(reply), [this, name, branch] {
      writes += std::erase_if(find(name).branches,
                              [&](const Branch& each) { return each.name == branch; });
      return Done{};
    });
  }
  void list_teams(std::string organisation, Reply<std::vector<Team>> reply) override {
    answer(std::move(reply), [this, organisation] { return teams[organisation]; });
  }
  void list_team_members(std::int64_t team, Reply<std::vector<std::string>> reply) override {
    answer(std::move(reply), [this, team] { return team_members[team]; });
  }
  void list_issues(RepoName name, IssueFilter filter, Reply<std::vector<Issue>> reply) override {
    answer(std::move(reply), [this, name, filter] {
      std::vector<Issue> all;
      for (const auto& [number, issue] : find(name).issues)
        if (matches(issue, filter)) cut(*all.insert(all.begin(), issue), filter.body_limit);
      return all;
    });
  }
  void get_issue(RepoName name, std::int64_t number, Reply<Issue> reply) override {
    answer(std::move(reply), [this, name, number] { return find(name, number); });
  }
  void set_issue_state(RepoName name, std::int64_t number, bool open, Reply<Issue> reply) override {
    answer(std::move(reply), [this, name, number, open] {
      Issue& issue = find(name, number);
      const std::string state = open ? "open" : "closed";
      if (std::exchange(issue.state, state) == state) return issue;
      issue.closed_at = open ? std::nullopt : std::optional(now());
      return touched(issue);
    });
  }
  void edit_issue(RepoName name, std::int64_t number, TextEdit edit, Reply<Issue> reply) override {
    answer(std::move(reply), [this, name, number, edit] {
      Issue& issue = find(name, number);
      const auto title = edit.title.value_or(issue.title), body = edit.body.value_or(issue.body);
      const bool same = title == issue.title && body == issue.body;
      issue.title = title, issue.body = body;
      return same ? issue : touched(issue);
    });
  }
  void keep_issue(RepoName name, std::string title, std::string body, std::string marker,
                  Reply<Issue> reply) override {
    answer(std::move(reply), [this, name, title, body, marker] {
      const auto text = signed_with(body, marker);
      const auto line = signed_with("", marker);
      for (auto& [number, issue] : find(name).issues) {
        if (issue.state != "open" || issue.body.find(line) == std::string::npos) continue;
        const bool same = issue.title == title && issue.body == text;
        issue.title = title, issue.body = text;
        return same ? issue : touched(issue);
      }
      Issue& made = add_issue(name.full(), title);
      made.body = text, made.user = user.login;
      return made;
    });
  }
  void list_assignable(RepoName name, Reply<std::vector<std::string>> reply) override {
    answer(std::move(reply), [this, name] { return find(name).assignable; });
  }
  void add_assignees(RepoName name, std::int64_t number, std::vector<std::string> logins,
                     Reply<Issue> reply) override {
    answer(std::move(reply), [this, name, number, logins] {
      Issue& issue = find(name, number);
      for (const auto& login : logins)
        if (!has(find(name).assignable, login))
          throw Error(Code::not_found,
                      "nothing in " + name.full() + " can be assigned to " + login);
      const auto before = issue.assignees.size();
      for (const auto& login : logins)
        if (!has(issue.assignees, login)) issue.assignees.push_back(login);
      return issue.assignees.size() == before ? issue : touched(issue);
    });
  }
  void remove_assignees(RepoName name, std::int64_t number, std::vector<std::string> logins,
                        Reply<Issue> reply) override {
    answer(std::move(reply), [this, name, number, logins] {
      Issue& issue = find(name, number);
      const auto gone =
          std::erase_if(issue.assignees, [&](const auto& login) { return has(logins, login); });
      return gone == 0 ? issue : touched(issue);
    });
  }
  void list_labels(RepoName name, Reply<std::vector<Label>> reply) override {
    answer(std::move(reply), [this, name] { return find(name).labels; });
  }
  void list_organisation_labels(std::string organisation,
                                Reply<std::vector<Label>> reply) override {
    answer(std::move(reply), [this, organisation] {
      if (fail_organisation_labels) throw *fail_organisation_labels;
      const auto at = organisation_labels.find(organisation);
      if (at == organisation_labels.end())
        throw Error(Code::not_found, organisation + " is no organisation");
      return at->second;
    });
  }
  void create_label(RepoName name, NewLabel label, Reply<Label> reply) override {
    answer(std::move(reply), [this, name, label] {
      auto& all = find(name).labels;
      for (const auto& each : all)
        if (each.name == label.name) return each;
      ++writes;
      return all.emplace_back(
          Label{++last_id_, label.name, label.color, label.description, label.exclusive});
    });
  }
  void add_labels(RepoName name, std::int64_t number, std::vector<std::string> names,
                  Reply<std::vector<Label>> reply) override {
    answer(std::move(reply), [this, name, number, names] {
      Issue& issue = find(name, number);
      for (const auto& wanted : names) {
        const auto& known = find(name).labels;
        const auto label = std::find_if(known.begin(), known.end(),
                                        [&](const Label& l) { return l.name == wanted; });
        if (label == known.end())
          throw Error(Code::not_found, "label \"" + wanted + "\" does not exist in " + name.full());
        if (carries(issue, wanted)) continue;
        issue.labels.push_back(*label);
        touched(issue);
      }
      return issue.labels;
    });
  }
  void remove_label(RepoName name, std::int64_t number, std::string label,
                    Reply<Done> reply) override {
    answer(std::move(reply), [this, name, number, label] {
      Issue& issue = find(name, number);
      if (std::erase_if(issue.labels, [&](const Label& l) { return l.name == label; }) > 0)
        touched(issue);
      return Done{};
    });
  }
  void list_comments(RepoName name, std::int64_t number,
                     Reply<std::vector<Comment>> reply) override {
    answer(std::move(reply), [this, name, number] {
      find(name, number);
      return find(name).comments[number];
    });
  }
  void list_repo_comments(RepoName name, WallTime since,
                          Reply<std::vector<Comment>> reply) override {
    answer(std::move(reply), [this, name, since] {
      std::vector<Comment> all;
      for (const auto& [number, comments] : find(name).comments)
        for (const auto& comment : comments)
          if (comment.updated_at >= since) all.push_back(comment);
      std::sort(all.begin(), all.end(),
                [](const Comment& a, const Comment& b) { return a.id < b.id; });
      return all;
    });
  }
  void create_comment(RepoName name, std::int64_t number, std::string body, std::string marker,
                      Reply<Comment> reply) override {
    answer(std::move(reply), [this, name, number, body, marker] {
      Comment* there = marked(name, number, marker);
      return there != nullptr ? *there : write_comment(name, number, signed_with(body, marker));
    });
  }
  void keep_comment(RepoName name, std::int64_t number, std::string body, std::string marker,
                    Reply<Comment> reply) override {
    answer(std::move(reply), [this, name, number, body, marker] {
      const auto text = signed_with(body, marker);
      Comment* there = marked(name, number, marker);
      if (there == nullptr) return write_comment(name, number, text);
      if (std::exchange(there->body, text) != text) {
        there->updated_at = now();
        touched(find(name, number));
      }
      return *there;
    });
  }
  // A comment of somebody else.
  Comment& add_comment(const std::string& full_name, std::int64_t number, std::string login,
                       std::string body) {
    Issue& issue = repos.at(full_name).issues.at(number);
    issue.updated_at = now(), ++issue.comments;
    return repos.at(full_name).comments[number].emplace_back(
        Comment{++last_id_, std::move(body), std::move(login), "", now(), now(), number});
  }
  [[nodiscard]] bool available() const override { return available_; }
  void set_available_handler(std::function<void(bool)> handler) override {
    handler_ = std::move(handler);
  }
  void set_waiting(bool waiting) override { waiting_ = waiting; }
  [[nodiscard]] bool authorised() const override { return authorised_; }
  void set_renamed_handler(std::function<void(const RepoName&, const RepoName&)> handler) override {
    renamed_ = std::move(handler);
  }
  // As a call does that was sent on.
  void tell_renamed(const RepoName& from, const RepoName& to) {
    if (renamed_) renamed_(from, to);
  }

 protected:
  [[nodiscard]] WallTime now() const { return loop_->clock().wall(); }
  [[nodiscard]] std::int64_t next_id() { return ++last_id_; }
  static bool has(const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  }
  static std::string signed_with(const std::string& body, const std::string& marker) {
    return marker.empty() ? body : body + "\n\n<!-- timmy:" + marker + " -->";
  }
  // Something about it was written.
  Issue& touched(Issue& issue) {
    ++writes;
    issue.updated_at = now();
    return issue;
  }
  Comment* marked(const RepoName& name, std::int64_t number, const std::string& marker) {
    find(name, number);
    for (auto& comment : find(name).comments[number])
      if (!marker.empty() && comment.body.ends_with(signed_with("", marker))) return &comment;
    return nullptr;
  }
  Comment write_comment(const RepoName& name, std::int64_t number, const std::string& body) {
    ++writes;
    return add_comment(name.full(), number, user.login, body);
  }
  static bool carries(const Issue& issue, const std::string& name) {
    return std::any_of(issue.labels.begin(), issue.labels.end(),
                       [&](const Label& label) { return label.name == name; });
  }
  template <class T>
  static void cut(T& object, std::optional<std::size_t> most) {
    if (most) object.body_cut = cut_text(object.body, *most);
  }
  static bool matches(const Issue& issue, const IssueFilter& filter) {
    return (filter.state == "all" || issue.state == filter.state) && !issue.is_pull &&
           (!filter.since || issue.updated_at >= filter.since) &&
           std::all_of(filter.labels.begin(), filter.labels.end(),
                       [&](const std::string& name) { return carries(issue, name); });
  }

  Repo& find(const RepoName& name) {
    auto at = repos.find(name.full());
    if (const auto on = sent_on_.find(name.full()); at == repos.end() && on != sent_on_.end()) {
      at = repos.find(on->second);
      tell_renamed(name, parse_repo_name(on->second));
    }
    if (at == repos.end()) throw Error(Code::not_found, "repository " + name.full() + " not found");
    return at->second;
  }
  Issue& find(const RepoName& name, std::int64_t number) {
    auto& issues = find(name).issues;
    const auto at = issues.find(number);
    if (at == issues.end())
      throw Error(Code::not_found, name.full() + "#" + std::to_string(number) + " not found");
    return at->second;
  }

  template <class T, class Work>
  void answer(Reply<T> reply, Work work) {
    ++calls;
    loop_->post([this, reply = std::move(reply), work = std::move(work)] {
      if (!available_) return reply(Error(Code::unavailable, "the forge is away"));
      if (!failures_.empty()) {
        const Error error = failures_.front();
        failures_.erase(failures_.begin());
        return reply(error);
      }
      reply(attempt([&]() -> T { return work(); }));
    });
  }

 private:
  Loop* loop_;
  std::int64_t last_id_ = 100, last_repo_ = 0;
  std::map<std::string, std::string> sent_on_;  // by old name
  bool available_ = true, authorised_ = true, waiting_ = false;
  std::function<void(bool)> handler_;
  std::function<void(const RepoName&, const RepoName&)> renamed_;
  std::vector<Error> failures_;
};

}  // namespace host
