// SPDX-License-Identifier: Apache-2.0
//
// A forge with one repository, which has an issue that is ready for an agent, and a playbook that
// takes it: main.txt is to say "return 0", and the gate looks whether it does.
#pragma once

#include <gmock/gmock.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/file.hpp"
#include "e2e/provider.hpp"
#include "forge/git_http.hpp"

namespace host::faults {

class DispatchBench : public ModelHostBench {
 protected:
  static constexpr const char* kRepo = "demo/app";

  void SetUp() override {
    namespace fs = std::filesystem;
    if (::access("/usr/bin/git", X_OK) != 0) GTEST_SKIP() << "no /usr/bin/git here";
    fs::create_directories(git_root() / "demo");
    git("git init --quiet --bare --initial-branch=main " + bare());
    git("git -C " + bare() + " config http.receivepack true");
    git("git init --quiet --initial-branch=main " + person());
    put(folder_ / "person" / "main.txt", "return 1\n");
    put(folder_ / "person" / ".timmy" / "verify",
        "#!/bin/sh\ngrep -q 'return 0' main.txt && echo 3 passed\n", 0755);
    git("git -C " + person() + " add --all && git -C " + person() +
        " -c user.name=P -c user.email=p@example.org commit --quiet -m first && git -C " +
        person() + " push --quiet " + bare() + " HEAD:main");
    put(paths_.playbooks() / "fixer.yaml", playbook());
    lane_is("code", command_in("agent"));
    write_config(fixer_on());
    forge_.with([&](forge::Forge& forge) {
      forge.git_root = git_root();
      take_branches(forge.state, git_root(), kRepo);
      auto& repo = *forge.state.repo(kRepo);
      const auto label = forge.state.add_label(repo, "agent-ready").id;
      auto& issue = forge.state.add_issue(repo, "timmy", "It returns 1");
      issue.labels.push_back(label);
      number_ = issue.number;
    });
  }

  static std::string playbook(
      const std::string& limits = "attempts: 2, tokens: 10000, wall: 2m, stall: 20s") {
    return R"(name: fixer
description: A test.
lane: code
matching: { labels: { all: [agent-ready] } }
network: meter-only
limits: { )" +
           limits + R"( }
gates:
  commands: [{ name: verify, run: [.timmy/verify], timeout: 30s }]
  tests: [{ command: verify, pattern: "[1-9][0-9]* passed" }]
prompt: |
  Fix issue {{issue.number}}. The gates said:

  {{gates.feedback}}
)";
  }
  // What host.yaml says, so that the playbook takes work.
  static Json fixer_on() {
    return {
        {"defaults", {{"playbooks", {{"fixer", {{"enabled", true}, {"repositories", {kRepo}}}}}}}}};
  }
  // An agent that is the program "agent" of that folder.
  [[nodiscard]] Json command_in(const char* folder) const {
    return {{"kind", "command"}, {"program", (folder_ / folder / "agent").string()}};
  }
  // From now on `lane` has the agent of these settings; the other lanes stay.
  void lane_is(const std::string& lane, const Json& agent) {
    lanes_["lanes"][lane]["agent"] = agent;
    put(paths_.playbooks() / "agent-lanes.json", to_text(lanes_));
  }

  [[nodiscard]] std::filesystem::path git_root() const { return folder_ / "git"; }
  [[nodiscard]] std::string bare() const { return (git_root() / "demo" / "app.git").string(); }
  [[nodiscard]] std::string person() const { return (folder_ / "person").string(); }
  static void git(const std::string& command) { ASSERT_EQ(std::system(command.c_str()), 0); }
  static void put(const std::filesystem::path& file, const std::string& text, int mode = 0644) {
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << text;
    std::filesystem::permissions(file, static_cast<std::filesystem::perms>(mode));
  }

  Json item() {
    const Json items = client().get("/v1/items")["items"];
    return items.empty() ? Json() : items[0];
  }
  bool item_is(const std::string& state) {
    return eventually([&] {
      const Json now = item();
      return now.is_object() && now["state"] == state;
    });
  }
  std::size_t pulls() {
    std::size_t count = 0;
    forge_.with([&](forge::Forge& forge) { count = forge.state.repo(kRepo)->pulls.size(); });
    return count;
  }

  Json lanes_ = Json::object();
  std::int64_t number_ = 0;
};

}  // namespace host::faults
