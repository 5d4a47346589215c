// SPDX-License-Identifier: Apache-2.0
#include "authoring/stage.hpp"

#include <utility>

#include "base/error.hpp"
#include "services/gitea_service.hpp"
#include "services/http_service.hpp"
#include "services/job_issue.hpp"
#include "services/jobs_service.hpp"
#include "services/model_service.hpp"
#include "services/state_service.hpp"
#include "services/tokens_service.hpp"
#include "workers/message.hpp"

namespace host {
namespace {

// As where there is no deadman.yaml: no trial flags or restarts anything of this machine's.
class NothingWatched final : public DeadmanDesk {
 public:
  explicit NothingWatched(Loop& loop) : loop_(loop) {}
  void survey(bool, Reply<deadman::Survey> reply) override { refuse(std::move(reply)); }
  void look(deadman::LookOrder, Reply<deadman::Looked> reply) override { refuse(std::move(reply)); }
  [[nodiscard]] deadman::Moment now() const override { return {}; }
  [[nodiscard]] std::string host_name() const override { return "trial"; }

 private:
  template <class T>
  void refuse(Reply<T> reply) {
    loop_.post([reply = std::move(reply)] {
      reply(Error(Code::not_found, "a trial has no deadman.yaml, and watches nothing"));
    });
  }

  Loop& loop_;
};

}  // namespace

Stage::Stage(Loop& loop, Log log, Outside outside)
    : loop_(loop),
      store_(loop),
      queue_(store_, loop, log),
      ledger_(store_, loop, loop.clock(), log, "trial"),
      call_ledger_(make_call_ledger(ledger_, loop, loop)),
      models_(outside.http, *call_ledger_, loop, log.redactor(), log,
              std::make_shared<const ModelRoutes>()),
      deadman_(std::make_unique<NothingWatched>(loop)),
      services_(log) {
  services_.add(make_gitea_service(outside.gitea, store_, loop.clock(), log));
  services_.add(make_state_service(store_, loop.clock()));
  services_.add(make_jobs_service(queue_, store_, [this](const std::string& task) {
    const auto known = tasks_.find(task);
    // A task of another plugin, which isn't here: any that it is granted is taken to be there.
    return std::optional(
        KnownTask{known == tasks_.end() ? "another" : known->second, NewJob{.task = task}});
  }));
  services_.add(make_model_service(models_, ledger_));
  services_.add(make_process_service(*deadman_));
  services_.add(make_tokens_service(ledger_, store_, [](int) { return std::nullopt; }));
  services_.add(make_http_service(
      outside.http, store_, loop.clock(), log.redactor(),
      [credentials = std::move(outside.credentials)](const std::string& name) {
        const auto found = credentials.find(name);
        return found == credentials.end() ? std::nullopt : std::optional(found->second);
      }));
}

void Stage::open(const PluginEntry& plugin, const std::string& task, const Json& payload,
                 Reply<ClaimedJob> done) {
  if (!std::exchange(recovered_, true)) {
    return recover([this, &plugin, task, payload, done](const Status& recovered) {
      if (!recovered.ok()) return done(recovered.error());
      open(plugin, task, payload, done);
    });
  }
  for (const auto& one : plugin.tasks) tasks_[one.spec.name] = plugin.id;
  NewJob job{.task = task};
  job.payload = to_text(payload);
  queue_.insert({std::move(job)},
                [this, &plugin, task, done](Result<std::vector<Inserted>> inserted) {
                  if (!inserted.ok()) return done(inserted.error());
                  claim(plugin, task, done);
                });
}

void Stage::recover(Reply<Done> done) {
  queue_.recover([this, done = std::move(done)](const Result<Recovery>& queue) {
    if (!queue.ok()) return done(queue.error());
    ledger_.recover([this, done](const Result<Ledger::Recovery>& ledger) {
      if (!ledger.ok()) return done(ledger.error());
      ledger_.set_budget({}, done);
    });
  });
}

void Stage::claim(const PluginEntry& plugin, const std::string& task, Reply<ClaimedJob> done) {
  queue_.claim(task, 1, [this, &plugin, task, done](Result<Claimed> claimed) {
    if (!claimed.ok()) return done(claimed.error());
    auto job = std::move(claimed.value().jobs.at(0));
    auto context = std::make_shared<RunContext>();
    context->run = job.run;
    context->plugin = plugin.id;
    context->task = task;
    context->key = job.key;
    context->grants = plugin.grants;
    context->writes = plugin.writes;
    context->issue = issue_of_job(job.payload, context->grants);
    services_.open(std::move(context));
    done(std::move(job));
  });
}

void Stage::begin(RunId run) { services_.begin(run); }

TrialEffects Stage::close(RunId run, const Verdict& verdict) {
  const auto context = services_.close(run);
  for (const auto reservation : context->reservations) ledger_.release(reservation, {});
  TrialEffects effects{context->staged_state, context->followers};
  queue_.finish(
      run, verdict, {},
      [context, now = loop_.clock().wall()](Unit& unit, JobState state) {
        if (state == JobState::completed)
          write_staged_state(unit, context->plugin, context->staged_state, now);
      },
      [](const Result<Finished>&) {});
  return effects;
}

void Stage::call(ServiceCall call, Reply<std::string> reply) {
  const auto method = call.method;
  const auto params = call.params;
  const auto start = loop_.clock().monotonic();
  services_.call(std::move(call), [this, method, params, start, reply](Result<std::string> answer) {
    calls_.push_back({method, params, answer, loop_.clock().monotonic() - start});
    if (on_call) on_call(calls_.back());
    reply(std::move(answer));
  });
}

void Stage::log(RunId, std::string_view, Level level, std::string_view text) {
  if (text.starts_with(kDestroyThrew)) destroy_threw_ = text;
  if (on_line) on_line(level, text);
}

}  // namespace host
