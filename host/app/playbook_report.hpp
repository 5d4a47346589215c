// SPDX-License-Identifier: Apache-2.0
//
// What `timmy-host playbooks` says, as JSON: by host.yaml and the folders where playbooks may be,
// whether a host runs or not.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "app/forge_report.hpp"
#include "base/json.hpp"
#include "config/host_config.hpp"
#include "dispatch/selection.hpp"

namespace host {

// {"playbooks": [{"name", "state", "lane", "priority", "report", "repositories", "labels",
//                 "description", "file", "shadowed", "problems"}],
//  "lanes": {"file", "problems", "lanes": [...]}, "warnings"}
// States: "on", "off" (host.yaml does not enable it), "refused". Throws ConfigError.
[[nodiscard]] Json playbooks_report(const ForgeAsker& asker);

// {"ok", "errors": [{"where", "pointer", "message"}], "warnings", "checked": [file]}: of these
// files, or without any of all that the host would use, and what host.yaml says of them.
[[nodiscard]] Json playbooks_check(const ForgeAsker& asker,
                                   const std::vector<std::filesystem::path>& files);

// {"name", "state", "file", "settings": [{"key", "value", "from"}], "agent", "lane", "rules",
//  "prompt", "problems"}; `from` is "file:line:col", or empty for a default. Throws
// Error{not_found} with the nearest name.
[[nodiscard]] Json playbook_report(const ForgeAsker& asker, const std::string& name);

// {"item", "verdicts": [{"playbook", "verdict", "reasons", "lane"}], "chosen", "warnings"};
// `chosen` is null where nothing takes the item.
[[nodiscard]] Json explain_playbooks(const ForgeAsker& asker, const dispatch::ItemFacts& facts);

// The facts of an issue or pull request, asked of the forge in this process. Blocks. Throws as
// issues_report(), and Error{not_found}.
[[nodiscard]] dispatch::ItemFacts facts_of_item(const ForgeAsker& asker, const std::string& repo,
                                                std::int64_t number);

}  // namespace host
