// SPDX-License-Identifier: Apache-2.0
#include "base/file.hpp"
#include "base/json.hpp"
#include "base/test_folder.hpp"
#include "cli/command_fixture.hpp"
#include "cli/fake_host.hpp"

namespace host::cli {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

class JobsCommandTest : public CommandTest {
 protected:
  Json jobs() { return Json::parse(out_.str()).at("jobs"); }
  FakeHost host_{Paths::from(Environment::of_process())};
};

TEST_F(JobsCommandTest, CancellingAJobThatHasEndedSaysSoAndFails) {
  host_.set("POST /v1/jobs/1/cancel", {{"id", 1}, {"state", "completed"}, {"stopping", false}});
  host_.set("POST /v1/jobs/2/cancel", {{"id", 2}, {"state", "running"}, {"stopping", true}});
  host_.set("POST /v1/jobs/3/cancel", {{"id", 3}, {"state", "cancelled"}, {"stopping", false}});
  EXPECT_EQ(run({"jobs", "cancel", "1", "2", "3"}), 1);
  EXPECT_EQ(out_.str(),
            "job 1: had ended before: completed\n"
            "job 2: is being stopped\n"
            "job 3: cancelled\n");
  EXPECT_EQ(run({"jobs", "cancel", "2", "3"}), 0);
}

TEST_F(JobsCommandTest, JsonHasOneShape) {
  const Json job{{"id", 1}, {"state", "available"}, {"stopping", false}};
  host_.set("GET /v1/jobs", {{"jobs", {job}}});
  host_.set("GET /v1/jobs/1", job);
  host_.set("POST /v1/jobs/1/cancel", job);
  host_.set("POST /v1/jobs/1/retry", job);
  host_.set("POST /v1/jobs/1/discard", job);
  host_.set("POST /v1/jobs/1/run-now", job);
  for (const std::vector<std::string>& command : {std::vector<std::string>{"jobs", "list"},
                                                  {"jobs", "show", "1"},
                                                  {"jobs", "cancel", "1"},
                                                  {"jobs", "retry", "1"},
                                                  {"jobs", "discard", "1"},
                                                  {"jobs", "run-now", "1"}}) {
    auto with_json = command;
    with_json.push_back("--json");
    run(with_json);
    EXPECT_EQ(jobs(), Json::array({job})) << command[1];
  }
}

TEST_F(JobsCommandTest, FiltersAreTheHostsToCheck) {
  host_.set("GET /v1/jobs",
            {{"error", {{"code", "usage"}, {"message", "limit is 0, expected 1 to 1000"}}}}, 400);
  EXPECT_EQ(run({"jobs", "list", "--limit", "0", "--state", "no such"}), 64);
  EXPECT_THAT(err_.str(), HasSubstr("limit is 0"));
  EXPECT_THAT(host_.requests(), Contains("GET /v1/jobs?limit=0&state=no%20such "));
}

TEST_F(JobsCommandTest, ManyAreCountedFirstAndChangedWhenTheCountIsConfirmed) {
  host_.set("POST /v1/jobs/count", {{"count", 12}, {"more", false}});
  host_.set("POST /v1/jobs/bulk", {{"changed", 11}, {"skipped", 1}, {"stopping", 0}});
  EXPECT_EQ(run({"jobs", "bulk", "cancel", "--task", "work"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("12 jobs match; nothing was done"));
  EXPECT_THAT(out_.str(), HasSubstr("--confirm 12"));
  EXPECT_EQ(run({"jobs", "bulk", "cancel", "--task", "work", "--confirm", "12"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("11 jobs changed, 1 left as they were"));
  host_.set("POST /v1/jobs/count", {{"count", 1'000'000}, {"more", true}});
  EXPECT_EQ(run({"jobs", "bulk", "cancel", "--task", "work"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("more than 1000000 jobs match"));
  EXPECT_THAT(out_.str(), Not(HasSubstr("--confirm")));
}

TEST_F(JobsCommandTest, AListGoesOnUntilItHasEnoughOrThereAreNoMore) {
  host_.set("GET /v1/jobs", {{"jobs", {{{"id", 7}}}}, {"next", 3}});
  EXPECT_EQ(run({"jobs", "list", "--task", "rare", "--limit", "3", "--json"}), 0);
  EXPECT_EQ(jobs().size(), 3u);
  EXPECT_EQ(Json::parse(out_.str()).at("next"), 3);
  EXPECT_THAT(host_.requests(),
              ::testing::IsSupersetOf({"GET /v1/jobs?limit=3&task=rare ",
                                       "GET /v1/jobs?limit=2&task=rare&before=3 ",
                                       "GET /v1/jobs?limit=1&task=rare&before=3 "}));
}

class BatchTest : public JobsCommandTest {
 protected:
  int enqueue(const std::string& lines) {
    write_atomically(file_, lines);
    return run({"enqueue", "--batch", file_});
  }
  void refuse(const std::string& code, const std::string& message) {
    host_.set("POST /v1/jobs/batch",
              {{"error", {{"code", code}, {"message", message}, {"next_step", "Mend it."}}}}, 400);
  }
  const TestFolder folder_;
  const std::string file_ = (folder_.path() / "jobs.jsonl").string();
};

TEST_F(BatchTest, EmptyLinesAreSteppedOver) {
  host_.set("POST /v1/jobs/batch", {{"inserted", 2}, {"duplicates", 0}, {"first_id", 1}});
  EXPECT_EQ(enqueue("{\"task\": \"a\"}\n\n  \n{\"task\": \"b\"}\n"), 0);
  EXPECT_EQ(out_.str(), "2 jobs, 0 waited already\n");
  EXPECT_THAT(host_.requests(),
              Contains("POST /v1/jobs/batch {\"jobs\":[{\"task\": \"a\"},{\"task\": \"b\"}]}"));
}

TEST_F(BatchTest, AJobThatTheHostRefusesIsNamedByItsLine) {
  refuse("not_found", "job 2: no plugin has a task \"b\"");
  EXPECT_EQ(enqueue("{\"task\": \"a\"}\n\n{\"task\": \"b\"}\n"), 65);
  EXPECT_THAT(err_.str(), HasSubstr("jobs.jsonl:3: no plugin has a task \"b\""));
  EXPECT_THAT(err_.str(), HasSubstr("go on from line 1"));
}

TEST_F(BatchTest, ALineThatIsNoJobIsNamedAndWhatIsInIsCounted) {
  EXPECT_EQ(enqueue("{\"task\": \"a\"}\n[]\n"), 65);
  EXPECT_THAT(err_.str(), HasSubstr("jobs.jsonl:2: it is not a JSON object; 0 jobs"));
}

TEST_F(BatchTest, WhateverElseTheHostSaysComesWithTheLinesAndTheCount) {
  for (const std::string message :
       {"the store is busy", "job 99: what", "job 1x", "job ", "job 99999999999999999999999: x"}) {
    refuse("unavailable", message);
    EXPECT_NE(enqueue("{\"task\": \"a\"}\n{\"task\": \"b\"}\n"), 0);
    EXPECT_THAT(err_.str(), HasSubstr("jobs.jsonl:1-2: " + message + "; 0 jobs of the lines"));
    EXPECT_THAT(err_.str(), HasSubstr("go on from line 1"));
    EXPECT_THAT(err_.str(), HasSubstr("unique_key"));
  }
}

}  // namespace
}  // namespace host::cli
