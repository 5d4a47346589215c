// SPDX-License-Identifier: Apache-2.0
#include <timmy/plugin.hpp>

struct Hello {
  explicit Hello(const timmy::Json& config) : greeting(config.at("greeting")) {}

  timmy::Json run(const timmy::Job& job, timmy::Context& ctx) {
    const std::string name = job.payload.value("name", "world");
    ctx.log.info(greeting, ", ", name, "!");
    return {{"greeted", name}};
  }

  std::string greeting;
};

TIMMY_PLUGIN(Hello)
