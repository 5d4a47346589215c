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
  timmy::testing::Outcome run() {
    static const timmy::Json schema = timmy::testing::read_manifest(MANIFEST).at("config_schema");
    const auto config = timmy::testing::with_defaults(schema, {{"alert", {{"repository", repo_}}}});
    return timmy::testing::Plugin(world_, timmy_plugin_v1, config).run("deadman_switch");
  }
  // A run a minute later, which must end well.
  timmy::Json pass() {
    world_.advance(std::chrono::minutes(1));
    const auto outcome = run();
    EXPECT_TRUE(outcome.ok()) << outcome.message;
    return outcome.result;
  }
  [[nodiscard]] std::vector<timmy::testing::ForgeWorld::Issue>& issues() {
    return world_.forge.repo("org/ops").issues;
  }

  timmy::testing::World world_;
  timmy::testing::Deadman& deadman_ = world_.deadman;
  std::string repo_ = "org/ops";
};

}  // namespace deadman
