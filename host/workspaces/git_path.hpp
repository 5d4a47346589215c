// SPDX-License-Identifier: Apache-2.0
//
// Which paths and symbolic links work of an agent may bring. git's own checks (git-fsck(1)) keep a
// path from reaching out of a folder; these also keep it from fooling who reads it, and from
// meaning something else on another system.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace host::workspaces {

// What is wrong with a path in a tree ("src/a.c"), for a person; nothing when it is fine. Refused,
// in each part: "", ".", "..", what a file system takes for ".git" (in any case, with what HFS+
// ignores, "git~1", ".git " and ".git::$INDEX_ALLOCATION" of NTFS), a '-' at its start, a
// backslash, control characters, and characters that are not seen or turn the direction of
// writing; and as a whole: no UTF-8, over 4096 bytes, over 64 folders deep.
[[nodiscard]] std::optional<std::string> path_fault(std::string_view path);

// The same for a symbolic link at `path`: absolute, leading out of the tree, or into ".git"; ".."
// anywhere but at its start, where it could follow another link to anywhere.
[[nodiscard]] std::optional<std::string> link_fault(std::string_view path, std::string_view target);

// Whether it is ".gitmodules" to some file system.
[[nodiscard]] bool is_gitmodules(std::string_view path);

// The path as a file system that ignores case sees it: ASCII only.
[[nodiscard]] std::string folded(std::string_view path);

// For terminals and reports: what can't be printed as it is, as "\x1b"; at most 200 bytes.
[[nodiscard]] std::string shown_path(std::string_view path);

}  // namespace host::workspaces
