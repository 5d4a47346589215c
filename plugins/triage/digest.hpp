// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace triage {

// Sixteen hex digits that stand for a text (FNV-1a, 64 bits), the same over builds and machines.
// For telling texts apart that nobody chose to be taken for each other, not for security.
[[nodiscard]] inline std::string digest(std::string_view text) {
  std::uint64_t value = 0xcbf29ce484222325;
  for (const char c : text) value = (value ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  char hex[17];
  std::snprintf(hex, sizeof hex, "%016llx", static_cast<unsigned long long>(value));
  return hex;
}

}  // namespace triage
