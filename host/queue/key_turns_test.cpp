// SPDX-License-Identifier: Apache-2.0
#include "queue/key_turns.hpp"

#include <gmock/gmock.h>

#include "queue/job_table_fixture.hpp"

namespace host {
namespace {

using std::chrono::seconds;
using testing::IsEmpty;

class KeyTurnsTest : public JobTableTest {
 protected:
  JobId keyed(const std::string& key, NewJob job = {}) {
    job.concurrency_key = key;
    return insert(std::move(job));
  }
  std::vector<JobId> claim_ids(int count = 10) {
    std::vector<JobId> ids;
    for (const auto& job : claim(count)) ids.push_back(job.run.job);
    return ids;
  }
  RunId run_of(JobId id) { return {id, job(id).lease}; }
  using Ids = std::vector<JobId>;
};

TEST_F(KeyTurnsTest, one_of_a_key_runs_and_others_are_not_in_the_way) {
  const auto first = keyed("app");
  const auto second = keyed("app");
  const auto other = keyed("site");
  const auto free = insert({});
  EXPECT_TRUE(job(second).waits_turn);
  EXPECT_EQ(claim_ids(), (Ids{first, other, free}));
  EXPECT_THAT(claim_ids(), IsEmpty());
  EXPECT_TRUE(finish(run_of(first), Kind::completed)->turn_given);
  EXPECT_EQ(claim_ids(), Ids{second});
}

TEST_F(KeyTurnsTest, as_many_as_the_limit_says_run_at_once) {
  const auto a = keyed("app", {.key_limit = 2});
  const auto b = keyed("app", {.key_limit = 2});
  const auto c = keyed("app", {.key_limit = 2});
  EXPECT_EQ(claim_ids(), (Ids{a, b}));
  finish(run_of(b), Kind::cancelled);
  EXPECT_EQ(claim_ids(), Ids{c});
}

TEST_F(KeyTurnsTest, the_turn_goes_by_priority) {
  const auto running = keyed("app");
  EXPECT_EQ(claim_ids(), Ids{running});
  keyed("app", {.priority = 7});
  const auto urgent = keyed("app", {.priority = 0});
  finish(run_of(running), Kind::completed);
  EXPECT_EQ(claim_ids(), Ids{urgent});
}

TEST_F(KeyTurnsTest, a_job_that_backs_off_lets_the_next_one_go) {
  const auto failing = keyed("app");
  const auto next = keyed("app");
  EXPECT_EQ(claim_ids(), Ids{failing});
  EXPECT_EQ(finish(run_of(failing), Kind::failed)->state, JobState::retryable);
  EXPECT_EQ(claim_ids(), Ids{next});
  now_ += seconds(3600);
  promote();
  EXPECT_TRUE(job(failing).waits_turn) << "another runs";
  finish(run_of(next), Kind::completed);
  EXPECT_EQ(claim_ids(), Ids{failing});
}

TEST_F(KeyTurnsTest, an_interrupted_job_keeps_its_turn) {
  const auto first = keyed("app");
  keyed("app");
  EXPECT_EQ(claim_ids(), Ids{first});
  finish(run_of(first), Kind::interrupted);
  EXPECT_EQ(claim_ids(), Ids{first});
}

TEST_F(KeyTurnsTest, whoever_leaves_while_waiting_gives_the_turn_on) {
  const auto first = keyed("app");
  const auto second = keyed("app");
  const auto third = keyed("app");
  in_unit([&](Unit& unit) { (void)cancel_job(unit, first, now_); });
  EXPECT_FALSE(job(second).waits_turn);
  in_unit([&](Unit& unit) { (void)discard_job(unit, second, now_); });
  EXPECT_EQ(claim_ids(), Ids{third});
}

TEST_F(KeyTurnsTest, a_job_that_is_ordered_again_waits_for_its_turn) {
  const auto first = keyed("app");
  EXPECT_EQ(claim_ids(), Ids{first});
  finish(run_of(first), Kind::completed);
  const auto second = keyed("app");
  EXPECT_EQ(claim_ids(), Ids{second});
  in_unit([&](Unit& unit) { (void)retry_job(unit, first, now_); });
  EXPECT_THAT(claim_ids(), IsEmpty());
  finish(run_of(second), Kind::completed);
  EXPECT_EQ(claim_ids(), Ids{first});
}

}  // namespace
}  // namespace host
