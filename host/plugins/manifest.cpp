// SPDX-License-Identifier: Apache-2.0
#include "plugins/manifest.hpp"

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "config/json_schema.hpp"
#include "plugins/manifest_builder.hpp"
#include "plugins/schema_walk.hpp"

namespace host {
namespace {

const JsonSchema& manifest_schema() {
  static const JsonSchema schema(parse_json(manifest_schema_text(), "the schema of manifests"),
                                 "the schema of manifests");
  return schema;
}

// Short and printable: fit to stand in a listing although nothing has validated it.
bool presentable(const std::string& text) {
  return !text.empty() && text.size() <= 64 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

// What may be shown of a manifest that is at fault.
std::optional<Manifest> outline(Manifest whole) {
  if (!presentable(whole.id)) return std::nullopt;
  Manifest shown;
  shown.id = std::move(whole.id);
  if (presentable(whole.version)) shown.version = std::move(whole.version);
  shown.abi = whole.abi;
  for (auto& task : whole.tasks)
    if (presentable(task.name)) shown.tasks.push_back({.name = std::move(task.name)});
  shown.config_schema = Json::object();
  return shown;
}

bool is_stamped(const Json& raw) {
  const auto abi = raw.find("abi");
  if (abi == raw.end() || !abi->is_object()) return false;
  const auto integer = [&](const char* key) {
    const auto value = abi->find(key);
    return value != abi->end() && value->is_number_integer();
  };
  return integer("major") && integer("minor");
}

ManifestReading read_object(Json raw, AbiVersion host_abi) {
  ManifestReading reading;
  auto built = build_manifest(raw);
  if (!is_stamped(raw)) {
    reading.problems.push_back(
        "/abi: has no \"major\" and \"minor\"; timmy_add_plugin() of the SDK puts them in");
    reading.manifest = outline(std::move(built.manifest));
    return reading;
  }
  reading.version_refusal = version_refusal(built.manifest.abi, host_abi, &reading.version_fix);
  reading.plugin_is_older = built.manifest.abi.major < host_abi.major;
  if (reading.version_refusal) {
    reading.manifest = outline(std::move(built.manifest));
    return reading;
  }
  if (built.manifest.abi.minor > host_abi.minor) {
    raw = without_unknown_keys(std::move(raw), manifest_schema().json());
    built = build_manifest(raw);
  }
  for (const auto& violation : manifest_schema().validate(raw))
    reading.problems.push_back(violation.pointer + ": " + to_text(violation));
  if (reading.problems.empty()) reading.problems = std::move(built.problems);
  if (reading.problems.empty())
    reading.manifest = std::move(built.manifest);
  else
    reading.manifest = outline(std::move(built.manifest));
  return reading;
}

}  // namespace

ManifestReading read_manifest(std::string_view text, AbiVersion host_abi) try {
  Json raw = parse_json(text, "the manifest");
  if (!raw.is_object()) throw Error(Code::invalid, "the manifest is not a JSON object");
  return read_object(std::move(raw), host_abi);
} catch (const Error& error) {
  ManifestReading reading;
  reading.problems.push_back(error.message());
  return reading;
}

}  // namespace host
