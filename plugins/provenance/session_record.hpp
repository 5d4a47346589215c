// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "reading.hpp"
#include "row_hash.hpp"

namespace provenance {

// A session that is one JSON object with its messages in it: a snapshot, or a record of an export.
//
// `place` stands before the anchors of messages: "" makes "/messages/4", "line:3" makes
// "line:3/messages/4". The digest of its own row is that of the object's bytes before and after the
// list of messages. Returns false where the text is none; why is in `damaged` of the reading.
[[nodiscard]] bool read_record(std::string_view json, const std::string& place, const Caps& caps,
                               RowHash& hash, Reading& reading);

}  // namespace provenance
