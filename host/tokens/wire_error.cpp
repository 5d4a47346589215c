// SPDX-License-Identifier: Apache-2.0
#include "tokens/wire_error.hpp"

namespace host {
namespace {

std::string sentence(const Error& error) {
  return error.message() + (error.next_step().empty() ? "" : ". " + error.next_step());
}

}  // namespace

Json WireError::json() const {
  return {{"error", {{"message", message}, {"type", type}, {"code", code}, {"param", nullptr}}}};
}

WireError request_error(const Error& error) {
  const auto text = sentence(error);
  switch (error.code()) {
    case Code::not_found: return {404, "invalid_request_error", "model_not_found", text};
    case Code::denied: return {403, "invalid_request_error", "model_banned", text};
    case Code::internal: return {500, "server_error", "internal_error", "the meter failed"};
    default: return {400, "invalid_request_error", "invalid_request", text};
  }
}

WireError hold_error(const Error& error) {
  switch (error.code()) {
    case Code::rate_limited:
    case Code::denied:
    case Code::not_found:
    case Code::conflict:
    case Code::invalid: return {429, "insufficient_quota", "insufficient_quota", sentence(error)};
    case Code::busy: return {429, "tokens", "rate_limit_exceeded", sentence(error)};
    default: return {503, "server_error", "ledger_unavailable", sentence(error)};
  }
}

WireError upstream_error(const Error& error) {
  const bool late = error.code() == Code::timed_out;
  return {late ? 504 : 502, "server_error", late ? "upstream_timeout" : "upstream_failed",
          sentence(error)};
}

}  // namespace host
