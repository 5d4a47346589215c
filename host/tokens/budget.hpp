// SPDX-License-Identifier: Apache-2.0
//
// token_budget.json, read and checked: which caps there are, what models cost. Its form is
// tokens/budget.schema.json, its meaning docs/tokens.md. The old flat form {"pipeline": N} is a cap
// of N tokens a day for each pipeline.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "tokens/spender.hpp"
#include "tokens/usage.hpp"

namespace host {

// What a cap is about. The first four begin anew each day; an issue's and a run's never do.
enum class Dimension { day, pipeline, playbook, model, issue, run };
[[nodiscard]] std::string_view name(Dimension dimension) noexcept;
// Throws Error{invalid}.
[[nodiscard]] Dimension parse_dimension(std::string_view text);
[[nodiscard]] constexpr bool renews(Dimension dimension) { return dimension < Dimension::issue; }

// What happens when a cap is reached.
enum class WhenReached {
  refuse,             // calls fail for good: the job's own policy decides
  pause,              // besides, nothing of the pipeline starts until the cap begins anew
  queue_until_reset,  // calls fail with the time of the reset, and the job waits for it at no cost
};
[[nodiscard]] std::string_view name(WhenReached when) noexcept;

struct Cap {
  std::optional<Tokens> tokens;
  std::optional<std::int64_t> runs;  // that begin; a model's: reservations for it
  std::optional<Cost> cost;
  double warn_at = 0.8;  // of each; 0 < warn_at <= 1
  WhenReached when = WhenReached::refuse;
  bool operator==(const Cap&) const = default;
};

struct Budget {
  std::string zone = "UTC";  // whose midnight ends a day
  // By dimension and name; "" for day's and for the default of run and issue, "*" for the default
  // of pipelines, playbooks and models: each of them that has no entry of its own.
  std::map<Dimension, std::map<std::string, Cap>> caps;
  std::map<std::string, Price> prices;  // by ModelName::text(); "provider/*" for the rest of it

  // The cap over this name, or nullptr.
  [[nodiscard]] const Cap* find(Dimension dimension, std::string_view name) const;
  [[nodiscard]] const Price* price_of(const ModelName& model) const;
  // Whether a cost is capped anywhere that this spender and model count for; an empty model: none.
  [[nodiscard]] bool caps_cost(const Spender& spender, const ModelName& model) const;
  bool operator==(const Budget&) const = default;
};

// What a cap is about, as people write it: "each day", "pipeline \"nightly\" each day", "issue
// owner/name#12", "each run".
[[nodiscard]] std::string describe(Dimension dimension, std::string_view name);

// Throws Error{invalid} with every problem, a line each: "file:line:col: what; what was expected".
// `file` only names it.
[[nodiscard]] Budget parse_budget(std::string_view text, std::string_view file);
// The other way: parse_budget() makes the same of it.
[[nodiscard]] std::string to_text(const Budget& budget);
// The published schema, as text.
[[nodiscard]] std::string_view budget_schema_text();

}  // namespace host
