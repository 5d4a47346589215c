// SPDX-License-Identifier: Apache-2.0
#include "step.hpp"

#include <array>
#include <utility>

namespace triage {
namespace {

constexpr std::array<std::pair<Step::What, const char*>, 5> kWords{
    {{Step::What::assign, "assign"},
     {Step::What::label, "label"},
     {Step::What::unlabel, "unlabel"},
     {Step::What::comment, "comment"},
     {Step::What::close, "close"}}};

}  // namespace

const char* word(Step::What what) {
  for (const auto& [each, name] : kWords)
    if (each == what) return name;
  return "";
}

Step Step::from(const timmy::Json& json) {
  Step step;
  const auto name = json.at("do").get<std::string>();
  for (const auto& [each, known] : kWords)
    if (name == known) step.what = each;
  step.names = json.value("names", Names());
  step.text = json.value("text", "");
  step.priority = json.value("priority", "");
  step.turn = json.value("turn", "");
  step.rules = json.value("rules", Names());
  return step;
}

timmy::Json Step::to_json() const {
  timmy::Json json{{"do", word(what)}, {"rules", rules}};
  if (!names.empty()) json["names"] = names;
  if (!text.empty()) json["text"] = text;
  if (!priority.empty()) json["priority"] = priority;
  if (!turn.empty()) json["turn"] = turn;
  return json;
}

}  // namespace triage
