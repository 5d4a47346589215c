// SPDX-License-Identifier: Apache-2.0
#include "control/admin_api.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <future>
#include <thread>

#include "base/test_folder.hpp"
#include "control/admin_client.hpp"
#include "control/queue_routes.hpp"
#include "http/client.hpp"
#include "store/inline_store.hpp"

namespace host {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class FakeControl final : public HostControl {
 public:
  [[nodiscard]] Json status() const override { return {{"pid", 7}}; }
  [[nodiscard]] Json tasks() const override { return {{"tasks", Json::array()}}; }
  [[nodiscard]] Json plugins() const override { return {{"plugins", Json::array()}}; }
  [[nodiscard]] Json config() const override { return Json::object(); }
  [[nodiscard]] NewJob new_job(const std::string& task) const override {
    if (task != "heartbeat") throw Error(Code::not_found, "no plugin has a task \"" + task + "\"");
    return {.task = task, .max_attempts = 3};
  }
  [[nodiscard]] Json queues() const override {
    return {{"queues", {{{"queue", "default"}, {"tasks", {{{"task", "heartbeat"}}}}}}}};
  }
  void check_pausable(Pausable, const std::string& name) const override {
    if (name != "heartbeat") throw Error(Code::not_found, "no task \"" + name + "\" runs here");
  }
  void pauses_changed() override { ++pauses; }
  bool stop_running(JobId job) override {
    stopped.push_back(job.value());
    return true;
  }
  void reset_plugin(const std::string&, Reply<bool> done) override { done(true); }
  void list_webhooks(std::optional<std::int64_t> before, int limit, Reply<Json> done) override {
    done(Json{{"deliveries", {{{"before", before.value_or(0)}, {"limit", limit}}}}});
  }
  void replay_webhook(std::int64_t id, Reply<Json> done) override {
    if (id == 404) return done(Error(Code::not_found, "no delivery 404 is remembered"));
    done(Json{{"delivery", id}, {"jobs", {12}}});
  }
  void check_database(Reply<Done> done) override { done(Done{}); }
  void back_up_database(const std::filesystem::path& file, bool replace,
                        Reply<std::uint64_t> done) override {
    if (file == "/taken" && !replace) return done(Error(Code::conflict, "/taken exists already"));
    done(std::uint64_t{4096});
  }
  void reload() override {
    if (!bad_config.empty()) throw Error(Code::invalid, bad_config, "Mend it.");
    ++reloads;
  }
  std::vector<std::int64_t> stopped;
  std::string bad_config;
  int reloads = 0;
  int pauses = 0;
};

// A host's half on a thread of its own, as it is in life; the test is the command.
class AdminApiTest : public ::testing::Test {
 protected:
  AdminApiTest() {
    on_loop([this] {
      queue_.recover([](Result<Recovery>) {});
      api_.emplace(context_, loop_, Log::to_memory(lines_), store_, queue_, scheduler_, control_,
                   paths_.socket(), paths_.cookie());
    });
  }
  ~AdminApiTest() override {
    on_loop([this] { api_.reset(); });
    work_.reset();
    context_.stop();
    thread_.join();
  }

  void on_loop(std::function<void()> work) {
    std::promise<void> done;
    loop_.post([&] {
      work();
      done.set_value();
    });
    done.get_future().get();
  }

  std::vector<std::string> audit() {
    std::vector<std::string> rows;
    on_loop([&] {
      rows = store_.run_now([](Unit& unit) {
        std::vector<std::string> all;
        auto& select =
            unit.prepare("SELECT what || ' ' || target || ' ' || result FROM audit ORDER BY id");
        while (select.step()) all.push_back(select.string(0));
        return all;
      });
    });
    return rows;
  }

  // Claims and completes the job, as a worker would.
  void complete(std::int64_t id) {
    on_loop([&] {
      queue_.claim("heartbeat", 1, [this](Result<Claimed> jobs) {
        queue_.finish(jobs.value().jobs.at(0).run,
                      Verdict{.kind = Verdict::Kind::completed, .result = R"({"ok":true})"}, {}, {},
                      [this, job = jobs.value().jobs.at(0).run.job](Result<Finished>) {
                        api_->job_ended(job);
                      });
      });
    });
    (void)id;
  }

  static Error refusal(const std::function<void()>& work) {
    try {
      work();
    } catch (const Error& error) {
      return error;
    }
    return {Code::internal, "accepted"};
  }

  static Paths paths_in(const TestFolder& folder) {
    Paths paths;
    paths.timmy_home = paths.run = folder.path();
    return paths;
  }

  TestFolder folder_;
  Paths paths_ = paths_in(folder_);
  boost::asio::io_context context_;
  SystemClock clock_;
  AsioLoop loop_{context_, clock_};
  std::shared_ptr<std::vector<std::string>> lines_ = std::make_shared<std::vector<std::string>>();
  InlineStore store_{loop_};
  Queue queue_{store_, loop_, Log::to_memory(lines_)};
  Scheduler scheduler_{store_, queue_, loop_, Log::to_memory(lines_)};
  FakeControl control_;
  std::optional<AdminApi> api_;
  std::optional<boost::asio::executor_work_guard<boost::asio::io_context::executor_type>> work_{
      boost::asio::make_work_guard(context_)};
  std::thread thread_{[this] { context_.run(); }};
  AdminClient client_{paths_};
};

TEST_F(AdminApiTest, AJobIsEnqueuedShownAndListed) {
  const Json inserted = client_.post("/v1/jobs", {{"task", "heartbeat"}, {"payload", {{"n", 1}}}});
  const auto id = inserted["id"].get<std::int64_t>();
  const Json job = client_.get("/v1/jobs/" + std::to_string(id));
  EXPECT_EQ(job["state"], "available");
  EXPECT_EQ(job["payload"], (Json{{"n", 1}}));
  EXPECT_EQ(job["max_attempts"], 3);
  EXPECT_EQ(client_.get("/v1/jobs?task=heartbeat")["jobs"].size(), 1u);
  EXPECT_EQ(client_.get("/v1/jobs?state=discarded")["jobs"].size(), 0u);
  EXPECT_THAT(audit(), ElementsAre("jobs.enqueue heartbeat ok"));
}

TEST_F(AdminApiTest, WaitingForAJobEndsWithTheJob) {
  const auto id = client_.post("/v1/jobs", {{"task", "heartbeat"}})["id"].get<std::int64_t>();
  auto waiting = std::async(std::launch::async, [&] {
    return AdminClient(paths_).get("/v1/jobs/" + std::to_string(id) + "?wait=40");
  });
  complete(id);
  const Json job = waiting.get();
  EXPECT_EQ(job["state"], "completed");
  EXPECT_EQ(job["result"], (Json{{"ok", true}}));
  EXPECT_EQ(job["attempts"].size(), 1u);
}

TEST_F(AdminApiTest, CancelReachesWaitingAndRunningJobs) {
  const auto waiting = client_.post("/v1/jobs", {{"task", "heartbeat"}})["id"].get<std::int64_t>();
  EXPECT_EQ(client_.post("/v1/jobs/" + std::to_string(waiting) + "/cancel")["state"], "cancelled");

  const auto running = client_.post("/v1/jobs", {{"task", "heartbeat"}})["id"].get<std::int64_t>();
  on_loop([&] { queue_.claim("heartbeat", 1, [](Result<Claimed>) {}); });
  EXPECT_EQ(client_.post("/v1/jobs/" + std::to_string(running) + "/cancel")["stopping"], true);
  EXPECT_THAT(control_.stopped, ElementsAre(running));
}

TEST_F(AdminApiTest, AScheduleIsShownPausedResumedAndRun) {
  ScheduledTask beat;
  beat.task = "heartbeat";
  beat.schedule = "0 3 * * *";
  beat.zone = "Europe/Berlin";
  on_loop([&] { scheduler_.set({beat}); });
  EXPECT_EQ(client_.post("/v1/schedules/heartbeat/pause"),
            (Json{{"schedule", "heartbeat"}, {"paused", true}, {"changed", true}}));
  const Json paused = client_.get("/v1/schedules/heartbeat");
  EXPECT_EQ(paused["paused"], true);
  EXPECT_EQ(paused["next_run"], nullptr);
  EXPECT_EQ(paused["zone"], "Europe/Berlin");
  EXPECT_EQ(paused["catch_up"], "latest");
  EXPECT_EQ(client_.post("/v1/schedules/heartbeat/resume")["changed"], true);
  EXPECT_TRUE(client_.get("/v1/schedules")["schedules"].at(0)["next_run"].is_string());

  const Json run = client_.post("/v1/schedules/heartbeat/run");
  EXPECT_EQ(run["outcome"], "inserted");
  const Json again = client_.post("/v1/schedules/heartbeat/run");
  EXPECT_EQ(again["outcome"], "overlapped");
  EXPECT_EQ(again["job"], run["job"]);
  EXPECT_THAT(again["reason"].get<std::string>(), HasSubstr("has not ended"));
  EXPECT_THAT(audit(), ElementsAre("schedules.pause heartbeat ok", "schedules.resume heartbeat ok",
                                   "schedules.run heartbeat ok", "schedules.run heartbeat ok"));

  const auto unknown = refusal([&] { client_.post("/v1/schedules/heartbaet/pause"); });
  EXPECT_EQ(unknown.code(), Code::not_found);
  EXPECT_THAT(unknown.next_step(), HasSubstr("Did you mean \"heartbeat\"?"));
  EXPECT_EQ(refusal([&] { client_.post("/v1/schedules/heartbeat/stop"); }).code(), Code::not_found);
}

TEST_F(AdminApiTest, ABatchIsInsertedWholeOrNotAtAll) {
  const Json good{{"task", "heartbeat"}, {"payload", {{"n", 1}}}};
  Json wrong = good;
  wrong["priority"] = 12;
  EXPECT_THAT(refusal([&] {
                client_.post("/v1/jobs/batch", {{"jobs", {good, wrong}}});
              }).message(),
              HasSubstr("job 2: "));
  EXPECT_EQ(client_.get("/v1/jobs")["jobs"].size(), 0u);
  const Json done = client_.post("/v1/jobs/batch", {{"jobs", {good, good, good}}});
  EXPECT_EQ(done["inserted"], 3);
  EXPECT_EQ(client_.get("/v1/jobs")["jobs"].size(), 3u);
}

TEST_F(AdminApiTest, WhatIsNoSensibleRequestIsRefusedAndTheHostGoesOn) {
  const std::vector<std::string> bodies{"",
                                        "{}",
                                        "[]",
                                        "7",
                                        "null",
                                        "\"jobs\"",
                                        "{\"jobs\":{}}",
                                        "{\"jobs\":7}",
                                        "{\"jobs\":[[]]}",
                                        "{\"task\":[]}",
                                        "{\"action\":{}}",
                                        "{\"action\":\"cancel\"}",
                                        "{\"x\":"};
  for (const char* target :
       {"/v1/jobs", "/v1/jobs/batch", "/v1/jobs/count", "/v1/jobs/bulk", "/v1/jobs/x/cancel",
        "/v1/jobs/1/burn", "/v1/tasks/heartbeat/burn", "/v1/queues//pause", "/v1/plugins"})
    for (const auto& body : bodies)
      EXPECT_NE(refusal([&] { (void)client_.post_text(target, body); }).message(), "")
          << target << ' ' << body;
  EXPECT_EQ(client_.get("/v1/status")["pid"], 7);
}

TEST_F(AdminApiTest, WhatIsDoneToManyNeedsAFilterAndTheirCount) {
  for (int i = 0; i < 3; ++i) client_.post("/v1/jobs", {{"task", "heartbeat"}});
  EXPECT_EQ(client_.post("/v1/jobs/count", {{"task", "heartbeat"}})["count"], 3);
  EXPECT_EQ(refusal([&] {
              client_.post("/v1/jobs/bulk", {{"action", "cancel"}, {"expect", 3}});
            }).code(),
            Code::usage);
  EXPECT_EQ(
      refusal([&] {
        client_.post("/v1/jobs/bulk", {{"action", "cancel"}, {"expect", 2}, {"task", "heartbeat"}});
      }).code(),
      Code::conflict);
  EXPECT_EQ(refusal([&] {
              client_.post("/v1/jobs/bulk",
                           {{"action", "cancel"}, {"expect", INT64_MAX}, {"task", "heartbeat"}});
            }).code(),
            Code::usage)
      << "more than a count ever says";
  const Json done =
      client_.post("/v1/jobs/bulk", {{"action", "cancel"}, {"expect", 3}, {"state", "available"}});
  EXPECT_EQ(done["changed"], 3);
  EXPECT_EQ(client_.get("/v1/jobs?state=cancelled")["jobs"].size(), 3u);
}

TEST_F(AdminApiTest, WaitingJobsAreDiscardedAndBroughtForward) {
  const auto later =
      client_.post("/v1/jobs", {{"task", "heartbeat"}, {"delay_ms", 60'000}})["id"].dump();
  EXPECT_EQ(client_.post("/v1/jobs/" + later + "/run-now")["state"], "available");
  EXPECT_EQ(client_.post("/v1/jobs/" + later + "/discard")["state"], "discarded");
  EXPECT_EQ(refusal([&] { client_.post("/v1/jobs/" + later + "/run-now"); }).code(),
            Code::conflict);
}

TEST_F(AdminApiTest, TasksAndQueuesArePausedByName) {
  EXPECT_EQ(client_.post("/v1/tasks/heartbeat/pause")["changed"], true);
  EXPECT_EQ(client_.post("/v1/tasks/heartbeat/pause")["changed"], false);
  EXPECT_EQ(refusal([&] { client_.post("/v1/tasks/hartbeat/pause"); }).code(), Code::not_found);
  EXPECT_EQ(client_.post("/v1/tasks/heartbeat/resume")["changed"], true);
  EXPECT_EQ(control_.pauses, 3);
  client_.post("/v1/jobs", {{"task", "heartbeat"}});
  const Json task = client_.get("/v1/queues")["queues"][0]["tasks"][0];
  EXPECT_EQ(task["ready"], 1);
  EXPECT_TRUE(task["next_since"].is_string());
}

TEST_F(AdminApiTest, TheOldestReadyJobIsKnownByTaskAndQueueAndInTheStatus) {
  const auto queue = [&] { return client_.get("/v1/queues")["queues"][0]; };
  EXPECT_TRUE(queue()["oldest_ready_seconds"].is_null());
  EXPECT_TRUE(client_.get("/v1/status")["queues"]["default"]["oldest_ready_seconds"].is_null());
  client_.post("/v1/jobs", {{"task", "heartbeat"}});
  EXPECT_TRUE(queue()["oldest_ready_seconds"].is_number());
  EXPECT_TRUE(queue()["tasks"][0]["oldest_ready_seconds"].is_number());
  EXPECT_EQ(queue()["maybe_older"], false);
  const Json status = client_.get("/v1/status");
  EXPECT_TRUE(status["queues"]["default"]["oldest_ready_seconds"].is_number());
  EXPECT_TRUE(status["ready"]["heartbeat"]["oldest_ready_seconds"].is_number());
}

TEST_F(AdminApiTest, AQueueIsAsOldAsTheOldestOfItsTasks) {
  const WallTime now{std::chrono::hours(1000)};
  const Json one{{"queue", "q"}, {"tasks", {{{"task", "a"}}, {{"task", "b"}}, {{"task", "c"}}}}};
  Counts counts;
  counts.ready.push_back(
      {.task = "a", .next_since = now, .oldest_since = now - std::chrono::hours(1)});
  counts.ready.push_back({.task = "b",
                          .next_since = {},
                          .oldest_since = now - std::chrono::hours(2),
                          .maybe_older = true});
  const Json queue = queues_report({{"queues", {one}}}, counts, now)["queues"][0];
  EXPECT_EQ(queue["oldest_ready_seconds"], 7200);
  EXPECT_EQ(queue["maybe_older"], true);
  EXPECT_EQ(queue["tasks"][0]["maybe_older"], false);
  EXPECT_EQ(queue["tasks"][2]["oldest_ready_seconds"], Json());
}

TEST_F(AdminApiTest, AListLeavesOutWhatIsLongAndSaysWhereToGoOn) {
  const Json small{{"task", "heartbeat"}, {"payload", {{"n", 1}}}};
  const Json large{{"task", "heartbeat"}, {"payload", {{"text", std::string(5'000, 'x')}}}};
  client_.post("/v1/jobs", large);
  client_.post("/v1/jobs", small);
  const Json page = client_.get("/v1/jobs?limit=1");
  EXPECT_EQ(page["jobs"][0]["payload"]["n"], 1);
  EXPECT_EQ(page["jobs"][0]["abridged"], false);
  ASSERT_TRUE(page["next"].is_number());
  const Json next = client_.get("/v1/jobs?limit=5&before=" + page["next"].dump());
  ASSERT_EQ(next["jobs"].size(), 1u);
  EXPECT_EQ(next["jobs"][0]["abridged"], true);
  EXPECT_FALSE(next["jobs"][0].contains("payload"));
  EXPECT_TRUE(next["next"].is_null());
}

TEST_F(AdminApiTest, ANumberThatWouldBeChangedIsRefused) {
  const auto error = refusal([&] {
    client_.post_text("/v1/jobs",
                      R"({"task": "heartbeat", "payload": {"id": 98765432109876543210}})");
  });
  EXPECT_EQ(error.code(), Code::invalid);
  EXPECT_THAT(error.message(), HasSubstr("98765432109876543210 does not fit into 64 bits"));
}

TEST_F(AdminApiTest, ChangingSomethingNeedsTheCookie) {
  write_atomically(paths_.cookie(), std::string(64, '0') + "\n", 0600);
  EXPECT_EQ(refusal([&] {
              client_.post("/v1/jobs", {{"task", "heartbeat"}});
            }).code(),
            Code::denied);
  EXPECT_EQ(refusal([&] { client_.post("/v1/reload"); }).code(), Code::denied);
  EXPECT_EQ(control_.reloads, 0);
  EXPECT_EQ(client_.get("/v1/status")["pid"], 7) << "reading needs none";
  EXPECT_THAT(audit(), ElementsAre(HasSubstr("POST /v1/jobs"), HasSubstr("POST /v1/reload")))
      << "who tried is on record";
}

TEST_F(AdminApiTest, CookieAndSocketBelongToThisUserAlone) {
  struct stat info {};
  ::stat(paths_.cookie().c_str(), &info);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  ::stat(paths_.socket().c_str(), &info);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(AdminApiTest, ErrorsCrossTheSocketWhole) {
  const auto unknown = refusal([&] { client_.post("/v1/jobs", {{"task", "heartbaet"}}); });
  EXPECT_EQ(unknown.code(), Code::not_found);
  EXPECT_THAT(unknown.what(), HasSubstr("heartbaet"));
  EXPECT_EQ(refusal([&] { (void)client_.get("/v1/jobs/999"); }).code(), Code::not_found);
  EXPECT_EQ(refusal([&] { (void)client_.get("/v1/jobs/x"); }).code(), Code::usage);
  EXPECT_EQ(refusal([&] { (void)client_.get("/v1/jobs?limit=0"); }).code(), Code::usage);
  EXPECT_EQ(refusal([&] { (void)client_.get("/v1/jobs?limit=1001"); }).code(), Code::usage);
  EXPECT_EQ(refusal([&] { (void)client_.get("/v2/jobs"); }).code(), Code::not_found);
  EXPECT_EQ(refusal([&] {
              client_.post("/v1/jobs", {{"task", "heartbeat"}, {"prio", 1}});
            }).code(),
            Code::usage);
}

TEST_F(AdminApiTest, ValuesOfTheWrongKindAreTheCallersMistake) {
  for (const Json& wrong :
       {Json{{"payload", {1, 2}}}, Json{{"payload", "x"}}, Json{{"payload", 3}},
        Json{{"priority", "x"}}, Json{{"priority", 4294967301}}, Json{{"priority", 10}},
        Json{{"unique_key", 5}}, Json{{"task", 7}}, Json{{"delay_ms", "1"}}}) {
    Json request{{"task", "heartbeat"}};
    request.update(wrong);
    const auto error = refusal([&] { client_.post("/v1/jobs", request); });
    EXPECT_EQ(error.code(), Code::usage) << request.dump() << ": " << error.what();
    EXPECT_THAT(error.what(), HasSubstr(wrong.begin().key()));
  }
  EXPECT_EQ(client_.get("/v1/jobs")["jobs"].size(), 0u);
}

TEST_F(AdminApiTest, ARefusedReloadSaysWhyAndIsAudited) {
  control_.bad_config = "host.yaml:3:1: unknown key";
  const auto error = refusal([&] { client_.post("/v1/reload"); });
  EXPECT_EQ(error.message(), "host.yaml:3:1: unknown key");
  EXPECT_EQ(error.next_step(), "Mend it.");
  control_.bad_config.clear();
  client_.post("/v1/reload");
  EXPECT_THAT(audit(),
              ElementsAre(HasSubstr("reload host.yaml host.yaml:3:1"), "reload host.yaml ok"));
}

TEST_F(AdminApiTest, ABackupAndACheckAreAnsweredWhenTheyAreDoneAndAudited) {
  EXPECT_EQ(refusal([&] { (void)client_.get("/v1/db/task"); }).code(), Code::not_found);
  EXPECT_EQ(client_.post("/v1/db/backup", {{"file", "/x"}})["bytes"], 4096);
  EXPECT_EQ(client_.get("/v1/db/task")["task"], "backup");
  EXPECT_EQ(refusal([&] {
              client_.post("/v1/db/backup", {{"file", "/taken"}});
            }).code(),
            Code::conflict);
  EXPECT_EQ(client_.post("/v1/db/check")["state"], "done");
  EXPECT_EQ(refusal([&] { client_.post("/v1/db/backup", {{"path", "/x"}}); }).code(), Code::usage);
  EXPECT_THAT(audit(), ElementsAre("db.backup \"/x\" ok", HasSubstr("/taken exists already"),
                                   "db.check  ok", HasSubstr("POST /v1/db/backup")));
}

TEST(AdminClient, SaysHowToStartAHostWhereNoneRuns) {
  const TestFolder folder;
  Paths paths;
  paths.run = folder.path();
  try {
    (void)AdminClient(paths).get("/v1/status");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::unavailable);
    EXPECT_THAT(error.what(), HasSubstr("timmy-host run"));
  }
}

TEST_F(AdminApiTest, TheAuditIsListedNewestFirst) {
  client_.post("/v1/jobs", {{"task", "heartbeat"}});
  client_.post("/v1/reload");
  const Json page = client_.get("/v1/audit?limit=1");
  ASSERT_EQ(page["audit"].size(), 1u);
  EXPECT_EQ(page["audit"][0]["what"], "reload");
  EXPECT_EQ(page["audit"][0]["target"], "host.yaml");
  EXPECT_EQ(page["audit"][0]["result"], "ok");
  EXPECT_THAT(page["audit"][0]["who"].get<std::string>(), HasSubstr("uid "));
  const auto before = "before=" + to_text(page["next"]);
  EXPECT_EQ(client_.get("/v1/audit?" + before)["audit"][0]["what"], "jobs.enqueue");
  EXPECT_EQ(client_.get("/v1/audit?who=nobody")["audit"], Json::array());
  EXPECT_EQ(client_.get("/v1/audit?target=heart")["audit"].size(), 1u);
  EXPECT_EQ(refusal([&] { (void)client_.get("/v1/audit?limit=0"); }).code(), Code::usage);
  EXPECT_EQ(refusal([&] { (void)client_.get("/v1/audit?before=x"); }).code(), Code::usage);
}

}  // namespace
}  // namespace host
