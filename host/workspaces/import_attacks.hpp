// SPDX-License-Identifier: Apache-2.0
//
// For tests: what an agent may plant in its clone to get at the host, by what it attacks with.
#pragma once

#include <functional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "workspaces/git_fixture.hpp"
#include "workspaces/import.hpp"

namespace host::workspaces {

// What an attack has to work with.
struct Ground {
  Clone clone;
  fs::path canary;  // a program that says when it was run
  fs::path forge;   // the repository behind the forge

  [[nodiscard]] fs::path tree() const { return clone.tree(); }
  [[nodiscard]] fs::path git_dir() const { return clone.tree() / ".git"; }

  std::string git(std::vector<std::string> arguments, std::string_view input = {}) const {
    return plain_git(tree(), std::move(arguments), input);
  }
  [[nodiscard]] std::string blob(std::string_view content) const {
    return git({"hash-object", "-w", "--stdin"}, content).substr(0, 40);
  }
  void config(const char* key, const std::string& value) const {
    git({"config", "--add", key, value});
  }
  void commit_file(const fs::path& file, std::string_view content) const {
    put(tree() / file, content);
    commit_all();
  }
  void commit_all() const {
    git({"add", "--all", "--force"});
    git({"-c", "core.hooksPath=/dev/null", "commit", "--quiet", "--allow-empty", "-m", "work"});
  }
  // Commits the tree of HEAD with one more entry ("100644 blob ID\tNAME"), which git itself might
  // never make.
  void commit_entry(const std::string& entry) const {
    std::string lines = git({"ls-tree", "-z", "HEAD"});
    commit_tree(git({"mktree", "-z", "--missing"}, lines + entry + std::string(1, '\0')));
  }
  void commit_tree(const std::string& id) const {
    const auto commit = git({"commit-tree", "-p", "HEAD", "-m", "work", id.substr(0, 40)});
    git({"update-ref", "HEAD", commit.substr(0, 40)});
  }
  void hook(const char* name) const {
    put(git_dir() / "hooks" / name, "#!/bin/sh\nexec '" + canary.string() + "' hook\n");
    fs::permissions(git_dir() / "hooks" / name, fs::perms::owner_all);
  }
  // A bundle of the agent's own making.
  void write_bundle(std::string_view bytes) const { put(clone.bundle(), bytes); }
};

struct Attack {
  const char* name;
  std::function<void(Ground&)> plant;
  const char* outcome;  // in what the host says; "taken": the commits are fine, and go out
  bool own_bundle = false;
  ImportRules rules = open_rules();
};

inline std::ostream& operator<<(std::ostream& out, const Attack& attack) {
  return out << attack.name;
}

[[nodiscard]] std::vector<Attack> attacks_by_configuration();
[[nodiscard]] std::vector<Attack> attacks_by_tree();
[[nodiscard]] std::vector<Attack> attacks_by_size();
[[nodiscard]] std::vector<Attack> attacks_by_history();
[[nodiscard]] std::vector<Attack> attacks_by_bundle();

}  // namespace host::workspaces
