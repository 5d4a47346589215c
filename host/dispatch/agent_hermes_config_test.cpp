// SPDX-License-Identifier: Apache-2.0
#include "dispatch/agent_hermes_config.hpp"

#include "base/error.hpp"
#include "config/document.hpp"
#include "dispatch/agent_fixture.hpp"

namespace host::dispatch {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// As an operator may have it, with every way to a model that some version of Hermes has.
constexpr const char* kOperators = R"(
_config_version: 33
model: { default: big-1, provider: openrouter, base_url: https://openrouter.ai/api/v1, api_key: sk-main-canary, context_length: 200000 }
providers: { acme: { base_url: https://acme.example/v1, api_key: sk-acme-canary } }
custom_providers: [{ name: old, base_url: https://old.example/v1, api_key: sk-old-canary }]
fallback_providers: [{ provider: anthropic, model: claude-x }]
fallback_model: { provider: nous, model: hermes-4 }
smart_model_routing: { enabled: true, cheap_model: { provider: openrouter, model: cheap } }
auxiliary:
  vision: { provider: openrouter, model: eye-1, base_url: https://eye.example, api_key: sk-eye-canary }
  brand_new_task: { provider: openrouter, base_url: https://new.example, api_key: sk-new-canary }
delegation: { model: sub-1, provider: nous, base_url: https://sub.example, api_key: sk-sub-canary, max_iterations: 12 }
compression: { enabled: true, threshold: 0.4, summary_model: sum-1, summary_base_url: https://sum.example }
mcp_servers: { forge: { command: forge-mcp, env: { TOKEN: mcp-canary } } }
secrets: { bitwarden: { enabled: true } }
memory: { memory_enabled: true, provider: honcho }
honcho: { api_key: honcho-canary }
hooks: { pre_tool_call: [{ command: /home/ada/hook.sh }] }
plugins: { enabled: [spy] }
skills: { inline_shell: true, external_dirs: [/home/ada/skills] }
agent: { max_turns: 40, system_prompt: Be brief., service_tier: flex, disabled_toolsets: [browser] }
terminal: { backend: docker, docker_env: { K: docker-canary }, timeout: 60, env_passthrough: [GITEA_TOKEN] }
toolsets: [hermes-cli]
)";

class HermesConfig : public AgentTest {
 protected:
  [[nodiscard]] Json derived(const std::string& operators) const {
    write(hermes_home() / "config.yaml", operators);
    text_ = hermes_config(read_hermes_config(hermes_home()),
                          {"small-1", "http://127.0.0.1:7999/v1", "run-key"}, tree());
    // Hermes reads it as YAML.
    return parse_yaml(text_, "config.yaml").value();
  }
  mutable std::string text_;
};

TEST_F(HermesConfig, KnowsNoServerButTheMeterAndNoKeyButTheRuns) {
  (void)derived(kOperators);
  for (const char* leak : {"canary", "https://", "openrouter", "anthropic", "nous", "honcho",
                           "forge-mcp", "/home/ada", "GITEA_TOKEN", "docker"})
    EXPECT_THAT(text_, Not(HasSubstr(leak)));
}

TEST_F(HermesConfig, SendsEveryCallToTheMeter) {
  const auto config = derived(kOperators);
  EXPECT_EQ(config["model"]["base_url"], "http://127.0.0.1:7999/v1");
  EXPECT_EQ(config["model"]["provider"], "custom");
  EXPECT_EQ(config["model"]["api_key"], "run-key");
  EXPECT_EQ(config["model"]["default"], "small-1");
  EXPECT_EQ(config["delegation"]["base_url"], "http://127.0.0.1:7999/v1");
  for (const auto& [task, settings] : config["auxiliary"].items()) {
    EXPECT_EQ(settings["base_url"], "http://127.0.0.1:7999/v1") << task;
    EXPECT_EQ(settings["model"], "small-1") << task;
  }
  for (const char* task : {"compression", "vision", "session_search", "flush_memories", "curator"})
    EXPECT_TRUE(config["auxiliary"].contains(task)) << task;
  EXPECT_EQ(config["compression"]["summary_base_url"], "http://127.0.0.1:7999/v1");
  EXPECT_TRUE(config["fallback_providers"].empty());
  EXPECT_TRUE(config["fallback_model"].empty());
  EXPECT_EQ(config["smart_model_routing"]["enabled"], false);
}

TEST_F(HermesConfig, KeepsHowTheOperatorHasItWork) {
  const auto config = derived(kOperators);
  EXPECT_EQ(config["agent"]["max_turns"], 40);
  EXPECT_EQ(config["agent"]["system_prompt"], "Be brief.");
  EXPECT_EQ(config["agent"]["disabled_toolsets"], Json({"browser"}));
  EXPECT_EQ(config["delegation"]["max_iterations"], 12);
  EXPECT_EQ(config["compression"]["threshold"], 0.4);
  EXPECT_EQ(config["terminal"]["timeout"], 60);
  EXPECT_EQ(config["toolsets"], Json({"hermes-cli"}));
  EXPECT_EQ(config["model"]["context_length"], 200000);
  EXPECT_EQ(config["_config_version"], 33);
}

TEST_F(HermesConfig, RunsNothingOfTheOperators) {
  const auto config = derived(kOperators);
  EXPECT_TRUE(config["mcp_servers"].empty());
  EXPECT_TRUE(config["hooks"].empty());
  EXPECT_TRUE(config["plugins"]["enabled"].empty());
  EXPECT_EQ(config["skills"]["inline_shell"], false);
  EXPECT_EQ(config["memory"]["memory_enabled"], false);
  EXPECT_EQ(config["terminal"]["backend"], "local");
  EXPECT_EQ(config["terminal"]["cwd"], tree().string());
}

TEST_F(HermesConfig, IsMadeWithoutAnOperatorsToo) {
  EXPECT_EQ(read_hermes_config(folder_ / "none"), Json::object());
  EXPECT_EQ(derived("")["model"]["default"], "small-1");
}

TEST_F(HermesConfig, ThatTheHostCannotReadStopsTheRun) {
  for (const char* text : {"model: [", "- a\n- b\n", "a: &x 1\nb: *x\n"})
    EXPECT_THROW((void)derived(text), Error) << text;
}

TEST_F(HermesConfig, NamesItsModelInOneOfManyForms) {
  EXPECT_EQ(model_in({{"model", "big-1"}}), "big-1");
  EXPECT_EQ(model_in({{"model", {{"default", "big-1"}}}}), "big-1");
  EXPECT_EQ(model_in({{"model", {{"default", ""}, {"model", "big-1"}}}}), "big-1");
  EXPECT_EQ(model_in({{"model", {{"name", "big-1"}}}}), "big-1");
  EXPECT_EQ(model_in({{"model", 7}}), "");
  EXPECT_EQ(model_in(Json::object()), "");
}

}  // namespace
}  // namespace host::dispatch
