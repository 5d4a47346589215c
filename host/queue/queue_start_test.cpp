// SPDX-License-Identifier: Apache-2.0
//
// Jobs that are running from the write that inserts them, and those that may not be.
#include <gmock/gmock.h>

#include "queue/queue_fixture.hpp"

namespace host {
namespace {

using testing::IsEmpty;
using Kind = Verdict::Kind;
using std::chrono::seconds;

class QueueStartTest : public QueueTest {};

// Has room for so many.
struct Room final : Queue::Starter {
  explicit Room(int free) : room(free) {}
  [[nodiscard]] bool offer(const std::string&, int count) override {
    if (room < count) return false;
    room -= count;
    return true;
  }
  void started(const std::string&, int offered, Claimed claimed) override {
    room += offered - static_cast<int>(claimed.jobs.size());
    more = claimed.more;
    for (auto& job : claimed.jobs) jobs.push_back(std::move(job));
  }
  int room;
  bool more = false;
  std::vector<ClaimedJob> jobs;
};

TEST_F(QueueStartTest, a_job_that_has_room_runs_from_its_first_commit) {
  Room room(2);
  queue_->set_starter(&room);
  const auto ids = insert({{.task = "work", .payload = "1"}, {.task = "work", .priority = 1}});
  ASSERT_EQ(room.jobs.size(), 2u);
  EXPECT_EQ(room.jobs[0].run.job, ids[1].id) << "by priority";
  EXPECT_EQ(room.jobs[1].payload, "1");
  EXPECT_NE(room.jobs[1].key, "");
  EXPECT_TRUE(queue_->holds(room.jobs[1].run));
  EXPECT_EQ(show(ids[0].id).state, JobState::running);
  EXPECT_EQ(show(ids[0].id).attempt, 1);
  EXPECT_THAT(ready_, IsEmpty());
  EXPECT_EQ(finish(room.jobs[0].run, {.kind = Kind::completed}).state, JobState::completed);
  start();
  EXPECT_EQ(recovery_.interrupted, 1) << "the host ended while the other ran";
}

TEST_F(QueueStartTest, a_job_passes_none_that_waits_for_room) {
  const auto first = insert_one({.task = "work"});
  Room room(2);
  queue_->set_starter(&room);
  const auto second = insert_one({.task = "work", .priority = 0});
  EXPECT_THAT(room.jobs, IsEmpty());
  EXPECT_TRUE(room.more) << "there is something to claim";
  EXPECT_EQ(room.room, 2);
  EXPECT_EQ(show(second).state, JobState::available);
  EXPECT_EQ(claim(2).at(1).run.job, first);
}

TEST_F(QueueStartTest, a_job_that_has_to_wait_for_something_does_not_run_as_it_is_inserted) {
  Room room(100);
  queue_->set_starter(&room);
  insert({{.task = "work", .delay = seconds(1)}});
  insert({{.task = "work", .unique_key = "u"}});
  insert({{.task = "other", .concurrency_key = "c"}});
  insert({{.task = "more"}, {.task = "another"}});
  insert(std::vector<NewJob>(101, NewJob{.task = "work"}));
  EXPECT_THAT(room.jobs, IsEmpty());
  EXPECT_EQ(room.room, 100);
}

TEST_F(QueueStartTest, jobs_that_can_not_be_inserted_start_nowhere_and_their_room_comes_back) {
  Room room(2);
  queue_->set_starter(&room);
  const auto asker = insert_one({.task = "asker"});
  ASSERT_EQ(room.jobs.size(), 1u);
  ASSERT_EQ(room.jobs[0].run.job, asker);
  finish(room.jobs[0].run, {.kind = Kind::completed});
  std::optional<Code> code;
  queue_->insert(
      {{.task = "work"}}, [&](const auto& result) { code = result.error().code(); },
      room.jobs[0].run);
  loop_.drain();
  EXPECT_EQ(code, Code::stale);
  EXPECT_EQ(room.jobs.size(), 1u);
  EXPECT_EQ(room.room, 1);
}

}  // namespace
}  // namespace host
