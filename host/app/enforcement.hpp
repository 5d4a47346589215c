// SPDX-License-Identifier: Apache-2.0
//
// What a plugin asks for, what it was granted, and what holds it to that on this machine.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/json.hpp"
#include "plugins/catalogue.hpp"
#include "workers/cage.hpp"

namespace host {

// What workers are caged by here: starts one and asks it. Never throws: where none can be asked,
// a report of one layer, "all", that is not in force, with the reason.
[[nodiscard]] CageReport look_at_cage(const std::filesystem::path& worker);

// The layer that holds a plugin to a grant: "host", on each call, or "landlock", by the kernel.
// What has no grant at all (processes, sockets, signals) is seccomp's, for every plugin alike.
[[nodiscard]] std::string_view layer_of(std::string_view grant);

// Whether that layer is in force. The host's always is: there is no way round it but the cage's.
[[nodiscard]] bool in_force(std::string_view grant, const CageReport& cage);

// Each need of the manifest: grant, required, why, suggested, what of it is granted, enforced_by
// and in_force. Empty where there is no manifest.
[[nodiscard]] Json needs_json(const PluginEntry& entry, const CageReport& cage);

// Each grant of host.yaml, by name: values, enforced_by, in_force.
[[nodiscard]] Json in_force_json(const PluginEntry& entry, const CageReport& cage);

// Each layer: name, in_force, detail (why not, where it isn't).
[[nodiscard]] Json cage_json(const CageReport& cage);

// The same of one plugin in a line, for --doctor: "asks for gitea.read, http (optional); granted
// gitea.read: org/app (by the host)". Empty for a plugin that neither asks nor was granted.
[[nodiscard]] std::string enforcement_text(const PluginEntry& entry, const CageReport& cage);

}  // namespace host
