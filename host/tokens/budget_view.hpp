// SPDX-License-Identifier: Apache-2.0
//
// A budget explained to people: which caps stand over somebody, which of them is in the way, and
// what in the file is probably not meant so. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tokens/standing.hpp"

namespace host {

// Of whom one may ask which caps stand over him.
struct BudgetSubject {
  Dimension kind = Dimension::pipeline;  // pipeline, playbook, model or issue
  std::string name;                      // as its account is called
};
// "owner/name#12" is an issue, "provider/model" a model, anything else a pipeline. Throws
// Error{invalid} for nothing.
[[nodiscard]] BudgetSubject parse_budget_subject(std::string_view text);

struct CapOver {
  Standing standing;  // of zeroes where nothing has been spent
  bool own = true;    // by this name; else the default of its kind
  // Not over the subject as a whole: over each run, issue or model of it by itself.
  bool each = false;
};
struct Explanation {
  std::vector<CapOver> caps;            // in the order of Dimension
  std::optional<std::size_t> tightest;  // of `caps`, the one that leaves the fewest tokens
  std::vector<OwnStanding> own;         // of runs that are the subject's, or may ask for it
  // What is refused now, and what would be, a sentence each.
  std::vector<std::string> refused;
};
// `standings` and `own` as Ledger's functions have them; `standings` with the subject, asked for.
[[nodiscard]] Explanation explain_budget(const Budget& budget, const BudgetSubject& subject,
                                         const std::vector<Standing>& standings,
                                         const std::vector<OwnStanding>& own = {});

// How much of the cap is taken, by whichever of its measures is nearest to its end; 0 to 1 and
// above. A cap of nothing is all taken.
[[nodiscard]] double share_taken(const Standing& standing);

// The models of a route, as host.yaml has them: "gpt-4o*".
struct RouteModels {
  std::string route;
  std::string provider;
  std::vector<std::string> models;
};
// What is no error, and worth a look.
[[nodiscard]] std::vector<std::string> budget_warnings(const Budget& budget,
                                                       const std::vector<RouteModels>& routes);

}  // namespace host
