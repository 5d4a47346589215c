// SPDX-License-Identifier: Apache-2.0
#include "base/json.hpp"
#include "cli/command_fixture.hpp"
#include "cli/fake_host.hpp"

namespace host::cli {
namespace {

class QueuesCommandTest : public CommandTest {
 protected:
  FakeHost host_{Paths::from(Environment::of_process())};
};

TEST_F(QueuesCommandTest, TheTableShowsWhatWaitsAndForHowLong) {
  const auto since =
      SystemClock().wall() - std::chrono::hours(73) - std::chrono::microseconds(1234);
  const Json busy{{"task", "busy"},
                  {"ready", 1000},
                  {"more", true},
                  {"next_since", format_utc(since)},
                  {"oldest_ready_seconds", 7260},
                  {"maybe_older", true},
                  {"rate", "none"},
                  {"paused", false}};
  const Json idle{{"task", "idle"}, {"ready", 0},     {"next_since", nullptr},
                  {"rate", "none"}, {"paused", true}, {"oldest_ready_seconds", nullptr}};
  const Json queue{{"queue", "models"},         {"running", 2},
                   {"concurrency", 4},          {"paused", false},
                   {"oldest_ready_seconds", 0}, {"maybe_older", false},
                   {"tasks", {busy, idle}}};
  host_.set("GET /v1/queues", {{"queues", {queue}}});
  EXPECT_EQ(run({"queues", "list"}), 0) << err_.str();
  EXPECT_THAT(out_.str(), ::testing::ContainsRegex("busy +1000[+] +3d1h[^ ]* +2h1m[+]"));
  EXPECT_THAT(out_.str(), ::testing::ContainsRegex("models +0s +2/4"));
  EXPECT_THAT(out_.str(), ::testing::ContainsRegex("idle +0 +- +- +none +paused"));
}

}  // namespace
}  // namespace host::cli
