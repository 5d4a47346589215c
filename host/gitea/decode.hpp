// SPDX-License-Identifier: Apache-2.0
//
// A forge's JSON as types. What is missing or null is empty; what has the wrong type is
// Error{invalid} naming the field, for then it is not the API that this host knows. Private to
// gitea/.
#pragma once

#include <optional>
#include <string_view>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "gitea/types.hpp"
#include "http/client.hpp"

namespace host {

// "2026-07-16T12:00:00+02:00", with or without a fraction. nullopt for a zero time ("0001-…") and
// for what is no such time.
[[nodiscard]] std::optional<WallTime> parse_rfc3339(std::string_view text);

// The JSON of a reply; null for an empty body. Throws Error{invalid} when the content type is
// something else or the bytes are not JSON. `what` names the call.
[[nodiscard]] Json reply_json(const HttpResponse& response, std::string_view what);

[[nodiscard]] User decode_user(const Json& json);
[[nodiscard]] Repository decode_repository(const Json& json);
[[nodiscard]] Label decode_label(const Json& json);
[[nodiscard]] Issue decode_issue(const Json& json);
[[nodiscard]] Comment decode_comment(const Json& json);
[[nodiscard]] Branch decode_branch(const Json& json);
[[nodiscard]] Team decode_team(const Json& json);
// An array of labels; null counts as none, null elements are left out.
[[nodiscard]] std::vector<Label> decode_labels(const Json& json);

}  // namespace host
