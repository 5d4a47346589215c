// SPDX-License-Identifier: Apache-2.0
//
// The SQL of jobs and attempts: every transition, as functions on a Unit, so that whoever has a
// transaction of his own (a tick, a service call, a completion) can put jobs into it. Store thread.
// `now` is the queue's timeline. Every write about a run is fenced: it says
// WHERE id=? AND state='running' AND run_lease=?, and a run whose lease is no longer the job's
// changes nothing.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "queue/job.hpp"
#include "store/unit.hpp"

namespace host {

// Inserts a job, available or scheduled by its delay. Throws Error{invalid} or {too_large} naming
// the field. After the commit call Queue::note_inserted(task, inserted.due).
Inserted insert_job(Unit& unit, const NewJob& job, WallTime now);

// Throws what insert_job would throw for the job's own fields.
void check_new_job(const NewJob& job);

// Up to `count` available jobs of the task that have their turn, and no more than the rate limit
// allows, become running, best first: by priority with aging, then by age. The lease grows and an
// attempt is burned. `key` is left empty.
Claimed claim_jobs(Unit& unit, std::string_view task, int count, std::int64_t instance,
                   WallTime now, const RateLimit& rate = {});

// Leaves what insert_job() of each and then claim_jobs() of as many would leave, but writes each
// job once. Only while no job of their task waits that a claim could take first; nullopt: one does,
// and nothing was written. REQUIRES: may_start(jobs).
struct StartedAtOnce {
  std::vector<Inserted> inserted;
  std::vector<ClaimedJob> claimed;  // in the order of a claim
};
std::optional<StartedAtOnce> insert_running(Unit& unit, std::span<const NewJob> jobs,
                                            std::int64_t instance, WallTime now);
// Whether these may start as they are inserted, as far as their fields tell: of one task, due now,
// without a key of either kind, and no larger together than one claim may be.
[[nodiscard]] bool may_start(std::span<const NewJob> jobs);

// Ends a run by its verdict and writes its attempt row; of a job's rows the newest kAttemptsKept
// are kept. nullopt: stale, nothing was changed. `random` is for the back-off's jitter.
std::optional<Finished> finish_run(Unit& unit, RunId run, const Verdict& verdict,
                                   const RetryPolicy& policy, WallTime now, double random);

// A run that was claimed but never begun goes back, as if it had never been claimed (the lease
// stays grown). What the job is then: available, or cancelled when that had been asked for.
// nullopt: stale.
std::optional<JobState> give_back(Unit& unit, RunId run, WallTime now);

// Whether this run is the job's current one. For writes of a run that are not its completion.
bool is_current(Unit& unit, RunId run);
// The same; throws Error{stale}.
void require_current(Unit& unit, RunId run);

// Progress of the run, as JSON. Throws Error{stale}.
void set_progress(Unit& unit, RunId run, std::string_view json);

// Scheduled and retryable jobs whose time has come become available, at most `limit`.
struct Promoted {
  std::vector<std::string> tasks;    // of those promoted, each once
  std::optional<WallTime> next_due;  // the earliest that still waits
};
Promoted promote_due(Unit& unit, WallTime now, int limit);
std::optional<WallTime> earliest_due(Unit& unit);

// Runs of instances other than `instance` are given back as interrupted.
Recovery recover_runs(Unit& unit, std::int64_t instance, WallTime now);

// What operators order. All throw Error{not_found}.
//   cancel   at once when waiting, asked for when running, no change when ended
//   retry    an ended, held or waiting job becomes available with fresh counters, its history kept;
//            Error{conflict} when running
//   discard  a waiting job is given up as it is; Error{conflict} when running or ended
//   run_now  a scheduled or retryable job is due now, its counters kept; Error{conflict} in any
//            other state, and when held: that is retry's
Cancelled cancel_job(Unit& unit, JobId id, WallTime now);
Job retry_job(Unit& unit, JobId id, WallTime now);
Job discard_job(Unit& unit, JobId id, WallTime now);
Job run_job_now(Unit& unit, JobId id, WallTime now);

// There is news for a job that waits: one in back-off, snoozed or delayed is due now. A failed one
// gets a try more, so that news never use up those that were meant for failures that pass. False:
// it is available already, or held, or waits no longer; nothing was changed.
bool hasten_job(Unit& unit, JobId id, WallTime now);

// All that match, oldest first, but no more than `limit`: ids alone, for what is done to many.
std::vector<JobId> matching_jobs(Unit& unit, const JobFilter& filter, std::int64_t limit);

// The same for many. One that no longer matches, or whose state the action does not fit, is left.
struct BulkStep {
  int changed = 0;
  int skipped = 0;
  std::vector<RunId> running;   // cancelled while they run: to be told
  std::set<std::string> ready;  // tasks that may have available jobs
};
BulkStep order_jobs(Unit& unit, BulkAction action, const JobFilter& filter,
                    std::span<const JobId> jobs, WallTime now);
// How many match, no further than `cap`.
std::int64_t count_matching(Unit& unit, const JobFilter& filter, std::int64_t cap);

// Error{not_found} if there is none.
JobDetail read_job(Unit& unit, JobId id);
// Without its attempts; nullopt: there is none.
std::optional<Job> find_job(Unit& unit, JobId id);
// Bounded work: a page may be short, and even empty, although there are more; see JobList.
JobList list_jobs(Unit& unit, const JobFilter& filter, const JobPage& page);
// Counts no further than the caps: a backlog of a million must not cost more than one of a hundred.
struct CountCaps {
  std::int64_t of_state = 10'000;
  std::int64_t of_task = 1'000;
};
Counts count_jobs(Unit& unit, CountCaps caps = {});
// When a run of each task last ended, as far as the newest some thousand ended jobs tell.
std::map<std::string, WallTime> last_ends(Unit& unit);

// One row of `instances` for a host that starts; its id is what claim_jobs() takes. Of the rows the
// newest thousand are kept.
std::int64_t register_instance(Unit& unit, WallTime now);
// What makes idempotency keys unique over stores: random, made with the database.
std::string read_store_id(Unit& unit);

}  // namespace host
