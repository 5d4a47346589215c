// SPDX-License-Identifier: Apache-2.0
#include "plugins/manifest_builder.hpp"

#include <set>
#include <utility>

#include "base/error.hpp"
#include "base/zone.hpp"
#include "config/document.hpp"
#include "config/json_schema.hpp"
#include "config/size.hpp"
#include "schedule/schedule.hpp"

namespace host {
namespace {

constexpr Duration kLongestTimeout = std::chrono::hours(24);

// Reads what is of the right type and leaves the rest at its default: what is wrong by the schema
// is the schema's to say. Collects what the schema can't know.
class Builder {
 public:
  explicit Builder(const Json& raw) : raw_(raw) {}

  Manifest build() {
    Manifest manifest;
    manifest.raw = raw_;
    set(manifest.id, raw_, "id");
    set(manifest.version, raw_, "version");
    set(manifest.license, raw_, "license");
    set(manifest.description, raw_, "description");
    manifest.abi = abi();
    manifest.tasks = tasks();
    manifest.needs = needs();
    manifest.limits = limits();
    manifest.config_schema = config_schema();
    return manifest;
  }

  std::vector<std::string> problems;

 private:
  void problem(const std::string& pointer, const std::string& text) {
    problems.push_back(pointer + ": " + text);
  }

  static const Json* find(const Json& object, const char* key) {
    if (!object.is_object()) return nullptr;
    const auto found = object.find(key);
    return found == object.end() ? nullptr : &*found;
  }
  static void set(std::string& field, const Json& object, const char* key) {
    if (const auto* value = find(object, key); value && value->is_string())
      field = value->get<std::string>();
  }
  static void set(bool& field, const Json& object, const char* key) {
    if (const auto* value = find(object, key); value && value->is_boolean())
      field = value->get<bool>();
  }
  void set(int& field, const Json& object, const char* key, const std::string& at) {
    const auto* value = find(object, key);
    if (!value || !value->is_number_integer()) return;
    if (const auto number = value->get<std::int64_t>(); number >= 0 && number <= 1'000'000)
      field = static_cast<int>(number);
    else
      problem(child_pointer(at, key), "is out of range, expected 0 to 1000000");
  }
  static void set(std::vector<std::string>& field, const Json& object, const char* key) {
    const auto* value = find(object, key);
    if (!value || !value->is_array()) return;
    for (const auto& one : *value)
      if (one.is_string()) field.push_back(one.get<std::string>());
  }
  static void set(std::vector<Json>& field, const Json& object, const char* key) {
    const auto* value = find(object, key);
    if (!value || !value->is_array()) return;
    for (const auto& one : *value)
      if (one.is_object()) field.push_back(one);
  }
  // Runs `read` on the text at `key`; what it throws is a problem there.
  template <class Read>
  void read(const Json& object, const char* key, const std::string& at, Read&& read) {
    const auto* value = find(object, key);
    if (!value || !value->is_string()) return;
    try {
      read(value->get<std::string>());
    } catch (const Error& error) {
      problem(child_pointer(at, key), error.message());
    }
  }
  void set(Duration& field, const Json& object, const char* key, const std::string& at,
           Duration longest) {
    read(object, key, at, [&](const std::string& text) {
      const Duration value = parse_duration(text);
      if (value > longest)
        throw Error(Code::invalid, "\"" + text + "\" is longer than " + format_duration(longest));
      field = value;
    });
  }

  Abi abi() {
    Abi abi;
    const auto* value = find(raw_, "abi");
    if (!value) return abi;
    set(abi.major, *value, "major", "/abi");
    set(abi.minor, *value, "minor", "/abi");
    set(abi.minimum, *value, "minimum", "/abi");
    if (abi.minimum > abi.minor)
      problem("/abi/minimum", "is above \"minor\", the version that the plugin was built with");
    return abi;
  }

  std::vector<TaskSpec> tasks() {
    std::vector<TaskSpec> all;
    const auto* list = find(raw_, "tasks");
    if (!list || !list->is_array()) return all;
    std::set<std::string> names;
    for (std::size_t i = 0; i < list->size(); ++i) {
      const std::string at = child_pointer("/tasks", i);
      auto spec = task((*list)[i], at);
      if (!names.insert(spec.name).second)
        problem(at + "/name", "\"" + spec.name + "\" stands twice");
      all.push_back(std::move(spec));
    }
    return all;
  }

  TaskSpec task(const Json& value, const std::string& at) {
    TaskSpec spec;
    set(spec.name, value, "name");
    set(spec.description, value, "description");
    set(spec.schedule, value, "schedule");
    set(spec.zone, value, "zone");
    set(spec.timeout, value, "timeout", at, kLongestTimeout);
    if (const auto* retry = find(value, "retry")) spec.retry = retry_policy(*retry, at + "/retry");
    read(value, "catch_up", at, [&](const auto& text) { spec.catch_up = parse_catch_up(text); });
    set(spec.catchup_window, value, "catchup_window", at, kLongestCatchupWindow);
    set(spec.jitter, value, "jitter", at, kLongestJitter);
    read(value, "overlap", at, [&](const auto& text) { spec.overlap = parse_overlap(text); });
    set(spec.concurrency, value, "concurrency", at);
    set(spec.queue, value, "queue");
    read(value, "rate", at, [&](const auto& text) { spec.rate = parse_rate(text); });
    set(spec.key_concurrency, value, "key_concurrency", at);
    set(spec.unique_key, value, "unique_key");
    set(spec.events, value, "events");
    set(spec.waits_for, value, "waits_for");
    set(spec.fresh_process, value, "fresh_process");
    set(spec.examples, value, "examples");
    check_schedule(spec, at);
    return spec;
  }

  void check_schedule(const TaskSpec& spec, const std::string& at) {
    Zone zone;
    try {
      zone = Zone::load(spec.zone);
    } catch (const Error& error) {
      problem(at + "/zone", error.message());
    }
    if (spec.schedule.empty()) return;
    try {
      static_cast<void>(Schedule::parse(spec.schedule, zone));
    } catch (const Error& error) {
      problem(at + "/schedule", error.message());
    }
  }

  RetryPolicy retry_policy(const Json& value, const std::string& at) {
    RetryPolicy policy;
    set(policy.max_attempts, value, "max_attempts", at);
    set(policy.base, value, "base", at, kLongestTimeout);
    set(policy.cap, value, "cap", at, kLongestCatchupWindow);
    if (policy.base > policy.cap) problem(at + "/base", "is longer than \"cap\"");
    return policy;
  }

  std::vector<Need> needs() {
    std::vector<Need> all;
    const auto* list = find(raw_, "needs");
    if (!list || !list->is_array()) return all;
    std::set<std::string> names;
    for (std::size_t i = 0; i < list->size(); ++i) {
      const Json& value = (*list)[i];
      Need need;
      set(need.grant, value, "grant");
      set(need.values, value, "values");
      set(need.required, value, "required");
      set(need.why, value, "why");
      if (!names.insert(need.grant).second)
        problem(child_pointer("/needs", i) + "/grant", "\"" + need.grant + "\" stands twice");
      all.push_back(std::move(need));
    }
    return all;
  }

  Limits limits() {
    Limits limits;
    const auto* value = find(raw_, "limits");
    if (!value) return limits;
    read(*value, "memory", "/limits",
         [&](const auto& text) { limits.memory_bytes = parse_size(text); });
    read(*value, "file_size", "/limits",
         [&](const auto& text) { limits.file_bytes = parse_size(text); });
    set(limits.files, *value, "files", "/limits");
    set(limits.cpu, *value, "cpu", "/limits", kLongestTimeout);
    return limits;
  }

  Json config_schema() {
    const auto* value = find(raw_, "config_schema");
    if (!value) return Json{{"type", "object"}, {"additionalProperties", false}};
    try {
      const JsonSchema schema(*value, "config_schema");
      check_examples(schema, *value);
    } catch (const Error& error) {
      problem("/config_schema", error.message());
    }
    return *value;
  }

  // An example is what an operator may write, so it is checked as that is: with the defaults in.
  void check_examples(const JsonSchema& schema, const Json& value) {
    const auto* examples = find(value, "examples");
    if (!examples || !examples->is_array()) return;
    for (std::size_t i = 0; i < examples->size(); ++i)
      for (const auto& violation : schema.validate(schema.with_defaults((*examples)[i])))
        problem(child_pointer("/config_schema/examples", i) + violation.pointer,
                "the schema refuses its own example: " + to_text(violation));
  }

  const Json& raw_;
};

}  // namespace

BuiltManifest build_manifest(const Json& raw) {
  Builder builder(raw);
  BuiltManifest built;
  built.manifest = builder.build();
  built.problems = std::move(builder.problems);
  return built;
}

}  // namespace host
