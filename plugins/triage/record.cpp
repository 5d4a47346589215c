// SPDX-License-Identifier: Apache-2.0
#include "record.hpp"

#include <utility>

namespace triage {
namespace {

// What a step leaves in the record.
Record::Dated* trace(Record& record, Step::What what) {
  switch (what) {
    case Step::What::assign: return &record.assigned;
    case Step::What::label: return &record.added;
    case Step::What::unlabel: return &record.removed;
    case Step::What::comment: return &record.commented;
    case Step::What::close: return nullptr;
  }
  return nullptr;
}

const Names& traced(const Step& step) {
  return step.what == Step::What::comment ? step.rules : step.names;
}

// A value of state/1 is of a bounded size, and what rules say, and how many ask for the same, is
// not. A comment's text is made anew by its rule; who asks for the rest is for the log alone.
timmy::Json kept(Step step) {
  constexpr std::size_t kMostRules = 10;
  step.text.clear();
  if (step.rules.size() > kMostRules) step.rules.resize(kMostRules);
  return step.to_json();
}

const std::vector<std::pair<const char*, Record::Dated Record::*>>& dated_fields() {
  static const std::vector<std::pair<const char*, Record::Dated Record::*>> all{
      {"added", &Record::added},
      {"removed", &Record::removed},
      {"assigned", &Record::assigned},
      {"priorities", &Record::priorities},
      {"commented", &Record::commented}};
  return all;
}

const std::vector<std::pair<const char*, std::string Record::*>>& text_fields() {
  static const std::vector<std::pair<const char*, std::string Record::*>> all{
      {"closed", &Record::closed},
      {"planned", &Record::planned},
      {"rules", &Record::rules},
      {"before", &Record::before}};
  return all;
}

}  // namespace

bool Record::empty() const { return to_json().empty(); }

void Record::begin(const Snapshot& issue, timmy::Time now) {
  const Step& step = plan.front();
  const auto when = timmy::format_time(std::chrono::floor<std::chrono::seconds>(now));
  // What the forge does not date is in doubt whatever it shows.
  before = issue.version().empty() ? "undated" : issue.version();
  if (step.what == Step::What::close) closed = when;
  if (auto* dates = trace(*this, step.what))
    for (const auto& each : traced(step)) (*dates)[each] = when;
  if (contains(step.names, step.priority)) priorities[step.priority] = when;
}

void Record::finish() {
  plan.erase(plan.begin());
  before.clear();
}

void Record::take_back(const Step& rest) {
  Step& step = plan.front();
  step = rest;
  before.clear();
  if (step.what == Step::What::close) closed.clear();
  if (auto* dates = trace(*this, step.what))
    for (const auto& each : traced(step)) dates->erase(each);
  if (contains(step.names, step.priority)) priorities.erase(step.priority);
}

Record Record::from(const timmy::Json& json) {
  Record record;
  for (const auto& [key, field] : dated_fields()) record.*field = json.value(key, Dated());
  for (const auto& [key, field] : text_fields()) record.*field = json.value(key, std::string());
  for (const auto& step : json.value("plan", timmy::Json::array()))
    record.plan.push_back(Step::from(step));
  return record;
}

timmy::Json Record::to_json() const {
  auto json = timmy::Json::object();
  for (const auto& [key, field] : dated_fields())
    if (!(this->*field).empty()) json[key] = this->*field;
  for (const auto& [key, field] : text_fields())
    if (!(this->*field).empty()) json[key] = this->*field;
  for (const auto& step : plan) json["plan"].push_back(kept(step));
  return json;
}

std::optional<Step> rest_of(Step step, const Snapshot& issue) {
  switch (step.what) {
    case Step::What::assign:
      // A round robin gives work to nobody where somebody has taken it.
      if (!step.turn.empty() && !issue.assignees.empty()) return std::nullopt;
      std::erase_if(step.names,
                    [&](const auto& login) { return has_login(issue.assignees, login); });
      break;
    case Step::What::label:
      std::erase_if(step.names, [&](const auto& name) { return contains(issue.labels, name); });
      break;
    case Step::What::unlabel:
      std::erase_if(step.names, [&](const auto& name) { return !contains(issue.labels, name); });
      break;
    case Step::What::comment: return step;
    case Step::What::close: return issue.open ? std::optional(step) : std::nullopt;
  }
  return step.names.empty() ? std::nullopt : std::optional(std::move(step));
}

Record settled(Record record, const Snapshot& issue) {
  if (record.before.empty() || record.plan.empty()) return record;
  // A version lasts a second, in which the step may have been done as well: what shows was.
  const auto rest = rest_of(record.plan.front(), issue);
  if (rest && issue.version() == record.before)
    record.take_back(*rest);
  else
    record.finish();
  return record;
}

std::vector<Step> rest_of_plan(const Record& record, const Snapshot& issue) {
  std::vector<Step> rest;
  for (const auto& step : record.plan)
    if (auto left = rest_of(step, issue)) rest.push_back(std::move(*left));
  return rest;
}

std::string record_key(const std::string& home, std::int64_t number) {
  return "record/" + home + "#" + std::to_string(number);
}

}  // namespace triage
