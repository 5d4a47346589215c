// SPDX-License-Identifier: Apache-2.0
#include "dispatch/caged_runs.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/file.hpp"
#include "dispatch/agent_probe.hpp"
#include "dispatch/attempt_prompt.hpp"
#include "dispatch/patience.hpp"
#include "runs/run_lock.hpp"
#include "runs/supervised_runner.hpp"

namespace host::dispatch {
namespace {

namespace fs = std::filesystem;

// In the scratch: what the agent reads from its standard input.
constexpr const char* kInputFile = "input";

bool is_there(const fs::path& path) {
  struct stat there {};
  return ::lstat(path.c_str(), &there) == 0;
}

// Files that an agent is given, and the run that they are for. Blocks.
runs::RunSpec spec_of(const AttemptOrder& order, const AgentLaunch& launch,
                      const AttemptFolders& folders, std::optional<SocketAddress> meter) {
  prepare(launch);
  runs::RunSpec spec;
  spec.id = order.run;
  spec.arguments = launch.arguments;
  spec.folder = launch.folder;
  spec.environment = launch.environment;
  spec.writable = launch.writable;
  spec.scratch = folders.scratch;
  spec.readable = launch.readable;
  spec.network = order.work.playbook->network == Network::open ? runs::Network::open
                                                               : runs::Network::meter_only;
  spec.meter = std::move(meter);
  spec.limits = limits_of(*order.work.playbook);
  if (!launch.input.empty()) {
    spec.input = folders.scratch / kInputFile;
    write_atomically(spec.input, launch.input, 0600);
  }
  note_kept(launch, folders);
  return spec;
}

// The playbook's word alone does not do: without a network namespace a run has the host's network.
void must_be_held(const Playbook& playbook, const std::function<bool()>& passes_meter) {
  const auto passes = attempt(passes_meter);
  if (passes.ok() && !passes.value()) return;
  throw Error(
      Code::unavailable,
      fmt::format("playbook {} has network: meter-only, and nothing here holds an agent to "
                  "that: {}",
                  playbook.name,
                  passes.ok() ? "no network namespace can be had" : passes.error().message()),
      "See timmy-host --doctor; or set network: open, with which it can spend past its "
      "budget.");
}

}  // namespace

class CagedRuns::Impl : public std::enable_shared_from_this<CagedRuns::Impl> {
 public:
  explicit Impl(RunWorld world) : world_(std::move(world)) {
    make_directories(world_.folders.scratch, 0700);
  }

  void start(AttemptOrder order, Reply<RunFacts> ended);
  void cancel(const std::string& run, const std::string& why);
  void settle(const std::string& run, Reply<RunFacts> ended);
  [[nodiscard]] std::size_t running() const { return attempts_.size(); }
  [[nodiscard]] std::set<std::string> in_hand() const {
    std::set<std::string> names;
    for (const auto& [run, attempt] : attempts_) names.insert(run);
    for (const auto& [run, settling] : settling_) names.insert(run);
    return names;
  }

 private:
  struct Attempt {
    AttemptOrder order;
    Reply<RunFacts> ended;
    AttemptFolders folders;
    std::shared_ptr<const Agent> agent;
    bool bypassable = true;
    std::string metered;    // the meter's run; empty: none
    std::string cancelled;  // why it was cancelled before it ran
    bool running = false;   // the Runner has it
    TokensRefused refused;
    std::optional<Patience> patience;  // while it runs
    std::optional<WallTime> renews;    // what it was not started for
    // Once it has ended:
    std::optional<runs::RunEnding> ending;
    std::optional<AgentEnd> judged;
    bool accounting = false;
    std::unique_ptr<runs::LockWait> left;  // until nothing of it is
  };
  using Shared = std::shared_ptr<Attempt>;

  template <class T>
  Reply<T> then(void (Impl::*next)(const Shared&, T), const Shared& attempt) {
    return [weak = weak_from_this(), next, attempt](Result<T> result) {
      const auto self = weak.lock();
      if (!self) return;
      if (!result.ok()) return self->not_begun(attempt, result.error());
      (self.get()->*next)(attempt, std::move(result).value());
    };
  }

  void check_day(const Shared& attempt, std::int64_t used);
  void choose_agent(const Shared& attempt);
  void agent_chosen(const Shared& attempt, std::shared_ptr<const Agent> agent);
  void metered(const Shared& attempt, MeteredRun run);
  void launch(const Shared& attempt, const std::string& url, const Secret& key);
  void launched(const Shared& attempt, runs::RunSpec spec);
  void not_begun(const Shared& attempt, const Error& error);
  [[nodiscard]] RunSigns signs_of(const Shared& attempt);
  void answered(Attempt& attempt);
  void refused(const Shared& attempt, const Error& why, bool others);
  [[nodiscard]] std::function<void()> lose_patience(const Shared& attempt);
  void ended(const Shared& attempt, const runs::RunEnding& ending);
  void is_gone(const Shared& attempt, const runs::RunEnding& ending);
  void account_attempt(const Shared& attempt);
  void account(const std::string& run, const runs::RunEnding& ending,
               const std::optional<AgentEnd>& judged, const Shared& attempt,
               const Reply<RunFacts>& reply);
  void lock_is_free(const std::string& run);
  [[nodiscard]] AttemptFolders folders_of(const std::string& run) const {
    return {world_.folders.runs / run, world_.folders.scratch / run};
  }

  RunWorld world_;
  std::map<std::string, Shared> attempts_;
  struct Settling {
    Reply<RunFacts> reply;
    std::unique_ptr<runs::LockWait> wait;
  };
  std::map<std::string, Settling> settling_;
};

void CagedRuns::Impl::start(AttemptOrder order, Reply<RunFacts> ended) {
  const auto run = order.run;
  const auto folders = folders_of(run);
  if (attempts_.contains(run) || is_there(folders.run)) return settle(run, std::move(ended));
  auto made = std::make_shared<Attempt>();
  made->order = std::move(order);
  made->ended = std::move(ended);
  made->folders = folders;
  attempts_.emplace(run, made);
  const auto& lane = made->order.work.lane;
  if (!lane->budget.tokens_per_day) return choose_agent(made);
  world_.store.read(
      [lane, day = world_.today()](Unit& unit) { return tokens_of_day(unit, *lane, day); },
      then<std::int64_t>(&Impl::check_day, made));
}

void CagedRuns::Impl::check_day(const Shared& made, std::int64_t used) {
  const auto& lane = *made->order.work.lane;
  if (used < *lane.budget.tokens_per_day) return choose_agent(made);
  made->renews = world_.next_day();
  not_begun(made, Error(Code::rate_limited,
                        fmt::format("lane {} has used {} of its {} tokens of the day", lane.name,
                                    used, *lane.budget.tokens_per_day),
                        "Wait for the next day, or raise tokens_per_day in agent-lanes.json."));
}

void CagedRuns::Impl::choose_agent(const Shared& made) {
  world_.blocking.run(
      WorkKind::placed,
      [made, places = world_.places, cages = world_.cages, passes_meter = world_.passes_meter] {
        auto agent = make_agent(made->order.work.agent, places, caged_probe(cages));
        if (const auto held = agent->held()) throw Error(Code::rate_limited, *held);
        clear_scratch(made->folders);
        make_directories(made->folders.scratch, 0700);
        const auto& playbook = *made->order.work.playbook;
        made->bypassable = playbook.network == Network::open;
        if (!made->bypassable) must_be_held(playbook, passes_meter);
        return std::shared_ptr<const Agent>(std::move(agent));
      },
      then<std::shared_ptr<const Agent>>(&Impl::agent_chosen, made));
}

void CagedRuns::Impl::agent_chosen(const Shared& made, std::shared_ptr<const Agent> agent) {
  made->agent = std::move(agent);
  auto* meter = world_.meter();
  const auto& work = made->order.work;
  if (meter == nullptr) return launch(made, "", Secret());
  RunTerms terms;
  terms.spender.pipeline = pipeline_of(*work.lane);
  terms.spender.playbook = work.playbook->name;
  terms.spender.run = made->order.run;
  terms.spender.repo = work.item.repository;
  terms.spender.issue = work.item.number;
  terms.spender.bypassable = made->bypassable;
  terms.route = work.agent.route;
  if (!work.agent.model.empty()) terms.model = work.agent.model;
  terms.caps = caps_of_run(*work.playbook, *work.lane, made->order.tokens_left);
  terms.signs = signs_of(made);
  meter->open_run(std::move(terms),
                  [made, next_day = world_.next_day,
                   next = then<MeteredRun>(&Impl::metered, made)](Result<MeteredRun> run) {
                    // The word of a cap that begins anew.
                    if (!run.ok() && run.error().code() == Code::rate_limited)
                      made->renews = next_day();
                    next(std::move(run));
                  });
}

void CagedRuns::Impl::metered(const Shared& made, MeteredRun run) {
  made->metered = run.id;
  launch(made, run.url, run.key);
}

void CagedRuns::Impl::launch(const Shared& made, const std::string& url, const Secret& key) {
  if (!made->cancelled.empty())
    return not_begun(made, Error(Code::cancelled, "it was cancelled: " + made->cancelled));
  std::optional<SocketAddress> address;
  if (auto* meter = world_.meter(); meter != nullptr && !made->metered.empty())
    address = meter->address();
  world_.blocking.run(
      [made, url, key, address] {
        const auto& order = made->order;
        const AgentTask task{.run = order.run,
                             .prompt = attempt_prompt(order, made->folders.report_file()),
                             .tree = order.workspace.tree,
                             .scratch = made->folders.scratch,
                             .report_file = made->folders.report_file(),
                             .model_url = url,
                             .model_key = key};
        return spec_of(order, made->agent->launch(task), made->folders, address);
      },
      then<runs::RunSpec>(&Impl::launched, made));
}

void CagedRuns::Impl::launched(const Shared& made, runs::RunSpec spec) {
  if (!made->cancelled.empty())
    return not_begun(made, Error(Code::cancelled, "it was cancelled: " + made->cancelled));
  made->running = true;
  made->patience.emplace(world_.loop, made->order.work.playbook->limits.stall, lose_patience(made));
  world_.runner.start(std::move(spec),
                      {.started = {},
                       .output = {},
                       .ended = [weak = weak_from_this(), made](const runs::RunEnding& ending) {
                         if (const auto self = weak.lock()) self->ended(made, ending);
                       }});
}

RunSigns CagedRuns::Impl::signs_of(const Shared& made) {
  const auto with = [weak = weak_from_this(), at = std::weak_ptr(made)](auto work) {
    const auto self = weak.lock();
    const auto attempt = at.lock();
    if (self && attempt && attempt->running) work(*self, attempt);
  };
  return {.answered = [with] { with([](Impl& self, const Shared& at) { self.answered(*at); }); },
          .refused =
              [with](const Error& why, bool others) {
                with([&](Impl& self, const Shared& at) { self.refused(at, why, others); });
              },
          .with_model =
              [with](bool any) {
                with([&](Impl&, const Shared& at) { at->patience->with_model(any); });
              }};
}

void CagedRuns::Impl::answered(Attempt& at) {
  if (!at.refused.ended) at.refused = {};
  at.patience->answered();
  world_.runner.alive(at.order.run);
}

// It may commit what it has and end by itself, or ask for less. But what it prints is no sign of
// life any more: one that asks again and again must not go on for ever. What the ledger can't grant
// anybody, or not before the next run, or while others hold it, is no such fault of the run's.
void CagedRuns::Impl::refused(const Shared& made, const Error& why, bool others) {
  auto& refused = made->refused;
  const bool for_day = why.code() == Code::rate_limited;
  const bool for_now = why.code() == Code::unavailable || why.code() == Code::busy;
  refused.why = why.message();
  refused.final = !for_day && !for_now;
  refused.renews.reset();
  if (for_day) refused.renews = world_.next_day();
  if (for_now) refused.renews = world_.loop.clock().wall();
  made->patience->refused(!for_now, others);
}

std::function<void()> CagedRuns::Impl::lose_patience(const Shared& made) {
  return [weak = weak_from_this(), at = std::weak_ptr(made)] {
    const auto self = weak.lock();
    const auto attempt = at.lock();
    if (!self || !attempt) return;
    attempt->refused.ended = true;
    const auto stall = format_duration(attempt->order.work.playbook->limits.stall);
    self->world_.runner.cancel(attempt->order.run,
                               fmt::format("for {} it got no tokens, and did not end", stall));
  };
}

void CagedRuns::Impl::not_begun(const Shared& made, const Error& error) {
  const auto reply = [weak = weak_from_this(), made, error](const Status&) {
    const auto self = weak.lock();
    if (!self) return;
    self->world_.blocking.run([made] { clear_scratch(made->folders); },
                              [weak, made, error](const Status&) {
                                if (const auto still = weak.lock())
                                  still->attempts_.erase(made->order.run);
                                RunFacts facts;
                                facts.run = made->order.run;
                                facts.reason = error.message();
                                facts.renews = made->renews;
                                facts.not_begun = error;
                                made->ended(facts);
                              });
  };
  auto* meter = world_.meter();
  if (meter != nullptr && !made->metered.empty()) return meter->close_run(made->metered, reply);
  world_.loop.post([reply] { reply(Done{}); });
}

// Its supervisor has said its last, or is gone; in the clone nothing may be done while something of
// the run is left.
void CagedRuns::Impl::ended(const Shared& made, const runs::RunEnding& ending) {
  made->running = false;
  made->patience->end();
  made->left = std::make_unique<runs::LockWait>(
      world_.loop, runs::lock_path(made->folders.run),
      [weak = weak_from_this(), at = std::weak_ptr(made), ending] {
        const auto self = weak.lock();
        const auto attempt = at.lock();
        if (!self || !attempt) return;
        // It is what calls here.
        self->world_.loop.post(
            [wait = std::shared_ptr<runs::LockWait>(std::move(attempt->left))] {});
        self->is_gone(attempt, ending);
      });
}

// The meter first: only then the ledger has all of it.
void CagedRuns::Impl::is_gone(const Shared& made, const runs::RunEnding& ending) {
  if (ending.kind == runs::RunEnding::Kind::not_started)
    return not_begun(made, Error(Code::unavailable, "no run can be started: " + ending.evidence,
                                 "See timmy-host --doctor."));
  const auto go_on = [weak = weak_from_this(), made, ending](const Status&) {
    const auto self = weak.lock();
    if (!self) return;
    made->ending = ending;
    made->judged = made->agent->judge(exit_of(ending, made->folders));
    self->account_attempt(made);
  };
  auto* meter = world_.meter();
  if (meter != nullptr && !made->metered.empty()) return meter->close_run(made->metered, go_on);
  go_on(Done{});
}

// It stays in hand until its facts are on the disk: settle() tries again.
void CagedRuns::Impl::account_attempt(const Shared& made) {
  made->accounting = true;
  account(made->order.run, *made->ending, made->judged, made,
          [weak = weak_from_this(), made](Result<RunFacts> facts) {
            made->accounting = false;
            const auto self = weak.lock();
            if (self && facts.ok()) self->attempts_.erase(made->order.run);
            made->ended(std::move(facts));
          });
}

void CagedRuns::Impl::account(const std::string& run, const runs::RunEnding& ending,
                              const std::optional<AgentEnd>& judged, const Shared& made,
                              const Reply<RunFacts>& reply) {
  world_.store.read(
      [run](Unit& unit) { return account_of_run(unit, run); },
      [weak = weak_from_this(), run, ending, judged, made, reply](Result<ItemAccount> account) {
        const auto self = weak.lock();
        if (!self) return;
        if (!account.ok()) return reply(account.error());
        auto facts = facts_of_end(run, ending, judged, made ? made->refused : TokensRefused{},
                                  account.value());
        if (made) facts.evidence["agent"] = made->agent->description();
        self->world_.blocking.run(
            [facts, made, folders = self->folders_of(run)] { return settle_facts(facts, folders); },
            reply);
      });
}

void CagedRuns::Impl::cancel(const std::string& run, const std::string& why) {
  const auto found = attempts_.find(run);
  if (found == attempts_.end()) return;
  if (found->second->running) return world_.runner.cancel(run, why);
  found->second->cancelled = why.empty() ? "by the host" : why;
}

void CagedRuns::Impl::settle(const std::string& run, Reply<RunFacts> reply) {
  // It never ended, as far as this host knows: whoever asks last is told.
  if (const auto found = attempts_.find(run); found != attempts_.end()) {
    const auto made = found->second;
    made->ended = std::move(reply);
    if (made->ending && !made->accounting) account_attempt(made);
    return;
  }
  auto& settling = settling_[run];
  settling.reply = std::move(reply);
  settling.wait = std::make_unique<runs::LockWait>(
      world_.loop, runs::lock_path(folders_of(run).run), [weak = weak_from_this(), run] {
        if (const auto self = weak.lock()) self->lock_is_free(run);
      });
}

void CagedRuns::Impl::lock_is_free(const std::string& run) {
  const auto found = settling_.find(run);
  const auto reply = std::move(found->second.reply);
  // It is what calls here.
  world_.loop.post([wait = std::shared_ptr<runs::LockWait>(std::move(found->second.wait))] {});
  settling_.erase(found);
  const auto folders = folders_of(run);
  RunFacts facts;
  facts.run = run;
  // The host that named it did not live to start it.
  facts.how = RunEnd::interrupted;
  facts.reason = "the host ended before it was started";
  if (!is_there(folders.run)) return reply(facts);
  const auto written = attempt([&] { return written_facts(folders); });
  if (written.ok() && written.value()) return reply(*written.value());
  runs::RunEnding ending;
  ending.evidence = "the host ended while it ran";
  const auto known = attempt([&] { return runs::read_ending(folders.run); });
  account(run, known.ok() ? known.value() : ending, {}, nullptr, reply);
}

CagedRuns::CagedRuns(RunWorld world) : impl_(std::make_shared<Impl>(std::move(world))) {}
CagedRuns::~CagedRuns() = default;
void CagedRuns::start(AttemptOrder order, Reply<RunFacts> ended) {
  impl_->start(std::move(order), std::move(ended));
}
void CagedRuns::cancel(const std::string& run, const std::string& why) { impl_->cancel(run, why); }
void CagedRuns::settle(std::string run, Reply<RunFacts> ended) {
  impl_->settle(run, std::move(ended));
}
std::size_t CagedRuns::running() const { return impl_->running(); }
std::set<std::string> CagedRuns::in_hand() const { return impl_->in_hand(); }

}  // namespace host::dispatch
