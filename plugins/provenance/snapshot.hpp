// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "file_bytes.hpp"
#include "reading.hpp"
#include "row_hash.hpp"

namespace provenance {

// The session of a snapshot file, not sealed. Nothing where it says of itself that it has no more
// than `beyond` messages, which is found out without parsing it. One that is too large, or torn,
// has no messages, and says why in `damaged`. Throws Unreadable where the disk fails.
[[nodiscard]] std::optional<Reading> read_snapshot(const OpenFile& file, const std::string& id,
                                                   const std::string& path, const Caps& caps,
                                                   RowHash& hash, std::size_t beyond);

}  // namespace provenance
