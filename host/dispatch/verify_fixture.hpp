// SPDX-License-Identifier: Apache-2.0
//
// For tests of verify with real git: a forge whose repository brings .timmy/verify, an agent's
// clone, and its work as the host takes it in.
#pragma once

#include <string>
#include <string_view>

#include "dispatch/import_rules.hpp"
#include "dispatch/playbook_fixture.hpp"
#include "dispatch/verify.hpp"
#include "dispatch/verify_clone.hpp"
#include "workspaces/git_fixture.hpp"
#include "workspaces/import.hpp"

namespace host::dispatch {

inline Playbook playbook_with(const std::string& more) {
  return parse_playbook(playbook_text("p", more), "/f/p.yaml");
}

// The check of that name; fails when there is none.
inline Check check_named(const WorkVerdict& verdict, std::string_view name) {
  for (const auto& check : verdict.checks)
    if (check.name == name) return check;
  ADD_FAILURE() << "no check \"" << name << "\"";
  return {};
}

inline std::string failed_checks(const WorkVerdict& verdict) {
  std::string names;
  for (const auto& check : verdict.checks)
    if (check.state == Check::State::failed) names += (names.empty() ? "" : ", ") + check.name;
  return names;
}

// Work that was not taken in is in no mirror, so no check but this can be made of it.
inline WorkVerdict refused_import(const workspaces::ImportResult& result) {
  std::string evidence;
  for (const auto& problem : result.problems)
    evidence += (problem.path.empty() ? "" : problem.path + ": ") + problem.text + "\n";
  return {{{"import", Check::State::failed, "the commits hold what may not be taken in", evidence}},
          {}};
}

// Runs .timmy/verify, which runs tests/run and must say how many tests passed.
inline constexpr const char* kGates = R"(
gates:
  commands: [{ name: verify, run: [.timmy/verify], timeout: 30s }]
  tests: [{ command: verify, pattern: "[1-9][0-9]* passed" }]
)";

class VerifyTest : public workspaces::ForgeTest {
 protected:
  void SetUp() override {
    ForgeTest::SetUp();
    if (IsSkipped()) return;
    put_program(person() / ".timmy" / "verify", "#!/bin/sh\nexec sh tests/run\n");
    workspaces::put(person() / "tests" / "run", "grep -q 'return 0' src/main.c && echo 3 passed\n");
    person_commits("tests");
    fetch();
    clone_ = make_clone();
  }

  static void put_program(const std::filesystem::path& path, std::string_view text) {
    workspaces::put(path, text);
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  }
  [[nodiscard]] std::filesystem::path tree() const { return clone_->tree(); }
  void mend() const {
    workspaces::put(tree() / "src" / "main.c", "int main(void) { return 0; }\n");
  }

  // What the host makes of what is committed in the clone.
  WorkVerdict verify(const Playbook& playbook = playbook_with(kGates), const Lane& lane = {}) {
    if (!bundle(*clone_)) return no_work();
    auto rules = import_rules(playbook, lane);
    rules.closes = item().number;
    const auto result = take_in(*clone_, rules);
    if (!result.problems.empty()) return refused_import(result);
    const VerifyClone fresh(*clones_, *mirror_, item(), clone_->record.branch, "main", result.head);
    const VerifyRequest request{.playbook = &playbook,
                                .lane = &lane,
                                .mirror = &*mirror_,
                                .repository = std::string(workspaces::kRepository),
                                .number = item().number,
                                .base = clone_->record.base,
                                .head = result.head,
                                .base_branch = "main",
                                .tree = fresh.tree(),
                                .author = "agent@example.org",
                                .models = models_,
                                .banned = &banned_,
                                .redactor = &redactor_};
    return verify_work(request, cage_);
  }

  std::optional<workspaces::Clone> clone_;
  std::vector<UsedModel> models_;
  BannedModels banned_;
  Redactor redactor_;
};

}  // namespace host::dispatch
