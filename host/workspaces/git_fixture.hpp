// SPDX-License-Identifier: Apache-2.0
//
// For tests of this room with real git: a forge with one repository, the host's mirror and clones,
// an agent with git of its own, and a program that must never run.
#pragma once

#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bounded_process.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/test_folder.hpp"
#include "workspaces/clone.hpp"
#include "workspaces/clone_bundle.hpp"
#include "workspaces/git.hpp"
#include "workspaces/git_http_server.hpp"
#include "workspaces/import.hpp"
#include "workspaces/mirror.hpp"
#include "workspaces/push.hpp"

namespace host::workspaces {

namespace fs = std::filesystem;

inline constexpr std::string_view kToken = "canary-token-9f27c1d05be84a63";
inline constexpr std::string_view kRepository = "org/app";

// git as anybody has it: its own configuration and that of the repository in force. Throws
// std::runtime_error with what it says when it fails.
inline std::string plain_git(const fs::path& folder, std::vector<std::string> arguments,
                             std::string_view input = {},
                             const std::map<std::string, std::string>& more = {}) {
  BoundedRun run;
  run.request.program = "/usr/bin/git";
  run.request.arguments = {"git"};
  run.request.arguments.insert(run.request.arguments.end(), arguments.begin(), arguments.end());
  run.request.folder = folder;
  run.request.environment = {{"PATH", "/usr/bin:/bin"},
                             {"HOME", "/nonexistent"},
                             {"GIT_CONFIG_NOSYSTEM", "1"},
                             {"GIT_AUTHOR_NAME", "Agent"},
                             {"GIT_AUTHOR_EMAIL", "agent@example.org"},
                             {"GIT_COMMITTER_NAME", "Agent"},
                             {"GIT_COMMITTER_EMAIL", "agent@example.org"}};
  for (const auto& [name, value] : more) run.request.environment[name] = value;
  const auto file = memory_file(input);
  run.input = file.get();
  std::string output;
  const auto ending = run_bounded(run, [&](std::string_view piece) {
    output.append(piece);
    return true;
  });
  if (!ending.ok()) throw std::runtime_error("git " + arguments.at(0) + ": " + ending.errors);
  return output;
}

inline ObjectId id_of(std::string text) {
  while (text.ends_with('\n')) text.pop_back();
  return ObjectId::parse(text).value();
}

inline void put(const fs::path& file, std::string_view content) {
  fs::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << content;
}

// A cage that is none.
class OpenCage final : public CagedRunner {
 public:
  BoundedEnding run(const CagedCommand& command, const OutputSink& sink) override {
    BoundedRun run;
    run.request.program = command.arguments.at(0);
    run.request.arguments = command.arguments;
    run.request.folder = command.folder;
    run.request.environment = {{"PATH", "/usr/bin:/bin"}, {"HOME", command.folder.string()}};
    for (const auto& [name, value] : command.environment) run.request.environment[name] = value;
    run.limit = command.limit;
    auto& arguments = run.request.arguments;
    const auto result = std::find(arguments.begin(), arguments.end(), kResultFile);
    if (result == arguments.end()) return run_bounded(run, sink);
    const auto file = command.folder.parent_path() / "result";
    *result = file.string();
    auto ending = run_bounded(run, [](std::string_view) { return true; });
    if (ending.ok() && !sink(read_file(file, std::size_t{64} << 20)))
      ending.kind = BoundedEnding::Kind::stopped;
    std::filesystem::remove(file);
    return ending;
  }
};

// Rules that deny nothing.
inline ImportRules open_rules() {
  ImportRules rules;
  rules.denied = [](std::string_view) { return std::nullopt; };
  return rules;
}

class WallOfTest final : public Clock {
 public:
  [[nodiscard]] WallTime wall() const override { return now; }
  [[nodiscard]] MonotonicTime monotonic() const override { return {}; }
  [[nodiscard]] Duration boot() const override { return {}; }
  WallTime now{std::chrono::hours(1)};
};

class GitTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::access("/usr/bin/git", X_OK) != 0) GTEST_SKIP() << "no /usr/bin/git here";
    git_.emplace(GitSettings{.home = folder_ / "home"});
    put(canary(), "#!/bin/sh\necho \"$0 $*\" >> '" + ran().string() + "'\nexit 0\n");
    fs::permissions(canary(), fs::perms::owner_all);
  }

  // A program that says when it was run.
  [[nodiscard]] fs::path canary() const { return folder_ / "canary"; }
  [[nodiscard]] fs::path ran() const { return folder_ / "CANARY_RAN"; }
  [[nodiscard]] std::string what_ran() const {
    return fs::exists(ran()) ? read_file(ran(), 1 << 20) : std::string();
  }

  TestFolder folder_;
  std::optional<Git> git_;
};

// With a forge: org/app, whose branch "main" holds README and src/main.c.
class ForgeTest : public GitTest {
 protected:
  void SetUp() override {
    GitTest::SetUp();
    if (IsSkipped()) return;
    plain_git("/", {"init", "--quiet", "--bare", "--initial-branch=main", forge_repo().string()});
    plain_git(forge_repo(), {"config", "http.receivepack", "true"});
    plain_git("/", {"init", "--quiet", "--initial-branch=main", person().string()});
    put(person() / "README", "an app\n");
    put(person() / "src" / "main.c", "int main(void) { return 1; }\n");
    person_commits("first");
    server_.emplace(folder_ / "forge", std::string(kToken));
    credential_.emplace(remote().url, Secret(std::string(kToken)));
    mirror_.emplace(*git_, folder_ / "host" / "mirrors" / folder_name(kRepository, 0));
    clones_.emplace(*git_, folder_ / "host" / "clones", clock_);
  }

  [[nodiscard]] fs::path forge_repo() const { return folder_ / "forge" / "org" / "app.git"; }
  // A person's own clone.
  [[nodiscard]] fs::path person() const { return folder_ / "person"; }
  [[nodiscard]] GitRemote remote(std::chrono::seconds limit = std::chrono::seconds(60)) const {
    return {.repository = std::string(kRepository),
            .url = server_->url(std::string(kRepository)),
            .limit = limit};
  }
  // Commits all that is in a person's clone and puts it onto a branch of the forge.
  ObjectId person_commits(const std::string& message, const std::string& branch = "main") {
    plain_git(person(), {"add", "--all"});
    plain_git(person(), {"commit", "--quiet", "--allow-empty", "--message", message});
    plain_git(person(), {"push", "--quiet", "--force", forge_repo().string(), "HEAD:" + branch});
    return id_of(plain_git(person(), {"rev-parse", "HEAD"}));
  }
  [[nodiscard]] std::optional<ObjectId> at_forge(const std::string& branch) const {
    try {
      return id_of(plain_git(forge_repo(), {"rev-parse", "--verify", "refs/heads/" + branch}));
    } catch (const std::runtime_error&) {
      return std::nullopt;
    }
  }

  void fetch() { mirror_->fetch(remote(), &*credential_); }

  static WorkItem item(std::int64_t number = 12) {
    return {std::string(kRepository), number, "bug-fixer"};
  }
  Clone make_clone(std::int64_t number = 12) {
    return clones_->make(
        *mirror_, {.item = item(number), .branch = branch_of(item(number)), .base_branch = "main"});
  }
  // Commits all that is in the clone, as an agent would.
  static ObjectId agent_commits(const Clone& clone, const std::string& message = "work") {
    plain_git(clone.tree(), {"add", "--all"});
    plain_git(clone.tree(), {"commit", "--quiet", "--allow-empty", "--message", message});
    return id_of(plain_git(clone.tree(), {"rev-parse", "HEAD"}));
  }

  bool bundle(const Clone& clone) {
    return bundle_work(cage_, *git_, clone, std::uint64_t{64} << 20);
  }
  // As a host that knows what was taken in before.
  ImportResult take_in(const Clone& clone, const ImportRules& rules = open_rules()) {
    return import_work(*mirror_, {.bundle = clone.bundle(),
                                  .base = clone.record.base,
                                  .branch = clone.record.branch,
                                  .expected = mirror_->work_head(clone.record.branch),
                                  .rules = rules});
  }
  PushResult push_head(const ObjectId& head, std::optional<ObjectId> expected = {}) {
    return push(*mirror_, remote(), &*credential_, {head, branch_of(item()), std::move(expected)});
  }

  WallOfTest clock_;
  OpenCage cage_;
  std::optional<GitHttpServer> server_;
  std::optional<GitCredential> credential_;
  std::optional<Mirror> mirror_;
  std::optional<Clones> clones_;
};

// The Error that `work` throws; always one, so that a test which sees none fails and does not fall.
template <class Work>
std::optional<Error> error_of(const Work& work) {
  try {
    (void)work();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "no error";
  return Error(Code::internal, "no error was thrown");
}

}  // namespace host::workspaces
