// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "plugins/catalogue.hpp"

namespace host {

// Holds a plugin whose manifest is valid against what host.yaml says of it, and fills in the rest
// of the entry: state, reason and fix; tasks, config, grants and limits as they are in force here.
// The first that applies: disabled, invalid_config, not_granted, ready. Looks whether granted paths
// are there, reads no file, never throws. REQUIRES: entry.manifest
void admit(PluginEntry& entry, const LoadedConfig& config, const Paths* paths);

}  // namespace host
