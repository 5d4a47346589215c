// SPDX-License-Identifier: Apache-2.0
#include "dispatch/report_facts.hpp"

namespace host::dispatch {

ReportFacts report_facts(const ReportOrder& order, const ItemAccount& account) {
  const auto& [work, run, verdict] = order;
  ReportFacts facts;
  facts.run = run.run;
  facts.repository = work.item.repository;
  facts.issue = work.issue;
  facts.lane = work.item.lane;
  facts.agent = run.evidence.value("agent", "an agent of lane " + work.item.lane);
  facts.base_branch = work.item.base_branch;
  facts.branch = work.item.branch;
  facts.attempts = work.item.attempts;
  facts.tokens = account.tokens;
  facts.tokens_whole = account.whole;
  facts.models = account.models;
  facts.report = run.report;
  facts.verdict = verdict;
  facts.bypassable = run.evidence.value("bypassable", false);
  return facts;
}

}  // namespace host::dispatch
