// SPDX-License-Identifier: Apache-2.0
//
// The dispatcher with all that it has outside of a test but the forge's API: real git over HTTP,
// real programs in real cages.
#include <gmock/gmock.h>

#include <boost/asio/io_context.hpp>

#include "dispatch/caged_runs.hpp"
#include "dispatch/dispatcher.hpp"
#include "dispatch/dispatcher_fakes.hpp"
#include "dispatch/dispatcher_fixture.hpp"
#include "dispatch/forge_reporter.hpp"
#include "dispatch/git_workspaces.hpp"
#include "dispatch/host_verifier.hpp"
#include "dispatch/verify_fixture.hpp"
#include "runs/run_output.hpp"
#include "runs/supervised_runner.hpp"
#include "store/inline_store.hpp"

namespace host::dispatch {
namespace {

using ::testing::HasSubstr;

constexpr const char* kFix = R"(printf 'int main(void) { return 0; }\n' > src/main.c
git add --all && git commit --quiet --message 'Return 0'
echo 'Mended, and 99 tests passed.' > "$TIMMY_REPORT_FILE"
)";

// The forge's API knows what was pushed to its git.
class SeenPushes final : public Workspaces {
 public:
  SeenPushes(Workspaces& real, FakeGitea& forge) : real_(real), forge_(forge) {}
  void prepare(ItemWork work, Reply<Workspace> reply) override { real_.prepare(work, reply); }
  void take_in(ItemWork work, Reply<ImportedWork> reply) override { real_.take_in(work, reply); }
  void seal(ReportOrder order, Reply<std::string> reply) override { real_.seal(order, reply); }
  void let_go(Item item, Reply<Done> reply) override { real_.let_go(item, reply); }
  void push(ItemWork work, Reply<PushedWork> reply) override {
    real_.push(work, [this, work, reply](Result<PushedWork> pushed) {
      if (pushed.ok() && pushed.value().kind == PushedWork::Kind::pushed)
        set_branch(forge_, work.item.repository, work.item.branch, work.item.sealed);
      reply(std::move(pushed));
    });
  }

 private:
  Workspaces& real_;
  FakeGitea& forge_;
};

class DispatchForReal : public VerifyTest {
 protected:
  void SetUp() override {
    VerifyTest::SetUp();
    if (IsSkipped()) return;
    auto& repo = forge_.add_repo("org/app", {"bug"});
    repo.about.can_push = true;
    repo.about.default_branch = "main";
    set_branch(forge_, "org/app", "main", at_forge("main")->text());
    issue_ = forge_.add_issue("org/app", "Crash").number;
    forge_.repos.at("org/app").issues.at(issue_).labels.push_back({0, "bug", "", "", false});
  }
  void TearDown() override { end_host(); }

  // One life of a host.
  struct Life {
    Life(DispatchForReal& test)
        : runner(test.context_, test.loop_, test.supervisors_, test.state() / "runs",
                 test.shared_redactor_, test.log_),
          blocking(test.loop_, 4),
          cages(std::make_shared<ItemCages>(test.loop_, runner,
                                            CageFolders{test.state() / "runs", test.state() / "s"},
                                            ++test.lives_)),
          git({.program = test.git_program_, .home = test.state() / "git-home", .stop = stop},
              test.state() / "mirrors", test.state() / "clones", test.wall_),
          workspaces({test.store_,
                      test.forge_,
                      git,
                      blocking,
                      cages,
                      test.access(),
                      [this] { return dispatcher ? dispatcher->live() : std::vector<Item>(); },
                      test.wall_,
                      {}}),
          seen(workspaces, test.forge_),
          runs({test.loop_,
                test.store_,
                runner,
                blocking,
                cages,
                [] { return nullptr; },
                [] { return 0; },
                {test.state() / "runs", test.state() / "s"},
                {.home = {}, .hermes_home = test.state() / "hermes"},
                test.log_}),
          verifier({test.store_, git, blocking, cages, test.access(), test.routes(),
                    test.shared_redactor_}),
          reporter({test.store_, test.forge_, git, blocking, test.routes()}) {
      dispatcher = std::make_unique<Dispatcher>(
          DispatchWorld{test.loop_, test.store_, test.forge_, seen, runs, verifier, reporter,
                        [](const std::vector<std::string>&,
                           const std::function<void(std::vector<RepoName>)>& reply) {
                          reply({parse_repo_name("org/app")});
                        }},
          test.log_, test.lives_);
    }
    ~Life() {
      dispatcher.reset();
      stop->pull();
      cages->close();
    }
    std::shared_ptr<StopLine> stop = std::make_shared<StopLine>();
    runs::SupervisedRunner runner;
    BlockingWork blocking;
    std::shared_ptr<ItemCages> cages;
    ItemGit git;
    GitWorkspaces workspaces;
    SeenPushes seen;
    CagedRuns runs;
    HostVerifier verifier;
    ForgeReporter reporter;
    std::unique_ptr<Dispatcher> dispatcher;
  };

  AccessForge access() {
    return [this](const std::string&) {
      return ForgeAccess{remote(), Secret(std::string(workspaces::kToken))};
    };
  }
  static std::function<std::shared_ptr<const ModelRoutes>()> routes() {
    return [] { return std::make_shared<const ModelRoutes>(); };
  }
  [[nodiscard]] std::filesystem::path state() const { return folder_ / "state"; }

  // The agent's program, in a folder that holds nothing else.
  void agent_is(const std::string& script) {
    put_program(folder_ / "agent" / "agent", "#!/bin/sh\n" + script);
  }
  [[nodiscard]] Json command_agent() const {
    return {{"kind", "command"}, {"program", (folder_ / "agent" / "agent").string()}};
  }
  void start_host(const std::string& stall = "60s") { start_host(stall, command_agent()); }
  void start_host(const std::string& stall, const Json& agent) {
    life_ = std::make_unique<Life>(*this);
    const auto text = playbook_text(
        "bug-fixer",
        "limits: { attempts: 2, tokens: 10000, wall: 2m, stall: " + stall + " }\n" + kGates);
    const Json lanes{{"lanes", {{"code", {{"agent", agent}}}}}};
    std::vector<DispatchRules::Entry> entries{
        {std::make_shared<const Playbook>(parse_playbook(text, "bug-fixer.yaml")), true, {}}};
    life_->dispatcher->start(
        std::make_shared<DispatchRules>(std::move(entries),
                                        parse_lanes(to_text(lanes), "agent-lanes.json")),
        [](const Status& started) { EXPECT_TRUE(started.ok()); });
  }
  void end_host() { life_.reset(); }

  template <class Met>
  [[nodiscard]] bool run_until(Met met) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::minutes(2);
    while (!met() && std::chrono::steady_clock::now() < until) {
      context_.restart();
      context_.run_one_for(std::chrono::milliseconds(50));
    }
    return met();
  }
  // The one item, once it has ended.
  Item ended_item() {
    EXPECT_TRUE(run_until([this] {
      const auto all = items();
      return !all.empty() && !all.front().live();
    })) << testing::PrintToString(*lines_);
    return items().empty() ? Item{} : items().front();
  }
  std::vector<Item> items() {
    return store_.run_now([](Unit& unit) { return list_items(unit, {.limit = 500}); });
  }
  std::string path(const Item& item) {
    return path_of(store_.run_now([&](Unit& unit) { return gate_visits(unit, item.id); }));
  }
  std::string output(const std::string& run) const {
    return runs::read_output(state() / "runs" / run, 0, 1 << 16).text;
  }

  boost::asio::io_context context_;
  SystemClock wall_;
  AsioLoop loop_{context_, wall_};
  std::shared_ptr<std::vector<std::string>> lines_ = std::make_shared<std::vector<std::string>>();
  Log log_ = Log::to_memory(lines_);
  std::shared_ptr<Redactor> shared_redactor_ = std::make_shared<Redactor>();
  InlineStore store_{loop_};
  FakeGitea forge_{loop_};
  runs::OwnSupervisors supervisors_{TIMMY_SUPERVISOR};
  std::filesystem::path git_program_ = "/usr/bin/git";
  std::int64_t lives_ = 0;
  std::int64_t issue_ = 0;
  std::unique_ptr<Life> life_;
};

TEST_F(DispatchForReal, AnIssueBecomesAPullRequest) {
  agent_is(kFix);
  start_host();
  const auto item = ended_item();
  EXPECT_EQ(item.at.state, ItemState::done) << item.reason << output("d1.1");
  EXPECT_EQ(path(item),
            "intake passed, triage passed, route passed, track passed, verify passed, "
            "report passed");
  ASSERT_EQ(forge_.repos.at("org/app").pulls.size(), 1U);
  const auto& pull = forge_.repos.at("org/app").pulls.begin()->second;
  EXPECT_THAT(pull.body, HasSubstr("command verify"));
  EXPECT_EQ(at_forge(item.branch)->text(), item.sealed);
  EXPECT_EQ(at_forge("main")->text(), item.base);
  EXPECT_TRUE(run_until([this] { return std::filesystem::is_empty(state() / "clones"); }))
      << testing::PrintToString(*lines_);
  EXPECT_TRUE(std::filesystem::is_empty(state() / "s"));
}

TEST_F(DispatchForReal, AnAgentThatDoesNothingOpensNothing) {
  agent_is("echo all is well\n");
  start_host();
  const auto item = ended_item();
  EXPECT_EQ(item.at, (Position{Gate::track, ItemState::failed}));
  EXPECT_EQ(item.reason, "it committed nothing");
  EXPECT_TRUE(forge_.repos.at("org/app").pulls.empty());
}

TEST_F(DispatchForReal, AnAgentThatLiesIsToldWhatTheGatesFoundAndOpensNothing) {
  agent_is(
      "cat > prompt; cat prompt; rm prompt\necho done > NOTES\ngit add NOTES\n"
      "git commit --quiet --message 'Fix it. 12 tests passed'\n");
  start_host();
  const auto item = ended_item();
  EXPECT_EQ(item.at, (Position{Gate::verify, ItemState::failed})) << item.reason;
  EXPECT_EQ(item.attempts, 2);
  EXPECT_THAT(item.reason, HasSubstr("command verify"));
  EXPECT_EQ(at_forge(item.branch), std::nullopt);
  EXPECT_TRUE(forge_.repos.at("org/app").pulls.empty());
}

TEST_F(DispatchForReal, WhatGitSaysWhileItBundlesIsNoPartOfTheBundle) {
  // "warning: delta chain depth 5000 is too deep, forcing 4095"
  agent_is(std::string("git config pack.depth 5000\n") + kFix);
  start_host();
  const auto item = ended_item();
  EXPECT_EQ(item.at.state, ItemState::done) << item.reason;
}

TEST_F(DispatchForReal, AnAgentThatCantBeRunAsItIsSetUpFailsItsItem) {
  agent_is("no-such-program\n");
  start_host();
  const auto item = ended_item();
  EXPECT_EQ(item.at, (Position{Gate::track, ItemState::failed}));
  EXPECT_EQ(item.runs, 1);
  EXPECT_THAT(item.reason, HasSubstr("no-such-program"));
}

TEST_F(DispatchForReal, ACrashIsAnAttempt) {
  agent_is("kill -SEGV $$\n");
  start_host();
  const auto item = ended_item();
  EXPECT_EQ(item.at, (Position{Gate::track, ItemState::failed}));
  EXPECT_EQ(item.attempts, 2);
  EXPECT_THAT(item.reason, HasSubstr("the run was ended"));
}

// A Hermes that answers what it is asked, and keeps a store of its sessions as it works.
constexpr const char* kHermes = R"(case "$*" in
  --version) echo 'Hermes Agent v0.6.0'; exit ;;
  *--help) echo 'usage: hermes chat [-q QUERY] [-Q]'; exit ;;
esac
echo rows > "$HERMES_HOME/state.db"
ln -s /etc/hostname "$HERMES_HOME/state.db-wal"
mkdir -p "$HERMES_HOME/sessions"
echo '{}' > "$HERMES_HOME/sessions/session_1.json"
)";

TEST_F(DispatchForReal, WhatAHermesKeepsOfItsSessionsStaysWithTheRunAndNothingElseDoes) {
  agent_is(std::string(kHermes) + kFix);
  auto agent = command_agent();
  agent["kind"] = "hermes";
  agent["model"] = "small-1";
  start_host("60s", agent);
  const auto item = ended_item();
  EXPECT_EQ(item.at.state, ItemState::done) << item.reason << output("d1.1");
  const auto run = state() / "runs" / "d1.1";
  EXPECT_EQ(read_file(run / "state.db", 100), "rows\n");
  EXPECT_EQ(read_file(run / "sessions" / "session_1.json", 100), "{}\n");
  EXPECT_FALSE(std::filesystem::exists(std::filesystem::symlink_status(run / "state.db-wal")));
  EXPECT_THAT(read_file(run / "facts.json", 1 << 16), HasSubstr("state.db-wal is a link"));
  EXPECT_TRUE(std::filesystem::is_empty(state() / "s"));
}

TEST_F(DispatchForReal, WhatAHermesKeptIsThereAlsoWhenItsHostEndedBeforeIt) {
  agent_is(std::string(kHermes) + "echo at work\nsleep 600\n");
  auto agent = command_agent();
  agent["kind"] = "hermes";
  agent["model"] = "small-1";
  start_host("60s", agent);
  EXPECT_TRUE(run_until([&] {
    return std::filesystem::exists(state() / "s" / "d1.1" / "hermes" / "sessions" /
                                   "session_1.json");
  }));
  end_host();
  agent_is(std::string(kHermes) + kFix);
  start_host("60s", agent);
  EXPECT_EQ(ended_item().at.state, ItemState::done);
  EXPECT_EQ(read_file(state() / "runs" / "d1.1" / "state.db", 100), "rows\n");
  EXPECT_EQ(read_file(state() / "runs" / "d1.2" / "state.db", 100), "rows\n");
  EXPECT_TRUE(std::filesystem::is_empty(state() / "s"));
}

TEST_F(DispatchForReal, AStallIsEndedByFacts) {
  agent_is("sleep 600\n");
  start_host("1s");
  const auto item = ended_item();
  EXPECT_EQ(item.at, (Position{Gate::track, ItemState::failed}));
  EXPECT_THAT(item.reason, HasSubstr("printed nothing"));
}

TEST_F(DispatchForReal, AStopEndsAGitAtWorkAndTheNextHostClearsUpAfterIt) {
  agent_is(kFix);
  const auto at_work = folder_ / "at-work";
  git_program_ = folder_ / "bin" / "slow-git";
  // Like one that is killed: its lock stays.
  put_program(git_program_, R"(#!/bin/sh
case "$*" in *' fetch '*)
  for word; do
    case $word in --git-dir=*) heads=${word#--git-dir=}/refs/forge/heads ;; esac
  done
  mkdir -p "$heads" && touch "$heads/main.lock"
  touch ')" + at_work.string() +
                                R"('
  sleep 600 & wait ;;
esac
exec /usr/bin/git "$@"
)");
  start_host();
  ASSERT_TRUE(run_until([&] { return std::filesystem::exists(at_work); }));
  bool drained = false;
  const auto from = std::chrono::steady_clock::now();
  life_->dispatcher->drain([&] { drained = true; });
  life_->stop->pull();
  EXPECT_TRUE(run_until([&] { return drained; }));
  end_host();
  EXPECT_LT(std::chrono::steady_clock::now() - from, std::chrono::minutes(1));
  git_program_ = "/usr/bin/git";
  start_host();
  const auto item = ended_item();
  EXPECT_EQ(item.at.state, ItemState::done) << item.reason;
  EXPECT_EQ(item.interruptions, 1);
}

TEST_F(DispatchForReal, ARunThatAHostsEndCutShortIsMadeAgain) {
  agent_is("echo at work\nsleep 600\n");
  start_host();
  EXPECT_TRUE(run_until([&] {
    const auto all = items();
    return !all.empty() && all.front().run_open && life_->runner.running() == 1;
  }));
  end_host();
  agent_is(kFix);
  start_host();
  const auto item = ended_item();
  EXPECT_EQ(item.at.state, ItemState::done) << item.reason;
  EXPECT_EQ(item.attempts, 1);
  EXPECT_EQ(item.runs, 2);
  EXPECT_EQ(item.interruptions, 1);
}

}  // namespace
}  // namespace host::dispatch
