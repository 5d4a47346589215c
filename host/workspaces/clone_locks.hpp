// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workspaces/clone.hpp"

namespace host::workspaces {

// Removes the lock files that a git leaves in a clone when it is killed (gitrepository-layout(5):
// FILE.lock beside what it was about to replace), for index, HEAD, config, packed-refs and the
// clone's branch: with them each later git in it refuses. Not while a process works in the clone.
// Follows no link, and leaves alone what is no file. Throws nothing: what stays, git tells of.
void clear_locks(const Clone& clone) noexcept;

}  // namespace host::workspaces
