// Runs the plugin without a host, in a world in memory. Any test framework will do.
#include <cstdio>
#include <timmy/testing.hpp>

static int failures = 0;
#define EXPECT(condition) \
  if (!(condition))       \
  ++failures, std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition)

int main() {
  timmy::testing::World world;
  timmy::testing::Plugin plugin(world, timmy_plugin_v1, {{"greeting", "hello"}});

  const auto outcome = plugin.run("@TASK@", {{"name", "Ada"}});

  if (!outcome.ok())
    return std::fprintf(stderr, "%s: %s\n", outcome.code.c_str(), outcome.message.c_str()), 1;
  EXPECT(outcome.result.at("greeted") == "Ada");
  EXPECT(world.log_text() == "info hello, Ada!\n");
  return failures == 0 ? 0 : 1;
}
