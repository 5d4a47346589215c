// SPDX-License-Identifier: Apache-2.0
#include "dispatch/item_git.hpp"

#include "base/error.hpp"
#include "workspaces/git_error.hpp"

namespace host::dispatch {

ItemGit::ItemGit(workspaces::GitSettings settings, std::filesystem::path mirrors,
                 const std::filesystem::path& clones, const Clock& clock)
    : git_(std::move(settings)), mirrors_(std::move(mirrors)), clones_(git_, clones, clock) {
  make_directories(mirrors_, 0700);
}

workspaces::Mirror ItemGit::mirror_of(const std::string& repository) const {
  workspaces::Mirror mirror(git_, mirrors_ / workspaces::folder_name(repository));
  std::once_flag* cleared = nullptr;
  {
    const std::scoped_lock held(mutex_);
    cleared = &cleared_[repository];
  }
  // One that throws is tried again.
  std::call_once(*cleared, [&] { mirror.recover(); });
  return mirror;
}

workspaces::WorkItem work_item(const Item& item) {
  return {item.repository, item.number, item.playbook};
}

workspaces::ObjectId commit_named(const std::string& text) {
  if (auto id = workspaces::ObjectId::parse(text)) return *id;
  throw Error(Code::corrupt, "\"" + workspaces::one_line(text) + "\" names no commit");
}

void fetch(const workspaces::Mirror& mirror, const ForgeAccess& access) {
  const workspaces::GitCredential credential(access.remote.url, access.token);
  mirror.fetch(access.remote, &credential);
}

}  // namespace host::dispatch
