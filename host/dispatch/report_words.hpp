// SPDX-License-Identifier: Apache-2.0
//
// What people and agents wrote, made fit for the host's own texts at the forge. The quotation that
// a template makes of it (template_quote.hpp) keeps it from being markup; this keeps it from being
// an order, where the text goes on without its markup: as the message of a squashed commit.
#pragma once

#include <string>
#include <string_view>

namespace host::dispatch {

// Made plain (plain_text()); a reference behind "closes" and the like gets a blank before its
// number, and so does a marker of the host's behind its "<!".
[[nodiscard]] std::string disarmed(std::string_view words);

}  // namespace host::dispatch
