// SPDX-License-Identifier: Apache-2.0
#include "control/respond.hpp"

#include "base/error.hpp"

namespace host {
namespace {

int status_of(Code code) {
  switch (code) {
    case Code::usage:
    case Code::invalid: return 400;
    case Code::not_granted:
    case Code::denied: return 403;
    case Code::not_found: return 404;
    case Code::conflict:
    case Code::stale:
    case Code::already_running:
    case Code::cancelled: return 409;
    case Code::too_large: return 413;
    case Code::rate_limited:
    case Code::busy: return 429;
    case Code::unavailable:
    case Code::timed_out: return 503;
    case Code::unsupported: return 501;
    case Code::corrupt:
    case Code::io:
    case Code::internal: return 500;
  }
  return 500;
}

}  // namespace

void respond_json(const Respond& respond, int status, const Json& body) {
  respond({status,
           {{"content-type", "application/json"}, {"cache-control", "no-store"}},
           to_text(body)});
}

void respond_error(const Respond& respond, const Error& error) {
  respond_json(respond, status_of(error.code()),
               {{"error",
                 {{"code", name(error.code())},
                  {"message", error.message()},
                  {"next_step", error.next_step()}}}});
}

}  // namespace host
