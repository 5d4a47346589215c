// SPDX-License-Identifier: Apache-2.0
#include "authoring/candidate.hpp"

#include <fcntl.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "plugins/admission.hpp"
#include "plugins/elf.hpp"

namespace host {
namespace {

bool is_path_grant(std::string_view grant) { return grant == "fs.read" || grant == "fs.write"; }

std::string joined(const std::vector<std::string>& lines) {
  std::string all;
  for (const auto& line : lines) all += (all.empty() ? "" : "; ") + line;
  return all;
}

std::vector<std::string> messages(const std::vector<Problem>& problems) {
  std::vector<std::string> all;
  for (const auto& problem : problems) all.push_back(problem.message);
  return all;
}

// host.yaml with nothing in it but this plugin, as JSON, which YAML takes.
LoadedConfig settings_of(const std::string& id, const CandidateSettings& settings,
                         const Paths& paths) {
  const Json plugin{
      {"enabled", true}, {"config", settings.config}, {"grants", Json(settings.grants)}};
  const Json file{{"defaults", {{"plugins", {{id, plugin}}}}}};
  return parse_host_config(to_text(file), "the settings given", "here", paths, {});
}

}  // namespace

Candidate Candidate::open(const std::filesystem::path& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) throw system_error("opening \"" + path.string() + "\"");
  Candidate candidate;
  candidate.path = path;
  candidate.image = PluginImage::copy_of(file.get(), path);
  candidate.reading = read_manifest(read_manifest_section(candidate.image->fd(), path));
  return candidate;
}

const Manifest& Candidate::manifest() const {
  const auto& at = path.string();
  if (reading.version_refusal)
    throw Error(Code::unsupported, at + ": " + *reading.version_refusal, reading.version_fix);
  if (!reading.problems.empty() || !reading.manifest)
    throw Error(Code::invalid, at + ": its manifest is not valid: " + joined(reading.problems),
                "Mend manifest.json, then build the plugin again.");
  return *reading.manifest;
}

std::map<std::string, std::vector<std::string>> all_it_asks_for(const Manifest& manifest,
                                                                const Paths& paths) {
  std::map<std::string, std::vector<std::string>> grants;
  for (const auto& need : manifest.needs) {
    auto& values = grants[need.grant];
    const auto suggested = need.values.empty() ? std::vector<std::string>{"*"} : need.values;
    if (is_path_grant(need.grant) && need.values.empty())
      values.push_back(paths.stamps().string());
    else
      values.insert(values.end(), suggested.begin(), suggested.end());
  }
  return grants;
}

PluginEntry admit_candidate(const Candidate& candidate, const CandidateSettings& settings,
                            const Paths& paths, const LoadedConfig* host) {
  PluginEntry entry;
  entry.path = candidate.path;
  entry.manifest = candidate.manifest();
  entry.id = entry.manifest->id;
  for (const auto& task : entry.manifest->tasks) entry.tasks.push_back({task});
  CandidateSettings merged = settings;
  if (host != nullptr) {
    const auto known = host->config.plugins.find(entry.id);
    if (known != host->config.plugins.end()) {
      if (merged.config.empty()) merged.config = known->second.config;
      if (merged.grants.empty()) merged.grants = known->second.grants;
    }
  }
  admit(entry, settings_of(entry.id, merged, paths), &paths);
  if (!entry.problems.empty())
    throw Error(Code::invalid, entry.id + ": " + joined(messages(entry.problems)),
                "Its config takes what config_schema in its manifest says.");
  if (!entry.ready())
    throw Error(entry.state == PluginState::not_granted ? Code::not_granted : Code::invalid,
                entry.id + ": " + entry.reason, entry.fix);
  entry.image = candidate.image;
  return entry;
}

}  // namespace host
