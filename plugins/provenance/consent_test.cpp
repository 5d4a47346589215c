// SPDX-License-Identifier: Apache-2.0
#include "consent.hpp"

#include "fixture.hpp"
#include "judgement.hpp"

namespace provenance {
namespace {

using testing::HasSubstr;
using timmy::Json;

class ConsentTest : public FolderTest {
 protected:
  static ConsentPolicy policy(const std::vector<Json>& rules) {
    auto made = ConsentPolicy::parse(Json{{"version", 1}, {"rules", rules}}.dump());
    EXPECT_FALSE(made.problem()) << made.problem().value_or("");
    return made;
  }
  static Kin kin(const std::string& id, const std::string& source, const std::string& user = "",
                 const std::string& started = "2026-03-30T14:00:00Z") {
    return {id, "", source, user, at(started), true};
  }
  // "internal own", or "none REASON".
  static std::string of(const ConsentPolicy& policy, const Lineage& lineage,
                        const std::string& until = "2026-03-30T15:00:00Z") {
    const auto decision = policy.decide(lineage, at(until));
    return std::string(to_text(decision.consent)) + " " +
           (decision.granted() ? decision.rule : decision.reason);
  }
};

TEST_F(ConsentTest, WithoutARuleThatSaysSoNothingIsAllowed) {
  EXPECT_EQ(of(policy({}), {kin("s", "cli")}), "none no_consent");
  EXPECT_EQ(of(policy({rule("a", "internal", {{"source", "cron"}})}), {kin("s", "cli")}),
            "none no_consent");
  EXPECT_EQ(of(policy({rule("a", "internal", {{"source", "cli"}})}), {kin("s", "cli")}),
            "internal a");
  EXPECT_EQ(of(policy({rule("a", "public", {{"session", {"r", "s"}}})}), {kin("s", "cli")}),
            "public a");
}

TEST_F(ConsentTest, EachConditionOfARuleHasToFit) {
  const auto some = policy({rule("a", "internal", {{"source", "cli"}, {"user", "ada"}})});
  EXPECT_EQ(of(some, {kin("s", "cli", "ada")}), "internal a");
  EXPECT_EQ(of(some, {kin("s", "cli", "bob")}), "none no_consent");
  EXPECT_EQ(of(some, {kin("s", "cli")}), "none no_consent");
}

TEST_F(ConsentTest, ARuleOfNoneWinsWhereverItStandsElseTheFirst) {
  const auto some =
      policy({rule("a", "public", {{"session", "s"}}), rule("b", "internal", {{"source", "cli"}}),
              rule("c", "none", {{"user", "bob"}})});
  EXPECT_EQ(of(some, {kin("s", "cli")}), "public a");
  EXPECT_EQ(of(some, {kin("t", "cli")}), "internal b");
  EXPECT_EQ(of(some, {kin("s", "cli", "bob")}), "none withdrawn");
}

TEST_F(ConsentTest, OnlyAPersonSpeaksForAThirdParty) {
  for (const std::string source : {"telegram", "discord", "slack", "something_new"}) {
    const auto all = policy(
        {rule("a", "public", {{"source", source}}), rule("b", "public", {{"session", "s"}})});
    EXPECT_EQ(of(all, {kin("s", source, "123")}), "none third_party") << source;
    const auto one = policy({rule("a", "public", {{"source", source}, {"user", "123"}})});
    EXPECT_EQ(of(one, {kin("s", source, "123")}), "public a") << source;
    EXPECT_EQ(of(one, {kin("s", source, "124")}), "none third_party") << source;
    EXPECT_EQ(of(one, {kin("s", source)}), "none third_party") << source;
  }
}

TEST_F(ConsentTest, AGroupNeedsARuleThatNamesTheSession) {
  auto group = kin("s", "telegram", "123");
  group.direct = false;
  const auto user = policy({rule("a", "public", {{"source", "telegram"}, {"user", "123"}})});
  EXPECT_EQ(of(user, {kin("s", "telegram", "123")}), "public a");
  EXPECT_EQ(of(user, {group}), "none third_party");
  const auto named = policy(
      {rule("a", "public", {{"source", "telegram"}, {"user", "123"}, {"session", {"r", "s"}}})});
  EXPECT_EQ(of(named, {group}), "public a");
  // What goes on after a session between two people may be a group by then.
  auto child = group;
  child.id = "c";
  EXPECT_EQ(of(user, {child, kin("s", "telegram", "123")}), "none third_party");
  EXPECT_EQ(of(named, {child, group}), "none third_party");
  // A sub-agent of a group is of its people, too.
  EXPECT_EQ(of(policy({rule("o", "public", {{"source", {"cli", "tool"}}}),
                       rule("a", "public", {{"source", "telegram"}, {"user", "123"}})}),
               {kin("c", "tool"), group}),
            "none third_party");
  // The operator's own sources have no chats.
  auto own = kin("s", "cli");
  own.direct = false;
  EXPECT_EQ(of(policy({rule("a", "internal", {{"source", "cli"}})}), {own}), "internal a");
}

TEST_F(ConsentTest, OnlyADirectChatIsKnownToBeOne) {
  Session session;
  for (const auto* chat : {"dm", "direct", "private"}) {
    session.chat = chat;
    EXPECT_TRUE(kin_of(session).direct) << chat;
  }
  for (const auto* chat : {"", "group", "supergroup", "channel", "thread", "DM?"}) {
    session.chat = chat;
    EXPECT_FALSE(kin_of(session).direct) << chat;
  }
}

TEST_F(ConsentTest, OnlyWhatIsKnownToBeLocalCanBeTheOperatorsOwn) {
  const Json json{{"version", 1},
                  {"own_sources", {"tui", "timmy:7"}},
                  {"rules", {rule("a", "internal", {{"session", "s"}})}}};
  const auto some = ConsentPolicy::parse(json.dump());
  EXPECT_FALSE(some.problem()) << some.problem().value_or("");
  EXPECT_EQ(of(some, {kin("s", "tui")}), "internal a");
  EXPECT_EQ(of(some, {kin("s", "timmy:7")}), "internal a");
  EXPECT_EQ(of(some, {kin("s", "cli")}), "none third_party");
}

TEST_F(ConsentTest, TimmyStandsForEachRun) {
  const Json json{{"version", 1},
                  {"own_sources", {"cli", "timmy"}},
                  {"rules",
                   {rule("a", "internal", {{"source", "timmy"}}),
                    rule("b", "public", {{"platform", "timmy"}, {"session", "child"}}),
                    rule("no", "none", {{"source", "timmy:8"}})}}};
  const auto runs = ConsentPolicy::parse(json.dump());
  EXPECT_FALSE(runs.problem()) << runs.problem().value_or("");
  EXPECT_EQ(of(runs, {kin("s", "timmy:7")}), "internal a");
  EXPECT_EQ(of(runs, {kin("child", "cli"), kin("s", "timmy:7")}), "internal a");
  EXPECT_EQ(of(runs, {kin("s", "timmy:8")}), "none withdrawn");
  EXPECT_EQ(of(runs, {kin("s", "cli")}), "none no_consent");
  EXPECT_EQ(of(runs, {kin("s", "timmy2")}), "none third_party");
  const auto one = policy({rule("a", "internal", {{"source", "timmy:7"}})});
  EXPECT_EQ(of(one, {kin("s", "timmy:8")}), "none third_party") << "a run is no other";
}

TEST_F(ConsentTest, AnUnknownSourceIsNobodys) {
  const auto all = policy({rule("b", "public", {{"session", "s"}})});
  EXPECT_EQ(of(all, {kin("s", "", "u")}), "none unknown_source");
}

TEST_F(ConsentTest, AGrantCoversAllOfTheTimeADenialTouchesAny) {
  const auto grant = policy({rule(
      "a", "internal",
      {{"source", "cli"}, {"from", "2026-03-30T14:00:00Z"}, {"until", "2026-03-30T16:00:00Z"}})});
  EXPECT_EQ(of(grant, {kin("s", "cli")}), "internal a");
  EXPECT_EQ(of(grant, {kin("s", "cli")}, "2026-03-30T16:00:00Z"), "none no_consent");
  EXPECT_EQ(of(grant, {kin("s", "cli", "", "2026-03-30T13:59:59Z")}), "none no_consent");
  Kin timeless = kin("s", "cli");
  timeless.started.reset();
  EXPECT_EQ(of(grant, {timeless}), "none no_consent");
  EXPECT_FALSE(grant.decide({kin("s", "cli")}, std::nullopt).granted());

  const auto denial = policy(
      {rule("a", "internal", {{"source", "cli"}}), rule("w", "none",
                                                        {{"source", "cli"},
                                                         {"from", "2026-03-30T14:30:00Z"},
                                                         {"until", "2026-03-30T15:00:00Z"}})});
  EXPECT_EQ(of(denial, {kin("s", "cli")}), "none withdrawn");
  EXPECT_EQ(of(denial, {kin("s", "cli")}, "2026-03-30T14:29:59Z"), "internal a");
  EXPECT_EQ(of(denial, {kin("s", "cli", "", "2026-03-30T15:00:00Z")}, "2026-03-30T16:00:00Z"),
            "internal a");
  EXPECT_EQ(of(denial, {timeless}), "none withdrawn");
}

TEST_F(ConsentTest, WhatCameFromASessionFollowsIt) {
  const auto some = policy({rule("a", "public", {{"source", "cli"}}),
                            rule("u", "internal", {{"source", "telegram"}, {"user", "123"}})});
  EXPECT_EQ(of(some, {kin("c", "tool"), kin("p", "cli")}), "public a");
  EXPECT_EQ(of(some, {kin("c", "tool"), kin("p", "cron")}), "none no_consent");
  EXPECT_EQ(of(some, {kin("c", "tool"), kin("p", "telegram", "123")}), "internal u");
  EXPECT_EQ(of(some, {kin("c", "cli"), kin("p", "telegram", "124")}), "none third_party");
  // The least of them counts.
  EXPECT_EQ(of(some, {kin("c", "cli"), kin("p", "telegram", "123")}), "internal u");
  // Somebody else speaks in the child.
  EXPECT_EQ(of(some, {kin("c", "telegram", "124"), kin("p", "telegram", "123")}),
            "none third_party");
  EXPECT_EQ(of(some, {kin("c", "telegram", "124"), kin("p", "cli")}), "none third_party");
  EXPECT_EQ(of(some, {kin("c", "telegram"), kin("p", "telegram", "123")}), "internal u");
  // A denial of any of them.
  const auto taken =
      policy({rule("a", "public", {{"source", "cli"}}), rule("w", "none", {{"session", "p"}})});
  EXPECT_EQ(of(taken, {kin("c", "cli"), kin("b", "cli"), kin("p", "cli")}), "none withdrawn");
}

TEST_F(ConsentTest, ThePlatformIsWhereItAllBegan) {
  const auto some = policy({rule("a", "internal", {{"platform", "cron"}})});
  EXPECT_EQ(of(some, {kin("c", "tool"), kin("p", "cron")}), "internal a");
  EXPECT_EQ(of(some, {kin("c", "cron"), kin("p", "cli")}), "none no_consent");
}

TEST_F(ConsentTest, ABrokenLineageIsNone) {
  const auto find = [](const std::string& id) -> std::optional<Kin> {
    if (id == "round") return Kin{"round", "s", "cli", "", {}};
    if (id == "root") return Kin{"root", "", "cli", "", {}};
    if (id.starts_with("n")) return Kin{id, id + "n", "cli", "", {}};
    return std::nullopt;
  };
  EXPECT_FALSE(lineage_of({"s", "gone", "cli", "", {}}, find));
  EXPECT_FALSE(lineage_of({"s", "round", "cli", "", {}}, find));
  EXPECT_FALSE(lineage_of({"s", "n", "cli", "", {}}, find));
  EXPECT_FALSE(lineage_of({"s", "s", "cli", "", {}}, find));
  EXPECT_EQ(lineage_of({"s", "root", "cli", "", {}}, find)->size(), 2u);
}

TEST_F(ConsentTest, AFileThatIsNoPolicyAllowsNothing) {
  const auto good = rule("a", "internal", {{"source", "cli"}});
  const auto with = [&](const std::string& key, const Json& value) {
    auto changed = good;
    changed[key] = value;
    return Json{{"version", 1}, {"rules", {changed}}}.dump();
  };
  const auto without = [&](const std::string& key) {
    auto changed = good;
    changed.erase(key);
    return Json{{"version", 1}, {"rules", {changed}}}.dump();
  };
  const std::pair<std::string, const char*> wrong[] = {
      {"", "no JSON"},
      {"{", "no JSON"},
      {"[]", "expected an object"},
      {R"({"version": 2, "rules": []})", "/version"},
      {R"({"version": 1})", "/rules"},
      {R"({"version": 1, "rules": [], "rule": []})", "/rule: unknown key"},
      {with("consnt", "none"), "/rules/0/consnt: unknown key"},
      {with("consent", "yes"), "none, internal or public"},
      {with("source", ""), "not empty"},
      {with("source", Json::array()), "not empty"},
      {with("user", 7), "expected a text"},
      {with("from", "2026-01-01"), "expected an instant"},
      {without("id"), "lacks \"id\""},
      {with("id", "2026-01-01"), "begins with a letter"},
      {without("recorded_by"), "lacks \"recorded_by\""},
      {without("recorded_at"), "lacks \"recorded_at\""},
      {without("source"), "about everybody"},
      {Json{{"version", 1}, {"rules", {rule("a", "public", {{"user", "u"}, {"session", "s"}})}}}
           .dump(),
       "name its source or platform"},
      {Json{{"version", 1}, {"rules", {good, good}}}.dump(), "another rule's"},
      {R"({"version": 1, "rules": [{"id":"a","consent":"none","consent":"public","source":"cli",)"
       R"("recorded_by":"x","recorded_at":"2026-01-01T00:00:00Z"}]})",
       "stands twice"},
      {R"({"version": 1, "rules": [], "own_sources": ["cli", "telegram"]})",
       "where other people may write"},
      {R"({"version": 1, "rules": [], "own_sources": ["cli", "some_new_gateway"]})",
       "where other people may write"},
      {R"({"version": 1, "rules": [], "own_sources": "timmyx"})", "where other people may write"},
  };
  for (const auto& [text, why] : wrong) {
    const auto policy = ConsentPolicy::parse(text);
    ASSERT_TRUE(policy.problem()) << text;
    EXPECT_THAT(*policy.problem(), HasSubstr(why)) << text;
    EXPECT_EQ(of(policy, {kin("s", "cli")}), "none policy_invalid");
  }
  EXPECT_EQ(of(ConsentPolicy::load(home_ / "nowhere"), {kin("s", "cli")}), "none policy_missing");
  EXPECT_EQ(of(ConsentPolicy::load(home_), {kin("s", "cli")}), "none policy_invalid");
}

TEST_F(ConsentTest, ThePublishedSchemaNamesTheKeysAndItsExamplesAreTaken) {
  const std::string manifest = MANIFEST;
  const Json schema =
      Json::parse(text_of(manifest.substr(0, manifest.rfind('/')) + "/consent.schema.json"));
  for (const auto& example : schema.at("examples")) {
    const auto policy = ConsentPolicy::parse(example.dump());
    EXPECT_FALSE(policy.problem()) << policy.problem().value_or("");
  }
  // Each key that the schema has is known, and no other.
  Json all = rule("a", "none", Json::object());
  for (const auto& [key, what] : schema.at("$defs").at("rule").at("properties").items())
    if (!all.contains(key))
      all[key] = key == "from" || key == "until"
                     ? "202" + std::string(key == "from" ? "5" : "6") + "-01-01T00:00:00Z"
                     : "x";
  EXPECT_FALSE(ConsentPolicy::parse(Json{{"version", 1}, {"rules", {all}}}.dump()).problem());
  for (const auto& key : schema.at("$defs").at("rule").at("required")) {
    Json less = all;
    less.erase(key.get<std::string>());
    EXPECT_TRUE(ConsentPolicy::parse(Json{{"version", 1}, {"rules", {less}}}.dump()).problem());
  }
}

}  // namespace
}  // namespace provenance
