// SPDX-License-Identifier: Apache-2.0
//
// What a run is told about the time that it has left.
#include <gmock/gmock.h>

#include "workers/pool_fixture.hpp"

namespace host {
namespace {

using namespace std::chrono_literals;

class PoolRemaining : public PoolTest {
 protected:
  // What a run that was stopped had seen until then.
  static Json seen(const Verdict& ended) {
    const auto at = ended.message.find('{');
    EXPECT_NE(at, std::string::npos) << ended.message;
    return at == std::string::npos ? Json() : parse_json(ended.message.substr(at), "what it saw");
  }
};

TEST_F(PoolRemaining, IsTheTimeoutLessWhatTheRunHasTaken) {
  const auto before = std::chrono::steady_clock::now();
  const auto told =
      result("remaining", Json::object(), {.timeout = 20s}).at("first").get<std::int64_t>();
  const auto taken =
      std::chrono::ceil<std::chrono::milliseconds>(std::chrono::steady_clock::now() - before);
  EXPECT_LE(told, 20'000);
  EXPECT_GE(told, 20'000 - taken.count());
}

TEST_F(PoolRemaining, ShrinksAsTheRunGoesOn) {
  const auto told = result("remaining");
  EXPECT_LT(told.at("last"), told.at("first"));
}

TEST_F(PoolRemaining, IsZeroAtTheDeadlineAndNeverGrows) {
  settings.cancel_grace = 20s;
  const auto ended = verdict(submit("remaining", {{"to_the_end", true}}, {.timeout = 50ms}));
  EXPECT_EQ(name_of(ended), "timed_out");
  EXPECT_GT(seen(ended).at("first"), 0);
  EXPECT_EQ(seen(ended).at("last"), 0);
  EXPECT_EQ(seen(ended).at("grew"), false);
}

TEST_F(PoolRemaining, IsZeroOnceTheRunIsCancelledHoweverFarTheDeadline) {
  settings.cancel_grace = 20s;
  const auto run = submit("remaining", {{"to_the_end", true}}, {.timeout = 20s});
  ASSERT_TRUE(run_until([&] { return services.logged("asked"); }));
  pool().cancel(run);
  const auto ended = verdict(run);
  EXPECT_EQ(name_of(ended), "cancelled");
  EXPECT_GT(seen(ended).at("first"), 10'000);
  EXPECT_EQ(seen(ended).at("last"), 0);
}

}  // namespace
}  // namespace host
