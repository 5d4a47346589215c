// SPDX-License-Identifier: Apache-2.0
#include "config/settings.hpp"

#include <algorithm>

namespace host {
namespace {

bool is_leaf(const Json& value) { return !value.is_object() || value.empty(); }

template <class Visit>
void each_leaf(const Json& value, const std::string& pointer, Visit visit) {
  if (is_leaf(value)) return visit(pointer, value);
  for (const auto& [key, child] : value.items())
    each_leaf(child, child_pointer(pointer, key), visit);
}

// Maps that say who may do what: a host's own replaces the default, so that it can allow less.
bool is_one_value(const std::string& pointer) {
  if (pointer == "/trust/keys") return true;
  return pointer.starts_with("/plugins/") && pointer.ends_with("/grants") &&
         std::count(pointer.begin(), pointer.end(), '/') == 3;
}

}  // namespace

void Layers::merge(Json& into, const Json& from, const std::string& pointer,
                   std::vector<std::string>& leaves) {
  if (!into.is_object() || !from.is_object() || is_one_value(pointer))
    return replace(into, from, pointer, leaves);
  for (const auto& [key, value] : from.items()) {
    const std::string at = child_pointer(pointer, key);
    if (into.contains(key))
      merge(into[key], value, at, leaves);
    else
      replace(into[key], value, at, leaves);
  }
}

void Layers::replace(Json& into, const Json& from, const std::string& pointer,
                     std::vector<std::string>& leaves) {
  std::erase_if(set_by_, [&](const auto& entry) {
    return entry.first == pointer || entry.first.starts_with(pointer + "/");
  });
  into = from;
  each_leaf(from, pointer, [&](const std::string& leaf, const Json&) { leaves.push_back(leaf); });
}

std::vector<Effective> Layers::explain(const Json& filled) const {
  std::vector<Effective> result;
  each_leaf(filled, "", [&](const std::string& pointer, const Json& value) {
    const auto found = set_by_.find(pointer);
    if (found == set_by_.end())
      result.push_back({pointer, value, Effective::Origin::built_in, ""});
    else
      result.push_back({pointer, value, found->second.origin, found->second.where});
  });
  return result;
}

}  // namespace host
