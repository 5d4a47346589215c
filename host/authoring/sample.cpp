// SPDX-License-Identifier: Apache-2.0
#include "authoring/sample.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace host {
namespace {

constexpr int kDeepest = 8;

class Sampler {
 public:
  Sampler(const Json& root, std::mt19937& random) : root_(root), random_(random) {}

  Json of(const Json& given, int depth) {
    const Json& schema = resolved(given);
    if (!schema.is_object() || depth > kDeepest) return nullptr;
    if (const auto fixed = schema.find("const"); fixed != schema.end()) return *fixed;
    if (const auto known = any_of(schema, "enum")) return *known;
    if (const auto known = any_of(schema, "examples"); known && chance(2)) return *known;
    if (const auto set = schema.find("default"); set != schema.end() && chance(4)) return *set;
    for (const auto* branch : {"oneOf", "anyOf"})
      if (const auto chosen = any_of(schema, branch)) return of(*chosen, depth + 1);
    return of_type(schema, type_of(schema), depth);
  }

 private:
  bool chance(int in) { return number(0, in - 1) == 0; }
  std::int64_t number(std::int64_t least, std::int64_t most) {
    return std::uniform_int_distribution<std::int64_t>(least, std::max(least, most))(random_);
  }

  const Json& resolved(const Json& schema) const {
    const Json* at = &schema;
    for (int i = 0; i < kDeepest && at->is_object(); ++i) {
      const auto reference = at->find("$ref");
      if (reference == at->end() || !reference->is_string()) break;
      const auto& text = reference->get_ref<const std::string&>();
      if (!text.starts_with('#')) break;
      const Json::json_pointer pointer(text.substr(1));
      if (!root_.contains(pointer)) break;
      at = &root_.at(pointer);
    }
    return *at;
  }

  std::optional<Json> any_of(const Json& schema, const char* keyword) {
    const auto list = schema.find(keyword);
    if (list == schema.end() || !list->is_array() || list->empty()) return std::nullopt;
    return (
        *list)[static_cast<std::size_t>(number(0, static_cast<std::int64_t>(list->size()) - 1))];
  }

  std::string type_of(const Json& schema) {
    const auto type = schema.find("type");
    if (type != schema.end() && type->is_string()) return type->get<std::string>();
    if (const auto one = any_of(schema, "type"); one && one->is_string())
      return one->get<std::string>();
    if (schema.contains("properties")) return "object";
    return schema.contains("items") ? "array" : "string";
  }

  Json of_type(const Json& schema, const std::string& type, int depth) {
    if (type == "object") return object(schema, depth);
    if (type == "array") return array(schema, depth);
    if (type == "boolean") return chance(2);
    if (type == "null") return nullptr;
    if (type == "integer" || type == "number") return numeric(schema, type == "integer");
    return text(schema);
  }

  Json object(const Json& schema, int depth) {
    Json made = Json::object();
    const Json properties = schema.value("properties", Json::object());
    const Json required = schema.value("required", Json::array());
    for (const auto& [name, property] : properties.items()) {
      const bool must = std::find(required.begin(), required.end(), name) != required.end();
      if (must || chance(2)) made[name] = of(property, depth + 1);
    }
    const auto others = schema.find("additionalProperties");
    if (others != schema.end() && others->is_object() && chance(2))
      made["key" + std::to_string(number(1, 9))] = of(*others, depth + 1);
    return made;
  }

  Json array(const Json& schema, int depth) {
    Json made = Json::array();
    const auto least = schema.value("minItems", 0);
    const auto most = std::min(schema.value("maxItems", least + 3), least + 3);
    const Json items = schema.value("items", Json(Json::object()));
    for (auto left = number(least, most); left > 0; --left) made.push_back(of(items, depth + 1));
    return made;
  }

  Json numeric(const Json& schema, bool integer) {
    const double least = schema.value("minimum", schema.value("exclusiveMinimum", -1.0) + 1);
    const double most = schema.value("maximum", std::max(least, 100.0));
    const auto whole = number(static_cast<std::int64_t>(least), static_cast<std::int64_t>(most));
    if (integer) return whole;
    return std::clamp(static_cast<double>(whole) + 0.5, least, most);
  }

  Json text(const Json& schema) {
    if (const auto known = any_of(schema, "examples")) return *known;
    if (const auto set = schema.find("default"); set != schema.end()) return *set;
    static const std::vector<std::string> words{
        "a",        "org/app", "/tmp", "https://example.org/x", "10s", "\xC3\xA4\xE2\x82\xAC",
        "two words"};
    std::string made = words[static_cast<std::size_t>(number(0, 6))];
    const auto least = schema.value("minLength", std::size_t{0});
    if (least > made.size() || least > 2) made = std::string(least, 'x');
    const auto most = schema.value("maxLength", std::size_t{1000});
    return made.size() > most ? std::string(most, 'x') : made;
  }

  const Json& root_;
  std::mt19937& random_;
};

// Pointers to all parts of a value but itself.
void parts_of(const Json& value, const Json::json_pointer& at,
              std::vector<Json::json_pointer>& parts) {
  if (!value.is_structured()) return;
  for (const auto& [name, part] : value.items()) {
    const auto below = value.is_array() ? at / std::stoul(name) : at / name;
    parts.push_back(below);
    parts_of(part, below, parts);
  }
}

}  // namespace

Json sample(const Json& schema, std::mt19937& random) {
  return Sampler(schema, random).of(schema, 0);
}

Json spoiled(Json value, std::mt19937& random) {
  static const std::vector<Json> junk{nullptr,
                                      -1,
                                      1e300,
                                      "",
                                      std::string(70000, 'x'),
                                      Json::array({Json::array({1})}),
                                      Json{{"a", {{"b", nullptr}}}},
                                      true};
  const auto pick = [&](std::size_t count) {
    return std::uniform_int_distribution<std::size_t>(0, count - 1)(random);
  };
  std::vector<Json::json_pointer> parts;
  parts_of(value, Json::json_pointer(), parts);
  if (parts.empty() || pick(4) == 0) {
    if (value.is_object()) value["unheard_of"] = junk[pick(junk.size())];
    return value;
  }
  value[parts[pick(parts.size())]] = junk[pick(junk.size())];
  return value;
}

}  // namespace host
