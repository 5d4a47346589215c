// SPDX-License-Identifier: Apache-2.0
#include "span.hpp"

#include "duration.hpp"

namespace triage {

std::chrono::seconds span_at(const timmy::Json& config, const char* key, const char* task) {
  const auto text = config.at(key).get<std::string>();
  if (const auto span = parse_duration(text)) return *span;
  throw timmy::Permanent("bad_duration", std::string(task) + "." + key + " is \"" + text +
                                             "\": expected at most 36525d, such as 72h or 14d");
}

}  // namespace triage
