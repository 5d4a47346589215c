// SPDX-License-Identifier: Apache-2.0
#include "workspaces/clone_locks.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <utility>

#include "base/file.hpp"

namespace host::workspaces {
namespace {

// `path` below the folder, each part of it a folder and none a link.
void unlink_below(int folder, const std::filesystem::path& path) {
  Fd at;
  for (const auto& part : path.parent_path()) {
    Fd next(::openat(at ? at.get() : folder, part.c_str(),
                     O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!next) return;
    at = std::move(next);
  }
  (void)::unlinkat(at ? at.get() : folder, path.filename().c_str(), 0);
}

}  // namespace

void clear_locks(const Clone& clone) noexcept try {
  const Fd tree(::open(clone.tree().c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!tree) return;
  for (const char* file : {"index", "HEAD", "config", "packed-refs"})
    unlink_below(tree.get(), std::filesystem::path(".git") / (std::string(file) + ".lock"));
  unlink_below(tree.get(), ".git/refs/heads/" + clone.record.branch + ".lock");
} catch (...) {
}

}  // namespace host::workspaces
