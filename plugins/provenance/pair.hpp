// SPDX-License-Identifier: Apache-2.0
//
// What a pair is: one turn of a user, the context before it, and the answer until the next turn,
// with each tool's result beside the call that asked for it. docs/provenance.md has the rules with
// a worked example.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "session.hpp"

namespace provenance {

// What a call came to.
enum class Outcome { ok, error, unavailable, missing };
[[nodiscard]] std::string_view to_text(Outcome outcome);

// One call of an answer, in its order.
struct Step {
  const ToolCall* call = nullptr;
  Outcome outcome = Outcome::ok;
  std::size_t result_bytes = 0;
};

// One message of the conversation as a trainer sees it. Calls that nothing answered are not in it,
// nor results that belong to no call.
struct Entry {
  const Message* message = nullptr;
  std::vector<const ToolCall*> calls;  // of an assistant: those that were answered
  const ToolCall* answers = nullptr;   // of a result
};

// Why a turn makes no pair, whatever the filters say.
enum class Flaw {
  none,
  live,            // its session may still be written: the turn waits
  empty_prompt,    // nothing was asked
  no_answer,       // nobody answered
  unfinished,      // the answer ends before its words: interrupted
  missing_result,  // a call was never answered
  orphan_result,   // a result whose call is not there
  not_text,        // in it, or before it, was more than text
};
[[nodiscard]] std::string_view to_text(Flaw flaw);

struct Pair {
  std::size_t turn = 0;  // of the session's turns, from 1
  // Of Turns::entries: [0, prompt) is the context, [prompt, answer) the user's, [answer, end) the
  // answer.
  std::size_t prompt = 0, answer = 0, end = 0;
  // Of Session::messages: the rows that the turn is made of, the last one included.
  std::size_t first_row = 0, last_row = 0;
  // The latest time of the session's rows up to there and of its beginning.
  std::optional<Instant> latest;
  std::vector<Step> steps;
  Flaw flaw = Flaw::none;
};

struct Turns {
  std::vector<Entry> entries;
  std::vector<Pair> pairs;
};

// Reads nothing but the session, which the result points into. Linear in its size.
[[nodiscard]] Turns pairs_of(const Session& session);

// What a tool's result says of its call: that it has a member "error" that is not empty or an
// "exit_code" that is not 0, if it is a JSON object; or that it stands in for one that never came.
[[nodiscard]] Outcome outcome_of(std::string_view result);

}  // namespace provenance
