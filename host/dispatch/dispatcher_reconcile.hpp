// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "dispatch/dispatcher_rules.hpp"
#include "dispatch/item.hpp"
#include "dispatch/selection.hpp"
#include "gitea/types.hpp"

namespace host::dispatch {

// An issue, or a pull request as an issue, as playbooks look at it.
[[nodiscard]] ItemFacts facts_of(const Issue& issue, const std::string& repository,
                                 const std::string& own_login);

// Whether the issue is one of another repository, which has the name of the item's by now.
[[nodiscard]] bool is_foreign(const Item& item, const Issue& issue);

// Why people have made the item's work pointless since it was taken, by the issue as it is now:
// closed, somebody assigned, a label gone, another repository's. Nothing: it goes on.
// `still_matching`: whether the playbook must still fit; not once the report itself may have
// changed labels.
[[nodiscard]] std::optional<std::string> why_stop(const Item& item, const Issue& issue,
                                                  const DispatchRules::Entry& entry,
                                                  const Lanes& lanes, bool still_matching = true);

// Whether the playbook that found the item would not find it again, by the issue as it is now.
[[nodiscard]] bool fits_no_more(const Item& item, const Issue& issue,
                                const DispatchRules::Entry& entry, const Lanes& lanes);

}  // namespace host::dispatch
