// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <timmy/testing.hpp>

// Any test framework will do; this needs none.
static int failures = 0;
#define EXPECT(condition) \
  if (!(condition))       \
  ++failures, std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition)

static const timmy::Json config = {{"repos", {"org/app"}}, {"days", 90}, {"label", "stale"}};

static void labels_only_what_is_old() {
  timmy::testing::World world;
  world.forge.add_repo("org/app", {"stale"});
  world.forge.add_issue("org/app", "old");
  world.advance(std::chrono::days(90));
  world.forge.add_issue("org/app", "new");

  timmy::testing::Plugin plugin(world, timmy_plugin_v1, config);
  const auto outcome = plugin.run("stale_repo", {{"repo", "org/app"}});

  EXPECT(outcome.ok());
  EXPECT(outcome.result.at("labelled") == 1);
  EXPECT(world.forge.issue("org/app", 1).labels.size() == 1);
  EXPECT(world.forge.issue("org/app", 2).labels.empty());
}

static void stops_where_it_is_when_cancelled() {
  timmy::testing::World world;
  world.forge.add_repo("org/app", {"stale"});
  for (int i = 0; i < 3; ++i) world.forge.add_issue("org/app", "old");
  world.advance(std::chrono::days(90));
  world.cancel_at_call(3);  // the list and one label are answered

  timmy::testing::Plugin plugin(world, timmy_plugin_v1, config);
  EXPECT(plugin.run("stale_repo", {{"repo", "org/app"}}).status == TIMMY_CANCELLED);
  EXPECT(world.forge.writes == 1);
  EXPECT(world.asked.at(1).method == "gitea/1.add_labels");
  EXPECT(world.asked.at(1).params.at("repo") == "org/app");
}

static void is_tried_again_when_gitea_is_down() {
  timmy::testing::World world;
  world.fail("gitea/1.list_issues", timmy::Retryable("unavailable", "connection refused"));
  timmy::testing::Plugin plugin(world, timmy_plugin_v1, config);
  const auto outcome = plugin.run("stale_repo", {{"repo", "org/app"}});
  EXPECT(outcome.status == TIMMY_RETRYABLE);
  EXPECT(world.state.empty());
}

static void a_scan_is_followed_by_a_job_a_repository() {
  timmy::testing::World world;
  timmy::testing::Plugin plugin(world, timmy_plugin_v1, config);
  EXPECT(plugin.run("stale_scan").ok());
  EXPECT(world.jobs.size() == 1);
  EXPECT(world.jobs.at(0).at("payload").at("repo") == "org/app");
}

int main() {
  labels_only_what_is_old();
  stops_where_it_is_when_cancelled();
  is_tried_again_when_gitea_is_down();
  a_scan_is_followed_by_a_job_a_repository();
  return failures == 0 ? 0 : 1;
}
