// SPDX-License-Identifier: Apache-2.0
//
// For tests: the dispatcher with all that it has outside of one but the forge's API: real git over
// HTTP, real programs in real cages.
#pragma once

#include <gmock/gmock.h>

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <vector>

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
#include "tokens/meter.hpp"

namespace host::dispatch {

inline constexpr const char* kFix = R"(printf 'int main(void) { return 0; }\n' > src/main.c
git add --all && git commit --quiet --message 'Return 0'
echo 'Mended, and 99 tests passed.' > "$TIMMY_REPORT_FILE"
)";

// The forge's API knows what was pushed to its git.
class SeenPushes final : public Workspaces {
 public:
  SeenPushes(Workspaces& real, FakeGitea& forge) : real_(real), forge_(forge) {}
  void prepare(ItemWork work, Reply<Workspace> reply) override { real_.prepare(work, reply); }
  void take_in(ItemWork work, Reply<ImportedWork> reply) override { real_.take_in(work, reply); }
  void cancel(ItemId item, const std::string& why) override { real_.cancel(item, why); }
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
    store_ = open_store();
    auto& repo = forge_.add_repo("org/app", {"bug"});
    repo.about.can_push = true;
    repo.about.default_branch = "main";
    set_branch(forge_, "org/app", "main", at_forge("main")->text());
    issue_ = forge_.add_issue("org/app", "Crash").number;
    forge_.repos.at("org/app").issues.at(issue_).labels.push_back({0, "bug", "", "", false});
  }
  void TearDown() override { end_host(); }
  virtual std::unique_ptr<Store> open_store() { return std::make_unique<InlineStore>(loop_); }

  // One life of a host.
  struct Life {
    Life(DispatchForReal& test)
        : runner(test.context_, test.loop_, test.supervisors_, test.state() / "runs",
                 test.shared_redactor_, test.log_),
          blocking(test.loop_),
          cages(std::make_shared<ItemCages>(test.loop_, runner,
                                            CageFolders{test.state() / "runs", test.state() / "s"},
                                            ++test.lives_)),
          git({.program = test.git_program_, .home = test.state() / "git-home", .stop = stop},
              test.state() / "mirrors", test.state() / "clones", test.wall_),
          workspaces({*test.store_, test.forge_, git, blocking, cages, test.access(),
                      [this] { return dispatcher ? dispatcher->live() : std::vector<Item>(); },
                      test.wall_, [&test] { return test.disk_; }}),
          seen(workspaces, test.forge_),
          runs({test.loop_,
                *test.store_,
                runner,
                blocking,
                cages,
                [&test] { return test.meter_.get(); },
                [] { return 0; },
                [&test] { return test.next_day_; },
                [&test] { return test.passes_meter_; },
                {test.state() / "runs", test.state() / "s"},
                {.home = {}, .hermes_home = test.state() / "hermes"},
                test.log_}),
          verifier({*test.store_, git, blocking, cages, test.access(), test.routes(),
                    test.shared_redactor_}),
          reporter({*test.store_, test.forge_, git, blocking, test.routes()}) {
      dispatcher = std::make_unique<Dispatcher>(
          DispatchWorld{test.loop_, *test.store_, test.forge_, seen, runs, verifier, reporter,
                        [](const std::vector<std::string>&,
                           const std::function<void(std::vector<RepoName>)>& reply) {
                          reply({parse_repo_name("org/app")});
                        }},
          test.log_, test.lives_, test.settings_);
      test.forge_.set_renamed_handler([this](const RepoName& from, const RepoName& to) {
        if (dispatcher) dispatcher->renamed(from.full(), to.full());
      });
    }
    ~Life() {
      dispatcher.reset();
      stop->pull();
      cages->close();
      blocking.close();
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
    return [this](const std::string& repository) {
      auto at = remote();
      at.repository = repository;
      at.url = server_->url(repository);
      return ForgeAccess{std::move(at), Secret(std::string(workspaces::kToken))};
    };
  }
  static std::function<std::shared_ptr<const ModelRoutes>()> routes() {
    return [] { return std::make_shared<const ModelRoutes>(); };
  }
  [[nodiscard]] std::filesystem::path state() const { return folder_ / "state"; }

  // At the forge, its git included. Calls of the API are sent on, those of git are not.
  void rename_repository(const std::string& from, const std::string& to) {
    forge_.rename_repo(from, to);
    const auto root = folder_ / "forge";
    std::filesystem::create_directories((root / to).parent_path());
    std::filesystem::rename(root / (from + ".git"), root / (to + ".git"));
  }

  // The agent's program, in a folder that holds nothing else.
  void agent_is(const std::string& script) {
    put_program(folder_ / "agent" / "agent", "#!/bin/sh\n" + script);
  }
  [[nodiscard]] Json command_agent() const {
    return {{"kind", "command"}, {"program", (folder_ / "agent" / "agent").string()}};
  }
  void start_host(const std::string& stall = "60s") { start_host(stall, command_agent()); }
  void start_host(const std::string& stall, const Json& agent) {
    start_host_with("limits: { attempts: 2, tokens: 10000, wall: 2m, stall: " + stall + " }\n",
                    Json::object(), agent);
  }
  // With `limits` in the playbook, and `budget` in the lane.
  void start_host_with(const std::string& limits, const Json& budget = Json::object()) {
    start_host_with(limits, budget, command_agent());
  }
  void start_host_with(const std::string& limits, const Json& budget, const Json& agent) {
    life_ = std::make_unique<Life>(*this);
    // A comment has no gates.
    const bool comment = limits.find("kind: comment") != limits.npos;
    const auto text = playbook_text("bug-fixer", limits + (comment ? "" : kGates));
    const Json lanes{{"lanes", {{"code", {{"agent", agent}, {"budget", budget}}}}}};
    std::vector<DispatchRules::Entry> entries{
        {std::make_shared<const Playbook>(parse_playbook(text, "bug-fixer.yaml")), true, {}}};
    life_->dispatcher->start(
        std::make_shared<DispatchRules>(std::move(entries),
                                        parse_lanes(to_text(lanes), "agent-lanes.json")),
        [](const Status& started) { EXPECT_TRUE(started.ok()); });
  }
  void end_host() {
    forge_.set_renamed_handler({});
    life_.reset();
  }

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
    return store_->run_now([](Unit& unit) { return list_items(unit, {.limit = 500}); });
  }
  std::string path(const Item& item) {
    return path_of(store_->run_now([&](Unit& unit) { return gate_visits(unit, item.id); }));
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
  std::unique_ptr<Store> store_;
  DispatchSettings settings_;
  FakeGitea forge_{loop_};
  runs::OwnSupervisors supervisors_{TIMMY_SUPERVISOR};
  std::filesystem::path git_program_ = "/usr/bin/git";
  std::int64_t lives_ = 0;
  std::int64_t issue_ = 0;
  WallTime next_day_ = wall_.wall() + std::chrono::hours(12);
  bool passes_meter_ = false;
  workspaces::DiskLimits disk_;
  std::unique_ptr<Meter> meter_;  // none, unless a test makes it
  std::unique_ptr<Life> life_;
};

}  // namespace host::dispatch
