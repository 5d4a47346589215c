// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <timmy/context.hpp>

namespace heartbeat {

// Runs `check` and remembers in state/1, under "failing/NAME", since when it has been failing.
// A failure is thrown on, as retryable or permanent as it was, with the text
// "WHAT since TIME: REASON". The first success after one is logged with how long it took. A run
// that is cancelled says nothing about the other side and is thrown on as it is.
timmy::Json watch(timmy::Context& ctx, const std::string& name, const std::string& what,
                  const std::function<timmy::Json()>& check);

}  // namespace heartbeat
