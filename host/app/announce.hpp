// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/log.hpp"
#include "plugins/catalogue.hpp"

namespace host {

struct Announcement {
  Level level = Level::info;
  std::string text;
};

// What the log is told of a scan of the plugins: what is new, what changed its state, its reason or
// its bytes since the scan before, and which files are gone. What stayed as it was is not repeated.
[[nodiscard]] std::vector<Announcement> announcements(const std::vector<PluginEntry>& before,
                                                      const std::vector<PluginEntry>& now);

}  // namespace host
