// SPDX-License-Identifier: Apache-2.0
//
// What is shown of jobs: lists and counts. What they cost stands in job_cost_test.
#include <gmock/gmock.h>

#include "queue/job_table_fixture.hpp"

namespace host {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

using JobReadsTest = JobTableTest;

TEST_F(JobReadsTest, pages_go_by_id_without_a_gap) {
  std::vector<JobId> all;
  for (int i = 0; i < 25; ++i) all.insert(all.begin(), insert({}));
  std::vector<JobId> seen;
  JobPage page{.limit = 10};
  do {
    const auto list = in_unit([&](Unit& unit) { return list_jobs(unit, {}, page); });
    for (const auto& job : list.jobs) seen.push_back(job.id);
    page.before = list.next;
  } while (page.before);
  EXPECT_EQ(seen, all);
}

TEST_F(JobReadsTest, lists_by_state_and_task) {
  insert({.task = "other"});
  const auto id = insert({});
  insert({});
  ASSERT_EQ(claim_one().job, id);
  const auto list = [&](const JobFilter& filter) {
    return in_unit([&](Unit& unit) { return list_jobs(unit, filter, {}); }).jobs.size();
  };
  EXPECT_EQ(list({.state = JobState::running}), 1u);
  EXPECT_EQ(list({.state = JobState::available}), 2u);
  EXPECT_EQ(list({.task = "work"}), 2u);
  EXPECT_EQ(list({.state = JobState::available, .task = "work"}), 1u);
}

TEST_F(JobReadsTest, counts_stop_at_their_cap) {
  for (int i = 0; i < 5; ++i) insert({});
  now_ += seconds(1);
  insert({.task = "other"});
  insert({.task = "other", .concurrency_key = "k"});
  insert({.task = "other", .concurrency_key = "k"});
  const auto counts =
      in_unit([](Unit& unit) { return count_jobs(unit, {.of_state = 3, .of_task = 4}); });
  EXPECT_EQ(counts.states.size(), 7u);
  EXPECT_EQ(counts.states[1].count, 3);
  EXPECT_TRUE(counts.states[1].capped);
  EXPECT_EQ(counts.states[2].count, 0);
  EXPECT_FALSE(counts.states[2].capped);
  ASSERT_EQ(counts.ready.size(), 2u);
  EXPECT_EQ(counts.ready[0].task, "other");
  EXPECT_EQ(counts.ready[0].count, 2) << "one waits for its turn";
  EXPECT_FALSE(counts.ready[0].capped);
  EXPECT_EQ(counts.ready[0].next_since, now_);
  EXPECT_EQ(counts.ready[1].count, 4);
  EXPECT_TRUE(counts.ready[1].capped);
  EXPECT_EQ(counts.ready[1].next_since, now_ - seconds(1));
}

TEST_F(JobReadsTest, the_oldest_ready_job_of_a_task_is_known) {
  const auto ready = [&] {
    return in_unit([](Unit& unit) { return count_jobs(unit); }).ready.at(0);
  };
  const auto begin = now_;
  insert({.priority = 9});
  now_ += minutes(30);
  insert({.priority = 0});
  EXPECT_EQ(ready().next_since, now_) << "it goes first";
  EXPECT_EQ(ready().oldest_since, begin);
  EXPECT_FALSE(ready().maybe_older);
  claim(2);
  insert({.concurrency_key = "k"});
  const auto run = claim_one();
  insert({.concurrency_key = "k"});
  EXPECT_EQ(ready().count, 0) << "it waits for its turn";
  EXPECT_EQ(ready().next_since, std::nullopt);
  EXPECT_EQ(ready().oldest_since, now_);
  finish(run, Kind::completed);
  EXPECT_EQ(ready().count, 1);
}

TEST_F(JobReadsTest, an_oldest_that_may_not_be_it_says_so) {
  insert({.priority = 9});
  now_ += minutes(1);
  for (int i = 0; i < 100; ++i) insert({.priority = 0});
  const auto ready = in_unit([](Unit& unit) { return count_jobs(unit); }).ready.at(0);
  EXPECT_EQ(ready.oldest_since, now_);
  EXPECT_TRUE(ready.maybe_older) << "a hundred stand before the oldest";
  // A line of exactly a hundred that wait for their key's turn makes nothing surer.
  for (int i = 0; i < 101; ++i) insert({.concurrency_key = "k"});
  EXPECT_TRUE(in_unit([](Unit& unit) { return count_jobs(unit); }).ready.at(0).maybe_older);
}

TEST_F(JobReadsTest, a_list_leaves_out_what_is_long) {
  const auto small = insert({.payload = "{\"n\":1}"});
  insert({.payload = "\"" + std::string(5'000, 'x') + "\""});
  const auto ran = claim(2);
  finish(ran.at(0).run, Verdict{.kind = Kind::completed, .result = std::string(5'000, '1')});
  const auto list = [&](const JobPage& page) {
    return in_unit([&](Unit& unit) { return list_jobs(unit, {}, page); });
  };
  const auto jobs = list({}).jobs;
  ASSERT_EQ(jobs.size(), 2u);
  EXPECT_EQ(jobs[0].payload, "");
  EXPECT_TRUE(jobs[0].abridged);
  EXPECT_EQ(jobs[1].payload, "{\"n\":1}");
  EXPECT_EQ(jobs[1].result, "");
  EXPECT_TRUE(jobs[1].abridged);
  insert({});
  EXPECT_FALSE(list({.limit = 1}).jobs.at(0).abridged);
  EXPECT_EQ(job(small).result.size(), 5'000u);
}

TEST_F(JobReadsTest, a_page_ends_where_its_jobs_are_large_and_says_where_to_go_on) {
  for (int i = 0; i < 20; ++i) insert({.payload = "\"" + std::string(1'000'000, 'x') + "\""});
  JobPage page;
  std::vector<std::int64_t> seen;
  int pages = 0;
  do {
    const auto list = in_unit([&](Unit& unit) { return list_jobs(unit, {}, page); });
    for (const auto& job : list.jobs) seen.push_back(job.id.value());
    page.before = list.next;
    ++pages;
  } while (page.before);
  EXPECT_EQ(pages, 2);
  EXPECT_EQ(seen.size(), 20u);
  EXPECT_TRUE(std::is_sorted(seen.rbegin(), seen.rend()));
}

}  // namespace
}  // namespace host
