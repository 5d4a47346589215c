// SPDX-License-Identifier: Apache-2.0
//
// Which paths `fs.read` and `fs.write` may name. Said twice: when host.yaml is read, so that the
// operator hears of it, and by each worker when it enters its cage, on what is there by then.
#pragma once

#include <filesystem>
#include <vector>

#include "config/host_config.hpp"
#include "config/paths.hpp"

namespace host {

// What no plugin is let near, whatever host.yaml grants. Compared by value.
struct Forbidden {
  // Neither these, nor a folder above them, nor anything below them: the host's database with its
  // log, lock and marker, its socket and cookie, its config, the deadman's with what that keeps,
  // the plugins' own folder, and the files of tokens and credentials.
  std::vector<std::filesystem::path> sealed;
  // Neither these nor a folder above them; what lies below may be granted by name: home folders,
  // $TIMMY_HOME, $HERMES_HOME.
  std::vector<std::filesystem::path> whole;
  bool operator==(const Forbidden&) const = default;
};

[[nodiscard]] Forbidden forbidden_paths(const Paths& paths, const HostConfig& config);

// Throws Error{not_granted}, saying what to write instead, unless `granted` is an absolute path
// without patterns, without a symbolic link on its way (another plugin may have put it there), and
// clear of what is forbidden. What isn't there may be granted. Looks at the file system.
void check_grantable(const std::filesystem::path& granted, const Forbidden& forbidden);

}  // namespace host
