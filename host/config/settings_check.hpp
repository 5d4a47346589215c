// SPDX-License-Identifier: Apache-2.0
//
// What a schema can't say about host.yaml.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/json.hpp"
#include "config/paths.hpp"

namespace host {

// Called with the pointer of a value (inside the settings) and what is wrong with it.
using Complain = std::function<void(const std::string& pointer, const std::string& message)>;

// Durations, sizes, paths, public keys and the form of URLs in one settings map (`defaults`, or one
// host's). Values of a wrong type are passed over: the schema has spoken about them.
void check_settings(const Json& settings, const Paths& paths, const Complain& complain);

// Why this is not the base URL of a Gitea; nothing when it is.
[[nodiscard]] std::optional<std::string> url_fault(const std::string& url);

// Whether a token sent there crosses a network as plain text: http to anywhere but this machine.
// REQUIRES: !url_fault(url)
[[nodiscard]] bool is_plaintext_beyond_loopback(const std::string& url);

}  // namespace host
