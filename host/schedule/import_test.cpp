// SPDX-License-Identifier: Apache-2.0
//
// Taking over crontabs, Hermes' jobs and the old definitions, on the samples in testdata/.
#include "schedule/import.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/file.hpp"
#include "base/json.hpp"
#include "config/document.hpp"

namespace host {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Verdict = ImportLine::Verdict;

const std::vector<ImportTask> kTasks{{"heartbeat", "heartbeat"},
                                     {"heartbeat_heavy", "heartbeat"},
                                     {"model_health_check", "heartbeat"},
                                     {"gitea_issue_triage", "triage"}};

std::string sample(const std::string& name) {
  return read_file(std::filesystem::path(TIMMY_IMPORT_SAMPLES) / name, 1 << 20);
}

// "where: verdict task schedule zone", without what is empty.
std::vector<std::string> shown(const ImportPlan& plan) {
  std::vector<std::string> lines;
  for (const auto& line : plan.lines) {
    std::string text = line.where + ": ";
    if (line.verdict == Verdict::taken)
      text += line.task + " " + line.schedule + " " + line.zone;
    else
      text += line.verdict == Verdict::left ? "left" : "wrong";
    lines.push_back(text);
  }
  return lines;
}

ImportPlan crontab(std::string_view text, const std::string& zone = "UTC") {
  return plan_import(read_crontab(text, "crontab", zone), kTasks, "skip");
}

TEST(ImportCrontab, EveryLineComesToAVerdict) {
  const auto plan = crontab(sample("crontab"));
  EXPECT_THAT(
      shown(plan),
      ElementsAre("crontab:6: heartbeat */2 * * * * Europe/Berlin",
                  "crontab:7: gitea_issue_triage 30 2 * * 1-5 Europe/Berlin", "crontab:8: left",
                  "crontab:9: heartbeat_heavy 0 3 */2 * +1 Europe/Berlin", "crontab:10: left",
                  "crontab:11: wrong", "crontab:12: wrong", "crontab:13: left", "crontab:14: wrong",
                  "crontab:15: wrong", "crontab:16: wrong", "crontab:17: wrong", "crontab:18: left",
                  "crontab:19: left", "crontab:20: left"));
  const auto& lines = plan.lines;
  EXPECT_THAT(lines[2].reason, HasSubstr("its task is daily_reset, but no plugin"));
  EXPECT_THAT(lines[3].notes, ElementsAre(HasSubstr("both day fields must match")));
  EXPECT_THAT(lines[4].reason, HasSubstr("keep the line in cron, or write a plugin"));
  EXPECT_THAT(lines[5].reason, HasSubstr("never fires"));
  EXPECT_THAT(lines[6].reason, HasSubstr("column 1: \"61\" is not a minute"));
  EXPECT_THAT(lines[7].reason, HasSubstr("@reboot is not supported"));
  EXPECT_THAT(lines[8].reason, HasSubstr("fewer than five fields"));
  EXPECT_THAT(lines[9].reason, HasSubstr("no command"));
  EXPECT_THAT(lines[11].reason, HasSubstr("no time zone \"Mars/Olympus\""));
  EXPECT_EQ(lines[12].label, "mail -s \"100% done\" ops");
  EXPECT_THAT(lines[12].notes, ElementsAre(HasSubstr("input after `%`")));
  EXPECT_THAT(lines[14].reason, HasSubstr("taken over from crontab:6 already"));
}

TEST(ImportCrontab, WhatIsTakenIsAPieceOfHostYaml) {
  const Json settings = parse_yaml(crontab(sample("crontab")).fragment, "fragment").value();
  const Json& plugins = settings["defaults"]["plugins"];
  EXPECT_EQ(plugins["heartbeat"]["schedule"]["heartbeat"], "*/2 * * * *");
  EXPECT_EQ(plugins["heartbeat"]["schedule"]["heartbeat_heavy"], "0 3 */2 * +1");
  EXPECT_EQ(plugins["triage"]["zone"]["gitea_issue_triage"], "Europe/Berlin");
  EXPECT_EQ(plugins["triage"]["catch_up"]["gitea_issue_triage"], "skip");
  EXPECT_FALSE(plugins["triage"].contains("enabled")) << "that is the operator's to say";
  EXPECT_THAT(crontab("# nothing\n").fragment, IsEmpty());
}

TEST(ImportCrontab, TheZoneIsTheMachinesUntilCronTzAndTzIsTheCommands) {
  const auto plan = crontab(
      "TZ=Asia/Tokyo\n1 2 * * * heartbeat.sh\nCRON_TZ = 'Asia/Tokyo'\n2 2 * * * heartbeat_heavy\n",
      "Europe/Vienna");
  EXPECT_THAT(shown(plan), ElementsAre("crontab:2: heartbeat 1 2 * * * Europe/Vienna",
                                       "crontab:4: heartbeat_heavy 2 2 * * * Asia/Tokyo"));
  EXPECT_THAT(plan.lines[0].notes, ElementsAre(HasSubstr("schedule is in Europe/Vienna")));
  EXPECT_THAT(plan.lines[1].notes, IsEmpty());
}

TEST(ImportCrontab, DaysMatchAsInCronAndOnlyWhereThatDiffersFromHere) {
  const auto schedule = [](std::string_view fields) {
    return read_crontab(std::string(fields) + " x\n", "crontab", "UTC").at(0).schedule;
  };
  EXPECT_EQ(schedule("0 0 */2 * 1"), "0 0 */2 * +1");
  EXPECT_EQ(schedule("0 0 1 * */2"), "0 0 1 * +*/2");
  EXPECT_EQ(schedule("0 0 *,5 * 1"), "0 0 *,5 * 1");
  EXPECT_EQ(schedule("0 0 1 * 1"), "0 0 1 * 1");
  EXPECT_EQ(schedule("0 0 */2 * *"), "0 0 */2 * *");
  EXPECT_EQ(schedule("0\t0  *   * */3"), "0 0 * * */3");
}

TEST(ImportNames, AWordOfTheCommandNamesATaskAndAFolderOrAUrlDoesNot) {
  const auto plan = [](std::string command) {
    return crontab("* * * * * " + std::move(command) + "\n").lines.at(0).task;
  };
  for (const char* command :
       {"heartbeat", "/opt/bin/heartbeat.sh -v", "python3 ~/t/tasks.py heartbeat",
        "python3 -c 'import tasks; tasks.heartbeat()'", "cd /x;./heartbeat.py>/dev/null",
        "TASK=heartbeat run", "/opt/HeartBeat.sh || true", "flock /run/x heartbeat 2>&1"})
    EXPECT_EQ(plan(command), "heartbeat") << command;
  for (const char* command : {"/heartbeat/run", "curl http://x/heartbeat", "x > heartbeat",
                              "x >>/var/log/heartbeat", "heartbeats", "x 2> heartbeat.log"})
    EXPECT_EQ(plan(command), "") << command;
  const auto both = crontab("* * * * * heartbeat && triage\n").lines.at(0);
  EXPECT_THAT(both.reason, HasSubstr("several tasks: gitea_issue_triage, heartbeat"));
}

TEST(ImportHermes, EveryJobComesToAVerdict) {
  const auto plan =
      plan_import(read_hermes_jobs(sample("jobs.json"), "jobs.json", "Europe/Vienna"), kTasks, "");
  EXPECT_THAT(shown(plan),
              ElementsAre("jobs.json: job 1 (a0b62a159d2a): heartbeat every: 30m Europe/Vienna",
                          "jobs.json: job 2 (b1): gitea_issue_triage */7 * * * * Europe/Vienna",
                          "jobs.json: job 3 (c2): left", "jobs.json: job 4 (d3): left",
                          "jobs.json: job 5 (e4): left", "jobs.json: job 6 (f5): wrong",
                          "jobs.json: job 7 (g6): left", "jobs.json: job 8: wrong",
                          "jobs.json: job 9 (h7): wrong"));
  EXPECT_THAT(plan.lines[2].reason, HasSubstr("keep the job in Hermes"));
  EXPECT_THAT(plan.lines[3].reason, HasSubstr("due once"));
  EXPECT_THAT(plan.lines[4].reason, HasSubstr("paused in Hermes"));
  EXPECT_THAT(plan.lines[6].reason, HasSubstr("seconds field is not supported"));
  EXPECT_THAT(plan.fragment, Not(HasSubstr("catch_up")));
}

TEST(ImportHermes, AFileThatIsNotHermesIsOneProblemWithItsPlace) {
  for (const char* text : {"", "{", "[]", "{\"jobs\": {}}", "{\"jobs\": 1}", "\xff"}) {
    const auto entries = read_hermes_jobs(text, "jobs.json", "UTC");
    ASSERT_EQ(entries.size(), 1u) << text;
    EXPECT_TRUE(entries[0].wrong);
    EXPECT_THAT(entries[0].left, HasSubstr("jobs.json"));
  }
  EXPECT_THAT(read_hermes_jobs("{\"jobs\": []}", "jobs.json", "UTC"), IsEmpty());
}

TEST(ImportDefinitions, EveryJobComesToAVerdict) {
  const auto plan =
      plan_import(read_definitions(sample("definitions.yaml"), "d.yaml", "UTC"), kTasks, "");
  EXPECT_THAT(shown(plan),
              ElementsAre("d.yaml:2:5: heartbeat */1 * * * * UTC",
                          "d.yaml:5:5: gitea_issue_triage */5 * * * 1 Europe/Vienna",
                          "d.yaml:8:5: heartbeat_heavy every: 30m UTC", "d.yaml:11:5: left",
                          "d.yaml:14:5: left", "d.yaml:17:5: left", "d.yaml:18:5: wrong",
                          "d.yaml:20:5: wrong", "d.yaml:22:5: wrong"));
  EXPECT_THAT(plan.lines[4].reason, HasSubstr("switched off"));
  EXPECT_THAT(plan.lines[5].reason, HasSubstr("on demand"));
  EXPECT_THAT(plan.lines[6].reason, HasSubstr("never fires"));
}

TEST(ImportDefinitions, AMapFromNamesToSchedulesWillDoAndAnythingElseIsSaidWithItsPlace) {
  const auto plan = plan_import(
      read_definitions("heartbeat: every 90s\ntriage: { cron: '@hourly' }\n", "d.yaml", "UTC"),
      kTasks, "");
  EXPECT_THAT(shown(plan), ElementsAre("d.yaml:1:1: heartbeat every: 90s UTC",
                                       "d.yaml:2:1: gitea_issue_triage @hourly UTC"));
  for (const char* text : {"", "text", "[", "a: *b", "jobs: 3"}) {
    const auto entries = read_definitions(text, "d.yaml", "UTC");
    ASSERT_EQ(entries.size(), 1u) << text;
    EXPECT_TRUE(entries[0].wrong) << text;
  }
}

}  // namespace
}  // namespace host
