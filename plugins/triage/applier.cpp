// SPDX-License-Identifier: Apache-2.0
#include "applier.hpp"

#include <algorithm>
#include <utility>

#include "names_text.hpp"
#include "scopes.hpp"
#include "send.hpp"
#include "write_cap.hpp"

namespace triage {
namespace {

using timmy::Json;

// How old a snapshot may be that something is written by.
constexpr auto kFresh = std::chrono::seconds(30);
// What a run leaves itself to end in good order.
constexpr auto kReserve = std::chrono::seconds(20);
// After so many writes refused one after the other a repository is left alone until the next run: a
// refused one counts as a write, and the others need theirs.
constexpr int kRefusals = 3;
// When to look again where something could not be done, and where a fact could not be had.
constexpr auto kFailedAgain = std::chrono::minutes(15);
constexpr auto kUnjudgedAgain = std::chrono::hours(1);

bool names_something(Step::What what) {
  return what == Step::What::assign || what == Step::What::label;
}

std::string bad_name(const std::string& repo, Step::What what, const std::string& name) {
  return repo + " " + word(what) + " " + name;
}

std::string troubles(const Facts& facts) {
  std::string text = facts.files_trouble;
  for (const auto& [name, team] : facts.teams)
    if (!team.trouble.empty()) text += (text.empty() ? "" : "; ") + team.trouble;
  return text;
}

}  // namespace

// An issue that something is done to.
struct Applier::Task {
  Snapshot issue;
  std::string key;     // of its record
  bool moved = false;  // the issue is no longer what the snapshot shows
  Record record;       // its plan without what failed
  std::vector<Step> failed;
  Json stored;                        // what is kept of the record
  Json before;                        // what was, when the task began
  bool taken_back = false;            // what is kept says more than was done
  std::map<std::string, Turn> turns;  // those that were moved, as they were before
  bool dry_run = false;               // as far as this run knows by now
  Looked looked;
};

timmy::Time at_once(timmy::Time now) { return std::chrono::floor<std::chrono::seconds>(now); }

void Looked::look_again(timmy::Time when) {
  if (!due || when < *due) due = when;
}

bool Applier::stopped() const {
  const auto remaining = ctx_.remaining();
  return capped_ || held_ || (remaining && *remaining < kReserve);
}

Looked Applier::look(Snapshot issue, const std::string& home) {
  auto key = record_key(home, issue.number);
  Task task{.issue = std::move(issue), .key = std::move(key)};
  if (!task.issue.open) return task.looked;
  const auto kept = ctx_.state().get(task.key);
  task.stored = task.before = kept.value_or(Json::object());
  task.record = settled(Record::from(task.stored), task.issue);
  Outcome outcome = decide_on(task);
  held_ = held_ || (!outcome.steps.empty() && watch_.holds());
  if (!outcome.steps.empty() && !stopped() && old(task.issue)) {
    read_again(task);
    outcome = decide_on(task);
  }
  if (stopped()) {
    if (!outcome.steps.empty() || !outcome.unjudged.empty()) leave(task);
    return task.looked;
  }
  task.dry_run = rehearsed_ && !outcome.steps.empty();
  plan(task, outcome);
  try {
    carry_out(task);
  } catch (...) {
    if (task.dry_run) forget_rehearsal(task);
    throw;
  }
  end(task);
  return task.looked;
}

Outcome Applier::decide_on(Task& task) {
  const auto now = clock_();
  const Facts none;
  Needs needs = rules_.needs({task.issue, none, now}, false);
  if (needs.body && !stopped()) {
    read_again(task);
    needs = rules_.needs({task.issue, none, now}, false);
  }
  // Nothing is asked of the forge for what this run won't do.
  if (stopped()) needs.files = false;
  const Facts facts = facts_.find(needs, task.issue);
  task.looked.asked = task.looked.asked || (needs.files && facts.files_trouble.empty());
  Outcome outcome = decide(rules_, {task.issue, facts, now}, task.record);
  task.looked.due = outcome.due;
  if (!outcome.unjudged.empty() && !stopped()) tell_unjudged(task.looked, outcome, facts);
  task.looked.unsure.clear();
  tell_unsure(task, outcome.clashes);
  return outcome;
}

void Applier::tell_unjudged(Looked& looked, const Outcome& outcome, const Facts& facts) {
  const bool may_pass = std::any_of(facts.teams.begin(), facts.teams.end(),
                                    [](const auto& each) { return each.second.may_pass; });
  looked.failed = true;
  looked.may_pass = looked.may_pass || may_pass;
  looked.look_again(may_pass ? at_once(clock_()) : clock_() + kUnjudgedAgain);
  for (const auto& rule : outcome.unjudged)
    if (unjudged_.insert(rule).second)
      looked.failures.push_back("rule \"" + rule + "\" can't be judged: " + troubles(facts));
}

// It is no failure: the issue has what is sure. Whoever mends it is not waited for till tomorrow.
void Applier::tell_unsure(Task& task, const std::vector<Clash>& clashes) {
  for (const auto& clash : clashes) {
    if (!clash.unsure) continue;
    task.looked.unsure.push_back(clash.label);
    task.looked.look_again(clock_() + kUnjudgedAgain);
    if (unsure_.insert(task.issue.repo).second)
      ctx_.log.warn(task.issue.name(), ": ", in_quotes(clash.label), " is left out, since ",
                    why_unsure(clash), "; so it is with others of ", task.issue.repo);
  }
}

void Applier::read_again(Task& task) const {
  const auto now = clock_();
  const auto& issue = task.issue;
  task.issue = Snapshot::of(issue.repo, ctx_.gitea().get_issue(issue.repo, issue.number), now);
  task.moved = false;
  task.looked.asked = true;
}

bool Applier::old(const Snapshot& issue) const { return clock_() - issue.taken > kFresh; }

// The choice of a round robin is durable before the plan that holds it: see Turns.
void Applier::plan(Task& task, const Outcome& outcome) {
  task.record.plan = outcome.steps;
  if (!outcome.resumed) task.record.planned = timmy::format_time(clock_());
  task.record.rules = rules_.fingerprint();
  for (const auto& step : outcome.steps) {
    if (step.turn.empty()) continue;
    const Turn next{step.names.front(), task.issue.name()};
    const Turn& last = facts_.turn(step.turn);
    if (last.login == next.login && last.issue == next.issue) continue;
    task.turns.emplace(step.turn, last);
    facts_.set_turn(step.turn, next);
  }
}

void Applier::carry_out(Task& task) {
  auto& plan = task.record.plan;
  while (!plan.empty()) {
    if (stopped()) return leave(task);
    if (refusals_ >= kRefusals || !task.issue.open) break;
    if (set_aside(task)) continue;
    if (!task.dry_run && (task.moved || old(task.issue))) {
      read_again(task);
      plan = rest_of_plan(task.record, task.issue);
      continue;
    }
    if (!leave_out(task)) send_first(task);
  }
  if (!task.issue.open) plan.clear();
  if (plan.empty() && task.failed.empty()) return;
  task.looked.failed = true;
  task.looked.look_again(clock_() + kFailedAgain);
}

// Before all that was only rehearsed lately, which the next run would come to again instead.
void Applier::leave(Task& task) const {
  task.looked.left = true;
  task.looked.look_again(at_once(clock_()) - std::chrono::hours(24));
}

void Applier::send_first(Task& task) {
  task.record.begin(task.issue, clock_());
  save_now(task);
  const Step step = task.record.plan.front();
  Sent sent;
  try {
    sent = send(ctx_, task.issue, step, clock_());
  } catch (const timmy::Permanent& failure) {
    return refused(task, failure);
  }
  refusals_ = 0;
  task.dry_run = sent.dry_run;
  rehearsed_ = rehearsed_ || sent.dry_run;
  if (!sent.dry_run) watch_.wrote();
  task.record.finish();
  task.moved = !sent.issue;
  if (sent.issue) task.issue = std::move(*sent.issue);
  note(task, step);
}

// Some of it may be done all the same: the forge's word counts.
void Applier::refused(Task& task, const timmy::Permanent& failure) {
  if (is_write_cap(failure)) {
    capped_ = true;
    watch_.met_cap();
    return take_back(task, Step(task.record.plan.front()));
  }
  read_again(task);
  const Step& first = task.record.plan.front();
  const auto rest = rest_of(first, task.issue);
  Step done = first;
  if (rest)
    std::erase_if(done.names, [&](const auto& name) { return contains(rest->names, name); });
  if (!rest || !done.names.empty()) note(task, done);
  if (!rest) return task.record.finish();
  take_back(task, *rest);
  save_now(task);  // before anything that may end the run
  if (rest->names.size() == 1 || !names_something(rest->what) || failure.code() != "not_found")
    return fail_first(task, failure);
  // One of them does not exist; the others are not to wait for it.
  auto& plan = task.record.plan;
  plan.erase(plan.begin());
  for (auto name = rest->names.rbegin(); name != rest->names.rend(); ++name) {
    Step one = *rest;
    one.names = {*name};
    plan.insert(plan.begin(), std::move(one));
  }
}

void Applier::take_back(Task& task, const Step& rest) {
  task.record.take_back(rest);
  task.taken_back = true;
}

void Applier::fail_first(Task& task, const timmy::Permanent& failure) {
  task.looked.failures.push_back(task.issue.name() + ": " + failure.what());
  task.looked.failed = task.looked.refused = true;
  const Step& first = task.record.plan.front();
  if (is_bad(task, first, failure)) {
    bad_.insert(bad_name(task.issue.repo, first.what, first.names.front()));
    return;  // set_aside() is next
  }
  ++refusals_;
  task.failed.push_back(first);
  task.record.plan.erase(task.record.plan.begin());
}

// Whether what the one step of a single name asks for is not there. Of labels that are, one may be
// missed since another took its place meanwhile; the next issue may get it all the same.
bool Applier::is_bad(const Task& task, const Step& step, const timmy::Permanent& failure) {
  if (!names_something(step.what) || failure.code() != "not_found") return false;
  if (step.what != Step::What::label) return true;
  const auto* labels = facts_.labels(task.issue.repo);
  if (labels != nullptr && contains(labels->all, step.names.front())) return false;
  // One of an organisation whose labels can't be read may have given way to another, too.
  const bool all_known = labels != nullptr && labels->complete;
  return all_known || !may_clash(step.names, task.issue.labels);
}

bool Applier::known_bad(const Task& task, Step::What what, const std::string& name) const {
  return bad_.contains(bad_name(task.issue.repo, what, name));
}

// Whether the first step was changed or set aside, since it can't be done as it is.
bool Applier::set_aside(Task& task) {
  auto& plan = task.record.plan;
  Step& first = plan.front();
  Step bad = first;
  std::erase_if(bad.names, [&](const auto& name) { return !known_bad(task, first.what, name); });
  const bool waits = first.what == Step::What::close && !task.failed.empty();
  if (!waits && (!names_something(first.what) || bad.names.empty())) return false;
  task.looked.failed = true;
  if (!first.turn.empty() && pass_on(task, first)) return true;
  task.failed.push_back(waits ? first : bad);
  std::erase_if(first.names, [&](const auto& name) { return contains(bad.names, name); });
  if (waits || first.names.empty()) plan.erase(plan.begin());
  return true;
}

// Whether labels were left out of the first step, since somebody has put another of their scope
// there since it was planned.
bool Applier::leave_out(Task& task) {
  auto& plan = task.record.plan;
  if (plan.front().what != Step::What::label) return false;
  if (!may_clash(plan.front().names, task.issue.labels)) return false;
  Names in_play = plan.front().names;
  in_play.insert(in_play.end(), task.issue.labels.begin(), task.issue.labels.end());
  Facts facts;
  facts_.add_exclusive(task.issue.repo, in_play, facts);
  std::vector<Clash> clashes;
  auto rest = without_clashes({plan.front()}, task.issue, facts.exclusive, facts.unsure, clashes);
  if (clashes.empty()) return false;
  tell_unsure(task, clashes);
  plan.erase(plan.begin());
  plan.insert(plan.begin(), rest.begin(), rest.end());
  return true;
}

// To the next of the round robin who can be assigned.
bool Applier::pass_on(Task& task, Step& step) {
  const auto rule = std::find_if(rules_.begin(), rules_.end(), [&](const Rule& each) {
    return each.name() == step.turn && !each.round_robin().empty();
  });
  if (rule == rules_.end()) return false;
  Turn turn{step.names.front(), ""};
  for (std::size_t tried = 0; tried < rule->round_robin().size(); ++tried) {
    turn.login = whose_turn(rule->round_robin(), turn, task.issue.name());
    if (known_bad(task, Step::What::assign, turn.login)) continue;
    turn.issue = task.issue.name();
    task.turns.emplace(step.turn, facts_.turn(step.turn));
    facts_.set_turn(step.turn, turn);
    step.names = {turn.login};
    return true;
  }
  return false;
}

void Applier::note(Task& task, const Step& step) const {
  struct Words {
    const char* key;
    const char* doing;
  };
  const auto words = [&]() -> Words {
    switch (step.what) {
      case Step::What::assign: return {"assigned", ": assigned "};
      case Step::What::label: return {"added", ": added "};
      case Step::What::unlabel: return {"removed", ": took off "};
      case Step::What::comment: return {"commented", ": commented"};
      case Step::What::close: return {"closed", ": closed"};
    }
    return {"", ""};
  }();
  const auto& names = step.what == Step::What::comment ? step.rules : step.names;
  if (step.what == Step::What::close) task.looked.change[words.key] = true;
  for (const auto& name : names) task.looked.change[words.key].push_back(name);
  ctx_.log.info(task.dry_run ? "dry run: " : "", task.issue.name(), words.doing,
                step.names.empty() ? "" : Json(step.names).dump(), " by ", Json(step.rules).dump());
}

// What failed stays in the plan, to be tried again.
Json Applier::whole_record(const Task& task) {
  Record whole = task.record;
  whole.plan.insert(whole.plan.end(), task.failed.begin(), task.failed.end());
  return whole.to_json();
}

// Of a dry run nothing, as soon as it is known for one.
void Applier::save_now(Task& task) const {
  if (task.dry_run) return;
  task.stored = whole_record(task);
  task.taken_back = false;
  ctx_.state().put_now(task.key, task.stored.empty() ? Json() : task.stored);
}

// All is as it was before.
void Applier::forget_rehearsal(Task& task) {
  for (const auto& [rule, turn] : task.turns) facts_.set_turn(rule, turn);
  if (task.stored != task.before)
    ctx_.state().put_now(task.key, task.before.empty() ? Json() : task.before);
}

// That a step was done may be told with the run's end, or not at all: the next look finds out. That
// it was not done may not, or it would count as undone by a person.
void Applier::end(Task& task) {
  if (task.dry_run) {
    if (!task.looked.change.empty()) {
      task.looked.change["dry_run"] = true;
      task.looked.look_again(at_once(clock_()));  // lest it is taken for done once it is in earnest
    }
    return forget_rehearsal(task);
  }
  if (task.record.plan.empty() && task.failed.empty()) {
    task.record.planned.clear();
    task.record.rules.clear();
  }
  if (task.taken_back) return save_now(task);
  const Json wanted = whole_record(task);
  if (wanted != task.stored) ctx_.state().put(task.key, wanted.empty() ? Json() : wanted);
}

}  // namespace triage
