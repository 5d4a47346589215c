// SPDX-License-Identifier: Apache-2.0
#include "workspaces/clone_files.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "workspaces/git_path.hpp"

namespace host::workspaces {
namespace {

namespace fs = std::filesystem;

// What a large repository has with each object a file of its own.
constexpr std::size_t kMostFiles = 1'000'000;

}  // namespace

void check_git_files(const Clone& clone) try {
  const auto git_dir = clone.tree() / ".git";
  if (!fs::is_directory(fs::symlink_status(git_dir)))
    throw Error(Code::invalid, "the clone's .git is no folder", "Leave .git as git made it.");
  std::size_t files = 0;
  for (fs::recursive_directory_iterator at(git_dir), end; at != end; ++at) {
    if (++files > kMostFiles)
      throw Error(Code::too_large, fmt::format(".git holds more than {} files", kMostFiles));
    const auto status = at->symlink_status();
    if (fs::is_directory(status) || fs::is_regular_file(status)) continue;
    const auto name = at->path().lexically_relative(git_dir);
    if (fs::is_symlink(status) && *name.begin() == "hooks") continue;
    throw Error(Code::invalid,
                fmt::format("{} is no regular file, and git reads it",
                            shown_path((".git" / name).string())),
                "Leave .git as git made it.");
  }
} catch (const fs::filesystem_error& failed) {
  throw Error(Code::invalid, std::string("the clone's .git can't be read: ") + failed.what(),
              "Leave .git as git made it.");
}

void check_tree_files(const Clone& clone) try {
  const auto tree = clone.tree();
  for (fs::recursive_directory_iterator at(tree), end; at != end; ++at) {
    if (at.depth() == 0 && at->path().filename() == ".git") {
      at.disable_recursion_pending();
      continue;
    }
    if (!fs::is_fifo(at->symlink_status())) continue;
    const auto name = at->path().filename();
    if (name != ".gitignore" && name != ".gitattributes") continue;
    throw Error(Code::invalid,
                fmt::format("{} is a FIFO, and git reads it",
                            shown_path(at->path().lexically_relative(tree).string())),
                "Remove it.");
  }
} catch (const fs::filesystem_error& failed) {
  throw Error(Code::invalid, std::string("the clone's files can't be read: ") + failed.what(),
              "Leave them readable to their owner.");
}

}  // namespace host::workspaces
