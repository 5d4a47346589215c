// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "config/host_config.hpp"
#include "dispatch/dispatcher_rules.hpp"

namespace host {

// Where what a plugin may do leads past the meter, a line each: it may make requests of its own to
// a model's server, or send that server's key somewhere. What it uses there no cap of
// token_budget.json stops. Enabled plugins only. The keys' own files can't be granted to any plugin
// (plugins/grantable.hpp).
[[nodiscard]] std::vector<std::string> meter_bypasses(const HostConfig& config);

// The same of playbooks that are on: those whose runs have the machine's network, a line each.
[[nodiscard]] std::vector<std::string> meter_bypasses(const dispatch::DispatchRules& rules);

// Whether this plugin may. The rows of its runs say so.
[[nodiscard]] bool may_bypass_meter(const HostConfig& config, const std::string& plugin);

}  // namespace host
