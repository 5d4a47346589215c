// SPDX-License-Identifier: Apache-2.0
//
// The last gate: push, pull request or comment. Each of its writes looks first whether it was made
// already, by a host that did not live to say so.
#include <fmt/format.h>

#include "base/failpoint.hpp"
#include "dispatch/dispatcher_facts.hpp"
#include "dispatch/dispatcher_impl.hpp"

namespace host::dispatch {

void Dispatcher::Impl::report(Live& live) {
  TIMMY_FAILPOINT("dispatch.report");
  if (live.item.pull != 0) return look_at_own_pull(live);
  fresh(live, [this](Live& at) {
    at.reported = true;
    if (at.playbook->report.kind == ReportKind::comment) return publish(at);
    guard(at, next(&Impl::judge_report));
  });
}

void Dispatcher::Impl::judge_report(Live& live, const GuardVerdict& verdict) {
  if (stop_for(live, verdict)) return;
  if (live.item.head.empty())
    return commit(live, Move::fail, {.reason = "there is nothing to push", .evidence = {}});
  if (!live.item.sealed.empty()) return push(live);
  with_visits(live, &Impl::seal);
}

void Dispatcher::Impl::seal(Live& live, const std::vector<GateVisit>& visits) {
  world_.workspaces.seal({work_of(live), last_run(visits), last_verdict(visits)},
                         need<std::string>(live, next(&Impl::sealed)));
}

// Its name is on the disk before the forge has it: so who finds it there knows whose it is.
void Dispatcher::Impl::sealed(Live& live, std::string commit) {
  live.item.sealed = std::move(commit);
  keep(live, next(&Impl::push));
}

void Dispatcher::Impl::push(Live& live) {
  TIMMY_FAILPOINT("dispatch.sealed");
  if (break_off(live)) return;
  world_.workspaces.push(work_of(live), whatever<PushedWork>(live, next(&Impl::pushed)));
}

void Dispatcher::Impl::pushed(Live& live, Result<PushedWork> result) {
  TIMMY_FAILPOINT("dispatch.pushed");
  if (!result.ok()) return break_off(live) ? void() : fall(live, result.error());
  const auto& [kind, text] = result.value();
  if (kind == PushedWork::Kind::moved)
    return commit(
        live, Move::stop,
        {.reason = fmt::format("somebody else's work is on {}: {}", live.item.branch, text),
         .evidence = {}});
  if (kind == PushedWork::Kind::refused)
    return commit(live, Move::fail,
                  {.reason = fmt::format("the forge refused {}: {}", live.item.branch, text),
                   .evidence = {}});
  live.item.pushed = live.item.sealed;
  keep(live, [this](Live& at) {
    // Others had the time that a push takes.
    if (!break_off(at)) guard(at, next(&Impl::open_pull));
  });
}

void Dispatcher::Impl::open_pull(Live& live, const GuardVerdict& verdict) {
  if (!stop_for(live, verdict)) publish(live);
}

void Dispatcher::Impl::publish(Live& live) { with_visits(live, &Impl::publish_now); }

void Dispatcher::Impl::with_visits(Live& live,
                                   void (Impl::*then)(Live&, const std::vector<GateVisit>&)) {
  world_.store.run([id = live.item.id](Unit& unit) { return gate_visits(unit, id); },
                   need<std::vector<GateVisit>>(live, next(then)));
}

void Dispatcher::Impl::publish_now(Live& live, const std::vector<GateVisit>& visits) {
  world_.reporter.publish({work_of(live), last_run(visits), last_verdict(visits)},
                          whatever<Publication>(live, next(&Impl::published)));
}

void Dispatcher::Impl::published(Live& live, Result<Publication> result) {
  TIMMY_FAILPOINT("dispatch.published");
  if (!result.ok()) return break_off(live) ? void() : fall(live, result.error());
  const auto& publication = result.value();
  live.item.pull = publication.pull;
  Json evidence{{"pull", publication.pull == 0 ? Json() : Json(publication.pull)},
                {"url", publication.url}};
  if (publication.finished)
    return commit(live, Move::pass,
                  {.reason = publication.reason, .evidence = std::move(evidence)});
  const auto pause =
      publication.unmarked || !live.settled ? settings_.approval_poll : settings_.approval_sweep;
  const auto delay = live.changed ? Duration{} : pause;
  wait(live, publication.reason, delay, std::move(evidence));
}

}  // namespace host::dispatch
