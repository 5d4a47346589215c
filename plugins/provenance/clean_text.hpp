// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace provenance {

// Whether it is UTF-8 without a NUL: then a text can be handed on as it is.
[[nodiscard]] bool is_clean(std::string_view bytes);

// Whether it is UTF-8, whatever NULs are in it.
[[nodiscard]] bool is_utf8(std::string_view bytes);

// A text with U+FFFD in place of each NUL and each byte that is no UTF-8.
[[nodiscard]] std::string cleaned(std::string_view bytes);

}  // namespace provenance
