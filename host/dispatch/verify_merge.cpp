// SPDX-License-Identifier: Apache-2.0
#include "dispatch/verify_merge.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "dispatch/verify_checks.hpp"
#include "workspaces/git_path.hpp"
#include "workspaces/import_quarantine.hpp"

namespace host::dispatch {
namespace {

constexpr Duration kLimit = std::chrono::minutes(5);
constexpr int kConflicts = 1;

// The name of the tree, then each path that has a conflict, with a NUL behind each.
Findings conflicts_in(std::string_view output) {
  Findings findings;
  bool tree = true;
  while (!output.empty()) {
    const auto end = std::min(output.find('\0'), output.size());
    const auto path = output.substr(0, end);
    if (!tree && path.empty()) break;
    if (!tree) findings.add(workspaces::shown_path(path));
    tree = false;
    output.remove_prefix(std::min(end + 1, output.size()));
  }
  return findings;
}

}  // namespace

Check check_merge(const workspaces::Mirror& mirror, const workspaces::ObjectId& head,
                  const std::string& base_branch) {
  const auto base = mirror.forge_head(base_branch);
  if (!base)
    throw Error(Code::not_found,
                fmt::format("the forge has no branch \"{}\" any more", base_branch),
                "Mend workspace.base of the playbook, or close the item.");
  const auto lock = mirror.lock();
  // There the tree that would come of it goes with everything else.
  const workspaces::Quarantine aside(mirror, lock.fd(), kLimit);
  const auto command = aside.command({"merge-tree", "--write-tree", "--no-messages", "--name-only",
                                      "-z", base->text(), head.text()});
  const auto ending = aside.run(command);
  if (ending.status == 0)
    return {"merge", Check::State::passed, "merges with the base without a conflict", {}};
  if (ending.status != kConflicts) (void)aside.must(command, "merging the work with its base");
  return {"merge", Check::State::failed,
          fmt::format("does not merge with the base as it is now ({})", base->text().substr(0, 12)),
          conflicts_in(ending.output).text()};
}

}  // namespace host::dispatch
