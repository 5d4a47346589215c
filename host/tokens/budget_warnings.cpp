// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "tokens/budget_view.hpp"

namespace host {
namespace {

const Cap* day_cap(const Budget& budget) { return budget.find(Dimension::day, ""); }

bool any_cost(const Budget& budget) {
  for (const auto& [dimension, caps] : budget.caps)
    for (const auto& [name, cap] : caps)
      if (cap.cost) return true;
  return false;
}

bool is_glob(const std::string& pattern) { return pattern.find_first_of("*?") != pattern.npos; }

// A pattern of models has a price if all that it may match have: by the provider's own default, or
// as it stands.
bool has_price(const Budget& budget, const std::string& provider, const std::string& pattern) {
  const auto model = model_named(provider, pattern);
  if (budget.prices.contains(model.provider + "/*")) return true;
  return !is_glob(pattern) && budget.price_of(model) != nullptr;
}

void warn_of_uncapped(const Budget& budget, std::vector<std::string>& warnings) {
  if (day_cap(budget) != nullptr) return;
  const auto pipelines = budget.caps.find(Dimension::pipeline);
  if (pipelines != budget.caps.end() && pipelines->second.contains("*")) return;
  warnings.emplace_back(
      "there is no cap over the day and none over \"*\" of the pipelines: a pipeline that is not "
      "named may spend without end");
}

void warn_of_no_tokens(const Budget& budget, std::vector<std::string>& warnings) {
  for (const auto& [dimension, caps] : budget.caps)
    for (const auto& [name, cap] : caps)
      if (cap.cost && !cap.tokens && !cap.runs)
        warnings.push_back(fmt::format(
            "the cap over {} limits the cost alone: a model whose price is 0 is not limited by it",
            describe(dimension, name)));
}

void warn_of_never_reached(const Budget& budget, std::vector<std::string>& warnings) {
  const Cap* day = day_cap(budget);
  if (day == nullptr || !day->tokens) return;
  for (const auto& [dimension, caps] : budget.caps)
    for (const auto& [name, cap] : caps)
      if (dimension != Dimension::day && renews(dimension) && cap.tokens &&
          *cap.tokens > *day->tokens)
        warnings.push_back(fmt::format("the cap over {} is never reached: the day's, {} tokens, is",
                                       describe(dimension, name), day->tokens->count()));
}

// Providers know a model by more than one name ("gpt-4o", "gpt-4o-2024-08-06"), each with an
// account of its own.
void warn_of_other_names(const Budget& budget, const std::vector<RouteModels>& routes,
                         std::vector<std::string>& warnings) {
  const auto models = budget.caps.find(Dimension::model);
  if (models == budget.caps.end()) return;
  for (const auto& route : routes)
    for (const auto& pattern : route.models)
      for (const auto& [name, cap] : models->second)
        if (name.starts_with(folded(route.provider) + "/") && is_glob(pattern))
          warnings.push_back(fmt::format(
              "the cap over {} is over that name alone, and {} of the route {} takes others, by "
              "which its provider may know the model, too",
              describe(Dimension::model, name), pattern, route.route));
}

void warn_of_prices(const Budget& budget, const std::vector<RouteModels>& routes,
                    std::vector<std::string>& warnings) {
  if (!any_cost(budget)) return;
  for (const auto& route : routes)
    for (const auto& pattern : route.models)
      if (!has_price(budget, route.provider, pattern))
        warnings.push_back(
            fmt::format("cost is capped, and {}/{} of the route {} has no price: its calls are "
                        "refused",
                        route.provider, pattern, route.route));
}

}  // namespace

std::vector<std::string> budget_warnings(const Budget& budget,
                                         const std::vector<RouteModels>& routes) {
  std::vector<std::string> warnings;
  warn_of_uncapped(budget, warnings);
  warn_of_no_tokens(budget, warnings);
  warn_of_never_reached(budget, warnings);
  warn_of_other_names(budget, routes, warnings);
  warn_of_prices(budget, routes, warnings);
  return warnings;
}

}  // namespace host
