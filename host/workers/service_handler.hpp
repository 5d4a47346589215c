// SPDX-License-Identifier: Apache-2.0
//
// What the pool asks of the room above it: to serve what plugins call. Filled in by services/.
#pragma once

#include <string>
#include <string_view>

#include "base/ids.hpp"
#include "base/log.hpp"
#include "base/result.hpp"

namespace host {

// One service call of a plugin. `run` is the run that was current when the call came in; it may end
// before the answer does, so what is written is fenced by it.
struct ServiceCall {
  RunId run;
  std::string plugin;
  std::string task;
  std::string method;  // "gitea/1.list_issues"
  std::string params;  // JSON, it says; unchecked
};

// All on the loop.
class ServiceHandler {
 public:
  virtual ~ServiceHandler() = default;

  // Serves a call and replies once with a JSON object, or with the Error that the plugin gets. An
  // answer to a run that has ended by then is dropped. The handler outlives every worker.
  virtual void call(ServiceCall call, Reply<std::string> reply) = 0;

  // A line that a plugin logged, or printed on stdout or stderr (then at `info`). One line, at most
  // 8 KiB, control characters escaped, after the rate limit. `run` is the current one, or 0 and 0.
  virtual void log(RunId run, std::string_view plugin, Level level, std::string_view text) = 0;
};

}  // namespace host
