// SPDX-License-Identifier: Apache-2.0
#include "authoring/candidate.hpp"

#include <fcntl.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "plugins/admission.hpp"
#include "plugins/elf.hpp"
#include "plugins/grantable.hpp"

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

// host.yaml with nothing in it.
LoadedConfig no_settings(const Paths& paths) {
  return parse_host_config("{\"defaults\":{}}", "the settings given", "here", paths, {});
}

// Below the folders that go with `paths`, and nowhere else.
std::optional<std::filesystem::path> own_path(const std::string& value, const Paths& paths) {
  const auto plain = std::filesystem::path(value).lexically_normal().string();
  for (const auto& [name, folder] :
       {std::pair("$TIMMY_HOME/", &paths.timmy_home),
        std::pair("$HERMES_HOME/", &paths.hermes_home), std::pair("~/", &paths.home)})
    if (plain.starts_with(name)) return *folder / plain.substr(std::string_view(name).size());
  return std::nullopt;
}

// For a shell.
std::string quoted(const std::string& text) {
  const bool plain = text.find_first_of("$~*?\"'\\ ;&|<>()[]{}#!`") == std::string::npos;
  return plain ? text : "'" + text + "'";
}

std::string how_to_grant(const PluginEntry& entry) {
  std::string line;
  for (const auto& need : entry.manifest->needs) {
    if (!need.required || entry.grants.has(need.grant)) continue;
    const auto value = !need.values.empty()               ? need.values.front()
                       : need.grant.starts_with("gitea.") ? "OWNER/NAME"
                       : is_path_grant(need.grant)        ? "/PATH"
                                                          : "VALUE";
    line += (line.empty() ? "--grant " : " --grant ") + quoted(need.grant + "=" + value);
  }
  return "Add " + line + ", or --grant all for what its manifest suggests.";
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

std::map<std::string, std::vector<std::string>> all_of_its_own(const Manifest& manifest,
                                                               const Paths& paths) {
  auto grants = all_it_asks_for(manifest, paths);
  for (auto& [grant, values] : grants) {
    if (!is_path_grant(grant)) continue;
    for (auto& value : values) {
      const auto path = own_path(value, paths).value_or(paths.stamps());
      make_directories(path, 0700);
      value = path.string();
    }
  }
  return grants;
}

PluginEntry admit_candidate(const Candidate& candidate, const CandidateSettings& settings,
                            const Paths& paths, const LoadedConfig* host) {
  PluginEntry entry;
  entry.path = candidate.path;
  entry.manifest = candidate.manifest();
  entry.id = entry.manifest->id;
  auto loaded = host != nullptr ? *host : no_settings(paths);
  auto& plugin = loaded.config.plugins[entry.id];
  plugin.enabled = true;
  if (settings.config) plugin.config = *settings.config;
  if (settings.grants) plugin.grants = *settings.grants;
  admit(entry, loaded, &paths);
  if (!entry.problems.empty())
    throw Error(Code::invalid, entry.id + ": " + joined(messages(entry.problems)),
                "Its config takes what config_schema in its manifest says.");
  if (entry.state == PluginState::not_granted)
    throw Error(Code::not_granted, entry.id + ": " + entry.reason, how_to_grant(entry));
  if (!entry.ready()) throw Error(Code::invalid, entry.id + ": " + entry.reason, entry.fix);
  for (const char* grant : {"fs.read", "fs.write"})
    for (const auto& path : entry.grants.values(grant)) check_grantable(path, settings.forbidden);
  entry.image = candidate.image;
  return entry;
}

}  // namespace host
