// SPDX-License-Identifier: Apache-2.0
#include "app/deadman_looks.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "app/deadman_report.hpp"
#include "services/deadman_records.hpp"
#include "store/store.hpp"

namespace host {

// A thread of its own, and one alone. A look reads, syncs and asks the service manager, which may
// take half a minute each: on the loop the whole host would stand still meanwhile, and on the
// store's all writes. And the lock beside the state keeps other processes out, but not other
// threads of this one. It is started by the first request, so a host without a deadman.yaml has
// none.
class DeadmanLooks::Thread {
 public:
  Thread(std::size_t most_waiting, std::function<std::thread(std::function<void()>)> start)
      : most_waiting_(most_waiting), start_(std::move(start)) {}
  ~Thread() {
    {
      const std::scoped_lock lock(mutex_);
      stopping_ = true;
      waiting_.clear();
    }
    wake_.notify_one();
    if (thread_.joinable()) thread_.join();
  }

  // In its turn. Throws Error{rate_limited} when too many wait. Loop thread.
  void run(std::function<void()> work) {
    put([&] {
      if (waiting_.size() >= most_waiting_)
        throw Error(Code::rate_limited, "too many looks of the deadman wait already",
                    "Look again in a minute.");
      waiting_.push_back(std::move(work));
    });
  }
  // Before all that wait. Loop thread, which sees to it that these are few.
  void run_next(std::function<void()> work) {
    put([&] { waiting_.push_front(std::move(work)); });
  }

 private:
  template <class Put>
  void put(Put put) {
    if (!thread_.joinable()) thread_ = start_([this] { serve(); });
    {
      const std::scoped_lock lock(mutex_);
      put();
    }
    wake_.notify_one();
  }

  void serve() {
    std::unique_lock lock(mutex_);
    for (;;) {
      wake_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
      if (stopping_) return;
      auto work = std::move(waiting_.front());
      waiting_.pop_front();
      lock.unlock();
      work();
      lock.lock();
    }
  }

  const std::size_t most_waiting_;
  const std::function<std::thread(std::function<void()>)> start_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> waiting_;
  bool stopping_ = false;
  std::thread thread_;
};

DeadmanLooks::DeadmanLooks(Options options, Loop& loop, Store& store, const Clock& clock,
                           deadman::Runner& runner, Log log)
    : options_(std::move(options)),
      loop_(loop),
      store_(store),
      clock_(clock),
      log_(std::move(log)),
      watchman_(options_.paths, clock, runner, options_.boot, options_.host_name, options_.stamps),
      survey_(Error(Code::not_found, "nobody has looked yet")),
      thread_(std::make_unique<Thread>(options_.most_waiting, options_.start)) {}

DeadmanLooks::~DeadmanLooks() = default;

template <class T, class Work>
void DeadmanLooks::ask(Work work, Reply<T> reply) {
  const auto queued = attempt([&] { thread_->run(answering<T>(std::move(work), reply)); });
  if (!queued.ok()) loop_.post([reply, error = queued.error()] { reply(error); });
}

template <class T, class Work>
std::function<void()> DeadmanLooks::answering(Work work, Reply<T> reply) {
  return [&loop = loop_, alive = std::weak_ptr<int>(alive_), work = std::move(work),
          reply = std::move(reply)] {
    loop.post([alive, reply, result = attempt(work)] {
      if (!alive.expired()) reply(result);
    });
  };
}

void DeadmanLooks::survey(bool dry_run, Reply<deadman::Survey> reply) {
  ask<deadman::Survey>(
      [paths = options_.paths, dry_run] { return deadman::survey(paths, dry_run); },
      std::move(reply));
}

void DeadmanLooks::look(deadman::LookOrder order, Reply<deadman::Looked> reply) {
  // What is known of the tasks when its turn has come: it may have waited for longer than one
  // lives.
  ask<deadman::Looked>(
      [this, order = std::move(order)] {
        auto in_turn = order;
        in_turn.tasks = tasks();
        return watchman_.look(in_turn);
      },
      [this, reply = std::move(reply)](const Result<deadman::Looked>& looked) {
        if (looked.ok()) note(looked.value());
        reply(looked);
      });
}

deadman::Moment DeadmanLooks::now() const {
  return {options_.boot,
          std::chrono::duration_cast<Duration>(clock_.monotonic().time_since_epoch())};
}

std::map<std::string, std::string> DeadmanLooks::tasks() const {
  const std::scoped_lock lock(tasks_mutex_);
  return tasks_;
}

void DeadmanLooks::set_tasks(const std::set<std::string>& names) {
  const std::scoped_lock lock(tasks_mutex_);
  std::map<std::string, std::string> tasks;
  for (const auto& name : names) tasks[name] = tasks_[name];
  tasks_ = std::move(tasks);
}

void DeadmanLooks::completed(const std::string& task, std::int64_t job) {
  const std::scoped_lock lock(tasks_mutex_);
  if (const auto known = tasks_.find(task); known != tasks_.end())
    known->second = "job " + std::to_string(job);
}

void DeadmanLooks::read() {
  if (std::exchange(reading_, true)) {
    read_again_ = true;
    return;
  }
  const auto done = [this](const Result<deadman::Survey>& survey) {
    note(survey);
    reading_ = false;
    if (std::exchange(read_again_, false)) read();
  };
  std::error_code ignored;
  const auto file = deadman::settings_path(options_.paths);
  // However many looks a plugin has asked for: what `status` tells must not wait behind them.
  if (std::filesystem::exists(file, ignored)) {
    const auto queued = attempt([&] {
      thread_->run_next(answering<deadman::Survey>(
          [paths = options_.paths] { return deadman::survey(paths); }, done));
    });
    if (queued.ok()) return;
    return loop_.post([done, alive = std::weak_ptr<int>(alive_), error = queued.error()] {
      if (!alive.expired()) done(error);
    });
  }
  done(Error(Code::not_found, "there is no " + file.string()));
}

Json DeadmanLooks::report() const { return deadman_report(survey_, now()); }

void DeadmanLooks::note(const Result<deadman::Survey>& survey) {
  const auto fault = [](const Result<deadman::Survey>& of) {
    return of.ok() || of.error().code() == Code::not_found ? "" : std::string(of.error().what());
  };
  if (const auto why = fault(survey); !why.empty() && why != fault(survey_))
    log_.error("what is watched, or how it stands, can't be read: {}", why);
  survey_ = survey;
  if (!survey.ok()) return;
  survey_.value().withheld = withheld_;
  take_over(survey.value().settings.dry_run, survey.value().state);
  if (noted_) noted_(survey_.value());
}

void DeadmanLooks::note(const deadman::Looked& looked) {
  for (const auto& record : looked.records) log_.warn("{} {}", record.target, record.text);
  take_over(looked.dry_run, looked.state);
  if (!survey_.ok() || survey_.value().settings.dry_run != looked.dry_run) return;
  if (looked.withheld)
    withheld_.insert(looked.watch.name);
  else
    withheld_.erase(looked.watch.name);
  survey_.value().withheld = withheld_;
  survey_.value().state = looked.state;
  if (noted_) noted_(survey_.value());
}

void DeadmanLooks::take_over(bool dry_run, const deadman::State& state) {
  const auto file = deadman::state_path(options_.paths, dry_run).filename().string();
  const std::pair through{state.id, state.last_record};
  if (state.id.empty() || taken_[file] == through) return;
  // One that fails is tried again with the next state that comes, as nothing was noted.
  store_.submit([file, state](Unit& unit) { (void)take_over_records(unit, file, state); },
                [this, alive = std::weak_ptr<int>(alive_), file, through](const Status& stored) {
                  if (alive.expired()) return;
                  if (stored.ok())
                    taken_[file] = through;
                  else
                    log_.warn("the deadman's records are not in the audit yet: {}",
                              stored.error().what());
                });
}

}  // namespace host
