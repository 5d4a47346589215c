// SPDX-License-Identifier: Apache-2.0
//
// Each call that the store makes of the disk fails in turn, once and from then on, while the queue
// works through one of everything: insert, claim, finish with what the run saved, retry, tick,
// cancel, prune. Then another host opens the files. SQLite is tested so (testing.html, "I/O error
// testing"). Of the writes every 15th here, each of them with TIMMY_EACH_CALL=1.
#include <gmock/gmock.h>
#include <sqlite3.h>

#include <algorithm>
#include <cstdlib>
#include <set>
#include <thread>

#include "base/fake_loop.hpp"
#include "base/test_folder.hpp"
#include "queue/job_table.hpp"
#include "queue/queue.hpp"
#include "store/fault_vfs.hpp"
#include "store/open.hpp"
#include "store/threaded_store.hpp"

namespace host {
namespace {

using Call = FaultVfs::Call;
using Ids = std::set<std::int64_t>;

// A host's store and queue on a disk that fails.
class Round {
 public:
  explicit Round(const std::filesystem::path& folder) : folder_(folder) {
    StoreOptions options;
    options.path = folder / "host.db";
    options.vfs = vfs.name();
    options.probe_every = std::chrono::milliseconds(1);
    store_ = std::make_unique<ThreadedStore>(options, loop_, log_,
                                             [this](const Error&) { fatal = true; });
    queue_ = std::make_unique<Queue>(*store_, loop_, log_);
    queue_->set_retention({.completed = std::chrono::hours(1),
                           .cancelled = Duration::zero(),
                           .discarded = std::chrono::hours(1)});
    queue_->recover([](const Result<Recovery>&) {});
    settle();
  }

  // One of everything. Goes on whatever is refused.
  void work() {
    insert({{.task = "work"}, {.task = "work"}, {.task = "work"}});
    insert({{.task = "work", .delay = std::chrono::seconds(2)}});
    insert({{.task = "other"}});
    settle();
    claim_and_finish();
    if (!inserted.empty()) {
      queue_->cancel(JobId(*inserted.rbegin()), [](const Result<Cancelled>&) {});
      settle();
    }
    tick();
    settle();
    loop_.advance(std::chrono::minutes(2));  // retries and delayed ones become due, pruning too
    settle();
    claim_and_finish();
  }

  // With a disk that works again: everything that was asked for comes to its end.
  void recover() {
    vfs.heal();
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!fatal && (!store_->stats().health.writable || finishing > 0) &&
           std::chrono::steady_clock::now() < end) {
      loop_.advance(std::chrono::seconds(1));
      settle();
    }
  }

  // The end of this host, on the disk as it is. The clean stop may fail too.
  void stop() {
    queue_.reset();
    store_.reset();
  }

  FaultVfs vfs;
  bool fatal = false;
  int finishing = 0;  // ends of runs that were not answered
  Ids inserted;       // acknowledged, as are the next two
  Ids completed;
  Ids ticked;

 private:
  void insert(std::vector<NewJob> jobs) {
    queue_->insert(std::move(jobs), [this](Result<std::vector<Inserted>> result) {
      if (!result) return;
      for (const auto& job : result.value()) inserted.insert(job.id.value());
    });
  }

  void claim_and_finish() {
    std::vector<ClaimedJob> claimed;
    queue_->claim("work", 10, [&](Result<Claimed> result) {
      if (result) claimed = std::move(result).value().jobs;
    });
    settle();
    for (const auto& job : claimed) finish(job);
    settle();
  }

  // Every second job fails at its first attempt. A run that completes saves state and has a
  // follower.
  void finish(const ClaimedJob& job) {
    const auto id = job.run.job;
    const bool completes = id.value() % 2 == 0 || job.attempt > 1;
    ++finishing;
    const auto save = [id, now = queue_->now()](Unit& unit, JobState) {
      unit.run("INSERT INTO state VALUES('p', ?, x'31', 1)", id.value());
      (void)insert_job(unit, {.task = "follower", .source = "plugin", .parent = id}, now);
    };
    queue_->finish(job.run, {.kind = completes ? Verdict::Kind::completed : Verdict::Kind::failed},
                   {.base = std::chrono::seconds(1)}, completes ? Queue::Also(save) : Queue::Also(),
                   [this, id, completes](const Result<Finished>& finished) {
                     --finishing;
                     if (finished && completes) completed.insert(id.value());
                   });
  }

  void tick() {
    store_->run(
        [now = queue_->now()](Unit& unit) {
          const auto job = insert_job(unit, {.task = "ticked", .source = "schedule"}, now).id;
          unit.run("INSERT INTO ticks VALUES('s', 1, 'fired', NULL, ?, 1)", job);
          return job;
        },
        [this](Result<JobId> job) {
          if (job) ticked.insert(job.value().value());
        });
  }

  // Until all that was asked for is answered, or put off. Answers come in the order of asking.
  void settle() {
    loop_.drain();
    bool answered = false;
    std::vector<Store::Operation> last;
    last.push_back({[](Unit&) {}, [&](const Status&) { answered = true; }, true});
    store_->submit_all(std::move(last));
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!answered && !fatal) {
      loop_.drain();
      std::this_thread::yield();
      ASSERT_LT(std::chrono::steady_clock::now(), end) << "the store answers nobody";
    }
    loop_.drain();
  }

  std::filesystem::path folder_;
  FakeLoop loop_;
  Log log_ = Log::to_memory(std::make_shared<std::vector<std::string>>());
  std::unique_ptr<ThreadedStore> store_;
  std::unique_ptr<Queue> queue_;
};

Ids ids(Connection& connection, const char* sql) {
  Statement rows(connection.handle(), sql);
  Ids found;
  while (rows.step()) found.insert(rows.integer(0));
  return found;
}

bool includes(const Ids& all, const Ids& some) {
  return std::includes(all.begin(), all.end(), some.begin(), some.end());
}

// What the next host finds: sound, with everything that was acknowledged, each transaction whole.
void check_invariants(const std::filesystem::path& folder, const Round& round) {
  auto opened = open_database({folder / "host.db", false, 1ull << 30, {}});
  Connection& db = opened.connection;
  Ids lost;
  const Ids jobs = ids(db, "SELECT id FROM jobs");
  std::set_difference(round.inserted.begin(), round.inserted.end(), jobs.begin(), jobs.end(),
                      std::inserter(lost, lost.end()));
  // The one that was cancelled may be pruned.
  if (!round.inserted.empty()) lost.erase(*round.inserted.rbegin());
  EXPECT_THAT(lost, testing::IsEmpty());
  const Ids done = ids(db, "SELECT id FROM jobs WHERE state='completed'");
  EXPECT_TRUE(includes(done, round.completed));
  EXPECT_EQ(ids(db, "SELECT CAST(key AS INTEGER) FROM state"), done);
  EXPECT_EQ(ids(db, "SELECT parent FROM jobs WHERE task='follower'"), done);
  EXPECT_EQ(ids(db, "SELECT job FROM history WHERE verdict='completed'"), done);
  const Ids ticked = ids(db, "SELECT id FROM jobs WHERE task='ticked'");
  EXPECT_TRUE(includes(ticked, round.ticked));
  EXPECT_EQ(ids(db, "SELECT job FROM ticks"), ticked);
  EXPECT_EQ(db.integer("SELECT count(*) FROM jobs WHERE attempt > max_attempts"), 0);
  if (round.fatal) return;
  EXPECT_EQ(round.finishing, 0) << "the end of a run was dropped";
  EXPECT_EQ(db.integer("SELECT count(*) FROM jobs WHERE state='running'"), 0);
}

struct Failure {
  const char* name;
  Call call;
  int code;
  bool sticky;
};

class EachCallTest : public testing::TestWithParam<Failure> {};

TEST_P(EachCallTest, may_fail_and_nothing_acknowledged_is_lost_and_nothing_is_half_done) {
  const auto& failure = GetParam();
  const TestFolder folder;
  const auto empty = folder / "empty";
  std::filesystem::create_directory(empty);
  { Round(empty).stop(); }
  const bool each = std::getenv("TIMMY_EACH_CALL") != nullptr || failure.call != Call::write;
  const int step = each ? 1 : 15;
  int nth = 1;
  for (bool reached = true; reached; nth += step) {
    SCOPED_TRACE("call " + std::to_string(nth));
    const auto at = folder / std::to_string(nth);
    std::filesystem::copy(empty, at);
    Round round(at);
    const int before = round.vfs.calls(failure.call);
    round.vfs.fail(failure.call, nth, failure.code, failure.sticky);
    round.work();
    const bool fails_at_stop = round.vfs.calls(failure.call) - before < nth;
    if (!fails_at_stop) round.recover();
    round.stop();
    reached = round.vfs.calls(failure.call) - before >= nth;
    round.vfs.heal();
    check_invariants(at, round);
    if (HasFailure()) return;
    std::filesystem::remove_all(at);
    if (reached) continue;
    EXPECT_GE(round.completed.size(), 4u) << "where nothing fails the round does its work";
    EXPECT_EQ(round.ticked.size(), 1u);
  }
  EXPECT_GT(nth, 2 * step) << "no such call was ever made";
}

INSTANTIATE_TEST_SUITE_P(
    , EachCallTest,
    testing::Values(Failure{"write_once", Call::write, SQLITE_IOERR_WRITE, false},
                    Failure{"write", Call::write, SQLITE_IOERR_WRITE, true},
                    Failure{"full_once", Call::write, SQLITE_FULL, false},
                    Failure{"full", Call::write, SQLITE_FULL, true},
                    Failure{"sync_once", Call::sync, SQLITE_IOERR_FSYNC, false},
                    Failure{"sync", Call::sync, SQLITE_IOERR_FSYNC, true},
                    Failure{"read_once", Call::read, SQLITE_IOERR_READ, false},
                    Failure{"read", Call::read, SQLITE_IOERR_READ, true}),
    [](const auto& failure) { return failure.param.name; });

}  // namespace
}  // namespace host
