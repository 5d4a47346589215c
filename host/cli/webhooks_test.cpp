// SPDX-License-Identifier: Apache-2.0
#include "base/json.hpp"
#include "cli/command_fixture.hpp"
#include "cli/fake_host.hpp"

namespace host::cli {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

class WebhooksCommandTest : public CommandTest {
 protected:
  FakeHost host_{Paths::from(Environment::of_process())};
};

Json delivery(int id, const Json& more) {
  Json all{{"id", id},        {"received", "2026-05-01T10:00:00Z"},
           {"uuid", "u"},     {"event", "issues"},
           {"action", ""},    {"repo", "org/app"},
           {"number", 0},     {"ref", ""},
           {"sender", "amy"}, {"jobs", Json::array()},
           {"repeats", 0}};
  all.update(more);
  return all;
}

TEST_F(WebhooksCommandTest, TheListSaysWhatEachWasAboutAndWhatItStarted) {
  host_.set("GET /v1/webhooks",
            {{"deliveries",
              {delivery(3, {{"number", 7}, {"action", "opened"}, {"jobs", {12, 13}}}),
               delivery(2, {{"event", "push"}, {"ref", "refs/heads/main"}, {"repeats", 4}})}}});
  EXPECT_EQ(run({"webhooks", "list", "--limit", "2", "--before", "4"}), 0) << err_.str();
  EXPECT_EQ(
      out_.str(),
      "ID  RECEIVED              EVENT   ACTION  OBJECT                   SENDER  JOBS    "
      "REPEATS\n"
      "3   2026-05-01T10:00:00Z  issues  opened  org/app#7                amy     12, 13  0\n"
      "2   2026-05-01T10:00:00Z  push            org/app refs/heads/main  amy     -       4\n");
  EXPECT_THAT(host_.requests(), Contains("GET /v1/webhooks?limit=2&before=4 "));
}

TEST_F(WebhooksCommandTest, AReplaySaysWhichJobsItStarted) {
  host_.set("POST /v1/webhooks/3/replay",
            {{"delivery", 3}, {"jobs", {12, 13}}, {"waited_already", 1}});
  EXPECT_EQ(run({"webhooks", "replay", "3"}), 0) << err_.str();
  EXPECT_EQ(out_.str(), "delivery 3: jobs 12, 13, of which 1 waited already\n");
}

TEST_F(WebhooksCommandTest, AReplayWithoutAnIdAsksForOne) {
  EXPECT_EQ(run({"webhooks", "replay"}), 64);
  EXPECT_THAT(err_.str(), HasSubstr("webhooks list"));
}

}  // namespace
}  // namespace host::cli
