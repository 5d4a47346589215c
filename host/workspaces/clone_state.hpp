// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "workspaces/clone.hpp"
#include "workspaces/mirror.hpp"

namespace host::workspaces {

// Whether a clone holds anything that would be lost with it.
struct CloneState {
  bool clean = false;
  std::string reason;  // why it is kept: "refs/heads/x is not in the mirror"; empty when clean
};

// Judges it by facts: every ref of the clone and its HEAD name commits that the mirror has under a
// ref of its own, nothing is staged, and the files are those of HEAD, but for what its own
// .gitignore files leave out. Whatever is in doubt, or not as git leaves it, counts as work.
//
// Runs nothing of the agent's: its refs are read here, and git looks at its files as the mirror's,
// so that neither the clone's configuration nor its hooks nor its attributes' drivers exist. No
// process of the agent may run meanwhile. Blocks.
[[nodiscard]] CloneState inspect(const Mirror& mirror, const Clone& clone);

}  // namespace host::workspaces
