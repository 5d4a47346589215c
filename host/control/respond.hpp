// SPDX-License-Identifier: Apache-2.0
//
// How the admin API answers: JSON, with errors as docs/admin-api.md has them. Loop thread.
#pragma once

#include <utility>

#include "base/json.hpp"
#include "base/result.hpp"
#include "http/server.hpp"

namespace host {

using Respond = HttpServer::Respond;

void respond_json(const Respond& respond, int status, const Json& body);

// {"error": {"code", "message", "next_step"}} with the HTTP status of its code.
void respond_error(const Respond& respond, const Error& error);

// A reply that responds with what `convert` makes of the value: Json(T). What it throws is
// responded as an error.
template <class T, class Convert>
[[nodiscard]] Reply<T> answer(Respond respond, Convert convert) {
  return [respond = std::move(respond), convert = std::move(convert)](Result<T> result) {
    const auto body = attempt([&]() -> Json { return convert(std::move(result).value()); });
    if (body.ok())
      respond_json(respond, 200, body.value());
    else
      respond_error(respond, body.error());
  };
}

[[nodiscard]] inline Reply<Json> json_answer(Respond respond) {
  return answer<Json>(std::move(respond), [](Json body) { return body; });
}

}  // namespace host
