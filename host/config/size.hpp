// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace host {

// "512MiB", "64KiB", "1GiB", "100B" in bytes. Throws Error{invalid} naming the text on anything
// else: a bare number (its unit would be a guess), zero, "MB" (1000 or 1024?), overflow.
[[nodiscard]] std::uint64_t parse_size(std::string_view text);
[[nodiscard]] std::string format_size(std::uint64_t bytes);

}  // namespace host
