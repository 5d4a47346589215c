// SPDX-License-Identifier: Apache-2.0
#include "dispatch/dispatcher_choice.hpp"

#include <algorithm>

namespace host::dispatch {
namespace {

bool fits(const ItemFacts& facts, OfferedPlaybook offered, const Lanes& lanes) {
  offered.enabled = true;
  return choose_playbook(facts, {offered}, lanes).front().kind == PlaybookVerdict::Kind::chosen;
}

bool holds_all(const Item& item) {
  if (item.at.state == ItemState::done) return item.pull != 0;
  return item.at.state != ItemState::declined;
}

}  // namespace

Choice choose_work(const ItemFacts& facts, const std::vector<Item>& settled,
                   const DispatchRules& rules, WallTime now, Duration look_again) {
  Choice choice;
  bool held = false;
  std::vector<std::string> done_with;
  std::vector<const Item*> declined;
  for (const auto& item : settled) {
    const auto* entry = rules.find(item.playbook);
    // Of a playbook that can't be read just now it is not known what fits it.
    if (entry != nullptr && !fits(facts, offer(*entry), rules.lanes())) {
      choice.rearm.push_back(item.id);
    } else if (holds_all(item)) {
      held = true;
    } else if (item.at.state == ItemState::declined && item.ended &&
               now - *item.ended >= look_again) {
      declined.push_back(&item);
    } else {
      done_with.push_back(item.playbook);
    }
  }
  if (held) return choice;
  std::vector<OfferedPlaybook> offered;
  for (const auto& entry : rules.entries())
    if (std::find(done_with.begin(), done_with.end(), entry.playbook->name) == done_with.end())
      offered.push_back(offer(entry));
  for (const auto& verdict : choose_playbook(facts, offered, rules.lanes()))
    if (verdict.kind == PlaybookVerdict::Kind::chosen) choice.playbook = verdict.playbook;
  for (const auto* item : declined)
    if (item->playbook == choice.playbook && !choice.reopen) choice.reopen = item->id;
  return choice;
}

PlaybookVerdict judge_order(const ItemFacts& facts, const DispatchRules::Entry& entry,
                            const Lanes& lanes) {
  Playbook free = *entry.playbook;
  auto& matching = free.matching;
  matching.all_labels.clear();
  matching.any_label.clear();
  matching.no_label.clear();
  matching.authors.clear();
  matching.assignees = {"*"};
  matching.title.reset();
  return choose_playbook(facts, {{&free, entry.enabled, entry.repositories}}, lanes).front();
}

}  // namespace host::dispatch
