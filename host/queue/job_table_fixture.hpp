// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include "base/fake_loop.hpp"
#include "queue/job_table.hpp"
#include "store/inline_store.hpp"

namespace host {

// Jobs of the task "work", on tables in memory, at a time that the test moves.
class JobTableTest : public testing::Test {
 protected:
  using Kind = Verdict::Kind;

  template <class W>
  auto in_unit(W work) {
    return store_.run_now(std::move(work));
  }
  JobId insert(NewJob job) {
    if (job.task.empty()) job.task = "work";
    return in_unit([&](Unit& unit) { return insert_job(unit, job, now_); }).id;
  }
  std::vector<ClaimedJob> claim(int count = 1, std::int64_t instance = 1) {
    return in_unit([&](Unit& unit) { return claim_jobs(unit, "work", count, instance, now_); })
        .jobs;
  }
  RunId claim_one() {
    const auto jobs = claim();
    EXPECT_EQ(jobs.size(), 1u);
    return jobs.empty() ? RunId{} : jobs.front().run;
  }
  std::optional<Finished> finish(RunId run, Verdict verdict, RetryPolicy policy = {}) {
    return in_unit(
        [&](Unit& unit) { return finish_run(unit, run, verdict, policy, now_, 0.999999); });
  }
  std::optional<Finished> finish(RunId run, Kind kind) {
    return finish(run, Verdict{.kind = kind});
  }
  Job job(JobId id) {
    return in_unit([&](Unit& unit) { return read_job(unit, id); }).job;
  }
  std::vector<Attempt> attempts(JobId id) {
    return in_unit([&](Unit& unit) { return read_job(unit, id); }).attempts;
  }
  Promoted promote() {
    return in_unit([&](Unit& unit) { return promote_due(unit, now_, 100); });
  }
  std::vector<std::string> event_kinds() {
    return in_unit([](Unit& unit) {
      std::vector<std::string> kinds;
      auto& row = unit.query("SELECT kind FROM events ORDER BY id");
      while (row.step()) kinds.push_back(row.string(0));
      return kinds;
    });
  }

  FakeLoop loop_;
  InlineStore store_{loop_};
  WallTime now_ = loop_.clock().wall();
};

}  // namespace host
