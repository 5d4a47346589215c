// SPDX-License-Identifier: Apache-2.0
#include "dispatch/run_folders.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <tuple>

#include "base/error.hpp"
#include "runs/run_lock.hpp"
#include "workspaces/clone_remove.hpp"

namespace host::dispatch {
namespace {

namespace fs = std::filesystem;

// Under such a name a folder is on its way out, and is finished with at the next look.
constexpr std::string_view kGoing = ".removing-";

bool is_real_folder(const fs::path& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

std::vector<std::string> folders_in(const fs::path& parent) {
  struct stat info {};
  if (::lstat(parent.c_str(), &info) != 0) {
    if (errno == ENOENT) return {};
    throw system_error("looking at \"" + parent.string() + "\"");
  }
  if (!S_ISDIR(info.st_mode))
    throw Error(Code::denied,
                "\"" + parent.string() + "\" is a symbolic link or no folder: nothing is removed",
                "Put a folder in its place; another disk can be mounted there.");
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(parent))
    if (is_real_folder(entry.path())) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

struct EndedRun {
  std::string name;
  timespec ended{};
  std::uint64_t bytes = 0;
};

bool ended_before(const EndedRun& one, const EndedRun& other) {
  return std::tuple(one.ended.tv_sec, one.ended.tv_nsec, one.name) <
         std::tuple(other.ended.tv_sec, other.ended.tv_nsec, other.name);
}

class Clearing {
 public:
  Clearing(const CageFolders& folders, const RunsInUse& in_use)
      : folders_(folders), in_use_(in_use) {}

  void clear_scratch(const std::vector<std::string>& names) {
    for (const auto& name : names) {
      const bool going = name.starts_with(kGoing);
      const bool ours = going || item_of_run(name) || ItemCages::life_of(name);
      if (ours && (going || !is_used(name))) remove(folders_.scratch, name, removed_.scratch);
    }
  }

  void clear_commands(const std::vector<std::string>& names) {
    for (const auto& name : names)
      if (name.starts_with(kGoing) || (ItemCages::life_of(name) && !is_used(name)))
        remove(folders_.runs, name, removed_.runs);
  }

  void clear_attempts(const std::vector<std::string>& names, const RunBounds& bounds) {
    std::size_t count = 0;
    std::uint64_t bytes = 0;
    std::vector<EndedRun> ended;
    for (const auto& name : names) {
      const auto item = item_of_run(name);
      struct stat info {};
      // Of ended ones alone so much is kept: those of a large item in work drive none out.
      if (!item || in_use_.items.contains(*item) || is_used(name) ||
          ::lstat((folders_.runs / name).c_str(), &info) != 0)
        continue;
      EndedRun run{name, {}, workspaces::bytes_in(folders_.runs / name)};
      ++count;
      bytes += run.bytes;
      // Its facts come last of all that is written there.
      run.ended = info.st_mtim;
      ended.push_back(std::move(run));
    }
    std::sort(ended.begin(), ended.end(), ended_before);
    for (const auto& run : ended) {
      if (count <= bounds.most && bytes <= bounds.bytes) return;
      if (!remove(folders_.runs, run.name, removed_.runs)) continue;
      --count;
      bytes -= run.bytes;
    }
  }

  [[nodiscard]] RunsRemoved removed() && { return std::move(removed_); }

 private:
  [[nodiscard]] bool is_used(const std::string& name) {
    if (in_use_.runs.contains(name) || ItemCages::life_of(name) == in_use_.life) return true;
    const auto running =
        attempt([&] { return runs::still_runs(runs::lock_path(folders_.runs / name)); });
    if (!running.ok()) removed_.failed.push_back(running.error().what());
    return !running.ok() || running.value();
  }

  bool remove(const fs::path& parent, const std::string& name, std::vector<std::string>& removed) {
    const bool going = name.starts_with(kGoing);
    const auto away = going ? parent / name : parent / (std::string(kGoing) + name);
    const auto done = attempt([&] {
      if (!going) {
        workspaces::remove_tree(away);
        fs::rename(parent / name, away);
      }
      workspaces::remove_tree(away);
    });
    if (!done.ok())
      removed_.failed.push_back(fmt::format("{}: {}", name, done.error().what()));
    else if (!going)
      removed.push_back(name);
    return done.ok();
  }

  const CageFolders& folders_;
  const RunsInUse& in_use_;
  RunsRemoved removed_;
};

}  // namespace

FoundRuns find_runs(const CageFolders& folders) {
  return {folders_in(folders.runs), folders_in(folders.scratch)};
}

RunsRemoved clear_runs(const CageFolders& folders, const FoundRuns& found, const RunsInUse& in_use,
                       const RunBounds& bounds) {
  Clearing clearing(folders, in_use);
  clearing.clear_scratch(found.scratch);
  clearing.clear_commands(found.runs);
  clearing.clear_attempts(found.runs, bounds);
  return std::move(clearing).removed();
}

}  // namespace host::dispatch
