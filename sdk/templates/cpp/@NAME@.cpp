// What @NAME@ does. See the guide: docs/writing-a-plugin.md of timmy-host.
#include <timmy/plugin.hpp>

struct @CLASS@ {
  explicit @CLASS@(const timmy::Json& config) : greeting(config.at("greeting")) {}

  // Each run of a job: may happen more than once for one job, so key what must not by job.key.
  timmy::Json run(const timmy::Job& job, timmy::Context& ctx) {
    const std::string name = job.payload.value("name", "world");
    ctx.log.info(greeting, ", ", name, "!");
    return {{"greeted", name}};
  }

  std::string greeting;
};

TIMMY_PLUGIN(@CLASS@)
