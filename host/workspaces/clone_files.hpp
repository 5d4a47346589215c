// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workspaces/clone.hpp"

namespace host::workspaces {

// Whether git may be run in a clone that an agent had: its .git is a folder, and all that lies in
// it is folders and regular files. To open a FIFO takes for ever, and a link leads to one; git
// itself makes neither. Links among the hooks are no matter: no hook is run. No process of the
// agent may run meanwhile. Blocks. Throws Error{invalid} naming the file, fit for the agent to
// read, and {too_large}.
void check_git_files(const Clone& clone);

// The same of what git reads in the tree when it compares it with a commit: no .gitignore or
// .gitattributes is a FIFO. A link there git does not follow (gitignore(5)). Blocks. Throws
// Error{invalid} naming the file.
void check_tree_files(const Clone& clone);

}  // namespace host::workspaces
