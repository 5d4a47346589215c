// SPDX-License-Identifier: Apache-2.0
#include "dispatch/playbook.hpp"

#include <gmock/gmock.h>

#include <fstream>
#include <sstream>

#include "config/host_config.hpp"
#include "config/json_schema.hpp"
#include "dispatch/lanes.hpp"
#include "dispatch/playbook_fixture.hpp"
#include "dispatch/playbook_paths.hpp"

namespace host::dispatch {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

Playbook parse(const std::string& text, const std::string& name = "p") {
  return parse_playbook(text, "/f/" + name + ".yaml");
}

std::string refusal(const std::string& text) {
  try {
    (void)parse(text);
  } catch (const ConfigError& error) {
    return error.message();
  }
  ADD_FAILURE() << "taken: " << text;
  return {};
}

TEST(Playbooks, AreReadWhole) {
  const auto playbook = parse(R"(
name: p
description: All keys.
priority: 7
matching:
  kinds: [pull-request]
  repositories: [org/*, other/app]
  labels: { all: [bug], any: [a, b], none: [c] }
  authors: [ada]
  assignees: ["*"]
  title: (?i)crash
lane: code
workspace:
  base: release/1.x
  setup: [{ run: [npm, ci], timeout: 5m }]
agent: { model: gpt-4o, route: main, toolsets: [file], arguments: [--verbose] }
network: open
limits: { wall: 2h, stall: 10m, tokens: 1000, attempts: 4, memory: 1GiB, processes: 64, disk: 2GiB }
gates:
  commands: [{ name: unit, run: [make, check], timeout: 20m }, { name: lint, run: [make, lint] }]
  diff: { files: 3, lines: 50, denied_paths: [docs], unlocked_paths: [.gitea/workflows] }
  secrets: false
  banned: [foo bar]
  clean_merge: false
  tests: [{ command: unit, pattern: "[1-9] passed" }, { file: build/r.xml, pattern: ok }]
report:
  title: "{{issue.number}}"
  body: "{{run.tokens}}"
  labels: [agent]
  reviewers: [grace]
  merge: when-approved
prompt: Fix {{issue.title}}
)");
  EXPECT_EQ(playbook.priority, 7);
  EXPECT_FALSE(playbook.matching.issues);
  EXPECT_TRUE(playbook.matching.pulls);
  EXPECT_THAT(playbook.matching.repositories, ElementsAre("org/*", "other/app"));
  EXPECT_THAT(playbook.matching.all_labels, ElementsAre("bug"));
  EXPECT_THAT(playbook.matching.any_label, ElementsAre("a", "b"));
  EXPECT_THAT(playbook.matching.no_label, ElementsAre("c"));
  EXPECT_THAT(playbook.matching.authors, ElementsAre("ada"));
  EXPECT_THAT(playbook.matching.assignees, ElementsAre("*"));
  EXPECT_TRUE(RE2::PartialMatch("A Crash", *playbook.matching.title));
  EXPECT_EQ(playbook.lane, "code");
  EXPECT_EQ(playbook.workspace.base, "release/1.x");
  ASSERT_EQ(playbook.workspace.setup.size(), 1u);
  EXPECT_THAT(playbook.workspace.setup[0].run, ElementsAre("npm", "ci"));
  EXPECT_EQ(playbook.workspace.setup[0].timeout, 5min);
  EXPECT_EQ(playbook.agent.model, "gpt-4o");
  EXPECT_EQ(playbook.agent.route, "main");
  EXPECT_FALSE(playbook.agent.kind);
  EXPECT_EQ(playbook.network, Network::open);
  EXPECT_EQ(playbook.limits.wall, 2h);
  EXPECT_EQ(playbook.limits.stall, 10min);
  EXPECT_EQ(playbook.limits.tokens, 1000);
  EXPECT_EQ(playbook.limits.attempts, 4);
  EXPECT_EQ(playbook.limits.memory, 1u << 30);
  EXPECT_EQ(playbook.limits.processes, 64);
  EXPECT_EQ(playbook.limits.disk, 2u << 30);
  ASSERT_EQ(playbook.gates.commands.size(), 2u);
  EXPECT_EQ(playbook.gates.commands[0].name, "unit");
  EXPECT_EQ(playbook.gates.commands[0].timeout, 20min);
  EXPECT_EQ(playbook.gates.commands[1].timeout, 15min);
  EXPECT_EQ(playbook.gates.diff.files, 3);
  EXPECT_EQ(playbook.gates.diff.lines, 50);
  EXPECT_FALSE(playbook.gates.secrets);
  EXPECT_FALSE(playbook.gates.clean_merge);
  EXPECT_THAT(playbook.gates.banned, ElementsAre("foo bar"));
  ASSERT_EQ(playbook.gates.tests.size(), 2u);
  EXPECT_EQ(playbook.gates.tests[0].command, "unit");
  EXPECT_EQ(playbook.gates.tests[1].file, "build/r.xml");
  EXPECT_EQ(playbook.report.title.text(), "{{issue.number}}");
  EXPECT_EQ(playbook.report.body.text(), "{{run.tokens}}");
  EXPECT_THAT(playbook.report.labels, ElementsAre("agent"));
  EXPECT_THAT(playbook.report.reviewers, ElementsAre("grace"));
  EXPECT_TRUE(playbook.report.merge);
  EXPECT_EQ(playbook.prompt.render({{"issue.title", "it"}}), "Fix \"it\"");
}

TEST(Playbooks, HaveDefaultsThatAreClosed) {
  const auto playbook = parse(playbook_text("p", "matching: { labels: { all: [bug] } }\n"));
  EXPECT_EQ(playbook.priority, 100);
  EXPECT_TRUE(playbook.matching.issues);
  EXPECT_FALSE(playbook.matching.pulls);
  EXPECT_THAT(playbook.matching.repositories, IsEmpty());
  EXPECT_EQ(playbook.network, Network::meter_only);
  EXPECT_EQ(playbook.limits.wall, 1h);
  EXPECT_EQ(playbook.limits.stall, 5min);
  EXPECT_EQ(playbook.limits.tokens, 500000);
  EXPECT_EQ(playbook.limits.attempts, 2);
  EXPECT_EQ(playbook.limits.memory, std::uint64_t{4} << 30);
  EXPECT_EQ(playbook.limits.processes, 512);
  EXPECT_EQ(playbook.limits.disk, std::uint64_t{8} << 30);
  EXPECT_EQ(playbook.gates.diff.files, 20);
  EXPECT_EQ(playbook.gates.diff.lines, 600);
  EXPECT_TRUE(playbook.gates.secrets);
  EXPECT_TRUE(playbook.gates.clean_merge);
  EXPECT_FALSE(playbook.report.merge);
  EXPECT_THAT(playbook.report.title.text(), HasSubstr("{{issue.title}}"));
  EXPECT_THAT(playbook.report.body.text(), HasSubstr("Closes #{{issue.number}}."));
}

TEST(Playbooks, DenyWhatRunsWithTheSecretsOfOthers) {
  const auto closed = parse(playbook_text("p")).gates.diff;
  for (const auto* path :
       {".gitea/workflows/ci.yml", ".github/workflows/ci.yml", ".forgejo/workflows/a/b",
        ".GITEA/Workflows/x", ".gitmodules", ".githooks/pre-commit", ".husky/x", ".timmy/verify"})
    EXPECT_NE(closed.denying(path), "") << path;
  EXPECT_EQ(closed.denying("src/main.c"), "");
  const auto opened = parse(playbook_text("p",
                                          "gates: { diff: { denied_paths: [src], unlocked_paths: "
                                          "[.gitea/workflows] } }\n"))
                          .gates.diff;
  EXPECT_EQ(opened.denying(".gitea/workflows/ci.yml"), "");
  EXPECT_EQ(opened.denying(".github/workflows/ci.yml"), ".github/workflows") << "the others stay";
  EXPECT_EQ(opened.denying("src/main.c"), "src");
}

TEST(Playbooks, ThatReportAsACommentHaveABodyOfTheirOwn) {
  const auto playbook = parse(playbook_text("p", "report: { kind: comment, labels: [seen] }\n"));
  EXPECT_EQ(playbook.report.kind, ReportKind::comment);
  EXPECT_THAT(playbook.report.body.text(),
              AllOf(HasSubstr("{{run.report}}"), Not(HasSubstr("Closes"))));
  EXPECT_EQ(playbook.report.title.text(), "");
}

TEST(Playbooks, EachMistakeIsSaidWithItsPlace) {
  struct Case {
    std::string more;
    const char* said;
  };
  for (const auto& [more, said] : std::vector<Case>{
           {"limts: {}\n", "/f/p.yaml:6:1: limts is not a known key; did you mean \"limits\"?"},
           {"limits: { wal: 1h }\n",
            "/f/p.yaml:6:11: limits.wal is not a known key; did you mean \"wall\"?"},
           {"limits: { wall: 25h }\n", "/f/p.yaml:6:17: limits.wall is longer than 24h"},
           {"limits: { wall: 0s }\n", "limits.wall is wrong: "},
           {"limits: { wall: 10 }\n", "limits.wall"},
           {"limits: { wall: 1m }\n", "limits.stall is longer than limits.wall"},
           {"limits: { memory: 1MiB }\n", "expected 64MiB to"},
           {"limits: { attempts: 0 }\n", "from 1 to 10"},
           {"limits: { attempts: 11 }\n", "from 1 to 10"},
           {"network: opne\n", "did you mean \"open\"?"},
           {"matching: {}\n", "lets anybody who can write an issue start an agent"},
           {"matching: { labels: { none: [x] } }\n", "lets anybody"},
           {"matching: { labels: { all: [x], none: [x] } }\n", "so that nothing fits"},
           {"matching: { labels: { any: [x], none: [x] } }\n", "so that nothing fits"},
           {"matching: { authors: [a], repositories: [app] }\n", "text such as \"org/*\""},
           {"matching: { authors: [a], title: \"(\" }\n", "is not a pattern that RE2 takes"},
           {"matching: { authors: [a], kinds: [issues] }\n", "did you mean \"issue\"?"},
           // Two playbooks on one issue must meet at one branch: no playbook has a say in its name.
           {"workspace: { branch: \"x/{{issue.number}}\" }\n",
            "/f/p.yaml:6:14: workspace.branch is not a known key"},
           {"workspace: { base: a.lock }\n", "expected a branch's name"},
           {"workspace: { base: HEAD }\n", "expected a branch's name"},
           {"workspace: { base: \"@\" }\n", "expected a branch's name"},
           {"workspace: { setup: [{ run: [] }] }\n", "at least 1"},
           {"workspace: { setup: [{ run: \"npm ci\" }] }\n", "workspace.setup.0.run is \"npm ci\""},
           {"workspace: { setup: [{ run: [a, \"{{issue.title}}\"] }] }\n",
            "a command has no variables"},
           {"agent: { kind: command }\n", "without `program`"},
           {"agent: { kind: hermes, prompt_by: file }\n", "which only a command takes"},
           {"gates: { commands: [{ name: a, run: [x] }, { name: a, run: [y] }] }\n",
            "expected each once"},
           {"gates: { diff: { denied_paths: [/x] } }\n", "gates.diff.denied_paths.0 is absolute"},
           {"gates: { diff: { unlocked_paths: [.gitea/workflow] } }\n",
            "did you mean \".gitea/workflows\"?"},
           {"gates: { tests: [{ pattern: x }] }\n", "either `command` or `file`"},
           {"gates: { tests: [{ file: a, command: b, pattern: x }] }\n",
            "either `command` or `file`"},
           {"gates: { commands: [{ name: unit, run: [x] }], tests: [{ command: unti, pattern: x }] "
            "}\n",
            "did you mean \"unit\"?"},
           {"gates: { tests: [{ file: ../x, pattern: x }] }\n", "part"},
           {"gates: { tests: [{ file: x, pattern: \"[\" }] }\n", "RE2"},
           {"report: { kind: comment, merge: never }\n", "goes with report.kind: pull-request"},
           {"report: { kind: comment }\ngates: { diff: { files: 1 } }\n", "goes with report.kind"},
           {"report: { merge: when-approved }\n", "tries nothing"},
           {"report: { title: \"{{issue.body}}\" }\n", "is no variable of a title"},
           {"x: &a 1\n", "anchor &a is not supported"},
           {"x: [\n", "/f/p.yaml:"},
       })
    EXPECT_THAT(refusal(playbook_text("p", more)), HasSubstr(said)) << more;
}

TEST(Playbooks, EveryMistakeIsSaidAtOnceInTheOrderOfTheFile) {
  const auto said = refusal(playbook_text(
      "q", "limits: { wall: 25h, memory: 1MiB }\nreport: { title: \"{{issue.titel}}\" }\n"));
  EXPECT_THAT(said, HasSubstr("4 problems"));
  const auto name = said.find("name is \"q\", expected the file's own, \"p\"");
  const auto wall = said.find("limits.wall"), memory = said.find("limits.memory"),
             title = said.find("report.title");
  ASSERT_NE(title, std::string::npos) << said;
  EXPECT_TRUE(name < wall && wall < memory && memory < title) << said;
}

TEST(Playbooks, AMissingKeyIsNamed) {
  const auto said = refusal("name: p\n");
  for (const auto* key : {"description", "matching", "lane", "prompt"})
    EXPECT_THAT(said, HasSubstr(std::string("has no \"") + key + "\""));
  EXPECT_THAT(refusal(""), HasSubstr("/f/p.yaml:1:1"));
}

// Each fault of a template is placed at its braces, however YAML has the text.
TEST(Playbooks, AFaultInATemplateHasItsLineAndColumn) {
  const std::string head = "name: p\ndescription: d\nmatching: { authors: [a] }\nlane: code\n";
  for (const auto& [prompt, place] : std::vector<std::pair<std::string, const char*>>{
           {"prompt: |\n  First {{issue.number}}.\n\n    Then {{issue.nubmer}}.\n",
            ":8:10: prompt "},
           {"prompt: >-\n  Folded {{issue.number}}\n  text {{oops}}\n", ":7:8: prompt "},
           {"prompt: Plain {{oops}}\n", ":5:15: prompt "},
           {"prompt: \"\\\"quoted\\\" {{oops}}\"\n", ":5:21: prompt "},
           {"prompt: 'it''s {{oops}}'\n", ":5:16: prompt "},
           {"prompt: |\n  a {{open\n  b\n", ":6:5: prompt "},
           {"prompt: \"\\x7b{oops}}\"\n", ":5:9: prompt "},  // no braces stand there
       })
    EXPECT_THAT(refusal(head + prompt), HasSubstr("/f/p.yaml" + std::string(place))) << prompt;
}

TEST(Playbooks, SayInWordsWhatTheirGatesCheck) {
  const auto rules = gate_rules(parse(playbook_text(
      "p",
      "gates: { commands: [{ name: unit, run: [make, check], timeout: 90s }], banned: [xyz], "
      "diff: { files: 2 }, tests: [{ command: unit, pattern: passed }] }\n")));
  EXPECT_THAT(rules, Contains(HasSubstr("at most 2 files and 600 lines")));
  EXPECT_THAT(rules, Contains(HasSubstr(".gitea/workflows")));
  EXPECT_THAT(rules, Contains(HasSubstr("No commit message closes another issue")));
  EXPECT_THAT(rules, Contains("unit ends with status 0 within 1m30s: make check"));
  EXPECT_THAT(rules, Contains("The output of unit has a match of passed."));
  EXPECT_THAT(rules, Contains("It merges with the base without a conflict."));
  EXPECT_THAT(rules, Contains("Nothing in it looks like a credential."));
  EXPECT_THAT(rules, Contains("It holds none of: xyz."));
  const auto comment = gate_rules(
      parse(playbook_text("p", "report: { kind: comment }\ngates: { secrets: false }\n")));
  EXPECT_THAT(comment, ElementsAre(HasSubstr("changes to files are thrown away")));
}

std::string document() {
  std::stringstream text;
  text << std::ifstream(PLAYBOOKS_DOCUMENT).rdbuf();
  return text.str();
}

TEST(PlaybookDocument, ItsExampleIsRight) {
  std::istringstream lines(document());
  std::string yaml;
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    if (line == "    name: docs-fixer") inside = true;
    if (inside && !line.empty() && !line.starts_with("    ")) break;
    if (inside) yaml += line.empty() ? "\n" : line.substr(4) + "\n";
  }
  const auto playbook = parse(yaml, "docs-fixer");
  EXPECT_EQ(playbook.gates.tests.size(), 1u);
}

// "limits.wall" for each leaf of the schema, with its default.
void add_keys(const Json& root, const Json& schema, const std::string& key,
              std::vector<std::pair<std::string, Json>>& keys) {
  const Json* node = &schema;
  Json fallback = schema.value("default", Json());
  if (schema.contains("$ref"))
    node = &root.at(Json::json_pointer(schema["$ref"].get<std::string>().substr(1)));
  if (fallback.is_null()) fallback = node->value("default", Json());
  if (!node->contains("properties")) return keys.emplace_back(key, fallback), void();
  for (const auto& [name, child] : (*node)["properties"].items())
    add_keys(root, child, key.empty() ? name : key + "." + name, keys);
}

TEST(PlaybookDocument, HasARowWithTheDefaultForEachKey) {
  const auto text = document();
  const Json schema = parse_json(playbook_schema_text(), "playbook.schema.json");
  std::vector<std::pair<std::string, Json>> keys;
  add_keys(schema, schema, "", keys);
  EXPECT_GT(keys.size(), 40u);
  for (const auto& [key, fallback] : keys) {
    if (key == "description" || key == "name") continue;
    const auto row = text.find("| `" + key + "` |");
    ASSERT_NE(row, std::string::npos) << key;
    const auto line = text.substr(row, text.find('\n', row) - row);
    std::string wanted = fallback.is_string() ? fallback.get<std::string>() : fallback.dump();
    if (key == "matching.kinds") wanted = "[issue]";
    if (fallback.is_null()) continue;
    EXPECT_THAT(line, HasSubstr("| `" + wanted + "` |")) << key;
  }
}

TEST(PlaybookDocument, TheTwoSchemasSayTheSameOfAnAgent) {
  const Json playbook = parse_json(playbook_schema_text(), "playbook.schema.json");
  const Json lanes = parse_json(lanes_schema_text(), "lanes.schema.json");
  EXPECT_EQ(playbook["$defs"]["agent"], lanes["$defs"]["agent"]);
}

}  // namespace
}  // namespace host::dispatch
