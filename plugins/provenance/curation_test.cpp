// SPDX-License-Identifier: Apache-2.0
#include "curation.hpp"

#include "fixture.hpp"

namespace provenance {
namespace {

std::string reason(const Session& session, const Filters& filters = {}) {
  const auto turns = pairs_of(session);
  return std::string(curated_out(turns, turns.pairs.at(0), filters));
}

std::string of_answer(const std::string& answer, const std::string& finish = "stop",
                      const Filters& filters = {}) {
  Writer writer("s");
  writer.user("a").says(answer);
  writer.raw().messages.back().finish_reason = finish;
  return reason(writer.done(), filters);
}

TEST(Curation, KeepsAnAnswer) {
  for (const auto* good :
       {"Fixed; tests pass.", "I'm sorry that took long. It is done.",
        "The error was an off-by-one.", "I can't reproduce it here; with -O2 it fails.",
        "You cannot write to that path."})
    EXPECT_EQ(of_answer(good), "") << good;
}

TEST(Curation, KeepsOutWhatWasCutOff) {
  EXPECT_EQ(of_answer("Once upon a", "length"), "truncated");
}

TEST(Curation, KeepsOutErrors) {
  EXPECT_EQ(of_answer("Some words.", "error"), "error");
  EXPECT_EQ(of_answer("Some words.", "content_filter"), "error");
  for (const auto* bad : {"Error: connection refused", "API call failed after 3 retries",
                          "\xE2\x9A\xA0 API error 529", "HTTP 502 from upstream",
                          "Traceback (most recent call last):\n  File"})
    EXPECT_EQ(of_answer(bad), "error") << bad;
  Filters filters;
  filters.errors = false;
  EXPECT_EQ(of_answer("Error: connection refused", "stop", filters), "");
}

TEST(Curation, KeepsOutRefusals) {
  for (const auto* bad :
       {"I'm sorry, but I can't help with that.", "I cannot assist with this request.",
        "Sorry, I won't provide that.", "As an AI language model, I am unable to do that.",
        "I\xE2\x80\x99m sorry, but I can\xE2\x80\x99t help with that."})
    EXPECT_EQ(of_answer(bad), "refusal") << bad;
  Filters filters;
  filters.refusals = false;
  EXPECT_EQ(of_answer("I cannot assist with this request.", "stop", filters), "");
}

TEST(Curation, KeepsOutWhatIsShort) {
  Filters filters;
  filters.least_answer = 5;
  EXPECT_EQ(of_answer("Four", "stop", filters), "short_answer");
  EXPECT_EQ(of_answer("Fiver", "stop", filters), "");
}

Session with_calls(int same, int other) {
  Writer writer("s");
  writer.user("a");
  for (int i = 0; i < same + other; ++i) {
    const auto id = "c" + std::to_string(i);
    writer.calls({{id, "terminal", i < same ? "{\"command\":\"ls\"}" : "{}" + id}}).result(id, "x");
  }
  return writer.says("Done at last.").done();
}

TEST(Curation, KeepsOutLoops) {
  EXPECT_EQ(reason(with_calls(4, 0)), "loop");
  EXPECT_EQ(reason(with_calls(3, 9)), "");
  std::string lines;
  for (int i = 0; i < 20; ++i) lines += "the same line again\n";
  EXPECT_EQ(of_answer(lines), "loop");
  EXPECT_EQ(of_answer(lines.substr(20)), "");
  EXPECT_EQ(reason(Writer("s")
                       .user("a")
                       .says("Let me think.")
                       .says("Let me think.")
                       .says("Let me think.")
                       .done()),
            "loop");
  Filters filters;
  filters.loops = false;
  EXPECT_EQ(reason(with_calls(4, 0), filters), "");
}

}  // namespace
}  // namespace provenance
