// SPDX-License-Identifier: Apache-2.0
//
// What the services' tests stand on: a queue on the store's twin, one job that runs, and a table
// that answers at once.
#pragma once

#include <gtest/gtest.h>

#include <optional>

#include "base/fake_loop.hpp"
#include "queue/job_table.hpp"
#include "queue/queue.hpp"
#include "services/budget_wait.hpp"
#include "services/service_table.hpp"
#include "services/state_service.hpp"
#include "store/inline_store.hpp"
#include "tokens/ledger.hpp"

namespace host {

class ServiceBench : public ::testing::Test {
 protected:
  ServiceBench() {
    queue_.recover([](Result<Recovery>) {});
    ledger_.recover([](Result<Ledger::Recovery>) {});
    loop_.drain();
  }

  // A job of `task`, claimed: what a worker would run now.
  RunId running_job(const std::string& task = "triage_task") {
    queue_.insert({NewJob{.task = task}}, [](Result<std::vector<Inserted>>) {});
    std::optional<RunId> run;
    queue_.claim(task, 1, [&](Result<Claimed> jobs) { run = jobs.value().jobs.at(0).run; });
    loop_.drain();
    return run.value();
  }

  // Opens the door for a new run of plugin "triage" with these grants.
  std::shared_ptr<RunContext> open(const Json& grants) {
    auto context = std::make_shared<RunContext>();
    context->run = running_job();
    context->plugin = "triage";
    context->task = "triage_task";
    context->key = "key of job " + std::to_string(context->run.job.value());
    context->grants = grants.is_null() ? Grants() : Grants::from(grants);
    table_.open(context);
    table_.begin(context->run);
    return context;
  }

  Result<Json> call(const RunContext& run, const std::string& method,
                    const Json& params = Json::object()) {
    std::optional<Result<std::string>> answer;
    table_.call({run.run, run.plugin, run.task, method, to_text(params)},
                [&](Result<std::string> reply) { answer = std::move(reply); });
    loop_.drain();
    if (!answer) return Error(Code::internal, "no answer");
    if (!answer->ok()) return answer->error();
    return Json::parse(answer->value());
  }

  // Ends the run as its completion would: what it staged is committed with it.
  Status complete(const std::shared_ptr<RunContext>& run) {
    const auto context = table_.close(run->run);
    std::optional<Result<Finished>> finished;
    queue_.finish(
        run->run, Verdict{.kind = Verdict::Kind::completed}, {},
        [context, now = queue_.now()](Unit& unit, JobState state) {
          write_staged_state(unit, context->plugin, context->staged_state, WallTime());
          for (const auto& follower : context->followers)
            if (follows(follower.when, state)) (void)insert_job(unit, follower.job, now);
        },
        [&](Result<Finished> result) { finished = std::move(result); });
    loop_.drain();
    if (!finished->ok()) return finished->error();
    return Done{};
  }

  // The first column of a query's rows.
  std::vector<std::string> rows(const std::string& sql) {
    return store_.run_now([&](Unit& unit) {
      auto& select = unit.prepare(sql);
      std::vector<std::string> all;
      while (select.step()) all.push_back(select.string(0));
      return all;
    });
  }

  FakeLoop loop_;
  std::shared_ptr<std::vector<std::string>> lines_ = std::make_shared<std::vector<std::string>>();
  Log log_ = Log::to_memory(lines_);
  InlineStore store_{loop_};
  Queue queue_{store_, loop_, log_};
  Ledger ledger_{store_, loop_, loop_.clock(), log_, "allegro", "this boot"};
  BudgetWaits waits_{queue_, loop_, log_};
  ServiceTable table_{log_};
};

}  // namespace host
