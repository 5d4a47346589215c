// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "file_bytes.hpp"
#include "reading.hpp"
#include "row_hash.hpp"

namespace provenance {

// The session of a transcript, one message a line, not sealed. A line that can't be read is left
// out and noted; but not the last one where nothing ends it: it is being written. Nothing where the
// file can't have more than `beyond` messages. Throws Unreadable where the disk fails.
[[nodiscard]] std::optional<Reading> read_transcript(const OpenFile& file, const std::string& id,
                                                     const std::string& path, const Caps& caps,
                                                     RowHash& hash, std::size_t beyond);

}  // namespace provenance
