// SPDX-License-Identifier: Apache-2.0
//
// How work comes in: found on the forge, ordered by somebody, opened again.
#include <fmt/format.h>

#include <algorithm>

#include "dispatch/dispatcher_choice.hpp"
#include "dispatch/dispatcher_impl.hpp"
#include "dispatch/dispatcher_reconcile.hpp"
#include "dispatch/item_account.hpp"
#include "tokens/renamed_repo.hpp"
#include "workspaces/git_name.hpp"

namespace host::dispatch {
namespace {

constexpr Duration kPruneEvery = std::chrono::hours(1);

// As the forge compares repositories.
std::pair<std::string, std::int64_t> key_of(std::string repository, std::int64_t number) {
  for (char& c : repository)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return {std::move(repository), number};
}

// A retry brings no tokens: without any it would end where it begins.
void require_tokens(Unit& unit, const Item& item, const DispatchRules& rules) {
  const auto* entry = rules.find(item.playbook);
  if (entry == nullptr) return;
  const auto most = entry->playbook->limits.tokens;
  const auto used = tokens_of_item(unit, item.id);
  if (used < most) return;
  throw Error(Code::conflict,
              fmt::format("item {} has used {} tokens, and playbook {} gives an item {} "
                          "(limits.tokens), retries included",
                          item.id.value(), used, item.playbook, most),
              fmt::format("Raise limits.tokens there and retry, or begin a new item: timmy-host "
                          "playbooks dispatch {} {}.",
                          item.repository, item.number));
}

// The forge's id of the repository that they are of, if it says; they are all of one.
std::int64_t repository_of(const std::vector<Issue>& issues) {
  for (const auto& issue : issues)
    if (issue.repo_id != 0) return issue.repo_id;
  return 0;
}

// The name of an issue's repository now: a call by an old one is sent on.
std::string name_now(const Issue& issue, const std::string& asked) {
  return issue.repo.empty() || same_name(issue.repo, asked) ? asked : issue.repo;
}

}  // namespace

void Dispatcher::Impl::look() {
  look_timer_.cancel();
  if (drained_ || !started_) return;
  look_timer_ = world_.loop.after(settings_.poll, [this] { look(); });
  know_login([this](const Status& known) {
    if (known.ok()) look_now();
  });
}

void Dispatcher::Impl::know_login(std::function<void(Status)> then) {
  if (!own_login_.empty()) return then(Done{});
  world_.gitea.whoami([weak = weak_from_this(), then = std::move(then)](Result<User> user) {
    const auto self = weak.lock();
    if (!self) return;
    if (!user.ok()) {
      self->log_.warn("it is not known whose the forge's token is: {}", user.error().what());
      return then(user.error());
    }
    self->own_login_ = user.value().login;
    then(Done{});
  });
}

void Dispatcher::Impl::look_now() {
  prune();
  sweep_pulls();
  const auto read = std::make_shared<std::map<std::string, bool>>();
  search_.look(
      rules_, repositories_of_waiting_pulls(),
      [this, read](FoundIssues found) {
        read->emplace(found.repository, found.pulls);
        reconcile(found);
        take_found(std::move(found));
      },
      [this, read] { watch_others(*read); });
}

void Dispatcher::Impl::prune() {
  const auto at = world_.loop.clock().monotonic();
  if (pruned_ && at - *pruned_ < kPruneEvery) return;
  pruned_ = at;
  world_.store.run([keep = settings_.retention,
                    now = now()](Unit& unit) { return prune_items(unit, keep, now); },
                   [](const Result<int>&) {});
}

void Dispatcher::Impl::look_at(const std::string& repository, std::int64_t number) {
  if (drained_ || !started_ || own_login_.empty() || !rules_->watch(repository)) return;
  world_.gitea.get_issue(parse_repo_name(repository), number,
                         [weak = weak_from_this(), repository, number](Result<Issue> issue) {
                           const auto self = weak.lock();
                           if (!self || !issue.ok()) return;
                           if (issue.value().is_pull)
                             self->look_at_pulls([repository, number](const Item& item) {
                               return item.pull == number && same_name(item.repository, repository);
                             });
                           FoundIssues found{repository, {std::move(issue).value()}};
                           found.pulls = found.issues.front().is_pull;
                           self->reconcile(found);
                           self->take_found(std::move(found));
                         });
}

// When it fits again that is new work, also where no look came between.
void Dispatcher::Impl::rearm(const Item& item) {
  world_.store.run([id = item.id](Unit& unit) { rearm_items(unit, {id}); },
                   [weak = weak_from_this(), item](const Status& done) {
                     const auto self = weak.lock();
                     if (self && done.ok()) self->look_at(item.repository, item.number);
                   });
}

void Dispatcher::Impl::take_found(FoundIssues found) {
  if (drained_) return;
  const auto repository = found.repository;
  // Of a repository that has another name now: it is for those playbooks that name that one.
  const auto sent_on = std::erase_if(
      found.issues, [&](const Issue& issue) { return name_now(issue, repository) != repository; });
  if (sent_on > 0) found.whole = false;
  std::optional<std::int64_t> only;
  if (!found.whole && found.issues.size() == 1) only = found.issues.front().number;
  // The forge lists the newest first; the first places are for those that wait longest.
  std::sort(found.issues.begin(), found.issues.end(),
            [](const Issue& a, const Issue& b) { return a.number < b.number; });
  struct Known {
    std::vector<Item> settled;
    std::vector<Item> followed;  // those that have not ended, if any item has a new name by this
  };
  world_.store.run(
      [repository, only, id = repository_of(found.issues), now = now()](Unit& unit) {
        Known known;
        if (id != 0) take_repo_name(unit, repository);
        follow_issue_accounts(unit, id, repository, now);
        if (follow_repository(unit, id, repository)) known.followed = live_items(unit);
        known.settled = settled_items(unit, repository, only);
        return known;
      },
      [weak = weak_from_this(), found = std::move(found)](Result<Known> known) {
        const auto self = weak.lock();
        if (!self || !known.ok() || self->drained_) return;
        self->take_rows(std::move(known.value().followed));
        self->take_chosen(found.repository, found.issues, found.whole, known.value().settled);
      });
}

void Dispatcher::Impl::take_chosen(const std::string& repository, const std::vector<Issue>& issues,
                                   bool whole, const std::vector<Item>& settled) {
  std::set<std::pair<std::string, std::int64_t>> taken = admitting_;
  for (const auto& [id, live] : live_) taken.insert(key_of(live.item.repository, live.item.number));
  std::map<std::int64_t, std::vector<Item>> by_number;
  const auto id = repository_of(issues);
  for (const auto& item : settled)
    if (id == 0 || item.repository_id == 0 || item.repository_id == id)
      by_number[item.number].push_back(item);
  std::vector<ItemId> rearm;
  for (const auto& issue : issues) {
    const auto before = std::move(by_number[issue.number]);
    by_number.erase(issue.number);
    if (taken.contains(key_of(repository, issue.number))) continue;
    const auto facts = facts_of(issue, repository, own_login_);
    const auto choice = choose_work(facts, before, *rules_, now(), settings_.look_again);
    rearm.insert(rearm.end(), choice.rearm.begin(), choice.rearm.end());
    if (choice.playbook.empty() || taken.size() >= settings_.most_live) continue;
    taken.insert(key_of(repository, issue.number));
    // Who else claims it meanwhile has it: nothing is to be said of that.
    if (choice.reopen) {
      reopen(*choice.reopen, false, [](const Result<Item>&) {});
    } else {
      admit(new_item(facts, *rules_->find(choice.playbook)->playbook, "matching"),
            [](const Result<Item>&) {});
    }
  }
  // What is not open any more does not fit either.
  if (whole)
    for (const auto& [number, items] : by_number)
      for (const auto& item : items) rearm.push_back(item.id);
  if (!rearm.empty())
    world_.store.run([rearm](Unit& unit) { rearm_items(unit, rearm); }, [](const Status&) {});
}

Item Dispatcher::Impl::new_item(const ItemFacts& facts, const Playbook& playbook,
                                std::string source) const {
  Item item;
  item.repository = facts.repository;
  item.repository_id = facts.repository_id;
  item.number = facts.number;
  item.is_pull = facts.is_pull;
  item.title = facts.title;
  item.playbook = playbook.name;
  item.source = std::move(source);
  item.own_login = own_login_;
  item.assignees = facts.assignees;
  item.branch = workspaces::branch_of({facts.repository, facts.number, playbook.name});
  item.due = now();
  return item;
}

void Dispatcher::Impl::admit(Item item, Reply<Item> reply) {
  const auto key = key_of(item.repository, item.number);
  admitting_.insert(key);
  world_.store.run(
      [item = std::move(item), at = now()](Unit& unit) { return insert_item(unit, item, at); },
      [weak = weak_from_this(), key, reply = std::move(reply)](Result<Item> taken) {
        const auto self = weak.lock();
        if (!self) return;
        self->admitting_.erase(key);
        if (taken.ok()) {
          const auto& live = self->take_up(taken.value()).item;
          self->log_.info("item {}: {} for {}, by {}", live.id.value(), live.subject(),
                          live.playbook, live.source);
          self->pump();
        }
        reply(std::move(taken));
      });
}

void Dispatcher::Impl::reopen(ItemId id, bool by_person, Reply<Item> reply) {
  world_.store.run(
      [id, by_person, rules = rules_, at = now()](Unit& unit) {
        auto item = read_item(unit, id);
        if (item.live() || item.at.state == ItemState::done)
          throw Error(Code::conflict, fmt::format("item {} is {}, not declined, failed or stopped",
                                                  id.value(), name(item.at.state)));
        if (by_person) require_tokens(unit, item, *rules);
        item.due = at;
        // Who orders it has seen its labels.
        if (by_person) item.matched = false, item.source = kByOperator;
        return move_item(unit, std::move(item), Move::reopen, {}, at);
      },
      [weak = weak_from_this(), reply = std::move(reply)](Result<Item> item) {
        const auto self = weak.lock();
        if (!self) return;
        if (item.ok()) {
          self->take_up(item.value());
          self->pump();
        }
        reply(std::move(item));
      });
}

void Dispatcher::Impl::retry(ItemId id, Reply<Item> reply) { reopen(id, true, std::move(reply)); }

void Dispatcher::Impl::judge_orders(const DispatchOrder& order, Reply<DispatchPreview> reply) {
  const auto repo = parse_repo_name(order.repository);
  know_login([weak = weak_from_this(), order, repo, reply](const Status& known) {
    const auto self = weak.lock();
    if (!self) return;
    if (!known.ok()) return reply(known.error());
    self->world_.gitea.get_issue(repo, order.number, [weak, order, reply](Result<Issue> issue) {
      const auto still = weak.lock();
      if (!still) return;
      if (!issue.ok()) return reply(issue.error());
      reply(attempt([&] { return still->judge_order_on(order, issue.value()); }));
    });
  });
}

DispatchPreview Dispatcher::Impl::judge_order_on(const DispatchOrder& order,
                                                 const Issue& issue) const {
  const auto& lanes = rules_->lanes();
  DispatchPreview seen;
  seen.facts = facts_of(issue, name_now(issue, order.repository), own_login_);
  std::vector<OfferedPlaybook> offered;
  for (const auto& entry : rules_->entries()) offered.push_back(offer(entry));
  seen.verdicts = choose_playbook(seen.facts, offered, lanes);
  seen.playbook = order.playbook;
  for (const auto& verdict : seen.verdicts)
    if (verdict.kind == PlaybookVerdict::Kind::chosen && order.playbook.empty())
      seen.playbook = verdict.playbook;
  if (!order.lane.empty() && lanes.find(order.lane) == nullptr)
    throw Error(Code::usage, "there is no lane " + order.lane, "See timmy-host playbooks list.");
  if (seen.playbook.empty()) {
    seen.reasons.push_back("no playbook takes it");
    return seen;
  }
  const auto* entry = rules_->find(seen.playbook);
  if (entry == nullptr)
    throw Error(Code::usage, "there is no playbook " + seen.playbook,
                "See timmy-host playbooks list.");
  auto verdict = judge_order(seen.facts, *entry, lanes);
  seen.lane = order.lane.empty() ? verdict.lane : order.lane;
  if (verdict.kind == PlaybookVerdict::Kind::skipped) seen.reasons = std::move(verdict.reasons);
  return seen;
}

void Dispatcher::Impl::preview(DispatchOrder order, Reply<DispatchPreview> reply) {
  judge_orders(order, [weak = weak_from_this(), order, reply](Result<DispatchPreview> seen) {
    const auto self = weak.lock();
    if (!self || !seen.ok() || !seen.value().reasons.empty()) return reply(std::move(seen));
    const auto* entry = self->rules_->find(seen.value().playbook);
    if (entry == nullptr) return reply(std::move(seen));
    auto item = self->new_item(seen.value().facts, *entry->playbook, order.source);
    self->world_.store.read(
        [item = std::move(item)](Unit& unit) { return would_insert_item(unit, item); },
        [weak, reply, seen = std::move(seen).value()](Result<Item> free) mutable {
          const auto still = weak.lock();
          if (!still) return;
          if (!free.ok() && free.error().code() != Code::conflict) return reply(free.error());
          if (free.ok()) return still->preview_guard(free.value(), std::move(seen), reply);
          seen.reasons.push_back(free.error().message());
          reply(std::move(seen));
        });
  });
}

void Dispatcher::Impl::preview_guard(const Item& item, DispatchPreview seen,
                                     const Reply<DispatchPreview>& reply) {
  ask_guard_facts(world_.gitea, item, item.branch, {},
                  [item, seen = std::move(seen), reply](Result<GuardFacts> facts) mutable {
                    if (!facts.ok()) return reply(facts.error());
                    seen.reasons = judge(item, item.branch, facts.value()).reasons;
                    reply(std::move(seen));
                  });
}

void Dispatcher::Impl::dispatch(DispatchOrder order, Reply<Item> reply) {
  if (!started_ || drained_)
    return reply(Error(Code::unavailable, "the dispatcher takes no work now"));
  // Whoever orders it hears now what would decline it at intake.
  preview(order, [weak = weak_from_this(), order, reply](Result<DispatchPreview> seen) {
    const auto self = weak.lock();
    if (!self) return;
    if (!seen.ok()) return reply(seen.error());
    const auto& found = seen.value();
    if (!found.reasons.empty())
      return reply(Error(Code::conflict,
                         fmt::format("{}#{} is not taken: {}", order.repository, order.number,
                                     fmt::join(found.reasons, "; ")),
                         "See timmy-host playbooks explain."));
    auto item =
        self->new_item(found.facts, *self->rules_->find(found.playbook)->playbook, order.source);
    item.lane = order.lane;
    item.matched = std::any_of(found.verdicts.begin(), found.verdicts.end(), [&](const auto& each) {
      return each.playbook == found.playbook && each.kind != PlaybookVerdict::Kind::skipped;
    });
    self->admit(std::move(item), reply);
  });
}

void Dispatcher::Impl::cancel(ItemId id, std::string why, Reply<Item> reply) {
  world_.store.run([id, why](Unit& unit) { return ask_stop(unit, id, why); },
                   [weak = weak_from_this(), why, reply = std::move(reply)](Result<Item> item) {
                     const auto self = weak.lock();
                     if (!self) return;
                     const auto found =
                         item.ok() ? self->live_.find(item.value().id) : self->live_.end();
                     if (found != self->live_.end()) {
                       auto& live = found->second;
                       live.item.stop = item.value().stop;
                       self->end_work(live, why);
                       self->pump();
                     }
                     reply(std::move(item));
                   });
}

void Dispatcher::Impl::renamed(const std::string& from, const std::string& to) {
  world_.store.run(
      [from, to, now = now()](Unit& unit) {
        rename_items(unit, from, to);
        rename_issue_accounts(unit, from, to, now);
        return live_items(unit);
      },
      [weak = weak_from_this()](Result<std::vector<Item>> rows) {
        const auto self = weak.lock();
        if (!self || !rows.ok()) return;
        self->take_rows(std::move(rows).value());
        self->search_.forget();
      });
}

// One with a step under way finds out by its next write, and takes the row as it is.
void Dispatcher::Impl::take_rows(std::vector<Item> rows) {
  for (auto& row : rows) {
    const auto found = live_.find(row.id);
    if (found != live_.end() && !found->second.busy) found->second.item = std::move(row);
  }
}

}  // namespace host::dispatch
