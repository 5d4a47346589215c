// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workspaces/import.hpp"
#include "workspaces/import_quarantine.hpp"

namespace host::workspaces {

// Everything that `head` has beyond `base` either came with the bundle or lies behind the base. The
// mirror also holds the forge's other branches, and the quarantine sees them: a tree that names a
// file of theirs, or an object that was made against one, would carry it into the work, and to the
// agent with the next clone, for no more than its name. Throws Error{invalid}, {too_large}.
void check_origin(const Quarantine& quarantine, const NewObjects& objects, const ObjectId& head,
                  const ObjectId& base, const ImportLimits& limits);

}  // namespace host::workspaces
