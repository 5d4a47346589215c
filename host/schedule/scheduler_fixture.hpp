// SPDX-License-Identifier: Apache-2.0
//
// A scheduler on the in-memory twins, for its tests.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/fake_loop.hpp"
#include "schedule/scheduler.hpp"
#include "store/inline_store.hpp"

namespace host {

using Lines = std::vector<std::string>;

inline ScheduledTask task(std::string name, std::string schedule,
                          CatchUp catch_up = CatchUp::latest,
                          Overlap overlap = Overlap::allow_all) {
  ScheduledTask task;
  task.task = std::move(name);
  task.schedule = std::move(schedule);
  task.catch_up = catch_up;
  task.overlap = overlap;
  return task;
}

// The clock starts at 2026-01-05T12:00:00Z.
class SchedulerTest : public testing::Test {
 protected:
  SchedulerTest() {
    queue_.recover([](const Result<Recovery>& recovery) { ASSERT_TRUE(recovery.ok()); });
    start();
  }

  // The scheduler of a host that was started.
  void start() {
    scheduler_ = std::make_unique<Scheduler>(store_, queue_, loop_, log_);
    loop_.drain();
  }

  void set(std::vector<ScheduledTask> tasks) {
    int answers = 0;
    scheduler_->set(std::move(tasks), [&](const Status& status) {
      EXPECT_TRUE(status.ok());
      ++answers;
    });
    EXPECT_EQ(answers, 0);
    loop_.drain();
    EXPECT_EQ(answers, 1);
  }

  // The host is down for a while.
  void restart_after(Duration down, std::vector<ScheduledTask> tasks) {
    scheduler_.reset();
    loop_.fake_clock().advance(down);
    start();
    set(std::move(tasks));
  }

  void set_clock(WallTime to) {
    loop_.fake_clock().set_wall(to);
    scheduler_->clock_changed();
    loop_.drain();
  }

  Lines rows(const char* sql) {
    return store_.run_now([sql](Unit& unit) {
      Lines lines;
      auto& row = unit.prepare(sql);
      while (row.step()) lines.push_back(row.string(0));
      return lines;
    });
  }
  // "task hh:mm:ss" of each job's nominal instant, in order of insertion.
  Lines jobs() {
    return rows(
        "SELECT task || strftime(' %H:%M:%S', nominal / 1000000, 'unixepoch') FROM jobs "
        "WHERE source='schedule' ORDER BY id");
  }
  Lines events() { return rows("SELECT kind || ': ' || detail FROM events ORDER BY id"); }
  Lines outcomes() { return rows("SELECT outcome FROM ticks ORDER BY nominal"); }

  // One run of the task, ended as `kind`. False when none was available.
  bool run_one(const std::string& name, Verdict::Kind kind = Verdict::Kind::completed) {
    bool ran = false;
    queue_.claim(name, 1, [&](const Result<Claimed>& claimed) {
      if (claimed.value().jobs.empty()) return;
      ran = true;
      Verdict verdict;
      verdict.kind = kind;
      queue_.finish(claimed.value().jobs.front().run, verdict, {}, {}, {});
    });
    loop_.drain();
    return ran;
  }

  FakeLoop loop_;
  InlineStore store_{loop_};
  std::shared_ptr<Lines> lines_ = std::make_shared<Lines>();
  Log log_ = Log::to_memory(lines_);
  Queue queue_{store_, loop_, log_};
  std::unique_ptr<Scheduler> scheduler_;
  const WallTime noon_ =
      std::chrono::sys_days(std::chrono::year(2026) / 1 / 5) + std::chrono::hours(12);
};

}  // namespace host
