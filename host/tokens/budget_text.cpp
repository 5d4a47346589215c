// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <utility>

#include "base/json.hpp"
#include "tokens/budget.hpp"

namespace host {
namespace {

constexpr double kNano = 1e9;

Json json_of(const Cap& cap) {
  Json json = Json::object();
  if (cap.tokens) json["tokens"] = cap.tokens->count();
  if (cap.runs) json["runs"] = *cap.runs;
  if (cap.cost) json["cost"] = static_cast<double>(cap.cost->nano_dollars()) / kNano;
  json["warn_at"] = cap.warn_at;
  json["when_reached"] = name(cap.when);
  return json;
}

Json json_of(const Price& price) {
  const auto dollars = [](std::int64_t pico) { return static_cast<double>(pico) / 1e6; };
  return {{"input", dollars(price.input)},
          {"output", dollars(price.output)},
          {"cache_read", dollars(price.cache_read)},
          {"cache_write", dollars(price.cache_write)}};
}

// Where a cap stands in the file: a key of its own, or one of a map.
std::pair<const char*, bool> place_of(Dimension dimension, const std::string& name) {
  switch (dimension) {
    case Dimension::day: return {"day", false};
    case Dimension::pipeline: return {"pipelines", true};
    case Dimension::playbook: return {"playbooks", true};
    case Dimension::model: return {"models", true};
    case Dimension::issue: return {name.empty() ? "issue" : "issues", !name.empty()};
    case Dimension::run: return {"run", false};
  }
  return {"day", false};
}

}  // namespace

std::string to_text(const Budget& budget) {
  Json json{{"zone", budget.zone}};
  for (const auto& [dimension, caps] : budget.caps) {
    for (const auto& [name, cap] : caps) {
      const auto [key, in_map] = place_of(dimension, name);
      (in_map ? json[key][name] : json[key]) = json_of(cap);
    }
  }
  for (const auto& [model, price] : budget.prices) json["prices"][model] = json_of(price);
  return to_indented_text(json);
}

}  // namespace host
