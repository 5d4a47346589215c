// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <timmy/context.hpp>
#include <vector>

namespace budget {

// The report as Markdown: the caps with what runs out when, then what was used by pipeline, by
// model and by issue.
[[nodiscard]] std::string report_text(const timmy::Context& ctx);

// Sees to it that each repository has one open issue that says so. Returns {"issues": [{"repo",
// "number"}]}. What one repository refuses keeps no other from its turn; then it throws, Retryable
// if any of it may pass.
timmy::Json write_reports(const timmy::Context& ctx, const std::vector<std::string>& repos);

}  // namespace budget
