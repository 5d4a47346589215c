// SPDX-License-Identifier: Apache-2.0
#include "services/reported_usage.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"

namespace host {
namespace {

TEST(ReportedUsage, IsNothingOfAResultThatSaysNothingOfTokens) {
  for (const char* result : {"", "null", "{}", R"({"issues": 7})", R"(["input_tokens"])",
                             R"({"note": "input_tokens\""})", "{\"input_tokens\": 1"})
    EXPECT_FALSE(reported_usage(result)) << result;
}

TEST(ReportedUsage, IsTheNumbersOfAResult) {
  const auto said = reported_usage(
      R"({"input_tokens": 100, "output_tokens": 7, "cache_read_tokens": 40, "model": "GPT-4o",
          "provider": "OpenAI"})");
  ASSERT_TRUE(said);
  EXPECT_EQ(said->usage.input, Tokens(100));
  EXPECT_EQ(said->usage.output, Tokens(7));
  EXPECT_EQ(said->usage.cache_read, Tokens(40));
  EXPECT_EQ(said->model.text(), "openai/gpt-4o");
}

TEST(ReportedUsage, GoesToOneAccountHoweverTheModelIsNamed) {
  for (const Json& named :
       {Json{{"provider", "openai"}, {"model", "gpt-4o"}},
        Json{{"provider", "OpenAI"}, {"model", "openai/GPT-4o"}}, Json{{"model", "openai/gpt-4o"}}})
    EXPECT_EQ(parse_report(named).model, (ModelName{"openai", "gpt-4o"})) << named;
  EXPECT_EQ(parse_report({{"model", "gpt-4o"}}).model, (ModelName{"", "gpt-4o"}));
  EXPECT_EQ(parse_report({{"provider", "router"}, {"model", "openai/gpt-4o"}}).model,
            (ModelName{"router", "openai/gpt-4o"}));
}

TEST(ReportedUsage, OfARunThatIsOverCountsWhatIsANumberAndNothingElse) {
  const auto said =
      reported_usage(R"({"input_tokens": -5, "output_tokens": 3, "reasoning_tokens": "many"})");
  ASSERT_TRUE(said);
  EXPECT_EQ(said->usage, (TokenUsage{.output = Tokens(3)}));
  EXPECT_FALSE(reported_usage(R"({"input_tokens": 1e40, "output_tokens": null})"));
}

TEST(ReportedUsage, CanNotHaveMoreInItsPartsThanInTheWhole) {
  const auto said = parse_report({{"input_tokens", 10},
                                  {"cache_read_tokens", 8},
                                  {"cache_write_tokens", 8},
                                  {"output_tokens", 1},
                                  {"reasoning_tokens", 5}});
  EXPECT_EQ(said.usage.cache_read, Tokens(8));
  EXPECT_EQ(said.usage.cache_write, Tokens(2));
  EXPECT_EQ(said.usage.reasoning, Tokens(1));
}

TEST(ReportedUsage, OfACallIsRefusedWhereItIsNoNumber) {
  for (const Json& said : {Json{{"input_tokens", -1}}, Json{{"output_tokens", 1.5}},
                           Json{{"input_tokens", "7"}}, Json{{"input_tokens", 20'000'000'000}}})
    EXPECT_THROW((void)parse_report(said), Error) << said;
}

}  // namespace
}  // namespace host
