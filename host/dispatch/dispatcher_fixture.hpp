// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "dispatch/dispatcher.hpp"
#include "dispatch/dispatcher_fakes.hpp"
#include "dispatch/playbook_fixture.hpp"
#include "store/inline_store.hpp"
#include "tokens/account_table.hpp"

namespace host::dispatch {

// A forge with org/app, a store, a runner, and a dispatcher that can die and come back.
class DispatcherTest : public testing::Test {
 protected:
  DispatcherTest() {
    forge_.add_repo("org/app", {"bug", "lane/other", "wontfix"}).about.can_push = true;
    set_rules({{"fixer", "limits: { attempts: 2, tokens: 10000 }\n"}});
    runs_.spends = [this](const std::string& run, std::int64_t tokens) { spend(run, tokens); };
  }

  struct Named {
    std::string name;
    std::string more;  // of its YAML
  };
  static std::shared_ptr<const DispatchRules> rules_of(const std::vector<Named>& playbooks,
                                                       const std::string& lanes = kLanes) {
    std::vector<DispatchRules::Entry> entries;
    for (const auto& [name, more] : playbooks) {
      auto playbook = parse_playbook(playbook_text(name, more), name + ".yaml");
      entries.push_back({std::make_shared<const Playbook>(std::move(playbook)), true, {}});
    }
    return std::make_shared<DispatchRules>(std::move(entries), parse_lanes(lanes, "lanes.json"));
  }
  void set_rules(const std::vector<Named>& playbooks, const std::string& lanes = kLanes) {
    rules_ = rules_of(playbooks, lanes);
    if (dispatcher_) dispatcher_->set_rules(rules_);
  }

  DispatchWorld world() {
    return {loop_,
            store_,
            forge_,
            workspaces_,
            runs_,
            verifier_,
            reporter_,
            [this](const std::vector<std::string>& globs,
                   const std::function<void(std::vector<RepoName>)>& reply) {
              std::vector<RepoName> found;
              for (const auto& [name, repo] : forge_.repos)
                for (const auto& glob : globs)
                  if (repository_matches(glob, name)) {
                    found.push_back(parse_repo_name(name));
                    break;
                  }
              reply(found);
            },
            [this](const std::string& pipeline) -> std::optional<std::string> {
              if (pipeline != paused_) return std::nullopt;
              return "pipeline " + pipeline + " pauses";
            },
            [this] { return budget_generation_; }};
  }

  // The ledger has so much more of a run.
  void spend(const std::string& run, std::int64_t tokens) {
    store_.run_now([&](Unit& unit) {
      Account more;
      more.used.input = Tokens(tokens);
      add_to_account(unit, account_key(0, Dimension::run, run), more, loop_.clock().wall());
    });
  }

  // A host starts.
  void start() {
    dispatcher_ =
        std::make_unique<Dispatcher>(world(), Log::to_memory(lines_), ++instance_, settings_);
    dispatcher_->start(rules_, [](const Status& status) { EXPECT_TRUE(status.ok()); });
    loop_.drain();
  }
  // It dies, as by kill -9, wherever it is.
  void crash() {
    dispatcher_.reset();
    workspaces_.crash();
    runs_.crash();
    verifier_.crash();
  }
  void restart() {
    crash();
    start();
  }

  Issue& add_issue(const std::vector<std::string>& labels = {"bug"},
                   const std::string& repository = "org/app") {
    auto& issue = forge_.add_issue(repository, "Crash");
    for (const auto& label : labels) issue.labels.push_back({0, label, "", "", false});
    return issue;
  }
  Issue& issue(std::int64_t number) { return forge_.repos.at("org/app").issues.at(number); }
  void unlabel(std::int64_t number) {
    issue(number).labels.clear();
    issue(number).updated_at = loop_.clock().wall();
  }
  void close(std::int64_t number) {
    issue(number).state = "closed";
    issue(number).updated_at = loop_.clock().wall();
  }

  void tick(Duration by = std::chrono::seconds(31)) { loop_.advance(by); }

  std::vector<Item> items() {
    auto all = store_.run_now([](Unit& unit) { return list_items(unit, {.limit = 500}); });
    std::reverse(all.begin(), all.end());
    return all;
  }
  Item only_item() {
    const auto all = items();
    EXPECT_EQ(all.size(), 1U);
    return all.empty() ? Item{} : all.front();
  }
  std::vector<GateVisit> visits(ItemId id) {
    return store_.run_now([&](Unit& unit) { return gate_visits(unit, id); });
  }
  std::vector<PullRequest> pulls(const std::string& repository = "org/app") {
    std::vector<PullRequest> all;
    for (const auto& [number, pull] : forge_.repos.at(repository).pulls) all.push_back(pull);
    return all;
  }
  template <class T>
  Result<T> answer_of(const std::function<void(Reply<T>)>& call) {
    std::optional<Result<T>> got;
    call([&](Result<T> result) { got.emplace(std::move(result)); });
    loop_.drain();
    EXPECT_TRUE(got.has_value());
    return got ? std::move(*got) : Result<T>(Error(Code::internal, "no answer"));
  }

  FakeLoop loop_;
  InlineStore store_{loop_};
  FakeGitea forge_{loop_};
  FakeWorkspaces workspaces_{loop_, forge_};
  FakeRuns runs_{loop_, workspaces_};
  FakeVerifier verifier_{loop_};
  FakeReporter reporter_{loop_, forge_};
  DispatchSettings settings_;
  std::shared_ptr<const DispatchRules> rules_;
  std::shared_ptr<std::vector<std::string>> lines_ = std::make_shared<std::vector<std::string>>();
  std::unique_ptr<Dispatcher> dispatcher_;
  std::int64_t instance_ = 0;
  std::string paused_;  // a pipeline
  std::int64_t budget_generation_ = 1;
};

// Of all that has been: "intake passed, triage passed, ...".
inline std::string path_of(const std::vector<GateVisit>& visits) {
  std::string text;
  for (const auto& visit : visits)
    text += (text.empty() ? "" : ", ") + std::string(name(visit.gate)) + " " +
            std::string(name(visit.verdict));
  return text;
}

}  // namespace host::dispatch
