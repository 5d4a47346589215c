// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>

#include <timmy/testing.hpp>

namespace deadman {

class DeadmanTest : public testing::Test {
 protected:
  DeadmanTest() {
    world_.forge.add_repo("org/app");
    world_.forge.add_repo("org/ops");
  }
  timmy::testing::Outcome run(const std::string& task) {
    static const timmy::Json schema = timmy::testing::read_manifest(MANIFEST).at("config_schema");
    const auto config = timmy::testing::with_defaults(schema, {{"alert", {{"repository", repo_}}}});
    return timmy::testing::Plugin(world_, timmy_plugin_v1, config).run(task);
  }
  // A run that must end well; its result.
  timmy::Json look() { return result_of("deadman_switch"); }
  timmy::Json ask() { return result_of("deadman_forge"); }
  // Both, a minute later; the result of the one that asks the forge.
  timmy::Json pass() {
    world_.advance(std::chrono::minutes(1));
    look();
    return ask();
  }
  [[nodiscard]] std::vector<timmy::testing::ForgeWorld::Issue>& issues() {
    return world_.forge.repo("org/ops").issues;
  }

 private:
  timmy::Json result_of(const std::string& task) {
    const auto outcome = run(task);
    EXPECT_TRUE(outcome.ok()) << task << ": " << outcome.message;
    return outcome.result;
  }

 protected:
  timmy::testing::World world_;
  timmy::testing::Deadman& deadman_ = world_.deadman;
  std::string repo_ = "org/ops";
};

}  // namespace deadman
