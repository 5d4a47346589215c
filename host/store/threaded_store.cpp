// SPDX-License-Identifier: Apache-2.0
#include "store/threaded_store.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <future>
#include <mutex>
#include <thread>

#include "base/failpoint.hpp"
#include "store/backup.hpp"
#include "store/group_commit.hpp"
#include "store/open.hpp"

namespace host {
namespace {

// After this long without work the WAL is written back and memory given back. One wait, not a tick.
constexpr auto kRestAfter = std::chrono::seconds(10);

// Carries the operation back, so that what its closures hold is let go on the loop; on the store's
// thread where its door is closed.
struct Answer {
  Store::Operation operation;
  std::optional<Error> error;
};

// By the loop that hears them.
struct Answers {
  void add(Store::Operation operation, std::optional<Error> error) {
    auto& some = operation.door ? at(operation.door) : here;
    some.push_back({std::move(operation), std::move(error)});
  }
  std::vector<Answer> here;  // the store's own
  std::vector<std::pair<std::shared_ptr<LoopDoor>, std::vector<Answer>>> at_doors;

 private:
  // There are few.
  std::vector<Answer>& at(const std::shared_ptr<LoopDoor>& door) {
    for (auto& [known, some] : at_doors)
      if (known == door) return some;
    return at_doors.emplace_back(door, std::vector<Answer>()).second;
  }
};

// Who waits for an operation, by its place among those asked for.
struct Waiter {
  std::size_t place;
  std::promise<Status>* promise;
};

}  // namespace

class ThreadedStore::Worker {
 public:
  Worker(StoreOptions options, Loop& loop, Log log, std::function<void(const Error&)> fatal)
      : options_(std::move(options)), loop_(loop), log_(std::move(log)) {
    auto opened =
        open_database({options_.path, options_.init, options_.check_in_background, options_.vfs});
    if (opened.unclean) log_.warn("{}: the last host did not close it", options_.path.string());
    state_->fatal = std::move(fatal);
    state_->checked = !opened.check_pending;
    stats_.checking = opened.check_pending;
    opened.connection.set_lock_wait(options_.lock_wait);
    commit_.emplace(std::move(opened.connection));
    placement_.emplace(options_.path);
    stats_.health.since = SystemClock().wall();
    if (opened.check_pending) start_check();
    thread_ = std::thread([this] { serve(); });
  }

  ~Worker() {
    {
      const std::scoped_lock lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_one();
    if (checker_.joinable()) {
      {
        const std::scoped_lock lock(mutex_);
        if (check_connection_) check_connection_->interrupt();
      }
      checker_.join();
    }
    thread_.join();
  }

  void submit_all(std::vector<Operation> operations) {
    if (operations.empty()) return;
    bool wakes = true;
    {
      const std::scoped_lock lock(mutex_);
      if (waiting_ + operations.size() <= options_.capacity) {
        const bool urgent = std::any_of(operations.begin(), operations.end(),
                                        [](const auto& each) { return !each.patient; });
        // The first that is patient has the thread look at the clock.
        wakes = urgent || incoming_.empty();
        urgent_ = urgent_ || urgent;
        if (incoming_.empty())
          patient_until_ = std::chrono::steady_clock::now() + options_.patience;
        waiting_ += operations.size();
        if (incoming_.empty()) {
          incoming_ = std::move(operations);
        } else {
          std::move(operations.begin(), operations.end(), std::back_inserter(incoming_));
        }
        operations.clear();
      } else {
        stats_.refused += operations.size();
      }
    }
    if (operations.empty()) {
      if (wakes) wake_.notify_one();
    } else {
      refuse(std::move(operations));
    }
  }

  void run_blocking(Work work) {
    std::promise<Status> answered;
    auto answer = answered.get_future();
    {
      const std::scoped_lock lock(mutex_);
      if (stats_.failed) throw Error(Code::io, "the store has stopped after a failure of the disk");
      waiters_.push_back({incoming_.size(), &answered});
      ++waiting_;
      urgent_ = true;
      incoming_.push_back({std::move(work), {}});
    }
    wake_.notify_one();
    static_cast<void>(answer.get().value());
  }

  void when_checked(std::function<void()> then) {
    if (state_->checked) {
      loop_.post(std::move(then));
    } else {
      state_->when_checked.push_back(std::move(then));
    }
  }

  void set_health_handler(std::function<void(const StoreHealth&)> handler) {
    state_->health = std::move(handler);
  }

  void back_up(std::filesystem::path file, bool replace, Reply<std::uint64_t> done) {
    {
      const std::scoped_lock lock(mutex_);
      if (!backup_wanted_ && !backup_runs_) {
        backup_wanted_ = {std::move(file), replace};
        state_->backed_up = std::exchange(done, nullptr);
      }
    }
    wake_.notify_one();
    if (done) post_error(std::move(done), Error(Code::conflict, "a backup runs already"));
  }

  void check(Reply<Done> done) {
    if (!state_->checked || state_->check_done) {
      return post_error(std::move(done), Error(Code::conflict, "the database is being checked"));
    }
    if (checker_.joinable()) checker_.join();
    state_->check_done = std::move(done);
    try {
      start_checker([](LoopState& state, const Status& sound) {
        std::exchange(state.check_done, nullptr)(sound);
      });
    } catch (...) {
      check_connection_.reset();
      post_error(std::exchange(state_->check_done, nullptr),
                 Error(Code::unavailable,
                       std::string("the check can't begin: ") + current_error().message(),
                       "Try again later."));
    }
  }

  StoreStats stats() const {
    const std::scoped_lock lock(mutex_);
    StoreStats stats = stats_;
    stats.waiting = waiting_;
    return stats;
  }

 private:
  // What belongs to the loop. Posted work holds it weakly: a store that is gone calls nobody.
  struct LoopState {
    bool checked = false;
    std::vector<std::function<void()>> when_checked;
    std::function<void(const Error&)> fatal;
    std::function<void(const StoreHealth&)> health;
    Reply<std::uint64_t> backed_up;
    Reply<Done> check_done;
  };
  struct BackupWanted {
    std::filesystem::path file;
    bool replace;
  };

  void start_check() {
    log_.info("{}: checking it in the background; no job starts until then",
              options_.path.string());
    start_checker([](LoopState& state, const Status& sound) {
      if (!sound) return;
      state.checked = true;
      for (auto& then : std::exchange(state.when_checked, {})) then();
    });
  }

  // A thread of its own, for the length of one check: it reads a file of gigabytes while the store
  // goes on to take what is asked. `then` is called on the loop.
  void start_checker(std::function<void(LoopState&, const Status&)> then) {
    check_connection_.emplace(options_.path, Connection::Mode::reader, options_.vfs);
    checker_ = std::thread([this, then = std::move(then)] {
      const Status sound = attempt([&] { require_sound(*check_connection_, options_.path); });
      bool first = false;
      {
        const std::scoped_lock lock(mutex_);
        check_connection_.reset();
        if (stopping_) return;
        first = std::exchange(stats_.checking, false);
      }
      if (!sound && first) return report(sound.error());
      if (!sound) log_.error("{}", sound.error().what());
      post([then, sound](LoopState& state) { then(state, sound); });
    });
  }

  void serve() {
    try {
      bool rested = true;
      while (wait(rested)) {
        if (!taken_.empty()) {
          serve_taken();
          rested = false;
        } else if (!commit_->refusal() && !backup_) {
          commit_->rest();
          rested = true;
        }
        probe_if_time();
        step_backup();
      }
      backup_.reset();
      close_cleanly(commit_->connection());
    } catch (const FatalStoreError& fatal) {
      end(fatal.error);
    } catch (...) {
      end(current_error());
    }
  }

  // Fills taken_. False: stop, all is done. True with nothing taken: it has been quiet for a while.
  bool wait(bool rested) {
    std::unique_lock lock(mutex_);
    const auto some = [&] { return !incoming_.empty() || stopping_ || backup_wanted_; };
    if (backup_) {
      // The next step follows at once, behind what was asked meanwhile.
    } else if (commit_->refusal()) {
      wake_.wait_until(lock, next_probe_, some);
    } else if (rested) {
      wake_.wait(lock, some);
    } else if (!wake_.wait_for(lock, kRestAfter, some)) {
      return true;
    }
    if (!backup_ && !incoming_.empty())
      wake_.wait_until(lock, patient_until_,
                       [&] { return urgent_ || stopping_ || backup_wanted_; });
    urgent_ = false;
    taken_.swap(incoming_);
    taken_waiters_ = std::exchange(waiters_, {});
    return !taken_.empty() || !stopping_;
  }

  // Between two groups, so that nobody waits for more than one step.
  void step_backup() {
    std::optional<BackupWanted> wanted;
    {
      const std::scoped_lock lock(mutex_);
      wanted = std::exchange(backup_wanted_, std::nullopt);
      if (wanted) backup_runs_ = true;
    }
    if (!wanted && !backup_) return;
    const auto bytes = attempt([&]() -> std::optional<std::uint64_t> {
      if (wanted) backup_.emplace(commit_->connection(), wanted->file, wanted->replace);
      if (!backup_->step()) return std::nullopt;
      return backup_->bytes();
    });
    if (bytes && !bytes.value()) return;
    backup_.reset();
    {
      const std::scoped_lock lock(mutex_);
      backup_runs_ = false;
    }
    const auto outcome =
        bytes ? Result<std::uint64_t>(*bytes.value()) : Result<std::uint64_t>(bytes.error());
    post([outcome](LoopState& state) { std::exchange(state.backed_up, nullptr)(outcome); });
  }

  void serve_taken() {
    for (std::size_t at = 0; at < taken_.size(); at += options_.group_limit) {
      const auto group =
          std::span(taken_).subspan(at, std::min(options_.group_limit, taken_.size() - at));
      const auto errors = commit_->run(group);
      TIMMY_FAILPOINT("store.committed");
      require_in_place();
      note(group, errors);
      note_health();
      answer(group, errors);
      commit_->checkpoint_if_large();
    }
    taken_.clear();
  }

  // Before anybody hears that something was stored.
  void require_in_place() {
    try {
      placement_->check();
    } catch (const Error& error) {
      throw FatalStoreError{error};
    }
  }

  void probe_if_time() {
    if (!commit_->refusal() || std::chrono::steady_clock::now() < next_probe_) return;
    commit_->probe();
    require_in_place();
    note_health();
    next_probe_ = std::chrono::steady_clock::now() + options_.probe_every;
  }

  // Tells of a change, once.
  void note_health() {
    const auto& refusal = commit_->refusal();
    StoreHealth health{!refusal, SystemClock().wall(), refusal ? refusal->message() : ""};
    {
      const std::scoped_lock lock(mutex_);
      if (stats_.health.writable == health.writable) return;
      stats_.health = health;
    }
    next_probe_ = std::chrono::steady_clock::now() + options_.probe_every;
    if (refusal) {
      log_.error("{}: {}", options_.path.string(), refusal->what());
    } else {
      log_.info("{}: it can be written again", options_.path.string());
    }
    post([health](LoopState& state) {
      if (state.health) state.health(health);
    });
  }

  void note(std::span<Operation> group, std::span<const std::optional<Error>> errors) {
    const auto failures = static_cast<std::size_t>(
        std::count_if(errors.begin(), errors.end(), [](const auto& e) { return e.has_value(); }));
    const auto& figures = commit_->figures();
    const std::scoped_lock lock(mutex_);
    waiting_ -= group.size();
    stats_.failures += failures;
    stats_.operations += group.size() - failures;
    stats_.largest_group = std::max(stats_.largest_group, group.size());
    stats_.commits = figures.commits;
    stats_.failed_commits = figures.failed_commits;
    stats_.last_commit = figures.last_commit;
    stats_.longest_commit = figures.longest_commit;
    stats_.wal_bytes = placement_->wal_bytes();
  }

  void answer(std::span<Operation> group, std::span<const std::optional<Error>> errors) {
    const auto first = static_cast<std::size_t>(&group.front() - &taken_.front());
    for (const auto& [place, promise] : taken_waiters_) {
      if (place < first || place >= first + group.size()) continue;
      const auto& error = errors[place - first];
      promise->set_value(error ? Status(*error) : Status(Done{}));
    }
    std::erase_if(taken_waiters_, [&](const Waiter& w) { return w.place < first + group.size(); });
    Answers answers;
    for (std::size_t i = 0; i < group.size(); ++i) answers.add(std::move(group[i]), errors[i]);
    hand_out(std::move(answers));
  }

  // Each loop is woken once, whatever it asked for.
  void hand_out(Answers answers) {
    for (auto& [door, some] : answers.at_doors)
      door->post([some = std::make_shared<std::vector<Answer>>(std::move(some))] { tell(*some); });
    if (answers.here.empty()) return;
    post([some = std::make_shared<std::vector<Answer>>(std::move(answers.here))](LoopState&) {
      tell(*some);
    });
  }

  static void tell(const std::vector<Answer>& answers) {
    for (const auto& [operation, error] : answers)
      if (operation.done) operation.done(error ? Status(*error) : Status(Done{}));
  }

  void refuse(std::vector<Operation> operations) {
    const Error error(Code::rate_limited,
                      fmt::format("{} operations wait for the disk already", options_.capacity),
                      "Ask again later.");
    Answers answers;
    for (auto& operation : operations) answers.add(std::move(operation), error);
    hand_out(std::move(answers));
  }

  // The thread's last act: whoever blocks is let go, everyone else hears of it from the handler.
  void end(const Error& error) {
    {
      const std::scoped_lock lock(mutex_);
      stats_.failed = true;
      std::move(waiters_.begin(), waiters_.end(), std::back_inserter(taken_waiters_));
      waiters_.clear();
    }
    for (const auto& waiter : taken_waiters_) waiter.promise->set_value(error);
    report(error);
  }

  // Either thread's.
  void report(const Error& error) {
    log_.error("{}: {}", options_.path.string(), error.what());
    post([error](LoopState& state) {
      if (auto fatal = std::exchange(state.fatal, nullptr)) fatal(error);
    });
  }

  template <class T>
  void post_error(Reply<T> done, Error error) {
    post([done = std::move(done), error = std::move(error)](LoopState&) { done(error); });
  }

  void post(std::function<void(LoopState&)> work) {
    loop_.post([weak = std::weak_ptr(state_), work = std::move(work)] {
      if (const auto state = weak.lock()) work(*state);
    });
  }

  const StoreOptions options_;
  Loop& loop_;
  Log log_;
  std::shared_ptr<LoopState> state_ = std::make_shared<LoopState>();
  std::optional<GroupCommit> commit_;                 // the thread's
  std::optional<Backup> backup_;                      // the thread's
  std::optional<Placement> placement_;                // the thread's
  std::chrono::steady_clock::time_point next_probe_;  // the thread's; means something while refused
  std::vector<Operation> taken_;                      // the thread's
  std::vector<Waiter> taken_waiters_;                 // the thread's

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Operation> incoming_;
  std::vector<Waiter> waiters_;
  std::size_t waiting_ = 0;
  bool urgent_ = false;  // somebody waits for one of those that came in
  std::chrono::steady_clock::time_point patient_until_;  // while some have come in
  bool stopping_ = false;
  StoreStats stats_;

  std::optional<BackupWanted> backup_wanted_;
  bool backup_runs_ = false;

  std::optional<Connection>
      check_connection_;  // its thread's; interrupted and dropped under mutex_
  std::thread checker_;
  std::thread thread_;
};

ThreadedStore::ThreadedStore(StoreOptions options, Loop& loop, Log log,
                             std::function<void(const Error&)> fatal)
    : worker_(
          std::make_unique<Worker>(std::move(options), loop, std::move(log), std::move(fatal))) {}
ThreadedStore::~ThreadedStore() = default;

void ThreadedStore::back_up(std::filesystem::path file, bool replace, Reply<std::uint64_t> done) {
  worker_->back_up(std::move(file), replace, std::move(done));
}
void ThreadedStore::check(Reply<Done> done) { worker_->check(std::move(done)); }

void ThreadedStore::submit_all(std::vector<Operation> operations) {
  worker_->submit_all(std::move(operations));
}
void ThreadedStore::when_checked(std::function<void()> then) {
  worker_->when_checked(std::move(then));
}
void ThreadedStore::set_health_handler(std::function<void(const StoreHealth&)> handler) {
  worker_->set_health_handler(std::move(handler));
}
StoreStats ThreadedStore::stats() const { return worker_->stats(); }
void ThreadedStore::run_blocking(Work work) { worker_->run_blocking(std::move(work)); }

}  // namespace host
