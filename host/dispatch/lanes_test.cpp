// SPDX-License-Identifier: Apache-2.0
#include "dispatch/lanes.hpp"

#include <gmock/gmock.h>

#include <fstream>
#include <sstream>

#include "config/host_config.hpp"
#include "dispatch/git_workspaces.hpp"

namespace host::dispatch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

Lanes parse(const std::string& text) { return parse_lanes(text, "agent-lanes.json"); }

std::string refusal(const std::string& text) {
  try {
    (void)parse(text);
  } catch (const ConfigError& error) {
    return error.message();
  }
  ADD_FAILURE() << "taken: " << text;
  return {};
}

TEST(Lanes, HostYamlBoundsTheClonesButNeverBelowWhatTheyNeed) {
  Lanes lanes;
  lanes.by_name["a"].concurrency = 1;
  EXPECT_EQ(disk_limits({.most = 7, .bytes = 4096}, lanes).clones, 7U);
  EXPECT_EQ(disk_limits({.most = 7, .bytes = 4096}, lanes).clone_bytes, 4096U);
  EXPECT_EQ(disk_limits({.most = 1, .bytes = 4096}, lanes).clones, 4U);
}

TEST(Lanes, TheMoreAgentsTheyLetWorkTheMoreClonesThereMayBe) {
  const auto clones = [](int first, int second) {
    Lanes lanes;
    lanes.by_name["a"].concurrency = first;
    lanes.by_name["b"].concurrency = second;
    return disk_limits({.most = 64, .bytes = 1}, lanes).clones;
  };
  EXPECT_EQ(clones(1, 1), 64U);
  EXPECT_EQ(clones(10, 30), 160U);
}

TEST(Lanes, AreRead) {
  const auto lanes = parse(R"({"lanes": {
    "code": {"agent": {"kind": "hermes", "model": "gpt-4o", "toolsets": ["file"]},
             "concurrency": 3, "labels": ["lane/code"], "paths": ["src", "tests/**/x"],
             "budget": {"pipeline": "nightly", "tokens_per_day": 5000, "tokens_per_run": 1000}},
    "any": {"agent": {"kind": "command", "program": "/bin/agent", "prompt_by": "file"}}}})");
  const auto* code = lanes.find("code");
  ASSERT_NE(code, nullptr);
  EXPECT_EQ(code->agent.kind, AgentKind::hermes);
  EXPECT_EQ(code->agent.model, "gpt-4o");
  EXPECT_THAT(*code->agent.toolsets, ElementsAre("file"));
  EXPECT_EQ(code->concurrency, 3);
  EXPECT_THAT(code->paths, ElementsAre("src", "tests/**/x"));
  EXPECT_EQ(code->budget.pipeline, "nightly");
  EXPECT_EQ(code->budget.tokens_per_day, 5000);
  EXPECT_EQ(code->budget.tokens_per_run, 1000);
  const auto* any = lanes.find("any");
  ASSERT_NE(any, nullptr);
  EXPECT_EQ(any->concurrency, 1) << "closed until it is opened";
  EXPECT_EQ(any->budget.pipeline, "any") << "the lane's own name";
  EXPECT_FALSE(any->budget.tokens_per_day);
  EXPECT_EQ(any->agent.prompt_by, "file");
  EXPECT_EQ(lanes.find("other"), nullptr);
  EXPECT_EQ(lanes.claiming({"bug", "lane/code"}), code);
  EXPECT_EQ(lanes.claiming({"bug"}), nullptr);
}

TEST(Lanes, TheExampleOfTheDocumentIsRight) {
  std::ifstream document(PLAYBOOKS_DOCUMENT);
  std::string json;
  bool inside = false;
  for (std::string line; std::getline(document, line);) {
    if (line == "    {") inside = true;
    if (inside) json += line + "\n";
    if (line == "    }") inside = false;
  }
  EXPECT_THAT(parse(json).find("code")->paths, ElementsAre("src", "tests")) << json;
}

TEST(Lanes, EachMistakeIsSaidWithItsPlace) {
  struct Case {
    const char* text;
    const char* said;
  };
  for (const auto& [text, said] : {
           Case{R"({"lanes": {"a": {"agnt": {}}}})", "did you mean \"agent\"?"},
           {R"({"lanes": {"a": {}}})", "agent-lanes.json:1:17: lanes.a has no \"agent\""},
           {R"({"lanes": {}})", "has no lane"},
           {R"({})", "has no \"lanes\""},
           {R"([])", "is an empty list"},
           {R"({"lanes": {"A b": {"agent": {"kind": "hermes"}}}})", "is no name"},
           {R"({"lanes": {"a": {"agent": {}}}})", "expected `kind`"},
           {R"({"lanes": {"a": {"agent": {"kind": "hermse"}}}})", "did you mean \"hermes\"?"},
           {R"({"lanes": {"a": {"agent": {"kind": "command"}}}})", "without `program`"},
           {R"({"lanes": {"a": {"agent": {"kind": "command", "program": "x"}}}})", "program"},
           {R"({"lanes": {"a": {"agent": {"kind": "hermes", "prompt_by": "file"}}}})",
            "only a command"},
           {R"({"lanes": {"a": {"agent": {"kind": "hermes"}, "concurrency": 0}}})", "from 1 to 64"},
           {R"({"lanes": {"a": {"agent": {"kind": "hermes"}, "paths": ["/x"]}}})", "is absolute"},
           {R"({"lanes": {"a": {"agent": {"kind": "hermes"}, "labels": ["l"]},
                          "b": {"agent": {"kind": "hermes"}, "labels": ["l"]}}})",
            "lanes.b.labels.0 is \"l\", which brings an item to lane a "
            "already"},
           {R"({"lanes": {"a": {"agent": {"kind": "hermes"}, "budget": {"tokens_per_week": 1}}}})",
            "tokens_per_week"},
           {"{\n \"lanes\": {", "agent-lanes.json:2:"},
       })
    EXPECT_THAT(refusal(text), HasSubstr(said)) << text;
}

TEST(Lanes, EveryMistakeIsSaidAtOnce) {
  const auto said = refusal(R"({"lanes": {"a": {"agent": {"kind": "command"}, "paths": ["../x"]},
                                             "B": {"agent": {"kind": "hermes"}}}})");
  EXPECT_THAT(said, HasSubstr("3 problems"));
}

TEST(Lanes, OfTimmyConfigAreToldTheNewKey) {
  struct Case {
    const char* text;
    const char* said;
  };
  for (const auto& [text, said] : {
           Case{R"({"version": 1, "lanes": {"a": {"agent": "hermes", "max_concurrent": 1}}})",
                "is of timmy-config's form; here it is `concurrency`"},
           {R"({"lanes": {"a": {"agent": "hermes"}}})", "here it is {\"kind\": \"hermes\"}"},
           {R"({"lanes": {"a": {"agent": {"kind": "hermes"}, "playbooks": ["x"]}}})",
            "`lane` in each playbook itself"},
           {R"({"lanes": {"a": {"agent": {"kind": "hermes"}, "budget": 500000}}})",
            "here it is {\"tokens_per_day\": 500000}"},
           {R"({"version": 2, "lanes": [{"name": "a"}]})", "a map from each lane's name"},
           {R"({"version": 2, "lanes": [{"name": "a"}]})", "version is 2, expected 1"},
           {R"({"a": {"agent": "hermes"}, "b": {"agent": "hermes"}})",
            "expected them under `lanes`"},
       })
    EXPECT_THAT(refusal(text), HasSubstr(said)) << text;
}

TEST(Agents, OfAPlaybookAreLaidOverTheLanes) {
  const AgentSettings lane{
      .kind = AgentKind::hermes, .model = "small", .toolsets = std::vector<std::string>{"file"}};
  const auto both =
      laid_over(lane, {.model = "large", .arguments = std::vector<std::string>{"-v"}});
  EXPECT_EQ(both.model, "large");
  EXPECT_THAT(*both.toolsets, ElementsAre("file"));
  EXPECT_THAT(*both.arguments, ElementsAre("-v"));
  const auto other = laid_over(lane, {.kind = AgentKind::command, .program = "/bin/agent"});
  EXPECT_EQ(other.model, "") << "of another agent";
  EXPECT_FALSE(other.toolsets);
  EXPECT_FALSE(agent_fault(other));
}

}  // namespace
}  // namespace host::dispatch
