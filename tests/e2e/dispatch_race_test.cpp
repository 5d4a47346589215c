// SPDX-License-Identifier: Apache-2.0
//
// Forty issues at once over four lanes: a pull request for each, and never a second one, whoever
// asks for it besides and however often the host is killed.
#include <gmock/gmock.h>

#include <array>
#include <thread>

#include "base/error.hpp"
#include "e2e/dispatch_bench.hpp"

namespace host::faults {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::UnorderedElementsAreArray;

// Says so where another run has the same clone at the same time.
constexpr const char* kAloneInItsClone = "exec 9> .git/at-work; flock --nonblock 9 || echo TWICE\n";

class RaceTest : public DispatchBench {
 protected:
  static constexpr std::size_t kItems = 40;

  void SetUp() override {
    DispatchBench::SetUp();
    if (number_ == 0) return;
    agent_mends_and(kAloneInItsClone);
    Json lanes{{"code", lane("agent", 2)}};
    for (const char* name : {"north", "east", "south"}) {
      lanes[name] = lane("agent", 2);
      lanes[name]["labels"] = {name};
    }
    lanes_are(lanes);
    numbers_ = {number_};
    while (numbers_.size() < kItems) {
      std::vector<std::string> labels{"agent-ready"};
      if (const auto at = numbers_.size() % 4; at > 0)
        labels.emplace_back(std::array{"north", "east", "south"}.at(at - 1));
      numbers_.push_back(add_issue("It returns 1", labels));
    }
  }
  // Orders each of them besides, which is refused or taken once.
  void order_all() {
    for (const auto number : numbers_) {
      try {
        client().post("/v1/items", {{"repository", kAppRepo}, {"number", number}});
      } catch (const Error&) {  // it is taken already, or the host is gone
      }
    }
  }
  std::size_t done() {
    std::size_t all = 0;
    const Json items = client().get("/v1/items?limit=500")["items"];
    for (const auto& each : items) all += each["state"] == "done";
    return all;
  }
  // The items that are not done, and why.
  std::string others() {
    std::string lines;
    const Json items = client().get("/v1/items?limit=500")["items"];
    for (const auto& each : items)
      if (each["state"] != "done") lines += to_text(each) + "\n";
    return lines;
  }
  // By the forge, which is here: to ask the host all the time would be most of what it does.
  bool pulls_are(std::size_t wanted) {
    return eventually([&] { return pulls().size() >= wanted; });
  }
  // Half a minute for each that follows.
  bool all_done() {
    for (std::size_t next = pulls().size() + 1; next <= kItems; ++next)
      if (!pulls_are(next)) return false;
    return eventually([&] { return done() == kItems; });
  }
  void expect_one_pull_each() {
    std::vector<std::string> wanted;
    for (const auto number : numbers_) wanted.push_back("timmy/issue-" + std::to_string(number));
    EXPECT_THAT(pulls(), UnorderedElementsAreArray(wanted));
    EXPECT_THAT(branches(), UnorderedElementsAreArray(wanted));
    EXPECT_EQ(client().get("/v1/items?limit=500")["items"].size(), kItems) << "taken twice";
    for (const auto& run : fs::directory_iterator(paths_.runs()))
      EXPECT_THAT(output(run.path().filename()), Not(HasSubstr("TWICE"))) << run.path();
  }

  std::vector<std::int64_t> numbers_;
};

TEST_F(RaceTest, FortyIssuesBecomeFortyPullRequestsThoughTheHostIsKilledTwice) {
  start_host();
  std::thread other([this] { order_all(); });
  order_all();
  other.join();
  for (const std::size_t after : {std::size_t{5}, std::size_t{15}}) {
    ASSERT_TRUE(pulls_are(after)) << pulls().size() << log();
    kill();
    EXPECT_LT(pulls().size(), kItems) << "there was nothing left to do";
    expect_nothing_left();
    start_host();
  }
  ASSERT_TRUE(all_done()) << others() << log();
  expect_one_pull_each();
  const Json status = client().get("/v1/status");
  EXPECT_EQ(status["dispatch"]["running"], 0) << to_text(status);
}

}  // namespace
}  // namespace host::faults
