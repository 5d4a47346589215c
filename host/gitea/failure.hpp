// SPDX-License-Identifier: Apache-2.0
//
// What a refusal of the server means for the caller. Private to gitea/.
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"
#include "http/client.hpp"

namespace host {

// What the server says about itself in an error's body, shortened and without control bytes; empty
// when it says nothing. Never used to decide anything but where a comment says so.
[[nodiscard]] std::string server_message(const HttpResponse& response);

// A reply that is not 2xx as an Error. `what` names the call and its object.
[[nodiscard]] Error classify(const HttpResponse& response, std::string_view what);

// The error with `what` before its message, unless it stands there already.
[[nodiscard]] Error with_context(std::string_view what, const Error& error);

}  // namespace host
