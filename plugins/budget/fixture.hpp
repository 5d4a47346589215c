// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>

#include <timmy/testing.hpp>

namespace budget {

class BudgetTest : public testing::Test {
 protected:
  static timmy::Json config(const timmy::Json& given = timmy::Json::object()) {
    static const timmy::Json schema = timmy::testing::read_manifest(MANIFEST).at("config_schema");
    return timmy::testing::with_defaults(schema, given);
  }
  timmy::testing::Outcome run(const std::string& task,
                              const timmy::Json& given = timmy::Json::object()) {
    return timmy::testing::Plugin(world_, timmy_plugin_v1, config(given)).run(task);
  }
  timmy::testing::World world_;
  timmy::testing::Account& account_ = world_.account;
};

}  // namespace budget
