// SPDX-License-Identifier: Apache-2.0
//
// Values made up for a schema.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>

#include "base/json.hpp"

namespace host {

// Makes up one value after another that probably fits a schema (the subset of json_schema.hpp): of
// its types, within its bounds and often on them, with each optional property there or not, each of
// several choices in its turn. What can't be made up, such as a text for a pattern, is taken from
// the schema's examples, default, const or enum where it has one. The same seed makes up the same.
class Sampler {
 public:
  // `schema` outlives this. Nothing that it holds makes anything here throw.
  Sampler(const Json& schema, unsigned seed) : root_(schema), random_(seed) {}

  // Validate it before use. nullopt when it would be larger than any config is (256 KiB).
  [[nodiscard]] std::optional<Json> next();

  // A value with one of its parts, chosen by chance, replaced by something of another kind, or with
  // a key more.
  [[nodiscard]] Json spoiled(Json value);

 private:
  bool chance(int in) { return number(0, in - 1) == 0; }
  std::int64_t number(std::int64_t least, std::int64_t most);
  // False once the value in the making has grown too large; it is then thrown away.
  bool spend(std::size_t bytes);
  const Json& resolved(const Json& schema) const;
  // One of the list under `keyword`, each in its turn; null without one.
  const Json* one_of(const Json& schema, const char* keyword);
  std::string type_of(const Json& schema);

  Json of(const Json& given, int depth);
  Json of_type(const Json& schema, const std::string& type, int depth);
  Json object(const Json& schema, int depth);
  Json array(const Json& schema, int depth);
  Json numeric(const Json& schema, bool integer);
  Json text(const Json& schema);

  const Json& root_;
  std::mt19937 random_;
  std::map<const Json*, std::size_t> turns_;
  std::size_t left_ = 0;  // bytes
};

}  // namespace host
