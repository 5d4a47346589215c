// SPDX-License-Identifier: Apache-2.0
//
// `--doctor`: what would keep a host from working, or from keeping its promises, on this machine.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "config/paths.hpp"

namespace host {

struct Finding {
  enum class Grade { ok, warn, fail };
  Grade grade = Grade::ok;
  std::string check;  // "landlock", "gitea token"
  std::string text;
  std::string fix;  // empty when ok
};
[[nodiscard]] std::string_view name(Finding::Grade grade) noexcept;

// Every check, whatever the others found. Reads files, starts a worker without a plugin and a run
// of /bin/true in a folder that it removes, asks the running host how it is and the forge who the
// token is; changes nothing. Blocks, as a rule for a second, at most for a minute: worker,
// supervisor, host and forge may each take a while to answer.
[[nodiscard]] std::vector<Finding> examine(const std::filesystem::path& config,
                                           const std::string& host_name, const Paths& paths,
                                           const std::vector<std::filesystem::path>& plugin_dirs);

}  // namespace host
