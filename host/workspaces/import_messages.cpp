// SPDX-License-Identifier: Apache-2.0
#include "workspaces/import_messages.hpp"

#include <fmt/format.h>
#include <re2/re2.h>

#include "workspaces/git_path.hpp"
#include "workspaces/import_checks.hpp"

namespace host::workspaces {
namespace {

constexpr std::uint64_t kLargest = 65536;

// The words of Gitea, Forgejo, GitLab and GitHub, and the ways in which they name an issue.
const RE2& closing() {
  static const RE2 pattern(
      R"((?i)(?:^|[^\pL\pN_]))"
      R"(((?:clos(?:e|es|ed|ing)|fix(?:es|ed|ing)?|resolv(?:e|es|ed|ing)|)"
      R"(implement(?:s|ed|ing)?|reopen(?:s|ed|ing)?):?\s+)"
      R"(((?:https?://\S*?|[\w.-]+/[\w.-]+)?(?:[#!]|gh-|/(?:issues|pulls?|merge_requests)/)[0-9]+)))");
  return pattern;
}

// Of a commit as git keeps it: headers, an empty line, the message.
struct Parts {
  std::string_view headers, message;
};

Parts parts_of(std::string_view commit) {
  const auto end = commit.find("\n\n");
  if (end == commit.npos) return {commit, {}};
  return {commit.substr(0, end + 1), commit.substr(end + 2)};
}

bool is_utf8(std::string_view headers) {
  static const RE2 encoding(R"((?im)^encoding (.*)$)");
  std::string name;
  return !RE2::PartialMatch({headers.data(), headers.size()}, encoding, &name) ||
         RE2::FullMatch(name, "(?i)utf-?8|us-ascii|ascii");
}

}  // namespace

std::optional<std::string> closing_words(std::string_view message, std::int64_t closes) {
  const auto own = fmt::format("#{}", closes);
  re2::StringPiece rest(message.data(), message.size());
  std::string words, reference;
  while (RE2::FindAndConsume(&rest, closing(), &words, &reference))
    if (closes == 0 || reference != own) return words;
  return std::nullopt;
}

void check_messages(const Quarantine& quarantine, const std::vector<ObjectId>& commits,
                    std::int64_t closes, ImportResult& result) {
  std::vector<ObjectId> small;
  const auto sizes = quarantine.look_up(commits);
  const auto complain = [&](const ObjectId& id, const std::string& what) {
    add_problem(result, "", fmt::format("commit {} {}", id.text().substr(0, 12), what));
  };
  for (const auto& id : commits)
    if (sizes.at(id.text()).bytes > kLargest)
      complain(id, "has a message of more than 64 KiB");
    else
      small.push_back(id);
  const auto contents = quarantine.contents(small, "commit", kLargest);
  for (const auto& id : small) {
    const auto [headers, message] = parts_of(contents.at(id.text()));
    if (!is_utf8(headers)) complain(id, "has a message that is not in UTF-8");
    if (const auto words = closing_words(message, closes))
      complain(id, fmt::format("says \"{}\", which would close or reopen it at the forge",
                               shown_path(*words)));
  }
}

}  // namespace host::workspaces
