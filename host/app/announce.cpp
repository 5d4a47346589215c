// SPDX-License-Identifier: Apache-2.0
#include "app/announce.hpp"

#include <fmt/core.h>

#include <map>
#include <tuple>

namespace host {
namespace {

// Two entries of one key are the same plugin at two times.
using Key = std::pair<std::string, std::string>;
Key key_of(const PluginEntry& entry) { return {entry.path.string(), entry.id}; }

auto condition_of(const PluginEntry& entry) {
  return std::tuple(entry.state, entry.reason, entry.image ? entry.image->sha256 : "",
                    entry.signed_by, entry.writes.dry_run);
}

Announcement announcement_of(const PluginEntry& entry) {
  if (entry.ready())
    return {Level::info,
            fmt::format("{} {} from {} runs{}{}", entry.id, entry.manifest->version,
                        entry.path.string(), entry.sha256.empty() ? "" : ", sha256 " + entry.sha256,
                        entry.signed_by.empty() ? "" : ", signed by " + entry.signed_by)};
  if (entry.state == PluginState::disabled || entry.state == PluginState::shadowed)
    return {Level::info, fmt::format("{}: {}", entry.id, entry.reason)};
  return {Level::warn, fmt::format("{} ({}): {}: {}; {}", entry.id, entry.path.string(),
                                   name(entry.state), entry.reason, entry.fix)};
}

}  // namespace

std::vector<Announcement> announcements(const std::vector<PluginEntry>& before,
                                        const std::vector<PluginEntry>& now) {
  std::map<Key, const PluginEntry*> left;
  for (const auto& entry : before) left[key_of(entry)] = &entry;
  std::vector<Announcement> all;
  for (const auto& entry : now) {
    const auto known = left.extract(key_of(entry));
    if (!known.empty() && condition_of(*known.mapped()) == condition_of(entry)) continue;
    all.push_back(announcement_of(entry));
    for (const auto& note : entry.notes)
      all.push_back({Level::warn, fmt::format("{}: {}", entry.id, note)});
  }
  for (const auto& [key, entry] : left)
    if (!entry->path.empty())
      all.push_back({Level::info, fmt::format("{}: {} is gone", entry->id, entry->path.string())});
  return all;
}

}  // namespace host
