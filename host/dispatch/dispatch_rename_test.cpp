// SPDX-License-Identifier: Apache-2.0
//
// A repository gets another name at the forge, or another owner, while work on it is under way.
#include "dispatch/dispatch_tokens_fixture.hpp"
#include "tokens/account_table.hpp"

namespace host::dispatch {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Waits for a file `go` in its clone.
constexpr const char* kWaits = R"(echo begun
while [ ! -e go ]; do sleep 0.05; done
rm go
)";

// Its first attempt commits something and comes to no end; the next one goes on from that.
constexpr const char* kGoesOn = R"(if [ ! -e FIRST ]; then
  echo 1 > FIRST
  git add FIRST
  git commit --quiet --message first
  echo begun
  sleep 600
fi
)";

class RenameTest : public DispatchForReal {
 protected:
  [[nodiscard]] std::vector<std::string> names_in(const char* folder) const {
    std::vector<std::string> names;
    for (const auto& each : fs::directory_iterator(state() / folder))
      names.push_back(each.path().filename().string());
    return names;
  }
  // Once the agent is at work in it.
  fs::path clone_at_work(const std::string& run = "d1.1") {
    const auto begun = [&] {
      return fs::exists(state() / "runs" / run / "output.log") &&
             output(run).find("begun") != std::string::npos;
    };
    EXPECT_TRUE(run_until(begun)) << testing::PrintToString(*lines_);
    const auto names = names_in("clones");
    EXPECT_EQ(names.size(), 1U);
    return names.empty() ? fs::path() : state() / "clones" / names.front() / "tree";
  }
};

TEST_F(RenameTest, WhileAnAgentIsAtWorkNothingIsLost) {
  agent_is(std::string(kWaits) + kFix);
  start_host();
  const auto tree = clone_at_work();
  rename_repository("org/app", "org/web");
  life_->dispatcher->look();
  workspaces::put(tree / "go", "");
  const auto item = ended_item();
  EXPECT_EQ(item.at.state, ItemState::done) << item.reason << output("d1.1");
  EXPECT_EQ(item.repository, "org/web");
  EXPECT_EQ(item.runs, 1) << "the work that was under way is what counts";
  EXPECT_EQ(forge_.repos.at("org/web").pulls.size(), 1U);
  EXPECT_THAT(names_in("mirrors"), ElementsAre("repo-1"));
  EXPECT_EQ(read_file(state() / "mirrors" / "repo-1" / "git" / "description", 100), "org/web\n");
  EXPECT_EQ(items().size(), 1U) << "who asks by the old name takes nothing a second time";
}

// The second attempt goes on from the work that the first one left.
TEST_F(RenameTest, WhileAnItemWaitsItsCloneAndItsWorkStay) {
  agent_is(kGoesOn + std::string(kFix));
  start_host();
  const auto tree = clone_at_work();
  end_host();
  rename_repository("org/app", "other/web");
  start_host();
  const auto item = ended_item();
  EXPECT_EQ(item.at.state, ItemState::stopped);
  EXPECT_THAT(item.reason, HasSubstr("takes it no longer")) << "no playbook is for other/web";
  EXPECT_FALSE(item.head.empty()) << "what was committed came in";
  const auto mirror = life_->git.mirror_of(item);
  EXPECT_EQ(mirror.work_head(item.branch)->text(), item.head);
  EXPECT_THAT(names_in("mirrors"), ElementsAre("repo-1"));
}

TEST_F(RenameTest, AHostThatWasKilledMeanwhileGoesOnInTheSameClone) {
  agent_is(kGoesOn + std::string(kFix));
  start_host();
  const auto tree = clone_at_work();
  end_host();
  rename_repository("org/app", "org/web");
  start_host();
  const auto item = ended_item();
  EXPECT_EQ(item.at.state, ItemState::done) << item.reason << output("d1.2");
  EXPECT_EQ(item.runs, 2);
  const auto log = workspaces::plain_git(folder_ / "forge" / "org" / "web.git",
                                         {"log", "--format=%s", item.branch});
  EXPECT_THAT(log, HasSubstr("Return 0\nfirst\n"));
  EXPECT_TRUE(run_until([&] { return names_in("clones").empty(); }));
}

// The forge sends nobody on any more: only its id tells them apart.
TEST_F(RenameTest, AnotherRepositoryThatTakesTheNameGetsNothingOfIt) {
  agent_is(std::string(kWaits) + kFix);
  start_host();
  const auto tree = clone_at_work();
  rename_repository("org/app", "org/web");
  auto& other = forge_.add_repo("org/app", {"bug"});
  other.about.can_push = true;
  forge_.add_issue("org/app", "Other");
  workspaces::plain_git("/",
                        {"clone", "--quiet", "--bare", (folder_ / "forge/org/web.git").string(),
                         (folder_ / "forge/org/app.git").string()});
  workspaces::put(tree / "go", "");
  const auto item = ended_item();
  EXPECT_EQ(item.at.state, ItemState::stopped);
  EXPECT_THAT(item.reason, HasSubstr("org/app is another repository"));
  EXPECT_FALSE(item.head.empty()) << "its work is kept";
  // What is said of its end has been said, or not.
  EXPECT_TRUE(run_until([&] {
    return testing::PrintToString(*lines_).find("another repository now") != std::string::npos;
  }));
  EXPECT_THAT(other.comments[1], IsEmpty());
  EXPECT_THAT(other.pulls, IsEmpty());
  EXPECT_EQ(at_forge(item.branch), std::nullopt);

  agent_is(kFix);
  other.issues.at(1).labels.push_back({0, "bug", "", "", false});
  set_branch(forge_, "org/app", "main", at_forge("main")->text());
  life_->dispatcher->look();
  EXPECT_TRUE(run_until([&] { return other.pulls.size() == 1; }))
      << testing::PrintToString(*lines_);
  EXPECT_THAT(names_in("mirrors"), testing::UnorderedElementsAre("repo-1", "repo-2"));
}

TEST_F(RenameTest, APullRequestOfAnotherRepositoryIsNotJudged) {
  agent_is(kFix);
  start_host();
  const auto item = ended_item();
  ASSERT_EQ(item.at.state, ItemState::done) << item.reason;
  rename_repository("org/app", "org/web");
  auto& other = forge_.add_repo("org/app");
  forge_.add_issue("org/app", "Other");
  ASSERT_EQ(forge_.add_pull("org/app", "Theirs", "theirs", "main").number, item.pull);
  ReportOrder order;
  order.work.item = item;
  order.work.playbook = std::make_shared<const Playbook>(
      parse_playbook(playbook_text("bug-fixer"), "bug-fixer.yaml"));
  std::optional<Result<Publication>> judged;
  life_->reporter.publish(order, [&](Result<Publication> made) { judged = std::move(made); });
  ASSERT_TRUE(run_until([&] { return judged.has_value(); }));
  ASSERT_FALSE(judged->ok());
  EXPECT_EQ(judged->error().code(), Code::conflict);
  EXPECT_THAT(other.statuses, IsEmpty());
}

// With the meter and the ledger: what its issue has used goes along.
class RenameTokensTest : public DispatchTokens {
 protected:
  // With a clone whose agent has used 650 tokens of its issue's 800 and waits in its first run.
  fs::path first_run_at_work() {
    budget(R"({"issue": {"tokens": 800}})");
    bash_agent_is("ask 600\n[ $TIMMY_RUN = d1.1 ] || exit 3\n" + std::string(kWaits) + "ask 600\n" +
                  kLie);
    start_host_with("limits: { tokens: 5000, attempts: 2 }\n");
    EXPECT_TRUE(run_until([this] {
      return fs::exists(state() / "runs" / "d1.1" / "output.log") &&
             output("d1.1").find("begun") != std::string::npos;
    }));
    for (const auto& each : fs::directory_iterator(state() / "clones")) return each.path() / "tree";
    return {};
  }
  std::int64_t taken(const std::string& repository) {
    return store_->run_now([&](Unit& unit) {
      const auto name = issue_account(repository, issue_);
      return read_account(unit, account_key(0, Dimension::issue, name)).taken().count();
    });
  }
};

TEST_F(RenameTokensTest, NeitherTheRunUnderWayNorTheNextAttemptHasTheCapOfItsIssueAnew) {
  const auto tree = first_run_at_work();
  EXPECT_EQ(taken("org/app"), 650);
  rename_repository("org/app", "org/web");
  life_->dispatcher->look();
  ASSERT_TRUE(run_until([this] { return taken("org/web") == 650; }));
  workspaces::put(tree / "go", "");
  const auto item = ended_item();
  EXPECT_EQ(item.repository, "org/web");
  EXPECT_EQ(item.runs, 2) << item.reason;
  EXPECT_EQ(taken("org/app"), 0);
  EXPECT_GT(taken("org/web"), 650);
  EXPECT_LE(taken("org/web"), 800);
  EXPECT_THAT(output("d1.2"), HasSubstr("the cap of 800 tokens on issue org/web#"));
}

}  // namespace
}  // namespace host::dispatch
