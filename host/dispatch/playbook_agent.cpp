// SPDX-License-Identifier: Apache-2.0
#include "dispatch/playbook_agent.hpp"

namespace host::dispatch {

std::string_view name(AgentKind kind) noexcept {
  return kind == AgentKind::hermes ? "hermes" : "command";
}

AgentSettings read_agent(const Json& json) {
  AgentSettings settings;
  if (json.contains("kind"))
    settings.kind = json["kind"] == "hermes" ? AgentKind::hermes : AgentKind::command;
  settings.program = json.value("program", "");
  settings.model = json.value("model", "");
  settings.route = json.value("route", "");
  settings.prompt_by = json.value("prompt_by", "");
  if (json.contains("toolsets"))
    settings.toolsets = json["toolsets"].get<std::vector<std::string>>();
  if (json.contains("arguments"))
    settings.arguments = json["arguments"].get<std::vector<std::string>>();
  return settings;
}

AgentSettings laid_over(const AgentSettings& lane, const AgentSettings& over) {
  if (over.kind && over.kind != lane.kind) return over;
  AgentSettings result = lane;
  if (!over.program.empty()) result.program = over.program;
  if (!over.model.empty()) result.model = over.model;
  if (!over.route.empty()) result.route = over.route;
  if (!over.prompt_by.empty()) result.prompt_by = over.prompt_by;
  if (over.toolsets) result.toolsets = over.toolsets;
  if (over.arguments) result.arguments = over.arguments;
  return result;
}

std::optional<std::string> agent_fault(const AgentSettings& settings) {
  if (!settings.kind) return "names no kind of agent; expected `kind`: hermes or command";
  if (settings.kind == AgentKind::command) {
    if (settings.program.empty()) return "is a command without `program`; expected its path";
    if (settings.toolsets) return "is a command and has `toolsets`, which only hermes takes";
  } else if (!settings.prompt_by.empty()) {
    return "is hermes and has `prompt_by`, which only a command takes";
  }
  return std::nullopt;
}

}  // namespace host::dispatch
