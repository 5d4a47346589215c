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

// What somebody does at the forge: comments, issues and pull requests of `user`.
struct Work {
  std::vector<std::string> repositories;  // "owner/name"
  std::string user;                       // login
};

// Where the work of a dead agent goes on: from one lane of agent-lanes.json to another.
struct Dispatch {
  std::string from;
  std::string to;
};

struct Watch {
  enum class Kind {
    stamp,  // a file that is written anew
    host,   // this machine's timmy-host, by its answers
    task,   // a task of the running host, by its runs that complete
    work,   // an agent, by what it does at the forge
  };
  std::string name;
  Kind kind = Kind::stamp;
  std::filesystem::path stamp;
  std::string user;  // may own the stamp; may be empty
  std::string task;
  Work work;
  Rules rules;
  std::optional<Restart> restart;
  std::optional<Dispatch> dispatch;
};
[[nodiscard]] std::string_view name(Watch::Kind kind) noexcept;

// What is watched, for people: the stamp, "the host", "task heartbeat", "work of hermes in
// org/app".
[[nodiscard]] std::string watched(const Watch& watch);

// What is counted hangs on this: what is restarted, however the watch is called; the watch's name
// where nothing is. Of two watches never the same.
[[nodiscard]] std::string subject(const Watch& watch);

// Whether `deadman --once` can look at it. At the others only a running host can.
[[nodiscard]] bool seen_from_outside(const Watch& watch);
// Whether a running host can look at it: at itself nobody can.
[[nodiscard]] bool seen_from_inside(const Watch& watch);
// Who looks at it, for people.
[[nodiscard]] std::string_view looked_at_by(const Watch& watch);

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

// With those watches alone that `deadman --once` can look at.
[[nodiscard]] Settings seen_from_outside(Settings settings);

// Reads the file. Throws ConfigError with every problem, each with its place; Error{not_found};
// {denied} where others could have written it, since it says what is run.
[[nodiscard]] Settings load_settings(const std::filesystem::path& file, const Paths& paths);
// The same from text; `file` is the name for positions.
[[nodiscard]] Settings parse_settings(std::string_view text, const std::string& file,
                                      const Paths& paths);

// The published schema of deadman.yaml, as text.
[[nodiscard]] std::string_view schema_text();

}  // namespace host::deadman
