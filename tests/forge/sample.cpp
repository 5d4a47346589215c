// SPDX-License-Identifier: Apache-2.0
#include "forge/sample.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "forge/git_http.hpp"

namespace host::forge {

const std::vector<SampleIssue>& sample_issues() {
  static const std::vector<SampleIssue> kIssues = {
      {kSampleRepo,
       1,
       "Crash when the config file is empty",
       "Start it with an empty `app.yaml`: it ends with signal 11.",
       "ada",
       {},
       {"bug"}},
      {kSampleRepo,
       2,
       "Typo in the readme",
       "\"recieve\" should be \"receive\".",
       "grace",
       {},
       {"documentation"}},
      {kSampleRepo,
       3,
       "Support for Unix sockets",
       "It would be nice to listen on a socket file instead of a port.",
       "ada",
       {},
       {"enhancement"}},
      {kSampleRepo,
       4,
       "How do I rotate the log?",
       "The file grows without end.",
       "linus",
       {},
       {"question"}},
      {kSampleRepo,
       5,
       "Upload fails with error 413 for files of 2 MiB",
       "Smaller ones go through.",
       "grace",
       {},
       {"bug"}},
      {kSampleRepo, 6, "Release 1.4", "Checklist for the release.", "timmy", {}, {}},
      {kSampleRepo,
       7,
       "Docs: the upgrade guide skips 1.2",
       "It goes from 1.1 to 1.3.",
       "linus",
       {"documentation"},
       {"documentation"}},
      {kSampleRepo,
       8,
       "Feature: dark mode",
       "",
       "ada",
       {"good first issue"},
       {"enhancement", "good first issue"}},
      {"demo/site",
       1,
       "The search page shows an error",
       "Searching for \"a b\" answers 500.\n\nLog:\n```\npanic: index out of range\n```",
       "ada",
       {},
       {"bug"}},
      {"demo/site", 2, "Can the menu stay open?", "", "grace", {}, {"question"}},
  };
  return kIssues;
}

namespace {

void add_labels(ForgeState& state, Repo& repo) {
  for (const auto& [name, color] : {std::pair("bug", "d73a4a"),
                                    {"documentation", "0075ca"},
                                    {"enhancement", "a2eeef"},
                                    {"good first issue", "7057ff"},
                                    {"question", "d876e3"}})
    state.add_label(repo, name, color);
}

void add_issue(ForgeState& state, const SampleIssue& sample) {
  Repo& repo = *state.repo(sample.repo);
  Issue& issue = state.add_issue(repo, sample.login, sample.title, sample.body);
  for (const auto& name : sample.carries)
    for (const auto& label : repo.labels)
      if (label.name == name) issue.labels.push_back(label.id);
}

constexpr std::string_view kReadme =
    "# app\n\nA service with some open questions. It can recieve files of up to 1 MiB.\n";
constexpr std::string_view kVerify =
    "#!/bin/sh\n# How work on this repository is checked.\n"
    "if grep -rn recieve --include='*.md' .; then exit 1; fi\necho 1 passed\n";

// A file of a commit, as git-fast-import(1) reads it.
std::string file_command(std::string_view mode, std::string_view path, std::string_view text) {
  return fmt::format("M {} inline {}\ndata {}\n{}\n", mode, path, text.size(), text);
}

}  // namespace

void seed(ForgeState& state) {
  for (const auto* login : {kSampleUser, "ada", "grace", "linus"}) state.add_user(login);
  state.add_organisation(kSampleOrganisation, {kSampleUser});
  add_labels(state, state.add_repo(kSampleRepo, "A service with some open questions"));
  add_labels(state, state.add_repo("demo/site", "Its web site"));
  state.add_repo("demo/attic", "No longer worked on").archived = true;
  for (const auto& sample : sample_issues()) add_issue(state, sample);
}

void seed_git(ForgeState& state, const std::filesystem::path& root) {
  const auto bare = (root / (std::string(kSampleRepo) + ".git")).string();
  std::filesystem::remove_all(bare);
  std::filesystem::create_directories(std::filesystem::path(bare).parent_path());
  (void)git({"init", "--quiet", "--bare", "--initial-branch=main", bare}, {});
  (void)git({"config", "http.receivepack", "true"}, {{"GIT_DIR", bare}});
  const auto commit = std::string(
                          "commit refs/heads/main\ncommitter ada <ada@example.org> 1767225600 "
                          "+0000\ndata 5\nFirst\n") +
                      file_command("100644", "README.md", kReadme) +
                      file_command("100755", ".timmy/verify", kVerify);
  (void)git({"fast-import", "--quiet"}, {{"GIT_DIR", bare}}, commit);
  take_branches(state, root, kSampleRepo);
  if (state.repo(kSampleRepo)->branches.empty())
    throw Error(Code::unavailable, "git made no repository of the sample",
                "Is there a git? It is Debian's package git.");
}

}  // namespace host::forge
