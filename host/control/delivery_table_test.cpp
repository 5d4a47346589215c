// SPDX-License-Identifier: Apache-2.0
#include "control/delivery_table.hpp"

#include <gmock/gmock.h>

#include "base/fake_loop.hpp"
#include "queue/job_table.hpp"
#include "store/inline_store.hpp"

namespace host {
namespace {

using std::chrono::hours;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class DeliveryTableTest : public testing::Test {
 protected:
  Taken take(const std::string& body, const std::vector<NewJob>& jobs = {}) {
    Delivery delivery;
    delivery.received = now_;
    delivery.uuid = "uuid-" + body;
    delivery.body_hash = body;
    delivery.event = {.kind = "issues",
                      .action = "opened",
                      .repo = "org/app",
                      .number = 7,
                      .ref = {},
                      .sender = "amy"};
    return store_.run_now([&](Unit& unit) { return take_delivery(unit, delivery, jobs, now_); });
  }
  std::vector<Delivery> list(std::optional<std::int64_t> before = {}, int limit = 100) {
    return store_.run_now([&](Unit& unit) { return list_deliveries(unit, before, limit); });
  }
  static NewJob job(const std::string& task, const std::string& key = "k") {
    return {.task = task, .unique_key = key};
  }

  FakeLoop loop_;
  InlineStore store_{loop_};
  WallTime now_ = WallTime(hours(24 * 20000));
};

TEST_F(DeliveryTableTest, IsRecordedWithItsJobs) {
  const Taken taken = take("a", {job("triage"), job("review")});
  EXPECT_FALSE(taken.duplicate);
  ASSERT_EQ(taken.jobs.size(), 2u);
  const auto all = list();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].id, taken.id);
  EXPECT_EQ(all[0].uuid, "uuid-a");
  EXPECT_EQ(all[0].event.repo, "org/app");
  EXPECT_EQ(all[0].event.number, 7);
  EXPECT_THAT(all[0].jobs, ElementsAre(taken.jobs[0].id, taken.jobs[1].id));
  EXPECT_EQ(all[0].repeats, 0);
}

TEST_F(DeliveryTableTest, TheSameBytesStartNothingTwiceForSevenDays) {
  const Taken first = take("a", {job("triage")});
  now_ += kDeliveryMemory - hours(1);
  const Taken again = take("a", {job("review")});
  EXPECT_TRUE(again.duplicate);
  EXPECT_EQ(again.id, first.id);
  EXPECT_THAT(again.jobs, IsEmpty());
  ASSERT_EQ(list().size(), 1u);
  EXPECT_EQ(list()[0].repeats, 1);
}

TEST_F(DeliveryTableTest, AnEventThatJoinsAJobInBackOffMakesItDueNow) {
  const Taken first = take("a", {job("triage")});
  const auto state = [&] {
    return store_.run_now([&](Unit& unit) { return read_job(unit, first.jobs[0].id).job.state; });
  };
  store_.run_now([&](Unit& unit) {
    const auto run = claim_jobs(unit, "triage", 1, 1, now_).jobs.at(0).run;
    (void)finish_run(unit, run, {.kind = Verdict::Kind::snoozed, .delay = hours(5)}, {}, now_, 0);
  });
  ASSERT_EQ(state(), JobState::scheduled);
  const Taken second = take("b", {job("triage")});
  EXPECT_EQ(second.jobs[0].id, first.jobs[0].id);
  EXPECT_TRUE(second.jobs[0].duplicate);
  EXPECT_EQ(state(), JobState::available);
}

TEST_F(DeliveryTableTest, AfterSevenDaysTheyAreNew) {
  const Taken first = take("a");
  now_ += kDeliveryMemory + hours(1);
  const Taken again = take("a");
  EXPECT_FALSE(again.duplicate);
  EXPECT_NE(again.id, first.id);
  EXPECT_EQ(list().size(), 1u);
}

TEST_F(DeliveryTableTest, EventsOfOneObjectJoinTheJobThatWaits) {
  const Taken first = take("a", {job("triage", "event org/app#7")});
  const Taken second = take("b", {job("triage", "event org/app#7")});
  EXPECT_FALSE(second.duplicate);
  ASSERT_EQ(second.jobs.size(), 1u);
  EXPECT_TRUE(second.jobs[0].duplicate);
  EXPECT_EQ(second.jobs[0].id, first.jobs[0].id);
}

TEST_F(DeliveryTableTest, OldOnesAreForgottenAsNewOnesCome) {
  for (int i = 0; i < 120; ++i) take("old" + std::to_string(i));
  now_ += kDeliveryMemory + hours(1);
  take("new1");
  EXPECT_EQ(list({}, 1000).size(), 71u);
  take("new2");
  take("new3");
  EXPECT_EQ(list({}, 1000).size(), 3u);
}

TEST_F(DeliveryTableTest, PagesGoFromNewToOldByKey) {
  for (int i = 0; i < 5; ++i) take("b" + std::to_string(i));
  const auto first = list({}, 2);
  ASSERT_EQ(first.size(), 2u);
  EXPECT_EQ(first[0].body_hash, "b4");
  const auto second = list(first.back().id, 10);
  ASSERT_EQ(second.size(), 3u);
  EXPECT_EQ(second[0].body_hash, "b2");
}

TEST_F(DeliveryTableTest, OneThatIsNotRememberedIsNotFound) {
  EXPECT_THROW(store_.run_now([](Unit& unit) { return find_delivery(unit, 9); }), Error);
}

TEST_F(DeliveryTableTest, JobsOfAReplayJoinItsOwn) {
  const Taken taken = take("a", {job("triage")});
  store_.run_now([&](Unit& unit) {
    add_delivery_jobs(unit, taken.id, {{.id = JobId(99)}, {.id = taken.jobs[0].id}});
  });
  EXPECT_THAT(list()[0].jobs, ElementsAre(taken.jobs[0].id, JobId(99)));
}

}  // namespace
}  // namespace host
