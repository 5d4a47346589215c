// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

struct stat;

namespace provenance {

// Which file it is, and in which state, as far as that can be seen without opening it. Two looks at
// a file that was written between them differ, if the first came long enough after the last write
// before it: see is_settled().
struct FileIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::int64_t size = 0;
  std::int64_t changed_ns = 0;         // of its bytes, since the epoch
  std::int64_t status_changed_ns = 0;  // of those or its name, mode, owner

  // Of the file itself, no link is followed; nothing where there is none that can be seen.
  [[nodiscard]] static std::optional<FileIdentity> at(const std::string& path);
  [[nodiscard]] static FileIdentity of(const struct stat& info);

  // When its bytes were written at the latest, in ns since the epoch. A time to come was set by
  // hand, and when that was done the other one says.
  [[nodiscard]] std::int64_t written_ns() const { return std::min(changed_ns, status_changed_ns); }
  // Whether that is longer ago than a clock's tick, so that the next one will show.
  [[nodiscard]] bool is_settled() const;

  [[nodiscard]] nlohmann::json json() const;
  // Nothing where it isn't one.
  [[nodiscard]] static std::optional<FileIdentity> from(const nlohmann::json& json);

  bool operator==(const FileIdentity&) const = default;
};

}  // namespace provenance
