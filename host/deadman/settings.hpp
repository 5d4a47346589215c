// SPDX-License-Identifier: Apache-2.0
//
// deadman.yaml: what is watched and what is done. A file of its own, not a part of host.yaml, so
// that a host.yaml that keeps the host from starting does not put out the deadman as well. Its form
// is deadman/deadman.schema.json; what each key means is docs/deadman.md.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/paths.hpp"
#include "deadman/restart.hpp"
#include "deadman/target.hpp"

namespace host::deadman {

struct Watch {
  std::string name;
  std::filesystem::path stamp;  // empty: it is the host that is watched
  std::string user;             // may own the stamp; may be empty
  Rules rules;
  std::optional<Restart> restart;
};

struct Settings {
  bool dry_run = false;
  std::vector<std::string> alert;  // empty: nobody is told
  std::vector<Watch> watches;      // by name

  // Throws Error{not_found} naming those that there are.
  [[nodiscard]] const Watch& find(const std::string& name) const;
};

[[nodiscard]] inline std::filesystem::path settings_path(const Paths& paths) {
  return paths.config / "deadman.yaml";
}
// What is kept between looks. A dry run has a file of its own, so that nothing that was not done
// counts when it is over.
[[nodiscard]] inline std::filesystem::path state_path(const Paths& paths, bool dry_run) {
  return paths.timmy_home / "deadman" / (dry_run ? "dry-run.json" : "state.json");
}

// Reads the file. Throws ConfigError with every problem, each with its place; Error{not_found};
// {denied} where others could have written it, since it says what is run.
[[nodiscard]] Settings load_settings(const std::filesystem::path& file, const Paths& paths);
// The same from text; `file` is the name for positions.
[[nodiscard]] Settings parse_settings(std::string_view text, const std::string& file,
                                      const Paths& paths);

// The published schema of deadman.yaml, as text.
[[nodiscard]] std::string_view schema_text();

}  // namespace host::deadman
