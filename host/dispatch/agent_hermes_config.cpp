// SPDX-License-Identifier: Apache-2.0
#include "dispatch/agent_hermes_config.hpp"

#include <array>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "config/document.hpp"

namespace host::dispatch {
namespace {

// Each task for which some version asks a model besides the main one. A version that has another
// one takes for it what the main model has ("auto"), which is the meter: there is nothing else.
constexpr std::array kSideTasks{"vision",
                                "web_extract",
                                "compression",
                                "session_search",
                                "skills_hub",
                                "approval",
                                "mcp",
                                "flush_memories",
                                "title_generation",
                                "tts_audio_tags",
                                "memory_query_rewrite",
                                "triage_specifier",
                                "kanban_decomposer",
                                "profile_describer",
                                "goal_judge",
                                "curator",
                                "monitor",
                                "background_review",
                                "moa_reference",
                                "moa_aggregator"};

struct Kept {
  const char* section;
  std::vector<const char*> keys;
};

// How the agent works, and nothing of where it goes.
const std::vector<Kept>& kept_settings() {
  static const std::vector<Kept> kAll{
      {"agent",
       {"max_turns", "reasoning_effort", "verbose", "system_prompt", "tool_use_enforcement",
        "api_max_retries", "disabled_toolsets", "task_completion_guidance",
        "parallel_tool_call_guidance", "environment_probe", "environment_hint", "coding_context",
        "coding_instructions", "verify_guidance", "max_verify_nudges", "verify_on_stop",
        "intent_ack_continuation"}},
      {"terminal", {"timeout", "persistent_shell"}},
      {"delegation",
       {"max_iterations", "max_concurrent_children", "max_spawn_depth", "child_timeout_seconds",
        "max_summary_chars", "reasoning_effort"}},
      {"compression",
       {"enabled", "threshold", "target_ratio", "protect_last_n", "protect_first_n"}},
      {"tool_output", {"max_bytes", "max_lines", "max_line_length"}},
      {"tool_loop_guardrails",
       {"warnings_enabled", "hard_stop_enabled", "warn_after", "hard_stop_after", "loop_caps"}},
      {"code_execution", {"mode"}},
      {"privacy", {"redact_pii"}},
      {"platform_toolsets", {"cli"}},
      {"tools", {"tool_search"}},
  };
  return kAll;
}

constexpr std::array kKeptAlone{"toolsets", "timezone", "file_read_max_chars",
                                "context_file_max_chars", "_config_version"};

void take_kept(const Json& operators, Json& config) {
  for (const auto& [section, keys] : kept_settings()) {
    const auto found = operators.find(section);
    if (found == operators.end() || !found->is_object()) continue;
    for (const char* key : keys)
      if (const auto value = found->find(key); value != found->end()) config[section][key] = *value;
  }
  for (const char* key : kKeptAlone)
    if (const auto value = operators.find(key); value != operators.end()) config[key] = *value;
}

Json endpoint(const HermesModelAccess& access) {
  return {{"provider", "custom"},
          {"model", access.model},
          {"base_url", access.url},
          {"api_key", access.key}};
}

Json main_model(const Json& operators, const HermesModelAccess& access) {
  Json model{{"default", access.model},
             {"provider", "custom"},
             {"base_url", access.url},
             {"api_key", access.key},
             {"api_mode", "chat_completions"}};
  const auto given = operators.find("model");
  if (given != operators.end() && given->is_object() && given->contains("context_length"))
    model["context_length"] = given->at("context_length");
  return model;
}

void close_ways_out(const Json& operators, const HermesModelAccess& access, Json& config) {
  config["model"] = main_model(operators, access);
  config["providers"] = Json::object();
  config["custom_providers"] = Json::array();
  config["fallback_providers"] = Json::array();
  config["fallback_model"] = Json::object();
  config["smart_model_routing"] = {{"enabled", false}};
  for (const char* task : kSideTasks) config["auxiliary"][task] = endpoint(access);
  config["auxiliary"]["title_generation"]["enabled"] = false;
  config["delegation"].update(endpoint(access));
  config["delegation"]["inherit_mcp_toolsets"] = false;
  // 0.6 has its own names for who sums up.
  config["compression"].update({{"summary_provider", "custom"},
                                {"summary_model", access.model},
                                {"summary_base_url", access.url}});
  config["mcp_servers"] = Json::object();
  config["model_catalog"] = {{"enabled", false}};
  config["secrets"] = {{"bitwarden", {{"enabled", false}}}, {"onepassword", {{"enabled", false}}}};
}

void keep_to_the_run(const std::filesystem::path& tree, Json& config) {
  config["terminal"].update({{"backend", "local"},
                             {"cwd", tree.string()},
                             {"env_passthrough", Json::array()},
                             {"shell_init_files", Json::array()},
                             {"auto_source_bashrc", false}});
  config["memory"] = {{"memory_enabled", false}, {"user_profile_enabled", false}, {"provider", ""}};
  config["hooks"] = Json::object();
  config["hooks_auto_accept"] = false;
  config["plugins"] = {{"enabled", Json::array()}};
  config["skills"] = {{"inline_shell", false}, {"external_dirs", Json::array()}};
  config["curator"] = {{"enabled", false}};
  config["kanban"] = {{"dispatch_in_gateway", false}};
  config["checkpoints"] = {{"enabled", false}};
  config["lsp"] = {{"enabled", false}};
  config["security"] = {
      {"redact_secrets", true}, {"tirith_enabled", false}, {"allow_lazy_installs", false}};
  config["display"] = {{"streaming", false}, {"compact", true}, {"interface", "cli"}};
  config["sessions"] = {{"write_json_snapshots", false}, {"auto_prune", false}};
}

}  // namespace

Json read_hermes_config(const std::filesystem::path& hermes_home) {
  const auto file = hermes_home / "config.yaml";
  try {
    const auto value = load_yaml(file).value();
    if (value.is_null()) return Json::object();
    if (!value.is_object()) throw Error(Code::invalid, file.string() + " is no map");
    return value;
  } catch (const Error& error) {
    if (error.code() == Code::not_found) return Json::object();
    throw Error(error.code(), "Hermes' own settings can't be read: " + error.message(),
                "Write them without anchors and aliases, readable to the host.");
  }
}

std::string model_in(const Json& config) {
  const auto model = config.find("model");
  if (model == config.end()) return {};
  if (model->is_string()) return model->get<std::string>();
  if (!model->is_object()) return {};
  for (const char* key : {"default", "model", "name"})
    if (const auto value = model->find(key); value != model->end() && value->is_string() &&
                                             !value->get_ref<const std::string&>().empty())
      return value->get<std::string>();
  return {};
}

std::string hermes_config(const Json& operators, const HermesModelAccess& access,
                          const std::filesystem::path& tree) {
  Json config = Json::object();
  take_kept(operators, config);
  close_ways_out(operators, access, config);
  keep_to_the_run(tree, config);
  return to_indented_text(config) + "\n";
}

}  // namespace host::dispatch
