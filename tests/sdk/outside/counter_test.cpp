// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <timmy/testing.hpp>

static int count_twice(timmy::testing::World& world, timmy::testing::Plugin& plugin) {
  plugin.run("count");
  const auto outcome = plugin.run("count");
  const bool right =
      outcome.ok() && outcome.result.at("count") == 2 && world.state.at("count") == 2;
  std::puts(right ? "counted" : outcome.message.c_str());
  return right ? 0 : 1;
}

int main(int argc, char** argv) {
  timmy::testing::World world;
  if (argc > 1) {
    timmy::testing::Plugin plugin(world, argv[1]);
    return count_twice(world, plugin);
  }
  timmy::testing::Plugin plugin(world, timmy_plugin_v1);
  return count_twice(world, plugin);
}
