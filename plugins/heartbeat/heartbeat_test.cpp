// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <timmy/testing.hpp>

namespace {

using testing::HasSubstr;
using timmy::Json;
using timmy::testing::Outcome;
using timmy::testing::Plugin;
using timmy::testing::World;

class Heartbeat : public testing::Test {
 protected:
  Heartbeat() {
    std::string name = (std::filesystem::temp_directory_path() / "heartbeat.XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~Heartbeat() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] Json config(const Json& model = Json::object()) const {
    static const Json schema = timmy::testing::read_manifest(MANIFEST).at("config_schema");
    return timmy::testing::with_defaults(schema,
                                         {{"stamp_dir", folder_.string()}, {"model", model}});
  }
  [[nodiscard]] Json with_model() const { return config({{"route", "main"}, {"name", "small"}}); }
  [[nodiscard]] Json stamp(const std::string& task) const {
    std::ifstream file(folder_ / (task + ".stamp"));
    return file ? Json::parse(file) : Json();
  }

  std::filesystem::path folder_;
  World world_;
};

TEST_F(Heartbeat, StampsThatGiteaTookTheToken) {
  Plugin plugin(world_, timmy_plugin_v1, config());
  const Outcome outcome = plugin.run("heartbeat");
  ASSERT_TRUE(outcome.ok()) << outcome.message;
  EXPECT_EQ(
      stamp("heartbeat"),
      (Json{
          {"task", "heartbeat"}, {"job", 1}, {"login", "timmy"}, {"at", "2026-01-05T12:00:00Z"}}));
}

TEST_F(Heartbeat, ASecondBeatMovesTheStamp) {
  Plugin plugin(world_, timmy_plugin_v1, config());
  plugin.run("heartbeat");
  world_.advance(std::chrono::minutes(1));
  plugin.run("heartbeat");
  EXPECT_EQ(stamp("heartbeat").at("at"), "2026-01-05T12:01:00Z");
}

TEST_F(Heartbeat, AFailureSaysWhatAndSinceWhenAndKeepsTheOldStamp) {
  Plugin plugin(world_, timmy_plugin_v1, config());
  plugin.run("heartbeat");
  world_.advance(std::chrono::minutes(1));
  world_.fail("gitea/1.whoami", timmy::Retryable("unavailable", "connection refused"));
  const Outcome first = plugin.run("heartbeat");
  EXPECT_EQ(first.status, TIMMY_RETRYABLE);
  EXPECT_EQ(first.code, "unavailable");
  EXPECT_EQ(first.message,
            "Gitea has not answered the host's token since 2026-01-05T12:01:00Z: "
            "gitea/1.whoami: connection refused");
  world_.advance(std::chrono::minutes(5));
  EXPECT_THAT(plugin.run("heartbeat").message, HasSubstr("since 2026-01-05T12:01:00Z"));
  EXPECT_EQ(stamp("heartbeat").at("at"), "2026-01-05T12:00:00Z");
}

TEST_F(Heartbeat, ARefusedTokenIsPermanent) {
  Plugin plugin(world_, timmy_plugin_v1, config());
  world_.fail("gitea/1.whoami", timmy::Permanent("denied", "401"));
  const Outcome outcome = plugin.run("heartbeat");
  EXPECT_EQ(outcome.status, TIMMY_PERMANENT);
  EXPECT_EQ(outcome.code, "denied");
}

TEST_F(Heartbeat, SaysThatItIsBackAndStartsTheNextOutageAnew) {
  Plugin plugin(world_, timmy_plugin_v1, config());
  world_.fail("gitea/1.whoami", timmy::Retryable("unavailable", "away"));
  plugin.run("heartbeat");
  world_.succeed("gitea/1.whoami");
  world_.advance(std::chrono::minutes(1));
  EXPECT_TRUE(plugin.run("heartbeat").ok());
  EXPECT_EQ(world_.log_text(),
            "info heartbeat passes again; it had failed since 2026-01-05T12:00:00Z\n");
  EXPECT_TRUE(world_.state.empty());
  world_.fail("gitea/1.whoami", timmy::Retryable("unavailable", "away"));
  world_.advance(std::chrono::minutes(1));
  EXPECT_THAT(plugin.run("heartbeat").message, HasSubstr("since 2026-01-05T12:02:00Z"));
}

TEST_F(Heartbeat, OneTaskFailingSaysNothingAboutAnother) {
  Plugin plugin(world_, timmy_plugin_v1, with_model());
  plugin.run("model_health_check");
  plugin.run("heartbeat");
  EXPECT_TRUE(world_.state.contains("failing/model_health_check"));
  EXPECT_FALSE(world_.state.contains("failing/heartbeat"));
}

TEST_F(Heartbeat, BeingCancelledIsNoOutage) {
  Plugin plugin(world_, timmy_plugin_v1, config());
  world_.cancel();
  EXPECT_EQ(plugin.run("heartbeat").status, TIMMY_CANCELLED);
  EXPECT_TRUE(world_.state.empty());
}

TEST_F(Heartbeat, AFolderThatIsNotThereIsAFailureOfTheBeat) {
  std::filesystem::remove_all(folder_);
  Plugin plugin(world_, timmy_plugin_v1, config());
  const Outcome outcome = plugin.run("heartbeat");
  EXPECT_EQ(outcome.code, "stamp_not_written");
  EXPECT_THAT(outcome.message, HasSubstr("heartbeat.stamp"));
}

TEST_F(Heartbeat, RefusesAFolderThatIsRelative) {
  EXPECT_THAT(
      [&] {
        Plugin(world_, timmy_plugin_v1, {{"stamp_dir", "stamps"}});
      },
      testing::ThrowsMessage<std::runtime_error>(HasSubstr("expected an absolute path")));
}

TEST_F(Heartbeat, WithoutAModelItsTasksDoNothing) {
  Plugin plugin(world_, timmy_plugin_v1, config());
  for (const char* task : {"model_health_check", "heartbeat_heavy"}) {
    EXPECT_TRUE(plugin.run(task).result.contains("skipped")) << task;
    EXPECT_TRUE(stamp(task).is_null());
  }
  EXPECT_TRUE(world_.calls.empty());
}

TEST_F(Heartbeat, TheHealthCheckFindsItsModelInTheListAndSpendsNothing) {
  world_.models.routes["main"] = {"big", "small"};
  Plugin plugin(world_, timmy_plugin_v1, with_model());
  const Outcome outcome = plugin.run("model_health_check");
  EXPECT_EQ(outcome.result, (Json{{"model", "small"}, {"models", 2}})) << outcome.message;
  EXPECT_EQ(stamp("model_health_check").at("models"), 2);
  EXPECT_EQ(world_.account.used(), 0);
}

TEST_F(Heartbeat, TheHealthCheckMissesItsModel) {
  world_.models.routes["main"] = {"big"};
  Plugin plugin(world_, timmy_plugin_v1, with_model());
  EXPECT_EQ(plugin.run("model_health_check").code, "no_such_model");
  EXPECT_TRUE(stamp("model_health_check").is_null());
  world_.models.routes["main"] = {};
  EXPECT_EQ(plugin.run("model_health_check").code, "model_unavailable");
}

TEST_F(Heartbeat, ARouteThatIsNotGrantedIsNoHealthyOne) {
  Plugin plugin(world_, timmy_plugin_v1, with_model());
  const Outcome outcome = plugin.run("model_health_check");
  EXPECT_EQ(outcome.status, TIMMY_PERMANENT);
  EXPECT_EQ(outcome.code, "not_granted");
}

TEST_F(Heartbeat, TheHeavyBeatAsksForACompletionAndIsCharged) {
  world_.models.routes["main"] = {"small"};
  world_.models.answer_with("ok", {12, 1, 0, 0, 0});
  Plugin plugin(world_, timmy_plugin_v1, with_model());
  const Outcome outcome = plugin.run("heartbeat_heavy");
  EXPECT_EQ(outcome.result, (Json{{"model", "small"}, {"input_tokens", 12}, {"output_tokens", 1}}))
      << outcome.message;
  EXPECT_EQ(stamp("heartbeat_heavy").at("output_tokens"), 1);
  EXPECT_EQ(world_.account.used(), 13) << "what it says in its result is not charged twice";
  const Json sent = world_.models.requests.at(0).at("request");
  EXPECT_EQ(sent.at("model"), "small");
  EXPECT_LE(sent.at("max_tokens"), 16);
  EXPECT_EQ(sent.at("messages").at(0).at("role"), "user");
  EXPECT_TRUE(world_.requests.empty()) << "no request of its own goes past the meter";
}

TEST_F(Heartbeat, TheHeavyBeatTakesTheFirstModelWhenNoneIsNamed) {
  world_.models.routes["main"] = {"only"};
  Plugin plugin(world_, timmy_plugin_v1, config({{"route", "main"}}));
  EXPECT_EQ(plugin.run("heartbeat_heavy").result.at("model"), "only");
}

TEST_F(Heartbeat, ABudgetThatIsUsedUpSaysWhichCapAndLeavesNoStamp) {
  world_.models.routes["main"] = {"small"};
  world_.account.left = 5;
  Plugin plugin(world_, timmy_plugin_v1, with_model());
  const Outcome waits = plugin.run("heartbeat_heavy");
  EXPECT_EQ(waits.status, TIMMY_RETRYABLE);
  EXPECT_EQ(waits.code, "rate_limited");
  EXPECT_THAT(waits.message, HasSubstr("the cap has 5 tokens left"));
  world_.account.renews = false;
  EXPECT_EQ(plugin.run("heartbeat_heavy").status, TIMMY_PERMANENT);
  EXPECT_TRUE(stamp("heartbeat_heavy").is_null());
}

TEST_F(Heartbeat, TheHeavyBeatPassesWhereTheProviderCountsNoTokens) {
  world_.models.routes["main"] = {"small"};
  for (const char* usage : {"null", "7", R"({"prompt_tokens":null,"completion_tokens":"3"})"}) {
    world_.models = {};
    world_.models.routes["main"] = {"small"};
    world_.models.reply_with(
        Json::parse(R"({"choices":[{"message":{}}],"usage":)" + std::string(usage) + "}"));
    Plugin plugin(world_, timmy_plugin_v1, with_model());
    const Outcome outcome = plugin.run("heartbeat_heavy");
    EXPECT_EQ(outcome.result, (Json{{"model", "small"}, {"input_tokens", 0}, {"output_tokens", 0}}))
        << usage << ": " << outcome.message;
  }
}

TEST_F(Heartbeat, TheHeavyBeatIsNoSuccessWithoutAMessage) {
  world_.models.routes["main"] = {"small"};
  world_.models.reply_with({{"choices", Json::array()}});
  Plugin plugin(world_, timmy_plugin_v1, with_model());
  EXPECT_EQ(plugin.run("heartbeat_heavy").code, "bad_reply");
  EXPECT_TRUE(stamp("heartbeat_heavy").is_null());
}

TEST_F(Heartbeat, BeatsFromItsFileToo) {
  Plugin plugin(world_, PLUGIN, config());
  EXPECT_TRUE(plugin.run("heartbeat").ok());
  EXPECT_EQ(stamp("heartbeat").at("login"), "timmy");
}

}  // namespace
