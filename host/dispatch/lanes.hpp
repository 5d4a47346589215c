// SPDX-License-Identifier: Apache-2.0
//
// agent-lanes.json: the lanes that playbooks send work through. Its form is
// dispatch/lanes.schema.json; what each key means is docs/playbooks.md.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "dispatch/playbook_agent.hpp"

namespace host::dispatch {

struct LaneBudget {
  std::string pipeline;  // of token_budget.json
  std::optional<std::int64_t> tokens_per_day;
  std::optional<std::int64_t> tokens_per_run;
};

struct Lane {
  std::string name;
  std::string description;
  AgentSettings agent;
  int concurrency = 1;
  std::vector<std::string> labels;  // bring an item here, whatever lane its playbook names
  std::vector<std::string> paths;   // patterns of what its work may touch; empty: all
  LaneBudget budget;
};

struct Lanes {
  std::map<std::string, Lane> by_name;
  Json settings;  // the file, its defaults filled in

  // Null where there is none.
  [[nodiscard]] const Lane* find(const std::string& name) const;
  // The lane that one of these labels brings an item to, the first by name; null: none.
  [[nodiscard]] const Lane* claiming(const std::vector<std::string>& labels) const;
};

// Throws ConfigError with every problem, each with its place. What is of timmy-config's form is
// told with the key that it has here. `file` is the name for positions.
[[nodiscard]] Lanes parse_lanes(std::string_view text, const std::string& file);

// The published schema of agent-lanes.json, as text.
[[nodiscard]] std::string_view lanes_schema_text();

}  // namespace host::dispatch
