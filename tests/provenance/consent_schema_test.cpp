// SPDX-License-Identifier: Apache-2.0
//
// That the published schema of consent, by the host's own validator, takes the policies that the
// plugin takes, and refuses those that it refuses, but for the few things that no schema can say.
#include <gmock/gmock.h>

#include "base/file.hpp"
#include "base/json.hpp"
#include "config/json_schema.hpp"
#include "consent.hpp"

namespace host {
namespace {

using ::testing::IsEmpty;
using ::testing::Not;

Json good_rule() {
  return {{"id", "a"},
          {"consent", "internal"},
          {"source", "cli"},
          {"recorded_by", "ada"},
          {"recorded_at", "2026-11-01T09:00:00Z"}};
}
Json policy_of(Json rule) { return {{"version", 1}, {"rules", {std::move(rule)}}}; }
Json with(const std::string& key, Json value) {
  Json rule = good_rule();
  rule[key] = std::move(value);
  return policy_of(std::move(rule));
}
Json without(const std::string& key) {
  Json rule = good_rule();
  rule.erase(key);
  return policy_of(std::move(rule));
}

class ConsentSchema : public ::testing::Test {
 protected:
  // "" where it fits, else the first thing that doesn't.
  [[nodiscard]] std::string by_schema(const Json& policy) const {
    const auto violations = schema_.validate(policy);
    return violations.empty() ? "" : violations[0].pointer + ": " + to_text(violations[0]);
  }
  static std::string by_plugin(const Json& policy) {
    return provenance::ConsentPolicy::parse(policy.dump()).problem().value_or("");
  }
  JsonSchema schema_{Json::parse(read_file(SCHEMA, 1 << 20)), "consent.schema.json"};
};

TEST_F(ConsentSchema, BothTakeItsExamplesAndTheDocuments) {
  std::vector<Json> policies = schema_.json().at("examples");
  const auto document = read_file(DOCUMENT, 1 << 20);
  const auto begin = document.find("```json\n{\n  \"version\"");
  ASSERT_NE(begin, std::string::npos);
  const auto end = document.find("\n```", begin);
  policies.push_back(Json::parse(document.substr(begin + 8, end - begin - 8)));
  policies.push_back(policy_of(good_rule()));
  policies.push_back(with("from", "2026-01-01T00:00:00.5+02:00"));
  policies.push_back(with("user", {"1", "2"}));
  policies.push_back({{"version", 1}, {"rules", Json::array()}, {"own_sources", "cli"}});
  policies.push_back(
      {{"version", 1}, {"rules", Json::array()}, {"own_sources", {"tui", "timmy:7"}}});
  Json everybody = good_rule();
  everybody.erase("source");
  everybody["consent"] = "none";
  policies.push_back(policy_of(everybody));
  EXPECT_GE(policies.size(), 8u);
  for (const auto& policy : policies) {
    EXPECT_EQ(by_schema(policy), "") << policy;
    EXPECT_EQ(by_plugin(policy), "") << policy;
  }
}

TEST_F(ConsentSchema, BothRefuseWhatIsNone) {
  Json user_alone = good_rule();
  user_alone.erase("source");
  user_alone["user"] = "1";
  user_alone["session"] = "s";
  const Json wrong[] = {
      Json::array(),
      Json::object(),
      {{"version", 2}, {"rules", Json::array()}},
      {{"version", 1}},
      {{"version", 1}, {"rules", Json::object()}},
      {{"version", 1}, {"rules", Json::array()}, {"rule", 1}},
      {{"version", 1}, {"rules", Json::array()}, {"own_sources", Json::array()}},
      {{"version", 1}, {"rules", Json::array()}, {"own_sources", {"cli", "telegram"}}},
      {{"version", 1}, {"rules", Json::array()}, {"own_sources", "new_gateway"}},
      policy_of("everything"),
      with("consnt", "none"),
      with("consent", "yes"),
      with("consent", nullptr),
      with("source", ""),
      with("source", Json::array()),
      with("session", Json{"a", ""}),
      with("user", 7),
      with("from", "2026-01-01"),
      with("until", 1780000000),
      with("recorded_at", "yesterday"),
      with("recorded_by", ""),
      with("note", std::string(513, 'x')),
      with("id", "2026-01-01"),
      without("id"),
      without("consent"),
      without("recorded_by"),
      without("recorded_at"),
      without("source"),
      policy_of(user_alone)};
  for (const auto& policy : wrong) {
    EXPECT_THAT(by_schema(policy), Not(IsEmpty())) << policy;
    EXPECT_THAT(by_plugin(policy), Not(IsEmpty())) << policy;
  }
}

TEST_F(ConsentSchema, WhatOnlyThePluginCanTellIsThisMuch) {
  Json backwards = good_rule();
  backwards["from"] = "2026-02-01T00:00:00Z";
  backwards["until"] = "2026-01-01T00:00:00Z";
  const Json wrong[] = {{{"version", 1}, {"rules", {good_rule(), good_rule()}}},
                        policy_of(backwards),
                        with("from", "2026-02-30T00:00:00Z")};
  for (const auto& policy : wrong) {
    EXPECT_EQ(by_schema(policy), "") << policy;
    EXPECT_THAT(by_plugin(policy), Not(IsEmpty())) << policy;
  }
}

}  // namespace
}  // namespace host
