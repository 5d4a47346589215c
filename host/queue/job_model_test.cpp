// SPDX-License-Identifier: Apache-2.0
//
// The job table against a plain model of it: random operations, every row compared after each one.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>

#include "base/fake_loop.hpp"
#include "queue/job_model.hpp"
#include "queue/job_table.hpp"
#include "store/inline_store.hpp"

namespace host {
namespace {

using Kind = Verdict::Kind;

constexpr RetryPolicy kPolicy{};
constexpr std::array<const char*, 3> kKeys{"", "a", "b"};
constexpr int kKeyLimit = 2;

class Comparison {
 public:
  Comparison() { model_.now = loop_.clock().wall(); }

  template <class W>
  auto in_unit(W work) {
    return store_.run_now(std::move(work));
  }

  void step() {
    switch (*rc::gen::inRange(0, 10)) {
      case 0:
      case 1: return insert();
      case 2:
      case 3: return claim();
      case 4:
      case 5: return finish();
      case 6: return give_back();
      case 7: return order();
      case 8: return pass_time();
      default: return recover();
    }
  }

  void compare() {
    for (const auto& entry : model_.rows) {
      const JobId id(entry.first);
      const auto& row = entry.second;
      const auto detail = in_unit([&](Unit& unit) { return read_job(unit, id); });
      const Job& job = detail.job;
      RC_ASSERT(name(job.state) == name(row.state));
      RC_ASSERT(job.attempt == row.attempt);
      RC_ASSERT(job.attempt <= job.max_attempts);
      RC_ASSERT(job.crashes == row.crashes);
      RC_ASSERT(job.interrupted == row.interrupted);
      RC_ASSERT(job.lease.value() == row.lease);
      RC_ASSERT(job.unique_key == row.key);
      RC_ASSERT(job.waits_turn == (row.state == JobState::available && !row.turn));
      RC_ASSERT(!job.held.empty() == row.held);
      RC_ASSERT(static_cast<int>(detail.attempts.size()) == std::min(row.history, kAttemptsKept));
      const bool later = row.state == JobState::scheduled || row.state == JobState::retryable;
      if (later) RC_ASSERT(job.due == (row.held ? std::nullopt : row.due));
    }
  }

 private:
  std::int64_t any_job() {
    return model_.last == 0 ? 0 : *rc::gen::inRange<std::int64_t>(1, model_.last + 1);
  }

  void insert() {
    NewJob job{.task = "work"};
    job.priority = *rc::gen::inRange(0, 10);
    job.max_attempts = *rc::gen::inRange(1, 5);
    job.unique_key = *rc::gen::elementOf(kKeys);
    job.concurrency_key = *rc::gen::elementOf(kKeys);
    job.key_limit = kKeyLimit;
    job.unique_window = std::chrono::seconds(*rc::gen::elementOf(std::vector<int>{0, 0, 300}));
    job.delay = std::chrono::seconds(*rc::gen::elementOf(std::vector<int>{0, 0, 5, 600}));
    const auto inserted = in_unit([&](Unit& unit) { return insert_job(unit, job, model_.now); });
    const auto before = model_.last;
    RC_ASSERT(inserted.id.value() == model_.insert(job));
    RC_ASSERT(inserted.duplicate == (model_.last == before));
  }

  void claim() {
    const int count = *rc::gen::inRange(1, 4);
    const auto claimed =
        in_unit([&](Unit& unit) { return claim_jobs(unit, "work", count, instance_, model_.now); });
    std::vector<std::int64_t> ids;
    for (const auto& job : claimed.jobs) ids.push_back(job.run.job.value());
    RC_ASSERT(ids == model_.claim("work", count));
  }

  void finish() {
    const auto id = any_job();
    if (id == 0) return;
    const auto& row = model_.rows.at(id);
    const auto lease = row.lease - *rc::gen::inRange(0, 2);
    const auto kind = static_cast<Kind>(*rc::gen::inRange(0, 7));
    const bool permanent = *rc::gen::inRange(0, 5) == 0;
    const bool current = row.state == JobState::running && lease == row.lease;
    const auto finished = in_unit([&](Unit& unit) {
      return finish_run(unit, {JobId(id), RunLease(lease)}, {.kind = kind, .permanent = permanent},
                        kPolicy, model_.now, 0);
    });
    RC_ASSERT(finished.has_value() == current);
    if (!current) return;
    const auto attempt = row.attempt;
    model_.finish(id, kind, permanent,
                  kind == Kind::snoozed ? kPolicy.base : retry_delay(kPolicy, attempt, 0));
    RC_ASSERT(name(finished->state) == name(model_.rows.at(id).state));
  }

  void give_back() {
    const auto id = any_job();
    if (id == 0) return;
    auto& row = model_.rows.at(id);
    const bool current = row.state == JobState::running;
    const auto state = in_unit([&](Unit& unit) {
      return host::give_back(unit, {JobId(id), RunLease(row.lease)}, model_.now);
    });
    RC_ASSERT(state.has_value() == current);
    if (!current) return;
    model_.give_back(id);
    RC_ASSERT(*state == row.state);
  }

  // An order and whether it was taken, here and there.
  void order() {
    const auto id = any_job();
    if (id == 0) return;
    const auto taken = [&](auto work) {
      return attempt([&] { in_unit([&](Unit& unit) { (void)work(unit); }); }).ok();
    };
    const auto now = model_.now;
    switch (*rc::gen::inRange(0, 4)) {
      case 0:
        RC_ASSERT(taken([&](Unit& unit) { return cancel_job(unit, JobId(id), now); }) ==
                  model_.cancel(id));
        break;
      case 1:
        RC_ASSERT(taken([&](Unit& unit) { return retry_job(unit, JobId(id), now); }) ==
                  model_.retry(id));
        break;
      case 2:
        RC_ASSERT(taken([&](Unit& unit) { return discard_job(unit, JobId(id), now); }) ==
                  model_.discard(id));
        break;
      default:
        RC_ASSERT(taken([&](Unit& unit) { return run_job_now(unit, JobId(id), now); }) ==
                  model_.run_now(id));
    }
  }

  void pass_time() {
    model_.now += std::chrono::seconds(*rc::gen::inRange(0, 700));
    in_unit([&](Unit& unit) { return promote_due(unit, model_.now, 1000); });
    model_.promote();
  }

  void recover() {
    ++instance_;
    model_.recover();
    in_unit([&](Unit& unit) { return recover_runs(unit, instance_, model_.now); });
  }

  FakeLoop loop_;
  InlineStore store_{loop_};
  JobModel model_;
  std::int64_t instance_ = 1;
};

TEST(JobModelTest, the_table_does_what_the_model_does) {
  EXPECT_TRUE(rc::check([] {
    Comparison comparison;
    const int steps = *rc::gen::inRange(1, 60);
    for (int i = 0; i < steps; ++i) {
      comparison.step();
      comparison.compare();
    }
  }));
}

}  // namespace
}  // namespace host
