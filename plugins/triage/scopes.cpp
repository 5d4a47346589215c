// SPDX-License-Identifier: Apache-2.0
#include "scopes.hpp"

#include <algorithm>

#include "names_text.hpp"

namespace triage {
namespace {

// The first of `labels` that `label` would replace; empty: none.
std::string replaced(const std::string& label, const Names& labels, const Names& exclusive) {
  if (!contains(exclusive, label) || scope_of(label).empty()) return {};
  const auto other = std::find_if(labels.begin(), labels.end(), [&](const std::string& each) {
    return each != label && contains(exclusive, each) && scope_of(each) == scope_of(label);
  });
  return other == labels.end() ? std::string() : *other;
}

Names taken_off(const std::vector<Step>& steps) {
  Names all;
  for (const auto& step : steps)
    if (step.what == Step::What::unlabel)
      all.insert(all.end(), step.names.begin(), step.names.end());
  return all;
}

// So that it is known by a write of its own that we took it off.
void take_off_first(std::vector<Step>& steps, const Names& added, const Names& exclusive) {
  const auto makes_room = [&](const Step& step) {
    return step.what == Step::What::unlabel &&
           std::any_of(step.names.begin(), step.names.end(), [&](const std::string& name) {
             return !replaced(name, added, exclusive).empty();
           });
  };
  std::stable_partition(steps.begin(), steps.end(), makes_room);
}

}  // namespace

std::string scope_of(const std::string& label) {
  const auto slash = label.rfind('/');
  const bool none = slash == std::string::npos || slash + 1 == label.size();
  return none ? std::string() : label.substr(0, slash);
}

bool may_clash(const Names& added, const Names& carried) {
  const auto shares = [](const Names& labels, const std::string& label) {
    return std::any_of(labels.begin(), labels.end(), [&](const std::string& each) {
      return each != label && scope_of(each) == scope_of(label);
    });
  };
  return std::any_of(added.begin(), added.end(), [&](const std::string& label) {
    return !scope_of(label).empty() && !contains(carried, label) &&
           (shares(carried, label) || shares(added, label));
  });
}

std::string why_unsure(const Clash& clash) {
  return "it may replace " + in_quotes(clash.other) +
         ": which of its organisation's labels exclude others can't be read (the token may lack "
         "the scope read:organization)";
}

Names unsure_among(const Names& labels, const timmy::LabelNames* known) {
  Names unsure;
  if (known != nullptr && known->complete) return unsure;
  for (const auto& label : labels)
    if (!scope_of(label).empty() && (known == nullptr || !contains(known->all, label)) &&
        !contains(unsure, label))
      unsure.push_back(label);
  return unsure;
}

std::vector<Step> without_clashes(std::vector<Step> steps, const Snapshot& issue,
                                  const Names& exclusive, const Names& unsure,
                                  std::vector<Clash>& clashes) {
  if (exclusive.empty()) return steps;
  const Names gone = taken_off(steps);
  Names stay = issue.labels;
  std::erase_if(stay, [&](const std::string& label) { return contains(gone, label); });
  Names added;
  for (auto& step : steps) {
    if (step.what != Step::What::label) continue;
    Names names;
    for (const auto& label : step.names) {
      const auto carried = replaced(label, stay, exclusive);
      const auto other = carried.empty() ? replaced(label, added, exclusive) : carried;
      if (other.empty()) {
        names.push_back(label);
        added.push_back(label);
      } else {
        clashes.push_back({label, other, !carried.empty(),
                           contains(unsure, label) || contains(unsure, other), step.rules});
      }
    }
    step.names = std::move(names);
    if (!contains(step.names, step.priority)) step.priority.clear();
  }
  std::erase_if(
      steps, [](const Step& step) { return step.what == Step::What::label && step.names.empty(); });
  take_off_first(steps, added, exclusive);
  return steps;
}

}  // namespace triage
