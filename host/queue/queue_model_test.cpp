// SPDX-License-Identifier: Apache-2.0
//
// The queue on its real store against a plain model of it, over power failures. Random operations
// go through `Queue`, several in one turn of the loop and so in one commit. Power is cut when all
// are answered, or at a random write or sync of the store's while it works on them. The next host
// opens what is left of the files and must find each operation whole or not at all: whole if it was
// acknowledged, not at all if it was refused, and of those that were never answered none without
// the ones before it.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <sqlite3.h>

#include <deque>
#include <map>
#include <set>
#include <thread>

#include "base/fake_loop.hpp"
#include "base/test_folder.hpp"
#include "queue/queue.hpp"
#include "queue/queue_model.hpp"
#include "store/fault_vfs.hpp"
#include "store/threaded_store.hpp"

namespace host {
namespace {

using Kind = Verdict::Kind;
using std::chrono::seconds;

constexpr RateLimit kRate{.runs = 3, .per = std::chrono::minutes(10)};
const std::string kWork = "work";
const std::string kLimited = "limited";  // the task with a rate

enum class Fate { open, acknowledged, refused };

// What was asked for, what is to come of it, and what was answered.
struct Asked {
  std::function<void(QueueModel&)> effect;
  Fate fate = Fate::open;
};

// Takes what is inserted as it comes, or not, as the test wants.
class Taker final : public Queue::Starter {
 public:
  // What came of an offer; nullopt: it has not been answered.
  using Started = std::shared_ptr<std::optional<std::vector<std::int64_t>>>;

  [[nodiscard]] bool offer(const std::string& task, int) override {
    if (!willing || task == kLimited) return false;
    last = std::make_shared<std::optional<std::vector<std::int64_t>>>();
    open_.push_back(last);
    return true;
  }
  void started(const std::string&, int, Claimed claimed) override {
    auto& ids = open_.front()->emplace();
    for (const auto& job : claimed.jobs) ids.push_back(job.run.job.value());
    open_.pop_front();
  }

  bool willing = false;
  Started last;  // of the last offer, if there was one

 private:
  std::deque<Started> open_;
};

class Comparison {
 public:
  Comparison() {
    model_.jobs.now = loop_.clock().wall();
    open();
    start();
  }

  // A turn of the loop in which some operations are asked for. `fails`: the disk breaks meanwhile,
  // and nothing is left but to lose the power.
  void turn(bool fails) {
    if (fails) break_soon();
    if (*rc::gen::inRange(0, 6) == 0) {
      bulk();
    } else {
      const int count = *rc::gen::inRange(1, 8);
      for (int i = 0; i < count; ++i) ask();
    }
    settle();
    if (fails) return;
    for (const auto& asked : asked_) {
      RC_ASSERT(asked->fate == Fate::acknowledged);
      asked->effect(model_);
    }
    asked_.clear();
    compare();
  }

  // In one leap, as of a machine that slept, so that all that became due does so together. What is
  // asked for then has the queue look at the time, for what is due and for what is to be pruned.
  void pass_time() {
    loop_.fake_clock().suspend(seconds(*rc::gen::elementOf(std::vector<int>{1, 30, 700, 5'000})));
    queue_->count({}, 1, {});
    settle();
    model_.jobs.now = queue_->now();
    model_.jobs.promote();
    compare();
  }

  // The host and the machine under it go down and come back.
  void lose_power() {
    vfs_.cut_power();
    queue_.reset();
    store_.reset();
    vfs_.come_back(*rc::gen::arbitrary<std::uint64_t>());
    vfs_.heal();
    fatal_ = false;
    open();
    // Of those that were never answered, as many as are there: the first ones.
    const auto stored = store_->run_now(read_stored);
    for (const auto& asked : asked_)
      if (asked->fate == Fate::acknowledged) asked->effect(model_);
    auto next = asked_.begin();
    while (!model_.matches(stored)) {
      next = std::find_if(next, asked_.end(),
                          [](const auto& asked) { return asked->fate == Fate::open; });
      if (next == asked_.end()) RC_FAIL("what is stored is no state that the queue was in");
      (*next++)->effect(model_);
    }
    asked_.clear();
    start();
  }

 private:
  void open() {
    StoreOptions options;
    options.path = folder_ / "host.db";
    options.vfs = vfs_.name();
    store_ = std::make_unique<ThreadedStore>(options, loop_, log_,
                                             [this](const Error&) { fatal_ = true; });
  }

  void start() {
    queue_ = std::make_unique<Queue>(*store_, loop_, log_);
    taker_ = std::make_unique<Taker>();
    queue_->set_starter(taker_.get());
    queue_->set_retention({.completed = kKeep, .cancelled = kKeep, .discarded = kKeep});
    bool recovered = false;
    queue_->recover([&](const Result<Recovery>& done) { recovered = done.ok(); });
    settle();
    RC_ASSERT(recovered);
    model_.jobs.now = queue_->now();
    model_.jobs.recover();
    model_.jobs.promote();
    compare();
  }

  // The first write or sync, or one a little later, and all after it.
  void break_soon() {
    if (*rc::gen::inRange(0, 4) == 0)
      vfs_.fail(FaultVfs::Call::sync, 1, SQLITE_IOERR_FSYNC, true);
    else
      vfs_.fail(FaultVfs::Call::write, *rc::gen::inRange(1, 12), SQLITE_IOERR_WRITE, true);
  }

  // Until all that was asked for is answered, and what the answers led to.
  void settle() {
    for (int round = 0; round < 4 && !fatal_; ++round) {
      loop_.drain();
      bool answered = false;
      std::vector<Store::Operation> last;
      last.push_back({[](Unit&) {}, [&](const Status&) { answered = true; }, true});
      store_->submit_all(std::move(last));
      const auto end = std::chrono::steady_clock::now() + seconds(30);
      while (!answered && !fatal_) {
        loop_.drain();
        std::this_thread::yield();
        if (std::chrono::steady_clock::now() > end) RC_FAIL("the store answers nobody");
      }
      loop_.drain();
    }
  }

  void compare() {
    const auto stored = store_->run_now(read_stored);
    if (!model_.matches(stored)) {
      for (const auto& [id, row] : model_.jobs.rows) {
        const auto found = stored.jobs.find(id);
        const auto there = found == stored.jobs.end() ? "nothing" : found->second;
        if (there != QueueModel::line(row))
          RC_LOG() << id << "\n" << there << "\n" << QueueModel::line(row);
      }
      RC_FAIL("what is stored is not what the model has");
    }
    model_.forget_pruned(stored);
  }

  std::shared_ptr<Asked> expect(std::function<void(QueueModel&)> effect) {
    asked_.push_back(std::make_shared<Asked>(Asked{std::move(effect)}));
    return asked_.back();
  }
  // What a job's own state forbids is an answer; what the store can't do is a refusal.
  template <class T>
  static Reply<T> noting(std::shared_ptr<Asked> asked, std::function<void(const T&)> value = {}) {
    return [asked, value](Result<T> result) {
      const auto code = result.ok() ? Code::conflict : result.error().code();
      asked->fate = code == Code::unavailable || code == Code::io || code == Code::rate_limited
                        ? Fate::refused
                        : Fate::acknowledged;
      if (result.ok() && value) value(result.value());
    };
  }

  std::int64_t any_job() { return *rc::gen::inRange<std::int64_t>(1, model_.jobs.last + 2); }
  std::int64_t any_run() {
    std::vector<std::int64_t> running;
    for (const auto& [id, row] : model_.jobs.rows)
      if (row.state == JobState::running) running.push_back(id);
    return running.empty() ? any_job() : *rc::gen::elementOf(running);
  }
  // Mostly the run that there is.
  RunId run_of(std::int64_t id) {
    const auto found = model_.jobs.rows.find(id);
    const auto lease = found == model_.jobs.rows.end() ? 1 : found->second.lease;
    return {JobId(id), RunLease(lease - (*rc::gen::inRange(0, 5) == 0))};
  }

  void ask() {
    switch (*rc::gen::inRange(0, 12)) {
      case 0:
      case 1: return insert();
      case 2:
      case 3: return claim();
      case 4:
      case 5:
      case 6: return finish();
      case 7: return give_back();
      case 8: return progress();
      case 9: return pause();
      default: return order();
    }
  }

  NewJob any_new_job() {
    NewJob job{.task = *rc::gen::elementOf(std::vector{kWork, kLimited})};
    const std::vector<std::string> keys{"", "", "a", "b"};
    job.priority = *rc::gen::inRange(0, 10);
    job.max_attempts = *rc::gen::inRange(1, 4);
    job.unique_key = *rc::gen::elementOf(keys);
    job.unique_window = seconds(*rc::gen::elementOf(std::vector<int>{0, 300}));
    job.concurrency_key = *rc::gen::elementOf(keys);
    job.key_limit = 2;
    job.delay = seconds(*rc::gen::elementOf(std::vector<int>{0, 0, 5, 600}));
    return job;
  }

  // One that may start as it is inserted.
  static NewJob any_plain_job() { return {.task = kWork, .priority = *rc::gen::inRange(0, 10)}; }

  void insert() {
    const bool plain = *rc::gen::arbitrary<bool>();
    const std::vector<NewJob> jobs{plain ? any_plain_job() : any_new_job(),
                                   plain ? any_plain_job() : any_new_job()};
    auto ids = std::make_shared<std::vector<std::int64_t>>();
    auto offer = std::make_shared<Taker::Started>();  // null in it: none was made
    const auto asked = expect([jobs, ids, offer](QueueModel& model) {
      const bool starts = *offer && !model.jobs.has_available(jobs.front().task);
      std::vector<std::int64_t> expected, running;
      for (const auto& job : jobs) expected.push_back(model.jobs.insert(job));
      RC_ASSERT(ids->empty() || *ids == expected);
      if (starts) running = model.jobs.claim(jobs.front().task, static_cast<int>(jobs.size()));
      RC_ASSERT((!*offer || !**offer || ***offer == running));
    });
    taker_->willing = *rc::gen::arbitrary<bool>();
    taker_->last.reset();
    queue_->insert(jobs, noting<std::vector<Inserted>>(asked, [ids](const auto& inserted) {
                     for (const auto& one : inserted) ids->push_back(one.id.value());
                   }));
    *offer = taker_->last;
  }

  void claim() {
    const auto task = *rc::gen::elementOf(std::vector{kWork, kLimited});
    const RateLimit rate = task == kLimited ? kRate : RateLimit{};
    const int count = *rc::gen::inRange(1, 5);
    auto ids = std::make_shared<std::optional<std::vector<std::int64_t>>>();
    const auto asked = expect([task, rate, count, ids](QueueModel& model) {
      const auto expected = model.jobs.claim(task, count, rate);
      // In brackets, or the macro would look at both sides.
      RC_ASSERT((!*ids || **ids == expected));
    });
    queue_->claim(task, count,
                  noting<Claimed>(asked,
                                  [ids](const Claimed& claimed) {
                                    ids->emplace();
                                    for (const auto& job : claimed.jobs)
                                      (*ids)->push_back(job.run.job.value());
                                  }),
                  rate);
  }

  // A run that completes saves something, and another job follows it.
  void finish() {
    const auto id = any_run();
    const auto run = run_of(id);
    const auto kind = static_cast<Kind>(*rc::gen::inRange(0, 7));
    const bool permanent = *rc::gen::inRange(0, 5) == 0;
    const Duration wait = seconds(*rc::gen::elementOf(std::vector<int>{1, 400}));
    const auto lease = std::to_string(run.lease.value());
    auto follower = any_new_job();
    follower.parent = run.job;
    const auto asked = expect([=](QueueModel& model) {
      if (!model.jobs.is_current(id, run.lease.value())) return;
      model.jobs.finish(id, kind, permanent, wait);
      if (model.jobs.rows.at(id).state != JobState::completed) return;
      model.saved[id] = lease;
      model.jobs.insert(follower);
    });
    const auto also = [=, now = queue_->now()](Unit& unit, JobState state) {
      if (state != JobState::completed) return;
      unit.run("INSERT OR REPLACE INTO state VALUES('p', ?, CAST(? AS BLOB), 1)", id, lease);
      (void)insert_job(unit, follower, now);
    };
    const auto told = [this, follower,
                       due = queue_->now() + follower.delay](const Finished& finished) {
      if (finished.state != JobState::completed) return;
      queue_->note_inserted(follower.task,
                            follower.delay > Duration::zero() ? std::optional(due) : std::nullopt);
    };
    queue_->finish(run, {.kind = kind, .permanent = permanent, .delay = wait}, {}, also,
                   noting<Finished>(asked, told));
  }

  void give_back() {
    const auto run = run_of(any_run());
    const auto asked = expect([run](QueueModel& model) {
      if (model.jobs.is_current(run.job.value(), run.lease.value()))
        model.jobs.give_back(run.job.value());
    });
    queue_->give_back({run}, noting<std::vector<JobId>>(asked));
  }

  void progress() {
    const auto run = run_of(any_run());
    const auto text = std::to_string(*rc::gen::inRange(0, 100));
    const auto asked = expect([run, text](QueueModel& model) {
      if (model.jobs.is_current(run.job.value(), run.lease.value()))
        model.jobs.rows.at(run.job.value()).progress = text;
    });
    // In its place in the line, as a service call's is.
    loop_.drain();
    store_->run([run, text](Unit& unit) { set_progress(unit, run, text); }, noting<Done>(asked));
  }

  void pause() {
    const auto task = *rc::gen::elementOf(std::vector{kWork, kLimited});
    const bool paused = *rc::gen::arbitrary<bool>();
    const auto asked = expect([task, paused](QueueModel& model) {
      if (paused)
        model.pauses.tasks.insert(task);
      else
        model.pauses.tasks.erase(task);
    });
    queue_->set_paused(Pausable::task, task, paused, noting<bool>(asked));
  }

  void order() {
    const auto id = any_job();
    const JobId job(id);
    switch (*rc::gen::inRange(0, 4)) {
      case 0:
        return queue_->cancel(
            job, noting<Cancelled>(expect([id](QueueModel& m) { m.jobs.cancel(id); })));
      case 1:
        return queue_->retry(job, noting<Job>(expect([id](QueueModel& m) { m.jobs.retry(id); })));
      case 2:
        return queue_->discard(job,
                               noting<Job>(expect([id](QueueModel& m) { m.jobs.discard(id); })));
      default:
        return queue_->run_now(job,
                               noting<Job>(expect([id](QueueModel& m) { m.jobs.run_now(id); })));
    }
  }

  // By itself, since its second step comes behind what is asked for in the same turn.
  void bulk() {
    const auto action = static_cast<BulkAction>(*rc::gen::inRange(0, 4));
    JobFilter filter{.state = {}, .task = *rc::gen::elementOf(std::vector{kWork, kLimited})};
    if (*rc::gen::arbitrary<bool>()) filter.state = static_cast<JobState>(*rc::gen::inRange(0, 7));
    std::vector<std::int64_t> ids;
    for (const auto& [id, row] : model_.jobs.rows)
      if (row.task == filter.task && (!filter.state || row.state == *filter.state))
        ids.push_back(id);
    const auto asked = expect([ids, filter, action](QueueModel& model) {
      for (const auto id : ids) {
        const auto& row = model.jobs.rows.at(id);
        if (filter.state && row.state != *filter.state) continue;
        if (action == BulkAction::cancel) model.jobs.cancel(id);
        if (action == BulkAction::retry) model.jobs.retry(id);
        if (action == BulkAction::discard) model.jobs.discard(id);
        if (action == BulkAction::run_now) model.jobs.run_now(id);
      }
    });
    queue_->order(action, filter, static_cast<std::int64_t>(ids.size()), {},
                  noting<BulkOutcome>(asked));
  }

  TestFolder folder_;
  FaultVfs vfs_;
  FakeLoop loop_;
  Log log_ = Log::to_memory(std::make_shared<std::vector<std::string>>());
  bool fatal_ = false;
  std::unique_ptr<ThreadedStore> store_;
  std::unique_ptr<Taker> taker_;
  std::unique_ptr<Queue> queue_;
  QueueModel model_;
  std::vector<std::shared_ptr<Asked>> asked_;
};

TEST(QueueModelTest, the_queue_does_what_the_model_does_whenever_the_power_goes) {
  EXPECT_TRUE(rc::check([] {
    Comparison queue;
    const int lives = *rc::gen::inRange(1, 4);
    for (int life = 0; life < lives; ++life) {
      for (int turns = *rc::gen::inRange(0, 8); turns > 0; --turns) {
        queue.turn(false);
        if (*rc::gen::inRange(0, 3) == 0) queue.pass_time();
      }
      if (*rc::gen::inRange(0, 4) != 0) queue.turn(true);
      queue.lose_power();
    }
  }));
}

}  // namespace
}  // namespace host
