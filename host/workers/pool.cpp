// SPDX-License-Identifier: Apache-2.0
#include "workers/pool.hpp"

#include <algorithm>
#include <map>

#include "workers/crew.hpp"

namespace host {
namespace {

void outcome_not_begun(Loop& loop, PendingRun run) {
  loop.post([done = std::move(run.on_outcome)] { done({.not_begun = true, .verdict = {}}); });
}

void outcome(Loop& loop, PendingRun run, Verdict verdict) {
  loop.post([done = std::move(run.on_outcome), verdict = std::move(verdict)]() mutable {
    done({.verdict = std::move(verdict)});
  });
}

}  // namespace

class WorkerPool::Impl final : public Worker::Owner {
 public:
  Impl(boost::asio::io_context& context, Loop& loop, Log log, std::filesystem::path program,
       ServiceHandler& services, PoolSettings settings)
      : loop_(loop),
        log_(std::move(log)),
        program_(std::move(program)),
        settings_(std::move(settings)),
        around_{context, loop, log_, services, settings_, *this},
        standby_(loop, program_) {}

  void submit(PendingRun run) {
    if (closing_) return outcome_not_begun(loop_, std::move(run));
    auto& crew = crews_[run.spec->plugin_id];
    if (crew.spec != run.spec) change_spec(crew, run.spec);
    auto& runs = line(crew, run.request.task).runs;
    runs.push_back(std::move(run));
    // Behind others there is nothing to decide: they go first.
    if (runs.size() == 1) pump(crew);
  }

  void cancel(RunId id, bool at_once) {
    for (auto& [plugin, crew] : crews_) {
      for (auto& worker : crew.workers)
        if (worker->cancel(id, at_once)) return;
      for (auto& [task, line] : crew.waiting) {
        auto& runs = line.runs;
        const auto found = std::find_if(
            runs.begin(), runs.end(), [&](const PendingRun& run) { return run.request.run == id; });
        if (found == runs.end()) continue;
        outcome(loop_, std::move(*found),
                {.kind = Verdict::Kind::cancelled,
                 .code = "cancelled",
                 .message = "cancelled before it began"});
        runs.erase(found);
        if (!runs.empty()) return;
        crew.waiting.erase(task);
        // Others may have let it go first.
        return pump_all();
      }
    }
  }

  void retire(std::string_view plugin_id) {
    const auto found = crews_.find(plugin_id);
    if (found == crews_.end()) return;
    give_back(found->second);
    for (auto& worker : found->second.workers) {
      retired_.push_back(worker.get());
      worker->quit();
    }
    if (!closing_) pump_all();
  }

  void interrupt_all() {
    closing_ = true;
    standby_.clear();
    for (auto& [plugin, crew] : crews_) {
      give_back(crew);
      for (auto& worker : crew.workers) {
        retired_.push_back(worker.get());
        worker->interrupt();
      }
    }
  }

  void close(std::function<void()> done) {
    closing_ = true;
    standby_.clear();
    closed_ = std::move(done);
    for (auto& [plugin, crew] : crews_) retire(plugin);
    loop_.post([weak = std::weak_ptr(alive_), this] {
      if (!weak.expired()) maybe_closed();
    });
  }

  void configure(PoolSettings settings) {
    settings_ = std::move(settings);
    pump_all();
  }

  [[nodiscard]] PoolStats stats() const {
    PoolStats stats = counters_;
    stats.standby = standby_.pid();
    for (const auto& [plugin, crew] : crews_) {
      for (const auto& worker : crew.workers) stats.workers.push_back(worker->row());
      for (const auto& [task, line] : crew.waiting) stats.waiting += line.runs.size();
    }
    return stats;
  }
  [[nodiscard]] std::optional<CageReport> cage() const { return cage_; }

  void ready(Worker& worker, const CageReport& cage) override {
    if (const auto missing = cage.missing(); !missing.empty() && missing != missing_) {
      missing_ = missing;
      log_.warn("workers are caged without: {}", missing);
    }
    for (const auto& note : cage.notes) log_.warn("{}: {}", worker.spec().plugin_id, note);
    cage_ = cage;
  }

  void progressed(Worker& worker) override {
    auto& crew = crews_.at(worker.spec().plugin_id);
    const bool fresh = worker.spec().fresh;
    if (worker.idle() && (worker.used_up() || (fresh && worker.used()))) worker.quit();
    if (fresh) prepare_standby();
    if (worker.load() > static_cast<std::size_t>(settings_.ahead / 2)) return;
    if (worker.idle()) had_its_turn(crew, worker.task());
    // The machine's bound may have kept another plugin waiting.
    full() ? pump_all() : pump(crew);
    if (worker.idle()) find_work(crew);
  }

  void withdrawn(Worker& worker, PendingRun run) override {
    if (closing_ || is_retired(worker)) return outcome_not_begun(loop_, std::move(run));
    auto& crew = crews_.at(run.spec->plugin_id);
    line(crew, run.request.task).runs.push_front(std::move(run));
    pump(crew);
  }

  void ended(Worker& worker, std::deque<PendingRun> unbegun, bool clean) override {
    const bool retired = std::erase(retired_, &worker) > 0;
    auto& crew = crews_.at(worker.spec().plugin_id);
    if (clean && !retired && !closing_) {
      for (; !unbegun.empty(); unbegun.pop_back()) {
        auto& runs = line(crew, unbegun.back().request.task).runs;
        runs.push_front(std::move(unbegun.back()));
      }
    }
    for (auto& run : unbegun) outcome_not_begun(loop_, std::move(run));
    had_its_turn(crew, worker.task());
    const auto found = std::find_if(crew.workers.begin(), crew.workers.end(),
                                    [&](const auto& each) { return each.get() == &worker; });
    // Its own code is still on the stack.
    gone_.push_back(std::move(*found));
    crew.workers.erase(found);
    loop_.post([weak = std::weak_ptr(alive_), this] {
      if (!weak.expired()) gone_.clear();
    });
    pump_all();
    maybe_closed();
  }

  PoolStats& counters() override { return counters_; }

 private:
  [[nodiscard]] bool is_retired(const Worker& worker) const {
    return std::find(retired_.begin(), retired_.end(), &worker) != retired_.end();
  }

  void change_spec(Crew& crew, const std::shared_ptr<const WorkerSpec>& spec) {
    if (crew.spec && !crew.spec->same_worker(*spec))
      for (auto& worker : crew.workers)
        if (!worker->spec().same_worker(*spec)) worker->quit();
    crew.spec = spec;
  }

  void give_back(Crew& crew) {
    for (auto& [task, line] : crew.waiting)
      for (auto& run : line.runs) outcome_not_begun(loop_, std::move(run));
    crew.waiting.clear();
  }

  Line& line(Crew& crew, const std::string& task) {
    const auto [at, is_new] = crew.waiting.try_emplace(task);
    if (is_new) at->second.turn = ++turns_;
    return at->second;
  }
  // A task that had a worker goes behind those that waited meanwhile.
  void had_its_turn(Crew& crew, const std::string& task) {
    if (const auto at = crew.waiting.find(task); at != crew.waiting.end())
      at->second.turn = ++turns_;
  }

  // A worker has nothing to do: what waits behind a run that takes its time elsewhere, and may run
  // beside it, is asked back.
  void find_work(Crew& crew) {
    for (auto& worker : crew.workers) {
      if (worker->ahead() == 0) continue;
      const auto& [task, concurrency] = worker->current();
      if (crew.busy_with(task) < concurrency) return worker->withdraw();
    }
  }

  void pump_all() {
    Turns turns;
    for (auto& [plugin, crew] : crews_) add_turns(turns, crew);
    serve(std::move(turns));
  }
  void pump(Crew& crew) {
    Turns turns;
    add_turns(turns, crew);
    serve(std::move(turns));
  }

  using Turns = std::vector<std::pair<Crew*, std::map<std::string, Line>::iterator>>;
  static void add_turns(Turns& turns, Crew& crew) {
    for (auto at = crew.waiting.begin(); at != crew.waiting.end(); ++at)
      turns.emplace_back(&crew, at);
  }

  // Gives waiting runs to workers, as far as there is room.
  void serve(Turns turns) {
    std::sort(turns.begin(), turns.end(), [](const auto& a, const auto& b) {
      return a.second->second.turn < b.second->second.turn;
    });
    for (auto& [crew, at] : turns) {
      auto& line = at->second;
      while (!line.runs.empty() && place(*crew, line)) line.runs.pop_front();
      if (line.runs.empty()) crew->waiting.erase(at);
    }
  }

  // Whether a task with a turn before `turn` has no worker, and needs one of this plugin's, or of
  // the machine's when no more may be started.
  bool others_starve(const Crew& crew, std::uint64_t turn) const {
    if (crew.starves(turn)) return true;
    if (start_pause_ || !full()) return false;
    return std::any_of(crews_.begin(), crews_.end(),
                       [&](const auto& other) { return other.second.starves(turn); });
  }

  // Hands the line's first run to a worker, or ends it when it can be handed to none. False: it has
  // to wait.
  bool place(Crew& crew, Line& line) {
    auto& run = line.runs.front();
    Worker* worker = nullptr;
    if (crew.busy_with(run.request.task) < run.request.concurrency &&
        !others_starve(crew, line.turn)) {
      worker = idle_worker(crew, run);
      if (worker == nullptr && !start_pause_ && make_room()) worker = start(crew, run);
      if (worker != nullptr) line.turn = ++turns_;
    }
    if (worker == nullptr) worker = least_loaded(crew, run);
    if (worker == nullptr) return false;
    try {
      worker->send(std::move(run));
    } catch (const Error& error) {
      outcome(loop_, std::move(run),
              {.kind = Verdict::Kind::failed,
               .permanent = true,
               .code = std::string(name(error.code())),
               .message = error.message()});
    }
    return true;
  }

  Worker* idle_worker(Crew& crew, const PendingRun& run) {
    for (auto& worker : crew.workers) {
      if (!worker->idle() || !worker->has_room(run) || !worker->spec().same_worker(*run.spec))
        continue;
      if (worker->grants_unchanged()) return worker.get();
      worker->quit();
    }
    return nullptr;
  }

  // One that runs the task already, with the fewest ahead.
  Worker* least_loaded(Crew& crew, const PendingRun& run) {
    Worker* best = nullptr;
    for (auto& worker : crew.workers) {
      if (worker->load() == 0 || worker->task() != run.request.task || !worker->has_room(run) ||
          !worker->spec().same_worker(*run.spec))
        continue;
      if (best == nullptr || worker->load() < best->load()) best = worker.get();
    }
    // It has a worker, so those that have none are others.
    return best != nullptr && others_starve(crew, UINT64_MAX) ? nullptr : best;
  }

  [[nodiscard]] bool full() const {
    std::size_t count = 0;
    for (const auto& [plugin, crew] : crews_) count += crew.workers.size();
    return count >= static_cast<std::size_t>(settings_.workers);
  }

  // Whether one more worker may start. If not, the one that has been idle longest ends for it, and
  // the run waits until it has.
  bool make_room() {
    if (!full()) return true;
    Worker* longest = nullptr;
    for (auto& [plugin, other] : crews_) {
      for (auto& worker : other.workers) {
        // One that ends already makes the room.
        if (worker->ending() && worker->load() == 0) return false;
        if (worker->idle() && (longest == nullptr || worker->idle_since() < longest->idle_since()))
          longest = worker.get();
      }
    }
    if (longest != nullptr) longest->quit();
    return false;
  }

  // Null when none can be started. Then none is tried for a while, and all who need one wait: a
  // machine that has run out of something is not asked for it by each of a thousand jobs.
  Worker* start(Crew& crew, const PendingRun& run) {
    try {
      crew.workers.push_back(std::make_unique<Worker>(around_, standby_.take(), run.spec));
    } catch (...) {
      no_start(current_error());
      return nullptr;
    }
    ++counters_.started;
    if (!std::exchange(counters_.start_error, "").empty()) log_.info("workers start again");
    return crew.workers.back().get();
  }

  void no_start(const Error& error) {
    ++counters_.failed_starts;
    if (std::exchange(counters_.start_error, error.message()).empty())
      log_.error("no worker can be started: {}; jobs wait", error.what());
    start_pause_ = loop_.after(settings_.start_pause, [this] {
      start_pause_.cancel();
      pump_all();
      // Either one has started, or nobody needs one any more.
      if (!start_pause_) counters_.start_error.clear();
    });
  }

  // After what has to be done now.
  void prepare_standby() {
    loop_.post([weak = std::weak_ptr(alive_), this] {
      if (!weak.expired() && !closing_ && !start_pause_) standby_.prepare(settings_.idle);
    });
  }

  void maybe_closed() {
    if (!closed_) return;
    for (const auto& [plugin, crew] : crews_)
      if (!crew.workers.empty()) return;
    std::exchange(closed_, nullptr)();
  }

  Loop& loop_;
  Log log_;
  std::filesystem::path program_;
  PoolSettings settings_;
  Worker::Surroundings around_;
  Standby standby_;
  std::map<std::string, Crew, std::less<>> crews_;
  std::vector<const Worker*> retired_;  // whose unbegun runs go back
  std::vector<std::unique_ptr<Worker>> gone_;
  PoolStats counters_;
  std::uint64_t turns_ = 0;
  Timer start_pause_;  // armed: the last start failed
  std::optional<CageReport> cage_;
  std::string missing_;
  bool closing_ = false;
  std::function<void()> closed_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

bool WorkerSpec::same_worker(const WorkerSpec& other) const {
  return image->sha256 == other.image->sha256 && plugin_id == other.plugin_id &&
         config_json == other.config_json && readable == other.readable &&
         writable == other.writable && scratch == other.scratch && limits == other.limits;
}

WorkerPool::WorkerPool(boost::asio::io_context& context, Loop& loop, Log log,
                       std::filesystem::path worker, ServiceHandler& services,
                       PoolSettings settings)
    : impl_(std::make_unique<Impl>(context, loop, std::move(log), std::move(worker), services,
                                   std::move(settings))) {}

WorkerPool::~WorkerPool() = default;

void WorkerPool::submit(std::shared_ptr<const WorkerSpec> spec, RunRequest request,
                        OnBegun on_begun, OnOutcome on_outcome) {
  impl_->submit({std::move(spec), std::move(request), std::move(on_begun), std::move(on_outcome)});
}

void WorkerPool::cancel(RunId run, bool at_once) { impl_->cancel(run, at_once); }
void WorkerPool::retire(std::string_view plugin_id) { impl_->retire(plugin_id); }
void WorkerPool::interrupt_all() { impl_->interrupt_all(); }
void WorkerPool::close(std::function<void()> done) { impl_->close(std::move(done)); }
void WorkerPool::configure(PoolSettings settings) { impl_->configure(std::move(settings)); }
PoolStats WorkerPool::stats() const { return impl_->stats(); }
std::optional<CageReport> WorkerPool::cage() const { return impl_->cage(); }

}  // namespace host
