// SPDX-License-Identifier: Apache-2.0
//
// The gates track and verify: an agent works, its commits come in, the host's checks judge them.
#include <fmt/format.h>

#include <algorithm>

#include "base/failpoint.hpp"
#include "dispatch/dispatcher_facts.hpp"
#include "dispatch/dispatcher_impl.hpp"
#include "dispatch/item_account.hpp"

namespace host::dispatch {

void Dispatcher::Impl::track(Live& live) {
  TIMMY_FAILPOINT("dispatch.track");
  // A run that nobody has dealt with: its end is waited for, and dealt with now.
  if (live.item.run_open) {
    live.running = true;
    return world_.runs.settle(live.item.run, whatever<RunFacts>(live, next(&Impl::run_ended)));
  }
  const auto& limits = live.playbook->limits;
  if (live.item.attempts >= limits.attempts || live.item.tokens >= limits.tokens)
    return commit(live, Move::fail,
                  {.reason = fmt::format("no attempt is left: {} of {} made, {} of {} tokens spent",
                                         live.item.attempts, limits.attempts, live.item.tokens,
                                         limits.tokens),
                   .evidence = {}});
  fresh(live, next(&Impl::prepare));
}

void Dispatcher::Impl::prepare(Live& live) {
  live.preparing = true;
  world_.workspaces.prepare(work_of(live),
                            whatever<Workspace>(live, [this](Live& at, Result<Workspace> made) {
                              at.preparing = false;
                              if (break_off(at)) return;
                              if (!made.ok()) return fall(at, made.error());
                              prepared(at, std::move(made).value());
                            }));
}

void Dispatcher::Impl::prepared(Live& live, Workspace workspace) {
  live.item.branch = workspace.branch;
  live.item.base_branch = workspace.base_branch;
  live.item.base = workspace.base;
  if (!workspace.head.empty() && workspace.head != live.item.head) {
    live.item.head = workspace.head;
    live.item.sealed.clear();
  }
  live.workspace = std::move(workspace);
  // That may have taken long: what was clear before it need not be now.
  fresh(live, [this](Live& at) { guard(at, next(&Impl::judge_start)); });
}

void Dispatcher::Impl::start_run(Live& live, std::vector<Comment> comments) {
  // To make the clone may have taken long.
  if (const auto* lane = rules_->lanes().find(live.item.lane))
    if (const auto why = held(*lane)) return wait(live, *why, {});
  // Its name is on the disk before anything of it exists.
  live.item.run = run_name(live.item.id, ++live.item.runs);
  live.item.run_open = true;
  // Of the lane that its order carries: there may be another one of that name by now.
  live.caps = caps_of(live.lane.get());
  keep(live, [this, comments = std::move(comments)](Live& at) {
    TIMMY_FAILPOINT("dispatch.run_named");
    // Nothing was started, so nothing has to be taken in.
    if (at.hand || !at.item.stop.empty()) at.item.run_open = false;
    if (break_off(at)) return;
    AttemptOrder order;
    order.work = work_of(at);
    order.work.comments = comments;
    order.run = at.item.run;
    order.attempt = at.item.attempts + 1;
    order.workspace = at.workspace;
    order.feedback = at.item.feedback;
    order.tokens_left = at.playbook->limits.tokens - at.item.tokens;
    at.running = at.started_here = true;
    world_.runs.start(std::move(order), whatever<RunFacts>(at, next(&Impl::run_ended)));
  });
}

void Dispatcher::Impl::run_ended(Live& live, Result<RunFacts> facts) {
  TIMMY_FAILPOINT("dispatch.run_ended");
  live.running = false;
  // The next host stops what somebody wants stopped: it takes the work in first.
  const bool begun = !facts.ok() || !facts.value().not_begun;
  if (drained_ && begun && !live.item.stop.empty())
    return commit(live, Move::interrupt, {.reason = "the host stopped", .evidence = {}});
  if (!facts.ok()) {
    // It stays open: what it spent and committed counts as soon as that can be told.
    if (break_off(live)) return;
    return wait(live,
                fmt::format("what became of run {} can't be told yet: {}", live.item.run,
                            facts.error().message()),
                settings_.retry_after);
  }
  if (facts.value().not_begun) return not_begun(live, facts.value());
  // The host is ending, and its successor deals with it.
  if (drained_) return void(break_off(live));
  // Its calls are settled by now.
  world_.store.read([id = live.item.id](Unit& unit) { return tokens_of_item(unit, id); },
                    whatever<std::int64_t>(live, [this, facts = std::move(facts).value()](
                                                     Live& at, const Result<std::int64_t>& tokens) {
                      spent(at, facts, tokens);
                    }));
}

void Dispatcher::Impl::spent(Live& live, const RunFacts& facts,
                             const Result<std::int64_t>& tokens) {
  if (!tokens.ok()) {
    if (break_off(live)) return;
    return wait(live,
                fmt::format("what run {} has used can't be told yet: {}", live.item.run,
                            tokens.error().message()),
                settings_.retry_after);
  }
  live.item.tokens = tokens.value();
  take_in(live, facts);
}

void Dispatcher::Impl::not_begun(Live& live, const RunFacts& facts) {
  live.item.run_open = false;
  if (break_off(live)) return;
  if (!facts.renews) return fall(live, *facts.not_begun);
  Json evidence = Json::object();
  note_cap(live, evidence);
  wait(live, facts.not_begun->message(), std::max(until(*facts.renews), settings_.retry_after),
       std::move(evidence));
}

void Dispatcher::Impl::take_in(Live& live, const RunFacts& facts) {
  if (facts.how == RunEnd::not_started) return judge_run(live, facts, ImportedWork{});
  world_.workspaces.take_in(
      work_of(live),
      whatever<ImportedWork>(live, [this, facts](Live& at, Result<ImportedWork> work) {
        judge_run(at, facts, std::move(work));
      }));
}

void Dispatcher::Impl::judge_run(Live& live, const RunFacts& facts, Result<ImportedWork> work) {
  TIMMY_FAILPOINT("dispatch.taken_in");
  std::optional<Error> refused;
  if (!work.ok()) {
    // The run's end is dealt with when its commits can be; who wants the item stopped waits for
    // nothing.
    if (work.error().transient() && !live.item.stop.empty())
      return stop_with_clone(live, facts, work.error().message());
    // Its successor takes it in, at once.
    if (work.error().transient() && drained_) return void(break_off(live));
    if (work.error().transient()) return wait(live, work.error().message(), settings_.retry_after);
    refused = work.error();
  }
  const ImportedWork came = work.ok() ? std::move(work).value() : ImportedWork{};
  if (!came.head.empty() && came.head != live.item.head) {
    live.item.head = came.head;
    live.item.sealed.clear();
  }
  live.item.run_open = false;
  Json evidence{{"run", to_json(facts)}, {"work", to_json(came)}};
  if (!live.item.stop.empty())
    return commit(live, Move::stop, {.reason = live.item.stop, .evidence = std::move(evidence)});
  OutcomeTerms terms;
  terms.rate_limit_pause = settings_.rate_limit_pause;
  terms.longest_rate_limit_pause = settings_.longest_rate_limit_pause;
  terms.most_rate_limits = settings_.most_rate_limits;
  terms.most_cap_pauses = settings_.most_cap_pauses;
  terms.least_pause = settings_.retry_after;
  terms.now = world_.loop.clock().wall();
  const auto outcome = outcome_of_run(live.item, *live.playbook, facts, came, refused, terms);
  // What its agent was through with by then is no other one's to do again.
  if (live.hand && outcome.move != Move::pass) {
    if (is_to_go(live)) return hand_on(live, std::move(evidence));
    // It was ended for that.
    if (facts.how == RunEnd::cancelled) return stay(live, std::move(evidence));
  }
  live.item.rate_limits += outcome.pauses;
  if (outcome.for_cap) note_cap(live, evidence);
  // Of a run that ended with the host before, that host's end is what counts, and has counted.
  if (outcome.move == Move::interrupt && live.started_here)
    return interrupted(live, outcome.reason, std::move(evidence));
  apply(live, outcome, std::move(evidence));
}

void Dispatcher::Impl::stop_with_clone(Live& live, const RunFacts& facts, const std::string& why) {
  live.item.run_open = false;
  commit(live, Move::stop,
         {.reason = fmt::format("{}; what its agent did last is in its clone only: {}",
                                live.item.stop, why),
          .evidence = Json{{"run", to_json(facts)}}});
}

void Dispatcher::Impl::apply(Live& live, const Outcome& outcome, Json evidence) {
  if (outcome.counts) ++live.item.attempts;
  if (outcome.move == Move::send_back) live.item.feedback = outcome.feedback;
  live.item.due = now() + outcome.delay;
  commit(live, outcome.move, {.reason = outcome.reason, .evidence = std::move(evidence)});
}

void Dispatcher::Impl::verify(Live& live) {
  TIMMY_FAILPOINT("dispatch.verify");
  fresh(live, [this](Live& at) { with_visits(at, &Impl::verify_now); });
}

void Dispatcher::Impl::verify_now(Live& live, const std::vector<GateVisit>& visits) {
  live.verifying = true;
  world_.verifier.verify({work_of(live), last_run(visits)},
                         whatever<WorkVerdict>(live, next(&Impl::verified)));
}

void Dispatcher::Impl::verified(Live& live, Result<WorkVerdict> verdict) {
  TIMMY_FAILPOINT("dispatch.verified");
  live.verifying = false;
  if (break_off(live)) return;
  if (!verdict.ok()) return fall(live, verdict.error());
  apply(live, outcome_of_gates(live.item, *live.playbook, verdict.value()),
        Json{{"verdict", to_json(verdict.value())}});
}

}  // namespace host::dispatch
