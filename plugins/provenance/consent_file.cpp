// SPDX-License-Identifier: Apache-2.0
#include "consent_file.hpp"

#include <algorithm>
#include <cctype>
#include <set>
#include <stdexcept>
#include <timmy/job.hpp>
#include <timmy/time.hpp>

namespace provenance {
namespace {

using timmy::Json;

constexpr std::size_t kMostRules = 10'000;
constexpr int kDeepest = 8;

// Where nobody but the operator can speak to an agent. A source that is not one of these may be a
// gateway that nobody has heard of yet.
constexpr std::string_view kLocal[] = {"acp",    "batch", "cli",      "cron", "eval", "ide",
                                       "kanban", "local", "subagent", "tool", "tui",  "timmy"};

// "timmy:RUN" is a run of this host's own.
bool is_local(std::string_view source) {
  return source.starts_with("timmy:") ||
         std::find(std::begin(kLocal), std::end(kLocal), source) != std::end(kLocal);
}

[[noreturn]] void refuse(const std::string& where, const std::string& what) {
  throw std::runtime_error(where + ": " + what);
}

// A key that stands twice would let one reader see another rule than the next.
Json parsed(std::string_view text) {
  std::vector<std::set<std::string>> open;
  const auto look = [&](int depth, Json::parse_event_t event, Json& value) {
    if (depth > kDeepest) refuse("/", "nested deeper than " + std::to_string(kDeepest));
    if (event == Json::parse_event_t::object_start) open.emplace_back();
    if (event == Json::parse_event_t::object_end) open.pop_back();
    if (event == Json::parse_event_t::key && !open.back().insert(value.get<std::string>()).second)
      refuse("\"" + value.get<std::string>() + "\"", "stands twice in one object");
    return true;
  };
  try {
    return Json::parse(text, look);
  } catch (const Json::exception& error) {
    refuse("/", std::string("no JSON: ") + error.what());
  }
}

void check_keys(const Json& object, const std::string& where,
                std::initializer_list<std::string_view> known) {
  if (!object.is_object()) refuse(where, "expected an object");
  for (const auto& [key, value] : object.items())
    if (std::find(known.begin(), known.end(), key) == known.end())
      refuse(where + "/" + key, "unknown key");
}

std::string text_at(const Json& object, const std::string& key, const std::string& where) {
  const auto found = object.find(key);
  if (found == object.end()) refuse(where, "lacks \"" + key + "\"");
  if (!found->is_string() || found->get_ref<const std::string&>().empty())
    refuse(where + "/" + key, "expected a text that is not empty");
  if (found->get_ref<const std::string&>().size() > 512)
    refuse(where + "/" + key, "longer than 512 bytes");
  return *found;
}

Instant instant_at(const Json& object, const std::string& key, const std::string& where) {
  const auto instant = timmy::parse_time(text_at(object, key, where));
  if (!instant)
    refuse(where + "/" + key, "expected an instant such as 2026-11-23T14:05:00Z, with its zone");
  return *instant;
}

std::optional<Instant> bound_at(const Json& object, const std::string& key,
                                const std::string& where) {
  if (!object.contains(key)) return std::nullopt;
  return instant_at(object, key, where);
}

// A text, or a list of them.
std::vector<std::string> names_at(const Json& object, const std::string& key,
                                  const std::string& where) {
  if (!object.contains(key)) return {};
  const Json& value = object[key];
  if (value.is_string()) return {text_at(object, key, where)};
  if (!value.is_array() || value.empty())
    refuse(where + "/" + key, "expected a text, or a list of texts that is not empty");
  std::vector<std::string> names;
  for (const auto& each : value) {
    if (!each.is_string() || each.get_ref<const std::string&>().empty())
      refuse(where + "/" + key, "expected texts that are not empty");
    names.push_back(each);
  }
  return names;
}

ConsentRule rule_from(const Json& json, const std::string& where) {
  check_keys(json, where,
             {"id", "consent", "session", "source", "user", "platform", "from", "until",
              "recorded_by", "recorded_at", "note"});
  ConsentRule rule;
  rule.id = text_at(json, "id", where);
  // A date, in each line of a file, would be read as one, and as another text.
  if (std::isalpha(static_cast<unsigned char>(rule.id.front())) == 0)
    refuse(where + "/id", "expected a name that begins with a letter");
  const auto consent = consent_named(text_at(json, "consent", where));
  if (!consent) refuse(where + "/consent", "expected none, internal or public");
  rule.consent = *consent;
  rule.sessions = names_at(json, "session", where);
  rule.sources = names_at(json, "source", where);
  rule.users = names_at(json, "user", where);
  rule.platforms = names_at(json, "platform", where);
  rule.from = bound_at(json, "from", where);
  rule.until = bound_at(json, "until", where);
  rule.recorded_by = text_at(json, "recorded_by", where);
  rule.recorded_at = instant_at(json, "recorded_at", where);
  if (json.contains("note")) (void)text_at(json, "note", where);
  const bool about_somebody = !rule.sessions.empty() || !rule.sources.empty() ||
                              !rule.users.empty() || !rule.platforms.empty();
  if (!about_somebody && rule.consent != Consent::none)
    refuse(where, "is about everybody; name a session, source, user or platform");
  if (rule.consent != Consent::none && !rule.users.empty() && rule.sources.empty() &&
      rule.platforms.empty())
    refuse(where, "has a user, whose id is another's elsewhere; name its source or platform");
  if (rule.from && rule.until && *rule.from >= *rule.until)
    refuse(where, "\"from\" is not before \"until\"");
  return rule;
}

std::vector<std::string> own_sources_from(const Json& json) {
  if (!json.contains("own_sources")) return {"acp", "cli", "cron", "kanban", "tool"};
  auto names = names_at(json, "own_sources", "");
  for (const auto& name : names)
    if (!is_local(name))
      refuse("/own_sources", name +
                                 " is a source where other people may write; name each who "
                                 "consents as \"user\" of a rule");
  return names;
}

}  // namespace

ConsentFile read_consent(std::string_view text) {
  const Json json = parsed(text);
  check_keys(json, "", {"$schema", "version", "own_sources", "rules"});
  if (json.value("version", Json()) != 1) refuse("/version", "expected 1");
  const auto rules = json.find("rules");
  if (rules == json.end() || !rules->is_array()) refuse("/rules", "expected a list");
  if (rules->size() > kMostRules) refuse("/rules", "more than 10,000");
  ConsentFile file;
  file.own_sources = own_sources_from(json);
  std::set<std::string> ids;
  for (const auto& rule : *rules) {
    const auto where = "/rules/" + std::to_string(file.rules.size());
    file.rules.push_back(rule_from(rule, where));
    if (!ids.insert(file.rules.back().id).second)
      refuse(where + "/id", "\"" + file.rules.back().id + "\" is another rule's");
  }
  return file;
}

}  // namespace provenance
