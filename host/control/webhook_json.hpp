// SPDX-License-Identifier: Apache-2.0
//
// Webhooks and their deliveries as the admin API shows them. Loop thread.
#pragma once

#include "base/json.hpp"
#include "base/result.hpp"
#include "control/webhook_server.hpp"

namespace host {

// {"address", "taken", "duplicates", "without_jobs", "refused", "malformed", "unstored"}; `address`
// is null where they come in nowhere.
[[nodiscard]] Json webhooks_report(const WebhookServer& server);

// {"deliveries": [{"id", "received", "uuid", "event", "action", "repo", "number", "ref", "sender",
// "jobs", "repeats"}]}.
[[nodiscard]] Reply<std::vector<Delivery>> deliveries_reply(Reply<Json> done);

// {"delivery", "jobs", "waited_already"}: of the jobs, how many were there.
[[nodiscard]] Reply<std::vector<Inserted>> replay_reply(std::int64_t id, Reply<Json> done);

}  // namespace host
