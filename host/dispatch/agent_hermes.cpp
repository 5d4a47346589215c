// SPDX-License-Identifier: Apache-2.0
#include "dispatch/agent_hermes.hpp"

#include <fmt/format.h>
#include <re2/re2.h>

#include "base/error.hpp"
#include "dispatch/agent_hermes_config.hpp"
#include "dispatch/agent_hermes_version.hpp"
#include "dispatch/agent_scratch.hpp"
#include "workspaces/git_error.hpp"

namespace host::dispatch {
namespace {

namespace fs = std::filesystem;

// Linux takes 128 KiB as one argument, its end included.
constexpr std::size_t kLongestArgument = 120 * 1024;
constexpr int kBadUsage = 2;

// The last that the tail says: what came before is the agent's own output.
std::string session_in(std::string_view tail) {
  static const RE2 kSession(
      R"re((?m)^(?:.*"session_id": ?"|session_id: )([A-Za-z0-9_-]{1,80})\b)re");
  re2::StringPiece rest(tail.data(), tail.size());
  std::string session;
  while (RE2::FindAndConsume(&rest, kSession, &session)) {
  }
  return session;
}

bool says_bad_usage(std::string_view tail) {
  return tail.find("usage: hermes") != tail.npos || tail.find("hermes: error:") != tail.npos ||
         tail.find("hermes chat: error:") != tail.npos;
}

struct Hermes {
  fs::path program;
  HermesVersion version;
  HermesWay way = HermesWay::quiet;
};

class HermesAgent final : public Agent {
 public:
  HermesAgent(AgentSettings settings, AgentPlaces places, Hermes hermes)
      : settings_(std::move(settings)), places_(std::move(places)), hermes_(std::move(hermes)) {}

  [[nodiscard]] std::string description() const override {
    return "hermes " + to_string(hermes_.version);
  }

  [[nodiscard]] std::optional<std::string> held() const override {
    return hermes_stop(places_.hermes_home);
  }

  [[nodiscard]] AgentLaunch launch(const AgentTask& task) const override {
    auto launch = bare_launch(task, places_);
    add_home(task, launch);
    launch.arguments = {hermes_.program.string()};
    switch (hermes_.way) {
      case HermesWay::stream: add_stream(task, launch); break;
      case HermesWay::oneshot: add_oneshot(task, launch); break;
      case HermesWay::quiet: add_quiet(task, launch); break;
    }
    if (settings_.arguments)
      launch.arguments.insert(launch.arguments.end(), settings_.arguments->begin(),
                              settings_.arguments->end());
    const auto files = hermes_files(hermes_.program, places_);
    launch.readable.insert(launch.readable.end(), files.begin(), files.end());
    return launch;
  }

  [[nodiscard]] AgentEnd judge(const AgentExit& exit) const override {
    auto end = Agent::judge(exit);
    end.session = session_in(exit.tail);
    // 0.19 and later: it was interrupted, and said so itself.
    if (end.kind == AgentEnd::Kind::ended && !exit.signalled && exit.number == kBadUsage &&
        says_bad_usage(exit.tail)) {
      end.kind = AgentEnd::Kind::not_usable;
      end.reason = "does not take the arguments that it was given: " + last_words(exit.tail);
    }
    return end;
  }

 private:
  // Its own HERMES_HOME: what is not there can't be read, spent or sent.
  void add_home(const AgentTask& task, AgentLaunch& launch) const {
    const auto home = task.scratch / "hermes";
    const auto operators = read_hermes_config(places_.hermes_home);
    const auto model = settings_.model.empty() ? model_in(operators) : settings_.model;
    if (model.empty())
      throw Error(Code::invalid, "Hermes has no model",
                  "Name one as agent.model, in agent-lanes.json or the playbook.");
    launch.folders.push_back(home);
    launch.folders.push_back(home / "logs");
    launch.files.push_back(
        {home / "config.yaml",
         hermes_config(operators, {model, task.model_url, task.model_key.expose()}, task.tree)});
    launch.copies.push_back({places_.hermes_home / "skills", home / "skills"});
    launch.copies.push_back({places_.hermes_home / "SOUL.md", home / "SOUL.md"});
    for (const char* name : {"state.db", "state.db-wal", "state.db-shm", "sessions", "logs"})
      launch.kept.push_back(home / name);
    launch.environment.insert({
        {"HERMES_HOME", home.string()},
        // There is nobody to ask, and a cage around it.
        {"HERMES_YOLO_MODE", "1"},
        {"HERMES_SESSION_SOURCE", source(task)},
        {"TERMINAL_CWD", task.tree.string()},
        {"PYTHONDONTWRITEBYTECODE", "1"},
    });
  }

  static std::string source(const AgentTask& task) { return "timmy:" + task.run; }

  void add_chat(const AgentTask& task, AgentLaunch& launch) const {
    for (const auto& argument : {std::string("--yolo"), std::string("--source"), source(task)})
      launch.arguments.push_back(argument);
    add_toolsets(launch);
  }

  void add_toolsets(AgentLaunch& launch) const {
    if (!settings_.toolsets || settings_.toolsets->empty()) return;
    launch.arguments.push_back(fmt::format("--toolsets={}", fmt::join(*settings_.toolsets, ",")));
  }

  void add_stream(const AgentTask& task, AgentLaunch& launch) const {
    launch.files.push_back({prompt_file(task), task.prompt});
    launch.arguments.insert(
        launch.arguments.end(),
        {"chat", "--query-file=" + prompt_file(task).string(), "--format", "stream-json"});
    add_chat(task, launch);
  }

  void add_oneshot(const AgentTask& task, AgentLaunch& launch) const {
    const auto usage = task.scratch / "usage.json";
    launch.arguments.push_back("--usage-file=" + usage.string());
    add_toolsets(launch);
    launch.arguments.push_back("--oneshot=" + prompt_as_argument(task, launch));
    launch.kept.push_back(usage);
  }

  void add_quiet(const AgentTask& task, AgentLaunch& launch) const {
    launch.arguments.insert(launch.arguments.end(), {"chat", "--quiet"});
    add_chat(task, launch);
    launch.arguments.push_back("--query=" + prompt_as_argument(task, launch));
  }

  // A prompt that is too long for an argument is named instead: the agent reads it first.
  static std::string prompt_as_argument(const AgentTask& task, AgentLaunch& launch) {
    if (task.prompt.size() <= kLongestArgument && task.prompt.find('\0') == std::string::npos)
      return task.prompt;
    launch.files.push_back({prompt_file(task), task.prompt});
    return "Your task stands in the file " + prompt_file(task).string() +
           ". Read that file to its end, then do what it says.";
  }

  AgentSettings settings_;
  AgentPlaces places_;
  Hermes hermes_;
};

// Hermes asked something about itself, in a home that holds nothing.
std::string ask(const fs::path& program, const AgentPlaces& places, const AgentProbe& probe,
                std::vector<std::string> arguments) {
  AgentLaunch launch;
  launch.arguments = {program.string()};
  launch.arguments.insert(launch.arguments.end(), arguments.begin(), arguments.end());
  launch.environment = {{"PATH", places.path}, {"LANG", "C.UTF-8"},
                        {"TERM", "dumb"},      {"NO_COLOR", "1"},
                        {"COLUMNS", "200"},    {"PYTHONDONTWRITEBYTECODE", "1"}};
  launch.readable = hermes_files(program, places);
  const auto answer = probe(launch);
  if (!answer.ran || answer.status != 0)
    throw Error(Code::unsupported,
                fmt::format("\"{} {}\" does not answer: {}", program.string(), arguments.back(),
                            workspaces::one_line(answer.output)),
                "Try it by hand, as the host's user.");
  return answer.output;
}

Hermes examine(const fs::path& program, const AgentPlaces& places, const AgentProbe& probe) {
  const auto said = ask(program, places, probe, {"--version"});
  const auto version = hermes_version_in(said);
  if (!version)
    throw Error(Code::unsupported,
                fmt::format("\"{} --version\" names no version of Hermes: {}", program.string(),
                            workspaces::one_line(said)),
                "Name the program as agent.program.");
  if (*version < kOldestHermes)
    throw Error(Code::unsupported,
                fmt::format("Hermes {} is too old; the host drives {} and newer ones",
                            to_string(*version), to_string(kOldestHermes)),
                "Update Hermes.");
  return {program, *version,
          hermes_way(ask(program, places, probe, {"--help"}),
                     ask(program, places, probe, {"chat", "--help"}))};
}

}  // namespace

std::unique_ptr<Agent> make_hermes(const AgentSettings& settings, const AgentPlaces& places,
                                   const AgentProbe& probe) {
  const auto named = program_of(settings, places);
  const auto program = find_hermes(named, places);
  if (!program)
    throw Error(Code::not_found,
                named.empty() ? fmt::format("there is no Hermes in \"{}\" or in the path",
                                            (places.hermes_home / "hermes-agent").string())
                              : fmt::format("there is no program \"{}\" that the host may run",
                                            named.string()),
                "Install Hermes, or name it as agent.program.");
  return std::make_unique<HermesAgent>(settings, places, examine(*program, places, probe));
}

}  // namespace host::dispatch
