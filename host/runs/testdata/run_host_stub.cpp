// SPDX-License-Identifier: Apache-2.0
//
// A host that only has a runner: starts one run, prints a line once the run has printed something,
// and waits to be killed. Arguments: supervisor, folder (with `clone` and `scratch` in it), program
// and its arguments.
#include <stdio.h>

#include <boost/asio/io_context.hpp>
#include <filesystem>

#include "runs/supervised_runner.hpp"

int main(int count, char** arguments) {
  using namespace host;
  boost::asio::io_context context;
  SystemClock clock;
  AsioLoop loop(context, clock);
  runs::OwnSupervisors supervisors(arguments[1]);
  const std::filesystem::path folder = arguments[2];
  runs::SupervisedRunner runner(context, loop, supervisors, folder / "runs", nullptr,
                                Log::to_memory(std::make_shared<std::vector<std::string>>()));
  runs::RunSpec spec;
  spec.id = "orphan";
  spec.arguments.assign(arguments + 3, arguments + count);
  spec.folder = folder / "clone";
  spec.scratch = folder / "scratch";
  spec.writable = {spec.folder, spec.scratch};
  spec.readable = {std::filesystem::path(arguments[3]).parent_path()};
  spec.environment = runs::base_environment(spec.scratch);
  spec.network = runs::Network::open;
  runner.start(spec, {.started = {},
                      .output =
                          [](std::uint64_t) {
                            ::puts("running");
                            ::fflush(stdout);
                          },
                      .ended = {}});
  context.run();
}
