// SPDX-License-Identifier: Apache-2.0
//
// Single fields of a forge's JSON. What is missing or null is empty; another type than the field's
// is Error{invalid} naming it. Private to gitea/.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/json.hpp"

namespace host::fields {

[[nodiscard]] Error wrong(std::string_view field, const Json& value, std::string_view wanted);
// The member, or nullptr when it is missing or null.
[[nodiscard]] const Json* find(const Json& json, const char* field);
[[nodiscard]] std::string text(const Json& json, const char* field);
[[nodiscard]] std::int64_t number(const Json& json, const char* field);
[[nodiscard]] bool flag(const Json& json, const char* field, bool otherwise = false);
[[nodiscard]] std::optional<WallTime> time(const Json& json, const char* field);
// Of a user, of an array of users.
[[nodiscard]] std::string login(const Json& json, const char* field);
[[nodiscard]] std::vector<std::string> logins(const Json& json, const char* field);

}  // namespace host::fields
