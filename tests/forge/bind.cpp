// SPDX-License-Identifier: Apache-2.0
#include <charconv>

#include "base/result.hpp"
#include "forge/exchange.hpp"
#include "http/url.hpp"

namespace host::forge {
namespace {

Json form(std::string_view text) {
  Json fields = Json::object();
  while (!text.empty()) {
    const auto pair = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(pair.size() + 1, text.size()));
    const auto equals = pair.find('=');
    if (equals == std::string_view::npos) continue;
    fields[percent_decode(pair.substr(0, equals), true)] =
        percent_decode(pair.substr(equals + 1), true);
  }
  return fields;
}

// What Go calls a JSON type.
std::string go_kind(const Json& value) {
  if (value.is_string()) return "string";
  if (value.is_number()) return "number";
  if (value.is_boolean()) return "bool";
  return value.is_array() ? "array" : "object";
}

}  // namespace

std::int64_t path_number(const std::string& text) {
  std::int64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  return parsed.ptr == text.data() + text.size() && value > 0 ? value : 0;
}

std::string color_of(const ForgeState& state, const std::string& text) {
  const auto digits = lower(text.substr(text.starts_with('#') ? 1 : 0));
  const bool sized = digits.size() == 3 || digits.size() == 6;
  if (!sized || digits.find_first_not_of("0123456789abcdef") != std::string::npos)
    throw refused(state, 422, "invalid color: " + (sized ? "#" + digits : text));
  if (digits.size() == 6) return digits;
  return {digits[0], digits[0], digits[1], digits[1], digits[2], digits[2]};
}

Issue* Exchange::issue(std::size_t index) const {
  return state.issue(repo->full_name(), path_number(parameter(index)));
}

Bound::Bound(const Exchange& exchange, std::string type)
    : state_(&exchange.state), type_(std::move(type)) {
  const auto* content = exchange.request.header("content-type");
  const auto& body = exchange.request.body;
  if (content == nullptr || content->empty()) throw refused(*state_, 422, "[]: Empty Content-Type");
  if (content->find("form-urlencoded") != std::string::npos) {
    body_ = form(body);
  } else if (content->find("json") == std::string::npos) {
    throw refused(*state_, 422, "[]: Unsupported Content-Type");
  } else if (!body.empty()) {
    const auto parsed = attempt([&] { return parse_json(body, "the body"); });
    if (!parsed) throw refused(*state_, 422, "[]: " + parsed.error().message());
    body_ = parsed.value();
  }
  if (body_.is_null()) body_ = Json::object();
  if (!body_.is_object())
    throw refused(
        *state_, 422,
        "[]: json: cannot unmarshal " + go_kind(body_) + " into Go value of type structs." + type_);
}

const Json* Bound::find(const std::string& name) const {
  const auto at = body_.find(name);
  return at == body_.end() || at->is_null() ? nullptr : &*at;
}

Refused Bound::wrong(const Json& value, const std::string& name, const std::string& wanted) const {
  return refused(*state_, 422,
                 "[]: json: cannot unmarshal " + go_kind(value) + " into Go struct field " + type_ +
                     "." + name + " of type " + wanted);
}

std::optional<std::string> Bound::text(const std::string& name) const {
  const Json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) throw wrong(*value, name, "string");
  return value->get<std::string>();
}

std::optional<bool> Bound::flag(const std::string& name) const {
  const Json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_boolean()) throw wrong(*value, name, "bool");
  return value->get<bool>();
}

std::optional<std::int64_t> Bound::number(const std::string& name) const {
  const Json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number_integer()) throw wrong(*value, name, "int64");
  return value->get<std::int64_t>();
}

std::optional<std::vector<std::int64_t>> Bound::numbers(const std::string& name) const {
  if (find(name) == nullptr) return std::nullopt;
  std::vector<std::int64_t> all;
  for (const auto& value : values(name, "[]int64")) {
    if (!value.is_number_integer()) throw wrong(value, name, "int64");
    all.push_back(value.get<std::int64_t>());
  }
  return all;
}

std::optional<std::vector<std::string>> Bound::texts(const std::string& name) const {
  if (find(name) == nullptr) return std::nullopt;
  std::vector<std::string> all;
  for (const auto& value : values(name, "[]string")) {
    if (!value.is_string()) throw wrong(value, name, "string");
    all.push_back(value.get<std::string>());
  }
  return all;
}

std::vector<Json> Bound::values(const std::string& name, const std::string& wanted) const {
  const Json* value = find(name);
  if (value == nullptr) return {};
  if (!value->is_array()) throw wrong(*value, name, wanted);
  return value->get<std::vector<Json>>();
}

std::string Bound::required(const std::string& name, const std::string& field) const {
  auto value = text(name);
  if (!value || value->empty()) throw refused(*state_, 422, "[" + field + "]: Required");
  return *value;
}

}  // namespace host::forge
