// SPDX-License-Identifier: Apache-2.0
#include "authoring/sample.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace host {
namespace {

constexpr int kDeepest = 8;
constexpr std::size_t kLargest = 256 * 1024;   // bytes, about
constexpr std::size_t kPart = 64;              // what any part counts for
constexpr double kWhole = 9007199254740991.0;  // up to here every whole number is a double

const Json& part_of(const Json& schema, const char* keyword, const Json& otherwise) {
  const auto found = schema.find(keyword);
  return found == schema.end() ? otherwise : *found;
}

// A count that a schema states, such as minItems; a huge one stays huge.
std::size_t count_in(const Json& schema, const char* keyword, std::size_t otherwise) {
  const auto found = schema.find(keyword);
  if (found == schema.end() || !found->is_number()) return otherwise;
  const double value = found->get<double>();
  if (!(value > 0)) return 0;
  return value < kWhole ? static_cast<std::size_t>(value) : static_cast<std::size_t>(kWhole);
}

std::optional<double> bound_in(const Json& schema, const char* keyword) {
  const auto found = schema.find(keyword);
  if (found == schema.end() || !found->is_number()) return std::nullopt;
  return std::clamp(found->get<double>(), -kWhole, kWhole);
}

// Pointers to all parts of a value but itself.
void parts_of(const Json& value, const Json::json_pointer& at,
              std::vector<Json::json_pointer>& parts) {
  if (!value.is_structured()) return;
  std::size_t index = 0;
  for (const auto& [name, part] : value.items()) {
    const auto below = value.is_array() ? at / index++ : at / name;
    parts.push_back(below);
    parts_of(part, below, parts);
  }
}

}  // namespace

std::optional<Json> Sampler::next() {
  left_ = kLargest;
  Json made = of(root_, 0);
  return left_ == 0 ? std::nullopt : std::optional(std::move(made));
}

std::int64_t Sampler::number(std::int64_t least, std::int64_t most) {
  return std::uniform_int_distribution<std::int64_t>(least, std::max(least, most))(random_);
}

bool Sampler::spend(std::size_t bytes) {
  left_ -= std::min(left_, bytes);
  return left_ > 0;
}

const Json& Sampler::resolved(const Json& schema) const {
  const Json* at = &schema;
  for (int i = 0; i < kDeepest && at->is_object(); ++i) {
    const auto reference = at->find("$ref");
    if (reference == at->end() || !reference->is_string()) break;
    const auto& text = reference->get_ref<const std::string&>();
    if (!text.starts_with('#')) break;
    try {
      const Json::json_pointer pointer(text.substr(1));
      if (!root_.contains(pointer)) break;
      at = &root_.at(pointer);
    } catch (const Json::exception&) {
      break;
    }
  }
  return *at;
}

const Json* Sampler::one_of(const Json& schema, const char* keyword) {
  const auto list = schema.find(keyword);
  if (list == schema.end() || !list->is_array() || list->empty()) return nullptr;
  const auto [turn, first] = turns_.try_emplace(&*list);
  if (first) turn->second = random_();
  return &(*list)[turn->second++ % list->size()];
}

std::string Sampler::type_of(const Json& schema) {
  const auto type = schema.find("type");
  if (type != schema.end() && type->is_string()) return type->get<std::string>();
  if (const auto* one = one_of(schema, "type"); one != nullptr && one->is_string())
    return one->get<std::string>();
  if (schema.contains("properties")) return "object";
  return schema.contains("items") ? "array" : "string";
}

Json Sampler::of(const Json& given, int depth) {
  const Json& schema = resolved(given);
  if (!spend(kPart) || !schema.is_object() || depth > kDeepest) return nullptr;
  if (const auto fixed = schema.find("const"); fixed != schema.end()) return *fixed;
  if (const auto* known = one_of(schema, "enum")) return *known;
  // The examples of the whole are tried by themselves.
  if (depth > 0 && chance(2))
    if (const auto* known = one_of(schema, "examples")) return *known;
  if (const auto set = schema.find("default"); set != schema.end() && chance(4)) return *set;
  for (const auto* branch : {"oneOf", "anyOf"})
    if (const auto* chosen = one_of(schema, branch); chosen != nullptr && !schema.contains("type"))
      return of(*chosen, depth + 1);
  return of_type(schema, type_of(schema), depth);
}

Json Sampler::of_type(const Json& schema, const std::string& type, int depth) {
  if (type == "object") return object(schema, depth);
  if (type == "array") return array(schema, depth);
  if (type == "boolean") return turns_[&schema]++ % 2 == 0;
  if (type == "null") return nullptr;
  if (type == "integer" || type == "number") return numeric(schema, type == "integer");
  return text(schema);
}

Json Sampler::object(const Json& schema, int depth) {
  static const Json kNone = Json::object();
  static const Json kNothing = Json::array();
  Json made = Json::object();
  const Json& required = part_of(schema, "required", kNothing);
  for (const auto& [name, property] : part_of(schema, "properties", kNone).items()) {
    const bool must = std::find(required.begin(), required.end(), name) != required.end();
    if (!must && chance(3)) continue;
    if (!spend(name.size())) return made;
    made[name] = of(property, depth + 1);
  }
  const auto others = schema.find("additionalProperties");
  if (others != schema.end() && others->is_object() && chance(2))
    made["key" + std::to_string(number(1, 9))] = of(*others, depth + 1);
  return made;
}

Json Sampler::array(const Json& schema, int depth) {
  static const Json kAnything = Json::object();
  Json made = Json::array();
  const auto least = count_in(schema, "minItems", 0);
  const auto most = std::min(count_in(schema, "maxItems", least + 3), least + 3);
  const Json& items = part_of(schema, "items", kAnything);
  const auto count =
      number(static_cast<std::int64_t>(least), static_cast<std::int64_t>(std::max(least, most)));
  for (auto left = count; left > 0 && left_ > 0; --left) made.push_back(of(items, depth + 1));
  return made;
}

Json Sampler::numeric(const Json& schema, bool integer) {
  const auto above = bound_in(schema, "exclusiveMinimum");
  const auto below = bound_in(schema, "exclusiveMaximum");
  const double step = integer ? 1 : 0.25;
  auto least = bound_in(schema, "minimum");
  auto most = bound_in(schema, "maximum");
  if (above) least = std::max(least.value_or(*above + step), *above + step);
  if (below) most = std::min(most.value_or(*below - step), *below - step);
  if (!least) least = most ? *most - 100 : -1;
  if (!most) most = *least + 100;
  if (!(*least <= *most)) return *least;  // nothing fits
  if (integer) {
    const auto first = static_cast<std::int64_t>(std::ceil(*least));
    const auto last = static_cast<std::int64_t>(std::floor(*most));
    if (chance(3)) return chance(2) ? first : last;
    return number(first, last);
  }
  if (chance(3)) return chance(2) ? *least : *most;
  const double share = static_cast<double>(number(0, 1000)) / 1000;
  return std::clamp(*least + (*most - *least) * share, *least, *most);
}

Json Sampler::text(const Json& schema) {
  if (const auto* known = one_of(schema, "examples")) return *known;
  if (const auto set = schema.find("default"); set != schema.end()) return *set;
  static constexpr std::array kWords{
      "a", "org/app", "/tmp", "https://example.org/x", "10s", "\xC3\xA4\xE2\x82\xAC", "two words"};
  std::string made = kWords[static_cast<std::size_t>(number(0, kWords.size() - 1))];
  const auto least = count_in(schema, "minLength", 0);
  const auto most = count_in(schema, "maxLength", kLargest);
  if (!spend(std::max(least, made.size()))) return nullptr;
  if (least > made.size() || least > 2) made = std::string(least, 'x');
  return made.size() > most ? std::string(most, 'x') : made;
}

Json Sampler::spoiled(Json value) {
  static const std::vector<Json> kJunk{nullptr,
                                       -1,
                                       1e300,
                                       "",
                                       std::string(70000, 'x'),
                                       Json::array({Json::array({1})}),
                                       Json{{"a", {{"b", nullptr}}}},
                                       true};
  const auto pick = [&](std::size_t count) {
    return static_cast<std::size_t>(number(0, static_cast<std::int64_t>(count) - 1));
  };
  std::vector<Json::json_pointer> parts;
  parts_of(value, Json::json_pointer(), parts);
  if (parts.empty() || pick(4) == 0) {
    if (value.is_object()) value["unheard_of"] = kJunk[pick(kJunk.size())];
    return value;
  }
  value[parts[pick(parts.size())]] = kJunk[pick(kJunk.size())];
  return value;
}

}  // namespace host
