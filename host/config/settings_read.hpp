// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "config/host_config.hpp"

namespace host {

// Checked settings with their defaults filled in, as the types that the host uses. Relative paths
// start at `base`, those of secrets at the credentials folder if there is one. Sets all of `config`
// but its name, and `where` of each plugin and playbook.
void read_settings(const Json& settings, const Paths& paths, const std::filesystem::path& base,
                   HostConfig& config);

}  // namespace host
