// SPDX-License-Identifier: Apache-2.0
//
// Runs one task of a plugin under the harness of the SDK that this is compiled with: an old one
// hands it the tables of a host of its time. Prints "completed {...}" or "failed code: message".
//
//   run_in_harness PLUGIN TASK
#include <iostream>
#include <timmy/testing.hpp>

int main(int argc, char** argv) try {
  if (argc != 3) return 64;
  timmy::testing::World world;
  timmy::testing::Plugin plugin(world, argv[1]);
  const auto outcome = plugin.run(argv[2]);
  if (outcome.ok())
    std::cout << "completed " << outcome.result << '\n';
  else
    std::cout << "failed " << outcome.code << ": " << outcome.message << '\n';
  return 0;
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
