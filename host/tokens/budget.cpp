// SPDX-License-Identifier: Apache-2.0
#include "tokens/budget.hpp"

#include <fmt/format.h>

#include <utility>

#include "base/error.hpp"
#include "tokens/account_table.hpp"

namespace host {
namespace {

constexpr std::array<std::pair<Dimension, std::string_view>, 6> kDimensions{{
    {Dimension::day, "day"},
    {Dimension::pipeline, "pipeline"},
    {Dimension::playbook, "playbook"},
    {Dimension::model, "model"},
    {Dimension::issue, "issue"},
    {Dimension::run, "run"},
}};

// The name of a dimension's default.
std::string_view default_name(Dimension dimension) {
  switch (dimension) {
    case Dimension::pipeline:
    case Dimension::playbook:
    case Dimension::model: return "*";
    default: return "";
  }
}

}  // namespace

std::string_view name(Dimension dimension) noexcept {
  return kDimensions.at(static_cast<std::size_t>(dimension)).second;
}

Dimension parse_dimension(std::string_view text) {
  for (const auto& [value, known] : kDimensions)
    if (known == text) return value;
  throw Error(Code::invalid,
              fmt::format("\"{}\" is nothing that a cap can be about, expected day, pipeline, "
                          "playbook, model, issue or run",
                          text.substr(0, 40)));
}

std::string_view name(WhenReached when) noexcept {
  switch (when) {
    case WhenReached::refuse: return "refuse";
    case WhenReached::pause: return "pause";
    case WhenReached::queue_until_reset: return "queue_until_reset";
  }
  return "refuse";
}

const Cap* Budget::find(Dimension dimension, std::string_view name) const {
  const auto of_dimension = caps.find(dimension);
  if (of_dimension == caps.end()) return nullptr;
  const auto& by_name = of_dimension->second;
  auto found = by_name.find(std::string(name));
  if (found == by_name.end()) found = by_name.find(std::string(default_name(dimension)));
  return found == by_name.end() ? nullptr : &found->second;
}

const Price* Budget::price_of(const ModelName& model) const {
  auto found = prices.find(model.text());
  if (found == prices.end()) found = prices.find(model.provider + "/*");
  return found == prices.end() ? nullptr : &found->second;
}

bool Budget::caps_cost(const Spender& spender, const ModelName& model) const {
  const auto named = model.model.empty() ? std::nullopt : std::optional(model);
  for (const auto& account : accounts_of(spender, named, 0)) {
    const Cap* cap = find(account.dimension, account.name);
    if (cap != nullptr && cap->cost) return true;
  }
  return false;
}

}  // namespace host
