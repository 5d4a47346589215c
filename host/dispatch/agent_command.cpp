// SPDX-License-Identifier: Apache-2.0
#include "dispatch/agent_command.hpp"

#include <fmt/format.h>

#include <set>

#include "base/error.hpp"
#include "dispatch/agent_scratch.hpp"

namespace host::dispatch {
namespace {

namespace fs = std::filesystem;

class CommandAgent final : public Agent {
 public:
  CommandAgent(AgentSettings settings, AgentPlaces places, fs::path program)
      : settings_(std::move(settings)), places_(std::move(places)), program_(std::move(program)) {}

  [[nodiscard]] std::string description() const override { return program_.string(); }

  [[nodiscard]] AgentLaunch launch(const AgentTask& task) const override {
    auto launch = bare_launch(task, places_);
    launch.arguments = {program_.string()};
    if (settings_.arguments)
      launch.arguments.insert(launch.arguments.end(), settings_.arguments->begin(),
                              settings_.arguments->end());
    if (!settings_.model.empty()) launch.environment["OPENAI_MODEL"] = settings_.model;
    add_program(launch);
    if (settings_.prompt_by == "file") {
      launch.files.push_back({prompt_file(task), task.prompt});
      launch.arguments.push_back(prompt_file(task).string());
    } else {
      launch.input = task.prompt;
    }
    return launch;
  }

 private:
  // With the folder that it really lies in: what it is made of mostly lies beside it.
  void add_program(AgentLaunch& launch) const {
    const auto real = fs::canonical(program_);
    for (const auto& path : std::set{program_, real, real.parent_path()})
      if (is_fit_to_show(path, places_)) launch.readable.push_back(path);
  }

  AgentSettings settings_;
  AgentPlaces places_;
  fs::path program_;
};

}  // namespace

std::unique_ptr<Agent> make_command(const AgentSettings& settings, const AgentPlaces& places) {
  const auto program = program_of(settings, places);
  if (!is_program(program))
    throw Error(Code::not_found,
                fmt::format("there is no program \"{}\" that the host may run", program.string()),
                "Install the agent, or mend agent.program in agent-lanes.json.");
  return std::make_unique<CommandAgent>(settings, places, program);
}

}  // namespace host::dispatch
