// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "dispatch/dispatcher_rules.hpp"
#include "dispatch/item.hpp"
#include "dispatch/selection.hpp"

namespace host::dispatch {

// What is to be done about an issue that nobody works on.
struct Choice {
  std::string playbook;          // that takes it; empty: none
  std::optional<ItemId> reopen;  // with this item, which was declined a while ago
  std::vector<ItemId> rearm;     // these say nothing of it any more: it stopped fitting
};

// `settled`: its items that have ended and are not rearmed. An issue that was reported on by a
// comment is not for the same playbook again; one with a pull request, or whose work failed or was
// stopped, is for none, until it stops fitting (a label is taken off) and fits again, or a person
// orders it. What was declined is looked at again once `look_again` has passed.
[[nodiscard]] Choice choose_work(const ItemFacts& facts, const std::vector<Item>& settled,
                                 const DispatchRules& rules, WallTime now, Duration look_again);

// A playbook's verdict with an order's freedom: labels, author, assignees and title don't count.
// Whether it is on, the repository and the kind do.
[[nodiscard]] PlaybookVerdict judge_order(const ItemFacts& facts, const DispatchRules::Entry& entry,
                                          const Lanes& lanes);

}  // namespace host::dispatch
