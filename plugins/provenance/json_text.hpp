// SPDX-License-Identifier: Apache-2.0
//
// JSON straight into a buffer, in the one form that a pair's hashes are made over: as Python's
// json.dumps(..., ensure_ascii=False, separators=(",", ":")) writes it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace provenance {

// `text` with its quotes. What is no UTF-8 in it becomes U+FFFD, one for each byte.
void append_json_string(std::string& out, std::string_view text);

// `"name":` and the text, or the number.
void append_member(std::string& out, std::string_view name, std::string_view text);
void append_member(std::string& out, std::string_view name, std::int64_t number);

// What the JSON string `literal`, without its quotes, stands for; nothing where it is none. A
// surrogate that stands alone becomes U+FFFD.
[[nodiscard]] std::optional<std::string> decoded_json_string(std::string_view literal);

}  // namespace provenance
