// SPDX-License-Identifier: Apache-2.0
//
// The playbooks and lanes of a host, from the folders where they may be.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "config/host_config.hpp"
#include "dispatch/lanes.hpp"
#include "dispatch/playbook.hpp"

namespace host::dispatch {

inline constexpr std::string_view kLanesFile = "agent-lanes.json";

// A playbook's file, whether it could be taken or not.
struct PlaybookFile {
  std::string name;  // of the file, without ".yaml"
  std::filesystem::path path;
  std::optional<Playbook> playbook;             // none: its form is wrong, or others could write it
  std::vector<Problem> problems;                // any: it is not used
  std::vector<std::filesystem::path> shadowed;  // files of the same name that do not count
  [[nodiscard]] bool usable() const noexcept { return playbook && problems.empty(); }
};

struct LanesFile {
  std::filesystem::path path;  // empty: no folder has one
  std::optional<Lanes> lanes;
  std::vector<Problem> problems;
};

struct PlaybookSet {
  std::vector<PlaybookFile> files;  // by name
  LanesFile lanes;
  std::vector<std::string> warnings;  // a folder that can't be read, a file that is passed over

  // Null where there is none, usable or not.
  [[nodiscard]] const PlaybookFile* find(const std::string& name) const;
};

// Reads what the folders hold, the first of highest rank: a name counts where it is found first,
// also when that file is refused, so that a mistake in one's own playbook never brings back the one
// that it replaced. For the same reason nothing counts that stands behind a folder which is there
// and can't be read. Of agent-lanes.json the first counts. A playbook whose lane does not exist, or
// whose agent and the lane's make none together, has that as a problem. Never throws for what the
// files are.
[[nodiscard]] PlaybookSet load_playbooks(const std::vector<std::filesystem::path>& folders);

// The same for files by name, which need not be where a host looks: those called agent-lanes.json
// are lanes, all others playbooks. Without lanes among them those of `otherwise` count. Who could
// write a file is a warning, not a problem.
[[nodiscard]] PlaybookSet check_playbooks(const std::vector<std::filesystem::path>& files,
                                          const LanesFile& otherwise);

}  // namespace host::dispatch
