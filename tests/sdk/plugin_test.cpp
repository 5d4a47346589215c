// SPDX-License-Identifier: Apache-2.0
//
// The edge between a plugin and what runs it: results, failures and exceptions, across a real .so.
#include <gmock/gmock.h>

#include <timmy/testing.hpp>

namespace {

using testing::HasSubstr;
using timmy::Json;
using timmy::testing::Outcome;
using timmy::testing::Plugin;
using timmy::testing::World;

TEST(Hello, GreetsWhomThePayloadNames) {
  World world;
  Plugin hello(world, HELLO, {{"greeting", "hi"}});
  const Outcome outcome = hello.run("hello", {{"name", "Ada"}});
  EXPECT_TRUE(outcome.ok()) << outcome.message;
  EXPECT_EQ(outcome.result, (Json{{"greeted", "Ada"}}));
  EXPECT_EQ(world.log_text(), "info hi, Ada!\n");
}

TEST(PlainC, CountsItsRuns) {
  World world;
  Plugin plugin(world, PLAIN_C);
  EXPECT_EQ(plugin.run("plain_c").result.at("runs"), 1);
  EXPECT_EQ(plugin.run("plain_c").result.at("runs"), 2);
}

TEST(Harness, HandsOverAnObjectAsPayloadAndNothingElse) {
  World world;
  Plugin plugin(world, PLAIN_C);
  EXPECT_TRUE(plugin.run("plain_c", {}).ok());
  EXPECT_THROW((void)plugin.run("plain_c", Json::array({1})), std::logic_error);
  EXPECT_THROW((void)plugin.run("plain_c", "text"), std::logic_error);
}

TEST(PlainC, CallsTheHost) {
  World world;
  world.forge.login = "bot";
  Plugin plugin(world, PLAIN_C);
  EXPECT_EQ(plugin.run("plain_c_whoami").result.at("login"), "bot");
}

TEST(PlainC, PassesOnWhatTheHostRefused) {
  World world;
  world.fail("gitea/1.whoami", timmy::Permanent("not_granted", "no gitea.read"));
  Plugin plugin(world, PLAIN_C);
  const Outcome outcome = plugin.run("plain_c_whoami");
  EXPECT_EQ(outcome.status, TIMMY_PERMANENT);
  EXPECT_EQ(outcome.code, "not_granted");
}

TEST(PlainC, SeesThatItIsCancelled) {
  World world;
  Plugin plugin(world, PLAIN_C);
  world.cancel();
  EXPECT_EQ(plugin.run("plain_c").status, TIMMY_CANCELLED);
}

Json throwing(const std::string& from, const std::string& what) {
  return {{"from", from}, {"what", what}};
}

TEST(Thrower, FailsToBeCreatedWithTheTextOfItsException) {
  World world;
  EXPECT_THAT([&] { Plugin(world, THROWER, throwing("create", "exception")); },
              testing::ThrowsMessage<std::runtime_error>("exception: thrown from create"));
}

TEST(Thrower, FailsToBeCreatedWhenItThrowsAnInt) {
  World world;
  EXPECT_THAT([&] { Plugin(world, THROWER, throwing("create", "int")); },
              testing::ThrowsMessage<std::runtime_error>(HasSubstr("unknown_exception: ")));
}

TEST(Thrower, RunBecomesARetryableFailureWithTheText) {
  World world;
  Plugin plugin(world, THROWER, throwing("run", "exception"));
  const Outcome outcome = plugin.run("thrower");
  EXPECT_EQ(outcome.status, TIMMY_RETRYABLE);
  EXPECT_EQ(outcome.code, "exception");
  EXPECT_EQ(outcome.message, "thrown from run");
}

TEST(Thrower, RunBecomesARetryableFailureWhenItThrowsAnInt) {
  World world;
  Plugin plugin(world, THROWER, throwing("run", "int"));
  EXPECT_EQ(plugin.run("thrower").code, "unknown_exception");
  EXPECT_EQ(plugin.run("thrower").status, TIMMY_RETRYABLE) << "the instance lives on";
}

TEST(Thrower, OutOfMemoryIsAFailureOfTheRunOnly) {
  World world;
  Plugin plugin(world, THROWER, throwing("run", "bad_alloc"));
  EXPECT_EQ(plugin.run("thrower").code, "out_of_memory");
}

TEST(Thrower, AFailureSaysItsCodeAndDelay) {
  World world;
  Plugin plugin(world, THROWER, throwing("run", "retryable"));
  const Outcome outcome = plugin.run("thrower");
  EXPECT_EQ(outcome.code, "busy");
  EXPECT_EQ(outcome.delay, timmy::Milliseconds(7));
}

TEST(Thrower, DestroyIsALineInTheLog) {
  World world;
  { Plugin plugin(world, THROWER, throwing("destroy", "exception")); }
  EXPECT_EQ(world.log_text(), "error the plugin's destructor threw: thrown from destroy\n");
  { Plugin plugin(world, THROWER, throwing("destroy", "int")); }
  EXPECT_THAT(world.log_text(), HasSubstr("something that is no std::exception"));
}

TEST(Echo, GetsTheWholeJob) {
  World world;
  Plugin echo(world, ECHO, {{"word", "x"}});
  const Outcome outcome = echo.run("echo", {{"a", 1}},
                                   {.key = "k",
                                    .attempt = 2,
                                    .max_attempts = 3,
                                    .scheduled_for = timmy::parse_time("2026-11-23T14:05:00Z")});
  const Json expected{{"id", 1},
                      {"task", "echo"},
                      {"key", "k"},
                      {"attempt", 2},
                      {"max_attempts", 3},
                      {"scheduled_for", "2026-11-23T14:05:00Z"},
                      {"payload", {{"a", 1}}},
                      {"config", {{"word", "x"}}},
                      {"build", "first"},
                      {"runs", 1}};
  EXPECT_EQ(outcome.result, expected);
}

TEST(Echo, FailsInEachOfTheWays) {
  World world;
  Plugin echo(world, ECHO);
  const auto status = [&](const char* how) {
    return echo.run("echo_fail", {{"status", how}, {"delay_ms", 90}}).status;
  };
  EXPECT_EQ(status("retryable"), TIMMY_RETRYABLE);
  EXPECT_EQ(status("permanent"), TIMMY_PERMANENT);
  EXPECT_EQ(status("cancelled"), TIMMY_CANCELLED);
  EXPECT_EQ(status("snooze"), TIMMY_SNOOZE);
  EXPECT_EQ(echo.run("echo_fail", {{"status", "snooze"}, {"delay_ms", 90}}).delay,
            timmy::Milliseconds(90));
}

TEST(Echo, StopsWhenCancelled) {
  World world;
  Plugin echo(world, ECHO);
  world.cancel();
  EXPECT_EQ(echo.run("echo_wait", {{"ms", 60'000}}).status, TIMMY_CANCELLED);
}

TEST(Echo, ATaskThatItDoesNotHaveIsPermanent) {
  World world;
  Plugin echo(world, ECHO);
  const Outcome outcome = echo.run("nonsense");
  EXPECT_EQ(outcome.status, TIMMY_PERMANENT);
  EXPECT_EQ(outcome.code, "unknown_task");
}

TEST(Echo, LogsAtEveryLevel) {
  World world;
  Plugin echo(world, ECHO);
  echo.run("echo_log", {{"text", "t"}});
  EXPECT_EQ(world.log_text(), "debug t\ninfo t\nwarn t\nerror t\n");
}

// A plugin that breaks the ABI's rules is told so by the harness.
timmy_status create_nothing(const timmy_host*, timmy_str, void** self, timmy_reply*) {
  *self = nullptr;
  return TIMMY_OK;
}
timmy_status fail_silently(void*, const timmy_run*, timmy_str, timmy_str, timmy_reply*) {
  return TIMMY_PERMANENT;
}
timmy_status answer_a_list(void*, const timmy_run*, timmy_str, timmy_str, timmy_reply* reply) {
  reply->result(reply->ctx, timmy_cstr("[1]"));
  return TIMMY_OK;
}
void destroy_nothing(void*) {}

TEST(Harness, RefusesAFailureWithoutAText) {
  World world;
  const timmy_plugin table{sizeof(timmy_plugin), TIMMY_ABI_MINOR, create_nothing, fail_silently,
                           destroy_nothing};
  Plugin plugin(world, table);
  EXPECT_THROW(plugin.run("x"), std::logic_error);
}

TEST(Harness, RefusesAResultThatIsNoObject) {
  World world;
  const timmy_plugin table{sizeof(timmy_plugin), TIMMY_ABI_MINOR, create_nothing, answer_a_list,
                           destroy_nothing};
  Plugin plugin(world, table);
  EXPECT_THROW(plugin.run("x"), std::logic_error);
}

TEST(Harness, FillsInTheDefaultsOfASchema) {
  const Json manifest = timmy::testing::read_manifest(HELLO_MANIFEST);
  EXPECT_EQ(timmy::testing::with_defaults(manifest.at("config_schema")),
            (Json{{"greeting", "hello"}}));
}

}  // namespace
