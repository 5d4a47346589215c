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

workspaces::Mirror ItemGit::mirror_of(const workspaces::WorkItem& item,
                                      const workspaces::Git& git) const {
  return mirror_named(workspaces::folder_name(item.repository, item.repository_id), git);
}

workspaces::Mirror ItemGit::mirror_of(const Item& item, const workspaces::Git& git) const {
  return mirror_of(work_item(item), git);
}

workspaces::Mirror ItemGit::mirror_named(const std::string& name,
                                         const workspaces::Git& git) const {
  workspaces::Mirror mirror(git, mirrors_ / name);
  std::once_flag* first = nullptr;
  {
    const std::scoped_lock held(mutex_);
    auto& flag = recovered_[name];
    if (!flag) flag = std::make_unique<std::once_flag>();
    first = flag.get();
  }
  std::call_once(*first, [&] { mirror.recover(); });
  return mirror;
}

std::vector<std::string> ItemGit::mirrors() const {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(mirrors_))
    if (std::filesystem::is_directory(entry.symlink_status()) &&
        std::filesystem::is_directory(std::filesystem::symlink_status(entry.path() / "git")))
      names.push_back(entry.path().filename().string());
  return names;
}

workspaces::WorkItem work_item(const Item& item) {
  return {item.repository, item.number, item.playbook, item.repository_id};
}

workspaces::WorkItem checked_item(workspaces::WorkItem item) {
  item.playbook += ".verify";
  return item;
}

workspaces::ObjectId commit_named(const std::string& text) {
  if (auto id = workspaces::ObjectId::parse(text)) return *id;
  throw Error(Code::corrupt, "\"" + workspaces::one_line(text) + "\" names no commit");
}

workspaces::ClonesInUse clones_in_use(const std::vector<Item>& live, WallTime now) {
  workspaces::ClonesInUse in_use{.names = {}, .at = now};
  for (const auto& item : live) {
    if (!item.run_open && item.at.state != ItemState::running) continue;
    in_use.names.insert(workspaces::folder_name(work_item(item)));
    in_use.names.insert(workspaces::folder_name(checked_item(work_item(item))));
  }
  return in_use;
}

void fetch(const workspaces::Mirror& mirror, const ForgeAccess& access) {
  const workspaces::GitCredential credential(access.remote.url, access.token);
  mirror.fetch(access.remote, &credential);
}

}  // namespace host::dispatch
