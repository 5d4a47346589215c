// SPDX-License-Identifier: Apache-2.0
//
// What every agent is given, whatever it is. Private to the adapters.
#pragma once

#include "dispatch/agent.hpp"

namespace host::dispatch {

// A launch in the clone, with nothing of the host's environment: a home, a folder for temporary
// files and the like in the scratch, a plain locale, and the meter as the one model there is.
// Throws Error{invalid} when a path of the task's is not absolute, lies where it may not, or the
// run's id is none.
[[nodiscard]] AgentLaunch bare_launch(const AgentTask& task, const AgentPlaces& places);

// Files of the attempt itself, in the scratch.
[[nodiscard]] std::filesystem::path prompt_file(const AgentTask& task);

// agent.program with "~/" put in. Throws Error{invalid} when that needs a home and there is none.
[[nodiscard]] std::filesystem::path program_of(const AgentSettings& settings,
                                               const AgentPlaces& places);

// Whether `path` lies in `folder`, by its parts alone.
[[nodiscard]] bool lies_in(const std::filesystem::path& path, const std::filesystem::path& folder);

// Whether a cage may show the agent this file or folder, with all in it: not where it holds a home
// or the operator's HERMES_HOME, and no need where it is of /usr.
[[nodiscard]] bool is_fit_to_show(const std::filesystem::path& path, const AgentPlaces& places);

// The program of that name in `path` ("/usr/bin:/bin"); nothing: there is none that may be run.
[[nodiscard]] std::optional<std::filesystem::path> find_program(std::string_view name,
                                                                std::string_view path);
// Whether it is a file that this process may run.
[[nodiscard]] bool is_program(const std::filesystem::path& file);

// The last lines of an output, as one printable line.
[[nodiscard]] std::string last_words(std::string_view tail);

}  // namespace host::dispatch
