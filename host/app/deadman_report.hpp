// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "deadman/watchman.hpp"

namespace host {

// What `status` and `--list-tasks` say of the deadman, the same whether a host runs or not:
// {configured, fault, dry_run, deadman_active, handed_off, watches: [...], attention: [...]}.
// `fault` is why nothing can be said; `deadman_active` and `handed_off` tell of any watch. Where
// there is no deadman.yaml, only that `configured` is false.
[[nodiscard]] Json deadman_report(const Result<deadman::Survey>& survey,
                                  const deadman::Moment& now);

// The same as of now, read from the disk. Never throws for what is there.
[[nodiscard]] Json stored_deadman_report(const Paths& paths);

// The report's lines that a person should read.
[[nodiscard]] std::vector<std::string> deadman_attention(const Json& report);

}  // namespace host
