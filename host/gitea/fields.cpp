// SPDX-License-Identifier: Apache-2.0
#include "gitea/fields.hpp"

#include <limits>

#include "gitea/decode.hpp"

namespace host::fields {

Error wrong(std::string_view field, const Json& value, std::string_view wanted) {
  return {Code::invalid,
          "\"" + std::string(field) + "\" is " + value.type_name() + ", not " + std::string(wanted),
          "Check that the server is a Gitea or Forgejo of a supported version."};
}

// The member, or nullptr when it is missing or null.
const Json* find(const Json& json, const char* field) {
  if (!json.is_object()) throw wrong("reply", json, "an object");
  const auto at = json.find(field);
  return at == json.end() || at->is_null() ? nullptr : &*at;
}

std::string text(const Json& json, const char* field) {
  const Json* value = find(json, field);
  if (value == nullptr) return {};
  if (!value->is_string()) throw wrong(field, *value, "a string");
  return value->get<std::string>();
}

std::int64_t number(const Json& json, const char* field) {
  const Json* value = find(json, field);
  if (value == nullptr) return 0;
  const bool fits = value->is_number_unsigned()
                        ? value->get<std::uint64_t>() <=
                              static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())
                        : value->is_number_integer();
  if (!fits) throw wrong(field, *value, "a whole number of 64 bits");
  return value->get<std::int64_t>();
}

bool flag(const Json& json, const char* field, bool otherwise) {
  const Json* value = find(json, field);
  if (value == nullptr) return otherwise;
  if (!value->is_boolean()) throw wrong(field, *value, "true or false");
  return value->get<bool>();
}

std::optional<WallTime> time(const Json& json, const char* field) {
  return parse_rfc3339(text(json, field));
}

std::string login(const Json& json, const char* field) {
  const Json* user = find(json, field);
  return user == nullptr ? std::string() : text(*user, "login");
}

std::vector<std::string> logins(const Json& json, const char* field) {
  std::vector<std::string> all;
  const Json* users = find(json, field);
  if (users == nullptr) return all;
  if (!users->is_array()) throw wrong(field, *users, "an array");
  for (const Json& each : *users)
    if (!each.is_null()) all.push_back(text(each, "login"));
  return all;
}

}  // namespace host::fields
