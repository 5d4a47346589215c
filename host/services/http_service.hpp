// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "services/service.hpp"

namespace host {

class HttpClient;
class Store;

// http/1: requests to hosts that the operator named.
//
//   request {method, url, headers?, body?, timeout_ms?, credential?} -> {status, headers, body}
//
// Grants: `http: ["host:port"]` for the URL, and `http.credential: ["NAME@host:port"]` to send the
// credential NAME there; so a plugin can't carry one to a host that the operator did not name for
// it. The credential's file is read at each request, its content goes out as
// "Authorization: Bearer ...", and is scrubbed from all that this server says from then on.
// Redirects are not followed. A reply is at most 4 MiB, a request at most 1 MiB; the timeout at
// most 10 minutes, 30 s by default. What may change something (any method but GET and HEAD), and
// what carries a credential, is in the audit before the plugin hears of it: method, URL without its
// query, outcome.
//
// `credential_file` gives the file of a credential by name, nothing if host.yaml has none. All
// outlive the service.
[[nodiscard]] std::unique_ptr<Service> make_http_service(
    HttpClient& http, Store& store, const Clock& clock, std::shared_ptr<Redactor> redactor,
    std::function<std::optional<std::filesystem::path>(const std::string& name)> credential_file);

}  // namespace host
