// SPDX-License-Identifier: Apache-2.0
#include "tokens/budget.hpp"

#include <gmock/gmock.h>

#include "base/error.hpp"

namespace host {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string fault(std::string_view text) {
  try {
    (void)parse_budget(text, "b.json");
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::invalid);
    return error.message();
  }
  return "none";
}

constexpr std::string_view kWhole = R"({
  "zone": "Europe/Berlin",
  "day": {"tokens": 1000, "cost": 12.5, "warn_at": 0.5, "when_reached": "queue_until_reset"},
  "pipelines": {"*": {"tokens": 100}, "Nightly": {"runs": 3, "when_reached": "pause"}},
  "playbooks": {"fix": {"tokens": 7}},
  "models": {"OpenAI/GPT-4o": {"tokens": 8}, "*": {"tokens": 9}},
  "issue": {"tokens": 10},
  "issues": {"Owner/Name#12": {"tokens": 11}},
  "run": {"tokens": 12},
  "prices": {
    "openai/gpt-4o": {"input": 2.5, "output": 10, "cache_read": 1.25},
    "local/*": {"input": 0, "output": 0}
  }
})";

TEST(BudgetTest, a_whole_budget) {
  const auto budget = parse_budget(kWhole, "b.json");
  EXPECT_EQ(budget.zone, "Europe/Berlin");
  const Cap day{Tokens(1000), std::nullopt, Cost(12'500'000'000), 0.5,
                WhenReached::queue_until_reset};
  EXPECT_EQ(*budget.find(Dimension::day, ""), day);
  EXPECT_EQ(budget.find(Dimension::pipeline, "Nightly")->runs, 3);
  EXPECT_EQ(budget.find(Dimension::pipeline, "Nightly")->when, WhenReached::pause);
  EXPECT_EQ(budget.find(Dimension::pipeline, "other")->tokens, Tokens(100));
  EXPECT_EQ(budget.find(Dimension::playbook, "fix")->tokens, Tokens(7));
  EXPECT_EQ(budget.find(Dimension::playbook, "other"), nullptr);
  EXPECT_EQ(budget.find(Dimension::model, "openai/gpt-4o")->tokens, Tokens(8));
  EXPECT_EQ(budget.find(Dimension::model, "openai/o3")->tokens, Tokens(9));
  EXPECT_EQ(budget.find(Dimension::issue, "owner/name#12")->tokens, Tokens(11));
  EXPECT_EQ(budget.find(Dimension::issue, "owner/name#13")->tokens, Tokens(10));
  EXPECT_EQ(budget.find(Dimension::run, "1.1")->tokens, Tokens(12));
  const Price price{2'500'000, 10'000'000, 1'250'000, 2'500'000};
  EXPECT_EQ(*budget.price_of({"openai", "gpt-4o"}), price);
  EXPECT_EQ(*budget.price_of({"local", "anything"}), Price());
  EXPECT_EQ(budget.price_of({"openai", "o3"}), nullptr);
}

TEST(BudgetTest, what_is_kept_comes_back_as_it_was) {
  for (const std::string_view text :
       {kWhole, std::string_view(R"({"a": 5, "b": 6})"),
        std::string_view(R"({"day": {"cost": 0.000000001, "warn_at": 0.123456789},
                             "prices": {"a/b": {"input": 0.000001, "output": 99999.999999}}})")}) {
    const auto budget = parse_budget(text, "b.json");
    EXPECT_EQ(parse_budget(to_text(budget), "kept"), budget) << to_text(budget);
  }
}

TEST(BudgetTest, the_old_form_caps_pipelines_each_day) {
  const auto budget = parse_budget(R"({"nightly": 500000, "triage": 0})", "b.json");
  EXPECT_EQ(budget.find(Dimension::pipeline, "nightly")->tokens, Tokens(500000));
  EXPECT_EQ(budget.find(Dimension::pipeline, "triage")->tokens, Tokens(0));
  EXPECT_EQ(budget.find(Dimension::pipeline, "other"), nullptr);
}

TEST(BudgetTest, what_is_wrong_with_an_old_form) {
  EXPECT_THAT(fault("{\n\"a\": 5,\n \"day\": 6}"),
              HasSubstr("b.json:3:2: day is a key of the new form; expected an object there"));
  EXPECT_THAT(fault(R"({"a": 5, "b": -1, "c": 1.5, "d": "6"})"),
              AllOf(HasSubstr("b.json:1:15: b: expected a number of tokens a day"),
                    HasSubstr("b.json:1:24: c: "), HasSubstr("b.json:1:34: d: ")));
}

TEST(BudgetTest, every_fault_is_told_at_once_with_its_place) {
  const auto text = fault(R"({
  "zone": "Mars/Olympus",
  "day": {"tokens": 10, "when_reached": "queue_until_reset"},
  "pipelines": {"a": {}},
  "models": {"gpt-4o": {"tokens": 1}},
  "issues": {"12": {"tokens": 1}},
  "run": {"tokens": 5, "when_reached": "pause"},
  "prices": {"gpt-4o": {"input": 1, "output": 1}}
})");
  EXPECT_THAT(text, AllOf(HasSubstr("b.json:2:11: zone: \"Mars/Olympus\" is no time zone"),
                          HasSubstr("b.json:4:22: pipelines.a caps nothing"),
                          HasSubstr("b.json:5:14: models.gpt-4o is no model"),
                          HasSubstr("b.json:6:14: issues.12 is no issue"),
                          HasSubstr("b.json:7:40: run.when_reached is pause"),
                          HasSubstr("b.json:8:14: prices.gpt-4o is no model")));
}

TEST(BudgetTest, unknown_keys_and_wrong_types_are_faults) {
  EXPECT_THAT(fault(R"({"day": {"token": 10}})"),
              HasSubstr("b.json:1:10: day.token is not a known key; did you mean \"tokens\"?"));
  EXPECT_THAT(fault(R"({"dya": {"tokens": 10}})"), HasSubstr("b.json:1:2: dya is not a known key"));
  EXPECT_THAT(fault(R"({"day": {"tokens": -1}})"), HasSubstr("b.json:1:20"));
  EXPECT_THAT(fault(R"({"day": {"tokens": 1e300}})"), HasSubstr("b.json:1:20"));
  EXPECT_THAT(fault(R"({"day": {"tokens": 1, "warn_at": 0}})"), HasSubstr("b.json:1:34"));
  EXPECT_THAT(fault(R"({"day": {"tokens": 1, "when_reached": "stop"}})"), HasSubstr("b.json:1:39"));
  EXPECT_THAT(fault(R"({"day": 10, "models": {}})"), HasSubstr("b.json:1:2: day is a key"));
}

TEST(BudgetTest, no_budget_is_no_form_of_unlimited) {
  EXPECT_THAT(fault("{}"), HasSubstr("b.json:1:1: the file holds no cap"));
  EXPECT_THAT(fault("[]"), HasSubstr("b.json:1:1: "));
  EXPECT_THAT(fault(""), HasSubstr("b.json:1:1: "));
  EXPECT_THAT(fault("{\"day\": {\"tokens\": 5}"), HasSubstr("b.json:1:2"));
}

TEST(BudgetTest, a_cap_on_cost_needs_prices) {
  EXPECT_THAT(fault(R"({"day": {"cost": 5}})"), HasSubstr("has no prices"));
  EXPECT_THAT(fault(R"({"day": {"cost": 5}, "models": {"openai/o3": {"tokens": 5}},
                        "prices": {"openai/gpt-4o": {"input": 1, "output": 1}}})"),
              HasSubstr("b.json:1:33: models.openai/o3 counts for a cap on cost"));
  EXPECT_THAT(fault(R"({"models": {"openai/o3": {"cost": 5}},
                        "prices": {"openai/gpt-4o": {"input": 1, "output": 1}}})"),
              HasSubstr("models.openai/o3 counts"));
  EXPECT_EQ(fault(R"({"models": {"openai/o3": {"cost": 5}},
                      "prices": {"openai/*": {"input": 1, "output": 1}}})"),
            "none");
}

TEST(BudgetTest, a_model_stands_once_however_it_is_spelled) {
  EXPECT_THAT(fault(R"({"models": {"openai/o3": {"tokens": 5}, "OpenAI/O3": {"tokens": 5}}})"),
              HasSubstr("stands twice"));
  EXPECT_THAT(
      fault(R"({"models": {"openai/o3": {"tokens": 5}, "openai/openai/o3": {"tokens": 5}}})"),
      HasSubstr("stands twice"));
  EXPECT_THAT(fault(R"({"models": {"openai/openai/": {"tokens": 5}}})"), HasSubstr("is no model"));
}

TEST(BudgetTest, a_model_is_capped_and_priced_by_the_name_of_its_account) {
  const auto budget = parse_budget(
      R"({"models": {"OpenAI/openai/O3": {"tokens": 5, "cost": 1}, "*": {"tokens": 9}},
          "prices": {"openai/OPENAI/o3": {"input": 1, "output": 1},
                     "acme/acme/*": {"input": 2, "output": 2}}})",
      "f");
  EXPECT_EQ(budget.find(Dimension::model, "openai/o3")->tokens, Tokens(5));
  EXPECT_EQ(budget.find(Dimension::model, "openai/o4")->tokens, Tokens(9));
  EXPECT_NE(budget.price_of({"openai", "o3"}), nullptr);
  EXPECT_NE(budget.price_of({"acme", "small"}), nullptr);
}

TEST(BudgetTest, cost_is_capped_where_any_of_the_accounts_is) {
  const auto budget = parse_budget(
      R"({"pipelines": {"a": {"cost": 1}}, "prices": {"x/y": {"input": 1, "output": 1}}})", "f");
  Spender spender;
  spender.pipeline = "a";
  EXPECT_TRUE(budget.caps_cost(spender, {"x", "z"}));
  spender.pipeline = "b";
  EXPECT_FALSE(budget.caps_cost(spender, {"x", "z"}));
}

}  // namespace
}  // namespace host
