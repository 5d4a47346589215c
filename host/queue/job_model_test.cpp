// SPDX-License-Identifier: Apache-2.0
//
// The job table against a plain model of it: random operations, every row compared after each one.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <map>

#include "base/fake_loop.hpp"
#include "queue/job_table.hpp"
#include "store/inline_store.hpp"

namespace host {
namespace {

using Kind = Verdict::Kind;

constexpr RetryPolicy kPolicy{};
constexpr std::array<const char*, 3> kKeys{"", "a", "b"};
constexpr int kKeyLimit = 2;

// What a job is, by the rules of queue/job.hpp and nothing else.
struct Model {
  struct Row {
    JobState state = JobState::available;
    int priority = 5;
    int attempt = 0;
    int max_attempts = 0;
    int crashes = 0;
    int interrupted = 0;
    std::int64_t lease = 0;
    std::int64_t instance = 0;
    WallTime rank;
    std::optional<WallTime> due;
    std::string key;
    std::string concurrency_key;
    bool turn = true;
    bool cancel = false;
    bool held = false;
    int history = 0;
  };

  [[nodiscard]] static bool waits(const Row& row) {
    return row.state == JobState::scheduled || row.state == JobState::available ||
           row.state == JobState::retryable;
  }
  [[nodiscard]] std::int64_t waiting_with(const std::string& key, std::int64_t but = 0) const {
    for (const auto& [id, row] : rows) {
      if (id != but && !key.empty() && row.key == key && waits(row)) return id;
    }
    return 0;
  }
  // Among the available and running of one key no more than the limit have their turn.
  void give_turns() {
    std::map<std::string, int> holders;
    std::vector<std::tuple<WallTime, std::int64_t, Row*>> waiting;
    for (auto& [id, row] : rows) {
      const bool counts = row.state == JobState::available || row.state == JobState::running;
      if (row.concurrency_key.empty() || !counts) continue;
      if (row.turn) {
        ++holders[row.concurrency_key];
      } else {
        waiting.emplace_back(row.rank, id, &row);
      }
    }
    std::sort(waiting.begin(), waiting.end());
    for (auto& [rank, id, row] : waiting)
      if (holders[row->concurrency_key] < kKeyLimit)
        row->turn = true, ++holders[row->concurrency_key];
  }
  void wait_again(std::int64_t id, JobState state) {
    auto& row = rows.at(id);
    if (waiting_with(row.key, id) != 0) row.key.clear();
    row.state = state;
  }
  static WallTime rank_of(WallTime due, int priority) {
    return due + std::chrono::minutes(10) * priority;
  }

  std::int64_t insert(const NewJob& job) {
    if (const auto other = waiting_with(job.unique_key)) return other;
    Row row{.priority = job.priority, .max_attempts = job.max_attempts, .key = job.unique_key};
    row.concurrency_key = job.concurrency_key;
    row.turn = job.concurrency_key.empty();
    row.rank = rank_of(now + job.delay, job.priority);
    if (job.delay > Duration::zero()) {
      row.state = JobState::scheduled;
      row.due = now + job.delay;
    }
    rows.emplace(++last, row);
    give_turns();
    return last;
  }

  std::vector<std::int64_t> claim(int count) {
    std::vector<std::pair<WallTime, std::int64_t>> order;
    for (const auto& [id, row] : rows) {
      if (row.state == JobState::available && row.turn) order.emplace_back(row.rank, id);
    }
    std::sort(order.begin(), order.end());
    order.resize(std::min(order.size(), static_cast<std::size_t>(count)));
    std::vector<std::int64_t> claimed;
    for (const auto& [rank, id] : order) {
      auto& row = rows.at(id);
      row.state = JobState::running;
      ++row.attempt, ++row.lease;
      row.instance = instance;
      claimed.push_back(id);
    }
    return claimed;
  }

  void finish(std::int64_t id, Kind kind, bool permanent) {
    auto& row = rows.at(id);
    ++row.history;
    if (kind == Kind::crashed) ++row.crashes;
    if (kind == Kind::completed) {
      row.state = JobState::completed;
    } else if (kind == Kind::cancelled || row.cancel) {
      row.state = JobState::cancelled;
    } else if (kind == Kind::snoozed) {
      --row.attempt;
      row.due = now + kPolicy.base;
      row.rank = rank_of(*row.due, row.priority);
      wait_again(id, JobState::scheduled);
    } else if (kind == Kind::interrupted) {
      --row.attempt;
      row.held = ++row.interrupted > kInterruptLimit;
      wait_again(id, row.held ? JobState::scheduled : JobState::available);
      row.due.reset();
    } else if (permanent || row.attempt >= row.max_attempts || row.crashes >= kCrashLimit) {
      row.state = JobState::discarded;
    } else {
      row.due = now + retry_delay(kPolicy, row.attempt, 0);
      row.rank = rank_of(*row.due, row.priority);
      wait_again(id, JobState::retryable);
    }
    give_turns();
  }

  void promote() {
    for (auto& [id, row] : rows) {
      const bool later = row.state == JobState::scheduled || row.state == JobState::retryable;
      if (!later || !row.due || *row.due > now) continue;
      row.state = JobState::available;
      row.turn = row.concurrency_key.empty();
    }
    give_turns();
  }

  void recover() {
    ++instance;
    for (auto& [id, row] : rows) {
      if (row.state == JobState::running) finish(id, Kind::interrupted, false);
    }
  }

  void retry(std::int64_t id) {
    auto& row = rows.at(id);
    wait_again(id, JobState::available);
    row.attempt = row.crashes = row.interrupted = 0;
    row.cancel = row.held = false;
    row.rank = rank_of(now, row.priority);
    row.turn = row.concurrency_key.empty();
    give_turns();
  }

  std::map<std::int64_t, Row> rows;
  std::int64_t last = 0;
  std::int64_t instance = 1;
  WallTime now;
};

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
      case 7: return cancel_or_retry();
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
      RC_ASSERT(!job.held.empty() == (row.held && row.state != JobState::cancelled));
      RC_ASSERT(static_cast<int>(detail.attempts.size()) == std::min(row.history, 50));
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
    job.delay = std::chrono::seconds(*rc::gen::elementOf(std::vector<int>{0, 0, 5, 600}));
    const auto inserted = in_unit([&](Unit& unit) { return insert_job(unit, job, model_.now); });
    const auto before = model_.last;
    RC_ASSERT(inserted.id.value() == model_.insert(job));
    RC_ASSERT(inserted.duplicate == (model_.last == before));
  }

  void claim() {
    const int count = *rc::gen::inRange(1, 4);
    const auto claimed = in_unit(
        [&](Unit& unit) { return claim_jobs(unit, "work", count, model_.instance, model_.now); });
    std::vector<std::int64_t> ids;
    for (const auto& job : claimed.jobs) ids.push_back(job.run.job.value());
    RC_ASSERT(ids == model_.claim(count));
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
    model_.finish(id, kind, permanent);
    RC_ASSERT(name(finished->state) == name(model_.rows.at(id).state));
  }

  void give_back() {
    const auto id = any_job();
    if (id == 0) return;
    auto& row = model_.rows.at(id);
    const bool current = row.state == JobState::running;
    const auto state = in_unit([&](Unit& unit) {
      return host::give_back(unit, {JobId(id), RunLease(row.lease)});
    });
    RC_ASSERT(state.has_value() == current);
    if (!current) return;
    --row.attempt;
    if (model_.waiting_with(row.key, id) != 0) row.key.clear();
    row.state = row.cancel ? JobState::cancelled : JobState::available;
    model_.give_turns();
    RC_ASSERT(*state == row.state);
  }

  void cancel_or_retry() {
    const auto id = any_job();
    if (id == 0) return;
    auto& row = model_.rows.at(id);
    if (*rc::gen::arbitrary<bool>()) {
      in_unit([&](Unit& unit) { return cancel_job(unit, JobId(id), model_.now); });
      if (Model::waits(row)) row.state = JobState::cancelled;
      if (row.state == JobState::running) row.cancel = true;
      model_.give_turns();
    } else if (row.state != JobState::running) {
      in_unit([&](Unit& unit) { return retry_job(unit, JobId(id), model_.now); });
      model_.retry(id);
    }
  }

  void pass_time() {
    model_.now += std::chrono::seconds(*rc::gen::inRange(0, 700));
    in_unit([&](Unit& unit) { return promote_due(unit, model_.now, 1000); });
    model_.promote();
  }

  void recover() {
    model_.recover();
    in_unit([&](Unit& unit) { return recover_runs(unit, model_.instance, model_.now); });
  }

  FakeLoop loop_;
  InlineStore store_{loop_};
  Model model_;
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
