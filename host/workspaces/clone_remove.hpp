// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>

namespace host::workspaces {

// Removes a folder with all in it, also what somebody made unreadable or nested without end:
// however deep, a few descriptors are enough. Follows no link. Fine if it is not there. Nobody may
// write in it meanwhile. Throws Error{io}.
void remove_tree(const std::filesystem::path& folder);

// The bytes on disk of all in a folder, links not followed, a file with several names once. A
// folder that its owner made unreadable is opened for as long as it is looked at. What can't be
// read all the same, or lies more than 100 folders deep, counts nothing. Others may write there
// meanwhile. Throws nothing.
[[nodiscard]] std::uint64_t bytes_in(const std::filesystem::path& folder);

}  // namespace host::workspaces
