// SPDX-License-Identifier: Apache-2.0
//
// Turns schedules into jobs. A tick is a schedule and an instant; it becomes a job at most once,
// ever: its row in `ticks` is unique and is written in the transaction that inserts the job.
//
//  * Ticks that come at the same time are one transaction. A failed one is tried again; the ticks
//    stay due until it is on the disk.
//  * A schedule's cursor (the last instant that was dealt with) is durable. What lies between it
//    and now at a start, after a suspend, or when the loop was late, is dealt with by `catch_up`.
//  * A wall clock that moves by more than kClockCorrection against CLOCK_BOOTTIME (which goes on
//    while the machine sleeps) was wrong before: every schedule goes on from the new now, no missed
//    ticks are made up, and an event says so. A smaller move forwards is like a pause; after one
//    backwards nothing is due until the cursor has been passed again.
//  * A schedule whose text or zone changes starts anew from now; so does one that was gone.
//  * A paused schedule has no ticks; that is durable. What comes due meanwhile is not made up when
//    it is resumed, whatever its `catch_up`, and is not recorded.
//  * Rows of `ticks` are kept for the longest catch-up window and a day, the newest run of each
//    schedule for ever.
//
// An idle scheduler has one timer, at the next tick.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/log.hpp"
#include "base/loop.hpp"
#include "base/result.hpp"
#include "queue/job.hpp"
#include "queue/queue.hpp"
#include "schedule/policy.hpp"
#include "schedule/schedule.hpp"
#include "store/store.hpp"

namespace host {

struct StoredSchedule;
struct TickResult;

// A wall clock that moves by more than this was corrected.
inline constexpr Duration kClockCorrection = std::chrono::hours(3);

struct ScheduledTask {
  std::string task;          // also the schedule's name
  std::string schedule;      // cron or "every: 90s", see schedule.hpp
  std::string zone = "UTC";  // IANA name
  CatchUp catch_up = CatchUp::latest;
  Duration catchup_window = std::chrono::hours(24);  // 0 to kLongestCatchupWindow
  Duration delay{};  // each tick is due so long after its instant: see schedule_delay()
  Overlap overlap = Overlap::skip;
  int concurrency = 1;  // the task's; buffer_one and buffer_all need 1: the queue keeps the order
  NewJob prototype;     // of each job; its task, source and nominal are filled in
};

struct SchedulerStats {
  std::uint64_t ticks = 0;       // that made a job
  std::uint64_t overlapped = 0;  // made none: an earlier job had not ended
  std::uint64_t duplicates = 0;  // made none: a job with their unique key waited already
  std::uint64_t repeated = 0;    // had been dealt with before: a clock was put back
  std::uint64_t missed = 0;      // not made up; counts up to kMissedCountLimit at a time
  std::uint64_t corrections = 0;
  std::uint64_t failures = 0;  // transactions that were tried again
  Duration longest_delay{};    // from a tick's instant to its job being durable; missed ones apart
};

// A schedule in force, as it stands.
struct ScheduleView {
  std::shared_ptr<const ScheduledTask> task;
  bool paused;
  std::optional<WallTime> next;      // delay included; nullopt: it is paused, or never fires again
  std::optional<WallTime> last_run;  // the instant of the last tick that became a job
};

// Loop thread only.
class Scheduler {
 public:
  static constexpr std::size_t kMissedCountLimit = 1000;

  // All outlive the scheduler. Nothing is scheduled before set().
  Scheduler(Store& store, Queue& queue, Loop& loop, Log log);
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  // Told, once it is durable, that a job which runs gave way to a tick: stop it, at once for
  // terminate_other. For cancel_other give it its time to end by itself.
  void set_stop_handler(std::function<void(JobId job, bool at_once)> handler) {
    stop_handler_ = std::move(handler);
  }

  // What set() would refuse about one task: throws Error{invalid, not_found or unsupported} naming
  // task and field.
  static void check(const ScheduledTask& task);

  // Replaces all schedules. Throws Error{invalid} listing every problem; then nothing changed.
  // `done` (may be empty): they are durable, and their ticks come from now on. On an Error the old
  // ones stay in force.
  void set(std::vector<ScheduledTask> tasks, Reply<Done> done = {});

  // Call it when the system clock was set or the machine woke up (see clock_watch.hpp).
  void clock_changed();

  // No more ticks from now on, for a drain. What is on its way to the store still becomes durable;
  // what comes due is found at the next start.
  void stop();

  // Durable when `done` is called, with whether it changed anything. `done` has Error{not_found}
  // when no schedule in force has that name, or what the store said. Throws Error{conflict} once
  // stopped.
  void pause(const std::string& task, Reply<bool> done);
  void resume(const std::string& task, Reply<bool> done);

  // One tick now, besides those of the schedule, which it moves in nothing: its job has the source
  // "schedule" and the present as its instant. The overlap policy and the unique key are asked as
  // ever; a pause does not stop it. `done` and throws as pause().
  void run_now(const std::string& task, Reply<TickResult> done);

  // By name.
  [[nodiscard]] std::vector<ScheduleView> list() const;
  [[nodiscard]] std::optional<ScheduleView> view(std::string_view task) const;
  // nullopt: no such schedule, or it is paused, or it never fires again.
  [[nodiscard]] std::optional<WallTime> next_run(std::string_view task) const;
  // The instant of the last tick that became a job; nullopt when there was none.
  [[nodiscard]] std::optional<WallTime> last_run(std::string_view task) const;

  [[nodiscard]] const SchedulerStats& stats() const { return stats_; }

 private:
  struct Entry;
  struct Firing;
  struct Fired;
  struct Request;
  using HeapItem = std::pair<WallTime, std::size_t>;  // next tick, index into entries_

  using Step = std::function<void(WallTime now)>;

  static Entry make_entry(ScheduledTask task);
  static std::string describe_missed(const Firing& firing);
  static Fired write(Unit& unit, const Firing& firing, WallTime wall, WallTime now);

  void wake(Duration delay);
  void pump();
  void notice_clock(WallTime now);
  void request(Step step);
  template <class V>
  void request_on(const std::string& task, Reply<V> done,
                  std::function<void(Entry&, WallTime, Reply<V>)> step);
  void set_paused(Entry& entry, bool paused, WallTime wall, Reply<bool> done);
  void insert_by_hand(Entry& entry, WallTime wall, Reply<TickResult> done);
  void load(std::shared_ptr<Request> request, WallTime wall);
  void loaded(std::vector<Entry> entries, std::vector<StoredSchedule>& stored);
  void rebase(WallTime wall);
  [[nodiscard]] Firing plan(std::size_t index, WallTime wall) const;
  void fire(WallTime wall);
  void fired(const Firing& firing, const Fired& outcome, WallTime durable);
  void prune();
  void stop_others(const ScheduledTask& task, const TickResult& result) const;
  void note_delay(Duration delay);
  void fill_heap();
  void enter(std::size_t index);
  template <class V, class Work, class Then>
  void ask(Work work, Then then);
  void succeeded();
  void failed(std::string_view doing, const Error& error);
  [[nodiscard]] Duration retention() const;
  [[nodiscard]] const Entry* find(std::string_view task) const;
  static ScheduleView view_of(const Entry& entry);

  Store& store_;
  Queue& queue_;
  Loop& loop_;
  Log log_;
  std::function<void(JobId, bool)> stop_handler_;
  std::vector<Entry> entries_;
  std::unordered_map<std::string_view, std::size_t> by_task_;  // keys: the entries' own
  std::priority_queue<HeapItem, std::vector<HeapItem>, std::greater<>> heap_;
  std::deque<Step> requests_;  // oldest first
  bool busy_ = false;          // one transaction at a time
  bool stopped_ = false;
  Duration clock_offset_;               // wall clock minus boot clock, as last seen
  std::optional<Duration> correction_;  // seen, and not yet written
  Duration retry_after_{};              // not zero: the last transaction failed
  MonotonicTime retry_at_{};
  WallTime last_prune_{};  // the queue's timeline
  bool prune_due_ = false;
  Timer timer_;
  SchedulerStats stats_;
  std::shared_ptr<Scheduler*> self_;  // what replies hold weakly
};

}  // namespace host
