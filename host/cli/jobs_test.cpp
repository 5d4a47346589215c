// SPDX-License-Identifier: Apache-2.0
#include "base/json.hpp"
#include "cli/command_fixture.hpp"
#include "cli/fake_host.hpp"

namespace host::cli {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

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
  for (const std::vector<std::string>& command : {std::vector<std::string>{"jobs", "list"},
                                                  {"jobs", "show", "1"},
                                                  {"jobs", "cancel", "1"},
                                                  {"jobs", "retry", "1"}}) {
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

}  // namespace
}  // namespace host::cli
