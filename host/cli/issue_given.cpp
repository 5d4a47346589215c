// SPDX-License-Identifier: Apache-2.0
#include "cli/issue_given.hpp"

#include <charconv>

#include "base/error.hpp"
#include "cli/table.hpp"

namespace host::cli {

void declare_issue(options::options_description& own,
                   options::positional_options_description& positional) {
  own.add_options()("repo", options::value<std::string>()->value_name("REPO"),
                    "owner/name (same as the argument)")(
      "issue", options::value<std::string>()->value_name("ISSUE"),
      "the number of an issue or pull request (same as the argument)");
  positional.add("repo", 1).add("issue", 1);
}

GivenIssue issue_given(const options::variables_map& given, const std::string& example) {
  const auto word = [&](const char* name) {
    return given.count(name) ? given[name].as<std::string>() : std::string();
  };
  auto repo = word("repo"), issue = word("issue");
  if (const auto hash = repo.find('#'); issue.empty() && hash != std::string::npos) {
    issue = repo.substr(hash + 1);
    repo.resize(hash);
  }
  std::int64_t number = 0;
  const auto* end = issue.data() + issue.size();
  if (std::from_chars(issue.data(), end, number).ptr != end || number <= 0 ||
      repo.find('/') == std::string::npos)
    throw Error(
        Code::usage,
        "\"" + printable(repo) + "\" and \"" + printable(issue) + "\" are no repository and issue",
        "Write owner/name and the number: " + example);
  return {repo, number};
}

}  // namespace host::cli
