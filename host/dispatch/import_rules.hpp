// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dispatch/lanes.hpp"
#include "dispatch/playbook.hpp"
#include "workspaces/import.hpp"

namespace host::dispatch {

// What a playbook's work may touch, as the import of its commits is to know it: nothing that the
// playbook denies, only what its lane may touch, submodules where .gitmodules is unlocked. Of a
// playbook whose report is a comment nothing is taken in. Messages may close no issue: who knows
// the work's own sets `closes`. Holds copies; any thread.
[[nodiscard]] workspaces::ImportRules import_rules(const Playbook& playbook, const Lane& lane);

}  // namespace host::dispatch
