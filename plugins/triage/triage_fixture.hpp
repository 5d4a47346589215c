// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>

#include <set>
#include <string>
#include <timmy/testing.hpp>
#include <vector>

namespace triage {

// The plugin, as a host would run it, against a world in memory.
class Desk {
 public:
  using Json = timmy::Json;
  using Outcome = timmy::testing::Outcome;

  Desk() {
    world_.forge.add_repo("org/app", {"bug", "p1", "p2", "wish", "asked"});
    world_.forge.repo("org/app").assignable = {"timmy", "alice", "ada", "bob", "carol"};
  }

  static Json config(const std::vector<Json>& rules,
                     const std::vector<std::string>& repos = {"org/app"}) {
    return {{"repos", repos}, {"priorities", {"p1", "p2"}}, {"rules", rules}};
  }
  static Json rule(const std::string& name, const Json& when, Json does) {
    does["name"] = name;
    does["when"] = when;
    return does;
  }

  Outcome run(const Json& with, const Json& payload = Json::object(),
              const std::string& task = "gitea_issue_triage") {
    world_.calls.clear();
    world_.asked.clear();
    timmy::testing::Plugin plugin(world_, timmy_plugin_v1, with);
    return plugin.run(task, payload);
  }
  // A round, some time after the last.
  Outcome later(const Json& with, std::chrono::minutes by = std::chrono::minutes(20)) {
    world_.advance(by);
    return run(with);
  }
  Outcome explain(const Json& with, std::int64_t number) {
    return run(with, {{"repo", "org/app"}, {"number", number}}, "gitea_issue_triage_explain");
  }

  [[nodiscard]] timmy::testing::ForgeWorld::Issue& at(std::int64_t number) {
    return world_.forge.issue("org/app", number);
  }
  [[nodiscard]] std::vector<std::string> labels(std::int64_t number) { return at(number).labels; }
  // Somebody changed the issue, so the forge dates it anew.
  void touched(std::int64_t number) { at(number).updated_at = world_.now(); }
  // The calls that go to the forge.
  [[nodiscard]] std::vector<std::string> requests() const {
    std::vector<std::string> all;
    for (const auto& call : world_.calls)
      if (call.starts_with("gitea/1.")) all.push_back(call.substr(8));
    return all;
  }

  timmy::testing::World world_;
};

class TriageTest : public testing::Test, protected Desk {};

}  // namespace triage
