// SPDX-License-Identifier: Apache-2.0
//
// The forge's in-memory twin, for the tests of those who use it: what it holds in plain maps,
// answers through the loop, failures on demand. The client's own tests don't use it.
#pragma once

#include <algorithm>
#include <utility>

#include "gitea/fake_issues.hpp"

namespace host {

class FakeGitea final : public FakeIssues {
 public:
  using FakeIssues::FakeIssues;

  MergeOrder merge_order;  // by which the last one was merged

  // An open pull request of `reporter`, which can be merged.
  PullRequest& add_pull(const std::string& full_name, std::string title, std::string head,
                        std::string base = "main") {
    Issue& issue = add_issue(full_name, title);
    issue.is_pull = true;
    PullRequest& pull = repos.at(full_name).pulls[issue.number];
    pull.number = issue.number, pull.id = next_id();
    pull.title = std::move(title), pull.state = "open", pull.user = issue.user;
    pull.mergeable = true;
    pull.head = {std::move(head), std::string(39, 'a') + std::to_string(issue.number % 10),
                 full_name};
    pull.base = {std::move(base), std::string(40, 'b'), full_name};
    pull.created_at = pull.updated_at = now();
    return pull;
  }

  void list_prs(RepoName name, PullFilter filter, Reply<std::vector<PullRequest>> reply) override {
    answer(std::move(reply), [this, name, filter] {
      std::vector<PullRequest> all;
      for (const auto& [number, pull] : find(name).pulls) {
        const auto shown = show(name, number);
        if ((filter.state == "all" || shown.state == filter.state) &&
            (filter.base.empty() || pull.base.branch == filter.base) &&
            (filter.head.empty() || pull.head.branch == filter.head) &&
            (!filter.since || shown.updated_at >= filter.since))
          cut(all.emplace_back(shown), filter.body_limit);
      }
      return all;
    });
  }
  void get_pr(RepoName name, std::int64_t number, Reply<PullRequest> reply) override {
    answer(std::move(reply), [this, name, number] { return show(name, number); });
  }
  void list_pr_files(RepoName name, std::int64_t number,
                     Reply<std::vector<ChangedFile>> reply) override {
    answer(std::move(reply), [this, name, number] {
      find_pull(name, number);
      return find(name).files[number];
    });
  }
  void list_pr_commits(RepoName name, std::int64_t number,
                       Reply<std::vector<Commit>> reply) override {
    answer(std::move(reply), [this, name, number] {
      find_pull(name, number);
      return find(name).commits[number];
    });
  }
  void find_pr(RepoName name, std::string head, std::string base,
               Reply<std::optional<PullRequest>> reply) override {
    answer(std::move(reply), [this, name, head, base] { return open_one(name, head, base); });
  }
  void create_pr(RepoName name, NewPull wanted, Reply<PullRequest> reply) override {
    answer(std::move(reply), [this, name, wanted] {
      find(name);
      if (auto there = open_one(name, wanted.head, wanted.base)) return *there;
      ++writes;
      PullRequest& made = add_pull(name.full(), wanted.title, wanted.head, wanted.base);
      made.body = wanted.body, made.user = user.login;
      for (const auto& branch : find(name).branches)
        if (branch.name == wanted.head) made.head.sha = branch.sha;
      find(name, made.number).user = user.login;
      return made;
    });
  }
  void edit_pr(RepoName name, std::int64_t number, TextEdit edit,
               Reply<PullRequest> reply) override {
    answer(std::move(reply), [this, name, number, edit] {
      PullRequest& pull = find_pull(name, number);
      const auto title = edit.title.value_or(pull.title), body = edit.body.value_or(pull.body);
      if (title == pull.title && body == pull.body) return show(name, number);
      pull.title = title, pull.body = body;
      touched(find(name, number)).title = title;
      return show(name, number);
    });
  }
  void set_pr_state(RepoName name, std::int64_t number, bool open,
                    Reply<PullRequest> reply) override {
    answer(std::move(reply), [this, name, number, open] {
      const PullRequest& pull = find_pull(name, number);
      if (pull.merged) throw Error(Code::conflict, "it is merged");
      Issue& issue = find(name, number);
      const std::string state = open ? "open" : "closed";
      if (std::exchange(issue.state, state) != state) touched(issue);
      return show(name, number);
    });
  }
  void merge_pr(RepoName name, std::int64_t number, MergeOrder order,
                Reply<PullRequest> reply) override {
    answer(std::move(reply), [this, name, number, order] {
      PullRequest& pull = find_pull(name, number);
      if (pull.merged) return show(name, number);
      if (find(name, number).state != "open") throw Error(Code::conflict, "it is closed");
      if (!pull.mergeable) throw Error(Code::conflict, "it can't be merged");
      if (!order.head_sha.empty() && order.head_sha != pull.head.sha)
        throw Error(Code::conflict, "its head moved");
      if (!order.base.empty() && order.base != pull.base.branch)
        throw Error(Code::conflict, "its base changed");
      merge_order = order;
      pull.merged = true, pull.merge_commit_sha = std::string(40, 'c');
      touched(find(name, number)).state = "closed";
      return show(name, number);
    });
  }
  void list_reviews(RepoName name, std::int64_t number, Reply<std::vector<Review>> reply) override {
    answer(std::move(reply), [this, name, number] {
      find_pull(name, number);
      return find(name).reviews[number];
    });
  }
  void create_review(RepoName name, std::int64_t number, NewReview wanted, std::string marker,
                     Reply<Review> reply) override {
    answer(std::move(reply), [this, name, number, wanted, marker] {
      const PullRequest& pull = find_pull(name, number);
      auto& all = find(name).reviews[number];
      for (const auto& review : all)
        if (review.body.ends_with(signed_with("", marker))) return review;
      if (pull.user == user.login && wanted.event != ReviewEvent::comment)
        throw Error(Code::invalid, "one's own pull request");
      touched(find(name, number));
      Review made;
      made.id = next_id(), made.user = user.login;
      made.state = wanted.event == ReviewEvent::approve           ? "APPROVED"
                   : wanted.event == ReviewEvent::request_changes ? "REQUEST_CHANGES"
                                                                  : "COMMENT";
      made.body = signed_with(wanted.body, marker);
      made.commit_sha = wanted.commit_sha.empty() ? pull.head.sha : wanted.commit_sha;
      made.official = true, made.submitted_at = now();
      return all.emplace_back(std::move(made));
    });
  }
  void request_reviewers(RepoName name, std::int64_t number, std::vector<std::string> logins,
                         Reply<PullRequest> reply) override {
    answer(std::move(reply), [this, name, number, logins] {
      auto& asked = find_pull(name, number).requested_reviewers;
      for (const auto& login : logins) {
        if (has(asked, login)) continue;
        asked.push_back(login);
        touched(find(name, number));
      }
      return show(name, number);
    });
  }
  void combined_status(RepoName name, std::string ref, Reply<CombinedStatus> reply) override {
    answer(std::move(reply), [this, name, ref] {
      CombinedStatus combined;
      for (const auto& status : find(name).statuses[ref]) {
        std::erase_if(combined.statuses,
                      [&](const CommitStatus& older) { return older.context == status.context; });
        combined.statuses.push_back(status);
      }
      combined.state = sum_of(combined.statuses);
      return combined;
    });
  }
  void set_status(RepoName name, std::string sha, NewStatus wanted,
                  Reply<CommitStatus> reply) override {
    answer(std::move(reply), [this, name, sha, wanted] {
      auto& all = find(name).statuses[sha];
      const auto newest = std::find_if(all.rbegin(), all.rend(), [&](const CommitStatus& each) {
        return each.context == wanted.context;
      });
      if (newest != all.rend() && newest->state == wanted.state &&
          newest->description == wanted.description && newest->target_url == wanted.target_url)
        return *newest;
      ++writes;
      return all.emplace_back(CommitStatus{next_id(), wanted.context, wanted.state,
                                           wanted.description, wanted.target_url});
    });
  }

 private:
  PullRequest& find_pull(const RepoName& name, std::int64_t number) {
    auto& pulls = find(name).pulls;
    const auto at = pulls.find(number);
    if (at == pulls.end())
      throw Error(Code::not_found, name.full() + " has no pull request " + std::to_string(number));
    return at->second;
  }
  // With what it has as an issue.
  PullRequest show(const RepoName& name, std::int64_t number) {
    PullRequest shown = find_pull(name, number);
    const Issue& issue = find(name, number);
    shown.state = issue.state, shown.labels = issue.labels, shown.assignees = issue.assignees;
    shown.comments = issue.comments, shown.updated_at = issue.updated_at;
    return shown;
  }
  std::optional<PullRequest> open_one(const RepoName& name, const std::string& head,
                                      const std::string& base) {
    for (const auto& [number, pull] : find(name).pulls)
      if (pull.head.branch == head && pull.base.branch == base &&
          find(name, number).state == "open")
        return show(name, number);
    return std::nullopt;
  }
};

}  // namespace host
