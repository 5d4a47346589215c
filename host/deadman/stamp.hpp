// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "deadman/silence.hpp"

namespace host::deadman {

// What a stamp file shows. Its mark is which file it is (inode), when it was last written and how
// long it is; the times in it are only compared, so that a stamp from the future or of a clock that
// was set is like any other. Its bytes are not read.
//
// Whoever can write the stamp can keep a dead agent alive, or have a live one killed. So the file,
// its folder and every folder above must belong to root, this process's user or `user`, and be
// writable by nobody else; a folder where everybody may write, such as /tmp, holds no stamp itself
// and may stand above only if it is root's and sticky. So must be the folder of each symbolic link
// on the way to it. What is not so, a folder that is not there, a stamp that is a link or anything
// but a regular file, and what can't be looked at is untrusted, and the mark says why and what
// mends it. `user` may be empty. Never throws for what is on the disk.
[[nodiscard]] Sign look_at_stamp(const std::filesystem::path& stamp, const std::string& user);

}  // namespace host::deadman
