// SPDX-License-Identifier: Apache-2.0
//
// The host's own copy of a forge's repository. No agent can reach it: it lies in a folder with mode
// 0700 that the cage does not show, and shares no file with a clone. Only here git runs with a
// credential.
//
//   refs/forge/heads/*   the forge's branches, as last fetched
//   refs/timmy/work/*    what was imported from agents, by branch
//   refs/timmy/sealed/*  the host's own commit on top of it, likewise
//   refs/timmy/kept/*/N  work that a later item of the issue did not go on from, likewise
//
// It has no branch or tag besides, no hook, no remote and no alternate.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.hpp"
#include "workspaces/git.hpp"
#include "workspaces/git_name.hpp"

namespace host::workspaces {

// A repository at the forge.
struct GitRemote {
  std::string repository;  // "owner/name", for errors
  std::string url;         // checked by whoever uses it
  bool allow_plaintext = false;
  Duration limit = std::chrono::minutes(10);  // for one fetch or push
};

// Held while something changes a mirror. git processes hold it too until they have ended: those of
// a host that was killed keep the next host waiting, not racing.
class MirrorLock {
 public:
  // Waits for it: longer than any one step of git's may take. Throws Error{io}, {unavailable} when
  // it does not come free, and at once when `stop` is pulled; null: never.
  explicit MirrorLock(const std::filesystem::path& file, const StopLine* stop = nullptr,
                      Duration limit = std::chrono::minutes(30));
  [[nodiscard]] int fd() const { return file_.get(); }

 private:
  Fd file_;
};

// Cheap to make anew. Every call blocks; one mirror may be used from many threads and processes.
class Mirror {
 public:
  // Opens the mirror in that folder and makes it if it is not there. Throws Error{denied} when the
  // folder could be entered by others.
  Mirror(const Git& git, std::filesystem::path folder);

  // Takes the forge's branches as they are now; those that are gone there go here. Each object is
  // checked (transfer.fsckObjects); `tolerated` names checks that an old repository may fail, such
  // as "zeroPaddedFilemode" (git-fsck(1)). Throws as git_error() says.
  void fetch(const GitRemote& remote, const GitCredential* credential,
             const std::vector<std::string>& tolerated = {}) const;

  // The commit of a branch at the forge, and of one that was imported.
  [[nodiscard]] std::optional<ObjectId> forge_head(std::string_view branch) const;
  [[nodiscard]] std::optional<ObjectId> work_head(std::string_view branch) const;

  // Whether `older` is `newer` or behind it. False when the mirror lacks one.
  [[nodiscard]] bool is_ancestor(const ObjectId& older, const ObjectId& newer) const;

  // Removes what a host that was killed left behind: git's lock files, unfinished packs,
  // quarantines. Call it at start, before anything else. Throws Error{io}, {unavailable}.
  void recover() const;
  // What was imported, by branch.
  [[nodiscard]] std::map<std::string, ObjectId> work() const;
  // Gives up all work of a branch whose items have ended, sealed and kept included. False: what was
  // imported is another by now, or none. A clone that holds it holds work again, unless the forge
  // has it. Throws Error{io}.
  bool forget_work(std::string_view branch, const ObjectId& head) const;
  // Makes the branch free for work that begins anew: what was imported for it, if anything, moves
  // to the next number of refs/timmy/kept/BRANCH/. Beyond kMostKept the oldest go. Throws
  // Error{io}.
  void set_work_aside(std::string_view branch) const;
  // What was set aside of a branch, by number.
  [[nodiscard]] std::map<int, ObjectId> kept_work(std::string_view branch) const;
  static constexpr std::size_t kMostKept = 5;

  // Where fetches and imports have left more than `most_packs` packs, makes one of them, and
  // removes what no ref leads to and is older than an hour. Needs as much room again while it
  // works. Throws Error{timed_out} at its limit, {io}; then the mirror is as it was. Now and then
  // is enough.
  void tidy(Duration limit, std::size_t most_packs = 20) const;

  // Removes git's locks, and the packs and objects that a git which was ended has left half
  // written: it has no time to. Whoever holds the lock has no git of its own running.
  void remove_unfinished(const MirrorLock& held) const;

  [[nodiscard]] MirrorLock lock() const { return MirrorLock(folder_ / "lock", git_->stop()); }
  // A command on this mirror that reaches the forge. Throws as check_git_url().
  [[nodiscard]] GitCommand remote_command(std::vector<std::string> arguments,
                                          const GitRemote& remote,
                                          const GitCredential* credential) const;
  // A command on this mirror.
  [[nodiscard]] GitCommand command(std::vector<std::string> arguments) const;
  [[nodiscard]] const Git& git() const { return *git_; }
  [[nodiscard]] std::filesystem::path git_dir() const { return folder_ / "git"; }
  // For imports; on the mirror's file system.
  [[nodiscard]] std::filesystem::path quarantines() const { return folder_ / "quarantine"; }

  [[nodiscard]] static std::string work_ref(std::string_view branch);
  [[nodiscard]] static std::string sealed_ref(std::string_view branch);
  [[nodiscard]] static std::string kept_ref(std::string_view branch, int number);
  [[nodiscard]] static std::string forge_ref(std::string_view branch);

 private:
  void create() const;
  [[nodiscard]] bool is_whole() const;
  // For people, who know it by its name: what that is now.
  void describe(const std::string& repository) const;
  [[nodiscard]] std::optional<ObjectId> head(const std::string& ref) const;
  [[nodiscard]] std::map<std::string, ObjectId> refs_below(const std::string& folder) const;
  // All of these changes or none; each a line of git-update-ref(1)'s --stdin.
  void change_refs(const MirrorLock& held, const std::string& changes,
                   const std::string& doing) const;

  const Git* git_;
  std::filesystem::path folder_;
};

}  // namespace host::workspaces
