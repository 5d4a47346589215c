// SPDX-License-Identifier: Apache-2.0
#include "dispatch/agent_scratch.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.hpp"
#include "workspaces/git_error.hpp"

namespace host::dispatch {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLastWords = 400;

void check_path(const fs::path& path, std::string_view what) {
  if (path.is_absolute() && path.lexically_normal() == path) return;
  throw Error(Code::invalid,
              fmt::format("{} \"{}\" is no absolute, plain path", what, path.string()));
}

bool is_run_id(std::string_view run) {
  return !run.empty() && run.size() <= 100 && run.front() != '.' &&
         std::all_of(run.begin(), run.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '.' || c == '_' || c == '-';
         });
}

void check_task(const AgentTask& task) {
  if (!is_run_id(task.run))
    throw Error(Code::invalid, fmt::format("\"{}\" is no id of a run", task.run));
  check_path(task.tree, "the clone");
  check_path(task.scratch, "the scratch folder");
  check_path(task.report_file, "the file for the agent's report");
  if (lies_in(task.scratch, task.tree) || lies_in(task.tree, task.scratch))
    throw Error(Code::invalid, "the scratch folder and the clone are one within the other");
  if (!lies_in(task.report_file, task.scratch))
    throw Error(Code::invalid, fmt::format("the agent's report \"{}\" is not in its scratch folder",
                                           task.report_file.string()));
}

}  // namespace

AgentLaunch bare_launch(const AgentTask& task, const AgentPlaces& places) {
  check_task(task);
  const auto home = task.scratch / "home";
  const auto temporary = task.scratch / "tmp";
  AgentLaunch launch;
  launch.folder = task.tree;
  launch.scratch = task.scratch;
  launch.folders = {home, temporary, task.scratch / "cache"};
  launch.environment = {
      {"PATH", places.path},
      {"HOME", home.string()},
      {"TMPDIR", temporary.string()},
      {"XDG_CACHE_HOME", (task.scratch / "cache").string()},
      {"XDG_CONFIG_HOME", (home / ".config").string()},
      {"XDG_DATA_HOME", (home / ".local" / "share").string()},
      {"LANG", "C.UTF-8"},
      {"TERM", "dumb"},
      {"NO_COLOR", "1"},
      {"CI", "true"},
      {"GIT_TERMINAL_PROMPT", "0"},
      {"GIT_CONFIG_NOSYSTEM", "1"},
      {"GIT_EDITOR", "true"},
      {"PYTHONUNBUFFERED", "1"},
      {"OPENAI_BASE_URL", task.model_url},
      {"OPENAI_API_KEY", task.model_key.expose()},
      {"TIMMY_RUN", task.run},
      {"TIMMY_REPORT_FILE", task.report_file.string()},
  };
  launch.writable = {task.tree, task.scratch};
  if (task.report_file.parent_path() != task.scratch)
    launch.folders.push_back(task.report_file.parent_path());
  return launch;
}

fs::path program_of(const AgentSettings& settings, const AgentPlaces& places) {
  if (!settings.program.starts_with("~/")) return settings.program;
  if (places.home.empty())
    throw Error(Code::invalid,
                fmt::format("agent.program is \"{}\", and the host has no home", settings.program),
                "Name it by its absolute path.");
  return (places.home / settings.program.substr(2)).lexically_normal();
}

fs::path prompt_file(const AgentTask& task) { return task.scratch / "prompt.md"; }

bool lies_in(const fs::path& path, const fs::path& folder) {
  const auto [in_path, in_folder] =
      std::mismatch(path.begin(), path.end(), folder.begin(), folder.end());
  return in_folder == folder.end();
}

bool is_fit_to_show(const fs::path& path, const AgentPlaces& places) {
  if (!path.is_absolute() || path == path.root_path() || lies_in(path, "/usr")) return false;
  const auto holds = [&](const fs::path& inner) { return !inner.empty() && lies_in(inner, path); };
  return !holds(places.home) && !holds(places.hermes_home);
}

bool is_program(const fs::path& file) {
  struct stat info {};
  return ::stat(file.c_str(), &info) == 0 && S_ISREG(info.st_mode) &&
         ::access(file.c_str(), X_OK) == 0;
}

std::optional<fs::path> find_program(std::string_view name, std::string_view path) {
  while (!path.empty()) {
    const auto end = std::min(path.find(':'), path.size());
    const fs::path file = fs::path(path.substr(0, end)) / name;
    if (file.is_absolute() && is_program(file)) return file;
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return std::nullopt;
}

std::string last_words(std::string_view tail) {
  if (tail.size() > kLastWords) tail.remove_prefix(tail.size() - kLastWords);
  return workspaces::one_line(tail);
}

}  // namespace host::dispatch
