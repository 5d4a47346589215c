// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "workspaces/git_name.hpp"

namespace host::workspaces {

// The header of a git bundle (gitformat-bundle(5)), version 2 or 3, and of the pack behind it. Of
// what the format allows only this is taken: object names in SHA-1, no filter, at most 64
// prerequisites, exactly one ref, all in the first 64 KiB.
struct BundleHeader {
  int version = 2;
  std::vector<ObjectId> prerequisites;  // commits that the receiver must have
  ObjectId head;
  std::string ref;            // its name, as written: nothing is done with it
  std::size_t pack_at = 0;    // where the pack begins
  std::uint32_t objects = 0;  // how many the pack says it holds
};

inline constexpr std::size_t kBundleHeader = 65536;

// `bytes`: the beginning of a bundle, all of it or at least kBundleHeader bytes. Throws
// Error{invalid} saying what was expected where.
[[nodiscard]] BundleHeader parse_bundle_header(std::string_view bytes);

}  // namespace host::workspaces
