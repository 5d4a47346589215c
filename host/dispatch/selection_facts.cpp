// SPDX-License-Identifier: Apache-2.0
#include "base/error.hpp"
#include "config/json_document.hpp"
#include "dispatch/playbook_problems.hpp"
#include "dispatch/selection.hpp"
#include "gitea/types.hpp"

namespace host::dispatch {
namespace {

constexpr std::string_view kSchema = R"({
  "type": "object",
  "additionalProperties": false,
  "required": ["repository", "number"],
  "properties": {
    "repository": { "type": "string", "maxLength": 200, "pattern": "^[^/]+/[^/]+$", "examples": ["org/app"] },
    "number": { "type": "integer", "minimum": 1 },
    "title": { "type": "string", "default": "" },
    "labels": { "$ref": "#/$defs/words", "default": [] },
    "author": { "type": "string", "default": "" },
    "state": { "enum": ["open", "closed"], "default": "open" },
    "assignees": { "$ref": "#/$defs/words", "default": [] },
    "kind": { "enum": ["issue", "pull-request"], "default": "issue" },
    "own_login": { "type": "string", "default": "" }
  },
  "$defs": { "words": { "type": "array", "items": { "type": "string" } } }
})";

const JsonSchema& schema() {
  static const JsonSchema loaded(parse_json(kSchema, "the schema of facts"), "the schema of facts");
  return loaded;
}

}  // namespace

ItemFacts parse_facts(std::string_view text, const std::string& file) try {
  const auto document = parse_json_document(text, file);
  PlaybookProblems problems(document);
  problems.add(schema().validate(document.value()));
  if (!problems.empty()) throw ConfigError(problems.sorted());
  const Json json = schema().with_defaults(document.value());
  ItemFacts facts{.repository = parse_repo_name(json.at("repository").get<std::string>()).full(),
                  .number = json.at("number"),
                  .title = json.at("title"),
                  .author = json.at("author"),
                  .open = json.at("state") == "open",
                  .is_pull = json.at("kind") == "pull-request",
                  .own_login = json.at("own_login")};
  json.at("labels").get_to(facts.labels);
  json.at("assignees").get_to(facts.assignees);
  return facts;
} catch (const ConfigError&) {
  throw;
} catch (const Error& error) {
  throw ConfigError({unread_problem(error, file)}, error.code());
}

Json to_json(const ItemFacts& facts) {
  return {{"repository", facts.repository}, {"number", facts.number},
          {"title", facts.title},           {"labels", facts.labels},
          {"author", facts.author},         {"state", facts.open ? "open" : "closed"},
          {"assignees", facts.assignees},   {"kind", facts.is_pull ? "pull-request" : "issue"},
          {"own_login", facts.own_login}};
}

}  // namespace host::dispatch
