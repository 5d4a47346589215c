// SPDX-License-Identifier: Apache-2.0
#include "config/paths.hpp"

#include <unistd.h>

#include "base/error.hpp"

namespace host {
namespace {

using Path = std::filesystem::path;

std::optional<Path> folder(const Environment& environment, const std::string& name) {
  const auto text = environment.get(name);
  if (!text) return std::nullopt;
  const Path path(*text);
  if (!path.is_absolute())
    throw Error(Code::usage, name + " is \"" + *text + "\", expected an absolute path",
                "set " + name + " to a path that begins with /");
  const Path normal = path.lexically_normal();
  return normal.has_filename() || normal == normal.root_path() ? normal : normal.parent_path();
}

// systemd joins several directories of a unit with colons (systemd.exec(5)); the first is ours.
std::optional<Path> unit_folder(const Environment& environment, const std::string& name,
                                const Path& of_system) {
  if (const auto text = environment.get(name)) {
    const std::map<std::string, std::string> first = {{name, text->substr(0, text->find(':'))}};
    return folder(Environment(first), name);
  }
  if (environment.get("TIMMY_SYSTEM") == "1") return of_system;
  return std::nullopt;
}

Error no_home(const std::string& variable) {
  return {Code::usage, "neither HOME nor " + variable + " is set",
          "set " + variable + " to an absolute path"};
}

}  // namespace

Environment Environment::of_process() {
  std::map<std::string, std::string> variables;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string text(*entry);
    if (const auto equals = text.find('='); equals != std::string::npos)
      variables[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return Environment(std::move(variables));
}

std::optional<std::string> Environment::get(const std::string& name) const {
  const auto found = variables_.find(name);
  if (found == variables_.end() || found->second.empty()) return std::nullopt;
  return found->second;
}

Paths Paths::from(const Environment& environment) {
  const auto home = folder(environment, "HOME");
  const auto state = unit_folder(environment, "STATE_DIRECTORY", "/var/lib/timmy-host");
  Paths paths;
  paths.home = home.value_or(Path());

  if (const auto given = folder(environment, "HERMES_HOME"))
    paths.hermes_home = *given;
  else if (home)
    paths.hermes_home = *home / ".hermes";
  else if (state)
    paths.hermes_home = *state / "hermes";
  else
    throw no_home("HERMES_HOME");

  if (const auto given = folder(environment, "TIMMY_HOME"))
    paths.timmy_home = *given;
  else if (state)
    paths.timmy_home = *state;
  else if (home)
    paths.timmy_home = *home / ".timmy";
  else
    throw no_home("TIMMY_HOME");

  paths.config = unit_folder(environment, "CONFIGURATION_DIRECTORY", "/etc/timmy-host")
                     .value_or(paths.timmy_home);
  paths.run = unit_folder(environment, "RUNTIME_DIRECTORY", "/run/timmy-host")
                  .value_or(paths.timmy_home / "run");
  paths.credentials = folder(environment, "CREDENTIALS_DIRECTORY");
  return paths;
}

std::filesystem::path expand_home(const std::string& text, const Paths& paths) {
  if (!text.starts_with('~')) return text;
  if (text.size() > 1 && text[1] != '/')
    throw Error(Code::invalid, "path \"" + text +
                                   "\" names another user's home, expected ~/ or an "
                                   "absolute path");
  if (paths.home.empty())
    throw Error(Code::invalid, "path \"" + text + "\" begins with ~ but HOME is not set");
  return text.size() <= 2 ? paths.home : paths.home / text.substr(2);
}

}  // namespace host
