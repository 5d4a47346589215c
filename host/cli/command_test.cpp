// SPDX-License-Identifier: Apache-2.0
#include "base/json.hpp"
#include "cli/command_fixture.hpp"
#include "cli/fake_host.hpp"
#include "workers/sanitizers.hpp"

namespace host::cli {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

TEST_F(CommandTest, HelpListsEveryCommandAndEachCommandHasExamples) {
  EXPECT_EQ(run({"--help"}), 0);
  for (const char* command : {"run",
                              "tasks",
                              "enqueue",
                              "jobs list",
                              "jobs show",
                              "jobs cancel",
                              "jobs retry",
                              "schedules list",
                              "schedules show",
                              "schedules next",
                              "schedules run",
                              "schedules pause",
                              "schedules resume",
                              "schedules import",
                              "plugins list",
                              "plugins show",
                              "plugins reset",
                              "plugins new",
                              "plugins run",
                              "plugins check",
                              "webhooks list",
                              "webhooks replay",
                              "audit",
                              "deadman",
                              "deadman status",
                              "deadman history",
                              "deadman clear",
                              "deadman test",
                              "status",
                              "doctor",
                              "check-config",
                              "config show",
                              "reload",
                              "db check",
                              "db backup",
                              "db restore",
                              "version"}) {
    EXPECT_THAT(out_.str(), HasSubstr(std::string("  ") + command + " "));
  }
  EXPECT_EQ(run({"jobs", "list", "--help"}), 0);
  EXPECT_THAT(out_.str(), AllOf(HasSubstr("Usage: timmy-host jobs list"), HasSubstr("Examples:"),
                                HasSubstr("--state")));
  EXPECT_THAT(err_.str(), IsEmpty());
}

TEST_F(CommandTest, MistakesAreUsageErrorsThatNameTheWayOut) {
  EXPECT_EQ(run({"stauts"}), 64);
  EXPECT_THAT(err_.str(), HasSubstr("Did you mean \"status\"?"));
  EXPECT_EQ(run({"jobs"}), 64);
  EXPECT_THAT(err_.str(), HasSubstr("jobs list, jobs show, jobs cancel, jobs retry"));
  EXPECT_EQ(run({"tasks", "--jsno"}), 64);
  EXPECT_THAT(err_.str(), HasSubstr("timmy-host tasks --help"));
  EXPECT_EQ(run({"jobs", "lisst"}), 64);
  EXPECT_THAT(err_.str(), HasSubstr("\"jobs lisst\" is not a command"));
  EXPECT_THAT(err_.str(), HasSubstr("Did you mean \"jobs list\"?"));
  EXPECT_EQ(run({"jobs", "list", "--host", "x"}), 64) << "it reads no file";
  EXPECT_EQ(run({"jobs", "show"}), 64);
  EXPECT_EQ(run({"jobs", "show", "x"}), 64);
  EXPECT_EQ(run({}), 64);
  EXPECT_THAT(out_.str(), IsEmpty());
  EXPECT_THAT(err_.str(), HasSubstr("Usage:"));
}

TEST_F(CommandTest, CommonOptionsMayStandBeforeTheCommand) {
  write_config("hosts: { other: { plugins: { heartbeat: { enabled: true } } } }");
  EXPECT_EQ(run({"--json", "--host", "other", "--plugin-dir=" + folder_.path().string(), "tasks"}),
            0)
      << err_.str();
  bool told = false;
  const Json listing = Json::parse(out_.str());
  for (const auto& task : listing["tasks"])
    if (task["task"] == "heartbeat") told = task["state"] == "not granted";
  EXPECT_TRUE(told) << listing;
  EXPECT_EQ(run({"--host", "other", "--list-tasks"}), 0) << err_.str();
  EXPECT_EQ(run({"--config", "/nowhere/host.yaml", "check-config"}), 66);
  EXPECT_THAT(err_.str(), HasSubstr("/nowhere/host.yaml"));
}

TEST_F(CommandTest, AFlagThatIsACommandIsOneOnlyInItsPlace) {
  EXPECT_EQ(run({"enqueue", "x", "--payload", "--version"}), 65) << "the payload is no JSON";
  EXPECT_THAT(out_.str(), IsEmpty());
}

TEST_F(CommandTest, HelpExplainsGroupsAndCommandsWithin80Columns) {
  for (const std::vector<std::string>& way :
       {std::vector<std::string>{"jobs", "--help"}, {"help", "jobs"}}) {
    EXPECT_EQ(run(way), 0);
    EXPECT_THAT(out_.str(), AllOf(HasSubstr("jobs list "), HasSubstr("jobs retry "),
                                  Not(HasSubstr("plugins"))));
  }
  EXPECT_EQ(run({"help", "jobs", "list"}), 0);
  EXPECT_THAT(out_.str(), AllOf(HasSubstr("Usage: timmy-host jobs list"), HasSubstr("--limit N "),
                                HasSubstr("-h, --help"), Not(HasSubstr("--plugin-dir"))));
  EXPECT_EQ(run({"run", "--help"}), 0);
  EXPECT_THAT(out_.str(), AllOf(HasSubstr("--plugin-dir DIR"), Not(HasSubstr("--json"))));
  for (const char* command : {"run", "tasks", "enqueue", "doctor", "check-config", "jobs cancel"}) {
    std::istringstream words(command);
    std::vector<std::string> line{"help"};
    for (std::string word; words >> word;) line.push_back(word);
    EXPECT_EQ(run(line), 0);
    std::istringstream lines(out_.str());
    for (std::string one; std::getline(lines, one) && one != "Examples:";)
      EXPECT_LE(one.size(), 80u) << one;
  }
}

TEST_F(CommandTest, WithoutAHostAskingEndsWith69AndStatusWith3) {
  EXPECT_EQ(run({"jobs", "list"}), 69);
  EXPECT_THAT(err_.str(), HasSubstr("timmy-host run"));
  EXPECT_EQ(run({"status", "--json"}), 3);
  EXPECT_EQ(Json::parse(out_.str())["running"], false);
}

TEST_F(CommandTest, SchedulesNextNeedsNoHost) {
  EXPECT_EQ(run({"schedules", "next", "--spec", "30 2 * * *", "--zone", "Europe/Berlin", "-n", "2",
                 "--from", "2026-03-28"}),
            0);
  EXPECT_EQ(out_.str(),
            "LOCAL (Europe/Berlin)      UTC\n"
            "2026-03-28T02:30:00+01:00  2026-03-28T01:30:00Z\n"
            "2026-03-29T03:00:00+02:00  2026-03-29T01:00:00Z\n");
  EXPECT_EQ(run({"schedules", "next", "heartbeat", "-n", "1", "--json", "--from", "2026-01-05"}),
            0);
  EXPECT_EQ(Json::parse(out_.str())["instants"][0]["utc"], "2026-01-05T00:00:00Z");
  EXPECT_EQ(run({"schedules", "next", "heartbaet"}), 66);
  EXPECT_EQ(run({"schedules", "next"}), 64);
  EXPECT_EQ(run({"schedules", "next", "--spec", "0 0 30 2 *"}), 65);
  EXPECT_THAT(err_.str(), HasSubstr("never fires"));
  EXPECT_EQ(run({"schedules", "next", "--spec", "@daily", "-n", "0"}), 64);
  EXPECT_EQ(run({"schedules", "list"}), 69);
}

TEST_F(CommandTest, ImportSaysWhatBecomesOfEachEntryAndWritesOverNothing) {
  const auto crontab = (folder_ / "crontab").string();
  const auto output = (folder_ / "piece.yaml").string();
  std::ofstream(crontab) << "*/2 * * * * heartbeat.sh\n0 1 * * * backup.sh\n";
  const std::vector<std::string> import{"schedules", "import", crontab, "--zone", "Asia/Tokyo"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), import.begin(), import.end());
    return run(more);
  };
  EXPECT_EQ(run(import), 0);
  EXPECT_THAT(out_.str(), AllOf(HasSubstr("heartbeat: \"*/2 * * * *\""), HasSubstr("Asia/Tokyo"),
                                HasSubstr("heartbeat: skip")));
  EXPECT_THAT(err_.str(), AllOf(HasSubstr(":1: taken over as heartbeat"),
                                HasSubstr(":2: not taken over: no task does this")));
  EXPECT_EQ(with({"--dry-run", "--output", output}), 0);
  EXPECT_FALSE(std::filesystem::exists(output));
  EXPECT_THAT(out_.str(), HasSubstr("taken over as heartbeat"));
  EXPECT_EQ(with({"--output", output}), 0);
  EXPECT_EQ(with({"--output", output}), 1);
  EXPECT_THAT(err_.str(), HasSubstr("is not written over"));
  // What it wrote is a host.yaml.
  EXPECT_EQ(run({"check-config", "--config", output}), 0) << err_.str() << out_.str();

  std::ofstream(crontab) << "61 * * * * heartbeat\n\xff\x1b[2J\n";
  EXPECT_EQ(run(import), 65);
  EXPECT_EQ(with({"--json"}), 65);
  EXPECT_EQ(Json::parse(out_.str())["entries"].size(), 2u);
  EXPECT_EQ(with({"--format", "toml"}), 64);
  EXPECT_EQ(run({"schedules", "import", "/nowhere"}), 66);
}

TEST_F(CommandTest, TasksAreListedWithWhatTheyMayDoAndWhatStopsThem) {
  write_config(R"(defaults: { plugins: {
      heartbeat: { enabled: true, grants: { gitea.read: ["org/app"], fs.write: ["/tmp/stamps"] } },
      triage: { enabled: true, config: { repos: ["org/app"] } } } })");
  EXPECT_EQ(run({"--list-tasks"}), 0) << err_.str();
  EXPECT_THAT(out_.str(),
              AllOf(HasSubstr("TASK"), HasSubstr("fs.write: /tmp/stamps; gitea.read: org/app"),
                    HasSubstr("gitea_issue_triage"), HasSubstr("not granted")));
  EXPECT_EQ(run({"tasks", "--json"}), 0);
  EXPECT_EQ(Json::parse(out_.str())["tasks"].size(), 18u);
}

TEST_F(CommandTest, ADryRunStandsInTheListAndInTheNotes) {
  std::filesystem::create_directory(folder_ / "stamps");
  write_config(R"(defaults: { plugins: { heartbeat: { enabled: true, dry_run: true,
      grants: { gitea.read: [whoami], fs.write: [$TIMMY_HOME/stamps] } } } })");
  EXPECT_EQ(run({"--list-tasks"}), 0) << err_.str();
  EXPECT_THAT(out_.str(), HasSubstr("; dry run\n"));
  EXPECT_EQ(run({"plugins", "show", "heartbeat"}), 0) << err_.str();
  EXPECT_THAT(out_.str(), HasSubstr("dry run: what it writes is not sent"));
}

TEST_F(CommandTest, WhatAPluginAsksForAndWhatHoldsItToItsGrantsStandsInTheList) {
  std::filesystem::create_directory(folder_ / "stamps");
  write_config(R"(defaults: { plugins: { heartbeat: { enabled: true,
      grants: { gitea.read: [whoami], fs.write: [$TIMMY_HOME/stamps] } } } })");
  EXPECT_EQ(run({"--list-tasks"}), 0) << err_.str();
  EXPECT_THAT(out_.str(), AllOf(HasSubstr("; not granted: model (optional)"),
                                HasSubstr("\nHeld to their grants by the host, on each call; to "
                                          "granted files by Landlock; without processes, sockets "
                                          "and signals by seccomp.\n")));
  EXPECT_EQ(run({"plugins", "show", "heartbeat"}), 0) << err_.str();
  EXPECT_THAT(out_.str(), AllOf(HasSubstr("enforced by the kernel (Landlock)"),
                                ContainsRegex("caged by: .*landlock ABI [0-9]+ \\(no file but "
                                              "what is granted\\); seccomp \\(no exec")));
  EXPECT_EQ(out_.str().find("not caged") != std::string::npos, kSanitized) << out_.str();
}

// A host's answer about one plugin, whose cage may lack Landlock, or not be known.
Json answer_with(const Json& in_force, const Json& cage) {
  const Json row{
      {"id", "watch"},
      {"plugin", "watch"},
      {"task", "watch_task"},
      {"tasks", {"watch_task"}},
      {"state", "ready"},
      {"grants", {{"fs.write", {"/data"}}}},
      {"needs", {{{"grant", "http"}, {"required", true}, {"why", ""}, {"granted", Json::array()}}}},
      {"in_force",
       {{"fs.write",
         {{"values", {"/data"}}, {"enforced_by", "landlock"}, {"in_force", in_force}}}}}};
  return {{"plugins", {row}}, {"tasks", {row}}, {"cage", cage}};
}

TEST_F(CommandTest, NothingIsCalledEnforcedThatThisMachineDoesNotEnforce) {
  FakeHost host(Paths::from(Environment::of_process()));
  const Json lacking =
      answer_with(false, {{{"name", "landlock"}, {"in_force", false}, {"detail", "no such kernel"}},
                          {{"name", "seccomp"}, {"in_force", true}, {"detail", ""}}});
  host.set("GET /v1/plugins", lacking);
  host.set("GET /v1/tasks", lacking);
  EXPECT_EQ(run({"plugins", "show", "watch"}), 0) << err_.str();
  EXPECT_THAT(out_.str(), AllOf(HasSubstr("enforced by nobody"),
                                HasSubstr("not caged by: landlock (no such kernel)")));
  EXPECT_EQ(run({"tasks"}), 0) << err_.str();
  EXPECT_THAT(out_.str(),
              AllOf(HasSubstr("fs.write: /data (not in force); not granted: http"),
                    HasSubstr("to granted files by NOBODY here; without processes, sockets and "
                              "signals by seccomp.\n  Not in force: landlock (no such kernel)\n")));
  host.set("GET /v1/plugins", answer_with(Json(), Json::array()));
  EXPECT_EQ(run({"plugins", "show", "watch"}), 0) << err_.str();
  EXPECT_THAT(out_.str(), AllOf(HasSubstr("whether it is enforced is not known"),
                                Not(HasSubstr("Landlock)")), Not(HasSubstr("caged by"))));
}

TEST_F(CommandTest, StatusCountsJobsInTheOrderOfTheirLife) {
  FakeHost host(Paths::from(Environment::of_process()));
  const Json few{{"count", 2}, {"more", false}};
  host.set("GET /v1/status", {{"pid", 7},
                              {"has_own_entry", false},
                              {"plugins", {{"ready", 1}, {"found", 2}}},
                              {"workers", {{"alive", 0}}},
                              {"jobs",
                               {{"available", few},
                                {"scheduled", few},
                                {"completed", {{"count", 1000}, {"more", true}}}}}});
  EXPECT_EQ(run({"status"}), 0) << err_.str();
  EXPECT_THAT(out_.str(), AllOf(HasSubstr("jobs: 2 scheduled, 2 available, 1000+ completed\n"),
                                HasSubstr("runs the defaults")));
}

TEST_F(CommandTest, PluginsShowTellsEveryKeyOfAConfigAndEveryLimit) {
  write_config(R"(defaults: { plugins: { heartbeat: { enabled: true, limits: { cpu: 5s } } } })");
  EXPECT_EQ(run({"plugins", "show", "heartbeat"}), 0) << err_.str();
  EXPECT_THAT(out_.str(),
              AllOf(ContainsRegex("stamp_dir +string +\"\\$TIMMY_HOME/stamps\" +The folder"),
                    ContainsRegex("model.route +string"),
                    HasSubstr("memory 256MiB, file_size 1MiB, files 32, cpu 5s"),
                    HasSubstr("abi: 1.1, works from 1.0"),
                    HasSubstr("tasks: heartbeat, heartbeat_heavy, model_health_check")));
  EXPECT_THAT(out_.str(),
              AllOf(ContainsRegex("enabled by: .*host.yaml:1:[0-9]+\n"),
                    ContainsRegex("sha256: [0-9a-f]{64}\n"), HasSubstr("code: not_granted\n")));
  EXPECT_EQ(run({"plugins", "list"}), 0) << err_.str();
  EXPECT_THAT(out_.str(), ContainsRegex("heartbeat +1.0.0 +not granted +1.1 .* [0-9a-f]{12} +/"));
  EXPECT_EQ(run({"plugins", "show", "triage"}), 0);
  EXPECT_THAT(out_.str(), AllOf(ContainsRegex("repos +array +required"),
                                ContainsRegex("rules\\[\\].when.without_labels +array +-")));
}

TEST_F(CommandTest, WithoutAConfigWhatIsInstalledIsStillListed) {
  EXPECT_EQ(run({"--list-tasks"}), 0) << err_.str();
  EXPECT_THAT(out_.str(), AllOf(HasSubstr("heartbeat"), HasSubstr("disabled"),
                                HasSubstr("asks for: gitea.read, gitea.write, gitea.merge (optional)\n")));
  EXPECT_THAT(err_.str(), HasSubstr("there is no "));
}

TEST_F(CommandTest, ABadConfigIsReportedWholeWithItsLines) {
  write_config("defaults:\n  gitea: { url: 7 }\n  pluggins: {}\n");
  EXPECT_EQ(run({"--check-config"}), 78);
  EXPECT_THAT(out_.str(),
              AllOf(HasSubstr("host.yaml:2:"), HasSubstr("host.yaml:3:"), HasSubstr("plugins")));
  EXPECT_EQ(run({"--check-config", "--json"}), 78);
  EXPECT_EQ(Json::parse(out_.str())["errors"].size(), 2u);
  EXPECT_EQ(run({"run"}), 78);
  EXPECT_THAT(err_.str(), HasSubstr("host.yaml:2:"));
  EXPECT_EQ(run({"--list-tasks"}), 78);
  EXPECT_THAT(out_.str(), ContainsRegex("gitea_issue_triage +triage .*not judged"));
  EXPECT_THAT(err_.str(), HasSubstr("host.yaml:2:"));
}

TEST_F(CommandTest, VersionNamesTheAbi) {
  EXPECT_EQ(run({"--version"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("plugin ABI 1."));
}

}  // namespace
}  // namespace host::cli
