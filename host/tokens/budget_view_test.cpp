// SPDX-License-Identifier: Apache-2.0
#include "tokens/budget_view.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"

namespace host {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Budget budget() {
  return parse_budget(R"({
    "day": {"tokens": 1000000, "cost": 5},
    "pipelines": {"nightly": {"tokens": 500000, "when_reached": "pause"}, "*": {"tokens": 100000}},
    "run": {"tokens": 50000},
    "prices": {"openai/gpt-4o": {"input": 2.5, "output": 10}}})",
                      "token_budget.json");
}

Standing spent(const Budget& budget, Dimension dimension, const std::string& name,
               std::int64_t settled) {
  Standing standing;
  standing.dimension = dimension;
  standing.name = name;
  standing.cap = *budget.find(dimension, name);
  standing.settled = Tokens(settled);
  return standing;
}

TEST(BudgetSubjectTest, IsAnIssueAModelOrAPipeline) {
  const auto is = [](const char* text, Dimension kind, const char* name) {
    const auto subject = parse_budget_subject(text);
    EXPECT_EQ(subject.kind, kind) << text;
    EXPECT_EQ(subject.name, name);
  };
  is("Org/App#12", Dimension::issue, "org/app#12");
  is("OpenAI/gpt-4o", Dimension::model, "openai/gpt-4o");
  is("openai/OpenAI/gpt-4o", Dimension::model, "openai/gpt-4o");
  is("Nightly", Dimension::pipeline, "Nightly");
  EXPECT_THROW((void)parse_budget_subject(""), Error);
}

TEST(ExplainBudget, NamesEveryCapOverAPipelineAndTheTightest) {
  const auto caps = budget();
  const auto found = explain_budget(caps, parse_budget_subject("nightly"),
                                    {spent(caps, Dimension::day, "", 980'000),
                                     spent(caps, Dimension::pipeline, "nightly", 100'000)});
  ASSERT_EQ(found.caps.size(), 3u);
  EXPECT_EQ(found.caps[0].standing.dimension, Dimension::day);
  EXPECT_TRUE(found.caps[1].own);
  EXPECT_EQ(found.caps[1].standing.left(), Tokens(400'000));
  EXPECT_TRUE(found.caps[2].each);
  EXPECT_EQ(found.tightest, 0u);
  EXPECT_THAT(found.refused, ElementsAre(HasSubstr("more than 20000 tokens is refused")));
}

TEST(ExplainBudget, ANameWithoutACapOfItsOwnHasTheDefault) {
  const auto caps = budget();
  const auto found = explain_budget(caps, parse_budget_subject("triage"), {});
  EXPECT_FALSE(found.caps.at(1).own);
  EXPECT_EQ(found.caps.at(1).standing.left(), Tokens(100'000));
  EXPECT_EQ(found.tightest, 2u);
}

TEST(ExplainBudget, AReachedCapSaysWhatBecomesOfCalls) {
  const auto caps = budget();
  auto reached = spent(caps, Dimension::pipeline, "nightly", 500'000);
  reached.reset = parse_utc("2026-01-06");
  const auto found = explain_budget(caps, parse_budget_subject("nightly"), {reached});
  EXPECT_THAT(found.refused,
              ElementsAre(::testing::AllOf(HasSubstr("nightly"), HasSubstr("is reached"),
                                           HasSubstr("paused until 2026-01-06T00:00:00Z"))));
}

TEST(ExplainBudget, AModelWithoutAPriceIsRefusedWhereCostIsCapped) {
  const auto caps = budget();
  EXPECT_THAT(explain_budget(caps, parse_budget_subject("openai/o1"), {}).refused,
              Contains(HasSubstr("openai/o1 has no price")));
  EXPECT_THAT(explain_budget(caps, parse_budget_subject("openai/gpt-4o"), {}).refused,
              ::testing::Not(Contains(HasSubstr("no price"))));
}

// A cap of a run's own over `tokens`, of which so many are used.
OwnStanding own_cap(const char* run, std::int64_t tokens, std::int64_t settled) {
  OwnStanding own;
  own.spender = {
      .pipeline = "code", .playbook = "fixer", .run = run, .repo = "Org/App", .issue = 7};
  own.what = "limits.tokens of the playbook fixer, 900";
  own.standing.dimension = Dimension::run;
  own.standing.name = run;
  own.standing.cap.tokens = Tokens(tokens);
  own.standing.settled = Tokens(settled);
  return own;
}

TEST(ExplainBudget, HasTheOwnCapsOfOpenRunsThatAreTheSubjects) {
  const auto caps = budget();
  auto bound = own_cap("8.1", 900, 30);
  bound.model = ModelName{"openai", "gpt-4o"};
  const std::vector<OwnStanding> own{own_cap("7.1", 900, 900), bound};
  const auto runs = [&](const char* subject) {
    std::string names;
    for (const auto& one : explain_budget(caps, parse_budget_subject(subject), {}, own).own)
      names += one.spender.run + " ";
    return names;
  };
  EXPECT_EQ(runs("code"), "7.1 8.1 ");
  EXPECT_EQ(runs("nightly"), "");
  EXPECT_EQ(runs("org/app#7"), "7.1 8.1 ");
  EXPECT_EQ(runs("org/app#8"), "");
  EXPECT_EQ(runs("openai/gpt-4o"), "7.1 8.1 ");
  EXPECT_EQ(runs("openai/o1"), "7.1 ") << "it may ask for any";
  EXPECT_EQ(explain_budget(caps, {Dimension::playbook, "fixer"}, {}, own).own.size(), 2u);
  EXPECT_TRUE(explain_budget(caps, {Dimension::playbook, "other"}, {}, own).own.empty());
  const auto refused = explain_budget(caps, parse_budget_subject("code"), {}, own).refused;
  EXPECT_THAT(refused, Contains("a cap of the run 7.1, limits.tokens of the playbook fixer, 900, "
                                "is reached: calls are refused"));
  EXPECT_THAT(refused, ::testing::Not(Contains(HasSubstr("8.1"))));
}

TEST(ShareTaken, IsThatOfTheNearestMeasure) {
  const auto caps = budget();
  auto standing = spent(caps, Dimension::day, "", 100'000);
  standing.reserved = Tokens(150'000);
  EXPECT_DOUBLE_EQ(share_taken(standing), 0.25);
  standing.cost_held = Cost(4'000'000'000);
  EXPECT_DOUBLE_EQ(share_taken(standing), 0.8);
}

TEST(BudgetWarnings, FindWhatIsProbablyNotMeant) {
  const auto of = [](const char* text, const std::vector<RouteModels>& routes = {}) {
    return budget_warnings(parse_budget(text, "f"), routes);
  };
  EXPECT_THAT(of(R"({"day": {"tokens": 5}})"), IsEmpty());
  EXPECT_THAT(of(R"({"nightly": 5})"), ElementsAre(HasSubstr("without end")));
  EXPECT_THAT(of(R"({"pipelines": {"*": {"tokens": 5}}})"), IsEmpty());
  EXPECT_THAT(of(R"({"day": {"tokens": 5}, "pipelines": {"a": {"tokens": 6}}})"),
              ElementsAre(HasSubstr("never reached")));
  const char* priced =
      R"({"day": {"tokens": 9, "cost": 1}, "prices": {"openai/gpt-4o": {"input": 1, "output": 1}}})";
  EXPECT_THAT(of(priced, {{"main", "openai", {"gpt-4o"}}}), IsEmpty());
  EXPECT_THAT(of(priced, {{"main", "openai", {"gpt-4o", "gpt-4o*"}}}),
              ElementsAre(HasSubstr("openai/gpt-4o* of the route main has no price")));
  EXPECT_THAT(of(R"({"day": {"cost": 1}, "prices": {"openai/*": {"input": 1, "output": 1}}})",
                 {{"main", "openai", {"gpt-4o*"}}}),
              ElementsAre(HasSubstr("cost alone")));
  const char* named = R"({"day": {"tokens": 9}, "models": {"openai/gpt-4o": {"tokens": 5}}})";
  EXPECT_THAT(of(named, {{"main", "openai", {"gpt-4o"}}, {"other", "acme", {"*"}}}), IsEmpty());
  EXPECT_THAT(of(named, {{"main", "openai", {"gpt-4o", "gpt*"}}}),
              ElementsAre(HasSubstr("gpt* of the route main takes others")));
}

TEST(BudgetWarnings, CompareNamesAsAccountsDo) {
  const auto of = [](const char* text, const std::vector<RouteModels>& routes) {
    return budget_warnings(parse_budget(text, "f"), routes);
  };
  const char* priced =
      R"({"day": {"tokens": 9, "cost": 1}, "prices": {"OpenAI/GPT-4o": {"input": 1, "output": 1}}})";
  EXPECT_THAT(of(priced, {{"main", "OpenAI", {"GPT-4o", "openai/gpt-4o"}}}), IsEmpty());
  EXPECT_THAT(of(R"({"day": {"tokens": 9}, "models": {"openai/gpt-4o": {"tokens": 5}}})",
                 {{"main", "OpenAI", {"GPT*"}}}),
              ElementsAre(HasSubstr("and GPT* of the route main takes others")))
      << "in the operator's spelling";
  EXPECT_THAT(of(priced, {{"main", "OpenAI", {"GPT-5"}}}),
              ElementsAre(HasSubstr("OpenAI/GPT-5 of the route main has no price")));
}

}  // namespace
}  // namespace host
