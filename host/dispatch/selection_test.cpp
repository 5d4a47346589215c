// SPDX-License-Identifier: Apache-2.0
#include "dispatch/selection.hpp"

#include <gmock/gmock.h>

#include "config/host_config.hpp"
#include "dispatch/playbook_fixture.hpp"

namespace host::dispatch {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Kind = PlaybookVerdict::Kind;

Playbook playbook(const std::string& name, const std::string& more = {}) {
  return parse_playbook(playbook_text(name, more), name + ".yaml");
}

const Lanes& lanes() {
  static const Lanes kParsed = parse_lanes(kLanes, "agent-lanes.json");
  return kParsed;
}

ItemFacts bug() {
  return {.repository = "org/app",
          .number = 12,
          .title = "Crash at start",
          .labels = {"bug"},
          .author = "ada",
          .own_login = "timmy"};
}

// Of one playbook alone.
PlaybookVerdict verdict(const ItemFacts& facts, const std::string& matching) {
  const auto one = playbook("p", "matching: " + matching + "\n");
  return choose_playbook(facts, {{&one, true, {}}}, lanes()).at(0);
}

void expect_skipped(const ItemFacts& facts, const std::string& matching, const std::string& why) {
  const auto found = verdict(facts, matching);
  EXPECT_EQ(found.kind, Kind::skipped) << matching;
  EXPECT_THAT(found.reasons, ElementsAre(why)) << matching;
  EXPECT_EQ(found.lane, "");
}

TEST(Selection, TakesWhatFitsAll) {
  const auto found = verdict(bug(),
                             "{ repositories: [ORG/*], labels: { all: [bug], any: [x, bug], "
                             "none: [y] }, authors: [Ada], title: \"^Crash\" }");
  EXPECT_EQ(found.kind, Kind::chosen) << found.reasons.at(0);
  EXPECT_EQ(found.lane, "code");
  EXPECT_THAT(found.reasons, ElementsAre("lane code, the playbook's own"));
}

TEST(Selection, SaysWhatStandsInTheWay) {
  auto facts = bug();
  expect_skipped(facts, "{ repositories: [org/*], labels: { all: [ready] } }",
                 "label ready missing");
  expect_skipped(facts, "{ repositories: [org/*], labels: { all: [Bug] } }", "label Bug missing");
  expect_skipped(facts, "{ repositories: [org/*], labels: { any: [a, b] } }",
                 "one of labels a, b missing");
  expect_skipped(facts, "{ repositories: [org/*], labels: { any: [a] } }", "label a missing");
  expect_skipped(facts, "{ repositories: [org/*], authors: [ada], labels: { none: [bug] } }",
                 "has label bug");
  expect_skipped(facts, "{ repositories: [org/*], authors: [grace] }",
                 "written by ada, not by grace");
  expect_skipped(facts, "{ repositories: [org/web, a*/*], authors: [ada] }",
                 "repository org/app is none of org/web, a*/*");
  expect_skipped(facts, "{ authors: [ada] }",
                 "no repositories given, in host.yaml or the playbook");
  expect_skipped(facts, "{ repositories: [org/*], authors: [ada], title: slow }",
                 "title has no match of slow");
  expect_skipped(facts, "{ repositories: [org/*], authors: [ada], kinds: [pull-request] }",
                 "an issue, and it takes pull requests");
  facts.open = false;
  expect_skipped(facts, "{ repositories: [org/*], authors: [ada] }", "closed");
  facts = bug();
  facts.is_pull = true;
  expect_skipped(facts, "{ repositories: [org/*], authors: [ada] }",
                 "a pull request, and it takes issues");
}

TEST(Selection, LeavesWhatSomebodyWorksOn) {
  auto facts = bug();
  facts.assignees = {"Timmy"};
  EXPECT_EQ(verdict(facts, "{ repositories: [org/*], authors: [ada] }").kind, Kind::chosen);
  facts.assignees = {"grace"};
  expect_skipped(facts, "{ repositories: [org/*], authors: [ada] }", "assigned to grace");
  EXPECT_EQ(verdict(facts, "{ repositories: [org/*], authors: [ada], assignees: [grace] }").kind,
            Kind::chosen);
  EXPECT_EQ(verdict(facts, "{ repositories: [org/*], authors: [ada], assignees: [\"*\"] }").kind,
            Kind::chosen);
}

TEST(Selection, SaysEverythingAtOnce) {
  auto facts = bug();
  facts.open = false;
  facts.repository = "else/where";
  const auto one = playbook("p", "matching: { repositories: [org/*], labels: { all: [a, b] } }\n");
  const auto found = choose_playbook(facts, {{&one, false, {}}}, lanes()).at(0);
  EXPECT_THAT(found.reasons,
              ElementsAre("off in host.yaml", "closed", HasSubstr("repository else/where"),
                          "label a missing", "label b missing"));
}

TEST(Selection, HostYamlGivesTheRepositoriesInsteadOfThePlaybook) {
  const auto one = playbook("p");
  const auto taken = [&](const std::vector<std::string>& repositories) {
    return choose_playbook(bug(), {{&one, true, repositories}}, lanes()).at(0).kind;
  };
  EXPECT_EQ(taken({}), Kind::chosen);
  EXPECT_EQ(taken({"other/*"}), Kind::skipped) << "never besides, always instead";
  EXPECT_EQ(taken({"*"}), Kind::chosen);
}

TEST(Selection, PutsTwoThatFitInOrderByPriorityThenName) {
  const auto a = playbook("a", "priority: 20\n"), b = playbook("b", "priority: 10\n"),
             c = playbook("c", "priority: 20\n"), d = playbook("d", "priority: 0\n");
  const std::vector<OfferedPlaybook> offered = {
      {&c, true, {}}, {&a, true, {}}, {&d, false, {}}, {&b, true, {}}};
  const auto found = choose_playbook(bug(), offered, lanes());
  ASSERT_EQ(found.size(), 4u);
  EXPECT_EQ(found[0].playbook, "d");
  EXPECT_EQ(found[0].kind, Kind::skipped) << "first in order, and off";
  EXPECT_EQ(found[1].playbook, "b");
  EXPECT_EQ(found[1].kind, Kind::chosen);
  EXPECT_EQ(found[2].playbook, "a");
  EXPECT_EQ(found[2].kind, Kind::outranked);
  EXPECT_THAT(found[2].reasons, ElementsAre("b comes first: priority 10 before 20"));
  EXPECT_EQ(found[3].playbook, "c");
  const auto equal = choose_playbook(bug(), {{&c, true, {}}, {&a, true, {}}}, lanes());
  EXPECT_EQ(equal[0].playbook, "a");
  EXPECT_EQ(equal[0].kind, Kind::chosen);
  EXPECT_THAT(equal[1].reasons, ElementsAre("a comes first, by its name"));
}

TEST(Selection, ALabelBringsAnItemToAnotherLane) {
  auto facts = bug();
  facts.labels.push_back("huge");
  const auto one = playbook("p");
  auto found = choose_playbook(facts, {{&one, true, {}}}, lanes()).at(0);
  EXPECT_EQ(found.lane, "heavy");
  EXPECT_THAT(found.reasons, ElementsAre("lane heavy, by the item's label"));
  facts.labels.push_back("lane/code");
  found = choose_playbook(facts, {{&one, true, {}}}, lanes()).at(0);
  EXPECT_EQ(found.lane, "code") << "the first by name";
}

TEST(Selection, ALaneWhoseAgentCannotDoItIsSaid) {
  auto facts = bug();
  facts.labels.push_back("lane/other");
  const auto one = playbook("p", "agent: { toolsets: [file] }\n");
  const auto found = choose_playbook(facts, {{&one, true, {}}}, lanes()).at(0);
  EXPECT_EQ(found.kind, Kind::skipped);
  EXPECT_THAT(found.reasons, ElementsAre(HasSubstr("lane other is a command")));
  EXPECT_THAT(choose_playbook(bug(), {{&one, true, {}}}, {}).at(0).reasons,
              ElementsAre("lane code does not exist"));
}

TEST(RepositoryGlobs, AreWithoutCaseAndKeepTheSlash) {
  EXPECT_TRUE(repository_matches("org/*", "Org/App"));
  EXPECT_TRUE(repository_matches("*/app", "org/app"));
  EXPECT_TRUE(repository_matches("*", "org/app"));
  EXPECT_TRUE(repository_matches("org/a*p", "org/app"));
  EXPECT_FALSE(repository_matches("org/*", "organ/app"));
  EXPECT_FALSE(repository_matches("org*", "org/app"));
}

TEST(Facts, AreReadAndWrittenAlike) {
  const auto facts = parse_facts(R"({"repository": "org/app", "number": 3, "title": "T",
    "labels": ["a"], "author": "ada", "state": "closed", "assignees": ["b"],
    "kind": "pull-request", "own_login": "timmy"})",
                                 "f.json");
  EXPECT_FALSE(facts.open);
  EXPECT_TRUE(facts.is_pull);
  EXPECT_THAT(facts.labels, ElementsAre("a"));
  EXPECT_EQ(to_json(parse_facts(to_json(facts).dump(), "f.json")), to_json(facts));
  const auto least = parse_facts(R"({"repository": "org/app", "number": 3})", "f.json");
  EXPECT_TRUE(least.open);
  EXPECT_FALSE(least.is_pull);
}

TEST(Facts, ThatAreWrongAreSaidWithTheirPlace) {
  const auto refusal = [](const std::string& text) {
    try {
      (void)parse_facts(text, "f.json");
    } catch (const ConfigError& error) {
      return error.message();
    }
    return std::string("taken");
  };
  EXPECT_THAT(refusal(R"({"repository": "org/app", "numbr": 3})"),
              HasSubstr("f.json:1:27: numbr is not a known key; did you mean \"number\"?"));
  EXPECT_THAT(refusal(R"({"repository": "app", "number": 3})"),
              HasSubstr("f.json:1:16: repository"));
  EXPECT_THAT(refusal(R"({"repository": "../x", "number": 3})"), HasSubstr("f.json"));
  EXPECT_THAT(refusal("["), HasSubstr("f.json:1:"));
}

}  // namespace
}  // namespace host::dispatch
