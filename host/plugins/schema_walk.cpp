// SPDX-License-Identifier: Apache-2.0
#include "plugins/schema_walk.hpp"

#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/error.hpp"

namespace host {
namespace {

constexpr int kMostHops = 32;  // references and allOf that follow each other without going deeper

class Walk {
 public:
  Walk(const Json& root, const std::function<void(Json&, const Json&)>& visit)
      : root_(root), visit_(visit) {}

  void step(Json& value, const Json& schema, int hops) {
    if (!schema.is_object() || hops > kMostHops) return;
    if (--left_ < 0)
      throw Error(Code::too_large, "the schema and the value ask for more than 250000 steps");
    visit_(value, schema);
    if (const Json* target = reference(schema)) step(value, *target, hops + 1);
    if (const Json* all = member(schema, "allOf"); all && all->is_array())
      for (const auto& one : *all) step(value, one, hops + 1);
    if (value.is_object()) members(value, schema);
    if (const Json* items = member(schema, "items"); items && value.is_array())
      for (auto& one : value) step(one, *items, 0);
  }

 private:
  static const Json* member(const Json& object, const char* key) {
    const auto found = object.find(key);
    return found == object.end() ? nullptr : &*found;
  }

  // Looked up once: parsing a pointer is most of what a step costs.
  const Json* reference(const Json& schema) {
    const auto [known, added] = references_.try_emplace(&schema, nullptr);
    if (added) known->second = resolve(schema);
    return known->second;
  }

  const Json* resolve(const Json& schema) const {
    const Json* text = member(schema, "$ref");
    if (!text || !text->is_string()) return nullptr;
    const auto& pointer = text->get_ref<const std::string&>();
    if (!pointer.starts_with('#')) return nullptr;
    try {
      return &root_.at(Json::json_pointer(pointer.substr(1)));
    } catch (const Json::exception&) {
      return nullptr;
    }
  }

  void members(Json& value, const Json& schema) {
    const Json* properties = member(schema, "properties");
    const Json* rest = member(schema, "additionalProperties");
    for (auto& [key, part] : value.items()) {
      const Json* own = properties ? member(*properties, key.c_str()) : nullptr;
      if (const Json* next = own ? own : rest) step(part, *next, 0);
    }
  }

  int left_ = 250'000;
  std::unordered_map<const Json*, const Json*> references_;
  const Json& root_;
  const std::function<void(Json&, const Json&)>& visit_;
};

}  // namespace

void walk_schema(Json& value, const Json& schema,
                 const std::function<void(Json& part, const Json& schema)>& visit) {
  Walk(schema, visit).step(value, schema, 0);
}

Json without_unknown_keys(Json value, const Json& schema) {
  walk_schema(value, schema, [](Json& part, const Json& rule) {
    const auto properties = rule.find("properties");
    if (!part.is_object() || properties == rule.end()) return;
    if (rule.value("additionalProperties", Json(true)) != Json(false)) return;
    std::vector<std::string> unknown;
    for (const auto& [key, ignored] : part.items())
      if (!properties->contains(key)) unknown.push_back(key);
    for (const auto& key : unknown) part.erase(key);
  });
  return value;
}

}  // namespace host
