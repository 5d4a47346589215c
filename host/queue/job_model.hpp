// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "queue/job.hpp"

namespace host {

// What jobs are, by the rules of queue/job.hpp and nothing else: for tests that hold the queue
// against it. Ids are counted from 1.
class JobModel {
 public:
  struct Row {
    std::string task;
    JobState state = JobState::available;
    int priority = 5;
    int attempt = 0;
    int max_attempts = 0;
    int crashes = 0;
    int interrupted = 0;
    std::int64_t lease = 0;
    WallTime rank;
    WallTime inserted;
    std::optional<WallTime> due;
    std::optional<WallTime> ended;
    std::optional<std::int64_t> parent;
    std::string key;
    std::string concurrency_key;
    std::string progress;
    int key_limit = 1;
    bool turn = true;
    bool cancel = false;
    bool held = false;
    int history = 0;
  };

  [[nodiscard]] static bool waits(const Row& row) {
    return row.state == JobState::scheduled || row.state == JobState::available ||
           row.state == JobState::retryable;
  }
  [[nodiscard]] bool is_current(std::int64_t id, std::int64_t lease) const {
    const auto found = rows.find(id);
    return found != rows.end() && found->second.state == JobState::running &&
           found->second.lease == lease;
  }

  // The job's id, or its duplicate's.
  std::int64_t insert(const NewJob& job) {
    if (job.unique_window > Duration::zero())
      for (auto& [id, row] : rows)
        if (row.task == job.task && row.key == job.unique_key && waits(row) &&
            row.inserted < now - job.unique_window)
          row.key.clear();
    if (const auto other = waiting_with(job.task, job.unique_key)) return other;
    Row row{.task = job.task,
            .priority = job.priority,
            .max_attempts = job.max_attempts,
            .rank = rank_of(now + job.delay, job.priority),
            .inserted = now,
            .key = job.unique_key,
            .concurrency_key = job.concurrency_key,
            .key_limit = job.key_limit,
            .turn = job.concurrency_key.empty()};
    if (job.parent) row.parent = job.parent->value();
    if (job.delay > Duration::zero()) {
      row.state = JobState::scheduled;
      row.due = now + job.delay;
    }
    rows.emplace(++last, std::move(row));
    give_turns();
    return last;
  }

  // Whether a claim would find one.
  [[nodiscard]] bool has_available(const std::string& task) const {
    return std::any_of(rows.begin(), rows.end(), [&](const auto& row) {
      return row.second.task == task && row.second.state == JobState::available && row.second.turn;
    });
  }

  std::vector<std::int64_t> claim(const std::string& task, int count, const RateLimit& rate = {}) {
    auto& starts = starts_[task];
    if (rate) {
      std::erase_if(starts, [&](WallTime at) { return at <= now - rate.per; });
      count = std::min(count, std::max(rate.runs - static_cast<int>(starts.size()), 0));
    }
    std::vector<std::pair<WallTime, std::int64_t>> order;
    for (const auto& [id, row] : rows)
      if (row.task == task && row.state == JobState::available && row.turn)
        order.emplace_back(row.rank, id);
    std::sort(order.begin(), order.end());
    order.resize(std::min(order.size(), static_cast<std::size_t>(count)));
    std::vector<std::int64_t> claimed;
    for (const auto& [rank, id] : order) {
      auto& row = rows.at(id);
      row.state = JobState::running;
      row.progress.clear();
      ++row.attempt, ++row.lease;
      claimed.push_back(id);
      if (rate) starts.push_back(now);
    }
    return claimed;
  }

  // `wait`: until it is tried again, or runs again when it is snoozed.
  void finish(std::int64_t id, Verdict::Kind kind, bool permanent, Duration wait) {
    using Kind = Verdict::Kind;
    auto& row = rows.at(id);
    ++row.history;
    if (kind == Kind::crashed) ++row.crashes;
    if (kind == Kind::completed) {
      end(row, JobState::completed);
    } else if (kind == Kind::cancelled || row.cancel) {
      end(row, JobState::cancelled);
    } else if (kind == Kind::snoozed) {
      --row.attempt;
      put_off(id, JobState::scheduled, wait);
    } else if (kind == Kind::interrupted) {
      --row.attempt;
      row.held = ++row.interrupted > kInterruptLimit;
      wait_again(id, row.held ? JobState::scheduled : JobState::available);
      row.due.reset();
    } else if (permanent || row.attempt >= row.max_attempts || row.crashes >= kCrashLimit) {
      end(row, JobState::discarded);
    } else {
      put_off(id, JobState::retryable, wait);
    }
    give_turns();
  }

  void give_back(std::int64_t id) {
    auto& row = rows.at(id);
    --row.attempt;
    wait_again(id, JobState::available);
    if (row.cancel) end(row, JobState::cancelled);
    give_turns();
  }

  void promote() {
    for (auto& [id, row] : rows) {
      const bool later = row.state == JobState::scheduled || row.state == JobState::retryable;
      if (later && row.due && *row.due <= now) make_available(row);
    }
    give_turns();
  }

  // A host starts after another one's end.
  void recover() {
    for (auto& [id, row] : rows)
      if (row.state == JobState::running) finish(id, Verdict::Kind::interrupted, false, {});
  }

  // Orders. False: refused.
  bool cancel(std::int64_t id) {
    const auto found = rows.find(id);
    if (found == rows.end()) return false;
    auto& row = found->second;
    if (waits(row)) end(row, JobState::cancelled);
    if (row.state == JobState::running) row.cancel = true;
    give_turns();
    return true;
  }
  bool retry(std::int64_t id) {
    const auto found = rows.find(id);
    if (found == rows.end() || found->second.state == JobState::running) return false;
    auto& row = found->second;
    wait_again(id, JobState::available);
    row.attempt = row.crashes = row.interrupted = 0;
    row.cancel = row.held = false;
    row.ended.reset();
    row.rank = rank_of(now, row.priority);
    row.turn = row.concurrency_key.empty();
    give_turns();
    return true;
  }
  bool discard(std::int64_t id) {
    const auto found = rows.find(id);
    if (found == rows.end() || !waits(found->second)) return false;
    end(found->second, JobState::discarded);
    give_turns();
    return true;
  }
  bool run_now(std::int64_t id) {
    const auto found = rows.find(id);
    if (found == rows.end()) return false;
    auto& row = found->second;
    const bool later = row.state == JobState::scheduled || row.state == JobState::retryable;
    if (!later || row.held) return false;
    row.rank = rank_of(now, row.priority);
    make_available(row);
    give_turns();
    return true;
  }

  std::map<std::int64_t, Row> rows;
  std::int64_t last = 0;
  WallTime now;

 private:
  static WallTime rank_of(WallTime due, int priority) {
    return due + std::chrono::minutes(10) * priority;
  }
  [[nodiscard]] std::int64_t waiting_with(const std::string& task, const std::string& key,
                                          std::int64_t but = 0) const {
    for (const auto& [id, row] : rows)
      if (id != but && !key.empty() && row.task == task && row.key == key && waits(row)) return id;
    return 0;
  }
  // Among the available and running of one task and key no more than the limit have their turn.
  void give_turns() {
    std::map<std::pair<std::string, std::string>, int> holders;
    std::vector<std::tuple<WallTime, std::int64_t, Row*>> waiting;
    for (auto& [id, row] : rows) {
      const bool counts = row.state == JobState::available || row.state == JobState::running;
      if (row.concurrency_key.empty() || !counts) continue;
      if (row.turn) {
        ++holders[{row.task, row.concurrency_key}];
      } else {
        waiting.emplace_back(row.rank, id, &row);
      }
    }
    std::sort(waiting.begin(), waiting.end());
    for (auto& [rank, id, row] : waiting)
      if (holders[{row->task, row->concurrency_key}] < row->key_limit)
        row->turn = true, ++holders[{row->task, row->concurrency_key}];
  }
  void end(Row& row, JobState state) const {
    row.state = state;
    row.held = false;
    row.ended = now;
  }
  void wait_again(std::int64_t id, JobState state) {
    auto& row = rows.at(id);
    if (waiting_with(row.task, row.key, id) != 0) row.key.clear();
    row.state = state;
  }
  void put_off(std::int64_t id, JobState state, Duration wait) {
    auto& row = rows.at(id);
    row.due = now + wait;
    row.rank = rank_of(*row.due, row.priority);
    wait_again(id, state);
  }
  static void make_available(Row& row) {
    row.state = JobState::available;
    row.turn = row.concurrency_key.empty();
  }

  std::map<std::string, std::vector<WallTime>> starts_;  // by task, of those with a rate
};

}  // namespace host
