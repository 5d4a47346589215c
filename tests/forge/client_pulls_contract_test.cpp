// SPDX-License-Identifier: Apache-2.0
//
// The client: pull requests, reviews, statuses, branches.
#include "forge/client_contract.hpp"

namespace host::forge {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

class ClientPullContract : public ClientContract {
 protected:
  Result<PullRequest> create(const std::string& repo, const std::string& head,
                             const std::string& base = "main") {
    return wait<PullRequest>([&](auto reply) {
      client().create_pr(parse_repo_name(repo),
                         {.head = head, .base = base, .title = "change", .body = "why"}, reply);
    });
  }
  Result<PullRequest> merge(const std::string& repo, std::int64_t number,
                            const MergeOrder& order = {}) {
    return wait<PullRequest>(
        [&](auto reply) { client().merge_pr(parse_repo_name(repo), number, order, reply); });
  }
  Result<PullRequest> read(const std::string& repo, std::int64_t number) {
    return wait<PullRequest>(
        [&](auto reply) { client().get_pr(parse_repo_name(repo), number, reply); });
  }
  Result<std::vector<PullRequest>> list_pulls(const std::string& repo,
                                              const PullFilter& filter = {}) {
    return wait<std::vector<PullRequest>>(
        [&](auto reply) { client().list_prs(parse_repo_name(repo), filter, reply); });
  }
  Result<PullRequest> set_state(const std::string& repo, std::int64_t number, bool open) {
    return wait<PullRequest>(
        [&](auto reply) { client().set_pr_state(parse_repo_name(repo), number, open, reply); });
  }
  Result<host::Review> review(GiteaClient& as, const std::string& repo, ReviewEvent event,
                              const std::string& marker, const std::string& body = "seen") {
    return wait<host::Review>([&](auto reply) {
      as.create_review(parse_repo_name(repo), 1, {.event = event, .body = body, .commit_sha = ""},
                       marker, reply);
    });
  }
  Result<host::CommitStatus> set_status(const std::string& repo, const std::string& sha,
                                        const std::string& context, const std::string& state) {
    return wait<host::CommitStatus>([&](auto reply) {
      client().set_status(
          parse_repo_name(repo), sha,
          {.context = context, .state = state, .description = "d", .target_url = ""}, reply);
    });
  }
  Result<CombinedStatus> status(const std::string& repo, const std::string& ref) {
    return wait<CombinedStatus>(
        [&](auto reply) { client().combined_status(parse_repo_name(repo), ref, reply); });
  }
  static std::vector<std::int64_t> pull_numbers(const std::vector<PullRequest>& pulls) {
    std::vector<std::int64_t> all;
    for (const auto& pull : pulls) all.push_back(pull.number);
    return all;
  }
};

INSTANTIATE_TEST_SUITE_P(Forge, ClientPullContract, ::testing::Values("forge", "gitea"), peer_name);

TEST_P(ClientPullContract, MakesAPullRequestOnce) {
  const auto repo = new_repo_with_code();
  commit(repo, "feature/a", "a.txt");
  const auto made = create(repo, "feature/a").value();
  EXPECT_EQ(made.state, "open");
  EXPECT_EQ(made.head.branch, "feature/a");
  EXPECT_EQ(made.head.repo, repo);
  EXPECT_EQ(made.base.branch, "main");
  EXPECT_EQ(made.user, me());
  EXPECT_EQ(made.head.sha.size(), 40u);
  EXPECT_EQ(create(repo, "feature/a").value().number, made.number);
  // One that is closed is not in the way of a new one.
  EXPECT_EQ(set_state(repo, made.number, false).value().state, "closed");
  EXPECT_NE(create(repo, "feature/a").value().number, made.number);
  EXPECT_THAT(list_pulls(repo).value(), SizeIs(1));
}

TEST_P(ClientPullContract, SaysWhichBranchIsMissing) {
  const auto repo = new_repo_with_code();
  commit(repo, "a", "a.txt");
  const auto head = create(repo, "nope");
  ASSERT_FALSE(head.ok());
  EXPECT_EQ(head.error().code(), Code::not_found);
  EXPECT_THAT(head.error().message(), HasSubstr("head branch nope"));
  EXPECT_THAT(create(repo, "a", "nope").error().message(), HasSubstr("base branch nope"));
  EXPECT_EQ(create(repo, "main").error().code(), Code::invalid);
}

TEST_P(ClientPullContract, ListsOnlyOpenOnesUnlessAskedForMore) {
  const auto repo = new_repo_with_code();
  commit(repo, "stable", "s.txt");
  const auto first = new_pull(repo, "a"), second = new_pull(repo, "b");
  commit(repo, "c", "c.txt");
  const auto third = create(repo, "c", "stable").value().number;
  (void)set_state(repo, second, false);
  EXPECT_THAT(pull_numbers(list_pulls(repo).value()), ElementsAre(first, third));
  EXPECT_THAT(pull_numbers(list_pulls(repo, {.state = "closed"}).value()), ElementsAre(second));
  EXPECT_THAT(pull_numbers(list_pulls(repo, {.state = "all"}).value()),
              ElementsAre(first, second, third));
  EXPECT_THAT(pull_numbers(list_pulls(repo, {.base = "stable"}).value()), ElementsAre(third));
  EXPECT_THAT(pull_numbers(list_pulls(repo, {.head = "a"}).value()), ElementsAre(first));
  const auto found = wait<std::optional<PullRequest>>(
      [&](auto reply) { client().find_pr(parse_repo_name(repo), "c", "stable", reply); });
  ASSERT_TRUE(found.value());
  EXPECT_EQ(found.value()->number, third);
  EXPECT_FALSE(wait<std::optional<PullRequest>>([&](auto reply) {
                 client().find_pr(parse_repo_name(repo), "b", "main", reply);
               }).value());
}

TEST_P(ClientPullContract, ListsEveryPullRequestAndThoseUpdatedSince) {
  const auto repo = new_repo_with_code();
  for (int i = 0; i < page_cap() + 1; ++i) new_pull(repo, "b" + std::to_string(i));
  EXPECT_THAT(list_pulls(repo).value(), SizeIs(page_cap() + 1));
  peer().pass_time();
  post(issue_path(repo, 2, "/comments"), {{"body", "x"}});
  const auto since = read(repo, 2).value().updated_at;
  EXPECT_THAT(pull_numbers(list_pulls(repo, {.since = since}).value()), ElementsAre(2));
}

TEST_P(ClientPullContract, ListsTheFilesOfAPullRequest) {
  const auto repo = new_repo_with_code();
  const auto number = new_pull(repo, "a");
  std::vector<std::string> expected{"a.txt"};
  for (int i = 0; i < page_cap() + 1; ++i) {
    expected.push_back("f" + std::to_string(i) + ".txt");
    commit(repo, "a", expected.back());
  }
  const auto files = wait<std::vector<ChangedFile>>(
      [&](auto reply) { client().list_pr_files(parse_repo_name(repo), number, reply); });
  std::vector<std::string> found;
  for (const auto& file : files.value()) found.push_back(file.name);
  EXPECT_EQ(found, expected);
  EXPECT_EQ(files.value()[0].status, "added");
  EXPECT_EQ(wait<std::vector<ChangedFile>>(
                [&](auto reply) { client().list_pr_files(parse_repo_name(repo), 999, reply); })
                .error()
                .code(),
            Code::not_found);
}

TEST_P(ClientPullContract, ListsTheCommitsOfAPullRequestNewestFirst) {
  const auto repo = new_repo_with_code();
  const auto number = new_pull(repo, "a");
  std::vector<std::string> expected{"add a.txt"};
  for (int i = 0; i < page_cap() + 1; ++i) {
    const auto file = "f" + std::to_string(i) + ".txt";
    expected.insert(expected.begin(), "add " + file);
    commit(repo, "a", file);
  }
  const auto commits = wait<std::vector<host::Commit>>(
      [&](auto reply) { client().list_pr_commits(parse_repo_name(repo), number, reply); });
  std::vector<std::string> found;
  for (const auto& each : commits.value())
    found.push_back(each.message.substr(0, each.message.find('\n')));
  EXPECT_EQ(found, expected);
  EXPECT_EQ(commits.value()[0].sha, read(repo, number).value().head.sha);
  EXPECT_THAT(commits.value()[0].author.name, HasSubstr(me()));
  EXPECT_THAT(commits.value()[0].committer.email, HasSubstr("@"));
}

TEST_P(ClientPullContract, EditsLabelsAndAssignsAPullRequestAsAnIssue) {
  const auto repo = new_repo_with_code();
  const auto number = new_pull(repo, "a");
  new_label(repo, "ready");
  EXPECT_THAT(label_names(add(repo, number, {"ready"}).value()), ElementsAre("ready"));
  const auto assigned = wait<host::Issue>(
      [&](auto reply) { client().add_assignees(parse_repo_name(repo), number, {me()}, reply); });
  EXPECT_THAT(assigned.value().assignees, ElementsAre(me()));
  EXPECT_TRUE(assigned.value().is_pull);
  const auto edited = wait<PullRequest>([&](auto reply) {
    client().edit_pr(parse_repo_name(repo), number, {.title = "WIP: later", .body = "b"}, reply);
  });
  EXPECT_TRUE(edited.value().draft);
  EXPECT_EQ(edited.value().body, "b");
  EXPECT_THAT(label_names(edited.value().labels), ElementsAre("ready"));
  EXPECT_THAT(edited.value().assignees, ElementsAre(me()));
}

TEST_P(ClientPullContract, MergesOnceInEveryStyle) {
  const auto repo = new_repo_with_code();
  for (const auto* style : {"merge", "rebase", "rebase-merge", "squash"}) {
    const auto number = new_pull(repo, style);
    const auto merged = merge(repo, number, {.style = style, .delete_branch = true});
    ASSERT_TRUE(merged.ok()) << style << ": " << merged.error().what();
    EXPECT_TRUE(merged.value().merged);
    EXPECT_EQ(merged.value().state, "closed");
    EXPECT_EQ(merged.value().merge_commit_sha.size(), 40u);
    // The branch is gone, its name is not.
    EXPECT_EQ(merged.value().head.branch, style);
    EXPECT_EQ(get("/repos/" + repo + "/branches/" + style).status, 404);
    EXPECT_EQ(merge(repo, number).value().merge_commit_sha, merged.value().merge_commit_sha);
    EXPECT_EQ(set_state(repo, number, true).error().code(), Code::conflict);
  }
}

TEST_P(ClientPullContract, SaysWhyItDoesNotMerge) {
  const auto repo = new_repo_with_code();
  const auto draft = new_pull(repo, "a", "WIP: later"), closed = new_pull(repo, "b"),
             moved = new_pull(repo, "c");
  const auto why = [&](std::int64_t number, const MergeOrder& order = {}) {
    const auto merged = merge(repo, number, order);
    EXPECT_FALSE(merged.ok());
    EXPECT_EQ(merged.error().code(), Code::conflict) << merged.error().what();
    EXPECT_NE(merged.error().next_step(), "");
    return merged.error().message();
  };
  EXPECT_THAT(why(draft), HasSubstr("draft"));
  (void)set_state(repo, closed, false);
  EXPECT_THAT(why(closed), HasSubstr("closed"));
  const auto seen = read(repo, moved).value().head.sha;
  commit(repo, "c", "more.txt");
  EXPECT_THAT(why(moved, {.head_sha = seen}), HasSubstr("head"));
  EXPECT_EQ(merge(repo, 999).error().code(), Code::not_found);
  EXPECT_FALSE(read(repo, moved).value().merged);
}

TEST_P(ClientPullContract, SaysThatAStyleIsNotAllowed) {
  const auto repo = new_repo_with_code();
  ASSERT_EQ(
      patch("/repos/" + repo, {{"allow_squash_merge", false}, {"default_merge_style", "merge"}})
          .status,
      200);
  const auto about = wait<Repository>([&](auto reply) {
                       client().get_repo(parse_repo_name(repo), reply);
                     }).value();
  EXPECT_THAT(about.merge_styles, Contains("merge"));
  EXPECT_THAT(about.merge_styles, ::testing::Not(Contains("squash")));
  EXPECT_EQ(about.default_merge_style, "merge");
  const auto number = new_pull(repo, "a");
  const auto merged = merge(repo, number, {.style = "squash"});
  ASSERT_FALSE(merged.ok());
  EXPECT_EQ(merged.error().code(), Code::conflict);
  EXPECT_THAT(merged.error().message(), HasSubstr("style"));
}

TEST_P(ClientPullContract, SaysThatItConflicts) {
  const auto repo = new_repo_with_code();
  const auto number = new_pull(repo, "a");
  commit(repo, "main", "a.txt", "b3RoZXIK");
  const auto merged = merge(repo, number);
  ASSERT_FALSE(merged.ok());
  EXPECT_EQ(merged.error().code(), Code::conflict);
  EXPECT_THAT(merged.error().message(), HasSubstr("conflict"));
}

TEST_P(ClientPullContract, WhoMayNotMergeIsDenied) {
  if (peer().other_token.empty()) GTEST_SKIP() << "no TIMMY_GITEA_TEST_OTHER_TOKEN";
  const auto repo = new_repo_with_code();
  const auto number = new_pull(repo, "a");
  const auto stranger = new_client(peer().other_token);
  const auto merged = wait<PullRequest>(
      [&](auto reply) { stranger->merge_pr(parse_repo_name(repo), number, {}, reply); });
  ASSERT_FALSE(merged.ok());
  EXPECT_EQ(merged.error().code(), Code::denied) << merged.error().what();
}

TEST_P(ClientPullContract, ReviewsOncePerMarkerButNotItsOwn) {
  const auto repo = new_repo_with_code();
  new_pull(repo, "a");
  EXPECT_EQ(review(client(), repo, ReviewEvent::approve, "r-1").error().code(), Code::invalid);
  EXPECT_EQ(review(client(), repo, ReviewEvent::comment, "r-2").value().state, "COMMENT");
  const auto other = let_other_write(repo);
  if (other.empty()) GTEST_SKIP() << "no TIMMY_GITEA_TEST_OTHER_TOKEN";
  const auto reviewer = new_client(peer().other_token);
  const auto no = review(*reviewer, repo, ReviewEvent::request_changes, "r-3").value();
  EXPECT_EQ(no.state, "REQUEST_CHANGES");
  EXPECT_EQ(review(*reviewer, repo, ReviewEvent::request_changes, "r-3").value().id, no.id);
  const auto yes = review(*reviewer, repo, ReviewEvent::approve, "r-4", "").value();
  EXPECT_EQ(yes.state, "APPROVED");
  EXPECT_EQ(yes.user, other);
  EXPECT_TRUE(yes.official);
  EXPECT_EQ(yes.commit_sha, read(repo, 1).value().head.sha);
  const auto all = wait<std::vector<host::Review>>(
      [&](auto reply) { client().list_reviews(parse_repo_name(repo), 1, reply); });
  std::vector<std::string> states;
  for (const auto& each : all.value()) states.push_back(each.state);
  EXPECT_THAT(states, ElementsAre("COMMENT", "REQUEST_CHANGES", "APPROVED"));
}

TEST_P(ClientPullContract, ANewCommitMakesAReviewStale) {
  const auto repo = new_repo_with_code();
  new_pull(repo, "a");
  if (let_other_write(repo).empty()) GTEST_SKIP() << "no TIMMY_GITEA_TEST_OTHER_TOKEN";
  const auto reviewer = new_client(peer().other_token);
  const auto sha = review(*reviewer, repo, ReviewEvent::approve, "r").value().commit_sha;
  EXPECT_NE(sha, "");
  commit(repo, "a", "more.txt");
  EXPECT_NE(read(repo, 1).value().head.sha, sha);
}

TEST_P(ClientPullContract, AsksForReviewsOnce) {
  const auto repo = new_repo_with_code();
  new_pull(repo, "a");
  const auto ask = [&](std::vector<std::string> logins) {
    return wait<PullRequest>(
        [&](auto reply) { client().request_reviewers(parse_repo_name(repo), 1, logins, reply); });
  };
  EXPECT_EQ(ask({"nobody-of-that-name"}).error().code(), Code::not_found);
  EXPECT_EQ(ask({me()}).error().code(), Code::invalid);
  const auto other = let_other_write(repo);
  if (other.empty()) GTEST_SKIP() << "no TIMMY_GITEA_TEST_OTHER_TOKEN";
  for (int i = 0; i < 2; ++i)
    EXPECT_THAT(ask({other}).value().requested_reviewers, ElementsAre(other));
}

TEST_P(ClientPullContract, SumsUpTheStatusesOfAllPages) {
  const auto repo = new_repo_with_code();
  const auto sha =
      get("/repos/" + repo + "/branches/main").json().at("commit").at("id").get<std::string>();
  EXPECT_EQ(status(repo, sha).value().state, CheckState::none);
  for (int i = 0; i < page_cap(); ++i)
    EXPECT_TRUE(set_status(repo, sha, "ci/" + std::to_string(i), "success").ok());
  EXPECT_EQ(status(repo, sha).value().state, CheckState::success);
  EXPECT_TRUE(set_status(repo, sha, "zz/last", "pending").ok());
  EXPECT_EQ(status(repo, "main").value().state, CheckState::pending);
  const auto failed = set_status(repo, sha, "zz/last", "failure").value();
  EXPECT_EQ(set_status(repo, sha, "zz/last", "failure").value().id, failed.id);
  const auto all = status(repo, sha).value();
  EXPECT_EQ(all.state, CheckState::failure);
  EXPECT_THAT(all.statuses, SizeIs(page_cap() + 1));
  EXPECT_EQ(all.statuses.back().description, "d");
  EXPECT_EQ(set_status(repo, std::string(40, 'a'), "ci", "success").error().code(),
            Code::not_found);
}

TEST_P(ClientPullContract, ListsReadsAndDeletesBranches) {
  const auto repo = new_repo_with_code();
  for (int i = 0; i < page_cap(); ++i) commit(repo, "b" + std::to_string(i), "f.txt");
  commit(repo, "feature/a", "a.txt");
  const auto all = wait<std::vector<host::Branch>>(
      [&](auto reply) { client().list_branches(parse_repo_name(repo), reply); });
  EXPECT_THAT(all.value(), SizeIs(page_cap() + 2));
  const auto branch = [&](const std::string& name) {
    return wait<host::Branch>(
        [&](auto reply) { client().get_branch(parse_repo_name(repo), name, reply); });
  };
  EXPECT_EQ(branch("feature/a").value().sha.size(), 40u);
  EXPECT_TRUE(branch("feature/a").value().can_push);
  EXPECT_EQ(branch("nope").error().code(), Code::not_found);
  const auto gone = [&](const std::string& from, const std::string& name) {
    return wait<Done>(
        [&](auto reply) { client().delete_branch(parse_repo_name(from), name, reply); });
  };
  EXPECT_TRUE(gone(repo, "feature/a").ok());
  EXPECT_TRUE(gone(repo, "feature/a").ok());
  EXPECT_EQ(branch("feature/a").error().code(), Code::not_found);
  EXPECT_EQ(gone(repo, "main").error().code(), Code::denied);
  EXPECT_EQ(gone(repo + "-not", "x").error().code(), Code::not_found);
}

}  // namespace
}  // namespace host::forge
