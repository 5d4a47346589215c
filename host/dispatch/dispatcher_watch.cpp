// SPDX-License-Identifier: Apache-2.0
//
// What people do while an item takes no step: its agent or its gates are at work, or its pull
// request waits for somebody. The looks for work read all that changes anyway, so this costs the
// forge nothing for an item of which nothing changed.
#include <fmt/format.h>

#include "dispatch/dispatcher_impl.hpp"
#include "dispatch/dispatcher_reconcile.hpp"

namespace host::dispatch {
namespace {

const Issue* numbered(const FoundIssues& found, std::int64_t number) {
  for (const auto& issue : found.issues)
    if (issue.number == number) return &issue;
  return nullptr;
}

}  // namespace

std::set<std::string> Dispatcher::Impl::repositories_of_waiting_pulls() const {
  std::set<std::string> names;
  for (const auto& [id, live] : live_)
    if (waits_for_people(live)) names.insert(live.item.repository);
  return names;
}

void Dispatcher::Impl::reconcile(const FoundIssues& found) {
  for (auto& [id, live] : live_) {
    if (!same_name(live.item.repository, found.repository)) continue;
    // Where pull requests are not read none is missing.
    const bool all_read = found.whole && (found.pulls || !live.item.is_pull);
    const auto* issue = numbered(found, live.item.number);
    guarded(live, [&, &at = live] {
      if (at_work(at)) reconcile_work(at, issue, all_read);
      if (waits_for_people(at))
        reconcile_waiting(at, issue, numbered(found, at.item.pull), all_read && found.pulls);
    });
  }
}

void Dispatcher::Impl::reconcile_work(Live& live, const Issue* issue, bool whole) {
  if (issue != nullptr) return heard_of(live, *issue);
  // It is closed, or gone.
  if (whole) ask_about(live);
}

void Dispatcher::Impl::reconcile_waiting(Live& live, const Issue* issue, const Issue* pull,
                                         bool whole) {
  const auto differs = [whole](const Issue* now, const std::optional<WallTime>& seen) {
    return now != nullptr ? now->updated_at != seen : whole;
  };
  if (!differs(issue, live.issue_seen) && !differs(pull, live.pull_seen)) return;
  live.changed = true;
  if (live.busy) return;
  live.item.due = now();
  pump();
}

void Dispatcher::Impl::watch_others(const std::map<std::string, bool>& read) {
  for (const auto& [id, live] : live_) {
    const auto found = read.find(live.item.repository);
    const bool covered = found != read.end() && (found->second || !live.item.is_pull);
    if (at_work(live) && !covered) ask_about(live);
  }
}

void Dispatcher::Impl::ask_about(const Live& live) {
  if (!live.item.stop.empty()) return;
  world_.gitea.get_issue(parse_repo_name(live.item.repository), live.item.number,
                         whatever<Issue>(live, [this](Live& at, const Result<Issue>& issue) {
                           if (issue.ok()) heard_of(at, issue.value());
                         }));
}

void Dispatcher::Impl::heard_of(Live& live, const Issue& issue) {
  const auto* entry = rules_->find(live.item.playbook);
  if (entry == nullptr || !live.item.stop.empty() || !at_work(live)) return;
  const auto why = why_stop(live.item, issue, *entry, rules_->lanes());
  if (!why) return;
  live.item.stop = *why;
  live.unfit = fits_no_more(live.item, issue, *entry, rules_->lanes());
  end_work(live, *why);
}

// People merge it, which closes the issue: so the issue is read first. One that is closed while the
// pull request is not merged after that was closed by somebody.
void Dispatcher::Impl::look_at_own_pull(Live& live) {
  live.changed = false;
  const auto repository = parse_repo_name(live.item.repository);
  world_.gitea.get_issue(
      repository, live.item.number,
      whatever<Issue>(live, [this, repository](Live& at, Result<Issue> issue) {
        if (break_off(at)) return;
        const bool gone = !issue.ok() && issue.error().code() == Code::not_found;
        if (!issue.ok() && !gone) return fall(at, issue.error());
        const auto* entry = rules_->find(at.item.playbook);
        if (entry == nullptr)
          return wait(at, fmt::format("playbook {} is not there any more", at.item.playbook),
                      settings_.retry_after);
        std::string why = gone ? "its issue is gone from the forge" : "";
        if (!gone) {
          at.issue = std::move(issue).value();
          at.settled = at.issue_seen == at.issue.updated_at;
          at.issue_seen = at.issue.updated_at;
          why = why_stop(at.item, at.issue, *entry, rules_->lanes()).value_or("");
          at.unfit = fits_no_more(at.item, at.issue, *entry, rules_->lanes());
        }
        world_.gitea.get_pr(repository, at.item.pull,
                            whatever<PullRequest>(at, [this, why](Live& still, auto pull) {
                              judge_own_pull(still, why, std::move(pull));
                            }));
      }));
}

void Dispatcher::Impl::judge_own_pull(Live& live, const std::string& why,
                                      Result<PullRequest> pull) {
  if (break_off(live)) return;
  const auto stop = [&](std::string reason) {
    commit(live, Move::stop, {.reason = std::move(reason), .evidence = {}});
  };
  if (!pull.ok() && pull.error().code() == Code::not_found)
    return stop(fmt::format("its pull request {} is gone from the forge", live.item.pull));
  if (!pull.ok()) return fall(live, pull.error());
  live.settled = live.settled && live.pull_seen == pull.value().updated_at;
  live.pull_seen = pull.value().updated_at;
  if (pull.value().merged) return publish(live);
  if (pull.value().state != "open")
    return stop(fmt::format("its pull request {} was closed", live.item.pull));
  if (!why.empty()) return stop(why);
  publish(live);
}

}  // namespace host::dispatch
