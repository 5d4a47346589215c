// SPDX-License-Identifier: Apache-2.0
//
// Row H2 as far as store and queue go: the host is killed at each named point, and what it had
// acknowledged is there when the next one opens the file. Also the queue on a real store and loop.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <csignal>
#include <cstdlib>
#include <set>
#include <sstream>

#include "base/file.hpp"
#include "base/test_folder.hpp"
#include "queue/queue.hpp"
#include "store/migrations.hpp"
#include "store/threaded_store.hpp"

namespace host {
namespace {

// One host's store and queue on a real loop, working through jobs as a dispatcher would.
class SmallHost {
 public:
  explicit SmallHost(const std::filesystem::path& folder)
      : store_({.path = folder / "host.db"}, loop_, log_, [](const Error&) { std::abort(); }),
        queue_(store_, loop_, log_),
        acknowledged_(::open((folder / "acknowledged").c_str(),
                             O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) {
    queue_.set_ready_handler([this](const std::string&) { claim(); });
  }

  // Inserts `count` jobs, in batches, and runs the loop until `target` were completed.
  void work(int count, int target) {
    target_ = target;
    left_ = count;
    queue_.recover([this](Result<Recovery> recovery) {
      recovered_ = recovery.value();
      insert();
      claim();
    });
    io_.run_for(std::chrono::seconds(60));
  }

  [[nodiscard]] int completed() const { return completed_; }
  [[nodiscard]] const Recovery& recovered() const { return recovered_; }
  Store& store() { return store_; }

 private:
  void insert() {
    if (left_ <= 0) return;
    std::vector<NewJob> jobs(static_cast<std::size_t>(std::min(left_, 7)), {.task = "work"});
    left_ -= static_cast<int>(jobs.size());
    queue_.insert(std::move(jobs), [this](Result<std::vector<Inserted>> inserted) {
      for (const auto& job : inserted.value()) note('i', job.id);
      insert();
    });
  }

  void claim() {
    if (std::exchange(claiming_, true)) return;
    queue_.claim("work", 5, [this](Result<Claimed> claimed) {
      claiming_ = false;
      for (const auto& job : claimed.value().jobs) finish(job.run);
      if (!claimed.value().jobs.empty()) claim();
    });
  }

  void finish(RunId run) {
    queue_.finish(
        run, {.kind = Verdict::Kind::completed}, {},
        [run](Unit& unit, JobState) {
          unit.run("INSERT INTO state VALUES('p', ?, x'31', 1)", run.job.value());
        },
        [this, run](Result<Finished> finished) {
          if (!finished) return;
          note('c', run.job);
          if (++completed_ == target_) io_.stop();
        });
  }

  void note(char what, JobId id) {
    const auto line = what + std::to_string(id.value()) + "\n";
    if (::write(acknowledged_.get(), line.data(), line.size()) < 0) std::abort();
  }

  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_{
      io_.get_executor()};
  SystemClock clock_;
  AsioLoop loop_{io_, clock_};
  Log log_ = Log::to_memory(std::make_shared<std::vector<std::string>>());
  ThreadedStore store_;
  Queue queue_;
  Fd acknowledged_;
  Recovery recovered_;
  bool claiming_ = false;
  int left_ = 0;
  int target_ = 0;
  int completed_ = 0;
};

std::set<std::int64_t> acknowledged(const std::filesystem::path& folder, char what) {
  std::set<std::int64_t> ids;
  std::istringstream lines(read_file(folder / "acknowledged", 1 << 20));
  for (std::string line; std::getline(lines, line);) {
    if (line.front() == what) ids.insert(std::stoll(line.substr(1)));
  }
  return ids;
}

std::set<std::int64_t> ids(Store& store, const char* sql) {
  return store.run_now([sql](Unit& unit) {
    std::set<std::int64_t> found;
    auto& row = unit.query(sql);
    while (row.step()) found.insert(row.integer(0));
    return found;
  });
}

// What every case ends with: nothing that was acknowledged is lost, everything is done once.
void check_invariants(const std::filesystem::path& folder) {
  const auto inserted = acknowledged(folder, 'i');
  const auto completed = acknowledged(folder, 'c');
  SmallHost next(folder);
  const auto stored = ids(next.store(), "SELECT id FROM jobs");
  EXPECT_TRUE(std::includes(stored.begin(), stored.end(), inserted.begin(), inserted.end()));
  const auto ended = ids(next.store(), "SELECT id FROM jobs WHERE state='completed'");
  EXPECT_TRUE(std::includes(ended.begin(), ended.end(), completed.begin(), completed.end()));
  // An effect was written exactly where its completion was.
  EXPECT_EQ(ids(next.store(), "SELECT CAST(key AS INTEGER) FROM state"), ended);
  const auto left = static_cast<int>(stored.size() - ended.size());
  if (left == 0) return;
  next.work(0, left);
  EXPECT_EQ(next.completed(), left);
  EXPECT_EQ(ids(next.store(), "SELECT id FROM jobs WHERE state='completed'"), stored);
  EXPECT_TRUE(ids(next.store(), "SELECT id FROM jobs WHERE attempt > max_attempts").empty());
}

TEST(QueueOnARealStoreTest, every_job_is_done_once) {
  const TestFolder folder;
  SmallHost host(folder.path());
  host.work(500, 500);
  EXPECT_EQ(host.completed(), 500);
  EXPECT_EQ(ids(host.store(), "SELECT id FROM jobs WHERE state='completed'").size(), 500u);
  EXPECT_EQ(ids(host.store(), "SELECT job FROM history").size(), 500u);
}

// What a host of version 1 left: jobs that wait, one that ran, one that had ended.
TEST(QueueOnARealStoreTest, jobs_of_a_version_1_database_are_kept_and_run) {
  const TestFolder folder;
  {
    Connection old(folder.path() / "host.db", Connection::Mode::writer);
    migrate(old, 1);
    old.execute("INSERT INTO instances VALUES(1, 'old', 'boot', 1, 1)");
    for (const char* state : {"available", "available", "running", "completed"})
      Statement(old.handle(),
                "INSERT INTO jobs(task, state, priority, rank, attempt, max_attempts, run_lease, "
                "instance, inserted_at, source, payload) "
                "VALUES('work', ?, 4, 7, 1, 5, 1, 1, 1, 'cli', x'7b7d')")
          .bind_all(std::string_view(state))
          .run();
    old.execute(
        "INSERT INTO attempts(job, lease, attempt, verdict, began, ended) "
        "VALUES(4, 1, 1, 'completed', 1, 2)");
  }
  write_atomically(folder.path() / "acknowledged", "i1\ni2\ni3\ni4\n");
  SmallHost host(folder.path());
  host.work(0, 3);
  EXPECT_EQ(host.recovered().interrupted, 1);
  EXPECT_EQ(ids(host.store(), "SELECT id FROM jobs WHERE state='completed'"),
            (std::set<std::int64_t>{1, 2, 3, 4}));
  EXPECT_EQ(ids(host.store(), "SELECT count(*) FROM history WHERE verdict='completed'"),
            std::set<std::int64_t>{4});
}

#ifdef TIMMY_FAILPOINTS

class KilledAtTest : public testing::TestWithParam<const char*> {};

TEST_P(KilledAtTest, nothing_acknowledged_is_lost_and_nothing_is_done_twice) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  // The child runs this test again from its start, so it must find the same folder.
  const char* const given = std::getenv("TIMMY_CRASH_TEST_FOLDER");
  std::optional<TestFolder> own;
  if (given == nullptr) own.emplace();
  const std::filesystem::path base = given != nullptr ? given : own->path();
  ::setenv("TIMMY_CRASH_TEST_FOLDER", base.c_str(), 1);
  for (const int hit : {1, 2, 9}) {
    SCOPED_TRACE(hit);
    const auto folder = base / std::to_string(hit);
    std::filesystem::create_directory(folder);
    const bool once = std::string_view(GetParam()) == "store.migrated";
    EXPECT_EXIT(
        {
          ::setenv(
              "TIMMY_FAILPOINT",
              (std::string(GetParam()) + ":" + std::to_string(once ? 1 : hit) + "=kill").c_str(),
              1);
          SmallHost host(folder);
          host.work(300, 300);
        },
        testing::KilledBySignal(SIGKILL), "");
    if (!std::filesystem::exists(folder / "acknowledged"))
      write_atomically(folder / "acknowledged", "");
    check_invariants(folder);
  }
  ::unsetenv("TIMMY_CRASH_TEST_FOLDER");
}

INSTANTIATE_TEST_SUITE_P(, KilledAtTest,
                         testing::Values("store.migrated", "queue.before_insert",
                                         "queue.after_insert", "queue.before_claim",
                                         "queue.after_claim", "queue.before_finish",
                                         "store.before_commit", "store.committed"),
                         [](const auto& point) {
                           std::string name = point.param;
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

#endif

}  // namespace
}  // namespace host
