// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>

#include "base/log.hpp"
#include "services/service.hpp"

namespace host {

class HttpClient;

// http/1: requests to hosts that the operator named.
//
//   request {method, url, headers?, body?, timeout_ms?, credential?} -> {status, headers, body}
//
// Grants: `http: ["host:port"]` for the URL, and `http.credential: ["NAME@host:port"]` to send the
// credential NAME there; so a plugin can't carry one to a host that the operator did not name for
// it. The credential's file is read at each request, its content goes out as
// "Authorization: Bearer ...", and is scrubbed from the reply. Redirects are not followed. A reply
// is at most 4 MiB, a request at most 1 MiB; the timeout at most 10 minutes, 30 s by default.
//
// `credential_file` gives the file of a credential by name, nothing if host.yaml has none.
[[nodiscard]] std::unique_ptr<Service> make_http_service(
    HttpClient& http, std::shared_ptr<Redactor> redactor,
    std::function<std::optional<std::filesystem::path>(const std::string& name)> credential_file);

}  // namespace host
