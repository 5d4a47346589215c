// SPDX-License-Identifier: Apache-2.0
//
// Files below a folder that somebody hostile has written in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "base/file.hpp"

namespace host::dispatch {

// Opens what lies at `path`, a relative path of names alone, below `folder`, with `flags` of
// open(2). No link is followed on the way, and a FIFO does not block. `path` empty: the folder
// itself. None: there is nothing, or a link, or something else is in the way. Throws Error{invalid}
// for a path with "..".
[[nodiscard]] Fd open_below(const std::filesystem::path& folder, const std::filesystem::path& path,
                            int flags);

// What tells one state of a file from another, were it written with the same content.
struct FileMark {
  std::uint64_t inode = 0;
  std::int64_t changed = 0;  // nanoseconds of its status change, which no program can set
  std::uint64_t size = 0;
  bool operator==(const FileMark&) const = default;
};
// Of a regular file; none: there is none.
[[nodiscard]] std::optional<FileMark> mark_of(const std::filesystem::path& folder,
                                              const std::filesystem::path& path);

// Its first `most` bytes; none: there is no such regular file.
[[nodiscard]] std::optional<std::string> read_below(const std::filesystem::path& folder,
                                                    const std::filesystem::path& path,
                                                    std::size_t most);

}  // namespace host::dispatch
