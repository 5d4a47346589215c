// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace provenance {

// The README.md beside the pairs. Python's `datasets` reads from it which files there are and the
// schema of their lines: a file whose first lines have no tool call would else be taken to have
// none anywhere.
[[nodiscard]] std::string dataset_card(const std::string& license);

}  // namespace provenance
