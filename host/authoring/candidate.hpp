// SPDX-License-Identifier: Apache-2.0
//
// A plugin's file that somebody names by hand: to run it, to check it. Whoever names it is its
// author or wants to know what it is, so owner, mode and signature don't count here.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/host_config.hpp"
#include "plugins/catalogue.hpp"
#include "plugins/grantable.hpp"

namespace host {

struct Candidate {
  std::filesystem::path path;
  std::shared_ptr<const PluginImage> image;
  ManifestReading reading;

  // Copies the file and reads its manifest. Throws Error when there is no such file, or it is no
  // shared library with a manifest; what is wrong inside the manifest is in `reading`.
  [[nodiscard]] static Candidate open(const std::filesystem::path& path);

  // The manifest. Throws Error{invalid or unsupported} with all that is wrong with it.
  [[nodiscard]] const Manifest& manifest() const;
};

// What an operator would say of the plugin in host.yaml. What is left out is as the host's own
// settings have it, if there are any.
struct CandidateSettings {
  std::optional<Json> config{};
  std::optional<std::map<std::string, std::vector<std::string>>> grants{};
  Forbidden forbidden{};  // what no grant may name, besides what `paths` seal
};

// All that the plugin asks for, in the values that its author suggests; "*" where there are none,
// and a folder of this run's own for fs.read and fs.write.
[[nodiscard]] std::map<std::string, std::vector<std::string>> all_it_asks_for(
    const Manifest& manifest, const Paths& paths);

// The same for a plugin that nobody trusts yet: each folder is one below those of `paths`, whatever
// its author suggests, and is made. `paths` have to be a workshop's.
[[nodiscard]] std::map<std::string, std::vector<std::string>> all_of_its_own(
    const Manifest& manifest, const Paths& paths);

// Holds the plugin against these settings as a host would: the entry is ready, with its effective
// config, grants and limits. `host`: a host.yaml that the settings are put over; null for none.
// Throws Error: invalid (config, with each problem), not_granted (a grant is missing, or names what
// is forbidden).
[[nodiscard]] PluginEntry admit_candidate(const Candidate& candidate,
                                          const CandidateSettings& settings, const Paths& paths,
                                          const LoadedConfig* host = nullptr);

}  // namespace host
