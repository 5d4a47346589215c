// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/json.hpp"
#include "tokens/banned.hpp"

namespace host {

// The fields of a request of OpenAI's wire, a JSON object, by which a call could go elsewhere than
// its route, or use more tokens, or dearer ones, than the meter holds for it. Throws Error{invalid}
// naming the field, and {denied} for a banned provider that is preferred. What is not known here is
// no error: it is passed on.
void check_fields(const Json& request, const BannedModels& banned);

}  // namespace host
