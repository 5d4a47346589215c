// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "session.hpp"

namespace provenance {

struct ReadCalls {
  std::vector<ToolCall> calls;
  // What calls are also known by, and the id that they have here.
  std::vector<std::pair<std::string, std::string>> other_ids;
  std::string trouble;  // empty: all of it was read
  std::string oddity;   // of what was
};

// Of the JSON in which Hermes keeps an assistant's calls: a list of
//   {"id", "call_id", "function": {"name", "arguments"}}
// or as older versions wrote it: without the function around name and arguments, arguments as an
// object instead of its text, one call without the list. At most 1000.
[[nodiscard]] ReadCalls read_tool_calls(std::string_view json);

}  // namespace provenance
