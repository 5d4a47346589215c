// SPDX-License-Identifier: Apache-2.0
//
// What can be said without a running host: from host.yaml, the plugin folders, and what the last
// host left in its database.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "config/host_config.hpp"
#include "config/paths.hpp"
#include "plugins/quarantine.hpp"

namespace host {

// {"tasks": [...], "cage": [...], "deadman": {...}, "warnings": [...]}, as the admin API's
// /v1/tasks.
[[nodiscard]] Json offline_tasks(const std::filesystem::path& config, const std::string& host_name,
                                 const Paths& paths,
                                 const std::vector<std::filesystem::path>& plugin_dirs);

// The same where host.yaml can't be used: what is installed, its state "not judged" unless its file
// is at fault. Folders that host.yaml names are not among those looked at.
[[nodiscard]] Json unjudged_tasks(const Paths& paths,
                                  const std::vector<std::filesystem::path>& plugin_dirs);

// As /v1/config, with "warnings".
[[nodiscard]] Json offline_config(const std::filesystem::path& config, const std::string& host_name,
                                  const Paths& paths);

// {"plugins": [...], "cage": [...], "warnings": [...]}, as /v1/plugins.
[[nodiscard]] Json offline_plugins(const std::filesystem::path& config,
                                   const std::string& host_name, const Paths& paths,
                                   const std::vector<std::filesystem::path>& plugin_dirs);

// Everything that would keep a host from starting with this file, or an enabled plugin from running
// by it. Errors: the file's own problems; for each host that it has an entry for, what the schemas
// of its plugins refuse; plugins that this host enables and does not have, or has to refuse; and of
// deadman.yaml what check_deadman() finds, for which the forge may be asked.
// Warnings: what a plugin lacks otherwise, such as grants; and of hosts other than this one what
// can't be known here, such as which plugins are installed there.
struct ConfigCheck {
  std::vector<Problem> errors;
  std::vector<std::string> warnings;
};
[[nodiscard]] ConfigCheck offline_check(const std::filesystem::path& config,
                                        const std::string& host_name, const Paths& paths,
                                        const std::vector<std::filesystem::path>& plugin_dirs);

// The quarantines of the last host. The database is read only where nobody has it open and it was
// closed cleanly, so that looking changes nothing.
struct StoredQuarantine {
  QuarantineRecords records;
  std::string unread;  // a warning, where they were not read; else empty
};
[[nodiscard]] StoredQuarantine stored_quarantine(const Paths& paths);

// host.yaml as loaded, or the built-in settings with a warning when there is no file: a host that
// was just installed lists its plugins all the same.
[[nodiscard]] LoadedConfig load_or_default(const std::filesystem::path& config,
                                           const std::string& host_name, const Paths& paths);

}  // namespace host
