// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace host::dispatch {

// A playbook with the keys that it can't do without, and `more` of them, in YAML.
inline std::string playbook_text(const std::string& name, const std::string& more = {}) {
  const bool matches = more.find("matching:") != std::string::npos;
  return "name: " + name + "\ndescription: A test.\nlane: code\nprompt: Do it.\n" +
         (matches ? "" : "matching: { repositories: [org/*], labels: { all: [bug] } }\n") + more;
}

inline constexpr const char* kLanes = R"({"lanes": {
  "code": {"agent": {"kind": "hermes"}, "labels": ["lane/code"]},
  "heavy": {"agent": {"kind": "hermes"}, "labels": ["lane/heavy", "huge"]},
  "other": {"agent": {"kind": "command", "program": "/bin/agent"}, "labels": ["lane/other"]}
}})";

}  // namespace host::dispatch
