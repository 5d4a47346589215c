// SPDX-License-Identifier: Apache-2.0
//
// gitea/1 in its typed form, against the forge in memory: what is sent, what is read of the answer.
#include "any_task.hpp"

namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::StartsWith;
using timmy::Json;

class Forge : public AnyTaskTest {
 protected:
  Forge() {
    world_.forge.add_repo("org/app", {"bug", "docs"});
    world_.forge.add_issue("org/app", "It crashes");
    world_.forge.add_pull("org/app", "Mend it", "mend");
    world_.forge.repo("org/app").assignable = {"amy", "bob"};
  }
  // Runs it with the forge; nothing may be thrown.
  void with(const std::function<void(const timmy::Gitea&)>& what, const std::string& key = "key") {
    timmy::testing::JobOptions options;
    options.key = key;
    const auto outcome =
        run([&](timmy::Context& ctx) { return what(ctx.gitea()), Json(); }, options);
    EXPECT_TRUE(outcome.ok()) << outcome.message;
  }
  std::string failure(const std::function<void(const timmy::Gitea&)>& what) {
    return run([&](timmy::Context& ctx) { return what(ctx.gitea()), Json(); }).code;
  }
  timmy::testing::Forge::Issue& issue() { return world_.forge.issue("org/app", 1); }
};

TEST_F(Forge, TellsOfARepositoryAndItsPeople) {
  world_.forge.repo("org/app").permissions["amy"] = "write";
  world_.forge.teams["org"]["core"] = {"amy"};
  with([](const timmy::Gitea& gitea) {
    EXPECT_EQ(gitea.get_repo("org/app").full_name, "org/app");
    EXPECT_EQ(gitea.user_permission("org/app", "amy"), "write");
    EXPECT_EQ(gitea.user_permission("org/app", "eve"), "none");
    EXPECT_THAT(gitea.list_assignable("org/app"), ElementsAre("amy", "bob"));
    EXPECT_EQ(gitea.list_teams("org").at(0).name, "core");
    EXPECT_THAT(gitea.list_team_members("org", "core"), ElementsAre("amy"));
  });
  EXPECT_EQ(failure([](const auto& gitea) { (void)gitea.list_team_members("org", "x"); }),
            "not_found");
  EXPECT_EQ(failure([](const auto& gitea) { (void)gitea.get_repo("org/x"); }), "not_found");
}

TEST_F(Forge, ClosesOpensAndAssigns) {
  with([&](const timmy::Gitea& gitea) {
    EXPECT_EQ(gitea.set_issue_state("org/app", 1, false).state, "closed");
    EXPECT_EQ(issue().state, "closed");
    EXPECT_EQ(gitea.set_issue_state("org/app", 1, true).state, "open");
    EXPECT_THAT(gitea.add_assignees("org/app", 1, {"amy", "bob"}).assignees,
                ElementsAre("amy", "bob"));
    EXPECT_THAT(gitea.remove_assignees("org/app", 1, {"amy"}).assignees, ElementsAre("bob"));
    EXPECT_THAT(gitea.get_issue("org/app", 1).assignees, ElementsAre("bob"));
  });
  EXPECT_EQ(failure([](const auto& gitea) {
              gitea.add_assignees("org/app", 1, {"amy", "eve"});
            }),
            "not_found");
  EXPECT_THAT(issue().assignees, ElementsAre("bob")) << "some of them were added all the same";
}

TEST_F(Forge, MakesLabelsAndTakesThemOff) {
  with([](const timmy::Gitea& gitea) {
    const auto made = gitea.create_label("org/app", {.name = "p/1", .color = "ff0000"});
    EXPECT_EQ(made.name, "p/1");
    EXPECT_EQ(made.color, "ff0000");
    gitea.add_labels("org/app", 1, {"p/1"});
    gitea.remove_label("org/app", 1, "bug");
    gitea.remove_label("org/app", 1, "p/1");
  });
  EXPECT_TRUE(issue().labels.empty());
}

TEST_F(Forge, AnExclusiveLabelTakesThePlaceOfAnotherOfItsScope) {
  with([&](const timmy::Gitea& gitea) {
    for (const char* name : {"kind/bug", "kind/wish"})
      gitea.create_label("org/app", {.name = name, .color = "ff0000", .exclusive = true});
    EXPECT_THAT(gitea.list_labels("org/app"), ElementsAre("bug", "docs", "kind/bug", "kind/wish"));
    const auto usable = gitea.list_usable_labels("org/app");
    EXPECT_EQ(usable.all, gitea.list_labels("org/app"));
    EXPECT_THAT(usable.exclusive, ElementsAre("kind/bug", "kind/wish"));
    EXPECT_TRUE(usable.complete);
    gitea.add_labels("org/app", 1, {"docs", "kind/bug"});
    EXPECT_THAT(gitea.add_labels("org/app", 1, {"kind/wish"}), ElementsAre("docs", "kind/wish"));
  });
  EXPECT_EQ(failure([](const auto& gitea) {
              gitea.add_labels("org/app", 1, {"kind/bug", "kind/wish"});
            }),
            "not_found")
      << "the host misses the one that is gone";
}

TEST_F(Forge, TellsWithoutTheScopeOfOrganisationsThatTheirLabelsAreMissing) {
  world_.forge.reads_organisations = false;
  with([&](const timmy::Gitea& gitea) {
    const auto usable = gitea.list_usable_labels("org/app");
    EXPECT_THAT(usable.all, ElementsAre("bug", "docs"));
    EXPECT_FALSE(usable.complete);
  });
  EXPECT_EQ(failure([](const auto& gitea) { (void)gitea.list_teams("org"); }), "denied");
}

TEST_F(Forge, CutsBodiesOfListsWhereThatIsAskedFor) {
  issue().body = "häßlich";
  world_.forge.issue("org/app", 2).body = "long";
  with([](const timmy::Gitea& gitea) {
    const auto cut = gitea.list_issues("org/app", {.body_limit = 2}).at(0);
    EXPECT_EQ(cut.body, "h");
    EXPECT_TRUE(cut.body_cut);
    EXPECT_FALSE(gitea.list_issues("org/app").at(0).body_cut);
    EXPECT_EQ(gitea.get_issue("org/app", 1).body, "häßlich");
    EXPECT_EQ(gitea.list_prs("org/app", {.body_limit = 3}).at(0).body, "lon");
    EXPECT_TRUE(gitea.list_prs("org/app", {.body_limit = 3}).at(0).body_cut);
    EXPECT_FALSE(gitea.list_prs("org/app", {.body_limit = 4}).at(0).body_cut);
  });
}

TEST_F(Forge, ARepositoryKeepsItsIdUnderAnotherName) {
  const auto id_of = [&](const std::string& repo) {
    std::int64_t id = 0;
    with([&](const timmy::Gitea& gitea) { id = gitea.get_repo(repo).id; });
    return id;
  };
  const auto id = id_of("org/app");
  world_.forge.rename_repo("org/app", "org/renamed");
  world_.forge.add_repo("org/app");
  EXPECT_EQ(id_of("org/renamed"), id);
  EXPECT_NE(id_of("org/app"), id);
  with([&](const timmy::Gitea& gitea) {
    EXPECT_EQ(gitea.list_repos("org").at(1).id, id);
    EXPECT_EQ(gitea.get_issue("org/renamed", 1).title, "It crashes");
  });
}

TEST_F(Forge, AJobCommentsOnceHoweverOftenItRuns) {
  const auto comment = [](const timmy::Gitea& gitea) {
    EXPECT_THAT(gitea.create_comment("org/app", 1, "seen").body, StartsWith("seen"));
  };
  with(comment, "a");
  with(comment, "a");
  EXPECT_EQ(issue().comments.size(), 1u);
  with(comment, "b");
  with([](const auto& gitea) { gitea.create_comment("org/app", 1, "more", "second"); }, "b");
  EXPECT_EQ(issue().comments.size(), 3u);
  world_.forge.add_comment("org/app", 1, "thanks", "amy");
  with([&](const timmy::Gitea& gitea) {
    const auto all = gitea.list_comments("org/app", 1);
    ASSERT_EQ(all.size(), 4u);
    EXPECT_EQ(all[0].user, "timmy");
    EXPECT_THAT(all[0].body, EndsWith("-->")) << "what the host writes has its line";
    EXPECT_EQ(all[3].body, "thanks");
    EXPECT_EQ(all[3].user, "amy");
    EXPECT_EQ(all[3].number, 1);
    EXPECT_EQ(all[3].created_at, world_.now());
  });
}

TEST_F(Forge, KeepsOneCommentUpToDate) {
  const auto keep = [&](const std::string& body, const std::string& key) {
    with([&](const auto& gitea) { gitea.keep_comment("org/app", 1, body, "sum"); }, key);
  };
  keep("1 left", "a");
  keep("none left", "b");
  ASSERT_EQ(issue().comments.size(), 1u);
  EXPECT_EQ(issue().comments[0].body, "none left");
}

TEST_F(Forge, TellsOfPullRequestsWithTheirFiles) {
  world_.forge.add_pull("org/app", "Other", "other", "stable");
  world_.forge.pull("org/app", 2).files = {{"a.cpp", "added", 3, 0}};
  world_.forge.pull("org/app", 2).commits = {{"abc", "Mend it"}};
  world_.forge.issue("org/app", 2).milestone = "2.0";
  with([&](const timmy::Gitea& gitea) {
    const auto all = gitea.list_prs("org/app");
    ASSERT_EQ(all.size(), 2u);
    EXPECT_EQ(all[0].title, "Mend it");
    EXPECT_EQ(all[0].head.branch, "mend");
    EXPECT_EQ(all[0].base.branch, "main");
    EXPECT_EQ(all[0].updated_at, world_.now());
    EXPECT_TRUE(all[0].mergeable);
    EXPECT_EQ(gitea.list_prs("org/app", {.base = "stable"}).size(), 1u);
    EXPECT_EQ(gitea.list_prs("org/app", {.state = "closed"}).size(), 0u);
    EXPECT_EQ(gitea.list_prs("org/app", {.since = world_.now() + std::chrono::hours(1)}).size(),
              0u);
    EXPECT_EQ(gitea.get_pr("org/app", 2).head.sha, all[0].head.sha);
    const auto files = gitea.list_pr_files("org/app", 2);
    ASSERT_EQ(files.size(), 1u);
    EXPECT_EQ(files[0].name, "a.cpp");
    EXPECT_EQ(files[0].additions, 3);
    const auto commits = gitea.list_pr_commits("org/app", 2);
    ASSERT_EQ(commits.size(), 1u);
    EXPECT_EQ(commits[0].sha, "abc");
    EXPECT_EQ(commits[0].message, "Mend it");
    EXPECT_EQ(commits[0].author.name, "Alice");
    EXPECT_EQ(commits[0].committer.email, "alice@example.org");
    EXPECT_EQ(all[0].milestone, "2.0");
    EXPECT_EQ(gitea.get_issue("org/app", 2).milestone, "2.0");
    EXPECT_EQ(gitea.list_issues("org/app").size(), 1u) << "a pull request is no issue";
  });
  EXPECT_EQ(failure([](const auto& gitea) { (void)gitea.get_pr("org/app", 1); }), "not_found");
}

TEST_F(Forge, ReviewsOnceAndNotItsOwn) {
  const auto approve = [](const timmy::Gitea& gitea) {
    const auto review =
        gitea.create_review("org/app", 2, {.event = timmy::ReviewEvent::approve, .body = "fine"});
    EXPECT_EQ(review.state, "APPROVED");
    EXPECT_EQ(review.commit_sha, gitea.get_pr("org/app", 2).head.sha);
  };
  with(approve);
  with(approve);
  with([](const timmy::Gitea& gitea) {
    const auto all = gitea.list_reviews("org/app", 2);
    ASSERT_EQ(all.size(), 1u);
    EXPECT_EQ(all[0].user, "timmy");
    EXPECT_TRUE(all[0].official);
  });
  world_.forge.issue("org/app", 2).user = "timmy";
  const auto reject = [](const timmy::Gitea& gitea) {
    gitea.create_review("org/app", 2,
                        {.event = timmy::ReviewEvent::request_changes, .body = "no", .name = "b"});
  };
  EXPECT_EQ(failure(reject), "invalid");
}

TEST_F(Forge, MergesTheHeadThatWasLookedAt) {
  auto& pull = world_.forge.pull("org/app", 2);
  const auto merge = [](const std::string& head) {
    return [head](const timmy::Gitea& gitea) {
      EXPECT_TRUE(gitea.merge_pr("org/app", 2, {.head_sha = head}).merged);
    };
  };
  EXPECT_EQ(failure(merge("other")), "conflict");
  pull.mergeable = false;
  EXPECT_EQ(failure(merge(pull.sha)), "conflict");
  pull.mergeable = true, pull.draft = true;
  EXPECT_EQ(failure(merge(pull.sha)), "conflict");
  pull.draft = false, world_.forge.issue("org/app", 2).state = "closed";
  EXPECT_EQ(failure(merge(pull.sha)), "conflict");
  world_.forge.issue("org/app", 2).state = "open";
  EXPECT_EQ(failure([&](const timmy::Gitea& gitea) {
              gitea.merge_pr("org/app", 2, {.head_sha = pull.sha, .base = "release"});
            }),
            "conflict");
  EXPECT_FALSE(pull.merged);
  with(merge(pull.sha));
  EXPECT_TRUE(pull.merged);
  EXPECT_EQ(world_.forge.issue("org/app", 2).state, "closed");
  with(merge("other"));  // what is merged is fine
  EXPECT_EQ(world_.asked.back().params.at("style"), "merge");
}

TEST_F(Forge, SumsStatusesUpWithTheWorstFirst) {
  const auto set = [&](const char* context, const char* state) {
    with([&](const timmy::Gitea& gitea) {
      EXPECT_EQ(gitea.set_status("org/app", "abc", {context, state, "why", ""}).description, "why");
    });
  };
  const auto sum = [&] {
    std::string state;
    with([&](const timmy::Gitea& gitea) { state = gitea.combined_status("org/app", "abc").state; });
    return state;
  };
  EXPECT_EQ(sum(), "none");
  set("build", "success");
  EXPECT_EQ(sum(), "success");
  set("lint", "pending");
  EXPECT_EQ(sum(), "pending");
  set("test", "error");
  EXPECT_EQ(sum(), "failure");
  set("test", "success");
  set("lint", "success");
  EXPECT_EQ(sum(), "success");
  EXPECT_EQ(world_.forge.repo("org/app").statuses["abc"].size(), 3u);
}

TEST_F(Forge, AnArchivedRepositoryTakesNoWrite) {
  world_.forge.repo("org/app").archived = true;
  EXPECT_EQ(failure([](const auto& gitea) { gitea.create_comment("org/app", 1, "x"); }),
            "conflict");
  EXPECT_EQ(failure([](const auto& gitea) {
              gitea.set_status("org/app", "a", {"c", "success"});
            }),
            "conflict");
}

}  // namespace
