// SPDX-License-Identifier: Apache-2.0
//
// For tests of agents: a machine with a home, a Hermes that is a script, and a clone.
#pragma once

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/file.hpp"
#include "base/test_folder.hpp"
#include "dispatch/agent.hpp"
#include "dispatch/agent_hermes_recorded.hpp"

namespace host::dispatch {

class AgentTest : public ::testing::Test {
 protected:
  AgentTest() {
    for (const auto& folder : {home(), hermes_home(), tree(), scratch()})
      std::filesystem::create_directories(folder);
  }

  [[nodiscard]] std::filesystem::path home() const { return folder_ / "home"; }
  [[nodiscard]] std::filesystem::path hermes_home() const { return home() / ".hermes"; }
  [[nodiscard]] std::filesystem::path tree() const { return folder_ / "clone" / "tree"; }
  [[nodiscard]] std::filesystem::path scratch() const { return folder_ / "scratch"; }

  [[nodiscard]] AgentPlaces places() const {
    return {home(), hermes_home(), (folder_ / "bin").string() + ":/usr/bin:/bin"};
  }
  [[nodiscard]] AgentTask task(const std::string& prompt = "Fix it.") const {
    AgentTask task;
    task.run = "12.1";
    task.prompt = prompt;
    task.tree = tree();
    task.scratch = scratch();
    task.report_file = scratch() / "report.md";
    task.model_url = "http://127.0.0.1:7999/v1";
    task.model_key = Secret("run-key-5f2c");
    return task;
  }

  // A file that may be run, with its folders.
  std::filesystem::path program(const std::filesystem::path& path,
                                const std::string& text = "#!/bin/sh\n") const {
    write(path, text);
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    return path;
  }
  static void write(const std::filesystem::path& path, const std::string& text) {
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
  }

  // What Hermes answers when it is asked, without a process.
  struct Answers {
    std::string version;
    std::string help;
    std::string chat_help;
  };
  // As one of this version did; `version`: what it says to --version instead.
  [[nodiscard]] static Answers answers_of(const std::string& recorded,
                                          const std::string& version = {}) {
    const RecordedHermes hermes(recorded);
    return {version.empty() ? hermes.output("--version") : version, hermes.output("--help"),
            hermes.output("chat --help")};
  }
  [[nodiscard]] static AgentProbe answering(Answers answers) {
    return [answers = std::move(answers)](const AgentLaunch& launch) -> ProbeAnswer {
      const std::vector<std::string> asked(launch.arguments.begin() + 1, launch.arguments.end());
      if (asked == std::vector<std::string>{"--version"}) return {true, 0, answers.version};
      if (asked == std::vector<std::string>{"--help"}) return {true, 0, answers.help};
      return {true, 0, answers.chat_help};
    };
  }
  static AgentProbe no_probe() {
    return [](const AgentLaunch&) -> ProbeAnswer {
      ADD_FAILURE() << "nothing is to be asked";
      return {};
    };
  }

  TestFolder folder_;
};

inline AgentSettings command_settings(const std::string& program) {
  AgentSettings settings;
  settings.kind = AgentKind::command;
  settings.program = program;
  return settings;
}

inline AgentSettings hermes_settings() {
  AgentSettings settings;
  settings.kind = AgentKind::hermes;
  settings.model = "small-1";
  return settings;
}

}  // namespace host::dispatch
