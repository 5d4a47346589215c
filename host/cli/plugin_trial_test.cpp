// SPDX-License-Identifier: Apache-2.0
//
// `plugins run`, `plugins check` and `plugins new`, as their users type them.
#include <filesystem>

#include "base/json.hpp"
#include "cli/command_fixture.hpp"

namespace host::cli {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

class PluginsRun : public CommandTest {
 protected:
  int trial(const std::string& task, std::vector<std::string> more = {}) {
    std::vector<std::string> line{"plugins", "run", TIMMY_ECHO, task};
    line.insert(line.end(), more.begin(), more.end());
    return run(line);
  }
  Json answer() const { return Json::parse(out_.str()); }
  static std::string call(const std::string& method, const Json& params) {
    return Json{{"calls", {{{"method", method}, {"params", params}}}}}.dump();
  }
};

TEST_F(PluginsRun, PrintsTheResultAndWhatWasUsed) {
  EXPECT_EQ(trial("echo", {"--payload", R"({"a": 1})"}), 0) << err_.str();
  EXPECT_THAT(out_.str(), AllOf(HasSubstr("completed after "), HasSubstr(R"("payload":{"a":1})"),
                                ContainsRegex("used .* of CPU, .* MiB of memory at most")));
}

TEST_F(PluginsRun, TakesConfigAndPayloadFromFiles) {
  std::ofstream(folder_ / "c.json") << R"({"word": "from a file"})";
  EXPECT_EQ(trial("echo", {"--json", "--config", "@" + (folder_ / "c.json").string()}), 0);
  EXPECT_EQ(answer()["result"]["config"]["word"], "from a file");
  EXPECT_EQ(trial("echo", {"--payload", "{"}), 65);
  EXPECT_EQ(trial("echo", {"--payload", "@/nowhere"}), 66);
}

TEST_F(PluginsRun, RefusesAConfigThatItsSchemaRefuses) {
  EXPECT_EQ(trial("echo", {"--config", R"({"word": 7})"}), 65);
  EXPECT_THAT(err_.str(), HasSubstr("word"));
}

TEST_F(PluginsRun, PrintsEachCallWithItsAnswer) {
  const auto payload = call("gitea/1.list_labels", {{"repo", "org/app"}});
  EXPECT_EQ(trial("echo_call", {"--grant", "gitea.read=org/*", "--payload", payload}), 0);
  EXPECT_THAT(out_.str(), AllOf(HasSubstr("-> gitea/1.list_labels {\"repo\":\"org/app\"}"),
                                ContainsRegex("<- .* ms  .*\"bug\"")));
}

TEST_F(PluginsRun, GrantsNothingThatWasNotSaid) {
  const auto payload = call("gitea/1.list_labels", {{"repo", "org/app"}});
  EXPECT_EQ(trial("echo_call", {"--json", "--payload", payload}), 1);
  EXPECT_EQ(answer()["calls"][0]["error"]["code"], "not_granted");
  EXPECT_EQ(trial("echo_call", {"--json", "--grant", "all", "--payload", payload}), 0);
  EXPECT_EQ(answer()["calls"][0]["result"]["labels"][0], "bug");
  EXPECT_EQ(trial("echo_call", {"--grant", "gitea.read"}), 64);
}

TEST_F(PluginsRun, RefusesAGrantThatThereIsNoneOfBeforeAnythingRuns) {
  EXPECT_EQ(trial("echo", {"--grant", "gitea.raed=org/*"}), 64);
  EXPECT_THAT(err_.str(), HasSubstr("there is no grant \"gitea.raed\""));
  EXPECT_THAT(err_.str(), HasSubstr("Did you mean gitea.read?"));
}

TEST_F(PluginsRun, SaysWhichGrantIsMissingInItsOwnWords) {
  EXPECT_EQ(run({"plugins", "run", TIMMY_HEARTBEAT, "heartbeat"}), 77) << err_.str();
  EXPECT_THAT(err_.str(), AllOf(HasSubstr("--grant gitea.read=whoami"),
                                HasSubstr("--grant 'fs.write=$TIMMY_HOME/stamps'"),
                                Not(HasSubstr("the settings given"))));
}

// TIMMY_HOME and HERMES_HOME are the test's folder here.
TEST_F(PluginsRun, LetsNobodyGrantWhatTheHostKeepsForItself) {
  std::ofstream(folder_ / "gitea_token") << "secret";
  for (const auto& path :
       {(folder_ / "gitea_token").string(), folder_.path().string(), std::string("/")}) {
    EXPECT_NE(trial("echo", {"--grant", "fs.read=" + path}), 0) << path;
    EXPECT_THAT(err_.str(), HasSubstr("can't be granted")) << path;
  }
  std::filesystem::create_directory(folder_ / "mine");
  EXPECT_EQ(trial("echo", {"--grant", "fs.read=" + (folder_ / "mine").string()}), 0) << err_.str();
  // Tokens that only this host.yaml names.
  write_config("defaults: { gitea: { token_file: " + (folder_ / "mine").string() + " } }");
  EXPECT_NE(trial("echo", {"--grant", "fs.read=" + (folder_ / "mine").string()}), 0);
}

TEST_F(PluginsRun, TakesWhatTheHostConfigSaysUnlessTheCommandLineDoes) {
  write_config(
      R"(defaults: { plugins: { echo: { config: { word: host }, limits: { files: 33 } } } })");
  const auto yaml = (folder_ / "host.yaml").string();
  EXPECT_EQ(trial("echo", {"--json", "--host-config", yaml}), 0) << err_.str();
  EXPECT_EQ(answer()["result"]["config"]["word"], "host");
  EXPECT_EQ(trial("echo", {"--json", "--host-config", yaml, "--config", "{}"}), 0);
  EXPECT_EQ(answer()["result"]["config"]["word"], "echo") << "the schema's default";
}

TEST_F(PluginsRun, CancelsAtTheTimeout) {
  EXPECT_EQ(trial("echo_wait", {"--json", "--timeout", "50ms"}), 1);
  EXPECT_EQ(answer()["verdict"], "timed_out");
  EXPECT_LT(answer()["ms"], 20'000);
}

TEST_F(PluginsRun, TellsAFailureInThePluginsWordsWithStatus1) {
  EXPECT_EQ(trial("echo_fail", {"--payload", R"({"code": "own", "message": "because"})"}), 1);
  EXPECT_THAT(out_.str(), HasSubstr("own: because"));
}

TEST_F(PluginsRun, ShowsLinesAndPutsThemIntoTheObject) {
  EXPECT_EQ(trial("echo_log", {"--payload", R"({"text": "well met"})"}), 0);
  EXPECT_THAT(err_.str(), HasSubstr("info: well met"));
  EXPECT_EQ(trial("echo_log", {"--json", "--payload", R"({"text": "well met"})"}), 0);
  EXPECT_THAT(answer()["lines"],
              testing::Contains(Json({{"level", "warn"}, {"text", "well met"}})));
  EXPECT_TRUE(answer()["cage"].contains("layers")) << answer()["cage"];
}

TEST_F(PluginsRun, RunsInThisProcessWhenAsked) {
  EXPECT_EQ(trial("echo", {"--json", "--in-process", "--payload", R"({"a": 2})"}), 0);
  EXPECT_EQ(answer()["result"]["payload"], Json({{"a", 2}}));
  EXPECT_FALSE(answer().contains("cage"));
}

TEST_F(PluginsRun, NamesTheTasksThatThereAre) {
  EXPECT_EQ(trial("ecko"), 66);
  EXPECT_THAT(err_.str(), HasSubstr("echo_wait"));
  EXPECT_EQ(run({"plugins", "run"}), 64);
  EXPECT_EQ(run({"plugins", "run", "/nowhere.so", "x"}), 66);
}

TEST_F(PluginsRun, CheckPrintsALineACheckAndWritesAReport) {
  const auto report = (folder_ / "junit.xml").string();
  EXPECT_EQ(
      run({"plugins", "check", TIMMY_ECHO, "--only", "^(file|config.closed)", "--junit", report}),
      0)
      << out_.str();
  EXPECT_THAT(out_.str(), AllOf(HasSubstr("pass   file.plugin"), HasSubstr("warn   config.closed"),
                                HasSubstr("fix: Add \"additionalProperties\": false")));
  std::ostringstream xml;
  xml << std::ifstream(report).rdbuf();
  EXPECT_THAT(xml.str(), AllOf(HasSubstr("name=\"file.plugin\""), HasSubstr("failures=\"0\""),
                               HasSubstr("<system-out>warn: "), HasSubstr("&quot;")));
  EXPECT_EQ(run({"plugins", "check", "--list", "--json"}), 0);
  EXPECT_EQ(Json::parse(out_.str()).size(), 40u);
  EXPECT_EQ(run({"plugins", "check", "/nowhere.so"}), 66);
}

TEST_F(PluginsRun, NewMakesAProjectAndSaysWhatIsNext) {
  EXPECT_EQ(run({"plugins", "new", "greeter", "--dir", folder_.path().string()}), 0);
  EXPECT_TRUE(std::filesystem::exists(folder_ / "greeter/manifest.json"));
  EXPECT_THAT(err_.str(), HasSubstr("timmy-host plugins check build/greeter.so"));
}

}  // namespace
}  // namespace host::cli
