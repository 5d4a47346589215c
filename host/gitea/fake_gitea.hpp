// SPDX-License-Identifier: Apache-2.0
//
// The forge's in-memory twin, for the tests of those who use it: repositories, labels and issues in
// plain maps, answers through the loop, failures on demand. The client's own tests don't use it.
#pragma once

#include <algorithm>
#include <map>
#include <utility>

#include "base/loop.hpp"
#include "gitea/client.hpp"

namespace host {

class FakeGitea final : public Gitea {
 public:
  explicit FakeGitea(Loop& loop) : loop_(&loop) {}

  struct Repo {
    Repository about;
    std::vector<Label> labels;
    std::map<std::int64_t, Issue> issues;
    std::map<std::int64_t, std::vector<Comment>> comments;
  };

  User user{1, "timmy"};
  std::map<std::string, Repo> repos;  // by full name
  std::size_t calls = 0;              // of all methods
  std::size_t writes = 0;             // that changed something

  Repo& add_repo(const std::string& full_name, std::vector<std::string> labels = {}) {
    Repo& repo = repos[full_name];
    repo.about.id = static_cast<std::int64_t>(repos.size());
    repo.about.full_name = full_name;
    repo.about.default_branch = "main";
    for (auto& name : labels) repo.labels.push_back({++last_id_, std::move(name), "ededed"});
    return repo;
  }
  Issue& add_issue(const std::string& full_name, std::string title, std::string body = "") {
    Repo& repo = repos.at(full_name);
    const auto number = static_cast<std::int64_t>(repo.issues.size()) + 1;
    Issue& issue = repo.issues[number];
    issue.number = number, issue.id = ++last_id_;
    issue.title = std::move(title), issue.body = std::move(body);
    issue.state = "open", issue.user = "reporter";
    issue.created_at = issue.updated_at = loop_->clock().wall();
    return issue;
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
  void list_issues(RepoName name, IssueFilter filter, Reply<std::vector<Issue>> reply) override {
    answer(std::move(reply), [this, name, filter] {
      std::vector<Issue> all;
      for (const auto& [number, issue] : find(name).issues)
        if (matches(issue, filter)) all.insert(all.begin(), issue);
      return all;
    });
  }
  void get_issue(RepoName name, std::int64_t number, Reply<Issue> reply) override {
    answer(std::move(reply), [this, name, number] { return find(name, number); });
  }
  void list_labels(RepoName name, Reply<std::vector<Label>> reply) override {
    answer(std::move(reply), [this, name] { return find(name).labels; });
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
        ++writes;
      }
      return issue.labels;
    });
  }
  void remove_label(RepoName name, std::int64_t number, std::string label,
                    Reply<Done> reply) override {
    answer(std::move(reply), [this, name, number, label] {
      Issue& issue = find(name, number);
      writes += std::erase_if(issue.labels, [&](const Label& l) { return l.name == label; });
      return Done{};
    });
  }
  void create_comment(RepoName name, std::int64_t number, std::string body, std::string marker,
                      Reply<Comment> reply) override {
    answer(std::move(reply), [this, name, number, body, marker] {
      find(name, number);
      auto& all = find(name).comments[number];
      for (const auto& comment : all)
        if (!marker.empty() && comment.body.find(marker) != std::string::npos) return comment;
      ++writes;
      all.push_back({++last_id_, body + "\n\n<!-- timmy:" + marker + " -->", user.login, "",
                     loop_->clock().wall()});
      return all.back();
    });
  }
  [[nodiscard]] bool available() const override { return available_; }
  void set_available_handler(std::function<void(bool)> handler) override {
    handler_ = std::move(handler);
  }
  void set_waiting(bool waiting) override { waiting_ = waiting; }
  [[nodiscard]] bool authorised() const override { return authorised_; }

 private:
  static bool carries(const Issue& issue, const std::string& name) {
    return std::any_of(issue.labels.begin(), issue.labels.end(),
                       [&](const Label& label) { return label.name == name; });
  }
  static bool matches(const Issue& issue, const IssueFilter& filter) {
    return (filter.state == "all" || issue.state == filter.state) && !issue.is_pull &&
           (!filter.since || issue.updated_at >= filter.since) &&
           std::all_of(filter.labels.begin(), filter.labels.end(),
                       [&](const std::string& name) { return carries(issue, name); });
  }

  Repo& find(const RepoName& name) {
    const auto at = repos.find(name.full());
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

  Loop* loop_;
  std::int64_t last_id_ = 100;
  bool available_ = true, authorised_ = true, waiting_ = false;
  std::function<void(bool)> handler_;
  std::vector<Error> failures_;
};

}  // namespace host
