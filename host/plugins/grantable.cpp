// SPDX-License-Identifier: Apache-2.0
#include "plugins/grantable.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "deadman/settings.hpp"

namespace host {
namespace {

namespace fs = std::filesystem;

// Without "." and "..", and without a "/" at its end.
fs::path tidy(const fs::path& path) {
  auto plain = path.lexically_normal();
  return plain.has_filename() || plain == plain.root_path() ? plain : plain.parent_path();
}

// Symbolic links followed, as far as the path is there.
fs::path resolved(const fs::path& path) {
  std::error_code failed;
  auto real = fs::weakly_canonical(path, failed);
  return tidy(failed ? path : real);
}

bool is_at_or_below(const fs::path& path, const fs::path& folder) {
  return std::mismatch(path.begin(), path.end(), folder.begin(), folder.end()).second ==
         folder.end();
}

bool passes_through_link(const fs::path& path) {
  fs::path at;
  std::error_code ignored;
  for (const auto& part : path)
    if (at /= part; fs::is_symlink(at, ignored)) return true;
  return false;
}

[[noreturn]] void refuse(const fs::path& granted, const std::string& why, std::string next_step) {
  throw Error(Code::not_granted, granted.string() + " can't be granted: " + why,
              std::move(next_step));
}

void check_form(const fs::path& granted) {
  if (!granted.is_absolute())
    refuse(granted, "it is not an absolute path",
           "Begin it with /, ~/, $TIMMY_HOME or $HERMES_HOME");
  if (granted.string().find('*') != std::string::npos)
    refuse(granted, "patterns stand for nothing here",
           "Name the folder: what lies below it is granted with it");
}

}  // namespace

Forbidden forbidden_paths(const Paths& paths, const HostConfig& config) {
  Forbidden forbidden;
  const std::string database = paths.database().string();
  forbidden.sealed = {paths.run,         database,        database + "-wal",
                      database + "-shm", paths.lock(),    database + ".initialised",
                      paths.host_yaml(), paths.plugins(), paths.cookie(),
                      paths.socket()};
  forbidden.sealed.push_back(deadman::settings_path(paths));
  forbidden.sealed.push_back(deadman::state_path(paths, false).parent_path());
  forbidden.sealed.push_back(paths.token_budget());
  forbidden.sealed.push_back(paths.token_usage());
  forbidden.sealed.push_back(paths.mirrors());
  forbidden.sealed.push_back(paths.clones());
  forbidden.sealed.push_back(paths.attempts());
  if (paths.credentials) forbidden.sealed.push_back(*paths.credentials);
  const auto& tokens = config.gitea.token_files;
  forbidden.sealed.insert(forbidden.sealed.end(), tokens.begin(), tokens.end());
  for (const auto& [name, file] : config.credentials) forbidden.sealed.push_back(file);
  for (const auto& file : config.webhooks.secret_files) forbidden.sealed.push_back(file);
  forbidden.whole = {paths.timmy_home, paths.hermes_home, paths.config};
  if (!paths.home.empty()) forbidden.whole.push_back(paths.home);
  return forbidden;
}

void check_grantable(const fs::path& granted, const Forbidden& forbidden) {
  check_form(granted);
  const auto path = tidy(granted);
  if (passes_through_link(path))
    refuse(granted, "it passes through a symbolic link",
           "Name the path that it leads to: " + resolved(path).string());
  const auto holds = [&](const fs::path& each) { return is_at_or_below(resolved(each), path); };
  for (const auto* list : {&forbidden.sealed, &forbidden.whole})
    for (const auto& each : *list)
      if (holds(each))
        refuse(granted,
               path == resolved(each) ? "it is the host's own" : "it holds " + each.string(),
               "Grant a folder that holds only what the plugin needs");
  for (const auto& each : forbidden.sealed)
    if (is_at_or_below(path, resolved(each)))
      refuse(granted, "it lies in " + each.string() + ", which is the host's own",
             "Grant a folder that holds only what the plugin needs");
}

}  // namespace host
