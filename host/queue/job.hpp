// SPDX-License-Identifier: Apache-2.0
//
// What a job is and what can happen to it. States and words are River's and Oban's.
//
//   insert ─> scheduled ─due─> available ─claim─> running ─> completed
//                  │               │   ^             ├─> retryable ─due─> available
//                  └───cancel──────┴─┐ │             ├─> scheduled (snoozed: no attempt burned)
//                                    v └─interrupted─┤
//                                cancelled <─cancel──┴─> discarded ─retry─> available
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/ids.hpp"

namespace host {

enum class JobState { scheduled, available, running, retryable, completed, cancelled, discarded };
// As stored and printed. Static storage.
[[nodiscard]] std::string_view name(JobState state) noexcept;
// Throws Error{invalid} naming the text and the states that there are.
[[nodiscard]] JobState parse_job_state(std::string_view text);

inline constexpr std::size_t kPayloadCap = 1024 * 1024;  // bytes; also of a result
inline constexpr std::size_t kOutputCap = 16 * 1024;  // bytes of a run's last lines that are kept
inline constexpr int kAttemptsKept = 100;             // of a job, the newest
inline constexpr int kCrashLimit = 3;                 // this many and the job is poison
inline constexpr int kInterruptLimit = 20;            // more than this many and the job is held

struct NewJob {
  std::string task;
  std::string payload = "{}";  // JSON, at most kPayloadCap; stored as it is
  int priority = 5;            // 0..9, lower first; one step is worth ten minutes of waiting
  Duration delay{};            // from now; not positive: at once
  // Not empty: while a job of this task and key waits (scheduled, available or retryable) a second
  // one is a duplicate and is not inserted. A running one doesn't count: what comes while an item
  // is worked on asks for another pass.
  std::string unique_key;
  Duration unique_window{};  // positive: only a waiting job inserted at most this long ago counts
  // Not empty: at most `key_limit` jobs of this task and key run at once; the others wait for their
  // turn, which goes by rank.
  std::string concurrency_key;
  int key_limit = 1;
  int max_attempts = 5;
  std::string source;               // who asked: "schedule", "cli", "plugin", "webhook"
  std::optional<WallTime> nominal;  // the schedule's instant that it stands for
  std::optional<JobId> parent;      // the job whose run asked for it
};

struct Inserted {
  JobId id;  // of the job that waits already, when it is a duplicate
  bool duplicate = false;
  std::optional<WallTime> due;  // on the queue's timeline; nullopt when available at once
};

struct ClaimedJob {
  RunId run;
  std::string task;
  std::string payload;
  std::string key;  // idempotency key: the same in each run of this job, of no other job anywhere
  int attempt = 0;  // this one; the first is 1
  int max_attempts = 0;
  int crashes = 0;  // 1 or more: it runs alone
  std::optional<WallTime> nominal;
};

// How often a task's runs may be claimed: in any span of `per` at most `runs` of them.
struct RateLimit {
  int runs = 0;  // 0: no limit; at most kRateLimitRuns
  Duration per{};

  explicit operator bool() const { return runs > 0; }
  bool operator==(const RateLimit&) const = default;
};
inline constexpr int kRateLimitRuns = 1000;
// "30/1h"; "none" or "" for no limit. Throws Error{invalid}.
[[nodiscard]] RateLimit parse_rate(std::string_view text);
// The same back, "none" for no limit.
[[nodiscard]] std::string to_text(const RateLimit& rate);

struct Claimed {
  std::vector<ClaimedJob> jobs;
  // The rate limit kept jobs back: ask again then. On the queue's timeline.
  std::optional<WallTime> again;
  bool more = false;  // there are more, which were too large for one claim
};

// What a run used, of its worker's process.
struct Usage {
  Duration cpu{};                   // user and system
  std::uint64_t max_rss_bytes = 0;  // 0: not known; of a worker that died, when below the host's
};

// How a run ended.
struct Verdict {
  enum class Kind {
    completed,
    failed,       // the plugin said so; `permanent`: retrying can't help
    timed_out,    // the deadline passed
    crashed,      // its worker died while this job had begun
    cancelled,    // somebody asked
    interrupted,  // the host's own death or drain: no attempt burned
    snoozed,      // the plugin asks for `delay`: no attempt burned
  };
  Kind kind = Kind::failed;
  bool permanent = false;
  std::string code;               // short and stable, "no_result"; empty when completed
  std::string message;            // for people
  std::string result;             // JSON, or empty
  std::optional<Duration> delay;  // snooze, or the other side's Retry-After
  int signal = 0;                 // that ended the worker, or 0
  int exit_status = 0;            // of the worker, where it exited
  Usage usage;
  std::string output;  // last lines of stdout and stderr; cut to the last kOutputCap bytes
};
[[nodiscard]] std::string_view name(Verdict::Kind kind) noexcept;
// Throws Error{invalid}.
[[nodiscard]] Verdict::Kind parse_verdict_kind(std::string_view text);

struct RetryPolicy {
  int max_attempts = 5;  // what an inserter copies into NewJob; finish() goes by the job's own
  Duration base = std::chrono::seconds(5);
  Duration cap = std::chrono::hours(1);

  bool operator==(const RetryPolicy&) const = default;
};

// How long to wait after attempt `n` (1, 2, ...) failed: min(cap, base * 2^(n-1)) times a factor
// of 0.5 to 1 ("equal jitter"). `random` is uniform in [0, 1).
[[nodiscard]] Duration retry_delay(const RetryPolicy& policy, int n, double random);

// A job that follows another: inserted in the transaction of that one's end.
enum class FollowOn {
  success,  // it completed
  failure,  // it was discarded: no attempt is left
  always,   // it ended, cancelled included
};
struct Follower {
  NewJob job;
  FollowOn when = FollowOn::success;
};
// Whether what a job has become calls for such a follower.
[[nodiscard]] bool follows(FollowOn when, JobState state) noexcept;

struct Finished {
  JobState state = JobState::completed;
  std::optional<WallTime> next_run;  // on the queue's timeline, when it runs again by itself
  bool poison = false;               // discarded for its crashes
  bool held = false;                 // interrupted too often: waits for `jobs retry`
  bool turn_given = false;           // another job of its key may be claimed now
};

// A job as it is shown.
struct Job {
  JobId id;
  std::string task;
  JobState state = JobState::scheduled;
  std::string payload;
  int priority = 5;
  int attempt = 0;
  int max_attempts = 5;
  int crashes = 0;
  int interrupted = 0;
  RunLease lease;
  std::string source;
  std::string unique_key;
  std::string concurrency_key;
  bool waits_turn = false;      // available, and others of its key run
  std::optional<WallTime> due;  // when scheduled or retryable; nullopt when held
  std::optional<WallTime> nominal;
  std::optional<JobId> parent;
  WallTime inserted_at;
  std::optional<WallTime> attempted_at;  // the last claim
  std::optional<WallTime> ended_at;      // completed, cancelled or discarded
  std::optional<WallTime> cancel_requested_at;
  std::string held;       // why it is held, or empty
  std::string progress;   // JSON {"percent","text"} of the run under way, or empty
  std::string result;     // JSON, or empty
  bool abridged = false;  // in a list: a payload or result too long for it is left empty
};

// One run of a job, written when it ended.
struct Attempt {
  RunLease lease;
  int attempt = 0;
  Verdict verdict;  // without `result`
  WallTime began;   // claimed
  WallTime ended;
  std::optional<WallTime> next_run;
};

struct JobDetail {
  Job job;
  std::vector<Attempt> attempts;  // oldest first; the last kAttemptsKept
};

struct JobFilter {
  std::optional<JobState> state;
  std::string task;   // empty: any
  bool held = false;  // only those that are held
};

// Newest first, by keyset: `before` is the `next` of the page before.
struct JobPage {
  std::optional<JobId> before;
  int limit = 50;  // 1..1000
};

// A page: no more than was asked for, and maybe less although there are more: no list looks at more
// than some ten thousand jobs.
struct JobList {
  std::vector<Job> jobs;      // payloads and results of more than 4 KiB are left out
  std::optional<JobId> next;  // where to go on; nullopt: there are no more
};

struct StateCount {
  JobState state;
  std::int64_t count = 0;
  bool capped = false;  // there are more than this
};

// A task's available jobs.
struct ReadyCount {
  std::string task;
  std::int64_t count = 0;  // that may be claimed now; 0 when all wait for their key's turn
  bool capped = false;
  std::optional<WallTime> next_since;  // since when the one that is next has been ready
  // Since when the oldest has, be it of low priority or waiting for its key's turn. With
  // `maybe_older` that is the oldest of the first hundred of a longer line.
  WallTime oldest_since;
  bool maybe_older = false;
};

struct Counts {
  std::vector<StateCount> states;  // each state once, in the enum's order
  std::vector<ReadyCount> ready;   // tasks that have any, by name; at most 1,000
};

// What operators do to many jobs at once.
enum class BulkAction { cancel, retry, discard, run_now };
[[nodiscard]] std::string_view name(BulkAction action) noexcept;
// Throws Error{usage}.
[[nodiscard]] BulkAction parse_bulk_action(std::string_view text);

// What a bulk order did.
struct BulkOutcome {
  std::int64_t changed = 0;
  std::int64_t skipped = 0;   // changed meanwhile, or in a state that the action does not fit
  std::int64_t stopping = 0;  // of the changed, cancelled while they run
};

// What a cancel met.
struct Cancelled {
  JobState state = JobState::cancelled;  // after it: cancelled, or running, or what it already was
  std::optional<RunId> running;          // set: tell this run to stop; its end makes it cancelled
};

// What recover() found.
struct Recovery {
  int interrupted = 0;  // runs of another instance, given back
  int held = 0;         // of these, interrupted too often
  int cancelled = 0;    // of these, asked to be cancelled
};

}  // namespace host
