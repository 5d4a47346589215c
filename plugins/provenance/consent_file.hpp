// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "consent.hpp"

namespace provenance {

// What consent.schema.json describes.
struct ConsentFile {
  std::vector<ConsentRule> rules;
  std::vector<std::string> own_sources;
};

// Throws std::runtime_error that says what is wrong and where.
[[nodiscard]] ConsentFile read_consent(std::string_view text);

}  // namespace provenance
