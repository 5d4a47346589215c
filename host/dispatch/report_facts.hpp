// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dispatch/dispatcher_outside.hpp"
#include "dispatch/item_account.hpp"
#include "dispatch/report.hpp"

namespace host::dispatch {

// What a report tells of an item, but for the subjects of its commits.
[[nodiscard]] ReportFacts report_facts(const ReportOrder& order, const ItemAccount& account);

}  // namespace host::dispatch
