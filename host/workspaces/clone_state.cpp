// SPDX-License-Identifier: Apache-2.0
#include "workspaces/clone_state.hpp"

#include <fmt/format.h>

#include <array>
#include <iterator>
#include <set>

#include "base/error.hpp"
#include "workspaces/clone_files.hpp"
#include "workspaces/clone_refs.hpp"
#include "workspaces/clone_remove.hpp"
#include "workspaces/git_error.hpp"
#include "workspaces/git_path.hpp"

namespace host::workspaces {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr std::size_t kLargestIndex = std::size_t{128} << 20;
// Of the names of all files that are ignored; more are too many to look at.
constexpr std::size_t kMostIgnored = std::size_t{64} << 20;
// Reading files that the agent chose, a FIFO among them, may take for ever.
constexpr Duration kLimit = 60s;

// What git leaves while something is half done, or keeps in other places than refs.
constexpr std::array kUnfinished = {"MERGE_HEAD",
                                    "CHERRY_PICK_HEAD",
                                    "REVERT_HEAD",
                                    "REBASE_HEAD",
                                    "rebase-merge",
                                    "rebase-apply",
                                    "BISECT_START",
                                    "sequencer",
                                    "worktrees",
                                    "modules",
                                    "objects/info/alternates"};

// Calls each(part) for each part of `text` up to a zero byte. Returns how much that was.
template <class Each>
std::size_t each_part(std::string_view text, const Each& each) {
  std::size_t at = 0;
  for (auto end = text.find('\0'); end != text.npos; end = text.find('\0', at)) {
    each(text.substr(at, end - at));
    at = end + 1;
  }
  return at;
}

CloneState kept(std::string reason) { return {false, std::move(reason)}; }

// A folder for copies, gone with this.
class Desk {
 public:
  explicit Desk(const Clone& clone) : folder_(clone.folder / "inspection") {
    remove_tree(folder_);
    make_directories(folder_, 0700);
  }
  ~Desk() {
    try {
      remove_tree(folder_);
    } catch (const Error&) {  // the next look removes it
    }
  }
  Desk(const Desk&) = delete;
  Desk& operator=(const Desk&) = delete;
  [[nodiscard]] fs::path operator/(const char* name) const { return folder_ / name; }

 private:
  fs::path folder_;
};

// Whether refs of the mirror lead to each of these. An object that it lacks makes git fail.
bool all_in_mirror(const Mirror& mirror, const CloneRefs& refs) {
  std::string ids;
  for (const auto& [name, id] : refs.ids) ids += id.text() + "\n";
  const auto input = memory_file(ids);
  auto command = mirror.command({"rev-list", "--max-count=1", "--stdin", "--not", "--all"});
  command.input = input.get();
  command.limit = kLimit;
  const auto ending = mirror.git().run(command);
  return ending.status == 0 && ending.output.empty();
}

// The first by name that the mirror lacks. By halves: each look is a git of its own, and an agent
// may have made thousands of refs.
std::string first_missing(const Mirror& mirror, const CloneRefs& refs) {
  auto from = refs.ids.begin();
  auto left = refs.ids.size();
  while (left > 1) {
    const auto middle = std::next(from, static_cast<std::ptrdiff_t>(left / 2));
    if (!all_in_mirror(mirror, {{from, middle}})) {
      left /= 2;
    } else {
      from = middle;
      left -= left / 2;
    }
  }
  return from->first;
}

bool is_staged(const Mirror& mirror, const Clone& clone, const ObjectId& head, const Desk& desk) {
  const auto index = clone.tree() / ".git" / "index";
  if (!fs::is_regular_file(fs::symlink_status(index)))
    throw Error(Code::invalid, "its index is no file");
  const auto copy = desk / "staged";
  write_atomically(copy, read_file(index, kLargestIndex), 0600);
  auto command = mirror.command({"diff-index", "--cached", "--quiet", head.text(), "--"});
  command.environment = {{"GIT_INDEX_FILE", copy.string()}};
  command.limit = kLimit;
  return mirror.git().run(command).status != 0;
}

GitCommand look_at_files(const Mirror& mirror, const Clone& clone, const Desk& desk,
                         std::vector<std::string> arguments) {
  auto look = mirror.command(std::move(arguments));
  look.environment = {{"GIT_INDEX_FILE", (desk / "index").string()}};
  look.work_tree = clone.tree();
  look.limit = kLimit;
  return look;
}

// The first file that is not as in `head`; empty when there is none.
std::string first_change(const Mirror& mirror, const Clone& clone, const ObjectId& head,
                         const Desk& desk) {
  check_tree_files(clone);
  auto read = mirror.command({"read-tree", head.text()});
  read.environment = {{"GIT_INDEX_FILE", (desk / "index").string()}};
  (void)mirror.git().must(read, "reading the tree of a clone's HEAD");
  auto look = look_at_files(
      mirror, clone, desk,
      {"ls-files", "-z", "--modified", "--deleted", "--others", "--exclude-standard"});
  std::string found;
  look.sink = [&](std::string_view piece) {
    found.append(piece.substr(0, 4096));
    return false;
  };
  const auto ending = mirror.git().run(look);
  if (!found.empty()) return shown_path(found.substr(0, found.find('\0')));
  // What can't be read is told there, and the status is 0 all the same.
  if (ending.status != 0 || !ending.errors.empty())
    throw Error(Code::io, "its files can't be compared: " + ending.errors);
  return {};
}

// The first file that is left out by a .gitignore which is in no commit, if there is one. Such a
// file could leave out itself and all the work besides. REQUIRES: first_change() found none, so
// that each .gitignore is as in HEAD or is left out as well.
std::string first_hidden(const Mirror& mirror, const Clone& clone, const Desk& desk) {
  auto list = look_at_files(mirror, clone, desk,
                            {"ls-files", "-z", "--others", "--ignored", "--exclude-standard"});
  list.most_output = kMostIgnored;
  const auto left_out = mirror.git().must(list, "listing what a clone ignores");
  std::set<std::string_view> names;
  std::string asked;
  each_part(left_out, [&](std::string_view name) {
    names.insert(name);
    // A name that begins with ':' would be taken for more than a name.
    asked.append("./").append(name).push_back('\0');
  });
  if (names.empty()) return {};
  auto ask = look_at_files(mirror, clone, desk, {"check-ignore", "-z", "--stdin", "--verbose"});
  const auto input = memory_file(asked);
  ask.input = input.get();
  // Source, line, pattern and name of each.
  std::array<std::string, 4> fields;
  std::size_t at = 0;
  std::string kept, hidden;
  ask.sink = [&](std::string_view piece) {
    kept.append(piece);
    kept.erase(0, each_part(kept, [&](std::string_view field) {
                 fields[at] = field;
                 at = (at + 1) % fields.size();
                 if (at == 0 && hidden.empty() && names.contains(fields[0]))
                   hidden = fields[3].substr(2);
               }));
    return hidden.empty();
  };
  (void)mirror.git().must(ask, "looking why a clone ignores files");
  return hidden.empty() ? std::string() : shown_path(hidden);
}

CloneState judge(const Mirror& mirror, const Clone& clone) {
  const auto git_dir = clone.tree() / ".git";
  if (!fs::is_directory(fs::symlink_status(git_dir))) return kept(".git is no folder");
  for (const char* name : kUnfinished)
    if (fs::exists(fs::symlink_status(git_dir / name)))
      return kept(fmt::format(".git/{} is there", name));
  const auto refs = read_refs(git_dir);
  const auto head = refs.ids.find("HEAD");
  if (head == refs.ids.end()) return kept("HEAD has no commit");
  if (!all_in_mirror(mirror, refs)) return kept(first_missing(mirror, refs) + " was not imported");
  const Desk desk(clone);
  if (is_staged(mirror, clone, head->second, desk)) return kept("changes are staged");
  const auto change = first_change(mirror, clone, head->second, desk);
  if (!change.empty()) return kept(change + " is not committed");
  const auto hidden = first_hidden(mirror, clone, desk);
  if (!hidden.empty()) return kept(hidden + " is left out by a .gitignore that is not committed");
  return {true, {}};
}

}  // namespace

CloneState inspect(const Mirror& mirror, const Clone& clone) {
  try {
    return judge(mirror, clone);
  } catch (const Error& error) {
    return kept(error.message());
  } catch (const fs::filesystem_error& failed) {
    return kept(failed.what());
  }
}

}  // namespace host::workspaces
