// SPDX-License-Identifier: Apache-2.0
//
// Rows W1 to W8 in one house: what PoolFaults sees of the pool alone, a whole host lives through,
// one after the other and beside work that goes on.
#include <gmock/gmock.h>

#include "faults/fault_bench.hpp"
#include "workers/sanitizers.hpp"

namespace host::faults {
namespace {

class HostileHostTest : public FaultBench {
 protected:
  HostileHostTest() {
    plugin_dirs_.emplace_back(TIMMY_HOSTILE_DIR);
    configure();
  }
  void configure() {
    write_config(
        {{"defaults",
          {{"plugins",
            {{"hostile",
              {{"enabled", true},
               {"limits", {{"cpu", "1s"}, {"memory", "256MiB"}, {"file_size", "4MiB"}}}}}}}}}});
  }
  // One attempt of the task; how it ended.
  Json attempt_of(const std::string& task, const Json& payload = Json::object()) {
    const auto id = enqueue("hostile_" + task, payload);
    Json attempt;
    EXPECT_TRUE(eventually([&] {
      const Json job = client().get("/v1/jobs/" + std::to_string(id));
      if (job["attempts"].empty()) return false;
      attempt = job["attempts"][0];
      return true;
    })) << task;
    client().post("/v1/jobs/" + std::to_string(id) + "/cancel");
    return attempt;
  }
};

TEST_F(HostileHostTest, W1_W8_AHostLivesThroughEverythingThatAPluginDoes) {
  start();
  const auto beside = enqueue("echo_wait", {{"ms", 60'000}});
  struct Case {
    const char* task;
    const char* verdict;
    const char* code;
  };
  for (const auto& [task, verdict, code] :
       {Case{"segv", "crashed", "signal"}, Case{"abort", "crashed", "signal"},
        Case{"exit", "crashed", "no_result"}, Case{"garbage", "crashed", "protocol"},
        Case{"file", "crashed", "file_size"}, Case{"spin", "crashed", "cpu"},
        Case{"oom", "crashed", "memory"}, Case{"fork", "completed", ""},
        Case{"threads", "completed", ""}, Case{"descriptors", "completed", ""},
        Case{"throw", "failed", "threw"}, Case{"leave_thread", "completed", ""},
        Case{"leave_descriptor", "completed", ""}}) {
    // There, memory has no limit.
    if (kSanitized && (task == std::string("oom") || task == std::string("threads"))) continue;
    const Json attempt = attempt_of(task);
    EXPECT_EQ(attempt["verdict"], verdict) << task << ": " << attempt.dump(2);
    EXPECT_EQ(attempt.value("code", ""), code) << task << ": " << attempt.dump(2);
    // Five faults would set it aside.
    if (attempt["verdict"] == "crashed") client().post("/v1/plugins/hostile/reset");
  }
  for (const auto* task : {"hang", "flood", "close"}) {
    const auto id = enqueue(std::string("hostile_") + task);
    ASSERT_TRUE(eventually([&] { return client().get("/v1/status")["running"] == 2; })) << task;
    client().post("/v1/jobs/" + std::to_string(id) + "/cancel");
    EXPECT_EQ(wait_for(id)["state"], "cancelled") << task;
  }
  EXPECT_EQ(client().get("/v1/jobs/" + std::to_string(beside))["state"], "running");
  const Json counted = client().get("/v1/status")["workers"];
  EXPECT_EQ(counted["protocol_errors"], 1) << counted;
  EXPECT_GE(counted["crashed"], 5) << counted;
  EXPECT_GT(counted["dropped_lines"], 0) << counted;
  EXPECT_EQ(wait_for(enqueue("echo"))["state"], "completed");
  client().post("/v1/jobs/" + std::to_string(beside) + "/cancel");
  (void)wait_for(beside);
  stop();
  check_invariants();
}

}  // namespace
}  // namespace host::faults
