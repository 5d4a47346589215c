// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"

namespace host::dispatch {

enum class AgentKind { hermes, command };
// "hermes", "command".
[[nodiscard]] std::string_view name(AgentKind kind) noexcept;

// Which agent runs, and how it is set up. A lane has one; a playbook may lay its own over it.
struct AgentSettings {
  std::optional<AgentKind> kind;  // always of a lane; none in a playbook: the lane's
  std::string program;            // absolute, or ~/...; empty: found by the kind's own rules
  std::string model;              // empty: the agent's own choice
  std::string route;              // in host.yaml's model.routes; empty: the one there is
  std::optional<std::vector<std::string>> toolsets;   // hermes only; none: as it is set up
  std::optional<std::vector<std::string>> arguments;  // none: the lane's
  std::string prompt_by;  // command only: "stdin", "file"; empty: not said, stdin
  bool operator==(const AgentSettings&) const = default;
};

// From JSON that its schema has passed.
[[nodiscard]] AgentSettings read_agent(const Json& json);

// `over` on `lane`'s, setting by setting; alone where it is of another kind.
[[nodiscard]] AgentSettings laid_over(const AgentSettings& lane, const AgentSettings& over);

// Why these settings make no agent; nothing when they do. Of the settings alone: no file is looked
// at.
[[nodiscard]] std::optional<std::string> agent_fault(const AgentSettings& settings);

}  // namespace host::dispatch
