// SPDX-License-Identifier: Apache-2.0
//
// What issues have used goes with their repository when that gets another name, or each rename
// would renew their caps. Rows of the ledger stay as they were written. Store thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "store/unit.hpp"
#include "tokens/spender.hpp"

namespace host {

// The forge sends everybody on from `from` to `to`. The accounts of all issues of `from` become
// those of `to`, together with what stands there; so do open reservations, with their holds. From
// now on whoever names `from` spends on `to`. A second time changes nothing but what came between.
void rename_issue_accounts(Unit& unit, std::string_view from, std::string_view to, WallTime now);

// The same of one issue, where the old name may be another repository's by now: without what runs
// have whose names begin with one of `staying` ("d12."), which are about an issue of that one.
void rename_issue_account(Unit& unit, const IssueName& from, std::string_view to,
                          const std::vector<std::string>& staying, WallTime now);

// Another repository has this name now: nobody is sent on by it any more.
void take_repo_name(Unit& unit, std::string_view name);

// On whose issues those of this name are counted: `repo`, unless it is an old name.
[[nodiscard]] std::string repo_for_accounts(Unit& unit, const std::string& repo);
// The same of an issue's account, "owner/name#12".
[[nodiscard]] std::string issue_account_now(Unit& unit, std::string_view account);

}  // namespace host
