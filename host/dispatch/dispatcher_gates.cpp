// SPDX-License-Identifier: Apache-2.0
//
// The gates before an agent works, and what all gates begin with.
#include <fmt/format.h>

#include "base/failpoint.hpp"
#include "dispatch/dispatcher_impl.hpp"
#include "dispatch/dispatcher_reconcile.hpp"

namespace host::dispatch {
namespace {

std::string own_pull(const PullRequest& pull) {
  return fmt::format("this host's pull request {} is open", pull.number);
}

// Before new work: a push that no host lived to note is the one to go on from, and a branch that
// people removed is made anew.
void learn_branch(Item& item, const std::optional<Branch>& there) {
  if (!there)
    item.pushed.clear();
  else if (there->sha == item.sealed)
    item.pushed = item.sealed;
}

}  // namespace

void Dispatcher::Impl::fresh(Live& live, Then then) {
  world_.gitea.get_issue(
      parse_repo_name(live.item.repository), live.item.number,
      whatever<Issue>(live, [this, then = std::move(then)](Live& at, Result<Issue> issue) {
        if (break_off(at)) return;
        if (!issue.ok() && issue.error().code() == Code::not_found)
          return commit(
              at, Move::stop,
              {.reason = "it is gone from the forge, or may not be seen any more", .evidence = {}});
        if (!issue.ok()) return fall(at, issue.error());
        at.issue = std::move(issue).value();
        at.item.title = at.issue.title;
        // What there is of it on the disk has a name already.
        if (at.item.repository_id == 0 && at.item.base.empty())
          at.item.repository_id = at.issue.repo_id;
        const auto* entry = rules_->find(at.item.playbook);
        if (entry == nullptr)
          return wait(at, fmt::format("playbook {} is not there any more", at.item.playbook),
                      settings_.retry_after);
        if (auto why = why_stop(at.item, at.issue, *entry, rules_->lanes(), !at.reported)) {
          at.unfit = fits_no_more(at.item, at.issue, *entry, rules_->lanes());
          return commit(at, Move::stop, {.reason = std::move(*why), .evidence = {}});
        }
        then(at);
      }));
}

void Dispatcher::Impl::guard(Live& live, std::function<void(Live&, GuardVerdict)> then) {
  ask_guard_facts(world_.gitea, live.item, live.item.branch, live.issue.created_at,
                  need<GuardFacts>(live, [then = std::move(then)](Live& at, GuardFacts facts) {
                    auto verdict = judge(at.item, at.item.branch, facts);
                    if (at.item.at.gate <= Gate::track) learn_branch(at.item, facts.branch);
                    then(at, std::move(verdict));
                  }));
}

bool Dispatcher::Impl::stop_for(Live& live, const GuardVerdict& verdict) {
  if (verdict.reasons.empty()) return false;
  commit(live, Move::stop,
         {.reason = fmt::format("{}", fmt::join(verdict.reasons, "; ")),
          .evidence = verdict.evidence});
  return true;
}

void Dispatcher::Impl::intake(Live& live) {
  TIMMY_FAILPOINT("dispatch.intake");
  fresh(live, [this](Live& at) { guard(at, next(&Impl::judge_intake)); });
}

void Dispatcher::Impl::judge_intake(Live& live, GuardVerdict verdict) {
  if (verdict.own) verdict.reasons.push_back(own_pull(*verdict.own));
  if (verdict.reasons.empty())
    return commit(live, Move::pass,
                  {.reason = "nobody else works on it", .evidence = verdict.evidence});
  commit(live, Move::decline,
         {.reason = fmt::format("{}", fmt::join(verdict.reasons, "; ")),
          .evidence = verdict.evidence});
}

void Dispatcher::Impl::triage(Live& live) {
  TIMMY_FAILPOINT("dispatch.triage");
  fresh(live, next(&Impl::judge_triage));
}

void Dispatcher::Impl::judge_triage(Live& live) {
  std::vector<OfferedPlaybook> offered;
  for (const auto& entry : rules_->entries()) offered.push_back(offer(entry));
  const auto facts = facts_of(live.issue, live.item.repository, live.item.own_login);
  Json verdicts = Json::array();
  for (const auto& verdict : choose_playbook(facts, offered, rules_->lanes()))
    verdicts.push_back({{"playbook", verdict.playbook},
                        {"verdict", name(verdict.kind)},
                        {"reasons", verdict.reasons}});
  commit(live, Move::pass,
         {.reason = live.item.matched ? fmt::format("{} takes it", live.item.playbook)
                                      : fmt::format("ordered, by {}", live.item.source),
          .evidence = Json{{"item", to_json(facts)}, {"verdicts", std::move(verdicts)}}});
}

void Dispatcher::Impl::route(Live& live) {
  TIMMY_FAILPOINT("dispatch.route");
  fresh(live, next(&Impl::judge_route));
}

void Dispatcher::Impl::judge_route(Live& live) {
  std::vector<std::string> labels;
  for (const auto& label : live.issue.labels) labels.push_back(label.name);
  const auto& lanes = rules_->lanes();
  const auto* claiming = lanes.claiming(labels);
  const bool ordered = !live.item.lane.empty();
  if (!ordered) live.item.lane = claiming ? claiming->name : live.playbook->lane;
  const auto* lane = lanes.find(live.item.lane);
  if (lane == nullptr)
    return commit(live, Move::fail,
                  {.reason = fmt::format("there is no lane {}", live.item.lane), .evidence = {}});
  const auto agent = laid_over(lane->agent, live.playbook->agent);
  if (const auto fault = agent_fault(agent))
    return commit(live, Move::fail,
                  {.reason = fmt::format("the agent of lane {}, with the playbook's settings, {}",
                                         lane->name, *fault),
                   .evidence = {}});
  const char* by = ordered ? "as ordered" : claiming ? "by a label" : "the playbook's own";
  commit(live, Move::pass,
         {.reason = fmt::format("lane {}, {}", lane->name, by),
          .evidence = Json{{"lane", lane->name},
                           {"by", by},
                           {"agent", name(*agent.kind)},
                           {"model", agent.model}}});
}

void Dispatcher::Impl::judge_start(Live& live, GuardVerdict verdict) {
  if (verdict.own) verdict.reasons.push_back(own_pull(*verdict.own));
  if (stop_for(live, verdict)) return;
  world_.gitea.list_comments(parse_repo_name(live.item.repository), live.item.number,
                             need<std::vector<Comment>>(live, next(&Impl::start_run)));
}

ItemWork Dispatcher::Impl::work_of(const Live& live) const {
  ItemWork work;
  work.item = live.item;
  work.playbook = live.playbook;
  work.issue = live.issue;
  // As the step began with it: lanes.json may have lost it since.
  work.lane = live.lane;
  if (work.lane) work.agent = laid_over(work.lane->agent, live.playbook->agent);
  return work;
}

}  // namespace host::dispatch
