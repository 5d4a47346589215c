// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>

#include "base/file.hpp"
#include "base/json.hpp"
#include "cli/command_fixture.hpp"

namespace host::cli {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kBug =
    R"({"repository": "org/app", "number": 12, "title": "Crash", "author": "ada", "labels": ["bug", "agent-ready"]})";

// With the playbooks that came with this build.
class PlaybookCommandTest : public CommandTest {
 protected:
  PlaybookCommandTest() {
    make_directories(folder_ / "playbooks", 0700);
    write("issue.json", kBug);
    write_config(
        "defaults:\n"
        "  playbooks:\n"
        "    bug-fixer: { enabled: true, repositories: [org/*] }\n");
  }
  void write(const std::string& name, const std::string& text) {
    write_atomically(folder_ / name, text, 0600);
  }
  [[nodiscard]] std::string facts() const { return (folder_ / "issue.json").string(); }
  [[nodiscard]] Json json() const { return Json::parse(out_.str()); }
};

TEST_F(PlaybookCommandTest, AListShowsWhatIsOnAndWhereItGoes) {
  EXPECT_EQ(run({"playbooks", "list"}), 0) << err_.str();
  EXPECT_THAT(out_.str(),
              AllOf(ContainsRegex("bug-fixer +on +50 +code +pull-request +org/\\* +bug; one of "
                                  "agent-ready; not needs-triage"),
                    ContainsRegex("triage +off +10 +triage +comment +- +one of needs-triage"),
                    ContainsRegex("code +hermes +2 +lane/code +all +code, 10000000 a day")));
  EXPECT_EQ(err_.str(), "");
  EXPECT_EQ(run({"playbooks", "list", "--json"}), 0);
  EXPECT_EQ(json()["playbooks"][0]["state"], "on");
  EXPECT_EQ(json()["lanes"]["lanes"].size(), 3u);
}

TEST_F(PlaybookCommandTest, OnesOwnCountsInsteadAlsoWhenItIsWrong) {
  write("playbooks/bug-fixer.yaml", "name: bug-fixer\nlimts: {}\n");
  EXPECT_EQ(run({"playbooks", "list"}), 0) << err_.str();
  EXPECT_THAT(out_.str(),
              AllOf(ContainsRegex("bug-fixer +refused"), HasSubstr("did you mean \"limits\"?"),
                    ContainsRegex("playbooks/bug-fixer.yaml counts instead of .*/bug-fixer.yaml")));
  EXPECT_EQ(run({"playbooks", "check"}), 78);
  EXPECT_THAT(out_.str(), HasSubstr("playbooks/bug-fixer.yaml:2:1: limts"));
  EXPECT_EQ(run({"playbooks", "explain", "--facts", facts()}), 1);
  EXPECT_THAT(out_.str(), ContainsRegex("bug-fixer +refused +see timmy-host playbooks check"));
  EXPECT_EQ(run({"playbooks", "show", "bug-fixer"}), 1);
  EXPECT_THAT(out_.str(), HasSubstr("bug-fixer: refused"));
}

TEST_F(PlaybookCommandTest, ACheckOfWhatIsThereIsQuietAndNamesTheFiles) {
  EXPECT_EQ(run({"playbooks", "check"}), 0) << out_.str() << err_.str();
  EXPECT_THAT(out_.str(), AllOf(HasSubstr("agent-lanes.json: ok"), HasSubstr("triage.yaml: ok")));
  write_config("defaults:\n  playbooks:\n    bug-fxier: { enabled: true }\n");
  EXPECT_EQ(run({"playbooks", "check"}), 78);
  EXPECT_THAT(out_.str(),
              AllOf(HasSubstr("host.yaml:3:5"), HasSubstr("did you mean \"bug-fixer\"?")));
  EXPECT_EQ(run({"playbooks", "list"}), 0);
  EXPECT_THAT(err_.str(), HasSubstr("playbooks.bug-fxier is no playbook"));
}

TEST_F(PlaybookCommandTest, CheckConfigLooksAtWhatIsOnAndAtTheLanes) {
  EXPECT_EQ(run({"--check-config"}), 0) << out_.str() << err_.str();
  write("playbooks/triage.yaml", "name: triage\nlimts: {}\n");
  EXPECT_EQ(run({"--check-config"}), 0) << "it is off: " << out_.str();
  write("playbooks/bug-fixer.yaml", "name: bug-fixer\nlimts: {}\n");
  EXPECT_EQ(run({"--check-config"}), 78);
  EXPECT_THAT(out_.str(), AllOf(HasSubstr("playbooks/bug-fixer.yaml:2:1: limts"),
                                Not(HasSubstr("triage.yaml"))));
  std::filesystem::remove(folder_ / "playbooks/bug-fixer.yaml");
  write("playbooks/agent-lanes.json", "{");
  EXPECT_EQ(run({"--check-config"}), 78);
  EXPECT_THAT(out_.str(), HasSubstr("agent-lanes.json:1:"));
  write_config("defaults:\n  playbooks:\n    bug-fxier: { enabled: true }\n");
  EXPECT_EQ(run({"--check-config"}), 78);
  EXPECT_THAT(out_.str(), HasSubstr("did you mean \"bug-fixer\"?"));
  write_config("defaults: {}\n");
  EXPECT_EQ(run({"--check-config"}), 0) << "nothing is on: " << out_.str();
}

TEST_F(PlaybookCommandTest, FilesByNameAreCheckedWithoutAHostYaml) {
  std::filesystem::remove(folder_ / "host.yaml");
  write("mine.yaml",
        "name: mine\ndescription: d\nmatching: { authors: [ada] }\nlane: cod\nprompt: p\n");
  const auto file = (folder_ / "mine.yaml").string();
  EXPECT_EQ(run({"playbooks", "check", file}), 78);
  EXPECT_THAT(out_.str(),
              AllOf(HasSubstr(file + ":4:7: lane is \"cod\""), HasSubstr("did you mean \"code\"?"),
                    Not(HasSubstr("triage.yaml"))));
  write("agent-lanes.json", R"({"lanes": {"cod": {"agent": {"kind": "hermes"}}}})");
  const auto lanes = (folder_ / "agent-lanes.json").string();
  EXPECT_EQ(run({"playbooks", "check", file, lanes, "--json"}), 0) << out_.str();
  EXPECT_EQ(json()["checked"], Json({lanes, file}));
  EXPECT_EQ(run({"playbooks", "check", (folder_ / "none.yaml").string()}), 78);
}

TEST_F(PlaybookCommandTest, OneIsShownWithItsDefaultsItsGatesAndItsPrompt) {
  EXPECT_EQ(run({"playbooks", "show", "bug-fixer"}), 0) << err_.str();
  EXPECT_THAT(
      out_.str(),
      AllOf(ContainsRegex("limits.attempts +[^ ]*bug-fixer.yaml:[0-9]+:[0-9]+ +3"),
            ContainsRegex("limits.memory +default +\"4GiB\""), ContainsRegex("agent.*toolsets"),
            HasSubstr("verify ends with status 0 within 30m"), HasSubstr("# Task")));
  EXPECT_EQ(run({"playbooks", "show", "bug-fixr"}), 66);
  EXPECT_THAT(err_.str(), HasSubstr("did you mean \"bug-fixer\"?"));
  EXPECT_EQ(run({"playbooks", "show"}), 64);
}

TEST_F(PlaybookCommandTest, AnItemIsExplained) {
  EXPECT_EQ(run({"playbooks", "explain", "--facts", facts()}), 0) << err_.str();
  EXPECT_THAT(
      out_.str(),
      AllOf(HasSubstr("org/app#12 \"Crash\": open issue by ada; labels bug, agent-ready"),
            ContainsRegex("bug-fixer +chosen +lane code, the playbook's own"),
            ContainsRegex("triage +skipped +off in host.yaml; .*label needs-triage missing")));
  EXPECT_EQ(run({"playbooks", "explain", "--facts", facts(), "--json"}), 0);
  EXPECT_EQ(json()["chosen"], "bug-fixer");
  write("issue.json", R"({"repository": "else/where", "number": 1, "labels": ["bug"]})");
  EXPECT_EQ(run({"playbooks", "explain", "--facts", facts(), "--json"}), 1);
  EXPECT_TRUE(json()["chosen"].is_null());
}

TEST_F(PlaybookCommandTest, WhatCannotBeExplainedIsSaid) {
  EXPECT_EQ(run({"playbooks", "explain"}), 64);
  EXPECT_THAT(err_.str(), HasSubstr("playbooks explain org/app 12"));
  EXPECT_EQ(run({"playbooks", "explain", "org/app", "twelve"}), 64);
  EXPECT_EQ(run({"playbooks", "explain", "org/app", "12", "--facts", facts()}), 64);
  EXPECT_EQ(run({"playbooks", "explain", "org/app#12"}), 64);
  EXPECT_THAT(err_.str(), HasSubstr("no Gitea server is configured"));
  write("issue.json", R"({"repository": "org/app", "numbr": 1})");
  EXPECT_EQ(run({"playbooks", "explain", "--facts", facts()}), 78);
  EXPECT_THAT(err_.str(), HasSubstr("did you mean \"number\"?"));
}

TEST_F(PlaybookCommandTest, AFolderOfHostYamlIsLookedIn) {
  make_directories(folder_ / "more", 0700);
  write("more/extra.yaml",
        "name: extra\ndescription: d\nmatching: { authors: [ada] }\nlane: code\nprompt: p\n");
  write_config("defaults:\n  playbook_dirs: [more]\n");
  EXPECT_EQ(run({"playbooks", "list"}), 0) << err_.str();
  EXPECT_THAT(out_.str(), ContainsRegex("extra +off +100 +code"));
  ::chmod((folder_ / "more/extra.yaml").c_str(), 0666);
  EXPECT_EQ(run({"playbooks", "check"}), 78);
  EXPECT_THAT(out_.str(), AllOf(HasSubstr("more/extra.yaml"), HasSubstr("chmod")));
}

}  // namespace
}  // namespace host::cli
