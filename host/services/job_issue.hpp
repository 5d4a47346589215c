// SPDX-License-Identifier: Apache-2.0
//
// Which issue a run's tokens count for, so that the caps of issues hold for plugins' jobs, too. A
// job whose payload names one as webhooks do counts for it, whatever its calls say; the calls of
// any other may name one each. Either way only one that the plugin may read or write at the forge.
#pragma once

#include <optional>
#include <string_view>

#include "base/json.hpp"
#include "plugins/grants.hpp"
#include "tokens/spender.hpp"

namespace host {

struct RunContext;

// Of a payload with "repo" and "number". Nothing where these are no issue, as parse_issue() has it,
// or the plugin's grants don't cover that repository: what it means by these words is its own
// affair then.
[[nodiscard]] std::optional<IssueName> issue_of_job(std::string_view payload, const Grants& grants);

// On whose account a call goes that has these parameters: spender_of() the run, and where its job
// is about no issue, of "issue" ("owner/name#12"), if there is one. Throws Error{usage} for what is
// no issue and for another than the job's, {not_granted}.
[[nodiscard]] Spender spender_of_call(const RunContext& run, const Json& params);

}  // namespace host
