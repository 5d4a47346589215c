// SPDX-License-Identifier: Apache-2.0
#include "workspaces/import_checks.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/bounded_process.hpp"
#include "base/error.hpp"
#include "workspaces/git_path.hpp"
#include "workspaces/import_lines.hpp"

namespace host::workspaces {
namespace {

constexpr std::size_t kLongestTarget = 4096;
constexpr std::string_view kFile = "100644";
constexpr std::string_view kProgram = "100755";
constexpr std::string_view kLink = "120000";
constexpr std::string_view kSubmodule = "160000";

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
  if (object == objects.end() || object->second.type != "commit" || object->second.completes)
    throw Error(Code::invalid,
                fmt::format("commit {} is neither new nor behind the base", id->text()),
                "Work on the clone's own branch, and merge nothing but it.");
  if (line.size() < 81)
    throw Error(Code::invalid, fmt::format("commit {} has no parent", id->text()),
                "Commit on top of the clone's branch, not beside it.");
  return *id;
}

bool is_file(const TreeChange& change) { return change.status != 'D' && change.mode != kSubmodule; }

// Of the changes' files, by name. The mirror may have them, from before or from elsewhere.
NewObjects files_of(const Quarantine& quarantine, const std::vector<TreeChange>& changes) {
  std::set<ObjectId> ids;
  for (const auto& change : changes)
    if (is_file(change)) ids.insert(change.id);
  return ids.empty() ? NewObjects() : quarantine.look_up({ids.begin(), ids.end()});
}

void check_sizes(const NewObjects& files, const std::vector<TreeChange>& changes,
                 const ImportLimits& limits, ImportResult& result) {
  std::set<std::pair<std::string_view, std::string_view>> counted;
  std::uint64_t all = 0;
  for (const auto& change : changes) {
    if (!is_file(change) || !counted.emplace(change.path, change.id.text()).second) continue;
    const auto bytes = files.at(change.id.text()).bytes;
    all += bytes;
    if (bytes > limits.blob_bytes)
      add_problem(result, change.path,
                  fmt::format("is {} bytes, and {} are the most", bytes, limits.blob_bytes));
  }
  if (all > limits.unpacked_bytes)
    throw Error(Code::too_large,
                fmt::format("the work's files are {} bytes together, and {} are the most", all,
                            limits.unpacked_bytes),
                "Leave built files and data out of the commits.");
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

void check_rules(const TreeChange& change, const ImportRules& rules, ImportResult& result) {
  if (!rules.denied)
    return add_problem(result, change.path, "may not be touched: no rule allows it");
  if (const auto why = rules.denied(change.path)) return add_problem(result, change.path, *why);
  const bool leads_away =
      change.status != 'D' && (change.mode == kLink || change.mode == kSubmodule);
  if (!leads_away || !rules.denied_link) return;
  if (const auto why = rules.denied_link(change.path)) add_problem(result, change.path, *why);
}

void check_change(const TreeChange& change, const ImportRules& rules, ImportResult& result) {
  check_rules(change, rules, result);
  if (change.status == 'D') return;
  if (const auto fault = path_fault(change.path)) add_problem(result, change.path, *fault);
  check_kind(change, rules, result);
}

void check_links(const Quarantine& quarantine, const NewObjects& files,
                 const std::vector<TreeChange>& changes, ImportResult& result) {
  std::vector<const TreeChange*> links;
  std::set<ObjectId> ids;
  for (const auto& change : changes) {
    if (change.mode != kLink) continue;
    if (files.at(change.id.text()).bytes > kLongestTarget) {
      add_problem(result, change.path, "leads nowhere");
      continue;
    }
    links.push_back(&change);
    ids.insert(change.id);
  }
  if (links.empty()) return;
  const auto targets = quarantine.contents({ids.begin(), ids.end()}, "blob", kLongestTarget);
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

void add_problem(ImportResult& result, std::string_view path, std::string text) {
  constexpr std::size_t kMost = 50;
  ImportProblem problem{shown_path(path), std::move(text)};
  const auto& all = result.problems;
  if (all.size() < kMost && std::find(all.begin(), all.end(), problem) == all.end())
    result.problems.push_back(std::move(problem));
}

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
  each_line(text, [&](std::string_view line) { commits.push_back(check_commit(line, objects)); });
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

void check_changes(const Quarantine& quarantine, const std::vector<TreeChange>& changes,
                   const ImportRules& rules, ImportResult& result) {
  for (const auto& change : changes) {
    result.changed.insert(change.path);
    check_change(change, rules, result);
  }
  const auto files = files_of(quarantine, changes);
  check_sizes(files, changes, rules.limits, result);
  check_links(quarantine, files, changes, result);
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
