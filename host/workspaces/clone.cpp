// SPDX-License-Identifier: Apache-2.0
#include "workspaces/clone.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/failpoint.hpp"
#include "workspaces/clone_remove.hpp"

namespace host::workspaces {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr std::string_view kHalfMade = ".making-";
constexpr std::string_view kHalfRemoved = ".removing-";

// A value of git's config, in quotes.
std::string quoted(std::string_view value, std::string_view what) {
  std::string out = "\"";
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f || c == '<' || c == '>')
      throw Error(Code::invalid, fmt::format("the {} of commits holds a '<', a '>' or a control "
                                             "character",
                                             what));
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

// All of a fresh clone's configuration: no remote, nothing that names the mirror.
std::string config_of(const CloneRequest& request) {
  return fmt::format(
      "[core]\n\trepositoryFormatVersion = 0\n\tfileMode = true\n\tbare = false\n"
      "\tlogAllRefUpdates = true\n[user]\n\tname = {}\n\temail = {}\n",
      quoted(request.author, "author"), quoted(request.address, "address"));
}

GitCommand in_tree(const fs::path& tree, std::vector<std::string> arguments) {
  GitCommand command;
  command.arguments = std::move(arguments);
  command.git_dir = tree / ".git";
  command.work_tree = tree;
  command.limit = 10min;
  // The agent's reflog would begin with where the mirror is.
  command.settings = {{"core.logAllRefUpdates", "false"}};
  return command;
}

// What it is that can't be removed must not keep others from being made: the next host tries again.
void remove_half(const fs::path& folder) noexcept {
  try {
    remove_tree(folder);
  } catch (const std::exception&) {
  }
}

ObjectId merge_base(const Mirror& mirror, const ObjectId& one, const ObjectId& other) {
  auto text = mirror.git().must(mirror.command({"merge-base", one.text(), other.text()}),
                                "finding where earlier work began");
  if (text.ends_with('\n')) text.pop_back();
  const auto id = ObjectId::parse(text);
  if (!id) throw Error(Code::corrupt, "git merge-base names no commit");
  return *id;
}

}  // namespace

Clones::Clones(const Git& git, fs::path folder, const Clock& clock)
    : git_(&git), folder_(std::move(folder)), clock_(&clock) {
  make_directories(folder_, 0700);
  for (const auto& entry : fs::directory_iterator(folder_))
    if (const auto name = entry.path().filename().string();
        name.starts_with(kHalfMade) || name.starts_with(kHalfRemoved))
      remove_half(entry.path());
}

Clone Clones::make(const Mirror& mirror, const CloneRequest& request) const {
  check_branch(request.branch, "the branch");
  const auto name = folder_name(request.item);
  if (fs::exists(folder_ / name))
    throw Error(Code::conflict,
                fmt::format("{}#{} has a clone already: {}", request.item.repository,
                            request.item.number, (folder_ / name).string()));
  auto base = mirror.forge_head(request.base_branch);
  if (!base)
    throw Error(
        Code::not_found,
        fmt::format("{} has no branch \"{}\"", request.item.repository, request.base_branch),
        "Name a branch that the forge has as the playbook's base.");
  auto start = base;
  const auto work = request.resume ? mirror.work_head(request.branch) : std::nullopt;
  if (work) {
    start = work;
    base = merge_base(mirror, *work, *base);
  }
  const auto now = clock_->wall();
  Clone clone{folder_ / name,
              {request.item, request.branch, request.base_branch, *base, work, now, now,
               request.disposable, request.owner}};
  const auto half = folder_ / (std::string(kHalfMade) + name);
  remove_tree(half);
  try {
    make_directories(half, 0700);
    fill(half / "tree", mirror, request, *base, *start);
    if (!request.resume) mirror.set_work_aside(request.branch);
    write_record(half / "record.json", clone.record);
    TIMMY_FAILPOINT("workspaces.clone_filled");
    fs::rename(half, clone.folder);
  } catch (...) {
    remove_half(half);
    throw;
  }
  return clone;
}

void Clones::fill(const fs::path& tree, const Mirror& mirror, const CloneRequest& request,
                  const ObjectId& base, const ObjectId& start) const {
  const auto doing = "making a clone of " + request.item.repository;
  (void)git_->must({.arguments = {"init", "--quiet", "--template=",
                                  "--initial-branch=" + request.branch, tree.string()}},
                   doing);
  write_atomically(tree / ".git" / "config", config_of(request), 0600);
  // By upload-pack, which sends objects; clone would link the mirror's files.
  auto fetch =
      in_tree(tree, {"fetch", "--quiet", "--no-tags", "--no-write-fetch-head",
                     "--no-auto-maintenance", "--update-head-ok", "--", mirror.git_dir().string(),
                     start.text() + ":refs/heads/" + request.branch,
                     base.text() + ":refs/remotes/origin/" + request.base_branch});
  fetch.protocol = GitProtocol::file;
  fetch.settings.emplace_back("fetch.unpackLimit", "1");
  fetch.settings.emplace_back("transfer.fsckObjects", "false");
  (void)mirror.git().must(fetch, doing);
  TIMMY_FAILPOINT("workspaces.clone_fetched");
  (void)mirror.git().must(in_tree(tree, {"reset", "--quiet", "--hard"}), doing);
}

std::optional<Clone> Clones::find(const WorkItem& item) const {
  const auto folder = folder_ / folder_name(item);
  if (!fs::exists(folder)) return std::nullopt;
  return Clone{folder, read_record(folder / "record.json")};
}

std::optional<Clone> Clones::take(const WorkItem& item, std::int64_t owner) const {
  const std::scoped_lock held(hands_);
  auto clone = find(item);
  if (!clone || clone->record.owner != owner) return std::nullopt;
  // Its repository may have another name by now.
  clone->record.item = item;
  save(*clone);
  return clone;
}

void Clones::set_aside(const Clone& clone) const {
  const auto name = fmt::format("{}.of-{}", clone.name(), clone.record.owner);
  auto aside = folder_ / name;
  for (int next = 2; fs::exists(fs::symlink_status(aside)); ++next)
    aside = folder_ / fmt::format("{}-{}", name, next);
  const std::scoped_lock held(hands_);
  fs::rename(clone.folder, aside);
}

CloneList Clones::list() const {
  CloneList all;
  for (const auto& entry : fs::directory_iterator(folder_)) {
    const auto name = entry.path().filename().string();
    if (name.front() == '.') continue;
    try {
      all.clones.push_back({entry.path(), read_record(entry.path() / "record.json")});
    } catch (const Error&) {
      all.unreadable.push_back(name);
    }
  }
  std::sort(all.clones.begin(), all.clones.end(), [](const Clone& a, const Clone& b) {
    return std::pair(a.record.used, a.name()) < std::pair(b.record.used, b.name());
  });
  std::sort(all.unreadable.begin(), all.unreadable.end());
  return all;
}

std::optional<CloneHold> Clones::hold_unused(const Clone& clone) const {
  auto held = holds_.try_hold(clone.name());
  if (held && read_record(clone.folder / "record.json") != clone.record) held.reset();
  return held;
}

void Clones::save(Clone& clone) const {
  clone.record.used = clock_->wall();
  write_record(clone.folder / "record.json", clone.record);
}

void Clones::remove(const Clone& clone) const {
  // First out of sight: a host that ends in between leaves half a clone under a name that tells.
  const auto half = folder_ / (std::string(kHalfRemoved) + clone.name());
  remove_tree(half);
  {
    const std::scoped_lock held(hands_);
    if (read_record(clone.folder / "record.json") != clone.record)
      throw Error(Code::conflict, "it was used a moment ago");
    fs::rename(clone.folder, half);
  }
  remove_tree(half);
}

}  // namespace host::workspaces
