// SPDX-License-Identifier: Apache-2.0
//
// A delivery of the forge's webhook: whether it may be believed, and what it is about. Pure.
//
// The signature covers the body and nothing else: neither the delivery's id nor the event's name in
// the headers, and no time. So what a delivery is about is read from its body, and it is a hint:
// whoever acts on it reads the object again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.hpp"

namespace host {

struct ServerRequest;

// The HMAC-SHA256 that the request carries, 64 lower-case hexadecimal digits: of X-Gitea-Signature,
// X-Forgejo-Signature or, after "sha256=", X-Hub-Signature-256, the first that is there. nullopt
// when there is none, or not of that form: a hook without a secret sends empty ones.
[[nodiscard]] std::optional<std::string> webhook_signature(const ServerRequest& request);

// Whether `signature` is the HMAC-SHA256 of these bytes under one of the secrets. All of them are
// tried, each in constant time. An empty secret fits nothing.
[[nodiscard]] bool is_signed_by(std::string_view body, std::string_view signature,
                                const std::vector<Secret>& secrets);

struct ForgeEvent {
  // By what the body holds: "issues", "issue_comment" (of pull requests, too), "pull_request",
  // "pull_request_review", "push", "status"; "other" is anything else, which starts nothing.
  std::string kind;
  std::string action;       // "opened", ...; empty where the forge names none
  std::string repo;         // "org/app"
  std::int64_t number = 0;  // of the issue or pull request; 0: it is about none
  std::string ref;          // of a push; of a status the hash of its commit
  std::string sender;       // login of who caused it
};

// The kinds that a task can ask for.
[[nodiscard]] const std::vector<std::string>& event_kinds();

// Reads the body of a delivery. Throws Error{invalid} when it is no JSON object, or names no
// repository where its kind has one. Texts of other types than they should be count as empty.
[[nodiscard]] ForgeEvent read_forge_event(std::string_view body);

}  // namespace host
