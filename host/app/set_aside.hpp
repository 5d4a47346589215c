// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>

#include <filesystem>
#include <string>

#include "base/file.hpp"
#include "config/paths.hpp"
#include "plugins/image.hpp"
#include "plugins/quarantine.hpp"
#include "store/open.hpp"
#include "store/unit.hpp"

namespace host {

// For tests: a database as a host leaves it that set this plugin's bytes aside.
inline void set_aside(const Paths& paths, const std::string& plugin,
                      const std::filesystem::path& file) {
  auto opened = open_database({.path = paths.database(), .check_in_background = 1u << 30});
  const Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  Unit unit(opened.connection);
  write_quarantine(unit, {.plugin = plugin,
                          .sha256 = sha256_of(fd.get(), file),
                          .reason = "failed five times",
                          .since = WallTime()});
  close_cleanly(opened.connection);
}

}  // namespace host
