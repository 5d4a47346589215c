// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/test_folder.hpp"
#include "plugins/catalogue.hpp"
#include "plugins/test_plugin.hpp"

namespace host {

// Plugin folders of a test's own and a host.yaml.
class CatalogueTest : public testing::Test {
 protected:
  CatalogueTest() {
    std::filesystem::create_directories(install_);
    std::filesystem::create_directories(home_);
    configure("{}");
  }

  // host.yaml, block style or flow.
  void configure(const std::string& yaml) {
    config_ = parse_host_config(yaml, "host.yaml", "testhost", paths_, Environment());
  }
  // Enables these plugins and nothing else.
  void enable(const std::vector<std::string>& ids) {
    std::string yaml = "defaults:\n  plugins:\n";
    for (const auto& id : ids) yaml += "    " + id + ": { enabled: true }\n";
    configure(yaml);
  }

  std::vector<PluginEntry> scan(bool load = false) {
    return catalogue_.scan({.folders = {{.path = install_, .allow_sticky = true},
                                        {.path = home_, .allow_sticky = true}},
                            .config = &config_,
                            .quarantine = &quarantine_,
                            .paths = &paths_,
                            .load = load});
  }
  // The entry of this plugin; there must be one, and no more.
  PluginEntry only(const std::string& id, bool load = false) {
    std::vector<PluginEntry> found;
    for (auto& entry : scan(load))
      if (entry.id == id) found.push_back(entry);
    if (found.size() != 1) throw std::runtime_error(std::to_string(found.size()) + " of " + id);
    return found.front();
  }

  TestFolder folder_;
  std::filesystem::path install_ = folder_ / "install";
  std::filesystem::path home_ = folder_ / "home" / "plugins";
  Paths paths_ = Paths::from(Environment({{"HOME", folder_.path().string()}}));
  LoadedConfig config_;
  QuarantineRecords quarantine_;
  Catalogue catalogue_{AbiVersion{1, 0}};
};

}  // namespace host
