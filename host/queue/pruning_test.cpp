// SPDX-License-Identifier: Apache-2.0
#include "queue/pruning.hpp"

#include <gmock/gmock.h>

#include "queue/job_table_fixture.hpp"

namespace host {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using testing::ElementsAre;

class PruningTest : public JobTableTest {
 protected:
  template <class W>
  PruneStep step(W work) {
    return in_unit([&](Unit& unit) { return work(unit); });
  }
  std::int64_t count(const std::string& table) {
    return in_unit([&](Unit& unit) {
      auto& row = unit.query("SELECT count(*) FROM " + table);
      row.step();
      return row.integer(0);
    });
  }
  JobId completed() {
    const auto id = insert({});
    finish(claim_one(), Kind::completed);
    return id;
  }
};

TEST_F(PruningTest, prune_removes_old_ended_jobs_with_their_history_and_gives_no_id_twice) {
  const auto old = insert({});
  finish(claim_one(), {.kind = Kind::snoozed, .delay = seconds(1)});
  now_ += seconds(2);
  promote();
  finish(claim_one(), Kind::completed);
  EXPECT_EQ(attempts(old).size(), 2u);
  now_ += hours(2);
  const auto fresh = insert({});
  finish(claim_one(), Kind::completed);
  const auto prune = [&](WallTime before) {
    return in_unit(
               [&](Unit& unit) { return prune_jobs(unit, JobState::completed, before, 0, 100); })
        .removed;
  };
  EXPECT_EQ(prune(now_ - hours(1)), 1);
  EXPECT_THROW(job(old), Error);
  EXPECT_EQ(prune(now_ + hours(1)), 0) << "the newest id stays";
  EXPECT_GT(insert({}), fresh);
  EXPECT_EQ(in_unit([](Unit& unit) {
              auto& row = unit.query("SELECT count(*) FROM history");
              row.step();
              return row.integer(0);
            }),
            1);
}

TEST_F(PruningTest, jobs_of_an_old_id_that_ended_late_are_stepped_over) {
  std::vector<RunId> late;
  for (int i = 0; i < 6; ++i) insert({}), late.push_back(claim_one());
  for (int i = 0; i < 6; ++i) completed();
  now_ += hours(10);
  for (const auto run : late) finish(run, Kind::completed);
  insert({});
  const auto prune = [&](std::int64_t after) {
    return step([&](Unit& unit) {
      return prune_jobs(unit, JobState::completed, now_ - hours(1), after, 3);
    });
  };
  std::vector<int> removed;
  for (std::optional<std::int64_t> after = 0; after;) {
    const auto done = prune(*after);
    removed.push_back(done.removed);
    after = done.next;
  }
  EXPECT_THAT(removed, ElementsAre(0, 0, 3, 3, 0));
}

TEST_F(PruningTest, a_round_ends_where_nothing_can_be_old_enough) {
  completed();
  now_ += hours(10);
  for (int i = 0; i < 6; ++i) completed();
  const auto done = step(
      [&](Unit& unit) { return prune_jobs(unit, JobState::completed, now_ - hours(1), 0, 3); });
  EXPECT_EQ(done.removed, 1);
  EXPECT_EQ(done.next, std::nullopt) << "jobs behind it were inserted later still";
}

TEST_F(PruningTest, events_and_the_audit_go_by_their_age) {
  in_unit([&](Unit& unit) {
    for (int hour = 0; hour < 5; ++hour) {
      unit.run("INSERT INTO events(at, kind, subject, detail) VALUES(?, 'k', 's', '')",
               now_ + hours(hour));
      unit.run("INSERT INTO audit(at, who, what, target, result) VALUES(?, 'w', 'w', 't', 'ok')",
               now_ + hours(hour));
    }
  });
  for (const auto& prune : {prune_events, prune_audit}) {
    auto done = step([&](Unit& unit) { return prune(unit, now_ + hours(3), 0, 2); });
    EXPECT_EQ(done.removed, 2);
    ASSERT_TRUE(done.next);
    done = step([&](Unit& unit) { return prune(unit, now_ + hours(3), *done.next, 2); });
    EXPECT_EQ(done.removed, 1);
    EXPECT_EQ(done.next, std::nullopt);
  }
  EXPECT_EQ(count("events"), 2);
  EXPECT_EQ(count("audit"), 2);
}

TEST_F(PruningTest, an_open_intent_stays_and_a_resolved_one_goes) {
  in_unit([&](Unit& unit) {
    for (const char* state : {"open", "done", "done"})
      unit.run(
          "INSERT INTO intents(job, lease, method, target, request_hash, state, created, resolved) "
          "VALUES(1, 1, 'POST', 't', 'h', ?1, ?2, CASE WHEN ?1 = 'done' THEN ?2 END)",
          state, now_);
    unit.run("UPDATE intents SET resolved=? WHERE id=3", now_ + hours(2));
  });
  const auto done = step([&](Unit& unit) { return prune_intents(unit, now_ + hours(1), 0, 100); });
  EXPECT_EQ(done.removed, 1);
  EXPECT_EQ(count("intents WHERE state='open'"), 1);
  EXPECT_EQ(count("intents WHERE id=3"), 1) << "resolved too lately";
}

TEST_F(PruningTest, of_the_starts_of_a_host_the_newest_thousand_are_kept) {
  in_unit([&](Unit& unit) {
    for (int i = 0; i < 1'200; ++i)
      unit.run("INSERT INTO instances(host, boot_id, pid, started) VALUES('h', 'b', 1, 1)");
  });
  const auto id = in_unit([&](Unit& unit) { return register_instance(unit, now_); });
  EXPECT_EQ(id, 1'201);
  EXPECT_EQ(count("instances"), 1'000);
  EXPECT_EQ(count("instances WHERE id > 201"), 1'000);
}

}  // namespace
}  // namespace host
