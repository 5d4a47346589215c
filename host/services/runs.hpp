// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>

#include "services/budget_wait.hpp"
#include "services/service_table.hpp"
#include "tokens/ledger.hpp"
#include "workers/executor.hpp"

namespace host {

// Opens the services to a run when it is handed to a worker, and takes what it staged when it is
// over. Loop thread.
class Runs final : public RunHooks {
 public:
  // What a task's runs may do.
  struct Terms {
    Grants grants;
    WriteTerms writes;
    std::string pipeline{};   // whose budget its tokens count for; empty: the task's own
    bool bypassable = false;  // they could reach a model without the host
  };
  using TermsOf = std::function<Terms(const RunnableTask& task)>;
  using Finished = std::function<void(JobId, const RunnableTask&, const Verdict&, JobState)>;
  using Unmade = std::function<void(const RunnableTask&, const Verdict&)>;

  // `services`, `ledger`, `waits` and `clock` are not owned. `terms_of` gives a task's terms as
  // they are now; a run keeps those it began with. `finished` hears of each verdict once it is
  // durable, `unmade` as RunHooks says.
  Runs(ServiceTable& services, Ledger& ledger, BudgetWaits& waits, const Clock& clock,
       TermsOf terms_of, Finished finished, Unmade unmade);

  void opened(const ClaimedJob& job, const RunnableTask& task) override;
  void begun(RunId run) override;
  [[nodiscard]] Closing closed(RunId run, const Verdict& verdict) override;
  void finished(JobId job, const RunnableTask& task, const Verdict& verdict,
                JobState state) override;
  void unmade(const RunnableTask& task, const Verdict& refusal) override;

 private:
  // Whether it waits once more for what others hold of its budget.
  [[nodiscard]] bool waits_for_others(const RunContext& run, const Verdict& verdict);

  ServiceTable* services_;
  Ledger* ledger_;
  BudgetWaits* waits_;
  const Clock* clock_;
  TermsOf terms_of_;
  Finished finished_;
  Unmade unmade_;
  std::map<JobId, int> waits_for_others_;  // so many in a row
};

}  // namespace host
