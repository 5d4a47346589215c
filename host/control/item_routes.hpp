// SPDX-License-Identifier: Apache-2.0
//
// What the admin API says of work items and does with them. Loop thread.
//
//   GET  /v1/items?state=&live=1&repository=&number=&playbook=&before=&limit=   newest first
//   GET  /v1/items/ID                 with its gates: what each found, and when
//   GET  /v1/items/ID/log?run=&offset=&wait=SECONDS   a piece of what its agent printed
//   POST /v1/items                    {repository, number, playbook?, lane?, dry_run?}
//   POST /v1/items/ID/cancel {why?}   /retry
//   POST /v1/continuity               writes the work in hand into the day's note
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/json.hpp"
#include "base/result.hpp"
#include "dispatch/dispatcher.hpp"
#include "http/server.hpp"
#include "store/store.hpp"

namespace host {

// What is asked; all outlive the API.
struct ItemSources {
  dispatch::Dispatcher* dispatcher = nullptr;
  Store* store = nullptr;
  // A piece of a run's output, as runs/ hands it out: {"text", "next", "ended"}.
  std::function<void(std::string run, std::uint64_t offset, Duration wait, Reply<Json>)> follow;
  // {"file", "items"}.
  std::function<void(Reply<Json>)> flush_continuity;
};

// Of `request`, whose path begins with /v1/items. Both throw Error{not_found} for a path that there
// is none of, {usage} for what makes no sense in it.
void read_items(const ItemSources& sources, const ServerRequest& request, Reply<Json> done);
// `body` is the request's JSON object.
void change_items(const ItemSources& sources, const ServerRequest& request, const Json& body,
                  Reply<Json> done);
// What the audit calls that: "items.cancel", and on what.
[[nodiscard]] std::pair<std::string, std::string> audited_change(const ServerRequest& request,
                                                                 const Json& body);

}  // namespace host
