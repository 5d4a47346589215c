// SPDX-License-Identifier: Apache-2.0
#include "dispatch/lanes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/error.hpp"
#include "config/json_document.hpp"
#include "dispatch/playbook_paths.hpp"
#include "dispatch/playbook_problems.hpp"

namespace host::dispatch {
namespace {

const JsonSchema& schema() {
  static const JsonSchema loaded(parse_json(lanes_schema_text(), "lanes.schema.json"),
                                 "lanes.schema.json");
  return loaded;
}

// Keys of a lane in timmy-config and its like, and what stands here instead.
const std::map<std::string, std::string>& old_keys() {
  static const std::map<std::string, std::string> all = {
      {"allowed_paths", "`paths`"},
      {"daily_limit", "`budget: {\"tokens_per_day\": N}`"},
      {"max_concurrency", "`concurrency`"},
      {"max_concurrent", "`concurrency`"},
      {"max_in_progress", "`concurrency`"},
      {"model", "`agent: {\"kind\": \"hermes\", \"model\": \"...\"}`"},
      {"owned_paths", "`paths`"},
      {"per_run_limit", "`budget: {\"tokens_per_run\": N}`"},
      {"playbook", "`lane` in the playbook itself"},
      {"playbooks", "`lane` in each playbook itself"},
      {"toolsets", "`agent: {\"kind\": \"hermes\", \"toolsets\": [...]}`"},
  };
  return all;
}

// "/lanes/code/max_concurrent" is a key of a lane or of its budget.
std::string hint_for(const Violation& violation, const Json& given) {
  const auto slash = violation.pointer.rfind('/');
  const auto key = slash == std::string::npos ? "" : violation.pointer.substr(slash + 1);
  if (violation.at_key && violation.pointer.starts_with("/lanes/"))
    if (const auto old = old_keys().find(key); old != old_keys().end())
      return "is of timmy-config's form; here it is " + old->second;
  if (violation.at_key || !violation.pointer.starts_with("/lanes")) return {};
  const Json& value = given.at(Json::json_pointer(violation.pointer));
  if (violation.pointer == "/lanes" && value.is_array())
    return "is a list; expected a map from each lane's name to it";
  if (key == "agent" && value.is_string())
    return fmt::format(
        "is a name, as in timmy-config; here it is {{\"kind\": \"hermes\"}}, or {{\"kind\": "
        "\"command\", \"program\": \"/path/of/{}\"}}",
        value.get<std::string>().substr(0, 40));
  if (key == "budget" && value.is_number())
    return "is a number, as in timmy-config; here it is {\"tokens_per_day\": " + value.dump() + "}";
  return {};
}

// {"code": {"agent": ...}}: the lanes at the top, without `lanes`.
bool lacks_its_top(const Json& given) {
  return given.is_object() && !given.contains("lanes") && !given.empty() &&
         std::any_of(given.begin(), given.end(), [](const Json& value) {
           return value.is_object() && (value.contains("agent") || value.contains("labels"));
         });
}

bool is_name(const std::string& text) {
  return !text.empty() && text.size() <= 64 && text.front() >= 'a' && text.front() <= 'z' &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
         });
}

class LanesReader {
 public:
  explicit LanesReader(Document document) : document_(std::move(document)) {}

  Lanes read() {
    const Json& given = document_.value();
    if (lacks_its_top(given))
      problems_.add("", "has its lanes at the top; expected them under `lanes`");
    else
      for (const auto& violation : schema().validate(given)) add(violation, given);
    if (problems_.empty()) take(schema().with_defaults(given));
    if (!problems_.empty()) throw ConfigError(problems_.sorted());
    return std::move(lanes_);
  }

 private:
  void add(const Violation& violation, const Json& given) {
    const auto hint = hint_for(violation, given);
    problems_.add(violation.pointer, hint.empty() ? to_text(violation) : hint, violation.at_key);
  }

  void take(Json json) {
    if (json.at("lanes").empty()) problems_.add("/lanes", "has no lane; expected one at least");
    for (auto& [name, lane] : json.at("lanes").items()) {
      const auto pointer = child_pointer("/lanes", name);
      if (!is_name(name))
        problems_.add(pointer,
                      "is no name; expected lower-case letters, digits, - and _, a "
                      "letter first",
                      true);
      if (!lane["budget"].contains("pipeline")) lane["budget"]["pipeline"] = name;
      lanes_.by_name.emplace(name, take_lane(name, lane, pointer));
    }
    lanes_.settings = std::move(json);
  }

  Lane take_lane(const std::string& name, const Json& json, const std::string& pointer) {
    Lane lane{.name = name,
              .description = json.at("description"),
              .agent = read_agent(json.at("agent")),
              .concurrency = json.at("concurrency")};
    json.at("labels").get_to(lane.labels);
    json.at("paths").get_to(lane.paths);
    if (const auto fault = agent_fault(lane.agent)) problems_.add(pointer + "/agent", *fault);
    for (std::size_t i = 0; i < lane.labels.size(); ++i)
      if (const auto [other, fresh] = claims_.emplace(lane.labels[i], name); !fresh)
        problems_.add(child_pointer(pointer + "/labels", i),
                      fmt::format("is \"{}\", which brings an item to lane {} already; expected "
                                  "each label in one lane",
                                  lane.labels[i], other->second));
    for (std::size_t i = 0; i < lane.paths.size(); ++i)
      if (const auto fault = path_pattern_fault(lane.paths[i]))
        problems_.add(child_pointer(pointer + "/paths", i), *fault);
    lane.budget = take_budget(json.at("budget"));
    return lane;
  }

  static LaneBudget take_budget(const Json& json) {
    LaneBudget budget{.pipeline = json.at("pipeline")};
    if (json.contains("tokens_per_day"))
      budget.tokens_per_day = json["tokens_per_day"].get<std::int64_t>();
    if (json.contains("tokens_per_run"))
      budget.tokens_per_run = json["tokens_per_run"].get<std::int64_t>();
    return budget;
  }

  Document document_;
  PlaybookProblems problems_{document_};
  Lanes lanes_;
  std::map<std::string, std::string> claims_;  // label -> lane
};

}  // namespace

const Lane* Lanes::find(const std::string& name) const {
  const auto found = by_name.find(name);
  return found == by_name.end() ? nullptr : &found->second;
}

const Lane* Lanes::claiming(const std::vector<std::string>& labels) const {
  for (const auto& [name, lane] : by_name)
    for (const auto& label : lane.labels)
      if (std::find(labels.begin(), labels.end(), label) != labels.end()) return &lane;
  return nullptr;
}

Lanes parse_lanes(std::string_view text, const std::string& file) {
  try {
    return LanesReader(parse_json_document(text, file)).read();
  } catch (const ConfigError&) {
    throw;
  } catch (const Error& error) {  // of the JSON itself
    throw ConfigError({unread_problem(error, file)}, error.code());
  }
}

}  // namespace host::dispatch
