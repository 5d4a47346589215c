// SPDX-License-Identifier: Apache-2.0
//
// Finds the manifest in a plugin's file without loading it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace host {

// The section's name, as `timmy_add_plugin()` writes it, and the most that it may hold.
inline constexpr std::string_view kManifestSection = ".timmy.manifest";
inline constexpr std::size_t kManifestCap = 1024 * 1024;

// The text of the manifest section, without trailing NUL padding. Throws Error that says what the
// file is instead and how to mend it, with `path` as its name: invalid (empty, not ELF, cut short,
// no such section, offsets that lead outside the file), unsupported (other machine, class, byte
// order or kind of object), too_large (past kManifestCap), io. Any thread.
// `fd`: an open regular file; its offset is neither used nor moved.
[[nodiscard]] std::string read_manifest_section(int fd, const std::filesystem::path& path);
[[nodiscard]] std::string read_manifest_section(std::span<const std::byte> file,
                                                const std::filesystem::path& path);

}  // namespace host
