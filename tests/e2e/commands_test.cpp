// SPDX-License-Identifier: Apache-2.0
//
// The commands as an operator gives them to a host that runs: what they print as a table and as
// JSON, and their exit statuses.
#include <gmock/gmock.h>

#include <cstdlib>
#include <sstream>

#include "base/result.hpp"
#include "cli/command.hpp"
#include "faults/fault_bench.hpp"

namespace host::faults {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class CommandsTest : public FaultBench {
 protected:
  CommandsTest() {
    plugin_dirs_.emplace_back(TIMMY_HOSTILE_DIR);
    write_config({{"defaults", {{"plugins", {{"hostile", {{"enabled", true}}}}}}}});
    ::setenv("TIMMY_HOME", paths_.timmy_home.c_str(), 1);
    ::setenv("HERMES_HOME", paths_.hermes_home.c_str(), 1);
    start();
  }
  ~CommandsTest() override {
    stop();
    check_invariants();
  }

  // What `timmy-host ARGUMENTS` prints on stdout; it has to end with `status`.
  std::string run(const std::vector<std::string>& arguments, int status = 0) {
    std::ostringstream out;
    std::ostringstream err;
    EXPECT_EQ(cli::main(arguments, out, err), status) << out.str() << err.str();
    messages_ = err.str();
    return out.str();
  }
  // The same with --json.
  Json json(std::vector<std::string> arguments, int status = 0) {
    arguments.emplace_back("--json");
    return parse_json(run(arguments, status), "what the command printed");
  }
  static std::string text(const Json& id) { return to_text(id); }

  std::string messages_;
};

TEST_F(CommandsTest, EnqueueAnswersWithTheJobAndWaitsForItsEnd) {
  const auto id = json({"enqueue", "echo"})["id"];
  EXPECT_THAT(run({"enqueue", "echo"}), ContainsRegex("^job [0-9]+\n$"));
  EXPECT_EQ(wait_for(id.get<std::int64_t>())["state"], "completed");

  EXPECT_THAT(run({"enqueue", "echo", "--payload", R"({"n": 7})", "--wait"}),
              AllOf(ContainsRegex("job [0-9]+  echo  completed"), HasSubstr(R"({"n":7})"),
                    HasSubstr("attempt 1: completed")));
  const Json done = json({"enqueue", "echo", "--wait"});
  EXPECT_EQ(done["state"], "completed");
  EXPECT_EQ(done["source"], "cli");
}

TEST_F(CommandsTest, EnqueueEndsWithOneWhenTheJobDidNotComplete) {
  const std::string payload = R"({"status": "permanent", "code": "broken", "message": "no use"})";
  EXPECT_THAT(run({"enqueue", "echo_fail", "--payload", payload, "--wait"}, 1),
              AllOf(HasSubstr("echo_fail  discarded"), HasSubstr("failed: no use")));
  EXPECT_EQ(json({"enqueue", "echo_fail", "--payload", payload, "--wait"}, 1)["state"],
            "discarded");
}

TEST_F(CommandsTest, EnqueueSaysWhatItDoesNotTake) {
  EXPECT_THAT(run({"enqueue", "echoo"}, 66), IsEmpty());
  EXPECT_THAT(messages_, HasSubstr("Did you mean \"echo\"?"));
  run({"enqueue", "echo", "--payload", "{"}, 65);
  run({"enqueue"}, 64);
}

TEST_F(CommandsTest, AKeyIsTakenOnceWhileItsJobWaits) {
  const std::vector<std::string> once{"enqueue", "echo", "--delay", "1h", "--unique-key", "k"};
  const Json first = json(once);
  EXPECT_EQ(first["duplicate"], false);
  const Json second = json(once);
  EXPECT_EQ(second["duplicate"], true);
  EXPECT_EQ(second["id"], first["id"]);
  EXPECT_EQ(run(once), "already waiting as job " + text(first["id"]) + "\n");
}

TEST_F(CommandsTest, JobsAreListedByStateTaskAndPage) {
  EXPECT_THAT(run({"jobs", "list"}), IsEmpty());
  EXPECT_THAT(messages_, HasSubstr("no jobs"));

  const auto done = json({"enqueue", "echo", "--wait"})["id"];
  const auto later = json({"enqueue", "echo_log", "--delay", "1h"})["id"];
  EXPECT_THAT(run({"jobs", "list"}),
              AllOf(ContainsRegex("ID +TASK +STATE"), ContainsRegex("echo +completed"),
                    ContainsRegex("echo_log +scheduled")));
  EXPECT_THAT(run({"jobs", "list", "--state", "scheduled"}), Not(HasSubstr("completed")));
  const auto only = [&](const std::vector<std::string>& arguments) {
    const Json jobs = json(arguments)["jobs"];
    return jobs.size() == 1 ? jobs[0]["id"] : Json();
  };
  EXPECT_EQ(only({"jobs", "list", "--task", "echo_log"}), later);
  EXPECT_EQ(only({"jobs", "list", "--limit", "1"}), later);
  EXPECT_EQ(only({"jobs", "list", "--before", text(later)}), done);
}

TEST_F(CommandsTest, AJobIsShownWithItsAttempts) {
  const auto id = text(json({"enqueue", "hostile_segv"})["id"]);
  ASSERT_TRUE(eventually([&] { return !client().get("/v1/jobs/" + id)["attempts"].empty(); }));
  EXPECT_THAT(run({"jobs", "show", id}), AllOf(HasSubstr("job " + id + "  hostile_segv"),
                                               HasSubstr("SIGSEGV"), HasSubstr("about to crash")));
  const Json shown = json({"jobs", "show", id});
  EXPECT_THAT(shown.dump(), HasSubstr("\"verdict\":\"crashed\""));
  run({"jobs", "show", "999999"}, 66);
}

TEST_F(CommandsTest, AJobIsCancelledAndTriedAgain) {
  const auto id = text(json({"enqueue", "echo", "--delay", "1h"})["id"]);
  EXPECT_EQ(run({"jobs", "cancel", id}), "job " + id + ": cancelled\n");
  EXPECT_EQ(run({"jobs", "retry", id}), "job " + id + ": available\n");
  EXPECT_EQ(wait_for(std::stoll(id))["state"], "completed");

  const auto running = enqueue("echo_wait", {{"ms", 30'000}});
  ASSERT_TRUE(eventually([&] { return client().get("/v1/status")["running"] == 1; }));
  EXPECT_THAT(run({"jobs", "cancel", std::to_string(running)}), HasSubstr("is being stopped"));
  EXPECT_EQ(wait_for(running)["state"], "cancelled");
}

TEST_F(CommandsTest, PluginsAreListedAndShownWithWhatTheyMayDo) {
  EXPECT_THAT(run({"plugins", "list"}),
              AllOf(ContainsRegex("echo +1.0.0 +ready"), ContainsRegex("heartbeat.*disabled")));
  EXPECT_GE(json({"plugins", "list"})["plugins"].size(), 4u);
  EXPECT_THAT(run({"plugins", "show", "triage"}),
              AllOf(HasSubstr("triage 1.0.0  ready"), HasSubstr("granted: demo/*")));
  EXPECT_EQ(json({"plugins", "show", "triage"})["id"], "triage");
  run({"plugins", "show", "nobody"}, 66);
}

TEST_F(CommandsTest, AQuarantineIsLiftedOnce) {
  EXPECT_THAT(run({"plugins", "reset", "hostile"}), HasSubstr("was not quarantined"));
  ASSERT_TRUE(eventually([&] {
    const auto report = json({"plugins", "show", "hostile"});
    if (report["state"] == "quarantined") return true;
    // Refused when it was quarantined in between.
    (void)attempt([&] { return client().post("/v1/jobs", {{"task", "hostile_abort"}}); });
    return false;
  }));
  EXPECT_THAT(run({"status"}), HasSubstr("! hostile (quarantined)"));
  EXPECT_THAT(run({"--list-tasks"}), HasSubstr("plugins reset hostile"));
  // Or those that are held would run at once, and quarantine it again.
  const auto count = text(client().post("/v1/jobs/count", {{"task", "hostile_abort"}})["count"]);
  run({"jobs", "bulk", "cancel", "--task", "hostile_abort", "--confirm", count});
  EXPECT_THAT(run({"plugins", "reset", "hostile"}), HasSubstr("runs again"));
  EXPECT_EQ(json({"plugins", "show", "hostile"})["state"], "ready");
}

TEST_F(CommandsTest, WhatIsPausedIsShownAndWaitsUntilItGoesOn) {
  run({"tasks", "pause", "echo"});
  const auto waits = enqueue("echo", Json::object());
  EXPECT_THAT(run({"status"}), HasSubstr("! task echo is paused; timmy-host tasks resume echo"));
  EXPECT_THAT(run({"--list-tasks"}), ContainsRegex("echo +echo .*paused: task"));
  run({"queues", "pause", "default"});
  EXPECT_THAT(run({"status"}), HasSubstr("! queue default is paused"));
  EXPECT_THAT(run({"--list-tasks"}), ContainsRegex("echo_wait .*paused: queue default"));
  run({"queues", "resume", "default"});
  EXPECT_EQ(json({"jobs", "show", std::to_string(waits)})["jobs"][0]["state"], "available");
  run({"tasks", "resume", "echo"});
  EXPECT_EQ(wait_for(waits)["state"], "completed");
  EXPECT_THAT(run({"--list-tasks"}), Not(HasSubstr("paused")));
}

TEST_F(CommandsTest, ADenialIsLoggedOnceAndAgainOnceTheGrantsChanged) {
  const auto ask = [&] {
    const Json call{{"method", "http/1.request"}, {"params", {{"url", "http://127.0.0.1:9/"}}}};
    run({"enqueue", "echo_call", "--payload", to_text({{"calls", {call}}}), "--wait"}, 1);
  };
  const auto denials = [&] {
    const std::string text = log(), said = "warn services: plugin \"echo\" is not granted http";
    int count = 0;
    for (auto at = text.find(said); at != std::string::npos; at = text.find(said, at + 1)) ++count;
    return count;
  };
  ask();
  ask();
  ASSERT_TRUE(eventually([&] { return denials() > 0; })) << log();
  EXPECT_EQ(denials(), 1);
  write_config({{"defaults", {{"plugins", {{"echo", {{"grants", {{"http", {"other:1"}}}}}}}}}}});
  run({"reload"});
  ask();
  EXPECT_TRUE(eventually([&] { return denials() == 2; })) << log();
}

TEST_F(CommandsTest, StatusAndTasksComeFromTheRunningHost) {
  EXPECT_EQ(json({"enqueue", "echo", "--wait"})["state"], "completed");
  EXPECT_THAT(run({"status"}),
              AllOf(HasSubstr("pid " + std::to_string(host().pid())), HasSubstr("1 completed"),
                    HasSubstr("3 ready of 7"), HasSubstr(forge_.url())));
  EXPECT_EQ(json({"status"})["pid"], host().pid());
  EXPECT_THAT(run({"--list-tasks"}), AllOf(ContainsRegex("TASK +PLUGIN"), HasSubstr("echo_wait"),
                                           HasSubstr("gitea.write: demo/*")));
  bool found = false;
  for (const Json tasks = json({"tasks"})["tasks"]; const auto& task : tasks) {
    found = found || task["task"] == "gitea_issue_triage";
    if (task["task"] == "echo") {
      EXPECT_TRUE(task["last_run"].is_string()) << "also what no schedule asked for";
    }
  }
  EXPECT_TRUE(found);
}

}  // namespace
}  // namespace host::faults
