// SPDX-License-Identifier: Apache-2.0
//
// A plugin whose one task is what the test says, in a world of its own.
#pragma once

#include <gmock/gmock.h>

#include <timmy/plugin.hpp>
#include <timmy/testing.hpp>

// What the task does.
extern std::function<timmy::Json(const timmy::Job&, timmy::Context&)> the_task;

class AnyTaskTest : public testing::Test {
 protected:
  timmy::testing::Outcome run(std::function<timmy::Json(timmy::Context&)> task,
                              const timmy::testing::JobOptions& options = {}) {
    the_task = [&](const timmy::Job&, timmy::Context& ctx) { return task(ctx); };
    return plugin_.run("any", timmy::Json::object(), options);
  }
  timmy::testing::World world_;
  timmy::testing::Plugin plugin_{world_, timmy_plugin_v1};
};
