// SPDX-License-Identifier: Apache-2.0
#include "services/state_service.hpp"

#include <gmock/gmock.h>

#include "services/test_bench.hpp"

namespace host {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class StateServiceTest : public ServiceBench {
 protected:
  StateServiceTest() { table_.add(make_state_service(store_, loop_.clock())); }
  Json get(const RunContext& run, const std::string& key) {
    return call(run, "state/1.get", {{"key", key}}).value()["value"];
  }
  void put(const RunContext& run, const std::string& key, const Json& value) {
    (void)call(run, "state/1.put", {{"key", key}, {"value", value}}).value();
  }
};

TEST_F(StateServiceTest, ARunSeesItsOwnWritesAndOthersSeeThemOnceItCompletes) {
  const auto writer = open({});
  put(*writer, "since", "2026-01-05");
  EXPECT_EQ(get(*writer, "since"), "2026-01-05");
  const auto reader = open({});
  EXPECT_EQ(get(*reader, "since"), nullptr);
  ASSERT_TRUE(complete(writer).ok());
  EXPECT_EQ(get(*reader, "since"), "2026-01-05");
}

TEST_F(StateServiceTest, AFailedRunLeavesNothingButWhatItPutNow) {
  const auto run = open({});
  put(*run, "soft", 1);
  ASSERT_TRUE(call(*run, "state/1.put_now", {{"key", "hard"}, {"value", 2}}).ok());
  (void)table_.close(run->run);
  const auto next = open({});
  EXPECT_EQ(get(*next, "soft"), nullptr);
  EXPECT_EQ(get(*next, "hard"), 2);
}

TEST_F(StateServiceTest, AStaleRunCanNotPutNow) {
  const auto run = open({});
  queue_.finish(run->run, Verdict{.kind = Verdict::Kind::completed}, {}, {},
                [](Result<Finished>) {});
  loop_.drain();
  EXPECT_EQ(call(*run, "state/1.put_now", {{"key", "k"}, {"value", 1}}).error().code(),
            Code::stale);
  EXPECT_THAT(rows("SELECT key FROM state"), IsEmpty());
}

TEST_F(StateServiceTest, PluginsDoNotSeeEachOthersKeys) {
  const auto triage = open({});
  put(*triage, "k", 1);
  ASSERT_TRUE(complete(triage).ok());
  const auto other = open({});
  other->plugin = "heartbeat";
  EXPECT_EQ(get(*other, "k"), nullptr);
}

TEST_F(StateServiceTest, KeysAreListedByPrefixWithTheRunsOwnChanges) {
  const auto first = open({});
  for (const char* key : {"repo/a", "repo/b", "repo_c", "other"}) put(*first, key, 1);
  ASSERT_TRUE(complete(first).ok());
  const auto run = open({});
  put(*run, "repo/b", nullptr);
  put(*run, "repo/d", 1);
  EXPECT_THAT(call(*run, "state/1.list", {{"prefix", "repo/"}}).value()["keys"],
              ElementsAre("repo/a", "repo/d"));
}

TEST_F(StateServiceTest, ANullRemovesAKey) {
  const auto run = open({});
  put(*run, "k", 1);
  ASSERT_TRUE(complete(run).ok());
  const auto again = open({});
  put(*again, "k", nullptr);
  ASSERT_TRUE(complete(again).ok());
  EXPECT_THAT(rows("SELECT key FROM state"), IsEmpty());
}

TEST_F(StateServiceTest, WhatIsPutNowIsNotUndoneByAnEarlierPut) {
  const auto run = open({});
  put(*run, "k", "old");
  ASSERT_TRUE(call(*run, "state/1.put_now", {{"key", "k"}, {"value", "new"}}).ok());
  ASSERT_TRUE(complete(run).ok());
  EXPECT_EQ(get(*open({}), "k"), "new");
}

TEST_F(StateServiceTest, WhatARunStagesIsBounded) {
  const auto run = open({});
  const std::string large(60'000, 'v');
  Result<Json> last = Json();
  int puts = 0;
  for (; puts < 1000 && last.ok(); ++puts)
    last = call(*run, "state/1.put", {{"key", "k" + std::to_string(puts)}, {"value", large}});
  EXPECT_LT(puts, 300);
  EXPECT_EQ(last.error().code(), Code::too_large);
}

TEST_F(StateServiceTest, KeysAndValuesHaveCaps) {
  const auto run = open({});
  EXPECT_EQ(
      call(*run, "state/1.put", {{"key", std::string(257, 'k')}, {"value", 1}}).error().code(),
      Code::too_large);
  EXPECT_EQ(
      call(*run, "state/1.put", {{"key", "k"}, {"value", std::string(70'000, 'v')}}).error().code(),
      Code::too_large);
  EXPECT_EQ(call(*run, "state/1.get", {{"key", ""}}).error().code(), Code::usage);
  EXPECT_EQ(call(*run, "state/1.list", {{"prefix", 7}}).error().code(), Code::usage);
}

}  // namespace
}  // namespace host
