// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/error.hpp"
#include "base/json.hpp"

namespace host {

// An answer that is an error, as OpenAI's wire has it: clients show the message.
struct WireError {
  int status = 500;
  std::string type;
  std::string code;
  std::string message;

  // {"error": {"message", "type", "code", "param": null}}
  [[nodiscard]] Json json() const;
};

// What a client is told of a request that is wrong, or of a model that it may not ask for.
[[nodiscard]] WireError request_error(const Error& error);
// Of a hold that was refused: 429, "insufficient_quota", which clients don't try again where
// x-should-retry says so; 429 of the type "tokens", which they do, where others hold what is left;
// or 503 where there is no budget, or the ledger can't write it down.
[[nodiscard]] WireError hold_error(const Error& error);
// Of an upstream that could not be reached, or whose answer was none.
[[nodiscard]] WireError upstream_error(const Error& error);

}  // namespace host
