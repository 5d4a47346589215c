// SPDX-License-Identifier: Apache-2.0
//
// Rows C1 and C3 in a whole host, as its status tells them: a clock that was put right while the
// host was down, and ticks that nobody was there for.
#include <gmock/gmock.h>

#include "faults/fault_bench.hpp"
#include "store/connection.hpp"

namespace host::faults {
namespace {

using ::testing::HasSubstr;

class ClockFaultTest : public FaultBench {
 protected:
  ClockFaultTest() {
    write_config(
        {{"defaults", {{"plugins", {{"echo", {{"schedule", {{"echo", "every: 1s"}}}}}}}}}});
    start();
    EXPECT_TRUE(eventually([this] { return counted("ticks") > 0; }));
    stop();
  }
  [[nodiscard]] std::int64_t counted(const char* what) const {
    return client().get("/v1/status")["schedule"][what].get<std::int64_t>();
  }
  // As if all that was done had been done so many hours later.
  void move_the_past(int hours) const {
    Connection writer(paths_.database(), Connection::Mode::writer);
    const auto by = std::to_string(std::int64_t{hours} * 3'600'000'000);
    for (const auto* column : {"schedules SET cursor=cursor+", "ticks SET nominal=nominal+",
                               "jobs SET nominal=nominal+"})
      writer.execute(("UPDATE " + (column + by)).c_str());
  }
};

TEST_F(ClockFaultTest, C1_ACorrectedClockIsToldAndCounted) {
  move_the_past(5);
  start();
  EXPECT_TRUE(eventually([this] { return counted("corrections") == 1; })) << log();
  EXPECT_THAT(log(), HasSubstr("clock was corrected backwards"));
  EXPECT_TRUE(eventually([this] { return counted("ticks") > 0; })) << "it stands still";
  EXPECT_EQ(counted("missed"), 0);
  stop();
  check_invariants();
}

TEST_F(ClockFaultTest, C3_TicksThatWereMissedAreCounted) {
  move_the_past(-1);
  start();
  EXPECT_TRUE(eventually([this] { return counted("missed") > 0; })) << log();
  EXPECT_EQ(counted("corrections"), 0);
  EXPECT_THAT(log(), HasSubstr("ticks missed since"));
  stop();
  check_invariants();
}

}  // namespace
}  // namespace host::faults
