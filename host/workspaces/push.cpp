// SPDX-License-Identifier: Apache-2.0
#include "workspaces/push.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "workspaces/git_error.hpp"

namespace host::workspaces {
namespace {

// The line of one ref in what git push --porcelain prints: "!\tsource:target\t[rejected] (why)".
std::string_view line_of(std::string_view output, const std::string& ref) {
  const std::string target = ":" + ref + "\t";
  while (!output.empty()) {
    const auto line = output.substr(0, output.find('\n'));
    output.remove_prefix(std::min(output.size(), line.size() + 1));
    if (line.size() > 2 && line[1] == '\t' && line.find(target) != line.npos) return line;
  }
  return {};
}

std::optional<PushResult> result_in(std::string_view line, const std::string& errors) {
  if (line.empty()) return std::nullopt;
  switch (line.front()) {
    case '=': return PushResult{PushResult::Kind::already_there, {}};
    case ' ':
    case '+':
    case '*': return PushResult{PushResult::Kind::pushed, {}};
    default: break;
  }
  const auto why = one_line(line.substr(line.rfind('\t') + 1));
  if (why.find("[rejected]") != why.npos) return PushResult{PushResult::Kind::moved, why};
  if (why.find("[remote rejected]") == why.npos) return std::nullopt;
  // Another push came in between: the forge's own lock, or its look at the old value.
  for (const char* sign : {"cannot lock ref", "failed to update ref", "fetch first", "stale info"})
    if (why.find(sign) != why.npos) return PushResult{PushResult::Kind::moved, why};
  return PushResult{PushResult::Kind::refused, one_line(why + " " + errors)};
}

}  // namespace

PushResult push(const Mirror& mirror, const GitRemote& remote, const GitCredential* credential,
                const PushRequest& request) {
  check_branch(request.branch, "the branch");
  const auto ref = "refs/heads/" + request.branch;
  const auto command = mirror.remote_command(
      {"push", "--porcelain", "--no-verify", "--no-follow-tags", "--recurse-submodules=no",
       fmt::format("--force-with-lease={}:{}", ref,
                   request.expected ? request.expected->text() : std::string()),
       "--", remote.url, request.head.text() + ":" + ref},
      remote, credential);
  const auto ending = mirror.git().run(command);
  if (const auto result = result_in(line_of(ending.output, ref), ending.errors)) return *result;
  if (ending.status == 0) throw Error(Code::internal, "git push says nothing of " + ref);
  throw git_error("pushing to " + remote.repository, ending.status, ending.errors);
}

}  // namespace host::workspaces
