// SPDX-License-Identifier: Apache-2.0
#include "workspaces/import_checks.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "workspaces/git_path.hpp"

namespace host::workspaces {
namespace {

constexpr std::size_t kMostProblems = 50;
constexpr std::size_t kLongestTarget = 4096;
constexpr std::string_view kFile = "100644";
constexpr std::string_view kProgram = "100755";
constexpr std::string_view kLink = "120000";
constexpr std::string_view kSubmodule = "160000";

void add_problem(ImportResult& result, std::string_view path, std::string text) {
  ImportProblem problem{shown_path(path), std::move(text)};
  const auto& all = result.problems;
  if (all.size() < kMostProblems && std::find(all.begin(), all.end(), problem) == all.end())
    result.problems.push_back(std::move(problem));
}

std::string lines_of(const std::vector<ObjectId>& ids) {
  std::string text;
  for (const auto& id : ids) text += id.text() + "\n";
  return text;
}

// A commit and its parents, as git rev-list --parents prints them.
ObjectId check_commit(std::string_view line, const NewObjects& objects) {
  const auto id = ObjectId::parse(line.substr(0, 40));
  if (!id) throw Error(Code::corrupt, "git rev-list prints what it should not");
  const auto object = objects.find(id->text());
  if (object == objects.end() || object->second.type != "commit")
    throw Error(Code::invalid,
                fmt::format("commit {} is neither new nor behind the base", id->text()),
                "Work on the clone's own branch, and merge nothing but it.");
  if (line.size() < 81)
    throw Error(Code::invalid, fmt::format("commit {} has no parent", id->text()),
                "Commit on top of the clone's branch, not beside it.");
  return *id;
}

std::uint64_t size_of(const NewObjects& objects, const ObjectId& id) {
  const auto object = objects.find(id.text());
  return object == objects.end() ? 0 : object->second.bytes;
}

void check_kind(const TreeChange& change, const ImportRules& rules, ImportResult& result) {
  if (change.mode == kSubmodule) {
    if (!rules.submodules) add_problem(result, change.path, "is a submodule");
  } else if (change.mode != kFile && change.mode != kProgram && change.mode != kLink) {
    add_problem(result, change.path, "has mode " + change.mode);
  } else if (is_gitmodules(change.path)) {
    if (!rules.submodules) add_problem(result, change.path, "sets up submodules");
    if (change.mode == kLink) add_problem(result, change.path, "may be no symbolic link");
  }
}

void check_change(const NewObjects& objects, const TreeChange& change, const ImportRules& rules,
                  ImportResult& result) {
  if (rules.denied)
    if (const auto why = rules.denied(change.path)) add_problem(result, change.path, *why);
  if (change.status == 'D') return;
  if (const auto fault = path_fault(change.path)) add_problem(result, change.path, *fault);
  check_kind(change, rules, result);
  const auto size = size_of(objects, change.id);
  if (size > rules.limits.blob_bytes)
    add_problem(result, change.path,
                fmt::format("is {} bytes, and {} are the most", size, rules.limits.blob_bytes));
}

// The content of small blobs, by name, as git cat-file --batch prints them.
std::map<std::string, std::string> contents_in(std::string_view text, std::size_t count) {
  std::map<std::string, std::string> contents;
  for (; count > 0; --count) {
    const auto end = text.find('\n');
    const auto [type, size] = [&] {
      const auto line = text.substr(0, end);
      const auto blank = line.rfind(' ');
      if (end == text.npos || blank == line.npos || blank < 41)
        throw Error(Code::corrupt, "a symbolic link's target is missing");
      return std::pair(line.substr(41, blank - 41),
                       std::stoull(std::string(line.substr(blank + 1))));
    }();
    if (type != "blob" || text.size() < end + 1 + size + 1)
      throw Error(Code::corrupt, "a symbolic link is no file");
    contents.emplace(text.substr(0, 40), text.substr(end + 1, size));
    text.remove_prefix(end + 1 + size + 1);
  }
  return contents;
}

std::map<std::string, std::string> targets_of(const Quarantine& quarantine,
                                              const std::vector<const TreeChange*>& links) {
  std::vector<ObjectId> ids;
  for (const auto* link : links) ids.push_back(link->id);
  const auto input = memory_file(lines_of(ids));
  auto read = quarantine.command({"cat-file", "--batch"});
  read.input = input.get();
  read.most_output = links.size() * (kLongestTarget + 100);
  return contents_in(quarantine.must(read, "reading symbolic links"), ids.size());
}

void check_links(const Quarantine& quarantine, const NewObjects& objects,
                 const std::vector<TreeChange>& changes, ImportResult& result) {
  std::vector<const TreeChange*> links;
  for (const auto& change : changes) {
    if (change.mode != kLink) continue;
    if (size_of(objects, change.id) > kLongestTarget)
      add_problem(result, change.path, "leads nowhere");
    else
      links.push_back(&change);
  }
  if (links.empty()) return;
  const auto targets = targets_of(quarantine, links);
  for (const auto* link : links)
    if (const auto fault = link_fault(link->path, targets.at(link->id.text())))
      add_problem(result, link->path, *fault);
}

// Calls each(part) with "a", "a/b", "a/b/c" for "a/b/c".
template <class Each>
void each_ancestor(std::string_view path, const Each& each) {
  for (auto slash = path.find('/'); slash != path.npos; slash = path.find('/', slash + 1))
    each(path.substr(0, slash));
  each(path);
}

}  // namespace

std::vector<ObjectId> check_history(const Quarantine& quarantine, const NewObjects& objects,
                                    const ObjectId& head, const ObjectId& base,
                                    const ImportLimits& limits) {
  auto descends = quarantine.command({"merge-base", "--is-ancestor", base.text(), head.text()});
  if (quarantine.run(descends).status != 0)
    throw Error(Code::invalid,
                fmt::format("commit {} does not descend from {}", head.text(), base.text()),
                "Commit on top of the clone's branch; do not rewrite what was there.");
  auto list = quarantine.command({"rev-list", "--parents",
                                  fmt::format("--max-count={}", limits.commits + 1), head.text(),
                                  "^" + base.text()});
  const auto text = quarantine.must(list, "listing the work's commits");
  std::vector<ObjectId> commits;
  for (std::string_view rest = text; !rest.empty();) {
    const auto line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    commits.push_back(check_commit(line, objects));
  }
  if (commits.size() > limits.commits)
    throw Error(Code::too_large, fmt::format("the work has more than {} commits", limits.commits),
                "Squash them.");
  return commits;
}

std::vector<TreeChange> changes_of(const Quarantine& quarantine,
                                   const std::vector<ObjectId>& commits,
                                   const ImportLimits& limits) {
  const auto input = memory_file(lines_of(commits));
  auto diff = quarantine.command({"diff-tree", "--stdin", "-m", "-r", "-z", "--root", "--raw",
                                  "--no-abbrev", "--no-renames", "--no-commit-id"});
  diff.input = input.get();
  std::vector<TreeChange> all;
  TreeChanges reader;
  diff.sink = [&](std::string_view piece) {
    return reader.take(piece, [&](TreeChange change) {
      all.push_back(std::move(change));
      return all.size() <= limits.changed_paths;
    });
  };
  (void)quarantine.must(diff, "looking at what the work changes");
  if (all.size() > limits.changed_paths)
    throw Error(Code::too_large,
                fmt::format("the work changes more than {} paths", limits.changed_paths),
                "Leave built files and data out of the commits.");
  if (!reader.ended()) throw Error(Code::corrupt, "git diff-tree ends in the middle");
  return all;
}

void check_changes(const Quarantine& quarantine, const NewObjects& objects,
                   const std::vector<TreeChange>& changes, const ImportRules& rules,
                   ImportResult& result) {
  for (const auto& change : changes) {
    result.changed.insert(change.path);
    check_change(objects, change, rules, result);
  }
  check_links(quarantine, objects, changes, result);
}

void check_case(const Quarantine& quarantine, const std::vector<TreeChange>& changes,
                const ImportLimits& limits, ImportResult& result) {
  std::map<std::string, std::set<std::string>> spellings;  // by the folded path
  for (const auto& change : changes)
    if (change.status == 'A')
      each_ancestor(change.path, [&](std::string_view part) { spellings[folded(part)]; });
  if (spellings.empty()) return;
  std::size_t paths = 0;
  std::string kept;
  auto list = quarantine.command({"ls-tree", "-r", "-z", "--name-only", result.head.text()});
  list.sink = [&](std::string_view piece) {
    kept.append(piece);
    std::size_t at = 0;
    for (auto end = kept.find('\0'); end != kept.npos; end = kept.find('\0', at)) {
      each_ancestor(std::string_view(kept).substr(at, end - at), [&](std::string_view part) {
        if (const auto found = spellings.find(folded(part)); found != spellings.end())
          found->second.insert(std::string(part));
      });
      at = end + 1;
      ++paths;
    }
    kept.erase(0, at);
    return paths <= limits.tree_paths;
  };
  (void)quarantine.must(list, "listing the work's tree");
  if (paths > limits.tree_paths)
    throw Error(Code::too_large,
                fmt::format("the work's tree has more than {} paths", limits.tree_paths));
  for (const auto& [part, as] : spellings)
    if (as.size() > 1)
      add_problem(result, *as.begin(),
                  fmt::format("differs from {} only in the case of letters",
                              shown_path(*std::next(as.begin()))));
}

}  // namespace host::workspaces
